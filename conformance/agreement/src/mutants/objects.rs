//! The mistakes that any object can have: members that nobody knows, ids, and extensions.

use serde_json::{Value, json};

use super::mutant::Mutant;
use super::place::{Place, with_member};

const BASE: &str = "https://kronikerpakker.dk/fhir/StructureDefinition";

/// Makes the mutants of one object.
pub(crate) fn mutants(resource: &Value, place: &Place<'_>, made: &mut Vec<Mutant>) {
    let Value::Object(members) = place.value else {
        return;
    };
    let mut add = |kind: &str, name: &str, value: Value| {
        made.push(Mutant::of(
            kind,
            place,
            &with_member(resource, &place.steps, name, value),
        ))
    };
    add("unknown-member", "unknownElement", json!("x"));
    add("unknown-object", "unknownElement", json!({ "a": 1 }));
    add("unknown-empty-name", "", json!("x"));
    add(
        "unknown-underscore",
        "_unknownElement",
        json!({ "id": "a" }),
    );
    add("comments", "fhir_comments", json!(["x"]));
    add("value-where-none", "valueString", json!("x"));
    let is_resource = members.contains_key("resourceType");
    if !is_resource {
        add("element-id", "id", json!("a"));
        add("element-id-with-space", "id", json!("a b"));
        add(
            "element-id-same-as-of-resource",
            "id",
            resource.get("id").cloned().unwrap_or(json!("a")),
        );
        add("element-id-long", "id", json!("a".repeat(70)));
        add("type-in-element", "resourceType", json!("Patient"));
    }
    for (kind, extension) in extensions() {
        let already = members
            .get("extension")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        add(
            &format!("extension:{kind}"),
            "extension",
            already.into_iter().chain([extension]).collect(),
        );
    }
    add("extension:empty-array", "extension", json!([]));
    add(
        "extension:object",
        "extension",
        json!({ "url": "http://example.org/x", "valueString": "x" }),
    );
    add(
        "modifier-extension:unknown",
        "modifierExtension",
        json!([{ "url": "http://example.org/x", "valueString": "x" }]),
    );
    add(
        "modifier-extension:own",
        "modifierExtension",
        json!([{ "url": format!("{BASE}/kp-received"), "valueDate": "2027-01-01" }]),
    );
}

/// Extensions, right and wrong, where they are right and where they are not.
fn extensions() -> Vec<(&'static str, Value)> {
    [
        extensions_of_others(),
        own_extensions(),
        postponements(),
        extensions_of_hl7(),
    ]
    .concat()
}

/// Returns the address of an extension of the guide.
fn own(id: &str) -> String {
    format!("{BASE}/{id}")
}

fn extensions_of_others() -> Vec<(&'static str, Value)> {
    vec![
        (
            "unknown",
            json!({ "url": "http://example.org/x", "valueString": "x" }),
        ),
        (
            "unknown-of-hl7",
            json!({ "url": "http://hl7.org/fhir/StructureDefinition/no-such-extension", "valueString": "x" }),
        ),
        ("no-url", json!({ "valueString": "x" })),
        ("empty-url", json!({ "url": "", "valueString": "x" })),
        ("relative-url", json!({ "url": "x", "valueString": "x" })),
        ("url-alone", json!({ "url": "http://example.org/x" })),
        (
            "value-and-nested",
            json!({ "url": "http://example.org/x", "valueString": "x", "extension": [{ "url": "y", "valueString": "y" }] }),
        ),
        (
            "nested",
            json!({ "url": "http://example.org/x", "extension": [{ "url": "y", "valueString": "y" }] }),
        ),
        (
            "two-values",
            json!({ "url": "http://example.org/x", "valueString": "x", "valueBoolean": true }),
        ),
        (
            "other-version",
            json!({ "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Patient.x", "valueString": "x" }),
        ),
        (
            "normative-version",
            json!({ "url": "http://hl7.org/fhir/StructureDefinition/structuredefinition-normative-version", "valueCode": "4.0.0" }),
        ),
        (
            "no-such-value-type",
            json!({ "url": "http://example.org/x", "valueFoo": "x" }),
        ),
    ]
}

