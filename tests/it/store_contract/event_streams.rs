//! Events of subscriptions.
#![allow(clippy::unwrap_used)]

use std::ops::RangeInclusive;

use frist::fhir::{ResourceKey, Version};
use frist::storage::{ChangeSet, CommitError, Forgettable, NewEvent, Store, Stream, StreamChange};
use jiff::Timestamp;

use super::words::{Fixture, changes, id, key, last, noon, put};

fn minutes_after_noon(number: i64) -> Timestamp {
    noon() + jiff::SignedDuration::from_mins(number)
}

fn told(subscription: &str, focus: &ResourceKey) -> NewEvent {
    NewEvent {
        subscription: id(subscription),
        focus: focus.clone(),
    }
}

fn numbers_of(store: &dyn Store, subscription: &str) -> Vec<u64> {
    store
        .events(&id(subscription), 0, 1_000)
        .unwrap()
        .iter()
        .map(|event| event.number)
        .collect()
}

/// Writes ten versions of a Task and tells `all` of each and `even` of every other one.
fn write_and_tell(store: &dyn Store, task: &ResourceKey) {
    for number in 0..10_u64 {
        let writes = vec![
            put(&key(&format!("Goal/{}-{number}", task.id)), None, vec![]),
            put(task, last(store, task), vec![]),
        ];
        let events = vec![told("all", task), told("even", task)];
        let events = events
            .into_iter()
            .take(if number % 2 == 0 { 2 } else { 1 })
            .collect();
        let committed = store
            .commit(ChangeSet {
                events,
                ..changes(writes)
            })
            .unwrap();
        let told = store.events(&id("all"), 0, 1_000).unwrap();
        let own = told
            .iter()
            .find(|event| event.focus == *task && event.version == Version(number + 1));
        assert_eq!(
            own.map(|event| event.instant),
            Some(committed.instant),
            "it is there with the version that it tells of"
        );
    }
}

pub(super) fn events_are_numbered_without_gaps_in_the_order_of_the_commits(fixture: &dyn Fixture) {
    let store = fixture.open();
    let tasks: Vec<ResourceKey> = (0..8)
        .map(|thread| key(&format!("Task/{thread}")))
        .collect();
    std::thread::scope(|scope| {
        for task in &tasks {
            let store = &*store;
            scope.spawn(move || {
                write_and_tell(store, task);
            });
        }
    });
    let store = {
        drop(store);
        fixture.open()
    };
    assert_eq!(numbers_of(&*store, "all"), (1..=80).collect::<Vec<_>>());
    assert_eq!(numbers_of(&*store, "even"), (1..=40).collect::<Vec<_>>());
    let events = store.events(&id("all"), 0, 1_000).unwrap();
    assert!(events.is_sorted_by_key(|event| event.instant));
    let of_first: Vec<_> = events
        .iter()
        .filter(|event| event.focus == tasks[0])
        .map(|event| event.version.0)
        .collect();
    assert_eq!(of_first, (1..=10).collect::<Vec<_>>());
    assert_eq!(store.events(&id("all"), 78, 1).unwrap(), events[78..79]);
    assert_eq!(
        store.stream(&id("all")).unwrap(),
        Stream {
            last: 80,
            ..Stream::default()
        }
    );
    assert_eq!(store.streams().unwrap(), [id("all"), id("even")]);
    assert_eq!(store.stream(&id("none")).unwrap(), Stream::default());

    let refused = ChangeSet {
        events: vec![told("all", &tasks[0])],
        ..changes(vec![put(&tasks[0], None, vec![])])
    };
    assert_eq!(
        store.commit(refused),
        Err(CommitError::VersionMoved(tasks[0].clone()))
    );
    assert_eq!(
        store.stream(&id("all")).unwrap().last,
        80,
        "what is not written is no event"
    );
}

/// Writes the next version of a resource, and tells of it.
fn tell_of(store: &dyn Store, focus: &ResourceKey, now: Timestamp, events: Vec<NewEvent>) {
    let write = put(focus, last(store, focus), vec![]);
    store
        .commit(ChangeSet {
            now,
            events,
            ..changes(vec![write])
        })
        .unwrap();
}

