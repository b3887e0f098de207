//! Intake in XML: the same Bundle, the same report, the same content.

use frist::schema::Definitions;
use frist::xml::{Layout, read, write};
use serde_json::{Value, json};

use super::{NOW, diagnosis, document, lines, take, take_as};
use crate::support::facade::{Facade, Reply};

fn to_xml(resource: &Value) -> Vec<u8> {
    let json = resource.to_string();
    write(&Definitions::core(), json.as_bytes(), Layout::Lines).unwrap()
}

/// Sends a resource to the operation in XML.
fn take_xml(facade: &Facade, resource: &Value) -> Reply {
    let headers = [("content-type", "application/fhir+xml")];
    facade.send("POST", "$intake", &headers, to_xml(resource))
}

#[track_caller]
fn said(reply: &Reply) -> Value {
    assert_eq!(
        reply.header("content-type"),
        "application/fhir+xml; charset=utf-8"
    );
    let json = read(&Definitions::core(), reply.text.as_bytes());
    json.unwrap().parse().unwrap()
}

#[test]
fn a_bundle_in_xml_is_taken_as_the_same_in_json() {
    let (facade, other) = (Facade::at(NOW), Facade::at(NOW));
    let diagnoses = [
        diagnosis("c", "DJ449", "2027-02-21"),
        diagnosis("d", "DC43", "2027-02-20"),
    ];
    let bundle = document(1, "2027-02-22T10:00:00+01:00", &diagnoses);
    let asked = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "bundle", "resource": bundle }, { "name": "mode", "valueCode": "report" } ] });
    let reported = take_as(&other, &bundle, "report");
    assert_eq!(said(&take_xml(&facade, &asked)), reported.json());
    let taken = take(&other, &bundle);
    assert!(
        lines(&taken).contains(&"Condition created verification-assumed".to_owned()),
        "{}",
        taken.text
    );
    assert_eq!(said(&take_xml(&facade, &bundle)), taken.json());
    for kind in ["Patient", "Condition", "Organization", "Task"] {
        assert_eq!(
            facade.get(kind).json()["entry"],
            other.get(kind).json()["entry"],
            "{kind}"
        );
    }
    // The second sending writes nothing, in whichever form.
    assert_eq!(
        said(&take_xml(&facade, &bundle)),
        take(&other, &bundle).json()
    );
    let refused = take_xml(&facade, &json!({ "resourceType": "Patient" }));
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(said(&refused)["resourceType"], "OperationOutcome");
}
