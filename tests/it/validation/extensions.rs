//! Extensions: by their definition, where they may stand, and what they hold
//! (<https://hl7.org/fhir/R4/extensibility.html>).

use serde_json::{Value, json};

use super::{check, check_by, merged};
use crate::support::facade::guide_validator;
use crate::support::profile::{PUBLISHED, Profile, validator};

fn patient(members: Value) -> Value {
    merged(&json!({ "resourceType": "Patient" }), &members)
}

#[test]
fn extensions_of_others_are_kept_and_must_be_extensions_all_the_same() {
    let of = |extension: Value| patient(json!({ "extension": [extension] }));
    for (extension, expected) in [
        (
            json!({ "url": "http://x.test/e", "valueString": "x" }),
            vec![],
        ),
        (
            json!({ "url": "http://x.test/e", "extension": [{ "url": "part", "valueString": "x" }] }),
            vec![],
        ),
        (
            json!({ "valueString": "x" }),
            vec!["error required Patient.extension[0].url"],
        ),
        (
            json!({ "url": "http://x.test/e" }),
            vec!["error invariant Patient.extension[0] ext-1"],
        ),
        (
            json!({ "url": "http://x.test/e", "valueString": "x", "extension": [{ "url": "part", "valueString": "x" }] }),
            vec!["error invariant Patient.extension[0] ext-1"],
        ),
        (
            json!({ "url": "http://x.test/e", "valueString": "x", "valueCode": "x" }),
            vec!["error structure Patient.extension[0].value"],
        ),
        (
            json!({ "url": "http://x.test/e", "valueString": 1 }),
            vec!["error structure Patient.extension[0].value"],
        ),
        (
            json!({ "url": "http://x.test/e", "valueHumanNames": "x" }),
            vec!["error structure Patient.extension[0]"],
        ),
        (
            json!({ "url": "http://x.test/e", "value": "x" }),
            vec!["error structure Patient.extension[0]"],
        ),
        (
            json!({ "url": "not absolute", "valueString": "x" }),
            vec![
                "error value Patient.extension[0].url",
                "error extension Patient.extension[0].url",
            ],
        ),
        (
            json!("http://x.test/e"),
            vec!["error structure Patient.extension[0]"],
        ),
        (
            json!({ "url": "http://x.test/e", "valueString": "x", "comment": "x" }),
            vec!["error structure Patient.extension[0]"],
        ),
    ] {
        check_by(&guide_validator(), &of(extension), &[], &expected);
    }
}

#[test]
fn modifier_extensions_stand_on_resources_and_on_their_own_elements() {
    let unknown = json!([{ "url": "http://x.test/e", "valueString": "x" }]);
    for (value, expected) in [
        (patient(json!({ "modifierExtension": unknown })), vec![]),
        (
            patient(
                json!({ "contact": [{ "name": { "text": "x" }, "modifierExtension": unknown }] }),
            ),
            vec![],
        ),
        // A data type that is no backbone element has none.
        (
            patient(json!({ "name": [{ "text": "x", "modifierExtension": unknown }] })),
            vec!["error structure Patient.name[0]"],
        ),
    ] {
        check_by(&guide_validator(), &value, &[], &expected);
    }
}

#[test]
fn a_resource_that_deadlines_or_messages_go_by_has_no_modifier_extension_in_any_part() {
    let modifier = json!([{ "url": "http://x.test/refuted", "valueBoolean": true }]);
    let inside = json!({ "modifierExtension": modifier });
    let practitioner =
        json!({ "resourceType": "Practitioner", "id": "a", "modifierExtension": modifier });
    let timing = json!({ "resourceType": "MedicationRequest", "id": "a", "status": "active", "intent": "order", "subject": { "display": "x" },
        "medicationCodeableConcept": { "text": "x" }, "dosageInstruction": [inside] });
    for (kind, edit, at) in [
        ("Condition", inside.clone(), "modifierExtension[0]"),
        (
            "Condition",
            json!({ "stage": [{ "summary": { "text": "x" } }, merged(&inside, &json!({ "type": { "text": "x" }, "summary": { "text": "y" } }))] }),
            "stage[1].modifierExtension[0]",
        ),
        (
            "Condition",
            json!({ "contained": [practitioner], "asserter": { "reference": "#a" } }),
            "contained[0].modifierExtension[0]",
        ),
        ("CarePlan", inside.clone(), "modifierExtension[0]"),
        (
            "CarePlan",
            json!({ "activity": [merged(&inside, &json!({ "outcomeCodeableConcept": [{ "text": "x" }] }))] }),
            "activity[0].modifierExtension[0]",
        ),
        (
            "CarePlan",
            json!({ "contained": [timing], "supportingInfo": [{ "reference": "#a" }] }),
            "contained[0].dosageInstruction[0].modifierExtension[0]",
        ),
        ("ServiceRequest", inside.clone(), "modifierExtension[0]"),
        ("Encounter", inside.clone(), "modifierExtension[0]"),
        (
            "Encounter",
            json!({ "location": [merged(&inside, &json!({ "location": { "display": "x" } }))] }),
            "location[0].modifierExtension[0]",
        ),
        ("Patient", inside.clone(), "modifierExtension[0]"),
        (
            "Patient",
            json!({ "implicitRules": "http://x.test/rules" }),
            "implicitRules",
        ),
        (
            "Condition",
            json!({ "contained": [merged(&practitioner, &json!({ "modifierExtension": null, "implicitRules": "http://x.test/rules" }))],
                "asserter": { "reference": "#a" } }),
            "contained[0].implicitRules",
        ),
        ("Organization", inside.clone(), "modifierExtension[0]"),
        ("PractitionerRole", inside.clone(), "modifierExtension[0]"),
        (
            "Subscription",
            json!({ "channel": inside }),
            "channel.modifierExtension[0]",
        ),
    ] {
        check(
            kind,
            edit,
            &[&format!("error extension {kind}.{at} kp-mod-1")],
        );
    }
    // Nothing follows from these: what they mean is for those who read them.
    for kind in ["Goal", "CareTeam", "Practitioner", "HealthcareService"] {
        check(kind, inside.clone(), &[]);
    }
}

