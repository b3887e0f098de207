//! From the text of a query to a typed [`SearchQuery`]. All parameters that cannot be honoured are
//! found here, at once.

use super::criteria::{GENERAL, criterion, unknown};
use super::parameters::{ParameterKind, parameter_of};
use super::problem::Problem;
use super::query::{SearchQuery, Sort, SortBy, SortOrder};
use super::results::{self, EXPLAIN, ResourcePart, Results};
use crate::fhir::{Issue, IssueCode, OwnBases, ResourceType, Severity};

/// The greatest page that is served; a greater `_count` is cut to it.
pub const COUNT_MAX: usize = 1_000;
/// The most values of all parameters of one search: each is compared with the entries of each
/// candidate.
const VALUES_MAX: usize = 10_000;
/// The most resources that one search may look at one by one, because no index says whether they
/// match or where they stand in the order: about half a second of work.
pub const LOOKS_MAX: usize = 100_000;
/// The most keys of one order: each is found and compared for each match.
const SORT_KEYS_MAX: usize = 16;
/// The page that is served if the query does not say.
pub const COUNT_DEFAULT: usize = 50;

/// A query as it was understood.
#[derive(Clone, PartialEq, Debug)]
pub struct ParsedSearch {
    /// The query, with its first page.
    pub query: SearchQuery,
    /// The form of the answer.
    pub results: Results,
    /// The parameters that were applied, as they stood: for the `self` link.
    pub applied: Vec<(String, String)>,
    /// The parameters that are not understood; they are refused, or ignored under
    /// `handling=lenient`.
    pub unknown: Vec<Issue>,
    /// Warnings about parameters that are understood and bring nothing here.
    pub warnings: Vec<Issue>,
}

/// Tells whether a search of any type has a parameter of that name, which has no modifier.
pub fn is_known(code: &str) -> bool {
    let is_of = |resource_type: &ResourceType| parameter_of(*resource_type, code).is_some();
    GENERAL.contains(&code) || results::NAMES.contains(&code) || ResourceType::ALL.iter().any(is_of)
}

/// Tells whether a parameter of that name, not known, may be passed over under `handling=lenient`: it
/// is a plain name. A modifier, a chain, or no name at all is a criterion that was meant, and without it the
/// search would find everything.
pub fn may_be_passed_over(name: &str) -> bool {
    !name.trim().is_empty() && !name.contains([':', '.'])
}

/// Reads the criteria that resources of one type are to meet, as those of a conditional create.
/// Parameters about an answer have no meaning among them.
///
/// # Errors
/// As [`parse_search`].
pub fn parse<'a>(
    resource_type: ResourceType,
    parameters: &[(String, String)],
    bases: impl Into<OwnBases<'a>>,
) -> Result<ParsedSearch, Vec<Issue>> {
    let mut parsed = parse_search(&[resource_type], parameters, bases)?;
    if parsed.results != Results::default() || !parsed.warnings.is_empty() {
        let text = format!(
            "expected criteria alone, without {}",
            results::NAMES.join(", ")
        );
        parsed
            .unknown
            .push(Issue::error(IssueCode::NotSupported, "", text));
    }
    Ok(parsed)
}

