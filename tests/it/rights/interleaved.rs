//! Another writer in the very middle of a request, made to happen each time: between the first
//! reading of the request and the next.

use std::sync::{Arc, Mutex};

use frist::fhir::dates::format_instant;
use frist::fhir::{Resource, ResourceKey, start_of_day};
use frist::interactions::change::ChangeTarget;
use frist::interactions::condition::Condition;
use frist::interactions::delete::delete;
use frist::interactions::update::update;
use frist::interactions::{Context, Failure, Server, ServerParts, Written, rights, transaction};
use jiff::ToSpan;
use jiff::civil::date;
use serde_json::{Value, json};

use super::{business_status, live_tasks, stored_tasks, story};
use crate::support::facade::{BASE, Facade, guide_validator};
use crate::support::people::{copd, patient, plan, practice};
use crate::support::surrounded::{Around, Surrounded};

type Interruption = Box<dyn FnOnce() + Send>;

/// An interruption after a number of readings.
struct Interrupted(Mutex<(usize, Option<Interruption>)>);

impl Around for Interrupted {
    /// Counts a reading; the last one of the number is followed by the interruption.
    fn after(&self) {
        let due = {
            let (left, interruption) = &mut *self.0.lock().unwrap();
            let due = if *left == 0 {
                interruption.take()
            } else {
                None
            };
            *left = left.saturating_sub(1);
            due
        };
        if let Some(interrupt) = due {
            interrupt();
        }
    }
}

/// Does something on a server that is interrupted after that many readings; answers whether the
/// interruption came.
pub(crate) fn interrupted<R>(
    facade: &Facade,
    after: usize,
    interrupt: impl FnOnce() + Send,
    act: impl FnOnce(&Server, &Context) -> R,
) -> (R, bool) {
    let mut result = None;
    let mut came = false;
    std::thread::scope(|scope| {
        // The other writer is a thread that waits for its turn, so that it may borrow what the test
        // has.
        let (turn, turns) = std::sync::mpsc::channel::<()>();
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let other = scope.spawn(move || {
            let has_turn = turns.recv().is_ok();
            if has_turn {
                interrupt();
                done.send(()).unwrap();
            }
            has_turn
        });
        let interruption: Interruption = Box::new(move || {
            turn.send(()).unwrap();
            is_done.recv().unwrap();
        });
        let store = Surrounded {
            store: Arc::clone(facade.store()),
            around: Interrupted(Mutex::new((after, Some(interruption)))),
        };
        let server = Server::new(ServerParts::shipped(
            Arc::new(store),
            guide_validator(),
            BASE.into(),
        ));
        result = Some(act(&server, &facade.context()));
        drop(server);
        came = other.join().unwrap();
    });
    (result.unwrap(), came)
}

/// Runs the case with the interruption after the first reading, after the second, and so on, until
/// there are fewer readings.
pub(crate) fn at_every_reading(case: impl Fn(usize) -> bool) {
    let readings = (0..200).take_while(|after| case(*after)).count();
    assert!((3..200).contains(&readings), "{readings} readings");
}

/// One person, with a practice and a diagnosis of 2027-02-01 that is not sent yet.
struct Person {
    id: String,
    practice: Value,
    condition: Value,
    /// The plan of 2027-02-10 for the diagnosis, by the practice.
    plan: Value,
}

impl Person {
    /// Returns the person of one run; the Patient and the practice are there.
    fn of_run(facade: &Facade, after: usize) -> Person {
        let id = format!("p{after}");
        let (practice, condition) = (
            practice(&format!("gp{after}")),
            copd(&format!("c{after}"), &id, "2027-02-01"),
        );
        let mut plan = plan(
            &format!("plan{after}"),
            &id,
            &format!("c{after}"),
            "2027-02-10",
        );
        plan["author"]["reference"] = format!("Organization/gp{after}").into();
        assert!(
            facade
                .transaction(&[&practice, &patient(&id)])
                .status
                .is_success()
        );
        Person {
            id,
            practice,
            condition,
            plan,
        }
    }

    fn key(&self) -> ResourceKey {
        ResourceKey::parse(&format!("Patient/{}", self.id)).unwrap()
    }
}

/// Writes it as a client does.
pub(crate) fn put(
    server: &Server,
    context: &Context,
    resource: &Value,
) -> Result<Written, Failure> {
    let resource = Resource::from_value(resource.clone()).unwrap();
    let key = ResourceKey::parse(&format!(
        "{}/{}",
        resource.type_name(),
        resource.id().unwrap()
    ))
    .unwrap();
    update(
        server,
        context,
        ChangeTarget::Key(key),
        resource,
        Condition::ANY,
    )
}

#[test]
fn a_patient_about_whom_something_is_written_meanwhile_is_not_deleted() {
    let facade = Facade::at("2027-03-01T09:00:00Z");
    at_every_reading(|after| {
        let person = Person::of_run(&facade, after);
        let written = Mutex::new(None);
        let write =
            || *written.lock().unwrap() = Some(facade.put(&person.condition).status.as_u16());
        let (deleted, came) = interrupted(&facade, after, write, |server, context| {
            delete(
                server,
                context,
                ChangeTarget::Key(person.key()),
                Condition::ANY,
            )
        });
        match (*written.lock().unwrap(), deleted) {
            (Some(201), Err(Failure::Conflict(_))) | (None, Ok(_)) => {}
            (status, deleted) => panic!("after {after} readings: {status:?}, {deleted:?}"),
        }
        came
    });
}

