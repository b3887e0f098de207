//! Codes: of the value set that an element is bound to, and of the system that they name
//! (<https://hl7.org/fhir/R4/terminologies.html#strength>).

use frist::fhir::Severity;
use serde_json::{Value, json};

use super::{check_by, lines, merged};
use crate::support::facade::guide_validator;
use crate::support::profile::{PUBLISHED, Profile, validator};

const INTERPRETATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";

#[test]
fn a_required_binding_takes_codes_of_the_value_set_alone() {
    let patient = |members: Value| merged(&json!({ "resourceType": "Patient" }), &members);
    for (members, expected) in [
        (json!({ "gender": "female" }), vec![]),
        (
            json!({ "gender": "Female" }),
            vec!["error code-invalid Patient.gender"],
        ),
        (
            json!({ "gender": "kvinde" }),
            vec!["error code-invalid Patient.gender"],
        ),
        (
            json!({ "name": [{ "use": "official", "text": "x" }, { "use": "daily", "text": "x" }] }),
            vec!["error code-invalid Patient.name[1].use"],
        ),
        (
            json!({ "contact": [{ "gender": "f", "name": { "text": "x" } }] }),
            vec!["error code-invalid Patient.contact[0].gender"],
        ),
        (
            json!({ "text": { "status": "made", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>" } }),
            vec!["error code-invalid Patient.text.status"],
        ),
        (json!({ "language": "da" }), vec![]),
        (
            json!({ "language": "xx-not-a-language" }),
            vec!["error code-invalid Patient.language"],
        ),
    ] {
        check_by(&guide_validator(), &patient(members), &[], &expected);
    }
    let condition = |status: Value| json!({ "resourceType": "Condition", "subject": { "reference": "Patient/1" }, "verificationStatus": status, "code": { "text": "x" } });
    let system = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
    let whole = "error code-invalid Condition.verificationStatus";
    for (status, expected) in [
        (
            json!({ "coding": [{ "system": system, "code": "confirmed" }] }),
            vec![],
        ),
        (
            json!({ "coding": [{ "system": system, "code": "confirmed" }, { "system": "http://x.test/codes", "code": "sure" }] }),
            vec![],
        ),
        (
            json!({ "coding": [{ "system": "http://x.test/codes", "code": "confirmed" }] }),
            vec![whole],
        ),
        (
            json!({ "coding": [{ "system": system, "code": "certain" }] }),
            vec![
                "error code-invalid Condition.verificationStatus.coding[0].code",
                whole,
            ],
        ),
        (
            json!({ "coding": [{ "code": "confirmed" }] }),
            vec![
                whole,
                "warning code-invalid Condition.verificationStatus.coding[0]",
            ],
        ),
        (json!({ "text": "confirmed" }), vec![whole]),
    ] {
        check_by(&guide_validator(), &condition(status), &[], &expected);
    }
}

#[test]
fn another_code_than_those_of_an_extensible_binding_is_a_warning() {
    let observation = |interpretation: Value| json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" }, "interpretation": [interpretation] });
    for (interpretation, expected) in [
        (
            json!({ "coding": [{ "system": INTERPRETATION, "code": "H" }] }),
            vec![],
        ),
        (json!({ "text": "high" }), vec![]),
        (
            json!({ "coding": [{ "system": "http://x.test/codes", "code": "H" }] }),
            vec!["warning code-invalid Observation.interpretation[0]"],
        ),
        (
            json!({ "coding": [{ "system": "http://x.test/codes", "code": "H" }, { "system": INTERPRETATION, "code": "H" }] }),
            vec![],
        ),
        (
            json!({ "coding": [{ "system": INTERPRETATION, "code": "Hi" }] }),
            vec![
                "error code-invalid Observation.interpretation[0].coding[0].code",
                "warning code-invalid Observation.interpretation[0]",
            ],
        ),
    ] {
        check_by(
            &guide_validator(),
            &observation(interpretation),
            &[],
            &expected,
        );
    }
}

#[test]
fn a_code_is_one_of_the_system_that_it_names_wherever_it_stands() {
    let tag = |system: &str, code: &str| json!({ "resourceType": "Patient", "meta": { "tag": [{ "system": system, "code": code }] } });
    let wrong = "error code-invalid Patient.meta.tag[0].code";
    for (system, code, expected) in [
        (
            "http://terminology.hl7.org/CodeSystem/common-tags",
            "actionable",
            vec![],
        ),
        (
            "http://terminology.hl7.org/CodeSystem/common-tags",
            "Actionable",
            vec![wrong],
        ),
        (
            "http://terminology.hl7.org/CodeSystem/v3-ActReason",
            "HTEST",
            vec![],
        ),
        (
            "http://terminology.hl7.org/CodeSystem/v3-ActReason",
            "TEST",
            vec![wrong],
        ),
        (
            "https://kronikerpakker.dk/fhir/CodeSystem/kp-right",
            "treatment-plan",
            vec![],
        ),
        (
            "https://kronikerpakker.dk/fhir/CodeSystem/kp-right",
            "treatment",
            vec![wrong],
        ),
        // Systems that are not here, or whose codes are not.
        ("http://x.test/codes", "anything", vec![]),
        ("http://snomed.info/sct", "13645005", vec![]),
        ("urn:oid:1.2.208.176.2.4.12", "DJ449", vec![]),
    ] {
        check_by(&guide_validator(), &tag(system, code), &[], &expected);
    }
    let quantity = |code: &str| {
        json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" },
            "valueQuantity": { "value": 1, "system": "http://unitsofmeasure.org", "code": code } })
    };
    check_by(&guide_validator(), &quantity("mm[Hg]"), &[], &[]);
    check_by(
        &guide_validator(),
        &quantity("mmHg"),
        &[],
        &["error code-invalid Observation.value.code"],
    );
}

/// Makes a value set of what it includes.
fn value_set(id: &str, include: Value) -> Value {
    json!({ "resourceType": "ValueSet", "url": format!("http://x.test/ValueSet/{id}"), "version": "1.0.0", "status": "active", "compose": { "include": [include] } })
}

/// Makes a profile with a value set of its own: two codes of a system that is known whole, and all
/// of a system that nobody here knows.
fn bound(strength: &str) -> Vec<Value> {
    let known = json!({ "resourceType": "CodeSystem", "url": "http://x.test/CodeSystem/known", "version": "1.0.0", "status": "active",
        "content": "complete", "concept": [{ "code": "a" }, { "code": "b", "concept": [{ "code": "b1" }] }, { "code": "c" }] });
    let bind = |id: &str| json!({ "binding": { "strength": strength, "valueSet": format!("http://x.test/ValueSet/{id}") } });
    let profile = Profile::on("Observation", &format!("bound-{strength}"))
        .with("Observation.method", bind("two"))
        .with("Observation.category", bind("all"))
        .with("Observation.bodySite", bind("elsewhere"))
        .with("Observation.dataAbsentReason", bind("nowhere"));
    vec![
        known,
        value_set(
            "two",
            json!({ "system": "http://x.test/CodeSystem/known", "concept": [{ "code": "a" }, { "code": "b1" }] }),
        ),
        value_set("all", json!({ "system": "http://x.test/CodeSystem/known" })),
        value_set("elsewhere", json!({ "system": "http://y.test/codes" })),
        profile.build(),
    ]
}

#[test]
fn a_profile_binds_to_a_value_set_of_its_package() {
    let coded = |code: &str| json!({ "coding": [{ "system": "http://x.test/CodeSystem/known", "code": code }] });
    for (strength, severity) in [
        ("required", Some("error")),
        ("extensible", Some("warning")),
        ("preferred", None),
        ("example", None),
    ] {
        let validator = validator(bound(strength));
        let profile = format!("{PUBLISHED}/bound-{strength}");
        let outside = |element: &str| {
            severity.map(|severity| format!("{severity} code-invalid Observation.{element}"))
        };
        let unknown = |element: &str| {
            Some(format!(
                "error code-invalid Observation.{element}.coding[0].code"
            ))
        };
        for (member, value, expected) in [
            ("method", coded("a"), vec![]),
            ("method", coded("b1"), vec![]),
            ("method", coded("b"), vec![outside("method")]),
            (
                "method",
                coded("z"),
                vec![unknown("method"), outside("method")],
            ),
            (
                "method",
                json!({ "text": "x" }),
                vec![outside("method").filter(|_| strength == "required")],
            ),
            ("category", json!([coded("b1"), coded("c")]), vec![]),
            (
                "category",
                json!([coded("c"), { "coding": [{ "system": "http://y.test/codes", "code": "c" }] }]),
                vec![outside("category[1]")],
            ),
            (
                "bodySite",
                json!({ "coding": [{ "system": "http://y.test/codes", "code": "anything" }] }),
                vec![],
            ),
            (
                "dataAbsentReason",
                json!({ "coding": [{ "system": "http://y.test/codes", "code": "anything" }] }),
                vec![],
            ),
        ] {
            let mut observation = json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } });
            observation[member] = value;
            let expected: Vec<String> = expected.into_iter().flatten().collect();
            check_by(
                &validator,
                &observation,
                &[&profile],
                &expected.iter().map(String::as_str).collect::<Vec<_>>(),
            );
        }
    }
}

