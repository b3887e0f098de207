//! Contacts that name no referral (deadline-rules, section 3, attribution).

use std::slice;

use frist::deadlines::{Rules, derive, task};
use frist::fhir::names;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{edited, old_copd, person};
use crate::support::deadline_cases;
use crate::support::person::*;
use crate::support::rules::{COPD_START, RuleSpec};

/// Returns the rules under which contacts of COPD are attributed, those by video excluded.
fn attributing() -> Rules {
    let rule = RuleSpec {
        attribute: "single-chain",
        excluded: &["VR"],
        ..COPD_START
    };
    let rule = Rules::from_plan_definitions([&rule.plan_definition()]).unwrap();
    Rules::shipped().clone().with(rule)
}

/// Returns for each clock its focus, its stop, and a star if it was attributed.
fn stops(rules: &Rules, more: &[Value]) -> Vec<String> {
    let resources = [person(&[old_copd()]), more.to_vec()].concat();
    let facts = deadline_cases::facts("p", &resources);
    let rights = derive(&facts, rules, "2027-06-01".parse().unwrap());
    let of_starts = rights.clocks.iter();
    of_starts
        .map(|clock| {
            let stop = clock.stop.as_ref();
            let stop = stop.map_or("none".to_owned(), |stop| {
                format!("{} {}", stop.date, stop.by.id)
            });
            let star = if clock.start_attributed { "*" } else { "" };
            format!("{} {stop}{star}", clock.focus.id)
        })
        .collect()
}

/// Asserts the stops of each row, and that by the shipped rules nothing is attributed.
#[track_caller]
fn check_each(rows: Vec<(&str, Vec<Value>, &[&str])>) {
    for (name, resources, expected) in rows {
        assert_eq!(stops(&attributing(), &resources), expected, "{name}");
        let never: Vec<String> = stops(Rules::shipped(), &resources);
        assert!(
            never.iter().all(|stop| !stop.contains('*')),
            "{name}: {never:?}"
        );
    }
}

fn sent(id: &str, day: &str) -> Value {
    referral(id, "c", day)
}

fn first() -> Value {
    contact("e", "w", "2027-03-10")
}

/// Returns the resources with the plan `w` and its first contact, of 10 March.
fn with_first(resources: &[Value]) -> Vec<Value> {
    [resources, &[offer_plan("w"), first()]].concat()
}

fn by_video(mut contact: Value) -> Value {
    contact["class"]["code"] = json!("VR");
    contact
}

#[test]
fn a_contact_without_a_referral_starts_the_one_chain_that_it_can_belong_to() {
    let (s, t) = (sent("s", "2027-03-01"), sent("t", "2027-03-02"));
    let elsewhere = edited(
        t.clone(),
        "performer",
        json!([reference("Organization/hospital")]),
    );
    let later = sent("t", "2027-03-11");
    let begun = encounter("f", "t", "2027-03-09");
    let begun_by_video = by_video(begun.clone());
    check_each(vec![
        (
            "one chain",
            with_first(slice::from_ref(&s)),
            &["s 2027-03-10 e*"],
        ),
        (
            "two chains",
            with_first(&[s.clone(), t.clone()]),
            &["s none", "t none"],
        ),
        (
            "the other is for another performer",
            with_first(&[s.clone(), elsewhere]),
            &["s 2027-03-10 e*", "t none"],
        ),
        (
            "the other came later",
            with_first(&[s.clone(), later]),
            &["s 2027-03-10 e*", "t none"],
        ),
        (
            "the other has started",
            with_first(&[s.clone(), t.clone(), begun]),
            &["s 2027-03-10 e*", "t 2027-03-09 f"],
        ),
        (
            "the other was begun by an excluded contact",
            with_first(&[s, t, begun_by_video]),
            &["s none", "t none"],
        ),
    ]);
}

