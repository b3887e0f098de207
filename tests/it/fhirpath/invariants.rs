//! Invariants of R4 as published, each on a resource where it holds and on one where it does not.

use frist::fhirpath::{Expression, Item, Node};
use serde_json::{Value, json};

use super::environment;
use super::model::{CORE, TYPES};

/// Tells whether an invariant holds on every element of a resource that it is about.
fn holds(definition: &str, key: &str, resource: &Value) -> bool {
    let structure = CORE
        .structures
        .iter()
        .find(|structure| structure["id"] == definition)
        .unwrap();
    let elements = structure["snapshot"]["element"].as_array().unwrap().iter();
    let constraints = elements.flat_map(|element| {
        let constraints = element["constraint"].as_array().into_iter().flatten();
        constraints.map(|constraint| (element["path"].as_str().unwrap(), constraint))
    });
    let (path, constraint) = constraints
        .into_iter()
        .find(|(_, constraint)| constraint["key"] == key)
        .unwrap();
    let expression = Expression::compile(constraint["expression"].as_str().unwrap()).unwrap();
    let within = Expression::compile(if resource["resourceType"].is_null() {
        "$this"
    } else {
        path
    })
    .unwrap();
    let mut surroundings = environment(&TYPES, resource);
    if resource["resourceType"].is_null() {
        surroundings.resource = Node {
            type_id: frist::fhirpath::Model::type_named(&*TYPES, definition),
            ..surroundings.resource
        };
    }
    let focuses = within
        .evaluate(surroundings.resource, &surroundings)
        .unwrap();
    assert!(!focuses.is_empty(), "{key}: nothing at {path}");
    focuses.into_iter().all(|focus| match focus {
        Item::Node(node) => expression
            .holds(node, &surroundings)
            .is_ok_and(|holds| holds),
        Item::Value(value) => panic!("{value}"),
    })
}

/// Asserts that an invariant holds on the first resources and not on the others. A value without
/// `resourceType` is of a data type.
#[track_caller]
pub(super) fn check(definition: &str, key: &str, good: &[Value], bad: &[Value]) {
    for resource in good {
        assert!(
            holds(definition, key, resource),
            "{key} fails on {resource}"
        );
    }
    for resource in bad {
        assert!(
            !holds(definition, key, resource),
            "{key} holds on {resource}"
        );
    }
}

/// Makes a resource of a type with these elements.
pub(super) fn resource(name: &str, elements: &Value) -> Value {
    let mut resource = json!({ "resourceType": name });
    resource
        .as_object_mut()
        .unwrap()
        .extend(elements.as_object().unwrap().clone());
    resource
}

/// Returns the expression of an invariant.
pub(super) fn published(definition: &str, key: &str) -> &'static str {
    let structure = CORE
        .structures
        .iter()
        .find(|structure| structure["id"] == definition)
        .unwrap();
    let elements = structure["snapshot"]["element"].as_array().unwrap().iter();
    let mut constraints =
        elements.flat_map(|element| element["constraint"].as_array().into_iter().flatten());
    constraints
        .find(|constraint| constraint["key"] == key)
        .unwrap()["expression"]
        .as_str()
        .unwrap()
}

#[test]
fn of_any_resource() {
    let patient = |elements: Value| resource("Patient", &elements);
    let contained = |inner: Value| {
        patient(json!({ "contained": [inner], "generalPractitioner": [{ "reference": "#c" }] }))
    };
    check(
        "Patient",
        "dom-2",
        &[contained(
            json!({"resourceType": "Organization", "id": "c"}),
        )],
        &[contained(
            json!({"resourceType": "Organization", "id": "c", "contained": [{"resourceType": "Patient", "id": "d"}]}),
        )],
    );
    check(
        "Patient",
        "dom-3",
        &[
            patient(json!({})),
            contained(json!({"resourceType": "Organization", "id": "c"})),
            contained(
                json!({"resourceType": "Organization", "id": "unused", "partOf": {"reference": "#"}}),
            ),
        ],
        &[contained(
            json!({"resourceType": "Organization", "id": "d"}),
        )],
    );
    check(
        "Patient",
        "dom-4",
        &[contained(
            json!({"resourceType": "Organization", "id": "c", "meta": {"profile": ["http://x"]}}),
        )],
        &[
            contained(
                json!({"resourceType": "Organization", "id": "c", "meta": {"versionId": "1"}}),
            ),
            contained(
                json!({"resourceType": "Organization", "id": "c", "meta": {"lastUpdated": "2020-01-01T00:00:00Z"}}),
            ),
        ],
    );
    check(
        "Patient",
        "dom-5",
        &[contained(
            json!({"resourceType": "Organization", "id": "c"}),
        )],
        &[contained(
            json!({"resourceType": "Organization", "id": "c", "meta": {"security": [{"code": "R"}]}}),
        )],
    );
    check(
        "Patient",
        "dom-6",
        &[patient(
            json!({"text": {"status": "generated", "div": "<div/>"}}),
        )],
        &[
            patient(json!({})),
            patient(json!({"text": {"status": "generated"}})),
        ],
    );
}

