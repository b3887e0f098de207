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
fn check(definition: &str, key: &str, good: &[Value], bad: &[Value]) {
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

/// A resource of a type with these elements.
fn resource(name: &str, elements: &Value) -> Value {
    let mut resource = json!({ "resourceType": name });
    resource
        .as_object_mut()
        .unwrap()
        .extend(elements.as_object().unwrap().clone());
    resource
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

/// A CodeableConcept.
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

fn bundle(kind: &str, elements: Value) -> Value {
    let mut bundle = resource("Bundle", &elements);
    bundle["type"] = kind.into();
    bundle
}

/// The elements of a Bundle with one Patient.
fn one_patient() -> Value {
    json!({ "entry": [{ "resource": { "resourceType": "Patient", "id": "p" } }] })
}

#[test]
fn of_entries_by_the_kind_of_bundle() {
    check(
        "Bundle",
        "bdl-1",
        &[bundle("searchset", json!({"total": 1}))],
        &[bundle("batch", json!({"total": 1}))],
    );
    let found = json!({"entry": [{"search": {"mode": "match"}}]});
    check(
        "Bundle",
        "bdl-2",
        &[bundle("searchset", found.clone())],
        &[bundle("collection", found)],
    );
    let (asked, answered) = (
        json!({"entry": [{"request": {"method": "GET"}}]}),
        json!({"entry": [{"response": {"status": "200"}}]}),
    );
    let plain = one_patient();
    check(
        "Bundle",
        "bdl-3",
        &[
            bundle("batch", asked.clone()),
            bundle("collection", plain.clone()),
        ],
        &[bundle("collection", asked)],
    );
    check(
        "Bundle",
        "bdl-3",
        &[bundle("history", json!({}))],
        &[bundle("transaction", plain.clone())],
    );
    check(
        "Bundle",
        "bdl-4",
        &[bundle("batch-response", answered.clone())],
        &[bundle("searchset", answered)],
    );
    check(
        "Bundle",
        "bdl-5",
        &[bundle("collection", plain)],
        &[bundle(
            "collection",
            json!({"entry": [{"fullUrl": "urn:x"}]}),
        )],
    );
}

#[test]
fn of_addresses_documents_and_messages() {
    let plain = one_patient();
    let twice = |kind: &str, version: &str| {
        let entry = |version: &str| json!({"fullUrl": "urn:x", "resource": {"resourceType": "Patient", "meta": {"versionId": version}}});
        bundle(kind, json!({ "entry": [entry("1"), entry(version)] }))
    };
    check(
        "Bundle",
        "bdl-7",
        &[twice("collection", "2"), twice("history", "1")],
        &[twice("collection", "1")],
    );
    let full_url = |url: &str| bundle("collection", json!({ "entry": [{ "fullUrl": url }] }));
    check(
        "Bundle",
        "bdl-8",
        &[full_url("urn:x"), bundle("collection", plain.clone())],
        &[full_url("http://x/Patient/1/_history/2")],
    );
    let identified = bundle(
        "document",
        json!({"identifier": {"system": "urn:x", "value": "1"}, "timestamp": "2020-01-01T00:00:00Z"}),
    );
    let anonymous = bundle(
        "document",
        json!({"identifier": {"value": "1"}, "_timestamp": {"id": "t"}}),
    );
    check(
        "Bundle",
        "bdl-9",
        std::slice::from_ref(&identified),
        std::slice::from_ref(&anonymous),
    );
    check(
        "Bundle",
        "bdl-10",
        &[identified, bundle("batch", json!({}))],
        &[anonymous],
    );
    let composition = bundle(
        "document",
        json!({"entry": [{"resource": {"resourceType": "Composition"}}, plain["entry"][0]]}),
    );
    check(
        "Bundle",
        "bdl-11",
        &[composition, bundle("batch", plain.clone())],
        &[bundle("document", plain.clone())],
    );
    let header = bundle(
        "message",
        json!({"entry": [{"resource": {"resourceType": "MessageHeader"}}]}),
    );
    check("Bundle", "bdl-12", &[header], &[bundle("message", plain)]);
}

#[test]
fn of_references_and_extensions() {
    let general = |reference: Value| {
        let contained = json!([{"resourceType": "Practitioner", "id": "c"}]);
        resource(
            "Patient",
            &json!({ "contained": contained, "generalPractitioner": [reference] }),
        )
    };
    for (reference, expected) in [
        (json!({"reference": "#c"}), true),
        (json!({"reference": "#"}), true),
        (json!({"reference": "Practitioner/1"}), true),
        (json!({"identifier": {"value": "1"}}), true),
        (json!({"reference": "#d"}), false),
    ] {
        let resource = general(reference);
        let expression = Expression::compile(&format!(
            "generalPractitioner.all({})",
            published("Reference", "ref-1")
        ))
        .unwrap();
        let mended = Expression::compile(published("Reference", "ref-1")).unwrap();
        let path = Expression::compile("generalPractitioner").unwrap();
        let surroundings = environment(&TYPES, &resource);
        let Item::Node(node) = path
            .evaluate(surroundings.resource, &surroundings)
            .unwrap()
            .remove(0)
        else {
            panic!()
        };
        assert_eq!(
            mended.holds(node, &surroundings),
            Ok(expected),
            "{resource}"
        );
        // As published, the rule fails on a reference without a literal, and on one to the
        // container.
        let literal = resource["generalPractitioner"][0]["reference"]
            .as_str()
            .unwrap_or("#");
        assert_eq!(
            expression.holds(surroundings.resource, &surroundings),
            Ok(expected && literal != "#"),
            "{resource}"
        );
    }
    check(
        "Extension",
        "ext-1",
        &[
            json!({"url": "u", "valueCode": "c"}),
            json!({"url": "u", "_valueDate": {"id": "x"}}),
            json!({"extension": [{"url": "v"}]}),
        ],
        &[
            json!({"url": "u"}),
            json!({"url": "u", "valueCode": "c", "extension": [{"url": "v"}]}),
        ],
    );
    check(
        "Coding",
        "ele-1",
        &[json!({"code": "a"}), json!({"id": "i", "code": "a"})],
        &[json!({"id": "i"})],
    );
}

/// The expression of an invariant.
fn published(definition: &str, key: &str) -> &'static str {
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
fn of_periods_and_quantities() {
    let period = |start: &str, end: &str| json!({ "start": start, "end": end });
    check(
        "Period",
        "per-1",
        &[
            period("2020", "2020"),
            period("2020-01-01", "2020-01-02"),
            period("2020-01-01T00:00:00+01:00", "2019-12-31T23:00:00Z"),
            period("2019", "2020-01-01"),
            json!({"start": "2020"}),
            json!({"start": "2020", "_end": {"id": "e"}}),
        ],
        &[
            period("2020-01-02", "2020-01-01"),
            period("2020", "2020-06"),
            period("2020-01-01", "2020-01-01T10:00:00Z"),
        ],
    );
    check(
        "Quantity",
        "qty-3",
        &[json!({"code": "mg", "system": "u"}), json!({"unit": "mg"})],
        &[json!({"code": "mg"})],
    );
    let age = |value: Value, system: &str| json!({ "value": value, "system": system, "code": "a" });
    check(
        "Age",
        "age-1",
        &[
            age(json!(5), "http://unitsofmeasure.org"),
            json!({"unit": "a"}),
        ],
        &[
            age(json!(-5), "http://unitsofmeasure.org"),
            age(json!(5), "http://x"),
            json!({"value": 5}),
        ],
    );
    let ratio = json!({"numerator": {"value": 1}, "denominator": {"value": 2}});
    check(
        "Ratio",
        "rat-1",
        &[ratio, json!({"extension": [{"url": "u"}]})],
        &[json!({"numerator": {"value": 1}}), json!({"id": "r"})],
    );
    let range = |low: &str, high: &str| {
        let quantity = |value: &str| json!({ "value": value.parse::<serde_json::Number>().unwrap(), "code": "mg" });
        json!({ "low": quantity(low), "high": quantity(high) })
    };
    check(
        "Range",
        "rng-2",
        &[
            range("1", "1.0"),
            range("1.5", "2"),
            json!({"low": {"value": 1}}),
        ],
        &[
            range("2", "1.99999999999999999999"),
            json!({"low": {"value": 1, "code": "g"}, "high": {"value": 2, "code": "kg"}}),
        ],
    );
}

#[test]
fn of_contact_points_and_attachments() {
    check(
        "ContactPoint",
        "cpt-2",
        &[
            json!({"system": "phone", "value": "1"}),
            json!({"use": "home"}),
        ],
        &[json!({"value": "1"})],
    );
    check(
        "Attachment",
        "att-1",
        &[
            json!({"data": "AA==", "contentType": "a/b"}),
            json!({"url": "u"}),
        ],
        &[json!({"data": "AA=="})],
    );
}

#[test]
fn of_timings() {
    let timing = |key, good: Value, bad: Value| {
        let expression = published("Timing", key);
        for (repeat, expected) in [(good, true), (bad, false)] {
            let timing = json!({ "occurrenceTiming": { "repeat": repeat } });
            let resource = resource("ServiceRequest", &timing);
            let expression = Expression::compile(expression).unwrap();
            let path = Expression::compile("occurrence.repeat").unwrap();
            let surroundings = environment(&TYPES, &resource);
            let Item::Node(node) = path
                .evaluate(surroundings.resource, &surroundings)
                .unwrap()
                .remove(0)
            else {
                panic!()
            };
            assert_eq!(expression.holds(node, &surroundings), Ok(expected), "{key}");
        }
    };
    timing(
        "tim-1",
        json!({"duration": 1, "durationUnit": "h"}),
        json!({"duration": 1}),
    );
    timing("tim-4", json!({"duration": 0.0}), json!({"duration": -0.1}));
    timing(
        "tim-9",
        json!({"offset": 30, "when": ["AC", "PC"]}),
        json!({"offset": 30, "when": ["AC", "CM"]}),
    );
    timing(
        "tim-10",
        json!({"when": ["AC"]}),
        json!({"when": ["AC"], "timeOfDay": ["10:00:00"]}),
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
