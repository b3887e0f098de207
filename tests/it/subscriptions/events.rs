//! The events of a subscription: exactly the versions of Tasks that its topic and filters select,
//! however they came to be, each once.

use std::collections::BTreeMap;

use frist::fhir::{Id, ResourceKey, ResourceType};
use frist::storage::Position;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{delete, filtered, subscription};
use crate::rights::interleaved::{at_every_reading, interrupted, put};
use crate::support::facade::{Facade, transaction_of};
use crate::support::people::{booking, copd, encounter, patient, plan, practice, referral, region};

/// Returns the code of `Task.businessStatus`.
pub(crate) fn business_status(task: &Value) -> &str {
    task["businessStatus"]["coding"][0]["code"]
        .as_str()
        .unwrap()
}

/// Returns the code of the forecast, if there is one.
fn forecast(task: &Value) -> Option<String> {
    let extensions = super::items(&task["extension"]);
    let mut forecasts = extensions.iter().filter(|extension| {
        let url = extension["url"].as_str();
        url.is_some_and(|url| url.ends_with("kp-forecast"))
    });
    forecasts.next()?["valueCode"].as_str().map(str::to_owned)
}

fn has_code(concept: &Value, code: &str) -> bool {
    super::items(&concept["coding"])
        .iter()
        .any(|coding| coding["code"] == code)
}

/// The meaning of a filter, said once more and without a search.
type Meaning = fn(&Value) -> bool;

/// Filters of subscriptions, and what each means.
const FILTERS: &[(&str, &[&str], Meaning)] = &[
    ("all", &[], |_| true),
    ("patient", &["Task?patient=Patient/p1"], |task| {
        task["for"]["reference"] == "Patient/p1"
    }),
    (
        "patients",
        &["Task?patient:in=Patient/p1,Patient/p2"],
        |task| {
            ["Patient/p1", "Patient/p2"]
                .iter()
                .any(|patient| task["for"]["reference"] == *patient)
        },
    ),
    (
        "absolute",
        &["Task?patient=http://frist.test/fhir/Patient/p2"],
        |task| task["for"]["reference"] == "Patient/p2",
    ),
    ("owner", &["Task?owner=Organization/gp"], |task| {
        task["owner"]["reference"] == "Organization/gp"
    }),
    ("region", &["Task?owner=Organization/region"], |task| {
        task["owner"]["reference"] == "Organization/region"
    }),
    ("right", &["Task?code=treatment-plan"], |task| {
        has_code(&task["code"], "treatment-plan")
    }),
    ("group", &["Task?target-group=copd"], |task| {
        has_code(&task["extension"][0]["valueCodeableConcept"], "copd") || in_group(task, "copd")
    }),
    (
        "other-group",
        &["Task?target-group=heart-disease"],
        |task| in_group(task, "heart-disease"),
    ),
    ("overdue", &["Task?business-status=overdue"], |task| {
        business_status(task) == "overdue"
    }),
    (
        "attention",
        &["Task?business-status=overdue,due-soon"],
        |task| matches!(business_status(task), "overdue" | "due-soon"),
    ),
    (
        "both",
        &["Task?business-status=overdue", "Task?patient=Patient/p1"],
        |task| business_status(task) == "overdue" && task["for"]["reference"] == "Patient/p1",
    ),
    (
        "and",
        &["Task?business-status=met&code=treatment-plan&owner=Organization/gp"],
        |task| {
            business_status(task) == "met"
                && has_code(&task["code"], "treatment-plan")
                && task["owner"]["reference"] == "Organization/gp"
        },
    ),
];

fn in_group(task: &Value, group: &str) -> bool {
    let extensions = super::items(&task["extension"]);
    extensions.iter().any(|extension| {
        extension["url"]
            .as_str()
            .is_some_and(|url| url.ends_with("kp-target-group"))
            && has_code(&extension["valueCodeableConcept"], group)
    })
}

/// A version of a Task.
type TaskVersion = (ResourceKey, u64);

fn body(facade: &Facade, key: &ResourceKey, version: u64) -> Option<Value> {
    let version = frist::fhir::Version::parse(&version.to_string())?;
    let stored = facade.store().read_version(key, version).unwrap()?;
    Some(serde_json::from_slice(&stored.body?).unwrap())
}

/// Returns the versions of Tasks after a position that are events for a filter of that meaning: a
/// replay of the log, one version after the other.
fn replayed(facade: &Facade, after: Position, meaning: Meaning) -> Vec<TaskVersion> {
    let changes = facade.store().changes_after(after, usize::MAX).unwrap();
    let tasks = changes
        .into_iter()
        .filter(|change| change.key.resource_type == ResourceType::Task);
    let is_told = |(key, version): &TaskVersion| {
        let Some(now) = body(facade, key, *version) else {
            return false;
        };
        let before = body(facade, key, version - 1);
        let said = |task: &Value| (business_status(task).to_owned(), forecast(task));
        let changed = before
            .as_ref()
            .is_none_or(|before| said(before) != said(&now));
        changed && (meaning(&now) || before.as_ref().is_some_and(meaning))
    };
    tasks
        .map(|change| (change.key, change.version.0))
        .filter(is_told)
        .collect()
}

