//! What another writer does in the very middle of a request, made to happen each time: between what the request reads first and what it
//! reads next.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use frist::deadlines::{GroupTable, Rules};
use frist::fhir::dates::format_instant;
use frist::fhir::{Id, Resource, ResourceKey, ResourceType, Version, start_of_day};
use frist::interactions::delete::delete;
use frist::interactions::update::update;
use frist::interactions::write::{Condition, Target};
use frist::interactions::{Failure, Moment, Server, Written, rights, transaction};
use frist::search::{IndexValue, SearchQuery};
use frist::storage::{
    Change, ChangeSet, CommitError, Committed, Event, Guard, HistoryPage, HistoryQuery, Indexing, Position, ReindexError, ReindexFrom,
    Reindexed, SECRET_BYTES, SearchError, SearchPage, Store, StoreError, StoredVersion, Stream, Timer, Wish,
};
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::{business_status, live_tasks, stored_tasks, story};
use crate::support::facade::{BASE, Facade, guide_validator};
use crate::support::people::{copd, patient, plan, practice};

type Interruption = Box<dyn FnOnce() + Send>;

/// A store in which something happens after a number of readings.
struct Interrupted {
    store: Arc<dyn Store>,
    after: Mutex<(usize, Option<Interruption>)>,
}

impl Interrupted {
    /// Counts a reading; the last one of the number is followed by the interruption.
    fn reading<R>(&self, result: R) -> R {
        let due = {
            let (left, interruption) = &mut *self.after.lock().unwrap();
            let due = if *left == 0 { interruption.take() } else { None };
            *left = left.saturating_sub(1);
            due
        };
        if let Some(interrupt) = due {
            interrupt();
        }
        result
    }
}

impl Store for Interrupted {
    fn read(&self, key: &ResourceKey) -> Result<Option<StoredVersion>, StoreError> {
        self.reading(self.store.read(key))
    }

    fn read_version(&self, key: &ResourceKey, version: Version) -> Result<Option<StoredVersion>, StoreError> {
        self.reading(self.store.read_version(key, version))
    }

    fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.reading(self.store.history(query))
    }

    fn search(&self, query: &SearchQuery, position: Option<Position>) -> Result<SearchPage, SearchError> {
        self.reading(self.store.search(query, position))
    }

    fn search_keys(&self, query: &SearchQuery) -> Result<Vec<ResourceKey>, SearchError> {
        self.reading(self.store.search_keys(query))
    }

    fn values(&self, resource_type: ResourceType, parameter: &str, most: usize) -> Result<Option<BTreeSet<IndexValue>>, SearchError> {
        self.reading(self.store.values(resource_type, parameter, most))
    }

    fn guard_positions(&self, guards: &[Guard]) -> Result<Vec<Position>, StoreError> {
        self.reading(self.store.guard_positions(guards))
    }

    fn commit(&self, changes: ChangeSet) -> Result<Committed, CommitError> {
        self.store.commit(changes)
    }

    fn changes_after(&self, position: Position, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.reading(self.store.changes_after(position, limit))
    }

    fn timers_due(&self, day: Date, limit: usize) -> Result<Vec<Timer>, StoreError> {
        self.reading(self.store.timers_due(day, limit))
    }

    fn timer(&self, owner: &ResourceKey) -> Result<Option<Date>, StoreError> {
        self.reading(self.store.timer(owner))
    }

    fn stream(&self, subscription: &Id) -> Result<Stream, StoreError> {
        self.reading(self.store.stream(subscription))
    }

    fn resends(&self, subscription: &Id) -> Result<Vec<(u64, u64)>, StoreError> {
        self.reading(self.store.resends(subscription))
    }

    fn oldest_event(&self, subscription: &Id) -> Result<Option<Timestamp>, StoreError> {
        self.reading(self.store.oldest_event(subscription))
    }

    fn events(&self, subscription: &Id, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.reading(self.store.events(subscription, after, limit))
    }

    fn streams(&self) -> Result<Vec<Id>, StoreError> {
        self.reading(self.store.streams())
    }

    fn last_commit(&self) -> Result<(Position, Option<Timestamp>), StoreError> {
        self.reading(self.store.last_commit())
    }

    fn reindex(
        &self,
        indexing: Indexing<'_>,
        from: ReindexFrom,
        watch: &mut dyn FnMut(&Reindexed) -> Wish,
    ) -> Result<Option<Reindexed>, ReindexError> {
        self.store.reindex(indexing, from, watch)
    }

    fn secret(&self) -> &[u8; SECRET_BYTES] {
        self.store.secret()
    }
}

/// Does something on a server that is interrupted after that many readings; answers whether the interruption came.
pub(crate) fn interrupted<R>(
    facade: &Facade,
    after: usize,
    interrupt: impl FnOnce() + Send,
    act: impl FnOnce(&Server, &Moment) -> R,
) -> (R, bool) {
    let mut result = None;
    let mut came = false;
    std::thread::scope(|scope| {
        // The other writer is a thread that waits for its turn, so that it may borrow what the test has.
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
        let store = Interrupted { store: Arc::clone(facade.store()), after: Mutex::new((after, Some(interruption))) };
        let server = Server::new(
            Arc::new(store),
            Rules::shipped().clone(),
            GroupTable::shipped().clone(),
            guide_validator(),
            BASE.into(),
            Box::new(|| {}),
        );
        result = Some(act(&server, &facade.moment()));
        drop(server);
        came = other.join().unwrap();
    });
    (result.unwrap(), came)
}