#[test]
fn of_persons_and_organizations() {
    let contact = |contact: Value| resource("Patient", &json!({ "contact": [contact] }));
    check(
        "Patient",
        "pat-1",
        &[contact(json!({"name": {"text": "A"}}))],
        &[contact(json!({"gender": "female"}))],
    );
    let organization = |elements: Value| resource("Organization", &elements);
    check(
        "Organization",
        "org-1",
        &[
            organization(json!({"name": "A"})),
            organization(json!({"identifier": [{"value": "1"}]})),
        ],
        &[organization(json!({"active": true}))],
    );
    let telecom = |telecom: &str| organization(json!({ "telecom": [{ "use": telecom }] }));
    check(
        "Organization",
        "org-3",
        &[telecom("work")],
        &[telecom("home")],
    );
    let address =
        |address: &str| organization(json!({ "address": [{ "use": "work" }, { "use": address }] }));
    check(
        "Organization",
        "org-2",
        &[address("work")],
        &[address("home")],
    );
}

/// Makes a CodeableConcept.
fn concept(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }] })
}

#[test]
fn of_conditions() {
    let condition = |elements: Value| resource("Condition", &elements);
    let (clinical, error) = (
        |code| concept("condition-clinical", code),
        concept("condition-ver-status", "entered-in-error"),
    );
    check(
        "Condition",
        "con-3",
        &[
            condition(
                json!({"clinicalStatus": clinical("active"), "category": [concept("condition-category", "x")]}),
            ),
            condition(
                json!({"verificationStatus": error, "category": [concept("condition-category", "x")]}),
            ),
            condition(json!({"subject": {"display": "A"}})),
        ],
        &[condition(
            json!({"category": [concept("condition-category", "problem-list-item")]}),
        )],
    );
    check(
        "Condition",
        "con-4",
        &[
            condition(json!({"clinicalStatus": clinical("active")})),
            condition(
                json!({"clinicalStatus": clinical("remission"), "abatementDateTime": "2020"}),
            ),
        ],
        &[
            condition(json!({"clinicalStatus": clinical("active"), "abatementDateTime": "2020"})),
            condition(json!({"_abatementString": {"id": "a"}})),
        ],
    );
    check(
        "Condition",
        "con-5",
        &[
            condition(json!({"verificationStatus": error})),
            condition(json!({"clinicalStatus": clinical("active")})),
        ],
        &[condition(
            json!({"verificationStatus": error, "clinicalStatus": clinical("active")}),
        )],
    );
    let stage = |stage: Value| condition(json!({ "stage": [stage] }));
    check(
        "Condition",
        "con-1",
        &[stage(json!({"summary": {"text": "II"}}))],
        &[stage(json!({"type": {"text": "TNM"}}))],
    );
    let evidence = |evidence: Value| condition(json!({ "evidence": [evidence] }));
    check(
        "Condition",
        "con-2",
        &[evidence(json!({"code": [{"text": "a"}]}))],
        &[evidence(json!({"id": "a"}))],
    );
}

#[test]
fn of_plans_orders_and_tasks() {
    let activity = |activity: Value| resource("CarePlan", &json!({ "activity": [activity] }));
    check(
        "CarePlan",
        "cpl-3",
        &[
            activity(json!({"reference": {"reference": "Task/1"}})),
            activity(json!({"detail": {"status": "scheduled"}})),
        ],
        &[activity(
            json!({"reference": {"reference": "Task/1"}, "detail": {"status": "scheduled"}}),
        )],
    );
    let request = |elements: Value| resource("ServiceRequest", &elements);
    check(
        "ServiceRequest",
        "prr-1",
        &[
            request(json!({"orderDetail": [{"text": "a"}], "code": {"text": "b"}})),
            request(json!({"status": "active"})),
        ],
        &[request(json!({"orderDetail": [{"text": "a"}]}))],
    );
    let task = |last: &str, authored: &str| {
        resource(
            "Task",
            &json!({ "lastModified": last, "authoredOn": authored }),
        )
    };
    check(
        "Task",
        "inv-1",
        &[
            task("2020-01-02", "2020-01-01"),
            task("2020-01-01T10:00:00Z", "2020-01-01T11:00:00+01:00"),
            resource("Task", &json!({"lastModified": "2019"})),
        ],
        &[
            task("2020-01-01", "2020-01-02"),
            task("2020-01", "2020-01-01"),
            task("2020-01-01T10:00:00+01:00", "2020-01-01T10:00:00Z"),
        ],
    );
}

#[test]
fn of_observations() {
    let observation = |elements: Value| resource("Observation", &elements);
    let (code, other) = (
        json!({"coding": [{"system": "s", "code": "a"}]}),
        json!({"coding": [{"system": "s", "code": "b"}]}),
    );
    check(
        "Observation",
        "obs-6",
        &[
            observation(json!({"valueInteger": 1})),
            observation(json!({"dataAbsentReason": {"text": "a"}})),
        ],
        &[observation(
            json!({"valueInteger": 1, "dataAbsentReason": {"text": "a"}}),
        )],
    );
    check(
        "Observation",
        "obs-7",
        &[observation(
            json!({"code": code, "valueInteger": 1, "component": [{"code": other}]}),
        )],
        &[observation(
            json!({"code": code, "valueInteger": 1, "component": [{"code": other}, {"code": code}]}),
        )],
    );
    let dated = |dated: &str| resource("Observation", &json!({ "effectiveDateTime": dated }));
    let expression = published("vitalsigns", "vs-1");
    for (day, expected) in [("2020-01-01", true), ("2020-01", false)] {
        let resource = dated(day);
        let text = format!("effective.all({expression})");
        let expression = Expression::compile(&text).unwrap();
        let surroundings = environment(&TYPES, &resource);
        assert_eq!(
            expression.holds(surroundings.resource, &surroundings),
            Ok(expected),
            "{day}"
        );
    }
}
