//! Pages of histories and searches: they join, whatever is written meanwhile.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use frist::fhir::{ResourceKey, ResourceType, Version};
use frist::search::{Clause, Prefix, SearchQuery, Sort, SortBy, SortOrder, Test};
use frist::storage::{ChangeSet, HistoryQuery, HistoryScope, LogEntry, Position, Store};
use jiff::Timestamp;

use super::words::{
    Fixture, all_pages, by_token, changes, commit, delete, history, key, keys_of, last, noon, put,
    token, update,
};

pub(super) fn history_pages_join_while_others_write(fixture: &dyn Fixture) {
    let store = fixture.open();
    let keys: Vec<ResourceKey> = ["Task/1", "Task/2", "Goal/1"].map(key).to_vec();
    for number in 0..30 {
        update(&*store, &keys[number % 3], &[]);
    }
    let before = store.changes_after(Position(0), usize::MAX).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                update(&*store, &keys[0], &[]);
            }
        });
        let scopes = [
            HistoryScope::System,
            HistoryScope::Type(ResourceType::Task),
            HistoryScope::Instance(keys[0].clone()),
        ];
        for (scope, kept) in scopes
            .into_iter()
            .zip([None, Some("Task/"), Some("Task/1")])
        {
            for count in [1, 7, 100] {
                let pages = all_pages(
                    &*store,
                    &HistoryQuery {
                        count,
                        ..history(scope.clone())
                    },
                );
                assert!(
                    pages
                        .windows(2)
                        .all(|pair| pair[0].position > pair[1].position),
                    "newest first, none twice"
                );
                let oldest: Vec<Position> = pages
                    .iter()
                    .rev()
                    .map(|stored| stored.position)
                    .take_while(|at| at.0 <= 30)
                    .collect();
                let of_scope = |change: &&LogEntry| {
                    kept.is_none_or(|start| change.key.to_string().starts_with(start))
                };
                assert_eq!(
                    oldest,
                    before
                        .iter()
                        .filter(of_scope)
                        .map(|change| change.position)
                        .collect::<Vec<_>>()
                );
            }
        }
        done.store(true, Ordering::Release);
        writer.join().unwrap();
    });
}

pub(super) fn history_is_limited_by_since_and_at(fixture: &dyn Fixture) {
    let store = fixture.open();
    let (task, goal) = (key("Task/1"), key("Goal/1"));
    let minute = |minute: i64| Timestamp::from_second(noon().as_second() + minute * 60).unwrap();
    for (number, key) in [&task, &goal, &task, &goal, &task].into_iter().enumerate() {
        let write = if number == 4 {
            delete(key, Some(Version(2)))
        } else {
            put(key, last(&*store, key), vec![])
        };
        store
            .commit(ChangeSet {
                now: minute(number as i64),
                ..changes(vec![write])
            })
            .unwrap();
    }
    let check =
        |scope: &HistoryScope, since: Option<i64>, at: Option<(i64, i64)>, expected: &[&str]| {
            let at = at.map(|(from, until)| (minute(from), minute(until)));
            for count in [1, 100] {
                let query = HistoryQuery {
                    since: since.map(minute),
                    at,
                    count,
                    ..history(scope.clone())
                };
                assert_eq!(keys_of(&all_pages(&*store, &query)), expected, "{query:?}");
            }
        };
    let (system, tasks, one) = (
        HistoryScope::System,
        HistoryScope::Type(ResourceType::Task),
        HistoryScope::Instance(task.clone()),
    );
    check(
        &system,
        Some(2),
        None,
        &["Task/1/3", "Goal/1/2", "Task/1/2"],
    );
    check(&tasks, Some(2), None, &["Task/1/3", "Task/1/2"]);
    check(&one, Some(5), None, &[]);
    // Task: version 1 in minutes 0 and 1, version 2 in minutes 2 and 3, deleted from minute 4.
    check(&one, None, Some((0, 1)), &["Task/1/1"]);
    check(&one, None, Some((1, 3)), &["Task/1/2", "Task/1/1"]);
    check(&one, None, Some((2, 4)), &["Task/1/2"]);
    check(&tasks, None, Some((9, 10)), &["Task/1/3"]);
    check(&system, None, Some((3, 4)), &["Goal/1/2", "Task/1/2"]);
    check(&system, Some(3), Some((3, 4)), &["Goal/1/2"]);
    assert_eq!(
        store
            .history(&HistoryQuery {
                count: 0,
                ..history(system)
            })
            .unwrap()
            .versions,
        vec![]
    );
}

