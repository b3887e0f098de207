//! One resource is about one person.

use frist::fhir::ResourceKey;
use frist::validation::{ReferencedPerson, ResolvedReference, one_person, person_references};
use serde_json::{Value, json};

use super::{line, valid};

#[test]
fn person_references_are_found_with_the_subject_first() {
    let expressions = |value: &Value| {
        person_references(value)
            .into_iter()
            .map(|(expression, _)| expression)
            .collect::<Vec<_>>()
    };
    let plan = json!({
        "resourceType": "CarePlan",
        "addresses": [{ "reference": "Condition/1" }, { "reference": "urn:uuid:0c5e4905-5c2e-4254-8837-770c3724cd13" }],
        "author": { "reference": "Organization/1" },
        "basedOn": [{ "identifier": { "value": "b" } }],
        "contained": [{ "resourceType": "Goal", "id": "g", "subject": { "reference": "Patient/2" } }],
        "goal": [{ "reference": "#g" }, { "reference": "Goal?identifier=x" }],
        "extension": [{ "url": "x", "valueReference": { "reference": "https://example.org/fhir/Encounter/1" } }],
        "identifier": [{ "system": "a", "value": "b" }],
        "supportingInfo": [{ "type": "Condition", "identifier": { "value": "b" } }, { "identifier": { "value": "c" } }],
        "subject": { "identifier": { "system": "a", "value": "b" } },
    });
    let expected = [
        "CarePlan.subject",
        "CarePlan.addresses[0]",
        "CarePlan.addresses[1]",
        "CarePlan.basedOn[0]",
        "CarePlan.contained[0].subject",
        "CarePlan.goal[1]",
        "CarePlan.extension[0].value",
        "CarePlan.supportingInfo[0]",
    ];
    assert_eq!(expressions(&plan), expected);
    assert_eq!(person_references(&plan)[1].1["reference"], "Condition/1");
    assert_eq!(
        expressions(&valid("Encounter")),
        ["Encounter.subject", "Encounter.basedOn[0]"]
    );
    assert_eq!(
        expressions(&valid("Appointment")),
        ["Appointment.basedOn[0]", "Appointment.participant[0].actor"]
    );
    let linked = json!({ "resourceType": "Patient", "link": [{ "other": { "reference": "Patient/2" }, "type": "seealso" }] });
    assert!(expressions(&linked).is_empty());
}

#[test]
fn everything_a_resource_names_belongs_to_one_person() {
    let key = |text: &str| ResourceKey::parse(text).unwrap();
    let is = |patient: &str| ReferencedPerson::Person(key(patient));
    let found = |targets: &[ReferencedPerson]| {
        let resolved = |(at, target): (usize, &ReferencedPerson)| ResolvedReference {
            expression: format!("X[{at}]"),
            target: target.clone(),
        };
        one_person(&targets.iter().enumerate().map(resolved).collect::<Vec<_>>())
            .iter()
            .map(line)
            .collect::<Vec<_>>()
    };
    assert!(found(&[]).is_empty());
    assert!(found(&[is("Patient/1"), is("Patient/1"), ReferencedPerson::NoPerson]).is_empty());
    assert_eq!(
        found(&[is("Patient/1"), is("Patient/2"), is("Patient/1")]),
        ["error business-rule X[1] kp-person-1"]
    );
    assert_eq!(
        found(&[
            ReferencedPerson::PatientNotStored,
            is("Patient/1"),
            ReferencedPerson::NotYetStored,
            is("Patient/2")
        ]),
        [
            "error business-rule X[0] kp-person-2",
            "warning not-found X[2] kp-person-3",
            "error business-rule X[3] kp-person-1"
        ]
    );
    assert_eq!(
        found(&[
            is("Patient/1"),
            ReferencedPerson::OtherIdentifier,
            ReferencedPerson::NotFollowed
        ]),
        [
            "error business-rule X[1] kp-person-1",
            "warning not-supported X[2]"
        ]
    );
}
