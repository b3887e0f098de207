//! From the text of a query to a typed [`SearchQuery`]: everything that cannot be honoured is found here, all at once.

use super::parameters::{Kind, Parameter, one_system, parameters_of};
use super::query::{Clause, DatePrefix, SearchQuery, Sort, SortBy, Test};
use crate::fhir::{FhirDate, Id, Issue, IssueCode, ResourceKey, ResourceType};

/// The greatest page that is served; a greater `_count` is cut to it.
pub const COUNT_MAX: usize = 1_000;
/// The page that is served when the query does not say.
pub const COUNT_DEFAULT: usize = 50;

/// A query as it was understood.
#[derive(Clone, PartialEq, Debug)]
pub struct ParsedSearch {
    /// The query, with its first page.
    pub query: SearchQuery,
    /// The parameters that were applied, as they stood: for the `self` link.
    pub applied: Vec<(String, String)>,
    /// What is not understood; refused, or passed over under `handling=lenient`.
    pub unknown: Vec<Issue>,
}

/// Reads the parameters of a search on one type (<https://hl7.org/fhir/R4/search.html>), names and values already percent-decoded.
///
/// # Errors
/// The findings about parameters that are known but whose value cannot be read.
pub fn parse(resource_type: ResourceType, parameters: &[(String, String)]) -> Result<ParsedSearch, Vec<Issue>> {
    let mut parsed = ParsedSearch {
        query: SearchQuery { types: vec![resource_type], clauses: Vec::new(), sort: Vec::new(), offset: 0, count: COUNT_DEFAULT },
        applied: Vec::new(),
        unknown: Vec::new(),
    };
    let mut wrong = Vec::new();
    for (name, value) in parameters {
        match apply(resource_type, name, value, &mut parsed.query) {
            Ok(()) => parsed.applied.push((name.clone(), value.clone())),
            Err(Problem::Unknown(text)) => parsed.unknown.push(Issue::error(IssueCode::NotSupported, "", text)),
            Err(Problem::Wrong(text)) => wrong.push(Issue::error(IssueCode::Value, "", text)),
        }
    }
    if wrong.is_empty() { Ok(parsed) } else { Err(wrong) }
}

enum Problem {
    Unknown(String),
    Wrong(String),
}

fn apply(resource_type: ResourceType, name: &str, value: &str, query: &mut SearchQuery) -> Result<(), Problem> {
    match name {
        "_count" => {
            let count: usize =
                value.parse().map_err(|_| Problem::Wrong(format!("_count: expected a whole number from 0, found '{value}'")))?;
            query.count = count.min(COUNT_MAX);
        }
        "_sort" => {
            query.sort = value.split(',').map(|field| sort(resource_type, field)).collect::<Result<_, _>>()?;
        }
        "_id" => {
            let ids = alternatives(value).map(|id| Id::parse(&id).ok_or_else(|| Problem::Wrong("_id: expected ids".into())));
            query.clauses.push(Clause::Ids(ids.collect::<Result<_, _>>()?));
        }
        "_lastUpdated" => {
            let any_of = alternatives(value).map(|date| date_test(name, &date)).collect::<Result<_, _>>()?;
            query.clauses.push(Clause::LastUpdated(any_of));
        }
        _ => query.clauses.push(parameter_clause(resource_type, name, value)?),
    }
    Ok(())
}

fn sort(resource_type: ResourceType, field: &str) -> Result<Sort, Problem> {
    let (code, descending) = field.strip_prefix('-').map_or((field, false), |code| (code, true));
    let by = match code {
        "_id" => SortBy::Id,
        "_lastUpdated" => SortBy::LastUpdated,
        _ if parameters_of(resource_type).any(|parameter| parameter.code == code) => SortBy::Parameter(code.to_owned()),
        _ => return Err(Problem::Wrong(format!("_sort: {resource_type} has no search parameter '{code}'"))),
    };
    Ok(Sort { by, descending })
}