/// Returns the events of a subscription, which are numbered from 1 without a gap.
fn events(facade: &Facade, id: &str) -> Vec<TaskVersion> {
    let events = facade
        .store()
        .events(&Id::parse(id).unwrap(), 0, usize::MAX)
        .unwrap();
    let numbers: Vec<_> = events.iter().map(|event| event.number).collect();
    assert_eq!(
        numbers,
        (1..=events.len() as u64).collect::<Vec<_>>(),
        "{id}"
    );
    assert!(events.is_sorted_by_key(|event| event.instant));
    events
        .into_iter()
        .map(|event| (event.focus, event.version.0))
        .collect()
}

fn position(facade: &Facade) -> Position {
    facade.store().last_commit().unwrap().0
}

/// Makes a server with the practices and persons, and a subscription for each of the filters.
fn followed() -> (Facade, Position) {
    let facade = Facade::at("2027-03-01T09:00:00+01:00");
    let (gp, other, region) = (practice("gp"), practice("other"), region("region"));
    let persons = [1, 2, 3].map(|number| person(number, "gp"));
    assert!(
        facade
            .transaction(&[&gp, &other, &region, &persons[0], &persons[1], &persons[2]])
            .status
            .is_success()
    );
    for (id, filters, _) in FILTERS {
        facade.put_ok(&filtered(id, filters));
    }
    let after = position(&facade);
    (facade, after)
}

fn person(number: usize, practice: &str) -> Value {
    let mut person = patient(&format!("p{number}"));
    person["identifier"][0]["value"] = format!("040544000{number}").into();
    person["generalPractitioner"][0]["reference"] = format!("Organization/{practice}").into();
    person
}

/// Checks that every subscription was told what a replay tells; answers how many events there were
/// in all, and of everything.
fn assert_as_replayed(facade: &Facade, after: Position) -> (usize, usize) {
    let mut told = 0;
    for (id, _, meaning) in FILTERS {
        let events = events(facade, id);
        assert_eq!(events, replayed(facade, after, *meaning), "{id}");
        told += events.len();
    }
    (told, events(facade, "all").len())
}

#[test]
fn a_write_a_transaction_a_batch_the_calendar_and_a_start_after_days_are_told_alike() {
    let (facade, after) = followed();
    let mut seen = 0;
    let mut step = |facade: &Facade, what: &str| {
        let (told, all) = assert_as_replayed(facade, after);
        assert!(
            all > seen && told > all,
            "{what}: {all} events of everything, {told} in all"
        );
        seen = all;
    };
    facade.put_ok(&copd("c1", "p1", "2027-02-20"));
    step(&facade, "a write");
    let (condition, referral) = (
        copd("c2", "p2", "2027-02-01"),
        referral("r2", "p2", "c2", "2027-02-25"),
    );
    assert!(
        facade
            .transaction(&[&condition, &referral])
            .status
            .is_success()
    );
    step(&facade, "a transaction");
    let booked = booking("a2", "p2", "r2", "2027-03-25");
    facade.put_ok(&booked);
    step(&facade, "a booking");
    let mut batch = transaction_of(&[
        &copd("c3", "p3", "2027-02-10"),
        &plan("plan1", "p1", "c1", "2027-02-25"),
    ]);
    batch["type"] = json!("batch");
    assert!(facade.post(&batch).status.is_success());
    step(&facade, "a batch");
    assert!(facade.advance("2027-03-20T00:00:01+01:00") > 0);
    step(&facade, "the calendar");
    delete(&facade, "CarePlan/plan1");
    step(&facade, "a deletion");
    let facade = facade.restart("2027-06-01T12:00:00+02:00");
    step(&facade, "a start after days");
    facade.put_ok(&encounter("e2", "p2", "r2", "2027-05-30T10:00:00+02:00"));
    step(&facade, "a late fulfilment");
    let told = |id: &str| events(&facade, id).len();
    assert!(
        FILTERS
            .iter()
            .all(|(id, ..)| told(id) > 0 || *id == "other-group"),
        "{:?}",
        FILTERS.map_told(told)
    );
}

