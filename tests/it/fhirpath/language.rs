//! The language: literals, precedence, paths, and refusals.

use serde_json::{Value, json};

use super::{check, result};

/// Makes a person with the elements that the tables ask for.
pub(super) fn person() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "p",
        "active": true,
        "name": [
            { "use": "official", "family": "Holm", "given": ["Karen", "Mette"] },
            { "use": "usual", "given": ["Kaja"], "_given": [{ "id": "g", "extension": [{ "url": "http://x", "valueCode": "c" }] }] }
        ],
        "telecom": [{ "system": "phone", "value": "1", "rank": 1 }, { "system": "phone", "value": "2", "rank": 2 }],
        "gender": "female",
        "birthDate": "1957-03-07",
        "_birthDate": { "extension": [{ "url": "http://birth", "valueDateTime": "1957-03-07T08:00:00+01:00" }] },
        "deceasedBoolean": false,
        "multipleBirthInteger": 2,
        "_maritalStatus": null,
        "contained": [{ "resourceType": "Organization", "id": "gp", "name": "Clinic" }],
        "generalPractitioner": [{ "reference": "#gp" }, { "reference": "Practitioner/7" }]
    })
}

#[test]
fn literals_are_read() {
    check(
        &json!({}),
        r#"
        true → true
        {} → nothing
        'it\'s \\ \/ \u00e6\n' → "it's \\ / æ\n"
        `a b` → nothing
        42 → 42
        2147483648 → 2147483648
        1.50 → 1.50
        @2020 → "2020"
        @2020-01 → "2020-01"
        @2020-01-31 → "2020-01-31"
        @2020T → "2020"
        @2020-01-31T10 → "2020-01-31T10"
        @2020-01-31T10:05 → "2020-01-31T10:05"
        @2020-01-31T10:05:06.070+02:00 → "2020-01-31T10:05:06.070+02:00"
        @T10:00 → "10:00"
        @T10:00:30.5 → "10:00:30.5"
        4 days → {"value":4,"unit":"day"}
        4.5 'mg' → {"value":4.5,"code":"mg"}
        %ucum → "http://unitsofmeasure.org"
        %sct → "http://snomed.info/sct"
        %loinc → "http://loinc.org"
        %`ext-a-b` → "http://hl7.org/fhir/StructureDefinition/a-b"
        %'vs-a' → "http://hl7.org/fhir/ValueSet/a"
        1 /* one */ + 2 → 3
        "#,
    );
    assert_eq!(result("1 // one\n + 2 // two", &json!({})), Ok(json!([3])));
}

#[test]
fn what_is_not_in_the_language_does_not_compile() {
    let wrong = [
        "",
        "1 +",
        "(1",
        "1)",
        "a.",
        "a..b",
        ".a",
        "'a",
        "'\\q'",
        "'\\u12'",
        "`a",
        "@",
        "@2020-13",
        "@2020-02-30",
        "@T25",
        "@T10:00Z",
        "%",
        "%nobody",
        "$that",
        "a.$this",
        "1 2",
        "a b",
        "a[1",
        "a[]",
        "{1}",
        "f()",
        "slice('a', 'b')",
        "elementDefinition()",
        "checkModifiers('x')",
        "subsumes('x')",
        "empty(1)",
        "where()",
        "iif(true)",
        "a.is()",
        "a is 5",
        "a is Some.Other",
        "a.matches('(')",
        "a.matches('(?=x)')",
        "and",
        "or true",
        "#",
        "a ! b",
        "/* a",
        "1234567890123456789012345678901234567890",
    ];
    for text in wrong {
        let error = frist::fhirpath::Expression::compile(text)
            .err()
            .map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("found")), "{text}");
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let compile = |text: String| frist::fhirpath::Expression::compile(&text).is_ok();
    for (open, close) in [("(", ")"), ("-", ""), ("a.where(", ")"), ("a[", "]")] {
        assert!(compile(open.repeat(20) + "1" + &close.repeat(20)), "{open}");
        assert!(
            !compile(open.repeat(100_000) + "1" + &close.repeat(100_000)),
            "{open}"
        );
    }
    for step in [".a", " and true", "[0]", " | a", ".first()", " is Patient"] {
        let long = "a".to_owned() + &step.repeat(150);
        assert!(compile(long.clone()), "{step}");
        assert!(!compile("a".to_owned() + &step.repeat(100_000)), "{step}");
        assert!(
            result(&long, &person()).is_ok() || step == " is Patient",
            "{step}"
        );
    }
}