fn change_stream(store: &dyn Store, change: StreamChange) {
    store
        .commit(ChangeSet {
            streams: vec![change],
            ..changes(vec![])
        })
        .unwrap();
}

pub(super) fn a_subscription_that_comes_back_counts_anew(fixture: &dyn Fixture) {
    let store = fixture.open();
    let task = key("Task/1");
    let write = |subscriptions: &[&str]| {
        let events = subscriptions
            .iter()
            .map(|subscription| told(subscription, &task));
        tell_of(&*store, &task, noon(), events.collect());
    };
    let change = |change| change_stream(&*store, change);
    let cursor = |life, delivered, sent| {
        change(StreamChange::Cursor {
            subscription: id("s"),
            life,
            delivered,
            sent,
        });
    };
    change(StreamChange::Begin(id("s")));
    (0..3).for_each(|_| write(&["s", "t"]));
    cursor(1, 1, 3);
    assert_eq!(
        store.stream(&id("s")).unwrap(),
        Stream {
            life: 1,
            last: 3,
            delivered: 1,
            sent: 3,
            ..Stream::default()
        }
    );
    change(StreamChange::Begin(id("s")));
    assert_eq!(
        store.stream(&id("s")).unwrap(),
        Stream {
            life: 2,
            ..Stream::default()
        }
    );
    assert_eq!(numbers_of(&*store, "s"), Vec::<u64>::new());
    write(&["s", "t"]);
    assert_eq!(numbers_of(&*store, "s"), [1]);
    assert_eq!(numbers_of(&*store, "t"), [1, 2, 3, 4]);
    cursor(1, 1, 1);
    assert_eq!(
        store.stream(&id("s")).unwrap().delivered,
        0,
        "that was said of the life before"
    );
    cursor(2, 7, 9);
    assert_eq!(
        store.stream(&id("s")).unwrap(),
        Stream {
            life: 2,
            last: 1,
            delivered: 1,
            sent: 1,
            ..Stream::default()
        }
    );
    change(StreamChange::Begin(id("u")));
    change(StreamChange::Begin(id("u")));
    assert_eq!(
        store.stream(&id("u")).unwrap().life,
        2,
        "also if nothing was ever told of"
    );
    assert_eq!(store.streams().unwrap(), [id("s"), id("t"), id("u")]);
}

/// Tells of six versions of a Task, a minute after the other.
fn tell_of_six(store: &dyn Store) {
    for number in 0..6_i64 {
        let events = vec![told("s", &key("Task/1"))];
        tell_of(store, &key("Task/1"), minutes_after_noon(number), events);
    }
}

/// Forgets events, and returns the last number that was forgotten and the numbers that are kept.
fn forget(
    store: &dyn Store,
    before: Timestamp,
    limit: usize,
    which: Forgettable,
) -> (u64, Vec<u64>) {
    let forget = StreamChange::Forget {
        subscription: id("s"),
        before,
        limit,
        which,
    };
    change_stream(store, forget);
    (
        store.stream(&id("s")).unwrap().forgotten,
        numbers_of(store, "s"),
    )
}

