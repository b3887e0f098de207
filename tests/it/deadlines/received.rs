//! Referrals as they are received: records of receipt, the day of receipt, and groups that reasons
//! name (deadline-rules, section 3).

use std::slice;

use frist::deadlines::Rules;
use frist::fhir::names;
use serde_json::{Value, json};

use super::{check, check_by, edited, old_copd, person, rights, ydernummer};
use crate::support::person::*;
use crate::support::rules::{COPD_START, RuleSpec};

/// Returns `Organization/region` with its number, and a role and a twin of the practice.
fn parties() -> Vec<Value> {
    vec![
        organization("region", &[("urn:oid:1.2.208.176.1.1", "550891000016003")]),
        role(reference("Organization/gp")),
        organization("twin", &[(names::YDERNUMMER, "77410")]),
    ]
}

/// Returns how many clocks there are, and the start of the first.
fn clocks(more: &[Value], day: &str) -> usize {
    let resources = [person(&[old_copd()]), parties(), more.to_vec()].concat();
    rights(&resources, day).clocks.len()
}

/// Returns a referral that was received on its day.
fn received_at(authored: &str) -> Value {
    record(referral("r", "c", authored), authored)
}

#[test]
fn a_record_joins_a_referral_of_the_fourteen_days_up_to_it() {
    let sent = || referral("s", "c", "2027-03-01");
    let draft = edited(sent(), "status", json!("draft"));
    let refused = revoked_referral(sent(), "refused-capacity");
    for (name, sent, received, expected) in [
        ("the same day", sent(), received_at("2027-03-01"), 1),
        ("14 days later", sent(), received_at("2027-03-15"), 1),
        ("15 days later", sent(), received_at("2027-03-16"), 2),
        ("a day earlier", sent(), received_at("2027-02-28"), 2),
        ("no record", sent(), referral("r", "c", "2027-03-04"), 2),
        (
            "a draft does not count",
            draft,
            received_at("2027-03-04"),
            1,
        ),
        ("refused already", refused, received_at("2027-03-04"), 1),
    ] {
        assert_eq!(clocks(&[sent, received], "2027-03-20"), expected, "{name}");
    }
}

#[test]
fn a_record_joins_a_referral_by_the_same_practice_for_the_same_group() {
    let by = |requester: Value| edited(received_at("2027-03-04"), "requester", requester);
    let because = |system: &str, code: &str| {
        let reason = json!([concept(system, code)]);
        let mut record = edited(received_at("2027-03-04"), "reasonCode", reason);
        record
            .as_object_mut()
            .unwrap()
            .shift_remove("reasonReference");
        record
    };
    let number = |value: &str| by(ydernummer(names::YDERNUMMER, value));
    for (name, received, expected) in [
        ("by a role", by(reference("PractitionerRole/r")), 1),
        ("by its twin", by(reference("Organization/twin")), 1),
        ("by number", number("077410"), 1),
        ("by another number", number("077411"), 2),
        (
            "the group by code",
            because("http://hl7.org/fhir/sid/icd-10", "J44.1"),
            1,
        ),
        (
            "the group by name",
            because(names::CS_TARGET_GROUP, "copd"),
            1,
        ),
        (
            "another group",
            because(names::CS_TARGET_GROUP, "low-back-pain"),
            2,
        ),
    ] {
        let sent = referral("s", "c", "2027-03-01");
        assert_eq!(clocks(&[sent, received], "2027-03-20"), expected, "{name}");
    }
    // One with an address elsewhere: no practice, but the same reference. (The other right that does
    // not apply is the plan's.)
    let external = json!({ "reference": "https://other.test/fhir/Organization/1" });
    let sent = edited(
        referral("s", "c", "2027-03-01"),
        "requester",
        external.clone(),
    );
    let resources = person(&[old_copd(), sent, by(external)]);
    assert_eq!(rights(&resources, "2027-03-20").not_applicable.len(), 2);
}

