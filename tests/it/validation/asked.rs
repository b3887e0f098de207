//! Questions of slices and rules about values and what they refer to: profiles, several
//! discriminators at once, codes, and the resources of a Bundle.

use serde_json::{Value, json};

use super::{check_by, merged};
use crate::support::profile::{PUBLISHED, Profile, validator};

fn observation(more: Value) -> Value {
    merged(
        &json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } }),
        &more,
    )
}

fn rule(expression: &str) -> Value {
    json!({ "constraint": [{ "key": "x-1", "severity": "error", "human": "a rule", "expression": expression }] })
}

/// An Observation by these people, each contained.
fn performed_by(people: &[Value]) -> Value {
    let numbered = people.iter().enumerate();
    let contained: Vec<_> = numbered
        .clone()
        .map(|(number, person)| merged(person, &json!({ "id": format!("p{number}") })))
        .collect();
    let performers: Vec<_> = numbered
        .map(|(number, _)| json!({ "reference": format!("#p{number}") }))
        .collect();
    observation(json!({ "contained": contained, "performer": performers }))
}

#[test]
fn a_profile_is_for_values_of_its_type() {
    let patient = json!({ "resourceType": "Patient", "active": true });
    let practitioner = json!({ "resourceType": "Practitioner", "active": true });
    let of_patient = Profile::on("Patient", "a-patient").build();
    let slicing = json!({ "slicing": { "discriminator": [{ "type": "profile", "path": "resolve()" }], "rules": "open" } });
    let target = |profile: &str| json!({ "max": "1", "type": [{ "code": "Reference", "targetProfile": [profile] }] });
    let own = format!("{PUBLISHED}/a-patient");
    let base = "http://hl7.org/fhir/StructureDefinition/Patient";
    for target_profile in [own.as_str(), base] {
        let sliced = Profile::on("Observation", "sliced")
            .with("Observation.performer", slicing.clone())
            .slice("Observation.performer", "a", target(target_profile))
            .build();
        let validator = validator([of_patient.clone(), sliced]);
        let profile = format!("{PUBLISHED}/sliced");
        for (people, expected) in [
            (vec![&patient, &practitioner, &practitioner], vec![]),
            (vec![&practitioner, &practitioner], vec![]),
            (
                vec![&patient, &practitioner, &patient],
                vec!["error structure Observation.performer[2]"],
            ),
        ] {
            let people: Vec<_> = people.into_iter().cloned().collect();
            check_by(&validator, &performed_by(&people), &[&profile], &expected);
        }
    }
}

#[test]
fn a_rule_may_ask_for_a_profile_which_is_for_values_of_its_type() {
    let patient = Profile::on("Patient", "a-patient").build();
    let quantity = Profile::on("Quantity", "a-quantity").build();
    let text = Profile::on("string", "a-text")
        .with("string", json!({ "maxLength": 3 }))
        .build();
    let of = |kind: &str| performed_by(&[json!({ "resourceType": kind, "active": true })]);
    let valued = |key: &str, value: Value| observation(json!({ key: value }));
    let r4 = "http://hl7.org/fhir/StructureDefinition";
    let performer = |profile: &str| format!("performer.resolve().all(conformsTo('{profile}'))");
    let value = |id: &str| format!("value.conformsTo('{PUBLISHED}/{id}')");
    let whole = |name: &str| format!("conformsTo('{r4}/{name}')");
    for (expression, observation, holds) in [
        (
            performer(&format!("{PUBLISHED}/a-patient")),
            of("Patient"),
            true,
        ),
        (
            performer(&format!("{PUBLISHED}/a-patient")),
            of("Practitioner"),
            false,
        ),
        (performer(&format!("{r4}/Patient")), of("Patient"), true),
        (
            performer(&format!("{r4}/Patient")),
            of("Practitioner"),
            false,
        ),
        (whole("DomainResource"), observation(json!({})), true),
        (whole("Observation"), observation(json!({})), true),
        (whole("Patient"), observation(json!({})), false),
        (
            value("a-quantity"),
            valued("valueQuantity", json!({ "value": 1 })),
            true,
        ),
        (
            value("a-quantity"),
            valued("valuePeriod", json!({ "start": "2027" })),
            false,
        ),
        (
            value("a-quantity"),
            valued("valueString", json!("x")),
            false,
        ),
        (value("a-text"), valued("valueString", json!("abc")), true),
        (value("a-text"), valued("valueString", json!("abcd")), false),
        (value("a-text"), valued("valueInteger", json!(1)), false),
    ] {
        let ruled = Profile::on("Observation", "ruled").with("Observation", rule(&expression));
        let known = [
            patient.clone(),
            quantity.clone(),
            text.clone(),
            ruled.build(),
        ];
        let wrong = "error invariant Observation x-1";
        let expected = if holds { &[][..] } else { &[wrong] };
        let profile = format!("{PUBLISHED}/ruled");
        check_by(&validator(known), &observation, &[&profile], expected);
    }
}