pub(super) fn events_are_forgotten_from_the_oldest(fixture: &dyn Fixture) {
    let store = fixture.open();
    tell_of_six(&*store);
    let forget = |before, limit, which| forget(&*store, before, limit, which);
    let instants: Vec<_> = store
        .events(&id("s"), 0, 10)
        .unwrap()
        .iter()
        .map(|event| event.instant)
        .collect();
    let oldest = || store.oldest_event(&id("s")).unwrap();
    assert_eq!(
        (oldest(), store.oldest_event(&id("none")).unwrap()),
        (Some(instants[0]), None)
    );
    assert_eq!(
        forget(minutes_after_noon(0), 10, Forgettable::All),
        (0, vec![1, 2, 3, 4, 5, 6])
    );
    let nothing = (0, vec![1, 2, 3, 4, 5, 6]);
    assert_eq!(
        forget(minutes_after_noon(9), 10, Forgettable::Delivered),
        nothing,
        "none was delivered"
    );
    let cursor = StreamChange::Cursor {
        subscription: id("s"),
        life: 0,
        delivered: 3,
        sent: 5,
    };
    change_stream(&*store, cursor);
    assert_eq!(
        forget(minutes_after_noon(5), 2, Forgettable::Delivered),
        (2, vec![3, 4, 5, 6])
    );
    assert_eq!(oldest(), Some(instants[2]));
    assert_eq!(
        forget(minutes_after_noon(9), 10, Forgettable::Delivered),
        (3, vec![4, 5, 6])
    );
    assert_eq!(
        forget(minutes_after_noon(5), 10, Forgettable::All),
        (5, vec![6])
    );
    assert_eq!(
        forget(minutes_after_noon(9), 10, Forgettable::All),
        (6, vec![])
    );
    assert_eq!(
        (store.stream(&id("s")).unwrap().last, oldest()),
        (6, None),
        "the count goes on"
    );
}

pub(super) fn events_of_the_life_before_can_be_forgotten(fixture: &dyn Fixture) {
    let store = fixture.open();
    let oldest = || store.oldest_event(&id("s")).unwrap();
    tell_of_six(&*store);
    assert_eq!(
        forget(&*store, minutes_after_noon(9), 10, Forgettable::All),
        (6, vec![])
    );
    let task = key("Task/1");
    tell_of(&*store, &task, noon(), vec![told("s", &task)]);
    assert_eq!(numbers_of(&*store, "s"), [7]);
    let only = store.events(&id("s"), 0, 10).unwrap()[0].instant;
    change_stream(&*store, StreamChange::Begin(id("s")));
    assert_eq!(numbers_of(&*store, "s"), Vec::<u64>::new());
    assert_eq!(oldest(), Some(only), "of the life before");
    assert_eq!(
        forget(&*store, Timestamp::MAX, 10, Forgettable::Delivered),
        (0, vec![])
    );
    assert_eq!(
        (store.stream(&id("s")).unwrap(), oldest()),
        (
            Stream {
                life: 1,
                ..Stream::default()
            },
            None
        )
    );
}

pub(super) fn what_is_to_be_sent_again_is_kept_for_its_life(fixture: &dyn Fixture) {
    let mut store = fixture.open();
    let (task, begin) = (key("Task/1"), || StreamChange::Begin(id("s")));
    let again = |life, ranges: &[RangeInclusive<u64>]| StreamChange::Resends {
        subscription: id("s"),
        life,
        ranges: ranges.to_vec(),
    };
    let change = |store: &dyn Store, change| {
        store
            .commit(ChangeSet {
                streams: vec![change],
                ..changes(vec![])
            })
            .unwrap();
    };
    for life in [1, 2] {
        change(&*store, begin());
        let events = vec![told("s", &task); 5];
        store
            .commit(ChangeSet {
                events,
                ..changes(vec![put(&task, last(&*store, &task), vec![])])
            })
            .unwrap();
        assert_eq!(
            store.resends(&id("s")).unwrap(),
            [],
            "what was asked of the life before is nobody's wish any more"
        );
        change(&*store, again(life, &[2..=3, 1..=5]));
        drop(store);
        store = fixture.open();
        assert_eq!(store.resends(&id("s")).unwrap(), [2..=3, 1..=5]);
        change(&*store, again(life - 1, &[]));
        assert_eq!(
            store.resends(&id("s")).unwrap().len(),
            2,
            "that was said of the life before"
        );
        change(&*store, again(life, &[1..=9, 6..=9]));
        assert_eq!(
            store.resends(&id("s")).unwrap(),
            [1..=5],
            "no more than there are"
        );
        assert_eq!(store.resends(&id("t")).unwrap(), []);
    }
    change(&*store, again(2, &[]));
    assert_eq!(store.resends(&id("s")).unwrap(), []);
}
