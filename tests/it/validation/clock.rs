//! Rules that ask for the time, and rules that nobody here can answer.

use frist::fhir::Resource;
use frist::schema::Unevaluated;
use frist::validation::{self, CheckContext, Validator};
use serde_json::{Value, json};

use super::{check_by, lines};
use crate::support::profile::{PUBLISHED, Profile, validator};

/// Holds a resource against a profile at an instant; exactly these findings must come.
#[track_caller]
fn check_at(validator: &Validator, now: &str, value: &Value, profile: &str, expected: &[&str]) {
    let context = CheckContext {
        validator,
        profiles: &[profile],
        now: now.parse().unwrap(),
        why_no_group: &|_| None,
    };
    let resource = Resource::from_value(value.clone()).unwrap();
    let found = lines(&validation::check(&resource, &context));
    assert_eq!(found, expected, "{value} at {now}");
}

fn rule(expression: &str) -> Value {
    json!([{ "key": "x-1", "severity": "error", "human": "a rule", "expression": expression }])
}

/// Makes a validator with a profile on Observation that has this rule.
fn with_rule(expression: &str) -> Validator {
    let profile = Profile::on("Observation", "ruled")
        .with("Observation", json!({ "constraint": rule(expression) }));
    validator([profile.build()])
}

fn observation(effective: &str) -> Value {
    json!({ "resourceType": "Observation", "status": "final", "code": { "coding": [{ "system": "http://x.test", "code": "x" }], "text": "x" }, "effectiveDateTime": effective })
}

#[test]
fn a_rule_knows_the_instant_of_the_check_and_its_day_in_copenhagen() {
    let table = "
        effective <= today()     2027-03-01T22:59:59Z 2027-03-01                holds
        effective <= today()     2027-03-01T22:59:59Z 2027-03-02                fails
        effective <= today()     2027-03-01T23:00:00Z 2027-03-02                holds
        effective <= today()     2027-07-01T22:00:00Z 2027-07-02                holds
        effective <= today()     2027-07-01T21:59:59Z 2027-07-02                fails
        effective <= now()       2027-03-01T10:00:00Z 2027-03-01T11:00:00+01:00 holds
        effective <= now()       2027-03-01T10:00:00Z 2027-03-01T11:00:01+01:00 fails
        effective <= now()       2027-03-01T10:00:00Z 2027-03-01T10:00:00Z      holds
        effective > now() - 1 year 2027-03-01T10:00:00Z 2026-03-01T10:00:01Z    holds
        effective > now() - 1 year 2027-03-01T10:00:00Z 2026-03-01T10:00:00Z    fails
        timeOfDay() < @T12:00    2027-07-01T09:59:59Z 2027                      holds
        timeOfDay() < @T12:00    2027-07-01T10:00:00Z 2027                      fails
        now() = now()            2027-07-01T10:00:00Z 2027                      holds
        today() = now().toDate() 2027-07-01T22:00:00Z 2027                      holds
    ";
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let words: Vec<_> = row.split_whitespace().collect();
        let (expression, rest) = words.split_at(words.len() - 3);
        let (expression, effective) = (expression.join(" "), rest[1]);
        let (now, answer) = (rest[0], rest[2]);
        let expected: &[&str] = match answer {
            "holds" => &[],
            _ => &["error invariant Observation x-1"],
        };
        check_at(
            &with_rule(&expression),
            now,
            &observation(effective),
            &format!("{PUBLISHED}/ruled"),
            expected,
        );
    }
}