#[test]
fn operators_bind_as_the_grammar_says() {
    check(
        &person(),
        "
        1 + 2 * 3 → 7
        (1 + 2) * 3 → 9
        -2 + 3 → 1
        -(2 + 3) → -5
        - 2.abs() → -2
        10 - 2 - 3 → 5
        2 * 6 div 4 mod 2 → 1
        1 | 2 + 3 → 1, 5
        1 + 1 = 2 and 2 < 3 → true
        false and false or true → true
        true or true and false → true
        true implies false or true → true
        false implies false implies false → false
        1 in 1 | 2 → true
        1 | 2 contains 2 and true → true
        'a' & 'b' = 'ab' → true
        active is boolean and true → true
        1 + 2 is Integer → true
        1 < 2 = true → true
        ",
    );
}

#[test]
fn paths_walk_the_json_of_fhir() {
    check(
        &person(),
        r#"
        Patient.name.given → "Karen", "Mette", "Kaja"
        name.family → "Holm"
        DomainResource.id → "p"
        Resource.gender → "female"
        Practitioner.name → nothing
        nobody → nothing
        name.where(use = 'usual').given.id → "g"
        name.given.extension('http://x').value → "c"
        name.given[2].extension.count() → 1
        birthDate.extension('http://birth').value → "1957-03-07T08:00:00+01:00"
        birthDate.extension('http://other') → nothing
        birthDate.hasExtension('http://birth') → true
        deceased → false
        multipleBirth → 2
        deceasedBoolean → false
        maritalStatus → nothing
        resourceType → nothing
        contained.name → "Clinic"
        contained.ofType(Organization).id → "gp"
        contained is Organization → true
        name[1].given → "Kaja"
        name[7] → nothing
        name[-1] → nothing
        name[0].given[1] → "Mette"
        name.given[name.count()] → "Kaja"
        name['a'] → error
        name[{}] → nothing
        name.select($index) → 0, 1
        name.`use` → "official", "usual"
        %resource.id → "p"
        %rootResource.id → "p"
        %context.id → "p"
        name.where(%context.id = 'p').count() → 2
        $this.id → "p"
        (4 days).unit → "day"
        (4 'mg').value → 4
        "#,
    );
}

#[test]
fn without_types_keys_alone_lead() {
    check(
        &json!({"a": [{"b": 1, "_b": {"id": "x"}}, {"b": 2}, {"c": {}}, {"resourceType": "Patient", "deceasedBoolean": true}], "d": null}),
        r#"
        a.b → 1, 2
        a.b.id → "x"
        a.c → nothing
        a.count() → 4
        d → nothing
        a.deceased → true
        a.deceasedBoolean → true
        a[3] is Patient → true
        "#,
    );
}

#[test]
fn values_and_extras_of_arrays_are_paired() {
    check(
        &json!({"resourceType": "Patient", "name": [{"given": ["A", null, "C"], "_given": [null, {"id": "b"}, {"id": "c"}, null]}]}),
        r#"
        name.given.count() → 3
        name.given.id → "b", "c"
        name.given[1] → "without a value"
        name.given[1].hasValue() → false
        name.given.where(hasValue()).count() → 2
        name.given[1].exists() → true
        name.given[1] = 'A' → false
        name.given[2].id → "c"
        name.children().count() → 3
        name.descendants().count() → 5
        "#,
    );
}