/// For a message: how many events each filter has.
trait MapTold {
    fn map_told(&self, told: impl Fn(&str) -> usize) -> Vec<(&'static str, usize)>;
}

impl MapTold for [(&'static str, &'static [&'static str], Meaning)] {
    fn map_told(&self, told: impl Fn(&str) -> usize) -> Vec<(&'static str, usize)> {
        self.iter().map(|(id, ..)| (*id, told(id))).collect()
    }
}

#[test]
fn a_version_that_does_not_change_the_deadline_status_is_no_event() {
    let (facade, after) = followed();
    facade.put_ok(&copd("c1", "p1", "2027-02-20"));
    let before = events(&facade, "all");
    let task = &facade.search_all("Task?patient=Patient/p1")[0];
    // Another practice: the Task has another owner.
    facade.put_ok(&person(1, "other"));
    let moved = &facade.search_all("Task?patient=Patient/p1")[0];
    assert_ne!(
        (&task["owner"], &task["meta"]["versionId"]),
        (&moved["owner"], &moved["meta"]["versionId"])
    );
    assert_eq!(events(&facade, "all"), before);
    assert_as_replayed(&facade, after);
}

#[test]
fn a_subscription_that_is_off_is_told_of_nothing_and_goes_on_when_it_is_asked_for_again() {
    let facade = Facade::at("2027-03-01T09:00:00+01:00");
    facade.put_ok(&practice("gp"));
    facade.put_ok(&person(1, "gp"));
    let mut off = subscription("s");
    off["status"] = json!("off");
    facade.put_ok(&off);
    facade.put_ok(&copd("c1", "p1", "2027-02-20"));
    assert_eq!(events(&facade, "s"), []);
    facade.put_ok(&subscription("s"));
    facade.put_ok(&plan("plan1", "p1", "c1", "2027-02-25"));
    assert_eq!(events(&facade, "s").len(), 1);
    facade.put_ok(&off);
    delete(&facade, "CarePlan/plan1");
    assert_eq!(events(&facade, "s").len(), 1);
    facade.put_ok(&subscription("s"));
    facade.put_ok(&plan("plan1", "p1", "c1", "2027-02-25"));
    assert_eq!(events(&facade, "s").len(), 2, "it counts on");
}

#[test]
fn a_subscription_that_comes_in_the_middle_of_a_write_misses_nothing_and_has_nothing_twice() {
    let facade = Facade::at("2027-03-01T09:00:00Z");
    facade.put_ok(&practice("gp"));
    at_every_reading(|after| {
        let (id, condition) = (
            format!("p{after}"),
            copd(&format!("c{after}"), &format!("p{after}"), "2027-02-01"),
        );
        facade.put_ok(&patient_of_run(after));
        let subscription = filtered(
            &format!("s{after}"),
            &[&format!("Task?patient=Patient/{id}")],
        );
        let subscribe = || drop(facade.put_ok(&subscription));
        let (written, came) = interrupted(&facade, after, subscribe, |server, context| {
            put(server, context, &condition)
        });
        written.unwrap();
        if came {
            let told = events(&facade, &format!("s{after}"));
            assert_eq!(told.len(), 1, "after {after} readings");
        }
        came
    });
}

#[test]
fn a_write_in_the_middle_of_a_new_subscription_is_told_if_it_was_committed_after_it() {
    let facade = Facade::at("2027-03-01T09:00:00Z");
    facade.put_ok(&practice("gp"));
    at_every_reading(|after| {
        facade.put_ok(&patient_of_run(after));
        let (patient, id) = (format!("p{after}"), format!("s{after}"));
        let condition = copd(&format!("c{after}"), &patient, "2027-02-01");
        let subscription = filtered(&id, &[&format!("Task?patient=Patient/{patient}")]);
        let write = || drop(facade.put_ok(&condition));
        let (written, came) = interrupted(&facade, after, write, |server, context| {
            put(server, context, &subscription)
        });
        written.unwrap();
        assert_eq!(
            events(&facade, &id),
            [],
            "after {after} readings: what was committed before it is none of its events"
        );
        if !came {
            return false;
        }
        facade.put_ok(&condition);
        let mut moved = condition.clone();
        moved["recordedDate"] = "2027-01-01".into();
        facade.put_ok(&moved);
        let told = events(&facade, &id).len();
        assert_eq!(told, 1, "after {after} readings: the first one after it");
        came
    });
}

/// Returns the person of one run of an interrupted case.
fn patient_of_run(after: usize) -> Value {
    let mut person = patient(&format!("p{after}"));
    person["identifier"][0]["value"] = format!("04054400{:02}", after % 100).into();
    person
}

/// Something that is done to a server.
#[derive(Clone, Debug)]
enum Action {
    Condition(usize, u8),
    Plan(usize, u8),
    Referral(usize, u8),
    Booking(usize, u8),
    DeletePlan(usize),
    Practice(usize, bool),
    Batch(usize, usize),
    Days(u16),
    Restart(u16),
    Off(usize),
    Again(usize),
    Delete(usize),
}

fn action() -> impl Strategy<Value = Action> {
    let (who, day, which) = (1..=3_usize, 1..=28_u8, 0..FILTERS.len());
    prop_oneof![
        3 => (who.clone(), day.clone()).prop_map(|(who, day)| Action::Condition(who, day)),
        2 => (who.clone(), day.clone()).prop_map(|(who, day)| Action::Plan(who, day)),
        2 => (who.clone(), day.clone()).prop_map(|(who, day)| Action::Referral(who, day)),
        2 => (who.clone(), day).prop_map(|(who, day)| Action::Booking(who, day)),
        1 => who.clone().prop_map(Action::DeletePlan),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, is_gp)| Action::Practice(who, is_gp)),
        1 => (who.clone(), who).prop_map(|(one, other)| Action::Batch(one, other)),
        3 => (1..40_u16).prop_map(Action::Days),
        1 => (1..40_u16).prop_map(Action::Restart),
        1 => which.clone().prop_map(Action::Off),
        1 => which.clone().prop_map(Action::Again),
        1 => which.prop_map(Action::Delete),
    ]
}

/// A server and what its subscriptions should have been told.
struct Followed {
    facade: Facade,
    now: jiff::Timestamp,
    /// Up to where the log was replayed.
    replayed: Position,
    /// By subscription: whether it is told of events, and of which it was.
    expected: BTreeMap<&'static str, (bool, Vec<TaskVersion>)>,
}

impl Followed {
    fn new() -> Self {
        let (facade, replayed) = followed();
        let now = "2027-03-01T08:00:00Z".parse().unwrap();
        Followed {
            facade,
            now,
            replayed,
            expected: FILTERS
                .iter()
                .map(|(id, ..)| (*id, (true, Vec::new())))
                .collect(),
        }
    }

