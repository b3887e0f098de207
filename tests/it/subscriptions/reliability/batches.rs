//! Messages of several events, when the power goes off around them. They come after many that have
//! one event, so that it takes many events to see one.

use std::collections::BTreeMap;
use std::sync::Arc;

use frist::fhir::{Id, Resource, ResourceKey, Version};
use frist::storage::{ChangeSet, Method, NewEvent, StoredContent, Write};

use super::power::{Commit, Power, Side};
use super::subscribers::{Mood, Subscribers, Trap};
use crate::subscriptions::delivery::delivering_server::{
    DeliveringServer, Setup, subscription, with_channel,
};

/// When the power goes off.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    Commit(Commit, Side),
    /// A message of several events arrives.
    Message {
        is_answered: bool,
    },
}

/// Lets so many rights change in one commit.
fn many_are_told(server: &DeliveringServer, events: usize) {
    let store = &server.as_server().store;
    let key = ResourceKey::parse("Goal/many").unwrap();
    let previous = store.read(&key).unwrap().map(|stored| stored.version);
    let body = Resource::parse(br#"{"resourceType":"Goal"}"#)
        .unwrap()
        .stamped(&key.id, Version::after(previous));
    let content = Some(StoredContent {
        body,
        entries: Vec::new(),
    });
    let event = NewEvent {
        subscription: Id::parse("s").unwrap(),
        focus: key.clone(),
    };
    let writes = vec![Write {
        key,
        previous,
        method: Method::Put,
        content,
    }];
    store
        .commit(ChangeSet {
            writes,
            events: vec![event; events],
            ..ChangeSet::at(server.context().now)
        })
        .unwrap();
    server.wake("s");
}

/// Tells a subscriber of many events, lets the power go off at that moment, and tells it of more.
pub(super) fn the_power_goes_off(power: &Arc<Power>, moment: Moment) {
    let setup = || Setup {
        around: Some(power.clone()),
        ..Setup::default()
    };
    let subscribers = Subscribers::new(BTreeMap::from([("s", Mood::Up)]), 1, Arc::clone(power));
    let paths = ["s-1".to_owned()];
    let mut server = DeliveringServer::with(setup());
    server.put(&with_channel(
        subscription("s", &subscribers.url("s-1")),
        "max-count",
        "valuePositiveInt",
        4,
    ));
    server.until("s", "active");
    // The first that follow a start are told one by one.
    many_are_told(&server, 128);
    subscribers.until_acknowledged(&paths, 128);
    while server.stream("s").delivered < 128 {
        std::thread::yield_now();
    }
    match moment {
        Moment::Commit(commit, side) => power.cut_at(commit, side),
        Moment::Message { is_answered } => {
            subscribers.set_trap(Trap {
                name: "s",
                kind: "event-notification",
                is_answered,
                events_min: 2,
            });
        }
    }
    many_are_told(&server, 3);
    power.until_off();
    server.crash();
    power.restore();
    server.start(setup());
    many_are_told(&server, 2);
    subscribers.until_acknowledged(&paths, 133);
    subscribers.book(|book, _| {
        let mut messages = BTreeMap::new();
        let mut last = 0;
        for message in &book.arrived {
            let numbers: Vec<u64> = message.events.iter().map(|event| event.0).collect();
            for number in numbers.iter().copied() {
                let same = messages
                    .entry(number)
                    .or_insert_with(|| (message.id.clone(), numbers.clone()));
                assert_eq!(
                    *same,
                    (message.id.clone(), numbers.clone()),
                    "{moment:?}: event {number} came in another message"
                );
                assert!(number <= last + 1, "{moment:?}: {number} after {last}");
                last = last.max(number);
            }
        }
        assert_eq!(messages.len(), 133, "{moment:?}");
    });
}
