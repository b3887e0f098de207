//! From the text of one criterion, as `code=a,b` or `owner:Organization=7`, to a typed [`Clause`]
//! (<https://hl7.org/fhir/R4/search.html#modifiers>).

use jiff::civil::DateTime;

use super::parameters::{Kind, Parameter, one_system, parameters_of};
use super::query::{Clause, DatePrefix, Test};
use crate::fhir::dates::copenhagen;
use crate::fhir::{FhirDate, Id, ResourceKey, ResourceType};

/// Why a parameter cannot be honoured.
pub(super) enum Problem {
    /// It is not known, or not with this modifier.
    Unknown(String),
    /// Its value cannot be read.
    Wrong(String),
}

/// Reads a criterion other than `_id` and `_lastUpdated`.
pub(super) fn parameter_clause(resource_type: ResourceType, name: &str, value: &str, base_url: &str) -> Result<Clause, Problem> {
    let (code, modifier) = name.split_once(':').map_or((name, None), |(code, modifier)| (code, Some(modifier)));
    let Some(parameter) = parameters_of(resource_type).find(|parameter| parameter.code == code) else {
        let text =
            if matches!(code, "_id" | "_lastUpdated" | "_count" | "_sort") { unknown_modifier(code) } else { unknown(resource_type, code) };
        return Err(Problem::Unknown(text));
    };
    let mut searched = code.to_owned();
    let mut any_of = Vec::new();
    for alternative in alternatives(value) {
        match (parameter.kind, modifier) {
            _ if alternative.is_empty() => return Err(Problem::Wrong(format!("{code}: expected a value, found none"))),
            (Kind::Token, None) => any_of.push(token_test(code, parameter.system, &alternative)?),
            (Kind::Reference, Some("identifier")) => {
                searched = format!("{code}:identifier");
                any_of.push(token_test(code, "", &alternative)?);
            }
            (Kind::Reference, None) => any_of.extend(reference_tests(parameter, parameter.targets, &alternative, base_url)?),
            (Kind::Reference, Some(target)) => {
                let target = target.parse().ok().filter(|target| parameter.targets.contains(target));
                let target = target.ok_or_else(|| Problem::Unknown(unknown_modifier(code)))?;
                any_of.extend(reference_tests(parameter, &[target], &alternative, base_url)?);
            }
            (Kind::Date, None) => any_of.push(date_test(code, &alternative)?),
            (Kind::Uri, None) => any_of.push(Test::Uri(alternative)),
            (Kind::Token | Kind::Date | Kind::Uri, Some(_)) => {
                return Err(Problem::Unknown(unknown_modifier(code)));
            }
        }
    }
    Ok(Clause::Parameter { code: searched, any_of })
}

/// What to say of a parameter that the type does not have. A name that could be anything is not repeated.
pub(super) fn unknown(resource_type: ResourceType, code: &str) -> String {
    let like_a_name = (1..=40).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_.:".contains(&byte));
    let named = if like_a_name { format!("no search parameter '{code}'") } else { "no such search parameter".into() };
    let known: Vec<_> = parameters_of(resource_type).map(|parameter| parameter.code).collect();
    let general = ["_id", "_lastUpdated", "_count", "_sort"];
    format!("{resource_type} has {named}; it has {}", [&known[..], &general].concat().join(", "))
}

fn unknown_modifier(code: &str) -> String {
    format!("{code}: the modifier is not supported")
}

/// The values between commas; `\,` stands for a comma within one.
pub(super) fn alternatives(value: &str) -> impl Iterator<Item = String> {
    split_unescaped(value, ',').into_iter()
}

/// Cuts at each separator that no backslash precedes; the escapes themselves stay.
fn split_unescaped(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == separator && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

/// The text that is meant by one with escapes (`\,` `\|` `\$` `\\`).
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}

