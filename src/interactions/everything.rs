//! `$everything` of a Patient (<https://hl7.org/fhir/R4/patient-operation-everything.html>): the Patient, what is in its compartment, the
//! Tasks that are for it, and besides those the practitioners, organizations and services that all
//! these name.
//!
//! It is a search in all that belongs to the person, and is paged as one. `start` and `end` ask for
//! when the care was: what has no such date is given whatever they say.

use super::Failure;
use crate::fhir::{FhirDate, Issue, IssueCode, ResourceType};
use crate::search::care_dates::CARE;
use crate::search::compartment::{TASK, types as types_of_compartment};
use crate::search::parse::{ParsedSearch, may_be_passed_over, parse_search};
use crate::search::results::{Include, IncludeDirection, is_about_answer};
use crate::search::{Clause, Prefix, Test};

/// The types that a person's resources may name, and that are given with them.
const NAMED: &[ResourceType] = &[
    ResourceType::Practitioner,
    ResourceType::PractitionerRole,
    ResourceType::Organization,
    ResourceType::HealthcareService,
];

/// Returns the types of the resources that belong to a person.
pub(super) fn types() -> Vec<ResourceType> {
    let mut types = types_of_compartment();
    types.push(TASK.0);
    types.sort();
    types
}

/// Reads the parameters of the operation; `_type` has been read.
///
/// # Errors
/// `BadRequest` with what cannot be read.
pub(super) fn parse(
    types: &[ResourceType],
    parameters: &[(String, String)],
) -> Result<ParsedSearch, Failure> {
    let (of_answer, own): (Vec<_>, Vec<_>) = parameters
        .iter()
        .cloned()
        .partition(|(name, _)| name == "_count" || is_about_answer(name));
    let mut parsed = about_answer(types, &of_answer)?;
    let mut wrong = Vec::new();
    let mut care = (i64::MIN, i64::MAX);
    for (at, (name, value)) in own.iter().enumerate() {
        let is_again = own[..at].iter().any(|(earlier, _)| earlier == name);
        // A `+` before the zone arrives as a blank when a client did not encode it.
        let value = value.replace(' ', "+");
        match (name.as_str(), FhirDate::parse(&value).filter(|_| !is_again)) {
            ("_since", Some(since)) => parsed.query.clauses.push(Clause::LastUpdated(vec![date(
                Prefix::Ge,
                since.range_us(),
            )])),
            ("start", Some(start)) if start.is_date() => care.0 = start.range_us().0,
            ("end", Some(end)) if end.is_date() => care.1 = end.range_us().1,
            ("_since", _) => wrong.push(Issue::error(
                IssueCode::Value,
                "",
                "_since: expected an instant or a date, once",
            )),
            ("start" | "end", _) => wrong.push(Issue::error(
                IssueCode::Value,
                "",
                "start, end: expected a date, each once",
            )),
            (modified, _) if of_everything(modified) => wrong.push(Issue::error(
                IssueCode::NotSupported,
                "",
                "start, end, _since, _count: expected without a modifier",
            )),
            _ => {
                let issues = if may_be_passed_over(name) {
                    &mut parsed.unknown
                } else {
                    &mut wrong
                };
                issues.push(unknown());
                continue;
            }
        }
        parsed.applied.push((name.clone(), value));
    }
    if care.0 >= care.1 {
        wrong.push(Issue::error(
            IssueCode::Value,
            "",
            "start, end: expected an end that is not before the start",
        ));
    }
    if care != (i64::MIN, i64::MAX) {
        parsed.query.clauses.push(Clause::Parameter {
            code: CARE.to_owned(),
            any_of: vec![date(Prefix::Ap, care)],
        });
    }
    if !wrong.is_empty() {
        return Err(Failure::BadRequest(wrong));
    }
    Ok(parsed)
}

/// Reads the parameters about the answer. Includes add nothing: a page of everything about a person
/// has nobody else's resources.
fn about_answer(
    types: &[ResourceType],
    parameters: &[(String, String)],
) -> Result<ParsedSearch, Failure> {
    let mut parsed = parse_search(types, parameters, "").map_err(Failure::BadRequest)?;
    if !parsed.results.includes.is_empty() {
        let is_include =
            |name: &str| name.starts_with("_include") || name.starts_with("_revinclude");
        parsed.applied.retain(|(name, _)| !is_include(name));
        let text = "_include, _revinclude: $everything gives what belongs to the person and whom that names; they bring nothing more";
        parsed
            .warnings
            .push(Issue::warning(IssueCode::NotSupported, "", text));
    }
    parsed.results.includes = NAMED.iter().map(naming).collect();
    Ok(parsed)
}

/// Says of a parameter that the operation has no such one.
fn unknown() -> Issue {
    let text = "$everything has the parameters start, end, _since and _type here, and those about the answer, such as _count and _elements; expected no other";
    Issue::error(IssueCode::NotSupported, "", text)
}

/// Tells whether a name with a modifier is one of the operation's parameters without it.
fn of_everything(name: &str) -> bool {
    let code = name.split_once(':').map_or("", |(code, _)| code);
    ["start", "end", "_since", "_count", "_type"].contains(&code)
}

/// Returns the include of the resources of a type that a person's name.
fn naming(target: &ResourceType) -> Include {
    Include {
        direction: IncludeDirection::Forward,
        iterates: true,
        source: None,
        code: None,
        target: Some(*target),
    }
}

fn date(prefix: Prefix, (from_us, until_us): (i64, i64)) -> Test {
    Test::Date {
        prefix,
        from_us,
        until_us,
    }
}
