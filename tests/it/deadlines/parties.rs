//! The practices that are named: the own general practice, and the owner of a Task (deadline-rules,
//! sections 3 and 6).

use frist::deadlines::TaskOwner;
use frist::fhir::names;
use serde_json::{Value, json};

use super::{edited, old_copd, person, rights, ydernummer};
use crate::support::person::*;

/// Returns the Reference to the owner of the first clock.
fn owner_of(resources: &[Value]) -> Option<Value> {
    let rights = rights(resources, "2027-03-10");
    rights.clocks[0].owner.as_ref().map(TaskOwner::to_reference)
}

/// Checks whether the practice of these practitioners is found to have made a plan and a referral.
fn check_own_gp(name: &str, practitioners: &[Value], author: &Value, verified: bool) {
    let mut resources = person(&[
        condition("c", "J44", "2027-03-01"),
        role(reference("Organization/gp")),
    ]);
    resources[0]["generalPractitioner"] = json!(practitioners);
    resources.push(edited(
        plan("q", &["c"], "2027-03-10"),
        "author",
        author.clone(),
    ));
    let clock = rights(&resources, "2027-03-10").clocks[0].clone();
    assert_eq!(
        (clock.own_gp_verified, clock.business_status.code()),
        (Some(verified), "met"),
        "{name}"
    );
    assert_eq!(
        rights(&resources, "2027-03-09").clocks[0].own_gp_verified,
        None,
        "{name}: before there is a plan"
    );

    let request = edited(
        referral("s", "c", "2027-03-01"),
        "requester",
        author.clone(),
    );
    *resources.last_mut().unwrap() = request;
    assert_eq!(
        rights(&resources, "2027-03-10").clocks[0].own_gp_verified,
        Some(verified),
        "{name}: referral"
    );
}

#[test]
fn own_gp_is_verified_if_the_patient_names_the_practice_that_made_the_plan() {
    for (name, practitioners, author, verified) in [
        (
            "the same organization",
            vec![reference("Organization/gp")],
            reference("Organization/gp"),
            true,
        ),
        (
            "its ydernummer",
            vec![reference("Organization/gp")],
            ydernummer(names::YDERNUMMER, "077410"),
            true,
        ),
        (
            "its ydernummer, without zero and mistyped",
            vec![reference("Organization/gp")],
            ydernummer(names::YDERNUMMER_TYPO, "77410"),
            true,
        ),
        (
            "two logical references",
            vec![ydernummer(names::YDERNUMMER, "1")],
            ydernummer(names::YDERNUMMER, "01"),
            true,
        ),
        (
            "its SOR code",
            vec![ydernummer("urn:oid:1.2.208.176.1.1", "61741000016007")],
            reference("Organization/gp"),
            true,
        ),
        (
            "the second one named",
            vec![
                reference("Organization/hospital"),
                reference("Organization/gp"),
            ],
            reference("Organization/gp"),
            true,
        ),
        (
            "another practice",
            vec![reference("Organization/gp")],
            ydernummer(names::YDERNUMMER, "177410"),
            false,
        ),
        ("nobody named", vec![], reference("Organization/gp"), false),
        (
            "a practitioner",
            vec![reference("Practitioner/x")],
            reference("Organization/gp"),
            false,
        ),
    ] {
        check_own_gp(name, &practitioners, &author, verified);
    }
}

#[test]
fn own_gp_is_verified_through_a_role_at_the_practice() {
    for (name, practitioners, author, verified) in [
        (
            "a role there",
            vec![reference("PractitionerRole/r")],
            reference("Organization/gp"),
            true,
        ),
        (
            "made by a role there",
            vec![reference("Organization/gp")],
            reference("PractitionerRole/r"),
            true,
        ),
    ] {
        check_own_gp(name, &practitioners, &author, verified);
    }
}

#[test]
fn the_owner_is_the_practice_the_patient_names_else_who_recorded_the_diagnosis() {
    let named = |address: &str, display: &str| json!({ "reference": address, "display": display });
    let cpr = json!({ "reference": "Organization/x", "identifier": { "system": names::CPR, "value": "0405440001" } });
    let written = json!({ "reference": "Organization/x", "identifier": { "system": "urn:s", "value": "v", "assigner": { "display": "A" } } });
    for (name, practitioners, owner) in [
        (
            "the first practice",
            vec![
                reference("Practitioner/x"),
                named("Organization/gp", "Læge"),
            ],
            Some(reference("Organization/gp")),
        ),
        (
            "else the first",
            vec![
                named("Practitioner/x", "Læge"),
                reference("Organization/hospital"),
            ],
            Some(reference("Practitioner/x")),
        ),
        (
            "a role's organization",
            vec![reference("PractitionerRole/r")],
            Some(reference("Organization/gp")),
        ),
        (
            "by ydernummer",
            vec![ydernummer(names::YDERNUMMER, "1")],
            Some(ydernummer(names::YDERNUMMER, "1")),
        ),
        (
            "without a CPR number",
            vec![cpr],
            Some(reference("Organization/x")),
        ),
        (
            "with its identifier",
            vec![written],
            Some(
                json!({ "reference": "Organization/x", "identifier": { "system": "urn:s", "value": "v" } }),
            ),
        ),
        (
            "the recorder",
            vec![json!({ "display": "Læge" })],
            Some(reference("Practitioner/recorder")),
        ),
    ] {
        let mut resources = person(&[
            condition("c", "J44", "2027-03-01"),
            role(reference("Organization/gp")),
        ]);
        resources[0]["generalPractitioner"] = json!(practitioners);
        resources[3]["recorder"] = reference("Practitioner/recorder");
        resources[3]["asserter"] = reference("Practitioner/asserter");
        assert_eq!(owner_of(&resources), owner, "{name}");
    }
}

#[test]
fn the_owner_without_a_practice_and_a_recorder_is_who_asserted_the_diagnosis() {
    let mut nobody = person(&[edited(
        condition("c", "J44", "2027-03-01"),
        "asserter",
        reference("Practitioner/asserter"),
    )]);
    nobody[0]["generalPractitioner"] = json!([]);
    assert_eq!(owner_of(&nobody), Some(reference("Practitioner/asserter")));
    nobody[3]["asserter"] = Value::Null;
    assert_eq!(owner_of(&nobody), None);
}

#[test]
fn the_owner_of_a_referral_is_the_first_performer_of_its_head() {
    let resources = person(&[
        old_copd(),
        referral("s1", "c", "2027-03-01"),
        replacing(referral("s2", "c", "2027-03-02"), "s1"),
    ]);
    let mut moved = resources.clone();
    moved[5]["performer"] = json!([
        reference("Organization/municipality"),
        reference("Organization/region")
    ]);
    assert_eq!(owner_of(&resources), Some(reference("Organization/region")));
    assert_eq!(
        owner_of(&moved),
        Some(reference("Organization/municipality")),
        "the head's first performer"
    );
}