#[test]
fn what_nobody_here_can_check_is_told_once() {
    let validator = validator(bound("required"));
    let elsewhere = json!({ "coding": [{ "system": "http://y.test/codes", "code": "anything" }] });
    let observation = json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" }, "bodySite": elsewhere });
    let twice = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "fullUrl": "urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c", "resource": merged(&observation, &json!({ "meta": { "profile": [format!("{PUBLISHED}/bound-required")] } })) },
        { "fullUrl": "urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0d", "resource": merged(&observation, &json!({ "meta": { "profile": [format!("{PUBLISHED}/bound-required")] } })) },
    ] });
    let issues = validator.check(&twice, &[]);
    let notes: Vec<_> = issues
        .iter()
        .filter(|issue| issue.text.contains("http://x.test/ValueSet/elsewhere"))
        .collect();
    assert_eq!(notes.len(), 1, "{issues:?}");
    assert_eq!(
        (notes[0].severity, notes[0].expression.as_str()),
        (Severity::Information, "")
    );
}

#[test]
fn a_relative_address_names_no_code_system_wherever_it_stands() {
    let relative = json!({ "system": "codes/local", "code": "x" });
    let of = |resource: Value, at: &str| (resource, format!("error code-invalid {at}.system"));
    let patient = |members: Value| merged(&json!({ "resourceType": "Patient" }), &members);
    let concept = json!({ "coding": [relative] });
    for (resource, expected) in [
        of(
            patient(json!({ "maritalStatus": concept })),
            "Patient.maritalStatus.coding[0]",
        ),
        of(
            patient(json!({ "meta": { "tag": [relative] } })),
            "Patient.meta.tag[0]",
        ),
        of(
            patient(json!({ "meta": { "security": [relative] } })),
            "Patient.meta.security[0]",
        ),
        of(
            patient(
                json!({ "identifier": [{ "type": concept, "system": "http://x.test", "value": "1" }] }),
            ),
            "Patient.identifier[0].type.coding[0]",
        ),
        of(
            patient(
                json!({ "extension": [{ "url": "http://x.test/e", "valueCoding": relative }] }),
            ),
            "Patient.extension[0].value",
        ),
        of(
            patient(
                json!({ "extension": [{ "url": "http://x.test/e", "valueCodeableConcept": concept }] }),
            ),
            "Patient.extension[0].value.coding[0]",
        ),
        of(
            patient(
                json!({ "contact": [{ "name": { "family": "A" }, "relationship": [concept] }] }),
            ),
            "Patient.contact[0].relationship[0].coding[0]",
        ),
        of(
            json!({ "resourceType": "Encounter", "status": "finished", "class": relative }),
            "Encounter.class",
        ),
        of(
            json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "fullUrl": "http://x.test/Patient/a",
                "resource": { "resourceType": "Patient", "id": "a", "maritalStatus": concept } }] }),
            "Bundle.entry[0].resource.maritalStatus.coding[0]",
        ),
    ] {
        let found = lines(&guide_validator().check(&resource, &[]));
        let errors: Vec<_> = found
            .iter()
            .filter(|line| line.starts_with("error"))
            .collect();
        assert_eq!(errors, [&expected], "{resource}");
        // So it is without a code.
        let alone = resource.to_string().replace(",\"code\":\"x\"", "");
        let alone: Value = serde_json::from_str(&alone).unwrap();
        assert_ne!(alone, resource);
        let found = lines(&guide_validator().check(&alone, &[]));
        assert!(found.contains(&expected), "{alone}: {found:?}");
    }
}