/// Runs the case with the interruption after the first reading, after the second, and so on, until there are fewer readings.
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
    /// The person of one run; the Patient and the practice are there.
    fn of_run(facade: &Facade, after: usize) -> Person {
        let id = format!("p{after}");
        let (practice, condition) = (practice(&format!("gp{after}")), copd(&format!("c{after}"), &id, "2027-02-01"));
        let mut plan = plan(&format!("plan{after}"), &id, &format!("c{after}"), "2027-02-10");
        plan["author"]["reference"] = format!("Organization/gp{after}").into();
        assert!(facade.transaction(&[&practice, &patient(&id)]).status.is_success());
        Person { id, practice, condition, plan }
    }

    fn key(&self) -> ResourceKey {
        ResourceKey::parse(&format!("Patient/{}", self.id)).unwrap()
    }
}

/// Writes it as a client does.
pub(crate) fn put(server: &Server, moment: &Moment, resource: &Value) -> Result<Written, Failure> {
    let resource = Resource::from_value(resource.clone()).unwrap();
    let key = ResourceKey::parse(&format!("{}/{}", resource.type_name(), resource.id().unwrap())).unwrap();
    update(server, moment, Target::Key(key), resource, Condition::Any)
}

#[test]
fn a_patient_about_whom_something_is_written_meanwhile_is_not_deleted() {
    let facade = Facade::at("2027-03-01T09:00:00Z");
    at_every_reading(|after| {
        let person = Person::of_run(&facade, after);
        let written = Mutex::new(None);
        let write = || *written.lock().unwrap() = Some(facade.put(&person.condition).status.as_u16());
        let (deleted, came) =
            interrupted(&facade, after, write, |server, moment| delete(server, moment, Target::Key(person.key()), Condition::Any));
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
        let [same, other, absent] = ["same", "other", "absent"].map(|name| practice(&format!("{name}{after}")));
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
        let (answered, came) =
            interrupted(&facade, after, change, |server, moment| transaction::process(server, moment, &bundle).map(drop));
        match answered {
            Err(Failure::PreconditionFailed(_)) if came => assert_eq!(facade.get(&key(&other)).status.as_u16(), 404),
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
        let delete = || *deleted.lock().unwrap() = Some(facade.send("DELETE", &person.key().to_string(), &[], "").status.as_u16());
        let (written, came) = interrupted(&facade, after, delete, |server, moment| put(server, moment, &person.condition));
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
        // The plan comes together with a corrected day of the diagnosis: there never was one without the other.
        let mut corrected = person.condition.clone();
        corrected["recordedDate"] = "2027-02-15".into();
        let write = || assert!(facade.transaction(&[&corrected, &person.plan]).status.is_success());
        let (found, came) = interrupted(&facade, after, write, |server, moment| rights::rights(server, moment, &person.key(), &[]));
        let found = found.unwrap();
        let task = &found.tasks[0];
        let says = (business_status(task), task["executionPeriod"]["start"].as_str().unwrap());
        assert!([("due-soon", "2027-02-01"), ("met", "2027-02-15")].contains(&says), "after {after} readings: {says:?}");
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
        let (written, came) = interrupted(&facade, after, number, |server, moment| put(server, moment, &person.plan));
        written.unwrap();
        let expected = if came { ["met"] } else { ["due-soon"] };
        assert_eq!(live_tasks(&facade, &person.id).iter().map(business_status).collect::<Vec<_>>(), expected, "after {after} readings");
        came
    });
}

#[test]
fn a_request_that_waited_across_midnight_does_not_take_the_day_back() {
    let facade = Facade::at("2027-03-01T09:00:00Z");
    at_every_reading(|after| {
        let days = i64::try_from(after).unwrap();
        let (diagnosed, due) = (date(2027, 2, 5) + days.days(), date(2027, 3, 7) + days.days());
        let midnight = start_of_day(due.tomorrow().unwrap());
        // Diagnosed again and again by the same letter, the last time while the due date ends.
        facade.set_clock(&(midnight - 1.second()).to_string());
        let mut person = Person::of_run(&facade, after);
        person.condition["recordedDate"] = diagnosed.to_string().into();
        facade.put_ok(&person.condition);
        person.condition["note"] = json!([{ "text": "sent again" }]);
        let waiting = facade.moment();
        let after_midnight = || {
            facade.set_clock(&(midnight + 1.second()).to_string());
            facade.put_ok(&copd(&format!("other{after}"), &person.id, &due.tomorrow().unwrap().to_string()));
        };
        let (written, came) = interrupted(&facade, after, after_midnight, |server, _| put(server, &waiting, &person.condition));
        written.unwrap();
        facade.advance(&(midnight + 2.seconds()).to_string());
        let task = stored_tasks(&facade, &person.id).into_values().next().unwrap();
        let [before, since] = [midnight - 1.second(), midnight].map(format_instant);
        let expected = [format!("requested/due-soon {before}"), format!("requested/overdue {since}")];
        assert_eq!(story(&facade, &task), expected, "after {after} readings");
        came
    });
}
