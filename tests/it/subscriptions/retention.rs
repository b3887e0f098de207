//! Events are kept for a time: what is forgotten is said to be, and never passed over.

use frist::interactions::upkeep::retention::forget;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{delete, event_numbers, parameter, subscription};
use crate::support::facade::Facade;
use crate::support::people::{copd, patient, plan, practice};

/// Returns a Subscription that is listened to: nothing is ever on its way to anyone.
fn listened(id: &str) -> Value {
    let mut subscription = subscription(id);
    subscription["channel"] = json!({ "type": "websocket", "payload": "application/fhir+json" });
    subscription
}

/// Makes a server with two subscriptions, which were told of one event in each of four hours.
fn told_of_four() -> Facade {
    let facade = Facade::at("2027-03-01T09:00:00Z");
    facade.put_ok(&listened("s"));
    facade.put_ok(&listened("t"));
    facade.put_ok(&practice("gp"));
    facade.put_ok(&patient("p"));
    facade.set_clock("2027-03-01T10:00:00Z");
    facade.put_ok(&copd("c", "p", "2027-02-01"));
    facade.set_clock("2027-03-01T11:00:00Z");
    facade.put_ok(&plan("plan", "p", "c", "2027-02-20"));
    facade.set_clock("2027-03-01T12:00:00Z");
    delete(&facade, "CarePlan/plan");
    facade.set_clock("2027-03-01T13:00:00Z");
    facade.put_ok(&plan("plan", "p", "c", "2027-02-20"));
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events"),
        (vec![1, 2, 3, 4], 1)
    );
    facade
}

fn forget_before(facade: &Facade, before: &str) -> usize {
    forget(
        facade.server(),
        &facade.context(),
        before.parse::<Timestamp>().unwrap(),
    )
    .unwrap()
}

#[test]
fn an_event_that_is_no_longer_kept_is_an_error_and_says_from_where_they_are() {
    let facade = told_of_four();
    assert_eq!(
        forget_before(&facade, "2027-03-01T10:00:00Z"),
        0,
        "nothing is as old"
    );
    assert_eq!(
        forget_before(&facade, "2027-03-01T11:30:00Z"),
        2,
        "a commit for each of the two subscriptions"
    );
    for query in [
        "",
        "?eventsSinceNumber=1",
        "?eventsSinceNumber=2",
        "?eventsUntilNumber=1",
        "?eventsSinceNumber=1&eventsUntilNumber=4",
    ] {
        let reply = facade.get(&format!("Subscription/s/$events{query}"));
        assert_eq!(
            (reply.status.as_u16(), reply.issues()),
            (422, vec!["error deleted".to_owned()]),
            "{query}"
        );
        assert!(reply.text.contains("eventsSinceNumber=3"), "{}", reply.text);
    }
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events?eventsSinceNumber=3"),
        (vec![3, 4], 1)
    );
    let status = facade.get("Subscription/s/$status").resources().remove(0);
    assert_eq!(
        parameter(&status, "events-since-subscription-start"),
        "4",
        "the count goes on"
    );
    assert_eq!(
        parameter(&status, "error"),
        "",
        "a listener may have heard them"
    );
    assert_eq!(forget_before(&facade, "2027-04-01T00:00:00Z"), 2);
    assert_eq!(facade.get("Subscription/s/$events").status, 422);
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events?eventsSinceNumber=5"),
        (vec![], 1)
    );
    delete(&facade, "CarePlan/plan");
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events?eventsSinceNumber=5"),
        (vec![5], 1)
    );
}

#[test]
fn the_events_of_a_deleted_subscription_are_forgotten_whatever_their_age() {
    let facade = told_of_four();
    delete(&facade, "Subscription/s");
    assert_eq!(forget_before(&facade, "2000-01-01T00:00:00Z"), 1);
    let id = |text| frist::fhir::Id::parse(text).unwrap();
    assert_eq!(facade.store().oldest_event(&id("s")).unwrap(), None);
    assert_eq!(facade.store().events(&id("t"), 0, 10).unwrap().len(), 4);
    facade.put_ok(&listened("s"));
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events"),
        (vec![], 1),
        "a new life knows nothing of the old one"
    );
}

#[test]
fn the_events_of_an_earlier_life_are_forgotten_by_their_age() {
    let facade = told_of_four();
    delete(&facade, "Subscription/s");
    facade.put_ok(&listened("s"));
    facade.set_clock("2027-03-01T14:00:00Z");
    delete(&facade, "CarePlan/plan");
    let id = frist::fhir::Id::parse("s").unwrap();
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events"),
        (vec![1], 1)
    );
    forget_before(&facade, "2027-03-01T13:30:00Z");
    assert_eq!(
        facade.store().oldest_event(&id).unwrap(),
        Some("2027-03-01T14:00:00Z".parse().unwrap())
    );
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events"),
        (vec![1], 1),
        "none of this life is as old"
    );
}