/// Makes a package in which a method is of a value set that names two others at once.
fn of_two_value_sets() -> Vec<Value> {
    let concepts = |codes: &[&str]| {
        let codes: Vec<_> = codes.iter().map(|code| json!({ "code": code })).collect();
        json!({ "system": "http://x.test/CodeSystem/known", "concept": codes })
    };
    let binding =
        json!({ "binding": { "strength": "required", "valueSet": "http://x.test/ValueSet/both" } });
    vec![
        value_set("one", concepts(&["a", "b"])),
        value_set("two", concepts(&["b", "c"])),
        value_set(
            "both",
            json!({ "valueSet": ["http://x.test/ValueSet/one", "http://x.test/ValueSet/two"] }),
        ),
        Profile::on("Observation", "of-two")
            .with("Observation.method", binding)
            .build(),
    ]
}

#[test]
fn a_code_of_one_of_several_value_sets_is_a_warning() {
    let validator = validator(of_two_value_sets());
    for (code, severity) in [
        ("a", "warning"),
        ("b", ""),
        ("c", "warning"),
        ("d", "error"),
    ] {
        let method =
            json!({ "coding": [{ "system": "http://x.test/CodeSystem/known", "code": code }] });
        let observation = json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" }, "method": method });
        let expected = format!("{severity} code-invalid Observation.method");
        let expected = [expected.as_str()];
        let expected = if severity.is_empty() {
            &[][..]
        } else {
            &expected
        };
        check_by(
            &validator,
            &observation,
            &[&format!("{PUBLISHED}/of-two")],
            expected,
        );
    }
}

