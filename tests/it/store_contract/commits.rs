//! Commits: their preconditions, their order, and that each is whole.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use frist::fhir::{ResourceKey, ResourceType, Version};
use frist::search::SearchQuery;
use frist::storage::{
    Bookmark, ChangeSet, CommitError, Guard, HistoryScope, Position, Precondition, Timer,
    TimerChange,
};
use jiff::civil::{Date, date};

use super::words::{
    Fixture, all_pages, at, by_token, changes, commit, delete, history, key, last, put, token,
    update,
};

pub(super) fn a_write_that_does_not_follow_the_last_version_is_refused(fixture: &dyn Fixture) {
    let store = fixture.open();
    let (one, other) = (key("Condition/1"), key("Condition/2"));
    commit(&*store, put(&one, None, vec![]));
    for previous in [None, Some(Version(2)), Some(Version(0))] {
        let moved = store.commit(changes(vec![
            put(&other, None, vec![]),
            put(&one, previous, vec![]),
        ]));
        assert_eq!(moved, Err(CommitError::VersionMoved(one.clone())));
    }
    assert_eq!(
        store.read(&other),
        Ok(None),
        "the other write of a refused commit is not made"
    );
    let twice = store.commit(changes(vec![
        put(&other, None, vec![]),
        put(&other, None, vec![]),
    ]));
    assert_eq!(twice, Err(CommitError::VersionMoved(other.clone())));
    assert_eq!(store.last_commit().unwrap().0, Position(1));
}

pub(super) fn a_moved_guard_refuses_the_commit(fixture: &dyn Fixture) {
    let store = fixture.open();
    let guard = Guard("Patient/7".into());
    let with = |preconditions, touches| ChangeSet {
        preconditions,
        touches,
        ..changes(vec![])
    };
    let seen = store.guard_positions(std::slice::from_ref(&guard)).unwrap()[0];
    let unmoved = || vec![Precondition::Unmoved(guard.clone(), seen)];
    commit(&*store, put(&key("Task/1"), None, vec![]));
    assert!(
        store
            .commit(with(unmoved(), vec![Guard("Patient/8".into())]))
            .is_ok(),
        "another guard's move does not matter"
    );
    let first = store.commit(with(unmoved(), vec![guard.clone()])).unwrap();
    assert_eq!(
        store.commit(with(unmoved(), vec![])),
        Err(CommitError::FactsMoved)
    );

    let seen = store.guard_positions(std::slice::from_ref(&guard)).unwrap()[0];
    assert!(seen > Position(0) && seen <= first.position);
    let unmoved = || vec![Precondition::Unmoved(guard.clone(), seen)];
    assert!(store.commit(with(unmoved(), vec![])).is_ok());
    let racers = 16;
    let results: Vec<_> = thread::scope(|scope| {
        let race = || scope.spawn(|| store.commit(with(unmoved(), vec![guard.clone()])));
        let threads: Vec<_> = (0..racers).map(|_| race()).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(
        results
            .iter()
            .filter(|result| **result == Err(CommitError::FactsMoved))
            .count(),
        racers - 1
    );
}

pub(super) fn of_64_conditional_creates_one_wins(fixture: &dyn Fixture) {
    let store = fixture.open();
    let query = SearchQuery::all(
        ResourceType::Patient,
        vec![by_token("identifier", "2512489996")],
    );
    let create = |number: usize| {
        let key = key(&format!("Patient/{number}"));
        let write = put(&key, None, vec![token("identifier", "cpr", "2512489996")]);
        let preconditions = vec![Precondition::Matches(query.clone(), vec![])];
        store.commit(ChangeSet {
            preconditions,
            ..changes(vec![write])
        })
    };
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|number| scope.spawn(move || create(number)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(
        results
            .iter()
            .filter(|result| **result == Err(CommitError::FactsMoved))
            .count(),
        63
    );
    assert_eq!(store.search(&query, None).unwrap().total, 1);
}

pub(super) fn a_query_that_matches_something_else_refuses_the_commit(fixture: &dyn Fixture) {
    let store = fixture.open();
    let query = SearchQuery::all(ResourceType::Patient, vec![by_token("identifier", "1")]);
    for id in ["Patient/b", "Patient/a"] {
        commit(
            &*store,
            put(&key(id), None, vec![token("identifier", "", "1")]),
        );
    }
    let expecting = |keys: &[&str]| {
        let preconditions = vec![Precondition::Matches(
            query.clone(),
            keys.iter().map(|text| key(text)).collect(),
        )];
        store
            .commit(ChangeSet {
                preconditions,
                ..changes(vec![])
            })
            .map(|_| ())
    };
    for wrong in [
        &[][..],
        &["Patient/a"],
        &["Patient/a", "Patient/b", "Patient/c"],
    ] {
        assert_eq!(expecting(wrong), Err(CommitError::FactsMoved));
    }
    assert_eq!(expecting(&["Patient/a", "Patient/b"]), Ok(()));
    // A commit's own writes do not count, whether they add a match or end one.
    let preconditions = vec![Precondition::Matches(
        query.clone(),
        vec![key("Patient/a"), key("Patient/b")],
    )];
    let writes = vec![
        delete(&key("Patient/a"), Some(Version(1))),
        put(&key("Patient/c"), None, vec![token("identifier", "", "1")]),
    ];
    assert!(
        store
            .commit(ChangeSet {
                preconditions,
                ..changes(writes)
            })
            .is_ok()
    );
    assert_eq!(expecting(&["Patient/b", "Patient/c"]), Ok(()));
}

/// Gives ten resources the same number in each commit: whoever looks sees ten equal ones.
pub(super) fn a_commit_is_whole_or_not_at_all(fixture: &dyn Fixture) {
    let store = fixture.open();
    let keys: Vec<ResourceKey> = (0..10)
        .map(|number| key(&format!("Task/{number}")))
        .collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut looks = 0;
                    while !done.load(Ordering::Acquire) || looks < 5 {
                        let page = store
                            .search(
                                &SearchQuery::all(
                                    ResourceType::Task,
                                    vec![by_token("status", "all")],
                                ),
                                None,
                            )
                            .unwrap();
                        let seen: BTreeSet<u64> =
                            page.matches.iter().map(|stored| stored.version.0).collect();
                        assert!(
                            page.total == 0 || (page.total == 10 && seen.len() == 1),
                            "{} matches of versions {seen:?}",
                            page.total
                        );
                        looks += 1;
                    }
                })
            })
            .collect();
        for round in 0..40 {
            let previous = (round > 0).then_some(Version(round));
            let entries = || {
                vec![
                    token("status", "", "all"),
                    token("round", "", &round.to_string()),
                ]
            };
            store
                .commit(changes(
                    keys.iter()
                        .map(|key| put(key, previous, entries()))
                        .collect(),
                ))
                .unwrap();
        }
        done.store(true, Ordering::Release);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

