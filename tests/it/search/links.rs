//! Chains and `_has`: conditions on other resources, over several steps.

use serde_json::json;

use super::{Shelf, read};

fn shelf() -> Shelf {
    Shelf::new(&[
        json!({"resourceType": "Organization", "id": "region", "name": "Region Nord"}),
        json!({"resourceType": "Organization", "id": "gp", "name": "Lægehuset", "partOf": {"reference": "Organization/region"}}),
        json!({"resourceType": "Practitioner", "id": "dr", "name": [{"family": "Nord"}]}),
        json!({"resourceType": "Patient", "id": "p", "gender": "female", "generalPractitioner": [{"reference": "Organization/gp"}]}),
        json!({"resourceType": "Patient", "id": "q", "gender": "male", "generalPractitioner": [{"reference": "Practitioner/dr"}]}),
        json!({"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, "code": {"coding": [{"code": "J44"}]}}),
        json!({"resourceType": "Condition", "id": "d", "subject": {"reference": "Patient/q"}}),
        json!({"resourceType": "Task", "id": "t", "status": "requested", "focus": {"reference": "Condition/c"}}),
        json!({"resourceType": "Task", "id": "u", "status": "completed", "focus": {"reference": "Condition/d"}}),
    ])
}

#[test]
fn chains_lead_over_references() {
    shelf().check(&[
        ("Condition?subject.gender=female", Some(&["c"])),
        ("Condition?subject:Patient.gender=male", Some(&["d"])),
        (
            "Condition?patient.general-practitioner.name=læge",
            Some(&["c"]),
        ),
        // Either an organization or a person is called so.
        ("Patient?general-practitioner.name=nord", Some(&["q"])),
        (
            "Patient?general-practitioner:Organization.partof.name=region",
            Some(&["p"]),
        ),
        (
            "Task?focus:Condition.subject:Patient.general-practitioner:Practitioner.family=nord",
            Some(&["u"]),
        ),
        ("Task?focus:Condition.patient.gender:not=male", Some(&["t"])),
        ("Task?focus.code=J44", Some(&["t"])),
        (
            "Task?focus:Condition._id=c,d&status=completed",
            Some(&["u"]),
        ),
        ("Condition?subject.colour=red", None),
        ("Condition?code.gender=female", None),
        ("Condition?subject:Organization.name=x", None),
        ("Condition?subject.gender=", None),
    ]);
}

#[test]
fn has_leads_against_references() {
    shelf().check(&[
        ("Patient?_has:Condition:patient:code=J44", Some(&["p"])),
        (
            "Patient?_has:Condition:subject:_has:Task:focus:status=completed",
            Some(&["q"]),
        ),
        (
            "Organization?_has:Patient:general-practitioner:gender=female",
            Some(&["gp"]),
        ),
        (
            "Organization?_has:Organization:partof:_has:Patient:general-practitioner:gender=female",
            Some(&["region"]),
        ),
        (
            "Condition?patient._has:Condition:patient:code=J44",
            Some(&["c"]),
        ),
        ("Patient?_has:Condition:patient:code=none", Some(&[])),
        (
            "Patient?_has:Condition:patient:code:missing=true&gender=male",
            Some(&["q"]),
        ),
        ("Patient?_has:Condition:code:code=J44", None),
        ("Patient?_has:Nothing:patient:code=J44", None),
        ("Patient?_has:Condition:patient=J44", None),
        ("Patient?_has:Task:owner:colour=J44", None),
    ]);
}

#[test]
fn steps_are_bounded() {
    let steps = |count: usize| format!("Organization?{}name=x", "partof.".repeat(count));
    assert!(read(&steps(4)).is_ok());
    assert!(read(&steps(5)).is_err());
    assert!(read(&steps(500)).is_err());
    let has = format!(
        "Organization?{}name=x",
        "_has:Organization:partof:".repeat(500)
    );
    assert!(read(&has).is_err());
}