#[test]
fn who_sends_words_alone_is_told_each_system_that_is_known_once() {
    let known = "one of a, b1 (value set http://x.test/ValueSet/two) (system http://x.test/CodeSystem/known)";
    let code = |system: &str, code: &str| json!({ "system": format!("http://{system}.test"), "concept": [{ "code": code }] });
    let mut several = value_set("several", code("a", "1"));
    several["compose"]["include"] = json!([code("a", "1"), code("b", "2"), code("a", "3")]);
    let of_several = Profile::on("Observation", "of-several")
        .with("Observation.method", json!({ "binding": { "strength": "required", "valueSet": "http://x.test/ValueSet/several" } }))
        .build();
    let known_twice = "one of 1, 2, 3 (value set http://x.test/ValueSet/several) (systems http://a.test, http://b.test)";
    for (definitions, profile, expected) in [
        (bound("required"), "bound-required", known),
        (vec![several, of_several], "of-several", known_twice),
    ] {
        let observation = json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" }, "method": { "text": "x" } });
        let found =
            validator(definitions).check(&observation, &[&format!("{PUBLISHED}/{profile}")]);
        let texts: Vec<_> = found.iter().map(|issue| issue.text.as_str()).collect();
        let expected = format!("Observation.method: expected {expected}, found none");
        assert!(texts.contains(&expected.as_str()), "{texts:?}");
    }
}
