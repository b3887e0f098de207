//! Each member of ElementDefinition that says something of values is asked for by the check.

use std::collections::BTreeSet;

use frist::schema::Definitions;
use serde_json::{Value, json};

use super::{check_by, merged};
use crate::support::profile::{PUBLISHED, Profile, validator};

/// The members that say nothing of a value in JSON: where the element stands and how it is called,
/// words for people, and hints for those who show or fill it in. `mustSupport` and `isModifier` are
/// for the programs that send and receive.
const SAYS_NOTHING: &[&str] = &[
    "id",
    "extension",
    "modifierExtension",
    "path",
    "representation",
    "sliceName",
    "sliceIsConstraining",
    "label",
    "code",
    "short",
    "definition",
    "comment",
    "requirements",
    "alias",
    "base",
    "defaultValue",
    "meaningWhenMissing",
    "orderMeaning",
    "example",
    "condition",
    "mustSupport",
    "isModifier",
    "isModifierReason",
    "isSummary",
    "mapping",
];

/// A member of ElementDefinition that is asked for: its name, what a profile says with it, a value
/// that is as it says, one that is not, and what is found.
struct Asked {
    member: &'static str,
    element: &'static str,
    says: Value,
    good: Value,
    bad: Value,
    found: &'static str,
}

fn asked(
    member: &'static str,
    (element, says): (&'static str, Value),
    good: Value,
    (bad, found): (Value, &'static str),
) -> Asked {
    Asked {
        member,
        element,
        says,
        good,
        bad,
        found,
    }
}

fn profiled(code: &str, profiles: &[&str]) -> Value {
    let profiles: Vec<_> = profiles
        .iter()
        .map(|id| format!("{PUBLISHED}/{id}"))
        .collect();
    json!({ "type": [{ "code": code, "profile": profiles }] })
}

fn reference(more: Value) -> Value {
    let of = merged(
        &json!({ "code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Patient"] }),
        &more,
    );
    json!({ "type": [of] })
}

fn counts_and_values() -> Vec<Asked> {
    vec![
        asked(
            "min",
            ("Observation.subject", json!({ "min": 1 })),
            json!({ "subject": { "reference": "Patient/1" } }),
            (json!({}), "error required Observation.subject"),
        ),
        asked(
            "max",
            ("Observation.note", json!({ "max": "1" })),
            json!({ "note": [{ "text": "x" }] }),
            (
                json!({ "note": [{ "text": "x" }, { "text": "y" }] }),
                "error structure Observation.note",
            ),
        ),
        asked(
            "fixed",
            (
                "Observation.code",
                json!({ "fixedCodeableConcept": { "text": "x" } }),
            ),
            json!({ "code": { "text": "x" } }),
            (
                json!({ "code": { "text": "x", "id": "y" } }),
                "error value Observation.code",
            ),
        ),
        asked(
            "pattern",
            (
                "Observation.code",
                json!({ "patternCodeableConcept": { "text": "x" } }),
            ),
            json!({ "code": { "text": "x", "id": "y" } }),
            (
                json!({ "code": { "text": "y" } }),
                "error value Observation.code",
            ),
        ),
    ]
}

fn bounds() -> Vec<Asked> {
    vec![
        asked(
            "minValue",
            ("Observation.value[x]", json!({ "minValueInteger": 3 })),
            json!({ "valueInteger": 3 }),
            (
                json!({ "valueInteger": 2 }),
                "error value Observation.value",
            ),
        ),
        asked(
            "minValue",
            (
                "Observation.value[x]",
                json!({ "minValueDateTime": "2027-01-02" }),
            ),
            json!({ "valueDateTime": "2027-01-02" }),
            (
                json!({ "valueDateTime": "2027-01-01" }),
                "error value Observation.value",
            ),
        ),
        asked(
            "maxValue",
            (
                "Observation.value[x]",
                json!({ "maxValueTime": "10:00:00" }),
            ),
            json!({ "valueTime": "10:00:00" }),
            (
                json!({ "valueTime": "10:00:01" }),
                "error value Observation.value",
            ),
        ),
        asked(
            "maxValue",
            (
                "Observation.issued",
                json!({ "maxValueInstant": "2027-01-01T00:00:00Z" }),
            ),
            json!({ "issued": "2027-01-01T00:00:00Z" }),
            (
                json!({ "issued": "2027-01-01T00:00:01Z" }),
                "error value Observation.issued",
            ),
        ),
        asked(
            "maxLength",
            ("Observation.value[x]", json!({ "maxLength": 2 })),
            json!({ "valueString": "æø" }),
            (
                json!({ "valueString": "æøå" }),
                "error too-long Observation.value",
            ),
        ),
    ]
}

fn constraints() -> Vec<Asked> {
    vec![
        asked(
            "constraint",
            (
                "Observation.code",
                json!({ "constraint": [{ "key": "x-1", "severity": "error", "human": "x", "expression": "text = 'x'" }] }),
            ),
            json!({ "code": { "text": "x" } }),
            (
                json!({ "code": { "text": "y" } }),
                "error invariant Observation.code x-1",
            ),
        ),
        asked(
            "constraint",
            (
                "Observation.code",
                json!({ "constraint": [{ "key": "x-1", "severity": "warning", "human": "x", "expression": "text = 'x'" }] }),
            ),
            json!({ "code": { "text": "x" } }),
            (
                json!({ "code": { "text": "y" } }),
                "warning invariant Observation.code x-1",
            ),
        ),
    ]
}

fn types() -> Vec<Asked> {
    vec![
        asked(
            "type",
            (
                "Observation.value[x]",
                json!({ "type": [{ "code": "string" }] }),
            ),
            json!({ "valueString": "x" }),
            (
                json!({ "valueInteger": 1 }),
                "error structure Observation.value",
            ),
        ),
        asked(
            "type.profile",
            (
                "Observation.identifier",
                profiled("Identifier", &["identifier"]),
            ),
            json!({ "identifier": [{ "value": "x" }] }),
            (
                json!({ "identifier": [{ "system": "http://x.test" }] }),
                "error required Observation.identifier[0].value",
            ),
        ),
        asked(
            "type.profile",
            ("Observation.value[x]", profiled("string", &["text"])),
            json!({ "valueString": "abc" }),
            (
                json!({ "valueString": "abcd" }),
                "error too-long Observation.value",
            ),
        ),
        asked(
            "type.profile",
            ("Observation.value[x]", profiled("string", &["text-inside"])),
            json!({ "valueString": "abc" }),
            (
                json!({ "valueString": "abcd" }),
                "error too-long Observation.value",
            ),
        ),
        asked(
            "type.profile",
            (
                "Observation.value[x]",
                profiled("string", &["text", "text-of-4"]),
            ),
            json!({ "valueString": "abcd" }),
            (
                json!({ "valueString": "abcde" }),
                "error structure Observation.value",
            ),
        ),
    ]
}

fn profiles_of_others() -> Vec<Asked> {
    vec![
        asked(
            "type.profile",
            ("Observation.extension", profiled("Extension", &["held"])),
            json!({ "extension": [{ "url": format!("{PUBLISHED}/held"), "valueString": "x" }] }),
            (
                json!({ "extension": [{ "url": "http://x.test/other", "valueString": "x" }] }),
                "error value Observation.extension[0].url",
            ),
        ),
        asked(
            "type.profile",
            ("Observation.contained", profiled("Patient", &["patient"])),
            json!({ "contained": [{ "resourceType": "Patient", "id": "p", "active": true }], "subject": { "reference": "#p" } }),
            (
                json!({ "contained": [{ "resourceType": "Patient", "id": "p", "gender": "male" }], "subject": { "reference": "#p" } }),
                "error required Observation.contained[0].active",
            ),
        ),
        asked(
            "type.profile",
            (
                "Observation.contained",
                profiled("Patient", &["patient", "man"]),
            ),
            json!({ "contained": [{ "resourceType": "Patient", "id": "p", "gender": "male" }], "subject": { "reference": "#p" } }),
            (
                json!({ "contained": [{ "resourceType": "Patient", "id": "p", "birthDate": "1957-03-07" }], "subject": { "reference": "#p" } }),
                "error structure Observation.contained[0]",
            ),
        ),
    ]
}

fn references() -> Vec<Asked> {
    vec![
        asked(
            "type.targetProfile",
            ("Observation.subject", reference(json!({}))),
            json!({ "subject": { "reference": "Patient/1" } }),
            (
                json!({ "subject": { "reference": "Group/1" } }),
                "error structure Observation.subject",
            ),
        ),
        asked(
            "type.aggregation",
            (
                "Observation.subject",
                reference(json!({ "aggregation": ["contained"] })),
            ),
            json!({ "contained": [{ "resourceType": "Patient", "id": "p", "active": true }], "subject": { "reference": "#p" } }),
            (
                json!({ "subject": { "reference": "Patient/1" } }),
                "error structure Observation.subject",
            ),
        ),
        asked(
            "type.versioning",
            (
                "Observation.subject",
                reference(json!({ "versioning": "specific" })),
            ),
            json!({ "subject": { "reference": "Patient/1/_history/2" } }),
            (
                json!({ "subject": { "reference": "Patient/1" } }),
                "warning value Observation.subject.reference",
            ),
        ),
        asked(
            "type.versioning",
            (
                "Observation.subject",
                reference(json!({ "versioning": "independent" })),
            ),
            json!({ "subject": { "reference": "Patient/1" } }),
            (
                json!({ "subject": { "reference": "Patient/1/_history/2" } }),
                "warning value Observation.subject.reference",
            ),
        ),
    ]
}

fn codes() -> Vec<Asked> {
    let gender = "http://hl7.org/fhir/ValueSet/administrative-gender";
    let coded = |code: &str| json!({ "code": { "coding": [{ "system": "http://hl7.org/fhir/administrative-gender", "code": code }] } });
    let other = || json!({ "code": { "coding": [{ "system": "http://x.test", "code": "x" }] } });
    let bound = |strength: &str| json!({ "binding": { "strength": strength, "valueSet": gender } });
    let widest = json!([{ "url": "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet", "valueCanonical": gender }]);
    let at_most =
        json!({ "binding": { "strength": "preferred", "valueSet": gender, "extension": widest } });
    let wrong = "error code-invalid Observation.code";
    vec![
        asked(
            "binding",
            ("Observation.code", bound("required")),
            coded("male"),
            (other(), wrong),
        ),
        asked(
            "binding",
            ("Observation.code", bound("extensible")),
            coded("male"),
            (other(), "warning code-invalid Observation.code"),
        ),
        asked(
            "binding",
            ("Observation.code", at_most),
            coded("male"),
            (other(), wrong),
        ),
    ]
}

#[test]
fn each_member_of_a_definition_that_says_something_of_values_is_asked_for() {
    let needs = |type_name: &str, id: &str, element: &str, more: Value| {
        Profile::on(type_name, id).with(element, more).build()
    };
    let around = [
        needs(
            "Identifier",
            "identifier",
            "Identifier.value",
            json!({ "min": 1 }),
        ),
        needs("string", "text", "string", json!({ "maxLength": 3 })),
        needs(
            "string",
            "text-inside",
            "string.value",
            json!({ "maxLength": 3 }),
        ),
        needs("string", "text-of-4", "string", json!({ "maxLength": 4 })),
        needs("Patient", "patient", "Patient.active", json!({ "min": 1 })),
        needs(
            "Patient",
            "man",
            "Patient.gender",
            json!({ "min": 1, "fixedCode": "male" }),
        ),
        Profile::extension("held", &["Observation"]).build(),
    ];
    let mut members: BTreeSet<&str> = SAYS_NOTHING.iter().copied().collect();
    let cases = [
        counts_and_values(),
        bounds(),
        constraints(),
        types(),
        profiles_of_others(),
        references(),
        codes(),
    ];
    for Asked {
        member,
        element,
        says,
        good,
        bad,
        found,
    } in cases.into_iter().flatten()
    {
        members.insert(member.split('.').next().unwrap());
        let profile = Profile::on("Observation", "asked")
            .with(element, says)
            .build();
        let validator = validator(around.iter().cloned().chain([profile]));
        let whole =
            json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } });
        let url = format!("{PUBLISHED}/asked");
        check_by(&validator, &merged(&whole, &good), &[&url], &[]);
        check_by(&validator, &merged(&whole, &bad), &[&url], &[found]);
    }
    // These have tests of their own: `content` and `slicing`.
    members.extend(["contentReference", "slicing"]);
    let definitions = Definitions::core();
    let definition = definitions.type_structure("ElementDefinition").unwrap();
    let all: BTreeSet<&str> = definition.elements[0]
        .children
        .iter()
        .map(|child| &*definition.elements[*child].name)
        .collect();
    assert_eq!(members, all);
}