pub(super) fn commits_of_many_threads_are_all_kept_and_ordered(fixture: &dyn Fixture) {
    let store = fixture.open();
    let (threads, each) = (16, 20);
    thread::scope(|scope| {
        for thread in 0..threads {
            let store = &*store;
            scope.spawn(move || {
                for number in 0..each {
                    let key = key(&format!("Task/{thread}-{number}"));
                    let committed = commit(store, put(&key, None, vec![]));
                    assert_eq!(
                        store.read(&key).unwrap().unwrap().position,
                        committed.position
                    );
                    update(store, &self::key("Goal/shared"), &[]);
                }
            });
        }
    });
    let all = store.changes_after(Position(0), usize::MAX).unwrap();
    let positions: Vec<u64> = all.iter().map(|change| change.position.0).collect();
    assert_eq!(positions, (1..=threads * each * 2).collect::<Vec<u64>>());
    assert_eq!(
        last(&*store, &key("Goal/shared")),
        Some(Version(threads * each))
    );
    let newest_first = all_pages(&*store, &history(HistoryScope::System));
    assert_eq!(newest_first.len(), all.len());
    assert!(
        newest_first
            .windows(2)
            .all(|pair| pair[0].last_updated > pair[1].last_updated)
    );
}

pub(super) fn instants_go_up_whatever_the_clock_does(fixture: &dyn Fixture) {
    let mut store = fixture.open();
    let mut expected = Vec::new();
    for (number, (now, instant)) in [
        ("2027-03-01T12:00:00.000000999Z", "2027-03-01T12:00:00Z"),
        ("2027-03-01T12:00:00Z", "2027-03-01T12:00:00.000001Z"),
        ("2020-01-01T00:00:00Z", "2027-03-01T12:00:00.000002Z"),
        ("2027-03-01T12:00:00.5Z", "2027-03-01T12:00:00.5Z"),
        ("2027-03-01T12:00:00.25Z", "2027-03-01T12:00:00.500001Z"),
    ]
    .into_iter()
    .enumerate()
    {
        if number == 2 {
            drop(store);
            store = fixture.open();
        }
        let key = key(&format!("Task/{number}"));
        let committed = store
            .commit(ChangeSet {
                now: at(now),
                ..changes(vec![put(&key, None, vec![])])
            })
            .unwrap();
        assert_eq!(committed.instant, at(instant));
        assert_eq!(store.read(&key).unwrap().unwrap().last_updated, at(instant));
        expected.push(at(instant));
    }
    assert_eq!(
        store.last_commit(),
        Ok((Position(5), expected.last().copied()))
    );
}

