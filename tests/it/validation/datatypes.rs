//! Data types: what is asked of a value besides structure, terminology and invariants; references
//! and contained resources.
//!
//! Verdicts are those of the HL7 validator (6.7.9) unless a row says otherwise.

use frist::validation::contained;
use frist::validation::datatypes::{self, ReferenceTarget, Targets, ValueContext};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Returns some of the resource types of R4.
pub(super) fn is_resource(name: &str) -> bool {
    #[rustfmt::skip]
    const NAMES: &[&str] = &[
        "Patient", "Group", "Observation", "Organization", "Practitioner", "Condition", "Encounter", "CodeSystem", "Composition", "MessageHeader",
        "Provenance", "OperationOutcome", "Bundle",
    ];
    NAMES.contains(&name)
}

fn surroundings() -> ValueContext<'static> {
    ValueContext {
        in_concept: false,
        in_extension: false,
        is_value_set: &|address| address.contains("/ValueSet/"),
        is_code_system: &|address| address == "http://hl7.org/fhir/observation-status",
        is_extension: &|address| address == "http://x.org/known",
    }
}

/// Returns the findings about a value as `severity path`.
fn findings(type_name: &str, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    datatypes::check(
        type_name,
        value,
        &surroundings(),
        &mut |severity, _, path, _| found.push(format!("{} {path}", severity.as_str())),
    );
    found
}

/// Rows for one data type: values, and what is found about each of them.
fn check(type_name: &str, rows: &[(&str, &[Value])]) {
    for (expected, values) in rows {
        let expected: Vec<_> = expected.split_terminator(", ").collect();
        for value in *values {
            assert_eq!(findings(type_name, value), expected, "{type_name} {value}");
        }
    }
}

#[test]
fn the_system_of_an_identifier_is_absolute() {
    let of = |system: &str, value: &str| json!({ "system": system, "value": value });
    let uuid = "0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c";
    let uri = "urn:ietf:rfc:3986";
    check(
        "Identifier",
        &[
            (
                "",
                &[
                    of("http://x.org", "1"),
                    of("ldap:x", "1"),
                    of("urn:oid.1.2.3", "1"),
                    json!({ "value": "1" }),
                    json!({ "system": "http://x" }),
                ],
            ),
            (
                "error .system",
                &[
                    of("x", "1"),
                    of("mailto:x", "1"),
                    of("HTTP://x", "1"),
                    of("#x", "1"),
                    of("/x", "1"),
                ],
            ),
            (
                "",
                &[
                    of(uri, "http://x"),
                    of(uri, "file:/x"),
                    of(uri, "X:y"),
                    of(uri, "a:"),
                ],
            ),
            (
                "error .value",
                &[
                    of(uri, "x"),
                    of(uri, "file:x"),
                    of(uri, ":y"),
                    of("https://tools.ietf.org/html/rfc4122", "x"),
                ],
            ),
            (
                "warning .value",
                &[
                    of("https://tools.ietf.org/html/rfc4122", uuid),
                    of("https://tools.ietf.org/html/rfc4122", "urn:uuid:x"),
                ],
            ),
        ],
    );
}

#[test]
fn the_system_of_a_code_is_one_of_a_code_system() {
    let of = |system: &str| json!({ "system": system, "code": "1" });
    let wrong = [
        of("x"),
        of("ldap:x"),
        of("#x"),
        of("http://hl7.org/fhir/ValueSet/observation-status"),
        of("http://hl7.org/fhir/nothing"),
        of("http://build.fhir.org/x"),
        of("https://hl7.org/fhir/observation-status"),
        of("http://loinc.org/"),
        json!({ "system": "x" }),
        json!({ "system": "x", "display": "x" }),
    ];
    let fine = [
        of("http://x.org"),
        of("http://hl7.org/fhir/observation-status"),
        of("http://hl7.org/fhir/sid/icd-10"),
        of("urn:oid:1.2.208.176.2.4.12"),
    ];
    check(
        "Coding",
        &[
            ("", &fine),
            (
                "",
                &[
                    json!({ "display": "x" }),
                    json!({ "system": "http://x.org", "display": "x" }),
                    json!({ "system": "http://hl7.org/fhir/ValueSet/x" }),
                ],
            ),
            ("error .system", &wrong),
            ("warning ", &[json!({ "code": "1" })]),
        ],
    );
    check(
        "Quantity",
        &[
            ("", &fine),
            ("error .system", &wrong),
            (
                "",
                &[json!({ "value": 1 }), json!({ "value": 1, "unit": "kg" })],
            ),
            (
                "warning .code",
                &[json!({ "value": 1, "system": "http://unitsofmeasure.org", "code": "{x}" })],
            ),
        ],
    );
    check(
        "CodeableConcept",
        &[
            ("", &[json!({ "coding": fine }), json!({ "text": "x" })]),
            (
                "warning .coding[0]",
                &[
                    json!({ "coding": [{ "system": "ldap:x", "code": "1" }] }),
                    json!({ "coding": [{ "code": "1" }] }),
                ],
            ),
        ],
    );
}

