//! Membership in value sets that the tests define: compositions, expansions, and doubts.

use frist::schema::{CodeSystemContent, Definitions, Doubt, Membership, Package};
use serde_json::{Value, json};

use super::membership::CORE;

/// Returns the core package and these definitions.
fn with(definitions: &[Value]) -> Definitions {
    let texts = definitions
        .iter()
        .map(|definition| definition.to_string().into())
        .collect();
    Definitions::core()
        .with(&Package::from_definitions("test", "1", texts))
        .unwrap()
}

/// Makes a code system in which `whole` stands above `Part`, and `part-of-both` below it and below
/// `other`.
fn system() -> Value {
    json!({"resourceType": "CodeSystem", "url": "http://x/s", "version": "2", "content": "complete", "caseSensitive": true, "concept": [
        {"code": "whole", "display": "Whole", "concept": [{"code": "Part", "display": "Part", "concept": [{"code": "both"}]}]},
        {"code": "other", "property": [{"code": "child", "valueCode": "both"}]},
    ]})
}

fn value_set(compose: Value) -> Value {
    json!({"resourceType": "ValueSet", "url": "http://x/v", "compose": compose})
}

#[test]
fn compositions() {
    let filter = |property: &str, op: &str, value: &str| json!({"include": [{"system": "http://x/s", "filter": [{"property": property, "op": op, "value": value}]}]});
    let all = ["whole", "Part", "both", "other"];
    for (compose, members) in [
        (json!({"include": [{"system": "http://x/s"}]}), &all[..]),
        (json!({"include": [{"system": "http://x/s|2"}]}), &all),
        (
            json!({"include": [{"system": "http://x/s", "version": "2"}]}),
            &all,
        ),
        (
            json!({"include": [{"system": "http://x/s", "concept": [{"code": "Part"}]}, {"system": "http://x/t"}]}),
            &["Part"],
        ),
        (
            json!({"include": [{"system": "http://x/s"}], "exclude": [{"system": "http://x/s", "concept": [{"code": "Part"}]}]}),
            &["whole", "both", "other"],
        ),
        (
            filter("concept", "is-a", "whole"),
            &["whole", "Part", "both"],
        ),
        (filter("concept", "is-a", "other"), &["both", "other"]),
        (filter("code", "descendent-of", "whole"), &["Part", "both"]),
        (filter("concept", "is-not-a", "Part"), &["whole", "other"]),
        (filter("concept", "generalizes", "Part"), &["whole", "Part"]),
        (filter("concept", "=", "Part"), &["Part"]),
        (filter("concept", "in", "Part, both"), &["Part", "both"]),
        (
            filter("concept", "not-in", "Part,both"),
            &["whole", "other"],
        ),
        (filter("concept", "is-a", "no-such-code"), &[]),
        (
            json!({"include": [{"system": "http://x/s", "valueSet": ["http://x/w"]}]}),
            &["Part"],
        ),
        (
            json!({"include": [{"valueSet": ["http://x/w"]}]}),
            &["Part"],
        ),
        (json!({"include": [{}]}), &[]),
    ] {
        let inner = json!({"resourceType": "ValueSet", "url": "http://x/w", "compose": {"include": [{"system": "http://x/s", "concept": [{"code": "Part"}]}]}});
        let definitions = with(&[system(), value_set(compose.clone()), inner]);
        for code in all {
            let expected = if members.contains(&code) {
                Membership::In
            } else {
                Membership::NotIn
            };
            assert_eq!(
                definitions.membership("http://x/v", Some("http://x/s"), code),
                expected,
                "{compose} {code}"
            );
        }
        assert_eq!(
            definitions.membership("http://x/v", Some("http://x/s"), "part"),
            Membership::NotIn,
            "{compose}"
        );
        assert_eq!(
            definitions.membership("http://x/v", Some("http://x/u"), "Part"),
            Membership::NotIn,
            "{compose}"
        );
    }
}

#[test]
fn of_several_value_sets_in_one_inclusion_a_code_is_in_all_or_in_none_or_in_doubt() {
    let set = |name: &str, codes: &[&str]| {
        let codes: Vec<_> = codes.iter().map(|code| json!({ "code": code })).collect();
        json!({ "resourceType": "ValueSet", "url": format!("http://x/{name}"),
            "compose": { "include": [{ "system": "http://x/s", "concept": codes }] } })
    };
    let definitions = with(&[
        system(),
        set("one", &["whole", "Part"]),
        set("two", &["Part", "both"]),
        value_set(json!({ "include": [{ "valueSet": ["http://x/one", "http://x/two"] }] })),
    ]);
    let doubt = Membership::Unknown(Doubt::OneOfSeveral("http://x/v".into()));
    for (code, expected) in [
        ("Part", Membership::In),
        ("whole", doubt.clone()),
        ("both", doubt),
        ("other", Membership::NotIn),
    ] {
        let found = definitions.membership("http://x/v", Some("http://x/s"), code);
        assert_eq!(found, expected, "{code}");
    }
    // One of them that is not known changes nothing for a code that is in none of the others.
    let definitions = with(&[
        system(),
        set("one", &["whole"]),
        value_set(json!({ "include": [{ "valueSet": ["http://x/one", "http://x/none"] }] })),
    ]);
    for (code, expected) in [
        (
            "whole",
            Membership::Unknown(Doubt::UnknownValueSet("http://x/none".into())),
        ),
        ("other", Membership::NotIn),
    ] {
        let found = definitions.membership("http://x/v", Some("http://x/s"), code);
        assert_eq!(found, expected, "{code}");
    }
}

