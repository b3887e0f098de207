//! Bookings through HTTP: what they foresee for a right, as clients write them and as days pass
//! (deadline-rules, sections 3 and 5).

use serde_json::{Value, json};

use super::{assert_recomputed_to_the_byte, live_tasks, stored_tasks};
use crate::support::facade::Facade;
use crate::support::people::{booking, copd, encounter, patient, practice, referral, region};

/// Returns the code of the forecast in a Task; empty if there is none.
fn forecast(task: &Value) -> String {
    let extensions = task["extension"].as_array().into_iter().flatten();
    let mut codes = extensions
        .filter(|extension| extension["url"] == frist::fhir::names::EXT_FORECAST)
        .filter_map(|extension| extension["valueCode"].as_str());
    codes.next().unwrap_or_default().to_owned()
}

/// Returns the forecast of each right of a person to a start, by focus.
fn forecasts(facade: &Facade, patient: &str) -> Vec<String> {
    let mut found: Vec<String> = live_tasks(facade, patient)
        .iter()
        .filter(|task| task["code"]["coding"][1]["code"] == "prevention-start")
        .map(|task| {
            let focus = task["focus"]["reference"].as_str().unwrap();
            format!(
                "{} {}",
                focus.trim_start_matches("ServiceRequest/"),
                forecast(task)
            )
        })
        .collect();
    found.sort();
    assert_recomputed_to_the_byte(facade, patient);
    found
}

fn booked(id: &str, patient: &str, referral: &str, day: &str) -> Value {
    let mut booking = booking(id, patient, referral, day);
    booking["created"] = json!("2027-03-01");
    booking
}

fn server() -> Facade {
    let facade = Facade::at("2027-03-02T10:00:00+01:00");
    let mut other = patient("q");
    other["identifier"][0]["value"] = json!("0405440002");
    let reply = facade.transaction(&[
        &practice("gp"),
        &region("region"),
        &patient("p"),
        &other,
        &copd("c", "p", "2019-05-01"),
        &copd("d", "q", "2019-05-01"),
        &referral("s", "p", "c", "2027-03-01"),
        &referral("t", "q", "d", "2027-03-01"),
    ]);
    assert!(reply.status.is_success(), "{}", reply.text);
    facade
}

#[test]
fn a_booking_changes_the_forecast_however_it_is_written() {
    let facade = server();
    assert_eq!(forecasts(&facade, "p"), ["s unbooked"]);
    facade.put_ok(&booked("a", "p", "s", "2027-03-24"));
    assert_eq!(forecasts(&facade, "p"), ["s booked-late"]);
    let reply = facade.transaction(&[&booked("a", "p", "s", "2027-03-22")]);
    assert!(reply.status.is_success(), "{}", reply.text);
    assert_eq!(forecasts(&facade, "p"), ["s booked-in-time"]);
    // The booking was made for the wrong person: both persons' rights follow.
    facade.put_ok(&booked("a", "q", "t", "2027-03-10"));
    assert_eq!(forecasts(&facade, "p"), ["s unbooked"]);
    assert_eq!(forecasts(&facade, "q"), ["t booked-in-time"]);
    let mut cancelled = booked("a", "q", "t", "2027-03-10");
    cancelled["status"] = json!("cancelled");
    facade.put_ok(&cancelled);
    assert_eq!(forecasts(&facade, "q"), ["t unbooked"]);
    facade.put_ok(&booked("a", "q", "t", "2027-03-10"));
    assert_eq!(facade.send("DELETE", "Appointment/a", &[], "").status, 204);
    assert_eq!(forecasts(&facade, "q"), ["t unbooked"]);
    // It came before its referral.
    let early = booked("b", "p", "later", "2027-03-20");
    facade.put_ok(&early);
    facade.put_ok(&referral("later", "p", "c", "2027-03-01"));
    assert_eq!(
        forecasts(&facade, "p"),
        ["later booked-in-time", "s unbooked"]
    );
}

#[test]
fn a_booking_that_passes_is_none_the_day_after_and_a_start_needs_none() {
    let facade = server();
    facade.put_ok(&booked("a", "p", "s", "2027-03-10"));
    facade.advance("2027-03-10T23:59:59+01:00");
    assert_eq!(forecasts(&facade, "p"), ["s booked-in-time"]);
    facade.advance("2027-03-11T00:00:00+01:00");
    assert_eq!(forecasts(&facade, "p"), ["s unbooked"]);
    let task = stored_tasks(&facade, "p").into_values().next().unwrap();
    assert_eq!(task["lastModified"], json!("2027-03-10T23:00:00.000000Z"));
    let provenance = facade.search_all(&format!(
        "Provenance?target=Task/{}&_sort=-_lastUpdated&_count=1",
        task["id"].as_str().unwrap()
    ));
    assert!(
        provenance[0]
            .to_string()
            .contains("Appointment/a/_history/1")
    );
    facade.put_ok(&booked("a", "p", "s", "2027-03-20"));
    facade.put_ok(&encounter("e", "p", "s", "2027-03-11"));
    assert_eq!(forecasts(&facade, "p"), ["s "]);
}