#[test]
fn an_attachment_says_what_it_holds() {
    check(
        "Attachment",
        &[
            (
                "",
                &[
                    json!({ "contentType": "text/plain" }),
                    json!({ "url": "x", "size": 3 }),
                    json!({ "language": "da" }),
                ],
            ),
            ("warning ", &[json!({ "title": "x" })]),
            (
                "",
                &[
                    json!({ "data": "QUJD", "size": 3 }),
                    json!({ "data": "QUI=", "size": 2 }),
                    json!({ "data": "QQ==", "size": 1 }),
                ],
            ),
            ("error .size", &[json!({ "data": "QUJD", "size": 4 })]),
            ("error .hash", &[json!({ "data": "QUJD", "hash": "AAAA" })]),
            (
                "",
                &[json!({ "hash": "AAAA", "contentType": "text/plain" })],
            ),
        ],
    );
}

#[test]
fn the_address_of_an_extension_is_absolute() {
    let of = |url: &str| json!({ "url": url, "valueString": "x" });
    check(
        "Extension",
        &[
            ("", &[of("http://x.org/e"), of("urn:x"), of("")]),
            (
                "error .url",
                &[
                    of("x"),
                    of("#x"),
                    of("HTTP://x.org/e"),
                    of("http://x.org/known|1"),
                ],
            ),
            ("warning .url", &[of("http://x.org/e|1")]),
        ],
    );
    let mut found = 0;
    datatypes::check(
        "Extension",
        &of("x"),
        &ValueContext {
            in_extension: true,
            ..surroundings()
        },
        &mut |_, _, _, _| found += 1,
    );
    datatypes::check(
        "Coding",
        &json!({ "code": "x" }),
        &ValueContext {
            in_concept: true,
            ..surroundings()
        },
        &mut |_, _, _, _| found += 1,
    );
    assert_eq!(found, 0);
}

/// Returns the findings about a reference to Patient or Group, beside a contained Patient `p` and
/// Observation `o`.
fn reference_findings(value: &Value) -> Vec<String> {
    let resolve = |address: &str| match address {
        "#p" => ReferenceTarget::Found("Patient"),
        "#o" => ReferenceTarget::Found("Observation"),
        _ => ReferenceTarget::Elsewhere,
    };
    let mut found = Vec::new();
    let targets = Targets {
        allowed: &["Patient", "Group"],
        is_resource: &is_resource,
        resolve: &resolve,
    };
    datatypes::check_reference(value, &targets, &mut |severity, _, path, _| {
        found.push(format!("{} {path}", severity.as_str()))
    });
    found
}

#[test]
fn a_reference_is_an_address_of_the_right_type() {
    let to = |address: &str| json!({ "reference": address });
    for (expected, addresses) in [
        (
            &[][..],
            &[
                "Patient/1",
                "Patient/1/_history/2",
                "http://x.org/fhir/Group/1",
                "x",
                "urn:uuid:x",
                "Foo/1",
                "#p",
                "Patient/a_b",
            ][..],
        ),
        (
            &[],
            &[
                "Patient?identifier=http://x.org|1",
                "Patient?name:exact=x&_id=1,2",
                "Foo?x",
                "http://tools.ietf.org/html/bcp47",
            ],
        ),
        (
            &["error .reference"],
            &[
                "a b",
                "Patient/1 ",
                "Patient?x",
                "Patient?",
                "Patient?a=b=c",
                "Patient?identifier=a b",
                "#x",
                "#",
            ],
        ),
        (&["error "], &["#o"]),
        // The HL7 validator, as it comes, looks only at targets that are at hand. The definitions
        // name the types that are allowed:
        // https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.targetProfile
        (
            &["error "],
            &[
                "Observation/1",
                "http://x.org/fhir/Observation/1",
                "Observation/1/_history/1",
                "Observation?code=x",
            ],
        ),
    ] {
        for address in addresses {
            assert_eq!(reference_findings(&to(address)), expected, "{address}");
        }
    }
}

