//! One machine with its subscribers and its clients, through many losses of power.

use std::collections::BTreeMap;
use std::sync::Arc;

use frist::fhir::ResourceKey;
use frist::interactions::Failure;
use frist::storage::Upkeep;
use frist::storage::embedded::{EmbeddedStore, Engine, StoreOptions};
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::chance::Chance;
use super::clients::filtered;
use super::power::{Commit, Power, Side};
use super::subscribers::{Mood, Subscribers, Trap};
use super::three_accounts::compare_accounts;
use crate::subscriptions::delivery::delivering_server::{
    DeliveringServer, QUICK, Setup, subscription_key, with_channel,
};

/// The subscriptions: their names, how their subscribers behave, how much they are told, how many
/// events at once, and by what they filter.
pub(super) const SUBSCRIPTIONS: &[(&str, Mood, &str, u32, Option<&str>)] = &[
    ("up", Mood::Up, "id-only", 1, None),
    ("full", Mood::Up, "full-resource", 1, None),
    (
        "overdue",
        Mood::Up,
        "empty",
        1,
        Some("business-status=overdue"),
    ),
    ("slow", Mood::Slow, "id-only", 5, None),
    ("flapping", Mood::Flapping, "id-only", 1, None),
    ("failing", Mood::Failing, "id-only", 3, None),
    ("throttling", Mood::Throttling, "id-only", 1, None),
    ("leaving", Mood::Leaving, "id-only", 1, None),
    ("breaking", Mood::Breaking, "id-only", 2, None),
    ("down", Mood::Down, "id-only", 1, None),
    ("changing", Mood::Up, "id-only", 1, None),
    ("returning", Mood::Up, "id-only", 1, None),
];

/// The filters among which a client changes its mind.
const FILTERS: &[Option<&str>] = &[
    None,
    Some("business-status=overdue,due-soon"),
    Some("patient=Patient/w1"),
    Some("patient=Patient/w2"),
    Some("business-status=running"),
];

/// More tries than it takes by far.
pub(super) const TRIES_MAX: usize = 200;

/// A place at which the power goes off.
#[derive(Clone, Copy, Debug)]
pub(super) enum Point {
    Write(Side),
    Transaction(Side),
    Batch(Side),
    Calendar(Side),
    /// While the calendar makes up for days on which the machine was off.
    DaysMissed(Side),
    /// A message arrives; the subscriber may acknowledge it, but nobody can write that down.
    Message {
        is_answered: bool,
    },
    Handshake {
        is_answered: bool,
    },
    /// The handshake was acknowledged, and that is written.
    Activation(Side),
    /// The status `error` is written.
    Failure(Side),
    /// A client changes the filter of its subscription.
    Filter(Side),
    /// A client changes the endpoint of its subscription while a message is on its way to the one
    /// before.
    Endpoint(Side),
    Deletion(Side),
    BetweenDeletionAndCreation,
    Creation(Side),
    /// It is written how far somebody was delivered.
    Cursor(Side),
    /// Not the power: an operator stops the server while messages are on their way.
    Stop,
}

pub(super) struct Story {
    pub(super) server: DeliveringServer,
    pub(super) power: Arc<Power>,
    pub(super) subscribers: Subscribers,
    pub(super) chance: Chance,
    pub(super) day: Date,
    /// The present Subscription of each name, as its client has it.
    pub(super) wanted: BTreeMap<&'static str, Value>,
    /// The paths of the present Subscription of each name, and how many changes of Subscriptions
    /// there were.
    paths: BTreeMap<String, Vec<String>>,
    changes: usize,
}

fn setup(power: &Arc<Power>) -> Setup {
    Setup {
        pace: QUICK,
        around: Some(power.clone()),
        ..Setup::default()
    }
}

impl Story {
    pub(super) fn begin(mut chance: Chance) -> Self {
        let power = Arc::<Power>::default();
        let moods = SUBSCRIPTIONS
            .iter()
            .map(|(name, mood, ..)| (*name, *mood))
            .collect();
        let subscribers = Subscribers::new(moods, chance.below(u64::MAX), Arc::clone(&power));
        let server = DeliveringServer::with(setup(&power));
        let mut story = Story {
            server,
            power,
            subscribers,
            chance,
            day: date(2027, 3, 1),
            wanted: BTreeMap::new(),
            paths: BTreeMap::new(),
            changes: 0,
        };
        for (name, _, content, most, filter) in SUBSCRIPTIONS {
            let mut resource = with_channel(
                story.on_new_path(name),
                "max-count",
                "valuePositiveInt",
                *most,
            );
            let url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content";
            resource["channel"]["_payload"] =
                json!({ "extension": [{ "url": url, "valueCode": content }] });
            story.wanted.insert(name, filtered(resource, *filter));
            story.put_subscription(name).unwrap();
        }
        story.people_the_world();
        story
    }