#[test]
fn what_a_transaction_found_as_it_should_be_is_still_so_when_the_rest_is_written() {
    let facade = Facade::at("2027-03-01T09:00:00Z");
    at_every_reading(|after| {
        let [same, other, absent] =
            ["same", "other", "absent"].map(|name| practice(&format!("{name}{after}")));
        facade.put_ok(&same);
        let key = |resource: &Value| format!("Organization/{}", resource["id"].as_str().unwrap());
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
            { "request": { "method": "PUT", "url": key(&same), "ifMatch": "W/\"1\"" }, "resource": same },
            { "request": { "method": "DELETE", "url": key(&absent) } },
            { "request": { "method": "PUT", "url": key(&other) }, "resource": other } ] });
        let bundle = Resource::from_value(bundle).unwrap();
        let mut changed = same.clone();
        changed["name"] = "Another".into();
        let change = || assert!(facade.transaction(&[&changed, &absent]).status.is_success());
        let (answered, came) = interrupted(&facade, after, change, |server, context| {
            transaction::process(server, context, &bundle).map(drop)
        });
        match answered {
            Err(Failure::PreconditionFailed(_)) if came => {
                assert_eq!(facade.get(&key(&other)).status.as_u16(), 404)
            }
            Ok(()) if !came => {}
            answered => panic!("after {after} readings: {came}, {answered:?}"),
        }
        came
    });
}

#[test]
fn nothing_is_written_about_a_patient_who_is_deleted_meanwhile() {
    let facade = Facade::at("2027-03-01T09:00:00Z");
    at_every_reading(|after| {
        let person = Person::of_run(&facade, after);
        let deleted = Mutex::new(None);
        let delete = || {
            *deleted.lock().unwrap() = Some(
                facade
                    .send("DELETE", &person.key().to_string(), &[], "")
                    .status
                    .as_u16(),
            )
        };
        let (written, came) = interrupted(&facade, after, delete, |server, context| {
            put(server, context, &person.condition)
        });
        match (*deleted.lock().unwrap(), written) {
            (Some(204), Err(Failure::Unprocessable(_))) | (None, Ok(_)) => {}
            (status, written) => panic!("after {after} readings: {status:?}, {written:?}"),
        }
        came
    });
}

#[test]
fn an_answer_never_has_one_half_of_a_transaction() {
    let facade = Facade::at("2027-03-01T09:00:00Z");
    at_every_reading(|after| {
        let person = Person::of_run(&facade, after);
        facade.put_ok(&person.condition);
        // The plan comes together with a corrected day of the diagnosis: there never was one
        // without the other.
        let mut corrected = person.condition.clone();
        corrected["recordedDate"] = "2027-02-15".into();
        let write = || {
            assert!(
                facade
                    .transaction(&[&corrected, &person.plan])
                    .status
                    .is_success()
            )
        };
        let (found, came) = interrupted(&facade, after, write, |server, context| {
            rights::rights(server, context, &person.key(), None)
        });
        let found = found.unwrap();
        let task = &found.tasks[0];
        let says = (
            business_status(task),
            task["executionPeriod"]["start"].as_str().unwrap(),
        );
        assert!(
            [("due-soon", "2027-02-01"), ("met", "2027-02-15")].contains(&says),
            "after {after} readings: {says:?}"
        );
        came
    });
}

#[test]
fn a_practice_gets_its_ydernummer_in_the_middle_of_a_plan() {
    let facade = Facade::at("2027-03-01T09:00:00Z");
    at_every_reading(|after| {
        let person = Person::of_run(&facade, after);
        let mut unnumbered = person.practice.clone();
        unnumbered["identifier"].as_array_mut().unwrap().truncate(1);
        facade.put_ok(&unnumbered);
        facade.put_ok(&person.condition);
        let number = || drop(facade.put_ok(&person.practice));
        let (written, came) = interrupted(&facade, after, number, |server, context| {
            put(server, context, &person.plan)
        });
        written.unwrap();
        let expected = if came { ["met"] } else { ["due-soon"] };
        assert_eq!(
            live_tasks(&facade, &person.id)
                .iter()
                .map(business_status)
                .collect::<Vec<_>>(),
            expected,
            "after {after} readings"
        );
        came
    });
}

#[test]
fn a_request_that_waited_across_midnight_does_not_take_the_day_back() {
    let facade = Facade::at("2027-03-01T09:00:00Z");
    at_every_reading(|after| {
        let days = i64::try_from(after).unwrap();
        let (diagnosed, due) = (
            date(2027, 2, 5) + days.days(),
            date(2027, 3, 7) + days.days(),
        );
        let midnight = start_of_day(due.tomorrow().unwrap());
        // Diagnosed again and again by the same letter, the last time while the due date ends.
        facade.set_clock(&(midnight - 1.second()).to_string());
        let mut person = Person::of_run(&facade, after);
        person.condition["recordedDate"] = diagnosed.to_string().into();
        facade.put_ok(&person.condition);
        person.condition["note"] = json!([{ "text": "sent again" }]);
        let waiting = facade.context();
        let after_midnight = || {
            facade.set_clock(&(midnight + 1.second()).to_string());
            facade.put_ok(&copd(
                &format!("other{after}"),
                &person.id,
                &due.tomorrow().unwrap().to_string(),
            ));
        };
        let (written, came) = interrupted(&facade, after, after_midnight, |server, _| {
            put(server, &waiting, &person.condition)
        });
        written.unwrap();
        facade.advance(&(midnight + 2.seconds()).to_string());
        let task = stored_tasks(&facade, &person.id)
            .into_values()
            .next()
            .unwrap();
        let [before, since] = [midnight - 1.second(), midnight].map(format_instant);
        let expected = [
            format!("requested/due-soon {before}"),
            format!("requested/overdue {since}"),
        ];
        assert_eq!(story(&facade, &task), expected, "after {after} readings");
        came
    });
}