#[test]
fn the_stated_type_is_that_of_the_target() {
    let identifier = json!({ "value": "1" });
    for (value, expected) in [
        (
            json!({ "reference": "Patient/1", "type": "Patient" }),
            &[][..],
        ),
        (
            json!({ "reference": "http://x.org/a/b", "type": "Patient" }),
            &[],
        ),
        (
            json!({ "reference": "Patient/1", "type": "Group" }),
            &["error .type"],
        ),
        (
            json!({ "reference": "#p", "type": "Group" }),
            &["error .type"],
        ),
        (
            json!({ "reference": "Foo/1", "type": "Observation" }),
            &["error "],
        ),
        (json!({ "identifier": identifier, "type": "Patient" }), &[]),
        (json!({ "identifier": { "system": "http://x" } }), &[]),
        (json!({ "display": "x" }), &[]),
        (
            json!({ "identifier": identifier, "type": "patient" }),
            &["error .type", "error "],
        ),
        (json!({ "identifier": { "use": "usual" } }), &["warning "]),
        (json!({ "type": "Patient" }), &["warning "]),
        // Without an address the HL7 validator does not look at the type.
        (
            json!({ "identifier": identifier, "type": "Observation" }),
            &["error "],
        ),
    ] {
        assert_eq!(reference_findings(&value), expected, "{value}");
    }
}

#[test]
fn contained_resources_are_referred_to() {
    let patient = json!({ "resourceType": "Patient", "id": "p" });
    let with = |name: &str, member: Value| super::merged(&patient, &json!({ name: member }));
    let organization = json!({ "resourceType": "Organization", "id": "o" });
    let orphan = "error .contained[0] dom-3";
    for (edit, contained, expected) in [
        (
            json!({ "subject": { "reference": "#p" } }),
            vec![patient.clone()],
            &[][..],
        ),
        (json!({ "valueUri": "#p" }), vec![patient.clone()], &[]),
        (
            json!({ "text": { "div": "<div>it's \"a\" <a href='#p'>x</a></div>" } }),
            vec![patient.clone()],
            &[],
        ),
        (
            json!({ "text": { "div": "<div>#p</div>" } }),
            vec![patient.clone()],
            &[orphan],
        ),
        (json!({ "display": "#p" }), vec![patient.clone()], &[orphan]),
        (json!({}), vec![patient.clone()], &[orphan]),
        (
            json!({}),
            vec![with("link", json!({ "reference": "#" }))],
            &[],
        ),
        (
            json!({}),
            vec![with("link", json!({ "reference": "#p" }))],
            &[orphan],
        ),
        (
            json!({ "a": "#p" }),
            vec![
                with("link", json!({ "reference": "#o" })),
                organization.clone(),
            ],
            &[],
        ),
        (
            json!({}),
            vec![with("link", json!({ "reference": "#o" })), organization],
            &[orphan, "error .contained[1] dom-3"],
        ),
        (
            json!({ "a": "#p" }),
            vec![json!({ "resourceType": "Patient" })],
            &["error .contained[0].id ", orphan],
        ),
        (
            json!({ "a": "#p" }),
            vec![patient.clone(), patient.clone()],
            &["error .contained[1].id "],
        ),
    ] {
        let resource = super::merged(
            &json!({ "resourceType": "Condition", "contained": contained }),
            &edit,
        );
        let mut found = Vec::new();
        contained::check(&resource, &mut |severity, _, path, rule, _| {
            found.push(format!("{} {path} {rule}", severity.as_str()))
        });
        assert_eq!(found, expected, "{resource}");
    }
}

/// Returns any JSON, with names that FHIR uses.
pub(super) fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        "(#|urn:|http://x/|Patient/|\\?|=|/|_history/|æ|[|])*".prop_map(String::from),
        prop::sample::select(vec![
            "Patient",
            "Bundle",
            "Composition",
            "self",
            "match",
            "1"
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let name = prop::sample::select(vec![
            "resourceType",
            "id",
            "type",
            "reference",
            "fullUrl",
            "resource",
            "entry",
            "link",
            "relation",
            "url",
            "search",
            "mode",
            "contained",
            "system",
            "value",
            "code",
            "coding",
            "identifier",
            "data",
            "size",
            "hash",
            "section",
            "meta",
            "versionId",
            "div",
            "request",
            "method",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_makes_a_check_fail(value in any_json()) {
        for type_name in ["Identifier", "Coding", "CodeableConcept", "Quantity", "Attachment", "Extension", "Reference", "x"] {
            findings(type_name, &value);
        }
        reference_findings(&value);
        contained::check(&value, &mut |_, _, _, _, _| {});
        contained::check(&json!({ "contained": [value, value] }), &mut |_, _, _, _, _| {});
    }
}