    /// Makes a Subscription to everything that begins a life, as far as its client knows.
    fn anew(&mut self, name: &'static str) {
        self.paths.remove(name);
        let anew = self.on_new_path(name);
        self.wanted.insert(name, anew);
    }

    /// Makes a Subscription to everything, with an endpoint that there was not before.
    fn on_new_path(&mut self, name: &str) -> Value {
        self.changes += 1;
        let path = format!("{name}-{}", self.changes);
        let url = self.subscribers.url(&path);
        self.paths.entry(name.to_owned()).or_default().push(path);
        crate::subscriptions::delivery::delivering_server::subscription(name, &url)
    }

    // ---- What happens to the machine ----

    fn fail(&mut self) {
        self.power.until_off();
        self.subscribers.let_go();
        self.server.crash();
        self.power.restore();
        self.server.start(setup(&self.power));
    }

    /// Does something again and again until the power goes off at that commit.
    fn fail_at(
        &mut self,
        commit: Commit,
        side: Side,
        mut act: impl FnMut(&mut Self) -> Result<(), Failure>,
    ) {
        self.power.cut_at(commit, side);
        for _ in 0..TRIES_MAX {
            let done = act(self);
            if self.power.is_off() {
                return self.fail();
            }
            done.unwrap();
        }
        panic!("the power never went off {side:?} {commit:?}");
    }

    /// Tells a chapter: something happens, and then the power goes off and comes back, and the
    /// clients go on.
    pub(super) fn chapter(&mut self, point: &Point) {
        for _ in 0..self.chance.below(4) {
            match self.chance.below(6) {
                0 => self.write_several("transaction").unwrap(),
                1 => self.write_several("batch").unwrap(),
                2 => self.days(1).unwrap(),
                3 => self.ask_again(),
                _ => self.write().unwrap(),
            }
        }
        match *point {
            Point::Write(side) => self.fail_at(Commit::Told, side, Story::write),
            Point::Transaction(side) => self.fail_at(Commit::Told, side, |story| {
                story.write_several("transaction")
            }),
            Point::Batch(side) => {
                self.fail_at(Commit::Told, side, |story| story.write_several("batch"))
            }
            Point::Calendar(side) => self.fail_at(Commit::Told, side, |story| story.days(1)),
            Point::DaysMissed(side) => self.miss_days(side),
            Point::Message { is_answered } => self.fail_on_message(is_answered),
            Point::Handshake { is_answered } => self.fail_on_handshake(is_answered),
            Point::Activation(side) => {
                self.activate("up");
                self.fail_when_asked_again("up", Commit::Status("active"), side);
            }
            Point::Failure(side) => self.fail_with_error(side),
            Point::Filter(side) => self.fail_with_filter(side),
            Point::Endpoint(side) => self.fail_with_endpoint(side),
            Point::Deletion(side) => self.fail_with_deletion(side),
            Point::BetweenDeletionAndCreation => self.fail_between(),
            Point::Creation(side) => self.fail_with_creation(side),
            Point::Cursor(side) => self.fail_with_cursor(side),
            Point::Stop => self.stop_and_start(),
        }
    }

    fn miss_days(&mut self, side: Side) {
        self.power.cut();
        self.fail();
        let days = i64::try_from(2 + self.chance.below(4)).unwrap();
        self.fail_at(Commit::Told, side, |story| story.days(days));
        self.days(0).unwrap();
    }

    fn fail_on_message(&mut self, is_answered: bool) {
        self.activate("up");
        self.subscribers.set_trap(Trap {
            name: "up",
            kind: "event-notification",
            is_answered,
            events_min: 1,
        });
        self.tell_in_the_dark("up");
        self.fail();
    }

    fn fail_on_handshake(&mut self, is_answered: bool) {
        self.activate("changing");
        self.subscribers.set_trap(Trap {
            name: "changing",
            kind: "handshake",
            is_answered,
            events_min: 0,
        });
        self.wanted.get_mut("changing").unwrap()["reason"] =
            json!(format!("Because of {}", self.changes));
        self.changes += 1;
        // The answer may come after the handshake did.
        let _ = self.put_subscription("changing");
        self.fail();
    }

    fn fail_when_asked_again(&mut self, name: &'static str, commit: Commit, side: Side) {
        self.power.cut_at(commit, side);
        self.changes += 1;
        self.wanted.get_mut(name).unwrap()["reason"] =
            json!(format!("Because of {}", self.changes));
        let _ = self.put_subscription(name);
        self.fail();
    }