pub(super) fn changes_follow_a_position(fixture: &dyn Fixture) {
    let store = fixture.open();
    store
        .commit(changes(vec![
            put(&key("Task/1"), None, vec![]),
            put(&key("Goal/1"), None, vec![]),
        ]))
        .unwrap();
    let touched = store
        .commit(ChangeSet {
            touches: vec![Guard("g".into())],
            ..changes(vec![])
        })
        .unwrap();
    let third = commit(&*store, delete(&key("Task/1"), Some(Version(1))));
    let read = |after: Position, limit: usize| -> Vec<String> {
        store
            .changes_after(after, limit)
            .unwrap()
            .iter()
            .map(|change| format!("{}/{}", change.key, change.version))
            .collect()
    };
    assert_eq!(read(Position(0), 10), ["Task/1/1", "Goal/1/1", "Task/1/2"]);
    assert_eq!(read(Position(0), 2), ["Task/1/1", "Goal/1/1"]);
    assert_eq!(read(Position(1), 10), ["Goal/1/1", "Task/1/2"]);
    assert_eq!(read(touched.position, 10), ["Task/1/2"]);
    assert_eq!(read(third.position, 10), Vec::<String>::new());
    assert_eq!(store.changes_after(Position(u64::MAX), 10), Ok(vec![]));
}

pub(super) fn timers_are_due_in_order(fixture: &dyn Fixture) {
    let store = fixture.open();
    let set = |pairs: &[(&str, Option<Date>)]| {
        let timers = pairs
            .iter()
            .map(|(owner, day)| TimerChange {
                owner: key(owner),
                day: *day,
            })
            .collect();
        store
            .commit(ChangeSet {
                timers,
                ..changes(vec![])
            })
            .unwrap();
    };
    let timer = |day: Date, owner: &str| Timer {
        day,
        owner: key(owner),
    };
    let (first, second, third) = (date(2027, 2, 28), date(2027, 3, 1), date(2028, 1, 1));
    set(&[
        ("Task/b", Some(second)),
        ("Task/a", Some(second)),
        ("Patient/z", Some(second)),
        ("Task/c", Some(third)),
        ("Task/d", Some(first)),
    ]);
    let due = [
        timer(first, "Task/d"),
        timer(second, "Patient/z"),
        timer(second, "Task/a"),
        timer(second, "Task/b"),
    ];
    assert_eq!(store.timers_due(second, 10), Ok(due.to_vec()));
    assert_eq!(store.timers_due(second, 2), Ok(due[..2].to_vec()));
    assert_eq!(store.timers_due(date(2027, 2, 27), 10), Ok(vec![]));
    assert_eq!(store.timers_due(date(9999, 12, 31), 10).unwrap().len(), 5);

    set(&[
        ("Task/d", Some(third)),
        ("Task/a", None),
        ("Task/none", None),
        ("Task/c", Some(first)),
        ("Task/c", Some(second)),
    ]);
    assert_eq!(
        store.timers_due(second, 10),
        Ok(vec![
            timer(second, "Patient/z"),
            timer(second, "Task/b"),
            timer(second, "Task/c")
        ])
    );
    assert_eq!(store.timer(&key("Task/d")), Ok(Some(third)));
    assert_eq!(store.timer(&key("Task/a")), Ok(None));
    assert_eq!(
        store.last_commit().unwrap().0,
        Position(0),
        "a timer is no change of a resource"
    );
}

pub(super) fn a_bookmark_is_the_last_place_that_was_set(fixture: &dyn Fixture) {
    let set = |name: &str, place: &str| Bookmark {
        name: name.to_owned(),
        place: place.to_owned(),
    };
    let store = fixture.open();
    assert_eq!(store.bookmark("a"), Ok(None));
    let refused = ChangeSet {
        preconditions: vec![Precondition::Unmoved(Guard("moved".into()), Position(0))],
        bookmarks: vec![set("a", "never")],
        ..changes(vec![])
    };
    let touch = ChangeSet {
        touches: vec![Guard("moved".into())],
        ..changes(vec![])
    };
    store.commit(touch).unwrap();
    assert_eq!(
        store.commit(refused).map(|_| ()),
        Err(CommitError::FactsMoved)
    );
    assert_eq!(store.bookmark("a"), Ok(None));
    for place in ["1", "2"] {
        let bookmarks = vec![set("a", place), set("a/b", "æ")];
        store
            .commit(ChangeSet {
                bookmarks,
                ..changes(vec![put(&key(&format!("Goal/{place}")), None, vec![])])
            })
            .unwrap();
    }
    drop(store);
    let store = fixture.open();
    let places = ["a", "a/b", "b"].map(|name| store.bookmark(name).unwrap());
    assert_eq!(places, [Some("2".to_owned()), Some("æ".to_owned()), None]);
}