#[test]
fn the_type_of_what_a_reference_names_may_be_one_of_several() {
    let target = |name: &str| format!("http://hl7.org/fhir/StructureDefinition/{name}");
    let slicing = json!({ "slicing": { "discriminator": [{ "type": "type", "path": "resolve()" }], "rules": "open" } });
    let people = json!({ "max": "1", "type": [{ "code": "Reference", "targetProfile": [target("Patient"), target("Practitioner")] }] });
    let profile = Profile::on("Observation", "people")
        .with("Observation.performer", slicing)
        .slice("Observation.performer", "people", people)
        .build();
    let validator = validator([profile]);
    let of = |name: &str| json!({ "resourceType": name, "active": true });
    for (types, expected) in [
        (vec!["Patient", "Organization"], vec![]),
        (vec!["Organization", "Practitioner", "Organization"], vec![]),
        (
            vec!["Practitioner", "Patient"],
            vec!["error structure Observation.performer[1]"],
        ),
    ] {
        let people: Vec<_> = types
            .into_iter()
            .map(|name| match name {
                "Organization" => merged(&of(name), &json!({ "name": "x" })),
                name => of(name),
            })
            .collect();
        check_by(
            &validator,
            &performed_by(&people),
            &[&format!("{PUBLISHED}/people")],
            &expected,
        );
    }
}

#[test]
fn a_slice_may_leave_one_of_several_discriminators_unsaid() {
    let by = |kinds: &[(&str, &str)]| {
        let discriminators: Vec<_> = kinds
            .iter()
            .map(|(kind, path)| json!({ "type": kind, "path": path }))
            .collect();
        json!({ "slicing": { "discriminator": discriminators, "rules": "open" } })
    };
    let identifier = "Observation.identifier";
    let a = |name: &str| format!("{identifier}:a.{name}");
    // The first slice says something of the system alone.
    for second in [
        ("value", "type.text"),
        ("pattern", "type"),
        ("exists", "assigner"),
        ("profile", "assigner"),
        ("value", "extension('http://x.test/none').value"),
    ] {
        let profile = Profile::on("Observation", "two")
            .with(identifier, by(&[("value", "system"), second]))
            .slice(identifier, "a", json!({ "max": "1" }))
            .with(
                &a("system"),
                json!({ "min": 1, "fixedUri": "http://a.test" }),
            )
            .with(&a("value"), json!({ "min": 1 }))
            .build();
        let validator = validator([profile]);
        let of = |system: &str, more: Value| {
            merged(
                &json!({ "system": format!("http://{system}.test"), "value": "1" }),
                &more,
            )
        };
        for (identifiers, expected) in [
            (vec![of("a", json!({})), of("b", json!({}))], vec![]),
            (
                vec![of("b", json!({})), of("a", json!({ "value": null }))],
                vec!["error required Observation.identifier[1].value"],
            ),
            (
                vec![
                    of("a", json!({ "type": { "text": "x" } })),
                    of("a", json!({})),
                ],
                vec!["error structure Observation.identifier[1]"],
            ),
            (vec![of("b", json!({ "value": null }))], vec![]),
        ] {
            let value = observation(json!({ "identifier": identifiers }));
            check_by(
                &validator,
                &value,
                &[&format!("{PUBLISHED}/two")],
                &expected,
            );
        }
    }
}

#[test]
fn slices_that_say_both_and_slices_that_say_one_are_told_apart() {
    let note = "Observation.note";
    let slicing = json!({ "slicing": { "rules": "closed", "discriminator": [
        { "type": "value", "path": "text" }, { "type": "exists", "path": "time" },
    ] } });
    let text = |slice: &str| format!("{note}:{slice}.text");
    let time = |slice: &str| format!("{note}:{slice}.time");
    let profile = Profile::on("Observation", "notes")
        .with(note, slicing)
        .slice(note, "dated", json!({}))
        .with(&text("dated"), json!({ "fixedMarkdown": "x" }))
        .with(&time("dated"), json!({ "min": 1 }))
        .slice(note, "undated", json!({}))
        .with(&text("undated"), json!({ "fixedMarkdown": "x" }))
        .with(&time("undated"), json!({ "max": "0" }))
        .slice(note, "either", json!({ "max": "1" }))
        .with(&text("either"), json!({ "fixedMarkdown": "y" }))
        .build();
    let validator = validator([profile]);
    let dated = |text: &str| json!({ "text": text, "time": "2027-01-01" });
    let undated = |text: &str| json!({ "text": text });
    for (notes, expected) in [
        (vec![dated("x"), undated("x"), dated("y")], vec![]),
        (vec![undated("y")], vec![]),
        (
            vec![undated("y"), dated("y")],
            vec!["error structure Observation.note[1]"],
        ),
        (
            vec![undated("z")],
            vec!["error structure Observation.note[0]"],
        ),
    ] {
        let value = observation(json!({ "note": notes }));
        check_by(
            &validator,
            &value,
            &[&format!("{PUBLISHED}/notes")],
            &expected,
        );
    }
}