/// Reads the parameters of a search on some types (<https://hl7.org/fhir/R4/search.html>), names
/// and values already percent-decoded. Several types together have only the common parameters,
/// whose names begin with `_`. An address below one of `bases` refers to a resource of
/// this server.
///
/// # Errors
/// The findings about parameters that are known but whose value cannot be read; or that there are
/// too many values.
pub fn parse_search<'a>(
    types: &[ResourceType],
    parameters: &[(String, String)],
    bases: impl Into<OwnBases<'a>>,
) -> Result<ParsedSearch, Vec<Issue>> {
    let bases = bases.into();
    let mut parsed = without_parameters(types);
    refuse_too_many_values(parameters)?;
    let mut wrong = Vec::new();
    for (at, (name, value)) in parameters.iter().enumerate() {
        if matches!(name.as_str(), "_count" | "_sort" | "_total" | EXPLAIN)
            && parameters[..at].iter().any(|(earlier, _)| earlier == name)
        {
            wrong.push(Issue::error(
                IssueCode::Value,
                "",
                format!("{name}: expected once, found twice"),
            ));
        }
        let read = results::apply(name, value, &mut parsed.results)
            .unwrap_or_else(|| apply(types, name, value, bases, &mut parsed.query));
        let not_supported = |text| Issue::error(IssueCode::NotSupported, "", text);
        match read {
            Ok(()) if name == "_count" => parsed
                .applied
                .push((name.clone(), parsed.query.count.to_string())),
            Ok(()) => parsed.applied.push((name.clone(), value.clone())),
            Err(Problem::Unknown(text)) if !may_be_passed_over(name) => {
                wrong.push(not_supported(text));
            }
            Err(Problem::Unknown(text)) => parsed.unknown.push(not_supported(text)),
            Err(Problem::Unsupported(text)) => wrong.push(not_supported(text)),
            Err(Problem::BringsNothing(text)) => parsed.warnings.push(Issue {
                severity: Severity::Warning,
                ..not_supported(text)
            }),
            Err(Problem::Wrong(text)) => wrong.push(Issue::error(IssueCode::Value, "", text)),
        }
    }
    if parsed.results.part == ResourcePart::Text && !parsed.results.includes.is_empty() {
        let text = "_summary=text: expected without _include and _revinclude, as R4 requires";
        wrong.push(Issue::error(IssueCode::Value, "", text));
    }
    if wrong.is_empty() {
        Ok(parsed)
    } else {
        Err(wrong)
    }
}

/// Returns the search that has no parameters.
fn without_parameters(types: &[ResourceType]) -> ParsedSearch {
    ParsedSearch {
        query: SearchQuery {
            types: types.to_vec(),
            clauses: Vec::new(),
            sort: Vec::new(),
            offset: 0,
            count: COUNT_DEFAULT,
            bytes_max: usize::MAX,
            looks_max: LOOKS_MAX,
            reads_max: usize::MAX,
            is_explained: false,
        },
        results: Results::default(),
        applied: Vec::new(),
        unknown: Vec::new(),
        warnings: Vec::new(),
    }
}

fn refuse_too_many_values(parameters: &[(String, String)]) -> Result<(), Vec<Issue>> {
    let mut values = parameters.iter().flat_map(|(_, value)| value.split(','));
    if values.nth(VALUES_MAX).is_none() {
        return Ok(());
    }
    let text =
        format!("expected at most {VALUES_MAX} values between commas, in all parameters together");
    Err(vec![Issue::error(IssueCode::TooCostly, "", text)])
}

fn apply(
    types: &[ResourceType],
    name: &str,
    value: &str,
    bases: OwnBases<'_>,
    query: &mut SearchQuery,
) -> Result<(), Problem> {
    // A parameter of all types is one of each.
    let Some(first) = types.first().copied() else {
        return Err(Problem::Unknown("expected a type to search in".into()));
    };
    let is_common =
        |code: &str| code.starts_with('_') && code != "_has" && !code.starts_with("_has:");
    match name {
        _ if types.len() > 1 && !is_common(name) => return Err(not_common(types, name)),
        "_sort"
            if types.len() > 1
                && !value
                    .split(',')
                    .all(|field| is_common(field.trim_start_matches('-'))) =>
        {
            return Err(Problem::Wrong(
                "_sort: expected common parameters alone where several types are searched".into(),
            ));
        }
        "_count" => {
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            if !digits {
                return Err(Problem::Wrong(
                    "_count: expected a whole number from 0".into(),
                ));
            }
            // More digits than a number has are cut like any other large number.
            query.count = value.parse().unwrap_or(COUNT_MAX).min(COUNT_MAX);
        }
        "_sort" => query.sort = order(first, value)?,
        _ => query.clauses.push(criterion(first, name, value, bases)?),
    }
    Ok(())
}

/// Says of a parameter that only some types have, where several are searched.
fn not_common(types: &[ResourceType], name: &str) -> Problem {
    let text = "expected common parameters alone, as _lastUpdated, where several types are searched; for others, search in one type".to_owned();
    let code = name.split([':', '.']).next().unwrap_or(name);
    let is_known = code == "_has"
        || types
            .iter()
            .any(|searched| parameter_of(*searched, code).is_some());
    if code != name && is_known {
        Problem::Unsupported(text)
    } else {
        Problem::Unknown(text)
    }
}