/// `own_system` is the system that the codes of the parameter have without saying so.
fn token_test(name: &str, own_system: &str, value: &str) -> Result<Test, Problem> {
    let parts = split_unescaped(value, '|');
    let filled = |text: String| (!text.is_empty()).then_some(text);
    let (system, code) = match parts.as_slice() {
        [code] => (None, filled(unescape(code))),
        [system, rest @ ..] => (Some(one_system(&unescape(system)).to_owned()), filled(unescape(&rest.join("|")))),
        [] => (None, None),
    };
    if code.is_none() && system.as_deref().is_none_or(str::is_empty) {
        return Err(Problem::Wrong(format!("{name}: expected a code, system|code, |code or system|, found neither system nor code")));
    }
    let system = system.map(|system| if !own_system.is_empty() && system == own_system { String::new() } else { system });
    Ok(Test::Token { system, code })
}

fn reference_tests(parameter: &Parameter, targets: &[ResourceType], value: &str, base_url: &str) -> Result<Vec<Test>, Problem> {
    let value = unescape(value);
    let below = value.strip_prefix(base_url).and_then(|below| below.strip_prefix('/'));
    if let Some(key) = below.and_then(ResourceKey::parse) {
        return Ok(vec![Test::Reference(key.to_string())]);
    }
    if let Some(id) = Id::parse(&value) {
        return Ok(targets.iter().map(|target| Test::Reference(ResourceKey::new(*target, id.clone()).to_string())).collect());
    }
    if value.contains("://") || ResourceKey::parse(&value).is_some() {
        return Ok(vec![Test::Reference(value)]);
    }
    Err(Problem::Wrong(format!("{}: expected an id, a type and id as 'Patient/7', or an address", parameter.code)))
}

/// Reads a date with its prefix.
pub(super) fn date_test(name: &str, value: &str) -> Result<Test, Problem> {
    let (prefix, date) = match value.get(..2) {
        Some("eq") => (DatePrefix::Eq, &value[2..]),
        Some("ne") => (DatePrefix::Ne, &value[2..]),
        Some("gt") => (DatePrefix::Gt, &value[2..]),
        Some("lt") => (DatePrefix::Lt, &value[2..]),
        Some("ge") => (DatePrefix::Ge, &value[2..]),
        Some("le") => (DatePrefix::Le, &value[2..]),
        Some("sa") => (DatePrefix::Sa, &value[2..]),
        Some("eb") => (DatePrefix::Eb, &value[2..]),
        _ => (DatePrefix::Eq, value),
    };
    // A `+` before the zone arrives as a blank when a client did not encode it.
    let date = date.replace(' ', "+");
    let (from_us, until_us) = span_us(&date).ok_or_else(|| {
        Problem::Wrong(format!("{name}: expected a date such as 2027-03-01, alone or after eq, ne, gt, lt, ge, le, sa or eb"))
    })?;
    Ok(Test::Date { prefix, from_us, until_us })
}

/// The span of a date. In a search, other than in a resource, the time may lack its seconds, and its zone: then it is Denmark's.
fn span_us(text: &str) -> Option<(i64, i64)> {
    if let Some(date) = FhirDate::parse(text) {
        return Some(date.range_us());
    }
    let (day, time) = text.split_once('T')?;
    let (clock, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
    let to_the_minute = clock.len() == "09:00".len();
    let clock = if to_the_minute { format!("{clock}:00") } else { clock.to_owned() };
    let zone = if zone.is_empty() {
        let local: DateTime = format!("{day}T{clock}").parse().ok()?;
        local.to_zoned(copenhagen()).ok()?.strftime("%:z").to_string()
    } else {
        zone.to_owned()
    };
    let (from_us, until_us) = FhirDate::parse(&format!("{day}T{clock}{zone}"))?.range_us();
    Some((from_us, if to_the_minute { from_us + 60_000_000 } else { until_us }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_lack_its_seconds_and_its_zone() {
        let minute = 60_000_000;
        let nine = span_us("2027-03-01T08:00:00Z").unwrap().0;
        for (text, expected) in [
            ("2027-03-01T09:00:00+01:00", Some((nine, nine + 1_000_000))),
            ("2027-03-01T09:00:00", Some((nine, nine + 1_000_000))),
            ("2027-03-01T08:00Z", Some((nine, nine + minute))),
            ("2027-03-01T09:00", Some((nine, nine + minute))),
            ("2027-03-01T09", None),
            ("2027-03-01T25:00", None),
            ("2027-03-01Tæø:00", None),
        ] {
            assert_eq!(span_us(text), expected, "{text}");
        }
    }
}
