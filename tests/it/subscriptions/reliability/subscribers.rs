//! Subscribers that misbehave, and a book of what they received.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;

use super::chance::Chance;
use super::power::Power;
use crate::subscriptions::delivery::endpoint::{Answer, Endpoint, Gate, Received};

/// Longer than anything here takes on a busy machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The behaviour of a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Up,
    /// Answers when the client does the next thing.
    Slow,
    /// Every other message fails.
    Flapping,
    /// Answers with 500 now and then.
    Failing,
    /// With 429 and Retry-After.
    Throttling,
    /// With 410.
    Leaving,
    /// Ends the connection before or in the middle of the answer.
    Breaking,
    /// Ends each connection.
    Down,
}

/// The message at which the machine's power goes off.
#[derive(Clone, Debug)]
pub(crate) struct Trap {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    /// True if the message is still acknowledged: then nobody can record that.
    pub(crate) is_answered: bool,
    /// Events that the message has at least.
    pub(crate) events_min: usize,
}

/// A message with events that came.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// The path of the endpoint.
    pub(crate) path: String,
    pub(crate) id: String,
    /// The number of each event, and what it is about: a Task and its version, none if that is not
    /// told.
    pub(crate) events: Vec<(u64, Option<(String, u64)>)>,
}

/// The messages that came, in order.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) arrived: Vec<Arrived>,
    /// The events that were acknowledged, by path.
    pub(crate) acknowledged: BTreeMap<String, BTreeSet<u64>>,
}

impl Book {
    /// Returns the events that were acknowledged on one of these paths.
    pub(crate) fn acknowledged_on<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a String>,
    ) -> BTreeSet<u64> {
        paths
            .into_iter()
            .filter_map(|path| self.acknowledged.get(path))
            .flatten()
            .copied()
            .collect()
    }
}

struct State {
    book: Book,
    moods: BTreeMap<&'static str, Mood>,
    trap: Option<Trap>,
    chance: Chance,
    held: Vec<Arc<Gate>>,
    messages: u64,
}

/// All subscribers: one endpoint, with paths that begin with the name of a subscription.
pub(crate) struct Subscribers {
    pub(crate) endpoint: Endpoint,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Subscribers {
    pub(crate) fn new(moods: BTreeMap<&'static str, Mood>, seed: u64, power: Arc<Power>) -> Self {
        let state = State {
            book: Book::default(),
            moods,
            trap: None,
            chance: Chance::new(seed),
            held: Vec::new(),
            messages: 0,
        };
        let shared = Arc::new((Mutex::new(state), Condvar::new()));
        let of_endpoint = Arc::clone(&shared);
        let endpoint = Endpoint::answering(move |message| {
            let answer = of_endpoint.0.lock().unwrap().answer(message, &power);
            of_endpoint.1.notify_all();
            answer
        });
        Subscribers { endpoint, shared }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.endpoint.address)
    }

    pub(crate) fn set_mood(&self, name: &'static str, mood: Mood) {
        self.state().moods.insert(name, mood);
    }

    pub(crate) fn set_trap(&self, trap: Trap) {
        self.state().trap = Some(trap);
    }

    /// Lets the slow subscribers answer.
    pub(crate) fn let_go(&self) {
        self.state().held.drain(..).for_each(|gate| gate.open());
    }

    /// Makes all subscribers behave from now on.
    pub(crate) fn calm_down(&self) {
        let mut state = self.state();
        state.trap = None;
        state.moods.values_mut().for_each(|mood| *mood = Mood::Up);
        state.held.drain(..).for_each(|gate| gate.open());
    }