#[test]
fn a_profile_on_an_extension_of_others_is_found_by_the_address_that_it_fixes() {
    let original = Profile::extension("original", &["Observation"]).build();
    let strict = Profile::on("Extension", "strict")
        .with(
            "Extension.url",
            json!({ "fixedUri": format!("{PUBLISHED}/original") }),
        )
        .with(
            "Extension.value[x]",
            json!({ "min": 1, "type": [{ "code": "string" }] }),
        )
        .build();
    let slicing = json!({ "slicing": { "discriminator": [{ "type": "value", "path": "url" }], "rules": "open" } });
    let of_strict = json!({ "min": 1, "max": "1", "type": [{ "code": "Extension", "profile": [format!("{PUBLISHED}/strict")] }] });
    let profile = Profile::on("Observation", "strictly")
        .with("Observation.extension", slicing)
        .slice("Observation.extension", "strict", of_strict)
        .build();
    let validator = validator([original, strict, profile]);
    let of = |value: Value| {
        let extension = merged(&json!({ "url": format!("{PUBLISHED}/original") }), &value);
        observation(json!({ "extension": [extension] }))
    };
    for (value, expected) in [
        (of(json!({ "valueString": "x" })), vec![]),
        (
            of(json!({ "valueInteger": 1 })),
            vec![
                "error structure Observation.extension[0].value",
                "error required Observation.extension[0].value",
            ],
        ),
        (
            observation(json!({})),
            vec!["error required Observation.extension"],
        ),
    ] {
        check_by(
            &validator,
            &value,
            &[&format!("{PUBLISHED}/strictly")],
            &expected,
        );
    }
}

#[test]
fn a_code_a_concept_and_a_text_are_members_of_a_value_set() {
    let gender = "http://hl7.org/fhir/ValueSet/administrative-gender";
    let concept = |codes: &[&str]| {
        let codings: Vec<_> = codes
            .iter()
            .map(|code| match *code {
                "male" => {
                    json!({ "system": "http://hl7.org/fhir/administrative-gender", "code": code })
                }
                other => json!({ "system": "http://x.test", "code": other }),
            })
            .collect();
        json!({ "valueCodeableConcept": { "coding": codings } })
    };
    let value = format!("value.memberOf('{gender}')");
    let not = format!("value.memberOf('{gender}').not()");
    let computed = format!("value.toString().lower().memberOf('{gender}')");
    let wrong: &[&str] = &["error invariant Observation x-1"];
    for (expression, held, expected) in [
        (&value, json!({ "valueString": "male" }), &[][..]),
        (&value, json!({ "valueString": "boy" }), wrong),
        (&computed, json!({ "valueString": "MALE" }), &[]),
        (&computed, json!({ "valueString": "BOY" }), wrong),
        (&value, concept(&["male"]), &[]),
        (&value, concept(&["boy", "male"]), &[]),
        (&value, concept(&["boy", "girl"]), wrong),
        (&not, concept(&["boy", "girl"]), &[]),
        (
            &not,
            json!({ "valueCodeableConcept": { "text": "male" } }),
            &[],
        ),
    ] {
        let ruled = Profile::on("Observation", "member").with("Observation", rule(expression));
        let validator = validator([ruled.build()]);
        let profile = format!("{PUBLISHED}/member");
        check_by(&validator, &observation(held), &[&profile], expected);
    }
}

#[test]
fn texts_are_alike_whatever_their_case_and_the_kind_of_their_blanks_but_not_their_number() {
    let ruled = Profile::on("Observation", "alike")
        .with("Observation", rule("value ~ code.text"))
        .build();
    let validator = validator([ruled]);
    for (one, other, is_alike) in [
        ("Grøn Stær", "grøn stær", true),
        ("a\tb", "a b", true),
        ("a\nb", "a\tb", true),
        ("a  b", "a b", false),
        ("a  b", "a \tb", true),
    ] {
        let value = observation(json!({ "code": { "text": other }, "valueString": one }));
        let expected: &[&str] = if is_alike {
            &[]
        } else {
            &["error invariant Observation x-1"]
        };
        check_by(
            &validator,
            &value,
            &[&format!("{PUBLISHED}/alike")],
            expected,
        );
    }
}