fn parameter_clause(resource_type: ResourceType, name: &str, value: &str) -> Result<Clause, Problem> {
    let (code, modifier) = name.split_once(':').map_or((name, None), |(code, modifier)| (code, Some(modifier)));
    let Some(parameter) = parameters_of(resource_type).find(|parameter| parameter.code == code) else {
        let known: Vec<_> = parameters_of(resource_type).map(|parameter| parameter.code).collect();
        return Err(Problem::Unknown(format!(
            "{resource_type} has no search parameter '{code}'; it has _id, _lastUpdated, {}",
            known.join(", ")
        )));
    };
    if value.is_empty() {
        return Err(Problem::Wrong(format!("{name}: expected a value, found none")));
    }
    let mut searched = code.to_owned();
    let mut any_of = Vec::new();
    for alternative in alternatives(value) {
        match (parameter.kind, modifier) {
            (Kind::Token, None) => any_of.push(token_test(&alternative)),
            (Kind::Reference, Some("identifier")) => {
                searched = format!("{code}:identifier");
                any_of.push(token_test(&alternative));
            }
            (Kind::Reference, None) => any_of.extend(reference_tests(parameter, parameter.targets, &alternative)?),
            (Kind::Reference, Some(target)) => {
                let target = target.parse().ok().filter(|target| parameter.targets.contains(target));
                let target = target.ok_or_else(|| Problem::Unknown(format!("the modifier of '{name}' is not supported")))?;
                any_of.extend(reference_tests(parameter, &[target], &alternative)?);
            }
            (Kind::Date, None) => any_of.push(date_test(name, &alternative)?),
            (Kind::Uri, None) => any_of.push(Test::Uri(alternative)),
            (Kind::Token | Kind::Date | Kind::Uri, Some(_)) => {
                return Err(Problem::Unknown(format!("the modifier of '{name}' is not supported")));
            }
        }
    }
    Ok(Clause::Parameter { code: searched, any_of })
}

/// The values between commas; `\,` stands for a comma within one.
fn alternatives(value: &str) -> impl Iterator<Item = String> {
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

fn token_test(value: &str) -> Test {
    let parts = split_unescaped(value, '|');
    let filled = |text: String| (!text.is_empty()).then_some(text);
    match parts.as_slice() {
        [code] => Test::Token { system: None, code: Some(unescape(code)) },
        [system, rest @ ..] => {
            let code = unescape(&rest.join("|"));
            Test::Token { system: Some(one_system(&unescape(system)).to_owned()), code: filled(code) }
        }
        [] => Test::Token { system: None, code: None },
    }
}

fn reference_tests(parameter: &Parameter, targets: &[ResourceType], value: &str) -> Result<Vec<Test>, Problem> {
    let value = unescape(value);
    if let Some(id) = Id::parse(&value) {
        return Ok(targets.iter().map(|target| Test::Reference(ResourceKey::new(*target, id.clone()).to_string())).collect());
    }
    if value.contains("://") || ResourceKey::parse(&value).is_some() {
        return Ok(vec![Test::Reference(value)]);
    }
    Err(Problem::Wrong(format!("{}: expected an id, a type and id as 'Patient/7', or an address", parameter.code)))
}

fn date_test(name: &str, value: &str) -> Result<Test, Problem> {
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
    let date = FhirDate::parse(&date).ok_or_else(|| {
        Problem::Wrong(format!("{name}: expected a date such as 2027-03-01 after eq, ne, gt, lt, ge, le, sa or eb, found '{value}'"))
    })?;
    let (from_us, until_us) = date.range_us();
    Ok(Test::Date { prefix, from_us, until_us })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clauses(resource_type: ResourceType, name: &str, value: &str) -> Vec<Clause> {
        parse(resource_type, &[(name.into(), value.into())]).unwrap().query.clauses
    }

    #[test]
    fn tokens_are_read_in_their_four_forms() {
        let token = |system: Option<&str>, code: Option<&str>| Test::Token { system: system.map(Into::into), code: code.map(Into::into) };
        for (value, expected) in [
            ("a", token(None, Some("a"))),
            ("s|a", token(Some("s"), Some("a"))),
            ("|a", token(Some(""), Some("a"))),
            ("s|", token(Some("s"), None)),
            (r"s\|t|a\,b", token(Some("s|t"), Some("a,b"))),
            ("urn:oid.1.2.208.176.1.4|077410", token(Some("urn:oid:1.2.208.176.1.4"), Some("077410"))),
        ] {
            assert_eq!(
                clauses(ResourceType::Task, "identifier", value),
                [Clause::Parameter { code: "identifier".into(), any_of: vec![expected] }],
                "{value}"
            );
        }
    }

    #[test]
    fn a_bare_id_means_any_type_the_parameter_may_name() {
        let reference = |key: &str| Test::Reference(key.into());
        assert_eq!(
            clauses(ResourceType::Task, "focus", "7,Condition/8"),
            [Clause::Parameter {
                code: "focus".into(),
                any_of: vec![reference("Condition/7"), reference("ServiceRequest/7"), reference("Condition/8")]
            }]
        );
    }

    #[test]
    fn what_cannot_be_honoured_is_found_all_at_once() {
        let query = [("_count", "-1"), ("due", "soon"), ("_sort", "x"), ("patient", "a b")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(parse(ResourceType::Task, &query).unwrap_err().len(), 4);
        let unknown = [("colour", "red"), ("status:not", "x")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(parse(ResourceType::Task, &unknown).unwrap().unknown.len(), 2);
    }
}
