//! Answers to a referral: reasons that end it, bookings, classes of contacts
//! (deadline-rules, sections 3 and 5).

use frist::deadlines::{Rules, derive, task};
use frist::fhir::names;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{check, edited, old_copd, person, rights};
use crate::support::deadline_cases;
use crate::support::person::*;

#[test]
fn a_revoked_referral_ends_by_a_stated_end_alone() {
    for (reason, expected) in [
        ("patient-declined", "cancelled/declined"),
        ("no-longer-needed", "cancelled/void"),
        ("sent-in-error", "cancelled/void"),
        ("recalled", "cancelled/void"),
        ("refused-not-indicated", "cancelled/void"),
        ("abandoned", "cancelled/void"),
        ("ended", "cancelled/void"),
        ("superseded", "cancelled/void"),
        ("refused-capacity", "requested/running"),
        ("refused-wrong-receiver", "requested/running"),
        ("transferred", "requested/running"),
        ("no-show", "requested/running"),
        ("not-stated", "requested/running"),
        ("patient-postponed", "requested/running"),
        ("clinical", "requested/running"),
        ("awaiting-supplement", "requested/running"),
        ("something-new", "requested/running"),
    ] {
        let revoked = revoked_referral(referral("s", "c", "2027-03-01"), reason);
        let on_hold = edited(revoked.clone(), "status", json!("on-hold"));
        let active = edited(revoked.clone(), "status", json!("active"));
        for (referral, expected, has_reason) in [
            (revoked, expected, true),
            (on_hold, "requested/running", true),
            (active, "requested/running", false),
        ] {
            let resources = person(&[old_copd(), referral]);
            let line = format!("prevention-start copd s 2027-03-01..2027-03-22 {expected}");
            check(&resources, "2027-03-05", &[&line]);
            let task = task(
                &rights(&resources, "2027-03-05").clocks[0],
                Timestamp::UNIX_EPOCH,
            );
            super::tasks::fits_the_profile(&task);
            let told = has_reason.then(|| concept(names::CS_STATUS_REASON, reason));
            assert_eq!(task.get("statusReason"), told.as_ref(), "{reason}");
        }
    }
    let of_another_system = json!({ "coding": [{ "system": "urn:x", "code": "ended" }] });
    let revoked = edited(referral("s", "c", "2027-03-01"), "status", json!("revoked"));
    for revoked in [
        revoked.clone(),
        with_extension(
            revoked,
            names::REQUEST_STATUS_REASON,
            "valueCodeableConcept",
            of_another_system,
        ),
    ] {
        check(
            &person(&[old_copd(), revoked]),
            "2027-03-05",
            &["prevention-start copd s 2027-03-01..2027-03-22 requested/running"],
        );
    }
}

/// Returns the forecast of the only clock on that day.
fn forecast(more: &[Value], day: &str) -> Option<&'static str> {
    let resources = [person(&[old_copd()]), more.to_vec()].concat();
    let clocks = rights(&resources, day).clocks;
    assert_eq!(clocks.len(), 1);
    clocks[0].forecast.map(|forecast| forecast.code())
}