/// A Bundle whose entries refer to each other, and to what they contain.
fn bundle() -> Value {
    json!({
        "resourceType": "Bundle", "type": "collection",
        "entry": [
            { "fullUrl": "http://x.test/Patient/p", "resource": { "resourceType": "Patient", "id": "p", "active": true } },
            { "fullUrl": "urn:uuid:6f25bc89-cf8d-4757-b2a9-3c5a57026e1a", "resource": { "resourceType": "Practitioner", "active": true } },
            { "fullUrl": "http://x.test/Observation/a", "resource": observation(json!({
                "id": "a", "subject": { "reference": "Patient/p" },
                "performer": [{ "reference": "#c" }, { "reference": "urn:uuid:6f25bc89-cf8d-4757-b2a9-3c5a57026e1a" }, { "reference": "http://x.test/Patient/p" }],
                "contained": [{ "resourceType": "Organization", "id": "c", "name": "x" }],
            })) },
            { "fullUrl": "http://y.test/Observation/b", "resource": observation(json!({
                "id": "b", "subject": { "reference": "Patient/p" }, "performer": [{ "reference": "#c" }],
                "contained": [{ "resourceType": "Patient", "id": "c", "active": true }],
            })) },
        ],
    })
}

#[test]
fn a_rule_of_a_bundle_sees_what_its_entries_refer_to() {
    let bundle = bundle();
    let a = "entry[2].resource";
    let b = "entry[3].resource";
    // It would be found if it were on the same server.
    let near = "warning not-found Bundle.entry[3]";
    let wrong: &[&str] = &[near, "error invariant Bundle x-1"];
    for (expression, expected) in [
        (format!("{a}.subject.resolve() is Patient"), &[near][..]),
        (
            format!("{a}.subject.reference.resolve() is Patient"),
            &[near],
        ),
        (
            format!("{a}.performer[0].resolve() is Organization"),
            &[near],
        ),
        (
            format!("{a}.performer[1].resolve() is Practitioner"),
            &[near],
        ),
        (format!("{a}.performer[2].resolve() is Patient"), &[near]),
        (format!("{a}.performer.resolve().count() = 3"), &[near]),
        // Another server's Patient of the same id is not the one in the Bundle.
        (format!("{b}.subject.resolve().empty()"), &[near]),
        (format!("{b}.performer[0].resolve() is Patient"), &[near]),
        (format!("{b}.performer[0].resolve() is Organization"), wrong),
        ("entry.fullUrl.all(resolve().exists())".to_owned(), &[near]),
        (
            "'http://x.test/Patient/p'.resolve() is Patient".to_owned(),
            &[near],
        ),
        (
            "'http://x.test/Patient/q'.resolve().empty()".to_owned(),
            &[near],
        ),
        (
            "entry.resource.ofType(Observation).performer.resolve().count() = 4".to_owned(),
            &[near],
        ),
    ] {
        let ruled = Profile::on("Bundle", "ruled").with("Bundle", rule(&expression));
        check_by(
            &validator([ruled.build()]),
            &bundle,
            &[&format!("{PUBLISHED}/ruled")],
            expected,
        );
    }
    // A rule on an entry, and slices by what an entry's resource refers to, see the same.
    let on_entry = Profile::on("Bundle", "ruled").with(
        "Bundle.entry",
        rule("resource.subject.empty() or resource.subject.resolve().exists()"),
    );
    check_by(
        &validator([on_entry.build()]),
        &bundle,
        &[&format!("{PUBLISHED}/ruled")],
        &[near, "error invariant Bundle.entry[3] x-1"],
    );
}

#[test]
fn a_rule_of_parameters_sees_what_the_resources_in_them_contain() {
    let of = |kind: &str| {
        observation(json!({
            "performer": [{ "reference": "#c" }], "contained": [{ "resourceType": kind, "id": "c", "active": true }],
        }))
    };
    let ruled = Profile::on("Parameters", "ruled").with(
        "Parameters",
        rule("parameter.descendants().ofType(Reference).all(resolve() is Patient)"),
    );
    let validator = validator([ruled.build()]);
    let profile = format!("{PUBLISHED}/ruled");
    for (kind, expected) in [
        ("Patient", vec![]),
        ("Practitioner", vec!["error invariant Parameters x-1"]),
    ] {
        let deep = json!([{ "name": "a", "part": [{ "name": "b", "resource": of(kind) }] }]);
        let parameters = json!({ "resourceType": "Parameters", "parameter": deep });
        check_by(&validator, &parameters, &[&profile], &expected);
    }
}