/// Extensions: a code for Observations, one for dates, a modifier, and a complex one with a part of
/// each kind.
fn extensions() -> Vec<Value> {
    let only = |code: &str| json!({ "type": [{ "code": code }], "min": 1 });
    let no_parts = json!({ "max": "0" });
    let simple = Profile::extension("simple", &["Observation", "Observation.component"])
        .with("Extension.extension", no_parts.clone())
        .with("Extension.value[x]", only("code"));
    let dated = Profile::extension("dated", &["dateTime", "date"])
        .with("Extension.extension", no_parts.clone())
        .with("Extension.value[x]", only("boolean"));
    let inner = Profile::on("Extension", "inner")
        .saying(
            "context",
            json!([{ "type": "extension", "expression": format!("{PUBLISHED}/complex") }]),
        )
        .with(
            "Extension.url",
            json!({ "fixedUri": format!("{PUBLISHED}/inner") }),
        )
        .with("Extension.value[x]", only("string"));
    let selected = Profile::on("Extension", "selected")
        .saying("context", json!([{ "type": "fhirpath", "expression": "Observation.component.where(code.text = 'x')" }]))
        .with("Extension.url", json!({ "fixedUri": format!("{PUBLISHED}/selected") }))
        .with("Extension.value[x]", only("string"));
    let modifier = Profile::extension("modifier", &["Observation"])
        .with(
            "Extension",
            json!({ "isModifier": true, "isModifierReason": "x" }),
        )
        .with("Extension.value[x]", only("boolean"));
    let complex = Profile::extension("complex", &["Element"])
        .with("Extension.value[x]", json!({ "max": "0" }))
        .with(
            "Extension.extension",
            json!({ "min": 1, "slicing": { "discriminator": [{ "type": "value", "path": "url" }], "rules": "open" } }),
        )
        .slice("Extension.extension", "when", json!({ "min": 1, "max": "1" }))
        .with("Extension.extension:when.url", json!({ "fixedUri": "when" }))
        .with("Extension.extension:when.value[x]", only("Period"))
        .slice("Extension.extension", "note", json!({ "max": "2" }))
        .with("Extension.extension:note.url", json!({ "fixedUri": "note" }))
        .with("Extension.extension:note.value[x]", only("string"));
    [simple, dated, inner, selected, modifier, complex]
        .map(Profile::build)
        .into()
}

fn extension(id: &str, more: Value) -> Value {
    merged(&json!({ "url": format!("{PUBLISHED}/{id}") }), &more)
}

fn observation(members: Value) -> Value {
    merged(
        &json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } }),
        &members,
    )
}

#[test]
fn an_extension_holds_what_its_definition_says() {
    let validator = validator(extensions());
    let of = |extension: Value| observation(json!({ "extension": [extension] }));
    for (value, expected) in [
        (of(extension("simple", json!({ "valueCode": "x" }))), vec![]),
        (
            of(extension("simple", json!({ "valueString": "x" }))),
            vec![
                "error structure Observation.extension[0].value",
                "error required Observation.extension[0].value",
            ],
        ),
        (
            of(extension("simple", json!({}))),
            vec![
                "error required Observation.extension[0].value",
                "error invariant Observation.extension[0] ext-1",
            ],
        ),
        (
            of(extension(
                "simple",
                json!({ "extension": [{ "url": "a", "valueCode": "x" }] }),
            )),
            vec![
                "error structure Observation.extension[0].extension",
                "error extension Observation.extension[0].extension[0].url",
                "error required Observation.extension[0].value",
            ],
        ),
        // The address of an extension has no version.
        (
            of(extension("simple|1.0.0", json!({ "valueCode": "x" }))),
            vec![
                "error value Observation.extension[0].url",
                "error extension Observation.extension[0].url",
            ],
        ),
    ] {
        check_by(&validator, &value, &[], &expected);
    }
}