    fn fail_with_error(&mut self, side: Side) {
        self.subscribers.set_mood("changing", Mood::Up);
        self.activate("changing");
        self.subscribers.set_mood("changing", Mood::Leaving);
        self.power.cut_at(Commit::Status("error"), side);
        for _ in 0..TRIES_MAX {
            if self.power.is_off() {
                break;
            }
            let _ = self.write();
        }
        self.fail();
        self.subscribers.set_mood("changing", Mood::Up);
    }

    fn fail_with_filter(&mut self, side: Side) {
        let filter = *self.chance.one_of(FILTERS);
        self.filter("changing", filter);
        self.fail_when_asked_again("changing", Commit::Status("requested"), side);
        self.tell("up");
        self.put_subscription("changing").unwrap();
        self.tell("up");
        // The server knows that filter well by now.
        self.filter("changing", None);
        self.put_subscription("changing").unwrap();
        self.tell("changing");
    }

    fn filter(&mut self, name: &'static str, filter: Option<&str>) {
        let changed = filtered(self.wanted[name].clone(), filter);
        self.wanted.insert(name, changed);
    }

    fn fail_with_endpoint(&mut self, side: Side) {
        self.subscribers.set_mood("changing", Mood::Down);
        self.tell("up");
        let url = self.on_new_path("changing")["channel"]["endpoint"].clone();
        self.wanted.get_mut("changing").unwrap()["channel"]["endpoint"] = url;
        self.fail_when_asked_again("changing", Commit::Status("requested"), side);
        self.subscribers.set_mood("changing", Mood::Up);
        self.put_subscription("changing").unwrap();
    }

    fn fail_with_deletion(&mut self, side: Side) {
        self.fail_at(Commit::Deletion, side, |story| story.delete("returning"));
        self.delete("returning").unwrap();
        self.tell("up");
        self.create();
    }

    fn fail_between(&mut self) {
        self.delete("returning").unwrap();
        self.tell("up");
        self.power.cut();
        self.fail();
        self.create();
    }

    fn fail_with_creation(&mut self, side: Side) {
        self.delete("returning").unwrap();
        self.anew("returning");
        self.fail_at(Commit::Status("requested"), side, |story| {
            story.put_subscription("returning")
        });
        self.tell("up");
        self.create();
    }

    fn create(&mut self) {
        let key: ResourceKey = subscription_key("returning");
        let stored = self.server.as_server().store.read(&key).unwrap();
        if stored.is_none_or(|stored| stored.body.is_none()) {
            self.anew("returning");
        }
        self.put_subscription("returning").unwrap();
        // The server knew that nobody followed.
        self.tell("returning");
    }

    fn fail_with_cursor(&mut self, side: Side) {
        self.activate("up");
        self.power.cut_at(Commit::Cursor, side);
        self.tell_in_the_dark("up");
        self.fail();
    }

    fn stop_and_start(&mut self) {
        self.tell("up");
        self.server.stop();
        self.subscribers.let_go();
        self.server.start(setup(&self.power));
    }

    /// Ends the story: all subscribers behave, and all accounts agree; answers how many events
    /// there were.
    pub(super) fn end(mut self) -> usize {
        self.subscribers.calm_down();
        self.tell("up");
        for (name, ..) in SUBSCRIPTIONS {
            self.activate(name);
        }
        self.until_all_is_acknowledged();
        // Each kind of event by itself, without another start or another event: what wakes the
        // workers is looked at, too.
        self.tell_by("up", |story| story.days(1));
        self.until_all_is_acknowledged();
        self.tell_by("up", |story| story.write_several("transaction"));
        self.until_all_is_acknowledged();
        let names: Vec<_> = SUBSCRIPTIONS.iter().map(|(name, ..)| *name).collect();
        let events = self.subscribers.book(|book, messages| {
            let events = compare_accounts(&self.server, &names, book);
            eprintln!("{events} events, {} messages with events, {messages} in all: lost 0, gaps 0, order broken 0", book.arrived.len());
            events
        });
        let folder = self.server.stop_and_keep();
        let store = EmbeddedStore::open(
            folder.path().join("data"),
            Engine::Fjall,
            StoreOptions::default(),
        )
        .unwrap();
        assert_eq!(store.verify(), Vec::<String>::new());
        events
    }

    fn until_all_is_acknowledged(&self) {
        for (name, ..) in SUBSCRIPTIONS {
            self.subscribers
                .until_acknowledged(&self.paths[*name], self.server.stream(name).last);
        }
    }
}
