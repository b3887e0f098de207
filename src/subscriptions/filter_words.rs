//! Filters that can never match: a code that no right has, a person or an owner that no right names.
//! The subscriber would wait for ever.

use std::sync::LazyLock;

use serde_json::Value;

use super::extensions;
use super::filter::EventFilter;
use super::names::EXT_FILTER_CRITERIA;
use crate::fhir::names::{CS_RIGHT, CS_RIGHT_STATUS, CS_TARGET_GROUP};
use crate::fhir::{Issue, IssueCode, guide};
use crate::search::{Clause, Test};

/// The code systems whose codes stand in the Tasks of rights, with the parameter that looks for
/// them, and the codes.
static WORDS: LazyLock<Vec<Words>> = LazyLock::new(|| {
    let systems = [
        ("business-status", CS_RIGHT_STATUS),
        ("target-group", CS_TARGET_GROUP),
        ("code", CS_RIGHT),
    ];
    let words = systems.map(|(parameter, system)| Words {
        parameter,
        system,
        codes: codes_of(system),
    });
    words.into()
});

/// The types of resources that a right can name as its owner.
const OWNERS: &[&str] = &[
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "CareTeam",
    "HealthcareService",
];

/// The codes that a parameter can find.
struct Words {
    parameter: &'static str,
    system: &'static str,
    codes: Vec<String>,
}

/// Returns a finding for each condition in the filters of a Subscription that no event meets.
pub(super) fn findings(subscription: &Value, filter: &EventFilter) -> Vec<Issue> {
    let filters = extensions::all(&subscription["_criteria"])
        .filter(|(_, extension)| extension["url"] == EXT_FILTER_CRITERIA);
    let mut found = Vec::new();
    for ((at, _), clauses) in filters.zip(filter.clauses_of_each()) {
        for (code, text) in clauses.iter().filter_map(never_met) {
            let expression = format!("Subscription.criteria.extension[{at}].value");
            found.push(Issue::error(code, expression, text));
        }
    }
    found
}

/// Says what is expected instead of a condition that no event meets.
fn never_met(clause: &Clause) -> Option<(IssueCode, String)> {
    let Clause::Parameter { code, any_of } = clause else {
        return None;
    };
    if let Some(words) = WORDS.iter().find(|words| words.parameter == code) {
        let (_, codes) = any_of.iter().find_map(|test| words.unknown(test))?;
        let text = format!("{code}: expected one of {}", codes.join(", "));
        return Some((IssueCode::CodeInvalid, text));
    }
    if any_of.iter().any(|test| may_be_named(code, test)) {
        return None;
    }
    let text = match code.as_str() {
        "patient" => "patient: expected a Patient of this server, such as Patient/7",
        _ => "owner: expected the Organization that a right is owned by, such as Organization/7",
    };
    Some((IssueCode::Value, text.to_owned()))
}

impl Words {
    /// Returns the code that a test asks for, and those that there are, if it is none of them.
    fn unknown(&self, test: &Test) -> Option<(String, &[String])> {
        let Test::Token { system, code } = test else {
            return None;
        };
        let is_known = match system.as_deref() {
            // The code of a Task may be of the systems of diagnoses as well.
            None | Some("") if self.parameter == "code" => true,
            Some(system) if system != self.system => self.parameter == "code",
            _ => code.as_ref().is_none_or(|code| self.codes.contains(code)),
        };
        (!is_known).then(|| (code.clone().unwrap_or_default(), self.codes.as_slice()))
    }
}

/// Tells whether a right can name that as its person or its owner.
fn may_be_named(parameter: &str, test: &Test) -> bool {
    let Test::Reference(target) = test else {
        return true;
    };
    let is_elsewhere = target.contains("://");
    let of_type = target.split_once('/').map_or("", |(kind, _)| kind);
    match parameter {
        "patient" => !is_elsewhere && of_type == "Patient",
        // The owner may have been named by the address of another server.
        "owner" => is_elsewhere || OWNERS.contains(&of_type),
        _ => true,
    }
}

/// Returns the codes of one of the guide's code systems.
fn codes_of(system: &str) -> Vec<String> {
    let systems = guide::definitions_of("CodeSystem").filter_map(|text| {
        let definition: Value = serde_json::from_str(text).ok()?;
        (definition["url"] == system).then_some(definition)
    });
    let concepts = systems.flat_map(|definition| match &definition["concept"] {
        Value::Array(concepts) => concepts.clone(),
        _ => Vec::new(),
    });
    concepts
        .filter_map(|concept| concept["code"].as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(filter: &str) -> Vec<Issue> {
        let subscription = json!({ "_criteria": { "extension": [{ "url": EXT_FILTER_CRITERIA, "valueString": filter }] } });
        let read = EventFilter::read(&subscription, "http://frist.test/fhir");
        findings(&subscription, &read.expect(filter))
    }

    #[test]
    fn a_filter_that_no_event_meets_is_told_with_what_there_is() {
        for filter in [
            "Task?business-status=overdue,due-soon",
            "Task?business-status=https://kronikerpakker.dk/fhir/CodeSystem/kp-right-status|met-late",
            "Task?business-status=https://kronikerpakker.dk/fhir/CodeSystem/kp-right-status|",
            "Task?target-group=copd,heart-disease",
            "Task?code=treatment-plan",
            "Task?code=J44.9",
            "Task?code=http://hl7.org/fhir/CodeSystem/task-code|fulfill",
            "Task?patient=Patient/1,2",
            "Task?patient=http://frist.test/fhir/Patient/1",
            "Task?owner=1",
            "Task?owner=Organization/1,Patient/2",
            "Task?owner=PractitionerRole/1",
            "Task?owner=https://sor.example.dk/fhir/Organization/1",
        ] {
            assert_eq!(found(filter), [], "{filter}");
        }
        for (filter, expected) in [
            (
                "Task?business-status=over-due",
                "running, due-soon, overdue",
            ),
            ("Task?business-status=overdue,duesoon", "running, due-soon"),
            ("Task?business-status=x|overdue", "overdue"),
            ("Task?business-status=OVERDUE", "overdue"),
            ("Task?target-group=kol", "copd, low-back-pain"),
            (
                "Task?code=https://kronikerpakker.dk/fhir/CodeSystem/kp-right|plan",
                "treatment-plan, prevention-start",
            ),
            (
                "Task?patient=https://other.example/fhir/Patient/1",
                "of this server",
            ),
            ("Task?patient=Organization/1", "Patient/7"),
            (
                "Task?patient=urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
                "Patient/7",
            ),
            ("Task?owner=Patient/1", "Organization/7"),
            ("Task?owner=Condition/1,Patient/1", "Organization/7"),
        ] {
            let found = found(filter);
            assert_eq!(found.len(), 1, "{filter}: {found:?}");
            assert!(
                found[0].text.contains(expected),
                "{filter}: {}",
                found[0].text
            );
            assert_eq!(
                found[0].expression,
                "Subscription.criteria.extension[0].value"
            );
        }
    }
}
