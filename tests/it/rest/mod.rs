//! The promises of the REST interface, one file per interaction
//! (<https://hl7.org/fhir/R4/http.html>), kept through the real router and the real store.

#![allow(clippy::unwrap_used)]

mod abandoned;
mod advice;
mod batch;
mod browsers;
mod bytes;
mod capability;
mod catalogue;
mod compartments;
mod compression;
mod conditional;
mod conditional_delete;
mod conditional_read;
mod conditional_update;
mod create;
mod danish_searches;
mod delete;
mod entity_tags;
mod errors;
mod everything;
mod explain;
mod export;
mod extents;
mod fhirpath_patch;
mod forwarded;
mod headers;
mod history;
mod hostile;
mod includes;
mod later;
mod meta;
mod modifiers;
mod openapi;
mod package;
mod page_tokens;
mod paging;
mod passed_over;
mod patch;
mod read;
mod referrers;
mod reindex;
mod search;
mod self_links;
mod sent_requests;
mod subsetted;
mod summary;
mod transaction;
mod update;
mod validate;
mod verbose;
mod xml;
mod xml_pages;

use serde_json::{Value, json};

use crate::support::facade::{Facade, Reply};
use crate::support::people::{booking, copd, encounter, patient, plan, practice, referral, region};

/// The instant at which the tests happen.
const NOW: &str = "2027-03-01T09:00:00+01:00";

/// Makes a server with `Organization/gp`, `Organization/region` and `Patient/p`.
fn clinic() -> Facade {
    let facade = Facade::at(NOW);
    for resource in [practice("gp"), region("region"), patient("p")] {
        facade.put_ok(&resource);
    }
    facade
}

/// Makes a server with two persons, `p` and `q`, and something of every type that clients write;
/// each has the identifier `<Type>-<id>`.
fn population() -> Facade {
    let facade = Facade::at(NOW);
    let about = |kind: &str, id: &str| json!({ "resourceType": kind, "id": id, "subject": { "reference": "Patient/p" } });
    let mut goal = about("Goal", "g");
    goal["lifecycleStatus"] = "active".into();
    goal["description"] = json!({ "text": "Gå en tur" });
    let mut team = about("CareTeam", "t");
    team["status"] = "active".into();
    let mut role = json!({ "resourceType": "PractitionerRole", "id": "r" });
    role["organization"] = json!({ "reference": "Organization/gp" });
    let mut late = referral("s2", "p", "c", "2027-03-01");
    late["status"] = "on-hold".into();
    late["extension"] = json!([{ "url": "http://hl7.org/fhir/StructureDefinition/request-statusReason", "valueCodeableConcept": {
        "coding": [{ "system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-status-reason", "code": "clinical" }] } }]);
    late["performer"] =
        json!([{ "identifier": { "system": "urn:oid:1.2.208.176.1.1", "value": "987" } }]);
    for resource in [
        practice("gp"),
        region("region"),
        person("p", "0405440001"),
        person("q", "0505550002"),
        identified(copd("c", "p", "2027-02-20"), "Condition-c"),
        identified(copd("d", "q", "2027-01-10"), "Condition-d"),
        identified(plan("cp", "q", "d", "2027-02-01"), "CarePlan-cp"),
        identified(referral("s", "p", "c", "2027-02-22"), "ServiceRequest-s"),
        late,
        identified(encounter("e", "p", "s", "2027-02-28"), "Encounter-e"),
        identified(booking("a", "p", "s2", "2027-03-05"), "Appointment-a"),
        identified(goal, "Goal-g"),
        identified(team, "CareTeam-t"),
        identified(
            json!({ "resourceType": "Practitioner", "id": "dr" }),
            "Practitioner-dr",
        ),
        identified(role, "PractitionerRole-r"),
        identified(
            json!({ "resourceType": "HealthcareService", "id": "h" }),
            "HealthcareService-h",
        ),
        json!({ "resourceType": "Subscription", "id": "sub", "status": "requested", "reason": "Prøve",
                "criteria": "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status",
                "channel": { "type": "rest-hook", "endpoint": "https://ehr.test/hook", "payload": "application/fhir+json" } }),
    ] {
        facade.put_ok(&resource);
    }
    facade
}

/// Makes a Patient with that CPR number.
fn person(id: &str, cpr: &str) -> Value {
    let mut person = patient(id);
    person["identifier"][0]["value"] = cpr.into();
    person
}

/// Makes an Organization of no importance, named so.
fn organization(id: &str, name: &str) -> Value {
    let mut organization = region(id);
    organization["name"] = name.into();
    organization
}

/// Returns the resource with an identifier of its sender.
fn identified(mut resource: Value, value: &str) -> Value {
    resource["identifier"] = json!([{ "system": "https://ehr.test/id", "value": value }]);
    resource
}

/// Returns the resource without an id, as a client creates it.
fn without_id(mut resource: Value) -> Value {
    resource.as_object_mut().unwrap().shift_remove("id");
    resource
}

/// Checks the status; an error must say what is wrong in an OperationOutcome.
#[track_caller]
fn expect(reply: &Reply, status: u16) {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
    if status >= 400 {
        let outcome = reply.json();
        assert_eq!(
            outcome["resourceType"], "OperationOutcome",
            "{}",
            reply.text
        );
        let issues = outcome["issue"].as_array().unwrap();
        assert!(
            issues.iter().any(|issue| issue["severity"] == "error"),
            "{}",
            reply.text
        );
        assert!(
            issues
                .iter()
                .all(|issue| !issue["details"]["text"].as_str().unwrap().is_empty()),
            "{}",
            reply.text
        );
        assert!(
            reply
                .header("content-type")
                .starts_with("application/fhir+json"),
            "{:?}",
            reply.headers
        );
    }
}

/// Counts the versions that were written so far.
fn changes(facade: &Facade) -> u64 {
    facade.store().last_commit().unwrap().0.0
}