#[test]
fn what_the_definitions_do_not_decide_is_a_doubt() {
    let unknown = |url: &str| Membership::Unknown(Doubt::UnknownSystem(url.into()));
    let filters = |property: &str, op: &str| json!({"include": [{"system": "http://x/s", "filter": [{"property": property, "op": op, "value": "Part"}]}]});
    for (compose, expected) in [
        (
            json!({"include": [{"system": "http://x/none"}, {"system": "http://x/s"}]}),
            unknown("http://x/none"),
        ),
        (
            json!({"include": [{"system": "http://x/s", "version": "1"}]}),
            unknown("http://x/s|1"),
        ),
        (
            json!({"include": [{"valueSet": ["http://x/none"]}]}),
            Membership::Unknown(Doubt::UnknownValueSet("http://x/none".into())),
        ),
        (
            json!({"include": [{"valueSet": ["http://x/v"]}]}),
            Membership::Unknown(Doubt::Circle("http://x/v".into())),
        ),
        (
            json!({}),
            Membership::Unknown(Doubt::NoContent("http://x/v".into())),
        ),
        (
            filters("display", "="),
            Membership::Unknown(Doubt::Filter("http://x/s".into())),
        ),
        (
            filters("concept", "regex"),
            Membership::Unknown(Doubt::Filter("http://x/s".into())),
        ),
    ] {
        let definitions = with(&[system(), value_set(compose.clone())]);
        let code = if compose.to_string().contains("http://x/none\"},") {
            "nowhere"
        } else {
            "Part"
        };
        assert_eq!(
            definitions.membership("http://x/v", None, code),
            expected,
            "{compose}"
        );
    }
}

#[test]
fn an_expansion_decides_where_the_composition_cannot() {
    let expanded = |total: u32| {
        json!({"resourceType": "ValueSet", "url": "http://x/v", "compose": {"include": [{"system": "http://x/none"}]}, "expansion": {"total": total,
            "contains": [{"system": "http://x/none", "abstract": true, "code": "g", "contains": [{"system": "http://x/none", "code": "a"}]}]}})
    };
    let doubt = Membership::Unknown(Doubt::UnknownSystem("http://x/none".into()));
    for (total, code, expected) in [
        (1, "a", Membership::In),
        (1, "b", Membership::NotIn),
        (1, "g", Membership::NotIn),
        (2, "a", Membership::In),
        (2, "b", doubt),
    ] {
        assert_eq!(
            with(&[expanded(total)]).membership("http://x/v", Some("http://x/none"), code),
            expected,
            "{total} {code}"
        );
    }
}

#[test]
fn a_system_that_does_not_say_that_case_matters_takes_codes_in_any_case() {
    let mut lax = system();
    lax["caseSensitive"] = json!(false);
    for compose in [
        json!({"include": [{"system": "http://x/s"}]}),
        json!({"include": [{"system": "http://x/s", "concept": [{"code": "Part"}]}]}),
    ] {
        let definitions = with(&[lax.clone(), value_set(compose)]);
        assert_eq!(
            definitions.membership("http://x/v", Some("http://x/s"), "PART"),
            Membership::In
        );
    }
}

#[test]
fn what_codes_are_called() {
    let gender = CORE
        .code_system("http://hl7.org/fhir/administrative-gender")
        .unwrap();
    assert_eq!(
        (
            gender.content,
            gender.display("male", None),
            gender.display("man", None)
        ),
        (CodeSystemContent::Complete, Some("Male"), None)
    );
    let supplement = json!({"resourceType": "CodeSystem", "url": "http://x/da", "content": "supplement",
        "supplements": "http://hl7.org/fhir/administrative-gender|4.0.1",
        "concept": [{"code": "male", "designation": [{"language": "da", "value": "Mand"}]}]});
    let definitions = with(&[supplement]);
    assert_eq!(
        definitions.displays("http://hl7.org/fhir/administrative-gender", "male"),
        ["Male", "Mand"]
    );
    assert_eq!(
        definitions
            .code_system("http://x/da")
            .unwrap()
            .display("male", Some("da")),
        Some("Mand")
    );
    assert!(
        definitions
            .displays("http://hl7.org/fhir/administrative-gender", "man")
            .is_empty()
    );
    assert!(definitions.displays("http://x/none", "male").is_empty());
}