/// Reads the keys of an order; one that was there already decides nothing more.
fn order(resource_type: ResourceType, value: &str) -> Result<Vec<Sort>, Problem> {
    let mut keys = Vec::new();
    for field in value.split(',') {
        let key = sort(resource_type, field)?;
        if keys.contains(&key) {
            continue;
        }
        if keys.len() == SORT_KEYS_MAX {
            return Err(Problem::Wrong(format!(
                "_sort: expected at most {SORT_KEYS_MAX} different keys between commas, found more"
            )));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn sort(resource_type: ResourceType, field: &str) -> Result<Sort, Problem> {
    let (code, order) = match field.strip_prefix('-') {
        Some(code) => (code, SortOrder::Descending),
        None => (field, SortOrder::Ascending),
    };
    let by = match code {
        "_id" => SortBy::Id,
        "_lastUpdated" => SortBy::LastUpdated,
        _ if parameter_of(resource_type, code)
            .is_some_and(|parameter| parameter.kind != ParameterKind::Composite) =>
        {
            SortBy::Parameter(code.to_owned())
        }
        _ => {
            return Err(Problem::Wrong(format!(
                "_sort: {}",
                unknown(resource_type, code)
            )));
        }
    };
    Ok(Sort { by, order })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Clause, Test};

    const BASE: &str = "http://x/fhir";

    fn clauses(resource_type: ResourceType, name: &str, value: &str) -> Vec<Clause> {
        parse(resource_type, &[(name.into(), value.into())], BASE)
            .unwrap()
            .query
            .clauses
    }

    #[test]
    fn tokens_are_read_in_their_four_forms() {
        let token = |system: Option<&str>, code: Option<&str>| Test::Token {
            system: system.map(Into::into),
            code: code.map(Into::into),
        };
        for (value, expected) in [
            ("a", token(None, Some("a"))),
            ("s|a", token(Some("s"), Some("a"))),
            ("|a", token(Some(""), Some("a"))),
            ("s|", token(Some("s"), None)),
            (r"s\|t|a\,b", token(Some("s|t"), Some("a,b"))),
            (
                "urn:oid.1.2.208.176.1.4|077410",
                token(Some("urn:oid:1.2.208.176.1.4"), Some("077410")),
            ),
        ] {
            assert_eq!(
                clauses(ResourceType::Task, "identifier", value),
                [Clause::Parameter {
                    code: "identifier".into(),
                    any_of: vec![expected]
                }],
                "{value}"
            );
        }
    }

    #[test]
    fn a_bare_id_means_any_type_the_parameter_may_name() {
        let reference = |key: &str| Test::Reference(key.into());
        assert_eq!(
            clauses(
                ResourceType::CarePlan,
                "subject",
                "7,http://x/fhir/Condition/8"
            ),
            [Clause::Parameter {
                code: "subject".into(),
                any_of: vec![reference("Patient/7"), reference("Condition/8")]
            }]
        );
        assert!(
            matches!(&clauses(ResourceType::Task, "focus", "7")[..], [Clause::Parameter { any_of, .. }] if any_of.len() == ResourceType::ALL.len())
        );
    }

    #[test]
    fn the_system_that_a_status_has_without_saying_so_may_be_named() {
        let status = |value: &str| match clauses(ResourceType::Task, "status", value).remove(0) {
            Clause::Parameter { mut any_of, .. } => any_of.remove(0),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            status("http://hl7.org/fhir/task-status|requested"),
            status("|requested")
        );
        assert_ne!(
            status("http://hl7.org/fhir/request-status|requested"),
            status("|requested")
        );
    }

    #[test]
    fn what_cannot_be_honoured_is_found_all_at_once() {
        let query = [
            ("_count", "-1"),
            ("due", "soon"),
            ("_sort", "x"),
            ("patient", "a b"),
        ]
        .map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(
            parse(ResourceType::Task, &query, BASE).unwrap_err().len(),
            4
        );
        let unknown = [("colour", "red"), ("size", "x")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(
            parse(ResourceType::Task, &unknown, BASE)
                .unwrap()
                .unknown
                .len(),
            2
        );
    }
}