#[test]
fn a_rule_that_nobody_here_can_answer_is_a_warning() {
    let unchecked: &[&str] = &["warning not-supported  x-1"];
    let wrong: &[&str] = &["error invariant Observation x-1"];
    for (expression, expected) in [
        ("status.noSuchFunction()", unchecked),
        ("status = ", unchecked),
        (
            "code.memberOf('http://x.test/no-such-value-set')",
            unchecked,
        ),
        (
            "code.where(memberOf('http://x.test/no-such-value-set')).exists()",
            unchecked,
        ),
        ("conformsTo('http://x.test/no-such-profile')", unchecked),
        // What holds or fails all the same is said.
        (
            "status = 'final' or code.memberOf('http://x.test/no-such-value-set')",
            &[],
        ),
        ("status = 'draft'", wrong),
        // The data may be wrong for a rule; that is no fault of the rule's.
        ("(status | code.text).single() = 'final'", wrong),
        ("", &[]),
    ] {
        let profile = format!("{PUBLISHED}/ruled");
        let now = "2027-03-01T10:00:00Z";
        check_at(
            &with_rule(expression),
            now,
            &observation("2027"),
            &profile,
            expected,
        );
    }
}

#[test]
fn a_check_without_a_clock_leaves_out_the_rules_that_ask_for_it() {
    let validator = with_rule("effective <= today()");
    let profile = format!("{PUBLISHED}/ruled");
    for (effective, expected) in [
        ("2027-03-01", ["warning not-supported  x-1"]),
        ("9999-03-01", ["warning not-supported  x-1"]),
    ] {
        check_by(&validator, &observation(effective), &[&profile], &expected);
    }
}

#[test]
fn a_rule_about_the_place_of_an_extension_is_one_like_any_other() {
    let of = |invariant: &str| {
        let extension = Profile::extension("placed", &["Observation"])
            .saying("contextInvariant", json!([invariant]));
        validator([extension.build()])
    };
    let value = json!({
        "resourceType": "Observation", "status": "final", "code": { "text": "x" }, "effectiveDateTime": "2027-03-01",
        "extension": [{ "url": format!("{PUBLISHED}/placed"), "valueString": "x" }],
    });
    for (invariant, expected) in [
        ("effective <= today()", vec![]),
        (
            "effective > today()",
            vec!["error extension Observation.extension[0]"],
        ),
        (
            "noSuchFunction()",
            vec!["warning not-supported  contextInvariant"],
        ),
    ] {
        let now = "2027-03-01T10:00:00Z";
        let profile = "http://hl7.org/fhir/StructureDefinition/Observation";
        check_at(&of(invariant), now, &value, profile, &expected);
    }
    let by_path = |expression: &str| {
        let context = json!([{ "type": "fhirpath", "expression": expression }]);
        validator([Profile::extension("placed", &[])
            .saying("context", context)
            .build()])
    };
    for (expression, expected) in [
        ("Observation.where(status = 'final')", vec![]),
        (
            "Observation.where(status = 'draft')",
            vec!["error extension Observation.extension[0]"],
        ),
        (
            "Observation.noSuchFunction()",
            vec!["warning not-supported  context"],
        ),
    ] {
        check_by(&by_path(expression), &value, &[], &expected);
    }
}

#[test]
fn rules_that_cannot_be_answered_are_named_before_any_resource_is_checked() {
    for (expression, why) in [
        ("status.noSuchFunction()", Some("noSuchFunction")),
        (
            "code.memberOf('http://x.test/no-such-value-set')",
            Some("the value set http://x.test/no-such-value-set is not known here"),
        ),
        (
            "performer.all(resolve().conformsTo('http://x.test/no-such-profile'))",
            Some("the profile http://x.test/no-such-profile is not known here"),
        ),
        (
            "status.memberOf('http://hl7.org/fhir/ValueSet/observation-status')",
            None,
        ),
        (
            "conformsTo('http://hl7.org/fhir/StructureDefinition/Observation')",
            None,
        ),
        ("effective <= today()", None),
    ] {
        let unevaluated = with_rule(expression).definitions().unevaluated();
        let own: Vec<_> = unevaluated
            .iter()
            .filter(|rule| rule.structure == format!("{PUBLISHED}/ruled"))
            .collect();
        match why {
            None => assert_eq!(own, Vec::<&Unevaluated>::new(), "{expression}"),
            Some(why) => {
                assert_eq!(own.len(), 1, "{expression}");
                assert_eq!((&*own[0].key, &*own[0].expression), ("x-1", expression));
                assert!(own[0].why.contains(why), "{}", own[0].why);
            }
        }
    }
}