#[test]
fn a_complex_extension_has_the_parts_of_its_definition() {
    let validator = validator(extensions());
    let of = |parts: Value| {
        observation(json!({ "extension": [extension("complex", json!({ "extension": parts }))] }))
    };
    let when = json!({ "url": "when", "valuePeriod": { "start": "2027-01-01" } });
    let note = json!({ "url": "note", "valueString": "x" });
    let at = "Observation.extension[0]";
    for (value, expected) in [
        (of(json!([when])), vec![]),
        (of(json!([note, when, note])), vec![]),
        (
            of(json!([note])),
            vec![format!("error required {at}.extension")],
        ),
        (
            of(json!([when, when])),
            vec![format!("error structure {at}.extension[1]")],
        ),
        (
            of(json!([when, note, note, note])),
            vec![format!("error structure {at}.extension[3]")],
        ),
        (
            of(json!([when, { "url": "weather", "valueString": "x" }])),
            vec![format!("error extension {at}.extension[1].url")],
        ),
        (
            of(json!([{ "url": "when", "valueDateTime": "2027-01-01" }])),
            vec![
                format!("error structure {at}.extension[0].value"),
                format!("error required {at}.extension[0].value"),
            ],
        ),
        (
            of(json!([{ "url": "when", "valuePeriod": { "begin": "2027" } }])),
            vec![format!("error structure {at}.extension[0].value")],
        ),
        (
            of(json!([when, { "url": "http://x.test/of-others", "valueString": "x" }])),
            vec![],
        ),
        (
            observation(
                json!({ "extension": [extension("complex", json!({ "valueString": "x" }))] }),
            ),
            vec![
                format!("error required {at}.extension"),
                format!("error required {at}.extension"),
                format!("error structure {at}.value"),
            ],
        ),
    ] {
        check_by(
            &validator,
            &value,
            &[],
            &expected.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
}

#[test]
fn an_extension_stands_only_where_its_definition_lets_it() {
    let validator = validator(extensions());
    let simple = extension("simple", json!({ "valueCode": "x" }));
    let dated = extension("dated", json!({ "valueBoolean": true }));
    let inner = extension("inner", json!({ "valueString": "x" }));
    let selected = extension("selected", json!({ "valueString": "x" }));
    let when = json!({ "url": "when", "valuePeriod": { "start": "2027-01-01" } });
    let component = |text: &str, extension: &Value| json!({ "component": [{ "code": { "text": text }, "valueString": "x", "extension": [extension] }] });
    for (value, expected) in [
        (observation(component("x", &simple)), vec![]),
        (
            observation(json!({ "code": { "extension": [simple] } })),
            vec!["error extension Observation.code.extension[0]"],
        ),
        (
            patient(json!({ "extension": [simple] })),
            vec!["error extension Patient.extension[0]"],
        ),
        (
            patient(json!({ "birthDate": "1948", "_birthDate": { "extension": [dated] } })),
            vec![],
        ),
        (
            observation(
                json!({ "effectiveDateTime": "2027", "_effectiveDateTime": { "extension": [dated] } }),
            ),
            vec![],
        ),
        (
            observation(
                json!({ "issued": "2027-01-01T00:00:00Z", "_issued": { "extension": [dated] } }),
            ),
            vec!["error extension Observation.issued.extension[0]"],
        ),
        (
            observation(json!({ "extension": [dated] })),
            vec!["error extension Observation.extension[0]"],
        ),
        (
            observation(
                json!({ "extension": [extension("complex", json!({ "extension": [when, inner] }))] }),
            ),
            vec![],
        ),
        (
            observation(json!({ "extension": [inner] })),
            vec!["error extension Observation.extension[0]"],
        ),
        (observation(component("x", &selected)), vec![]),
        (
            observation(component("y", &selected)),
            vec!["error extension Observation.component[0].extension[0]"],
        ),
        (
            observation(
                json!({ "code": { "extension": [extension("complex", json!({ "extension": [when] }))] } }),
            ),
            vec![],
        ),
    ] {
        check_by(&validator, &value, &[], &expected);
    }
}

#[test]
fn an_extension_stands_only_where_what_its_definition_says_of_it_and_its_place_holds() {
    let only_beside = |code: &str| format!("code.text = 'x' and %extension.value = '{code}'");
    let picky = Profile::extension("picky", &["Observation.component"])
        .saying("contextInvariant", json!([only_beside("a")]))
        .with(
            "Extension.value[x]",
            json!({ "type": [{ "code": "code" }], "min": 1 }),
        );
    let validator = validator([picky.build()]);
    let component = |text: &str, code: &str| {
        observation(
            json!({ "component": [{ "code": { "text": text }, "valueString": "x",
            "extension": [extension("picky", json!({ "valueCode": code }))] }] }),
        )
    };
    let refused = vec!["error extension Observation.component[0].extension[0]"];
    for (value, expected) in [
        (component("x", "a"), vec![]),
        (component("y", "a"), refused.clone()),
        (component("x", "b"), refused),
    ] {
        check_by(&validator, &value, &[], &expected);
    }
}

#[test]
fn a_modifier_stands_among_the_modifiers_and_nothing_else_does() {
    let validator = validator(extensions());
    let modifier = extension("modifier", json!({ "valueBoolean": true }));
    let simple = extension("simple", json!({ "valueCode": "x" }));
    for (value, expected) in [
        (json!({ "modifierExtension": [modifier] }), vec![]),
        (
            json!({ "extension": [modifier] }),
            vec!["error extension Observation.extension[0]"],
        ),
        (
            json!({ "modifierExtension": [simple] }),
            vec!["error extension Observation.modifierExtension[0]"],
        ),
        (
            json!({ "modifierExtension": [extension("modifier", json!({ "valueString": "x" }))] }),
            vec![
                "error structure Observation.modifierExtension[0].value",
                "error required Observation.modifierExtension[0].value",
            ],
        ),
    ] {
        check_by(&validator, &observation(value), &[], &expected);
    }
}

#[test]
fn a_profile_asks_for_an_extension() {
    let url = |id: &str| format!("{PUBLISHED}/{id}");
    let profile = Profile::on("Observation", "extended")
        .with("Observation.extension", json!({ "slicing": { "discriminator": [{ "type": "value", "path": "url" }], "rules": "open" } }))
        .slice(
            "Observation.extension",
            "simple",
            json!({ "min": 1, "max": "1", "type": [{ "code": "Extension", "profile": [url("simple")] }] }),
        )
        .build();
    let validator = validator(extensions().into_iter().chain([profile]));
    let simple = extension("simple", json!({ "valueCode": "x" }));
    let other = json!({ "url": "http://x.test/e", "valueString": "x" });
    for (extensions, expected) in [
        (json!([other, simple]), vec![]),
        (json!([other]), vec!["error required Observation.extension"]),
        (
            json!([simple, other, simple]),
            vec!["error structure Observation.extension[2]"],
        ),
        (
            json!([extension("simple", json!({ "valueBoolean": true }))]),
            vec![
                "error structure Observation.extension[0].value",
                "error required Observation.extension[0].value",
            ],
        ),
    ] {
        check_by(
            &validator,
            &observation(json!({ "extension": extensions })),
            &[&url("extended")],
            &expected,
        );
    }
}

#[test]
fn an_extension_for_an_element_of_another_version_is_a_warning_unless_its_definition_is_loaded() {
    let of = |url: &str| json!({ "resourceType": "Patient", "extension": [{ "url": url, "valueString": "x" }] });
    let warning = ["warning not-supported Patient.extension[0].url"];
    for (url, expected) in [
        (
            "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedStartDate",
            &warning[..],
        ),
        (
            "http://hl7.org/fhir/3.0/StructureDefinition/extension-Patient.animal",
            &warning,
        ),
        (
            "http://hl7.org/fhir/4.3/StructureDefinition/extension-Patient.x",
            &warning,
        ),
        // This version: an extension that is not known, as any other.
        (
            "http://hl7.org/fhir/4.0/StructureDefinition/extension-Patient.foo",
            &[],
        ),
        ("http://hl7.org/fhir/5.0/StructureDefinition/other", &[]),
        (
            "http://hl7.org/fhir/five/StructureDefinition/extension-Patient.name",
            &[],
        ),
        (
            "http://x.test/5.0/StructureDefinition/extension-Patient.name",
            &[],
        ),
    ] {
        check_by(&guide_validator(), &of(url), &[], expected);
    }
    let url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Patient.x";
    let number = json!({ "type": [{ "code": "integer" }] });
    let loaded = Profile::extension("x", &["Element"])
        .saying("url", json!(url))
        .with("Extension.url", json!({ "fixedUri": url }))
        .with("Extension.value[x]", number);
    check_by(
        &validator([loaded.build()]),
        &of(url),
        &[],
        &["error structure Patient.extension[0].value"],
    );
}