#[test]
fn a_booking_counts_while_it_is_kept_for_the_person_and_lies_ahead() {
    let booked = || booking("a", "s", "2027-03-03", "2027-03-20");
    let with = |element: &str, value: Value| edited(booked(), element, value);
    let mut unsaid = booked();
    unsaid.as_object_mut().unwrap().shift_remove("created");
    let clarifying = json!([concept(
        names::CS_PREVENTION_OFFER,
        "clarifying-conversation"
    )]);
    let of_another = json!([{ "actor": reference("Patient/q"), "status": "accepted" }]);
    let elsewhere = json!([reference("ServiceRequest/t")]);
    let status = |code: &str| with("status", json!(code));
    for (name, booking, day, counts) in [
        ("booked", booked(), "2027-03-10", true),
        ("on its day", booked(), "2027-03-20", true),
        ("the day after", booked(), "2027-03-21", false),
        ("made later", booked(), "2027-03-02", false),
        ("made today", booked(), "2027-03-03", true),
        ("made some day", unsaid, "2027-03-02", true),
        ("arrived", status("arrived"), "2027-03-10", true),
        ("checked in", status("checked-in"), "2027-03-10", true),
        ("proposed", status("proposed"), "2027-03-10", false),
        ("not met", status("noshow"), "2027-03-10", false),
        ("called off", status("cancelled"), "2027-03-10", false),
        ("held", status("fulfilled"), "2027-03-10", false),
        (
            "clarifying",
            with("serviceType", clarifying),
            "2027-03-10",
            false,
        ),
        (
            "for another",
            with("participant", of_another),
            "2027-03-10",
            false,
        ),
        (
            "of another referral",
            with("basedOn", elsewhere),
            "2027-03-10",
            false,
        ),
    ] {
        let expected = if counts { "booked-in-time" } else { "unbooked" };
        let resources = [referral("s", "c", "2027-03-01"), booking];
        assert_eq!(forecast(&resources, day), Some(expected), "{name}");
    }
}

#[test]
fn the_earliest_booking_decides_and_only_while_the_start_is_owed() {
    let late = booking("a", "s", "2027-03-03", "2027-03-24");
    let early = booking("b", "s", "2027-03-05", "2027-03-22");
    let referral = referral("s", "c", "2027-03-01");
    let both = [referral.clone(), late.clone(), early.clone()];
    for (day, expected) in [
        ("2027-03-02", "unbooked"),
        ("2027-03-04", "booked-late"),
        ("2027-03-05", "booked-in-time"),
        ("2027-03-22", "booked-in-time"),
        ("2027-03-23", "booked-late"),
        ("2027-03-25", "unbooked"),
    ] {
        assert_eq!(forecast(&both, day), Some(expected), "{day}");
    }
    let postponed = postponed(
        referral.clone(),
        "2027-03-04",
        Some("2027-03-08"),
        "patient",
    );
    assert_eq!(
        forecast(&[postponed, early.clone()], "2027-03-06"),
        Some("booked-in-time")
    );
    let started = encounter("e", "s", "2027-03-06");
    assert_eq!(
        forecast(&[referral.clone(), early.clone(), started], "2027-03-06"),
        None
    );
    let declined = revoked_referral(referral.clone(), "patient-declined");
    assert_eq!(forecast(&[declined, early.clone()], "2027-03-06"), None);
    // The treatment plan has none.
    let new = condition("c2", "J44", "2027-03-01");
    let clocks = rights(&person(&[new]), "2027-03-05").clocks;
    assert_eq!(clocks[0].forecast, None);
}

#[test]
fn the_task_says_the_forecast_and_its_provenance_names_the_booking() {
    let resources = person(&[
        old_copd(),
        referral("s", "c", "2027-03-01"),
        booking("a", "s", "2027-03-03", "2027-03-24"),
    ]);
    let rights = rights(&resources, "2027-03-05");
    let written = task(&rights.clocks[0], Timestamp::UNIX_EPOCH);
    super::tasks::fits_the_profile(&written);
    assert_eq!(
        written["extension"][1],
        json!({ "url": names::EXT_FORECAST, "valueCode": "booked-late" })
    );
    let inputs: Vec<String> = rights.inputs[&rights.clocks[0].task_id]
        .iter()
        .map(|(key, _)| key.to_string())
        .collect();
    assert!(inputs.contains(&"Appointment/a".to_owned()), "{inputs:?}");
    assert_eq!(
        rights.next_change.map(|day| day.to_string()).as_deref(),
        Some("2027-03-15")
    );
    // When the trigger is gone, nothing is foreseen any more.
    let nothing = deadline_cases::facts("p", &person(&[]));
    let none = derive(&nothing, Rules::shipped(), "2027-03-05".parse().unwrap());
    let now = Timestamp::UNIX_EPOCH;
    let gone = frist::deadlines::reconcile(&[(&nothing, &none)], &[&written], |_| true, now);
    assert_eq!(
        gone[0].content["extension"].as_array().map(Vec::len),
        Some(1)
    );
}
