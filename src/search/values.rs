//! From the text of one value, as `s|c` or `ge2027-03`, to a typed [`Test`] (<https://hl7.org/fhir/R4/search.html#ptypes>).

use jiff::civil::DateTime;

use super::index_values::one_system;
use super::number::ScaledNumber;
use super::parameters::{Parameter, ParameterKind};
use super::problem::Problem;
use super::query::{Prefix, Test};
use crate::fhir::dates::copenhagen;
use crate::fhir::{FhirDate, Id, ResourceKey, ResourceType};

/// Returns the tests for one alternative of a parameter without a modifier; a bare id stands for
/// one of any type that the parameter may name.
///
/// # Errors
/// The value cannot be read.
pub(super) fn tests(
    parameter: &Parameter,
    kind: ParameterKind,
    value: &str,
    base_url: &str,
) -> Result<Vec<Test>, Problem> {
    let code = parameter.code;
    Ok(match kind {
        ParameterKind::Token => vec![token(code, parameter.own_systems(), value)?],
        ParameterKind::Reference => references(code, parameter.targets, value, base_url)?,
        ParameterKind::Date => vec![date(code, value)?],
        ParameterKind::Uri => vec![Test::Uri(unescape(value))],
        ParameterKind::String => vec![Test::StartsWith(super::fold(&unescape(value)))],
        ParameterKind::Number | ParameterKind::Quantity => vec![numeric(code, kind, value)?],
        ParameterKind::Composite => composite(parameter, value, base_url)?,
    })
}

/// Splits at each separator that no backslash precedes; the escapes themselves stay.
pub(super) fn split_unescaped(text: &str, separator: char) -> Vec<String> {
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

/// Resolves the escapes in a text (`\,` `\|` `\$` `\\`).
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' {
            chars.next().unwrap_or('\\')
        } else {
            c
        });
    }
    out
}

/// Reads the system and code of `code`, `system|code`, `|code` or `system|`; none is any.
pub(super) fn system_and_code(
    name: &str,
    value: &str,
) -> Result<(Option<String>, Option<String>), Problem> {
    let parts = split_unescaped(value, '|');
    let filled = |text: String| (!text.is_empty()).then_some(text);
    let (system, code) = match parts.as_slice() {
        [code] => (None, filled(unescape(code))),
        [system, rest @ ..] => (
            Some(one_system(&unescape(system)).to_owned()),
            filled(unescape(&rest.join("|"))),
        ),
        [] => (None, None),
    };
    if code.is_none() && system.as_deref().is_none_or(str::is_empty) {
        return Err(Problem::Wrong(format!(
            "{name}: expected a code, system|code, |code or system|, found neither system nor code"
        )));
    }
    Ok((system, code))
}

/// Reads a token. `own_systems` are the implicit systems of the codes of the parameter.
pub(super) fn token(name: &str, own_systems: &[String], value: &str) -> Result<Test, Problem> {
    let (system, code) = system_and_code(name, value)?;
    let system = system.map(|system| {
        if own_systems.contains(&system) {
            String::new()
        } else {
            system
        }
    });
    Ok(Test::Token { system, code })
}

/// Reads an identifier by its type: `system|code|value`, the first two those of the type.
pub(super) fn of_type(name: &str, value: &str) -> Result<Test, Problem> {
    let parts: Vec<String> = split_unescaped(value, '|')
        .iter()
        .map(|part| unescape(part))
        .collect();
    match parts.as_slice() {
        [system, code, value] if [system, code, value].iter().all(|part| !part.is_empty()) => {
            Ok(Test::Token {
                system: Some(system.clone()),
                code: Some(format!("{code}|{value}")),
            })
        }
        _ => Err(Problem::Wrong(format!(
            "{name}:of-type: expected system|code|value, the system and code of the identifier's type"
        ))),
    }
}

/// Reads a reference by id, `Type/id`, or address. An address below `base_url` refers to a resource
/// of this server.
pub(super) fn references(
    name: &str,
    targets: &[ResourceType],
    value: &str,
    base_url: &str,
) -> Result<Vec<Test>, Problem> {
    let value = unescape(value);
    let below = value
        .strip_prefix(base_url)
        .and_then(|below| below.strip_prefix('/'));
    // A reference to a version is stored as one to the resource.
    let current =
        |key: &str| ResourceKey::parse(key.split_once("/_history/").map_or(key, |(key, _)| key));
    if let Some(key) = current(below.unwrap_or(&value)) {
        return Ok(vec![Test::Reference(key.to_string())]);
    }
    if let Some(id) = Id::parse(&value) {
        return Ok(targets
            .iter()
            .map(|target| Test::Reference(ResourceKey::new(*target, id.clone()).to_string()))
            .collect());
    }
    let is_of_another_type = || {
        let (kind, id) = value.split_once('/')?;
        (kind.starts_with(|c: char| c.is_ascii_uppercase())
            && kind.bytes().all(|b| b.is_ascii_alphabetic()))
        .then_some(())?;
        Id::parse(id)
    };
    if value.contains("://") || value.starts_with("urn:") || is_of_another_type().is_some() {
        return Ok(vec![Test::Reference(value)]);
    }
    Err(Problem::Wrong(format!(
        "{name}: expected an id, a type and id as 'Patient/7', or an address"
    )))
}

