//! The rules of kp-offer-encounter that a table cannot say.

use serde_json::Value;

use super::findings::Findings;
use super::{codes, dates};
use crate::fhir::{FhirDate, IssueCode, names, view};

pub(super) fn check(encounter: &Value, findings: &mut Findings<'_>) {
    let types = &encounter["type"];
    let of_our_system = view::items(types)
        .flat_map(|concept| view::items(&concept["coding"]))
        .any(|coding| coding["system"].as_str() == Some(names::CS_PREVENTION_OFFER));
    if types.as_array().is_some_and(|types| !types.is_empty()) && !of_our_system {
        let what = format!(
            "expected a coding of the system {} with one of {}, found none",
            names::CS_PREVENTION_OFFER,
            codes::PREVENTION_OFFER.join(", ")
        );
        findings.error(IssueCode::CodeInvalid, "Encounter.type", "", what);
    }
    // An offer that has begun is a fact; one that is planned may lie ahead.
    let begun = matches!(encounter["status"].as_str(), Some("in-progress" | "finished"));
    if let Some(start) = encounter["period"]["start"].as_str().filter(|_| begun)
        && let Some(date) = FhirDate::parse(start)
    {
        dates::not_future(date, start, "Encounter.period.start", findings);
    }
}