fn queries_by_time() -> [SearchQuery; 3] {
    let base = SearchQuery {
        sort: vec![Sort {
            by: SortBy::LastUpdated,
            order: SortOrder::Descending,
        }],
        ..SearchQuery::all(ResourceType::Task, vec![])
    };
    [
        SearchQuery {
            clauses: vec![by_token("status", "ready")],
            ..base.clone()
        },
        SearchQuery {
            clauses: vec![Clause::LastUpdated(vec![Test::Date {
                prefix: Prefix::Ge,
                from_us: 0,
                until_us: 1,
            }])],
            ..base.clone()
        },
        base,
    ]
}

/// Checks that the pages of a search tell the state of its first one.
fn check_pages(store: &dyn Store, query: &SearchQuery) {
    let first = store.search(query, None).unwrap();
    let expected = keys_of(&first.matches);
    assert_eq!(first.total, expected.len());
    assert!(
        first.total >= 39,
        "at most one is away at any time: {}",
        first.total
    );
    let mut paged = Vec::new();
    for offset in (0..first.total).step_by(7) {
        let page = store
            .search(
                &SearchQuery {
                    offset,
                    count: 7,
                    ..query.clone()
                },
                Some(first.position),
            )
            .unwrap();
        assert_eq!((page.total, page.position), (first.total, first.position));
        paged.extend(keys_of(&page.matches));
    }
    assert_eq!(paged, expected);
}

pub(super) fn search_pages_of_one_position_join_while_others_write(fixture: &dyn Fixture) {
    let store = fixture.open();
    let keys: Vec<ResourceKey> = (0..40)
        .map(|number| key(&format!("Task/{number}")))
        .collect();
    for key in &keys {
        update(&*store, key, &[token("status", "", "ready")]);
    }
    let queries = queries_by_time();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // Each of them stops to match, is deleted, comes back.
            for key in keys
                .iter()
                .cycle()
                .take_while(|_| !done.load(Ordering::Acquire))
            {
                update(&*store, key, &[token("status", "", "completed")]);
                commit(&*store, delete(key, last(&*store, key)));
                update(&*store, key, &[token("status", "", "ready")]);
            }
        });
        for _ in 0..3 {
            for query in &queries {
                check_pages(&*store, query);
            }
        }
        done.store(true, Ordering::Release);
        writer.join().unwrap();
    });
    let total = store
        .search(
            &SearchQuery {
                count: 0,
                ..queries[0].clone()
            },
            Some(Position(40)),
        )
        .unwrap();
    assert_eq!((total.total, total.matches), (40, vec![]));
    assert_eq!(
        store.search(&queries[0], Some(Position(0))).unwrap().total,
        0
    );
}

pub(super) fn a_search_sees_what_was_acknowledged(fixture: &dyn Fixture) {
    let store = fixture.open();
    thread::scope(|scope| {
        for thread in 0..8 {
            let store = &*store;
            scope.spawn(move || {
                for number in 0..10 {
                    let code = format!("{thread}-{number}");
                    let committed = commit(
                        store,
                        put(
                            &key(&format!("Patient/{code}")),
                            None,
                            vec![token("identifier", "", &code)],
                        ),
                    );
                    let page = store
                        .search(
                            &SearchQuery::all(
                                ResourceType::Patient,
                                vec![by_token("identifier", &code)],
                            ),
                            None,
                        )
                        .unwrap();
                    assert_eq!(page.total, 1);
                    let query = SearchQuery::all(
                        ResourceType::Patient,
                        vec![by_token("identifier", &code)],
                    );
                    assert_eq!(
                        store.search_keys(&query).unwrap(),
                        [key(&format!("Patient/{code}"))]
                    );
                    assert!(page.position >= committed.position);
                }
            });
        }
    });
}