#[test]
fn a_record_never_begins_or_heads_a_chain_that_has_a_referral() {
    let sent = referral("s", "c", "2027-03-01");
    let received = revoked_referral(
        record(referral("a", "c", "2027-03-04"), "2027-03-04"),
        "patient-declined",
    );
    let later = encounter("e", "a", "2027-03-08");
    let line = "prevention-start copd s 2027-03-01..2027-03-22";
    let resources = person(&[old_copd(), sent.clone(), received.clone()]);
    check(
        &resources,
        "2027-03-05",
        &[&format!("{line} requested/running")],
    );
    let started = person(&[old_copd(), sent.clone(), received.clone(), later]);
    check(&started, "2027-03-08", &[&format!("{line} completed/met")]);
    // On the same day the record has the smaller id, and yet is not the root.
    let same_day = edited(received.clone(), "authoredOn", json!("2027-03-01"));
    let ids = |resources: &[Value]| rights(resources, "2027-03-05").clocks[0].task_id.clone();
    assert_eq!(ids(&person(&[old_copd(), sent, same_day])), ids(&resources));
    // Alone it is a referral of its own.
    check(
        &person(&[old_copd(), received]),
        "2027-03-05",
        &["prevention-start copd a 2027-03-04..2027-03-25 cancelled/declined"],
    );
}

#[test]
fn of_several_referrals_the_latest_is_received_and_of_one_day_that_with_the_smaller_id() {
    let at = |id: &str, day: &str| referral(id, "c", day);
    let received = record(at("r", "2027-03-10"), "2027-03-10");
    let mark = |resources: &[Value], day: &str| {
        let rights = rights(resources, day);
        let with_record = rights.clocks.iter().filter(|clock| {
            let mut inputs = rights.inputs[&clock.task_id].iter();
            inputs.any(|(key, _)| key.to_string() == "ServiceRequest/r")
        });
        with_record
            .map(|clock| clock.focus.id.to_string())
            .collect::<Vec<_>>()
    };
    for (first, second, expected) in [
        (at("s1", "2027-03-01"), at("s2", "2027-03-05"), "s2"),
        (at("s1", "2027-03-05"), at("s2", "2027-03-01"), "s1"),
        (at("s1", "2027-03-05"), at("s2", "2027-03-05"), "s1"),
        (at("s1", "2027-03-05"), at("s2", "2027-03-12"), "s1"),
    ] {
        let resources = person(&[old_copd(), first, second, received.clone()]);
        assert_eq!(mark(&resources, "2027-03-15"), [expected]);
    }
}

#[test]
fn under_received_the_earliest_day_of_receipt_starts_the_clock() {
    let rules = |start: &str, version: &str| {
        let rule = RuleSpec {
            start_on: "received",
            start,
            version,
            ..COPD_START
        };
        let rule = Rules::from_plan_definitions([&rule.plan_definition()]).unwrap();
        Rules::shipped().clone().with(rule)
    };
    let sent = referral("s1", "c", "2027-03-01");
    let again = received_on(
        replacing(referral("s2", "c", "2027-03-08"), "s1"),
        "2027-03-09",
    );
    let always = rules("2027-01-01", "2027.1");
    let due = |rules: &Rules, referrals: &[Value], expected: &str| {
        let resources = [person(&[old_copd()]), referrals.to_vec()].concat();
        let id = if referrals.len() > 1 { "s2" } else { "s1" };
        check_by(
            rules,
            &resources,
            "2027-03-12",
            &[&format!(
                "prevention-start copd {id} {expected} requested/running"
            )],
        );
    };
    // No day of receipt is known.
    due(&always, slice::from_ref(&sent), "2027-03-01..2027-03-22");
    let first = received_on(sent.clone(), "2027-03-03");
    due(&always, slice::from_ref(&first), "2027-03-03..2027-03-24");
    due(&always, &[first, again.clone()], "2027-03-03..2027-03-24");
    due(
        &always,
        &[sent.clone(), again.clone()],
        "2027-03-09..2027-03-30",
    );
    // The day of the referral selects the rule: one that begins between it and the receipt does not
    // apply.
    due(
        &rules("2027-03-05", "2027.2"),
        &[sent, again],
        "2027-03-01..2027-03-22",
    );
}

#[test]
fn a_group_named_as_a_reason_is_one() {
    let named = |code: &str| {
        let mut referral = referral("s", "c", "2027-03-01");
        referral
            .as_object_mut()
            .unwrap()
            .shift_remove("reasonReference");
        referral["reasonCode"] = json!([concept(names::CS_TARGET_GROUP, code)]);
        person(&[referral])
    };
    check(
        &named("low-back-pain"),
        "2027-03-05",
        &["prevention-start low-back-pain s 2027-03-01..2027-03-22 requested/running"],
    );
    check(&named("asthma"), "2027-03-05", &[]);
}