    /// Replays what was written, through the subscriptions as they were while it was.
    fn replay(&mut self) {
        for (id, _, meaning) in FILTERS {
            if let Some((true, expected)) = self.expected.get_mut(id) {
                expected.extend(replayed(&self.facade, self.replayed, *meaning));
            }
        }
        self.replayed = position(&self.facade);
    }

    fn act(mut self, action: &Action) -> Self {
        let facade = &self.facade;
        let day = |day: u8| format!("2027-02-{day:02}");
        let of = |kind: &str, who: usize| format!("{kind}{who}");
        let condition = |who, at| copd(&of("c", who), &of("p", who), &day(at));
        match action {
            Action::Condition(who, at) => drop(facade.put(&condition(*who, *at))),
            Action::Plan(who, at) => drop(facade.put(&plan(
                &of("plan", *who),
                &of("p", *who),
                &of("c", *who),
                &day(*at),
            ))),
            Action::Referral(who, at) => drop(facade.put(&referral(
                &of("r", *who),
                &of("p", *who),
                &of("c", *who),
                &day(*at),
            ))),
            Action::Booking(who, at) => drop(facade.put(&booking(
                &of("a", *who),
                &of("p", *who),
                &of("r", *who),
                &format!("2027-03-{at:02}"),
            ))),
            Action::DeletePlan(who) => {
                drop(facade.send("DELETE", &format!("CarePlan/plan{who}"), &[], ""))
            }
            Action::Practice(who, is_gp) => {
                drop(facade.put_ok(&person(*who, if *is_gp { "gp" } else { "other" })))
            }
            Action::Batch(one, other) => {
                let mut batch = transaction_of(&[&condition(*one, 3), &condition(*other, 25)]);
                batch["type"] = json!("batch");
                drop(facade.post(&batch));
            }
            Action::Days(days) => {
                self.now += jiff::SignedDuration::from_hours(24 * i64::from(*days));
                facade.advance(&self.now.to_string());
            }
            Action::Restart(days) => {
                self.now += jiff::SignedDuration::from_hours(24 * i64::from(*days));
                self.facade = self.facade.restart(&self.now.to_string());
            }
            Action::Off(which) | Action::Again(which) => {
                self.replay();
                let (id, filters, _) = FILTERS[*which];
                let mut subscription = filtered(id, filters);
                let is_on = matches!(action, Action::Again(_));
                subscription["status"] = json!(if is_on { "requested" } else { "off" });
                self.facade.put_ok(&subscription);
                self.expected.entry(id).or_default().0 = is_on;
            }
            Action::Delete(which) => {
                self.replay();
                let id = FILTERS[*which].0;
                if self.expected.remove(id).is_some() {
                    delete(&self.facade, &format!("Subscription/{id}"));
                }
            }
        }
        self.replay();
        self
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_are_what_a_replay_of_all_tasks_gives(actions in prop::collection::vec(action(), 5..30)) {
        let mut followed = Followed::new();
        for action in &actions {
            followed = followed.act(action);
        }
        for (id, (_, expected)) in &followed.expected {
            prop_assert_eq!(&events(&followed.facade, id), expected, "{}", id);
        }
    }
}