#[test]
fn plans_come_in_the_order_of_their_first_contact_each_with_all_its_contacts() {
    let s = sent("s", "2027-03-01");
    let (a, of_a) = (offer_plan("a"), contact("f", "a", "2027-03-20"));
    let later = sent("t", "2027-03-12");
    let second = contact("f", "w", "2027-03-20");
    let own = encounter("f", "s", "2027-03-10");
    let mut back_pain = s.clone();
    back_pain["reasonCode"] = json!([concept(names::CS_TARGET_GROUP, "low-back-pain")]);
    back_pain
        .as_object_mut()
        .unwrap()
        .shift_remove("reasonReference");
    check_each(vec![
        (
            "two plans, one after the other",
            with_first(&[s.clone(), later, a, of_a]),
            &["s 2027-03-10 e*", "t 2027-03-20 f*"],
        ),
        (
            "an excluded contact of the plan",
            vec![s.clone(), offer_plan("w"), by_video(first()), second],
            &["s 2027-03-20 f*"],
        ),
        (
            "its own contact is no later",
            with_first(&[s, own]),
            &["s 2027-03-10 f"],
        ),
        (
            "under a rule that attributes none",
            with_first(&[back_pain]),
            &["s none"],
        ),
    ]);
}

#[test]
fn a_contact_is_attributed_by_a_plan_for_offers_that_names_no_referral() {
    let with = |plan: Value| vec![sent("s", "2027-03-01"), plan, first()];
    let plan_with = |element: &str, value: Value| with(edited(offer_plan("w"), element, value));
    let as_kl_names_it = with_extension(
        offer_plan("w"),
        names::KL_BASED_ON_SERVICE_REQUEST,
        "valueReference",
        reference("ServiceRequest/x"),
    );
    let region = reference("Organization/region");
    let treatment = edited(plan("w", &["c"], "2027-03-02"), "author", region);
    let elsewhere = json!([{ "identifier": { "value": "x" } }]);
    let names_one = edited(first(), "basedOn", json!([reference("ServiceRequest/x")]));
    let none: &[&str] = &["s none"];
    check_each(vec![
        (
            "ended",
            plan_with("status", json!("completed")),
            &["s 2027-03-10 e*"],
        ),
        (
            "an error",
            plan_with("status", json!("entered-in-error")),
            none,
        ),
        (
            "of another author",
            plan_with("author", reference("Organization/hospital")),
            none,
        ),
        ("names a referral", plan_with("basedOn", elsewhere), none),
        ("names one as KL does", with(as_kl_names_it), none),
        ("is a treatment plan", with(treatment), none),
        (
            "is not stored",
            vec![sent("s", "2027-03-01"), first()],
            none,
        ),
        (
            "the contact names a referral that is not here",
            vec![sent("s", "2027-03-01"), offer_plan("w"), names_one],
            none,
        ),
    ]);
}

/// Returns a contact that names several plans.
fn of_plans(id: &str, plans: &[&str], day: &str) -> Value {
    let mut contact = contact(id, plans[0], day);
    for plan in &plans[1..] {
        let named = reference(&format!("CarePlan/{plan}"));
        contact = with_extension(
            contact,
            names::KL_BASED_ON_CAREPLAN,
            "valueReference",
            named,
        );
    }
    contact
}

#[test]
fn a_contact_that_names_several_plans_starts_a_chain_only_if_all_of_them_can_be_of_no_other() {
    let (s, t) = (sent("s", "2027-03-01"), sent("t", "2027-03-02"));
    let hospital = || reference("Organization/hospital");
    let elsewhere = edited(t.clone(), "performer", json!([hospital()]));
    let also_elsewhere = edited(sent("u", "2027-03-02"), "performer", json!([hospital()]));
    let of_hospital = edited(offer_plan("v"), "author", hospital());
    let both = || of_plans("e", &["w", "v"], "2027-03-10");
    check_each(vec![
        (
            "two plans of one chain",
            vec![s.clone(), offer_plan("w"), offer_plan("v"), both()],
            &["s 2027-03-10 e*"],
        ),
        (
            "a plan of each of two chains",
            vec![
                s.clone(),
                elsewhere.clone(),
                offer_plan("w"),
                of_hospital.clone(),
                both(),
            ],
            &["s none", "t none"],
        ),
        (
            "each plan has a contact of its own later",
            vec![
                s.clone(),
                elsewhere.clone(),
                offer_plan("w"),
                of_hospital.clone(),
                both(),
                contact("f", "w", "2027-03-20"),
                contact("g", "v", "2027-03-21"),
            ],
            &["s 2027-03-20 f*", "t 2027-03-21 g*"],
        ),
        (
            "the other plan may be of two others",
            vec![
                s.clone(),
                elsewhere,
                also_elsewhere,
                offer_plan("w"),
                of_hospital.clone(),
                both(),
            ],
            &["s none", "t none", "u none"],
        ),
        (
            "the other plan can be of none",
            vec![s.clone(), offer_plan("w"), of_hospital, both()],
            &["s 2027-03-10 e*"],
        ),
        (
            "a later contact of the plan of the first chain is no start of the second",
            vec![
                s,
                sent("t", "2027-03-12"),
                offer_plan("w"),
                offer_plan("v"),
                first(),
                of_plans("f", &["w", "v"], "2027-03-20"),
            ],
            &["s 2027-03-10 e*", "t none"],
        ),
    ]);
}

