//! `$everything` of a Patient (<https://hl7.org/fhir/R4/patient-operation-everything.html>): the Patient, what is in its compartment, the
//! Tasks that are for it, and besides those the practitioners, organizations and services that all these name.
//!
//! It is a search in all that belongs to the person, and is paged as one.

use serde_json::Value;

use super::Failure;
use super::address::parameters_in;
use crate::fhir::{FhirDate, Issue, IssueCode, Resource, ResourceType};
use crate::search::compartment::{TASK, types as types_of_compartment};
use crate::search::parse::{ParsedSearch, parse_search};
use crate::search::results::{Include, Results};
use crate::search::{Clause, Prefix, Test};

/// The types that a person's resources may name, and that are given with them.
const NAMED: &[ResourceType] =
    &[ResourceType::Practitioner, ResourceType::PractitionerRole, ResourceType::Organization, ResourceType::HealthcareService];

/// The types of what is a person's.
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
pub(super) fn parse(types: &[ResourceType], parameters: &[(String, String)]) -> Result<ParsedSearch, Failure> {
    let (own, count): (Vec<_>, Vec<_>) = parameters.iter().cloned().partition(|(name, _)| name != "_count");
    let mut parsed = parse_search(types, &count, "").map_err(Failure::BadRequest)?;
    let mut wrong = Vec::new();
    for (at, (name, value)) in own.iter().enumerate() {
        let is_again = own[..at].iter().any(|(earlier, _)| earlier == name);
        // A `+` before the zone arrives as a blank when a client did not encode it.
        let value = value.replace(' ', "+");
        match (name.as_str(), FhirDate::parse(&value)) {
            ("_since", Some(since)) if !is_again => {
                let (from_us, until_us) = since.range_us();
                parsed.query.clauses.push(Clause::LastUpdated(vec![Test::Date { prefix: Prefix::Ge, from_us, until_us }]));
                parsed.applied.push((name.clone(), value));
            }
            ("_since", _) => wrong.push(Issue::error(IssueCode::Value, "", "_since: expected an instant or a date, once")),
            _ => {
                let text = "$everything has the parameters _since, _type and _count here; expected no other";
                parsed.unknown.push(Issue::error(IssueCode::NotSupported, "", text));
            }
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::BadRequest(wrong));
    }
    let named = |target: &ResourceType| Include { is_reverse: false, iterates: true, source: None, code: None, target: Some(*target) };
    parsed.results = Results { includes: NAMED.iter().map(named).collect(), ..Results::default() };
    Ok(parsed)
}

/// The parameters in a Parameters resource, as they would stand in a query.
///
/// # Errors
/// `BadRequest` if it is no Parameters resource, or one with more parameters than are read.
pub fn sent_parameters(sent: &Resource) -> Result<Vec<(String, String)>, Failure> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let value = |item: &Value| {
        let members = item.as_object().into_iter().flatten();
        members.filter(|(name, _)| name.starts_with("value")).map(|(_, value)| text(value)).next().unwrap_or_default()
    };
    parameters_in(sent, value)
}