    /// Waits until that event was acknowledged on one of these paths.
    pub(crate) fn until_acknowledged<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a String> + Copy,
        last: u64,
    ) {
        let is_waiting =
            |state: &mut State| last > 0 && !state.book.acknowledged_on(paths).contains(&last);
        let (state, waited) = self
            .shared
            .1
            .wait_timeout_while(self.state(), PATIENCE, is_waiting)
            .unwrap();
        assert!(
            !waited.timed_out(),
            "event {last} never arrived, only {:?}",
            state.book.acknowledged_on(paths)
        );
    }

    /// Looks at everything that came so far, and at the number of messages of any kind.
    pub(crate) fn book<R>(&self, look: impl FnOnce(&Book, u64) -> R) -> R {
        let state = self.state();
        look(&state.book, state.messages)
    }
}

impl State {
    fn answer(&mut self, message: &Received, power: &Power) -> Answer {
        self.messages += 1;
        let path = message.path.trim_start_matches('/').to_owned();
        let name = path.split('-').next().unwrap_or_default();
        let (kind, events) = (message.kind(), events_of(&message.json()));
        let numbers: Vec<u64> = events.iter().map(|event| event.0).collect();
        if kind == "event-notification" {
            self.book.arrived.push(Arrived {
                path: path.clone(),
                id: message.id(),
                events,
            });
        }
        let is_caught = |trap: &Trap| {
            trap.name == name && trap.kind == kind && numbers.len() >= trap.events_min
        };
        let answer = match self.trap.take_if(|trap| is_caught(trap)) {
            Some(trap) => {
                power.cut();
                if trap.is_answered {
                    Answer::Status(200)
                } else {
                    Answer::Cut
                }
            }
            None => {
                let mood = self.moods.get(name).copied().unwrap_or(Mood::Up);
                self.as_usual(mood, kind == "handshake")
            }
        };
        if matches!(answer, Answer::Status(200) | Answer::Held(_)) {
            self.book
                .acknowledged
                .entry(path)
                .or_default()
                .extend(numbers);
        }
        answer
    }

    fn as_usual(&mut self, mood: Mood, is_handshake: bool) -> Answer {
        let roll = self.chance.below(10);
        match mood {
            Mood::Slow if roll < 5 => {
                let gate = Arc::new(Gate::default());
                self.held.push(Arc::clone(&gate));
                Answer::Held(gate)
            }
            Mood::Flapping if self.messages.is_multiple_of(2) => Answer::Status(503),
            Mood::Failing if roll < 4 => Answer::Status(500),
            Mood::Throttling if roll < 4 => Answer::With(429, "retry-after: 0".to_owned()),
            Mood::Leaving if roll < 3 && !is_handshake => Answer::Status(410),
            Mood::Breaking if roll < 3 => Answer::Broken,
            Mood::Breaking if roll < 5 => Answer::Cut,
            Mood::Down if !is_handshake => Answer::Cut,
            Mood::Up
            | Mood::Slow
            | Mood::Flapping
            | Mood::Failing
            | Mood::Throttling
            | Mood::Leaving
            | Mood::Breaking
            | Mood::Down => Answer::Status(200),
        }
    }
}

/// Returns the events that a notification tells: their numbers, and what they are about.
pub(crate) fn events_of(bundle: &Value) -> Vec<(u64, Option<(String, u64)>)> {
    let entries = bundle["entry"].as_array().unwrap();
    let parameters = entries[0]["resource"]["parameter"].as_array().unwrap();
    let events = parameters
        .iter()
        .filter(|parameter| parameter["name"] == "notification-event");
    let part = |event: &Value, name: &str| {
        event["part"]
            .as_array()
            .unwrap()
            .iter()
            .find(|part| part["name"] == name)
            .cloned()
    };
    let told = |(at, event): (usize, &Value)| {
        let number = part(event, "event-number").unwrap()["valueString"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let focus = part(event, "focus").map(|focus| {
            let reference = focus["valueReference"]["reference"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned();
            let etag = entries[at + 1]["response"]["etag"].as_str().unwrap();
            (
                reference,
                etag.trim_matches(['W', '/', '"']).parse().unwrap(),
            )
        });
        (number, focus)
    };
    events.enumerate().map(told).collect()
}