#[test]
fn a_contact_of_plans_of_which_one_names_a_referral_is_of_that_or_of_none() {
    let (s, t) = (sent("s", "2027-03-01"), sent("t", "2027-03-02"));
    let both = || of_plans("e", &["w", "v"], "2027-03-10");
    let names = |id: &str| {
        let named = json!([reference(&format!("ServiceRequest/{id}"))]);
        edited(offer_plan("v"), "basedOn", named)
    };
    check_each(vec![
        (
            "the other plan names the same referral",
            vec![s.clone(), offer_plan("w"), names("s"), both()],
            &["s 2027-03-10 e*"],
        ),
        (
            "the other plan names another referral",
            vec![s.clone(), t, offer_plan("w"), names("t"), both()],
            &["s none", "t none"],
        ),
        (
            "the other plan names a referral that is not here",
            vec![s.clone(), offer_plan("w"), names("x"), both()],
            &["s none"],
        ),
        (
            "the other plan is not stored",
            vec![s.clone(), offer_plan("w"), both()],
            &["s 2027-03-10 e*"],
        ),
    ]);
}

#[test]
fn a_task_says_that_its_start_was_attributed_and_its_provenance_by_which_plan() {
    let resources = person(&[
        old_copd(),
        referral("s", "c", "2027-03-01"),
        offer_plan("w"),
        contact("e", "w", "2027-03-10"),
    ]);
    let facts = deadline_cases::facts("p", &resources);
    let rights = derive(&facts, &attributing(), "2027-03-12".parse().unwrap());
    let written = task(&rights.clocks[0], Timestamp::UNIX_EPOCH);
    super::tasks::fits_the_profile(&written);
    let last = written["input"].as_array().unwrap().last().unwrap();
    let code =
        json!({ "coding": [{ "system": names::CS_RIGHT_INPUT, "code": "start-attributed" }] });
    assert_eq!(*last, json!({ "type": code, "valueBoolean": true }));
    let inputs: Vec<String> = rights.inputs[&rights.clocks[0].task_id]
        .iter()
        .map(|(key, _)| key.to_string())
        .collect();
    for named in ["CarePlan/w", "Encounter/e", "ServiceRequest/s"] {
        assert!(inputs.contains(&named.to_owned()), "{inputs:?}");
    }
}

#[test]
fn a_plan_for_offers_is_never_a_treatment_plan() {
    let category = |codes: &[&str]| -> Value {
        let concepts = codes
            .iter()
            .map(|code| concept(names::CS_CAREPLAN_CATEGORY, code));
        concepts.collect()
    };
    let new = condition("c2", "J44", "2027-03-01");
    let of_practice = |codes: &[&str]| {
        edited(
            plan("q", &["c2"], "2027-03-05"),
            "category",
            category(codes),
        )
    };
    for (codes, expected) in [
        (&["treatment-plan"][..], "met"),
        (&["prevention-offer"], "running"),
        (&["treatment-plan", "prevention-offer"], "running"),
    ] {
        super::check(
            &person(&[new.clone(), of_practice(codes)]),
            "2027-03-06",
            &[&format!(
                "treatment-plan copd c2 2027-03-01..2027-03-31 {}/{expected}",
                if expected == "met" {
                    "completed"
                } else {
                    "requested"
                }
            )],
        );
    }
}