/// Splits a value into its prefix, `eq` if none is written, and the rest.
fn prefixed(value: &str) -> (Prefix, &str) {
    let prefix = match value.get(..2) {
        Some("eq") => Prefix::Eq,
        Some("ne") => Prefix::Ne,
        Some("gt") => Prefix::Gt,
        Some("lt") => Prefix::Lt,
        Some("ge") => Prefix::Ge,
        Some("le") => Prefix::Le,
        Some("sa") => Prefix::Sa,
        Some("eb") => Prefix::Eb,
        Some("ap") => Prefix::Ap,
        _ => return (Prefix::Eq, value),
    };
    (prefix, &value[2..])
}

/// Reads a date with its prefix. About a date (`ap`) is within its own length of it: a day for a
/// day, a year for a year. The span does not depend on today, so that a page is found again
/// tomorrow.
pub(super) fn date(name: &str, value: &str) -> Result<Test, Problem> {
    let (prefix, date) = prefixed(value);
    // A `+` before the zone arrives as a blank when a client did not encode it.
    let date = date.replace(' ', "+");
    let (mut from_us, mut until_us) = span_us(&date).ok_or_else(|| {
        Problem::Wrong(format!("{name}: expected a date such as 2027-03-01, alone or after eq, ne, gt, lt, ge, le, sa, eb or ap"))
    })?;
    if prefix == Prefix::Ap {
        let length = until_us.saturating_sub(from_us);
        (from_us, until_us) = (
            from_us.saturating_sub(length),
            until_us.saturating_add(length),
        );
    }
    Ok(Test::Date {
        prefix,
        from_us,
        until_us,
    })
}

/// Returns the span of a date. In a search, unlike in a resource, the time may lack its seconds,
/// and its zone: then it is Denmark's.
fn span_us(text: &str) -> Option<(i64, i64)> {
    if let Some(date) = FhirDate::parse(text) {
        return Some(date.range_us());
    }
    let (day, time) = text.split_once('T')?;
    let (clock, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
    let to_the_minute = clock.len() == "09:00".len();
    let clock = if to_the_minute {
        format!("{clock}:00")
    } else {
        clock.to_owned()
    };
    let zone = if zone.is_empty() {
        let local: DateTime = format!("{day}T{clock}").parse().ok()?;
        local
            .to_zoned(copenhagen())
            .ok()?
            .strftime("%:z")
            .to_string()
    } else {
        zone.to_owned()
    };
    let (from_us, until_us) = FhirDate::parse(&format!("{day}T{clock}{zone}"))?.range_us();
    Some((
        from_us,
        if to_the_minute {
            from_us + 60_000_000
        } else {
            until_us
        },
    ))
}

/// Reads a number, or for a quantity `number|system|code`, with its prefix. Without a prefix the
/// number stands for everything that is rounded to it; after one for itself alone.
fn numeric(name: &str, kind: ParameterKind, value: &str) -> Result<Test, Problem> {
    let is_quantity = kind == ParameterKind::Quantity;
    let expected = if is_quantity {
        "a number as 5.4, 5.4|system|code or 5.4||code, alone or after a prefix"
    } else {
        "a number, alone or after a prefix"
    };
    let wrong = || Problem::Wrong(format!("{name}: expected {expected}"));
    let (prefix, rest) = prefixed(value);
    let parts: Vec<String> = split_unescaped(rest, '|')
        .iter()
        .map(|part| unescape(part))
        .collect();
    let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
    let (number, system, code) = match parts.as_slice() {
        [number] => (number, None, None),
        [number, system, code] if is_quantity => (number, filled(system), filled(code)),
        _ => return Err(wrong()),
    };
    let number = ScaledNumber::parse(number).ok_or_else(wrong)?;
    let (from, until) = match prefix {
        Prefix::Eq | Prefix::Ne => number.rounded_span(),
        Prefix::Ap => number.approximate_span(),
        Prefix::Gt | Prefix::Lt | Prefix::Ge | Prefix::Le | Prefix::Sa | Prefix::Eb => {
            number.exact_span()
        }
    };
    Ok(Test::Quantity {
        prefix,
        from,
        until,
        system,
        code,
    })
}

/// Reads `first$second`: the values of the components, in all ways in which both can be meant.
fn composite(parameter: &Parameter, value: &str, base_url: &str) -> Result<Vec<Test>, Problem> {
    let parts = split_unescaped(value, '$');
    if parts.len() != parameter.components.len() || parts.iter().any(String::is_empty) {
        let text = format!(
            "{}: expected {} values with $ between them",
            parameter.code,
            parameter.components.len()
        );
        return Err(Problem::Wrong(text));
    }
    let mut ways: Vec<Vec<Test>> = vec![Vec::new()];
    for (component, part) in parameter.components.iter().zip(&parts) {
        let tests = tests(parameter, component.kind, part, base_url)?;
        let longer = |way: &Vec<Test>| {
            tests
                .iter()
                .map(|test| [&way[..], std::slice::from_ref(test)].concat())
                .collect::<Vec<_>>()
        };
        ways = ways.iter().flat_map(longer).collect();
    }
    Ok(ways.into_iter().map(Test::Composite).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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