fn own_extensions() -> Vec<(&'static str, Value)> {
    let group = json!({ "coding": [{ "system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-target-group", "code": "copd" }] });
    vec![
        (
            "own-misspelt",
            json!({ "url": own("kp-targetgroup"), "valueCodeableConcept": group }),
        ),
        (
            "own-group",
            json!({ "url": own("kp-target-group"), "valueCodeableConcept": group }),
        ),
        (
            "own-group-wrong-code",
            json!({ "url": own("kp-target-group"), "valueCodeableConcept": { "coding": [{ "system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-target-group", "code": "asthma" }] } }),
        ),
        (
            "own-group-text-alone",
            json!({ "url": own("kp-target-group"), "valueCodeableConcept": { "text": "KOL" } }),
        ),
        (
            "own-group-wrong-type",
            json!({ "url": own("kp-target-group"), "valueCode": "copd" }),
        ),
        (
            "own-group-no-value",
            json!({ "url": own("kp-target-group") }),
        ),
        (
            "own-group-nested",
            json!({ "url": own("kp-target-group"), "extension": [{ "url": "x", "valueCode": "copd" }] }),
        ),
        (
            "own-group-versioned",
            json!({ "url": own("kp-target-group|0.1.0"), "valueCodeableConcept": group }),
        ),
        (
            "own-received",
            json!({ "url": own("kp-received"), "valueDate": "2027-01-01" }),
        ),
        (
            "own-received-date-time",
            json!({ "url": own("kp-received"), "valueDateTime": "2027-01-01" }),
        ),
        (
            "own-reason",
            json!({ "url": own("kp-status-reason"), "valueCodeableConcept": { "coding": [{ "system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-status-reason", "code": "ended" }] } }),
        ),
    ]
}

fn postponements() -> Vec<(&'static str, Value)> {
    vec![
        (
            "own-postponement",
            postponement(&json!({ "start": "2027-01-01" }), &json!("patient")),
        ),
        (
            "own-postponement-no-start",
            postponement(&json!({ "end": "2027-01-01" }), &json!("patient")),
        ),
        (
            "own-postponement-wrong-reason",
            postponement(&json!({ "start": "2027-01-01" }), &json!("holiday")),
        ),
        (
            "own-postponement-backwards",
            postponement(
                &json!({ "start": "2027-02-01", "end": "2027-01-01" }),
                &json!("clinical"),
            ),
        ),
        (
            "own-postponement-no-reason",
            json!({ "url": own("kp-postponement"), "extension": [{ "url": "period", "valuePeriod": { "start": "2027-01-01" } }] }),
        ),
        (
            "own-postponement-flat",
            json!({ "url": own("kp-postponement"), "valuePeriod": { "start": "2027-01-01" } }),
        ),
    ]
}

fn extensions_of_hl7() -> Vec<(&'static str, Value)> {
    vec![
        (
            "asserted-date",
            json!({ "url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDateTime": "2027-01-01" }),
        ),
        (
            "asserted-date-wrong-type",
            json!({ "url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDate": "2027-01-01" }),
        ),
        (
            "status-reason",
            json!({ "url": "http://hl7.org/fhir/StructureDefinition/request-statusReason", "valueCodeableConcept": { "text": "x" } }),
        ),
        (
            "data-absent",
            json!({ "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown" }),
        ),
        (
            "translation",
            json!({ "url": "http://hl7.org/fhir/StructureDefinition/translation", "extension": [{ "url": "lang", "valueCode": "da" }, { "url": "content", "valueString": "x" }] }),
        ),
    ]
}

fn postponement(period: &Value, reason: &Value) -> Value {
    json!({ "url": format!("{BASE}/kp-postponement"), "extension": [{ "url": "period", "valuePeriod": period }, { "url": "reason", "valueCode": reason }] })
}
