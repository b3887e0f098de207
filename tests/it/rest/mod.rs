//! The promises of the REST interface, one file per interaction (<https://hl7.org/fhir/R4/http.html>), kept through the real router and
//! the real store.

#![allow(clippy::unwrap_used)]

mod batch;
mod bytes;
mod conditional;
mod create;
mod delete;
mod errors;
mod headers;
mod history;
mod hostile;
mod paging;
mod read;
mod search;
mod transaction;
mod update;

use serde_json::{Value, json};

use crate::support::facade::{Facade, Reply};
use crate::support::people::{patient, practice, region};

/// The instant at which the tests happen.
const NOW: &str = "2027-03-01T09:00:00+01:00";

/// A server with `Organization/gp`, `Organization/region` and `Patient/p`.
fn clinic() -> Facade {
    let facade = Facade::at(NOW);
    for resource in [practice("gp"), region("region"), patient("p")] {
        facade.put_ok(&resource);
    }
    facade
}

/// A Patient with that CPR number.
fn person(id: &str, cpr: &str) -> Value {
    let mut person = patient(id);
    person["identifier"][0]["value"] = cpr.into();
    person
}

/// An Organization of no importance, named so.
fn organization(id: &str, name: &str) -> Value {
    let mut organization = region(id);
    organization["name"] = name.into();
    organization
}

/// The resource with an identifier of its sender.
fn identified(mut resource: Value, value: &str) -> Value {
    resource["identifier"] = json!([{ "system": "https://ehr.test/id", "value": value }]);
    resource
}

/// The resource without an id, as a client creates it.
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
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{}", reply.text);
        let issues = outcome["issue"].as_array().unwrap();
        assert!(issues.iter().any(|issue| issue["severity"] == "error"), "{}", reply.text);
        assert!(issues.iter().all(|issue| !issue["details"]["text"].as_str().unwrap().is_empty()), "{}", reply.text);
        assert!(reply.header("content-type").starts_with("application/fhir+json"), "{:?}", reply.headers);
    }
}

/// How many versions were written so far.
fn changes(facade: &Facade) -> u64 {
    facade.store().last_commit().unwrap().0.0
}