#[test]
fn entries_are_told_apart_by_the_profiles_of_their_resources() {
    let of_patient = Profile::on("Patient", "a-patient").build();
    let slicing = json!({ "slicing": { "discriminator": [{ "type": "profile", "path": "resource" }], "rules": "open" } });
    let resource =
        json!({ "type": [{ "code": "Patient", "profile": [format!("{PUBLISHED}/a-patient")] }] });
    let sliced = Profile::on("Bundle", "sliced")
        .with("Bundle.entry", slicing)
        .slice("Bundle.entry", "a", json!({ "min": 1, "max": "1" }))
        .with("Bundle.entry:a.resource", resource)
        .build();
    let validator = validator([of_patient, sliced]);
    // It names what it contains itself, and another entry.
    let patient = |id: &str| {
        json!({ "resourceType": "Patient", "id": id, "active": true,
            "contained": [{ "resourceType": "Organization", "id": "o", "name": "x" }],
            "managingOrganization": { "reference": "#o" },
            "generalPractitioner": [{ "reference": "Organization/q" }] })
    };
    let organization = json!({ "resourceType": "Organization", "id": "q", "name": "y" });
    for (resources, expected) in [
        (vec![organization.clone(), patient("a")], vec![]),
        (
            vec![organization.clone()],
            vec!["error required Bundle.entry"],
        ),
        (
            vec![organization, patient("a"), patient("b")],
            vec!["error structure Bundle.entry[2]"],
        ),
    ] {
        let entry = |resource: Value| {
            let (name, id) = (resource["resourceType"].as_str(), resource["id"].as_str());
            let full_url = format!("http://x.test/{}/{}", name.unwrap(), id.unwrap());
            json!({ "fullUrl": full_url, "resource": resource })
        };
        let entries: Vec<_> = resources.into_iter().map(entry).collect();
        let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
        let profile = format!("{PUBLISHED}/sliced");
        check_by(&validator, &bundle, &[&profile], &expected);
    }
}

#[test]
fn a_required_binding_of_r4_tells_slices_apart_too() {
    let identifier = "Observation.identifier";
    let by = |path: &str| json!({ "type": "value", "path": path });
    let slicing =
        json!({ "slicing": { "discriminator": [by("system"), by("use")], "rules": "open" } });
    let profile = Profile::on("Observation", "by-use")
        .with(identifier, slicing)
        .slice(identifier, "a", json!({ "max": "1" }))
        .with(
            &format!("{identifier}:a.system"),
            json!({ "min": 1, "fixedUri": "http://a.test" }),
        )
        .build();
    let validator = validator([profile]);
    let of = |system: &str, more: Value| {
        merged(
            &json!({ "system": format!("http://{system}.test"), "value": "1" }),
            &more,
        )
    };
    let used = |name: &str| of("a", json!({ "use": name }));
    for (identifiers, expected) in [
        (
            vec![used("usual"), of("b", json!({ "use": "usual" }))],
            vec![],
        ),
        (
            vec![used("usual"), used("official")],
            vec!["error structure Observation.identifier[1]"],
        ),
        (vec![used("usual"), of("a", json!({}))], vec![]),
        (vec![of("a", json!({})), of("a", json!({}))], vec![]),
    ] {
        let observation = observation(json!({ "identifier": identifiers }));
        check_by(
            &validator,
            &observation,
            &[&format!("{PUBLISHED}/by-use")],
            &expected,
        );
    }
}

#[test]
fn every_resource_fits_a_profile_on_all_of_them() {
    for kind in ["Resource", "DomainResource"] {
        let mut of_all = Profile::on("Patient", "of-all").build();
        let url = of_all["url"].as_str().unwrap().to_owned();
        let base = format!("http://hl7.org/fhir/StructureDefinition/{kind}");
        of_all["type"] = kind.into();
        of_all["baseDefinition"] = base.into();
        let root = json!({ "id": kind, "path": kind, "min": 0, "max": "*" });
        of_all["snapshot"]["element"] = json!([merged(&root, &rule("false"))]);
        let ruled = Profile::on("Observation", "ruled")
            .with("Observation", rule(&format!("conformsTo('{url}')")))
            .build();
        let validator = validator([of_all, ruled]);
        let claims = observation(json!({ "meta": { "profile": [url] } }));
        check_by(
            &validator,
            &claims,
            &[&format!("{PUBLISHED}/ruled"), &url],
            &[],
        );
    }
}
