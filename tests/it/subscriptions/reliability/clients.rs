//! The clients of a [`Story`]: they write about people and their subscriptions, and may do each thing
//! twice.

use frist::fhir::{Id, Resource};
use frist::interactions::change::ChangeTarget;
use frist::interactions::condition::Condition;
use frist::interactions::upkeep::calendar;
use frist::interactions::{Failure, delete, transaction};
use jiff::ToSpan;
use serde_json::{Value, json};

use super::story::{SUBSCRIPTIONS, Story, TRIES_MAX};
use crate::subscriptions::delivery::delivering_server::subscription_key;
use crate::support::people;

/// The number of persons.
const PERSONS: usize = 10;

impl Story {
    pub(super) fn put_subscription(&mut self, name: &str) -> Result<(), Failure> {
        self.server.try_put(&self.wanted[name]).map(drop)
    }

    pub(super) fn delete(&self, name: &str) -> Result<(), Failure> {
        let (server, context) = (self.server.as_server(), self.server.context());
        delete::delete(
            server,
            &context,
            ChangeTarget::Key(subscription_key(name)),
            Condition::ANY,
        )
        .map(drop)
    }

    /// Returns the diagnosis of somebody, of another day or refuted.
    pub(super) fn diagnosis(&mut self) -> Value {
        let person = self.chance.below(PERSONS as u64);
        let recorded = self.day - i64::try_from(self.chance.below(45)).unwrap().days();
        let mut condition = people::copd(
            &format!("c{person}"),
            &format!("w{person}"),
            &recorded.to_string(),
        );
        if self.chance.below(4) == 0 {
            condition["verificationStatus"]["coding"][0]["code"] = json!("refuted");
        }
        condition
    }

    pub(super) fn write(&mut self) -> Result<(), Failure> {
        self.subscribers.let_go();
        let diagnosis = self.diagnosis();
        self.server.try_put(&diagnosis).map(drop)
    }

    pub(super) fn write_several(&mut self, kind: &str) -> Result<(), Failure> {
        self.subscribers.let_go();
        let mut several: Vec<_> = (0..4).map(|_| self.diagnosis()).collect();
        several.sort_by_key(|one| one["id"].to_string());
        several.dedup_by_key(|one| one["id"].to_string());
        self.send(kind, several)
    }

    pub(super) fn send(&self, kind: &str, resources: Vec<Value>) -> Result<(), Failure> {
        let entry = |resource: Value| {
            let url = format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap(),
                resource["id"].as_str().unwrap()
            );
            json!({ "request": { "method": "PUT", "url": url }, "resource": resource })
        };
        let entries: Vec<_> = resources.into_iter().map(entry).collect();
        let bundle = Resource::from_value(
            json!({ "resourceType": "Bundle", "type": kind, "entry": entries }),
        )
        .unwrap();
        transaction::process(self.server.as_server(), &self.server.context(), &bundle).map(drop)
    }

    /// Days pass, and the calendar changes what they change.
    pub(super) fn days(&mut self, days: i64) -> Result<(), Failure> {
        self.subscribers.let_go();
        self.day += days.days();
        self.server.set_clock(&format!("{}T08:00:00Z", self.day));
        calendar::run(self.server.as_server(), &self.server.context(), |_, _| {}).map(drop)
    }

    /// Lets the clients of subscriptions in error ask for them again.
    pub(super) fn ask_again(&mut self) {
        for (name, ..) in SUBSCRIPTIONS {
            if self.server.subscription(name)["status"] == "error" {
                self.put_subscription(name).unwrap();
            }
        }
    }

    /// Makes a Subscription active whatever it was.
    pub(super) fn activate(&mut self, name: &str) {
        if self.server.subscription(name)["status"] == "error" {
            self.put_subscription(name).unwrap();
        }
        self.server.until(name, "active");
    }

    /// Makes rights change until somebody has one more event.
    pub(super) fn tell(&mut self, name: &str) {
        self.tell_by(name, Story::write);
    }

    /// Tells the same by doing this.
    pub(super) fn tell_by(
        &mut self,
        name: &str,
        mut act: impl FnMut(&mut Self) -> Result<(), Failure>,
    ) {
        let before = self.server.stream(name).last;
        for _ in 0..TRIES_MAX {
            act(self).unwrap();
            if self.server.stream(name).last > before {
                return;
            }
        }
        panic!("nothing ever happens for {name}");
    }

    /// Does the same as [`Story::tell`], but the power goes off because of it.
    pub(super) fn tell_in_the_dark(&mut self, name: &str) {
        let id = Id::parse(name).unwrap();
        let last = |story: &Story| {
            story
                .server
                .as_server()
                .store
                .stream(&id)
                .map(|stream| stream.last)
                .ok()
        };
        let before = last(self);
        for _ in 0..TRIES_MAX {
            let written = self.write();
            if self.power.is_off() || last(self) > before {
                return;
            }
            written.unwrap();
        }
        panic!("nothing ever happens for {name}");
    }

    /// Lets the persons come to be.
    pub(super) fn people_the_world(&self) {
        let person = |number: usize| {
            let mut patient = people::patient(&format!("w{number}"));
            patient["identifier"][0]["value"] = json!(format!("04054401{number:02}"));
            patient
        };
        self.send("transaction", (0..PERSONS).map(person).collect())
            .unwrap();
    }
}

/// Returns the Subscription with that filter and no other.
pub(super) fn filtered(mut subscription: Value, filter: Option<&str>) -> Value {
    let url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria";
    match filter {
        Some(filter) => {
            subscription["_criteria"] =
                json!({ "extension": [{ "url": url, "valueString": format!("Task?{filter}") }] });
        }
        None => drop(subscription.as_object_mut().unwrap().remove("_criteria")),
    }
    subscription
}
