//! What every store promises, a function for each promise. Each runs on each engine; a store of
//! another kind runs them by a [`Fixture`] of its own.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use frist::fhir::{Id, Resource, ResourceKey, ResourceType, Version};
use frist::search::{Clause, IndexEntry, IndexValue, Prefix, SearchQuery, Sort, SortBy, Test};
use frist::storage::embedded::{EmbeddedStore, Engine, OpenError, StoreOptions};
use frist::storage::{
    ChangeSet, CommitError, Committed, Forgettable, Guard, HistoryQuery, HistoryScope, LogEntry,
    Method, NewEvent, Position, Precondition, Store, StoredContent, StoredVersion, Stream,
    StreamChange, Timer, TimerChange, Upkeep, Write,
};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use tempfile::TempDir;

use crate::store_search::a_search_finds_exactly_what_matches_in_every_state;

/// A place where a store is kept, and can be opened again once the one before was dropped.
pub(crate) trait Fixture {
    fn open(&self) -> Arc<dyn Store>;

    /// A place of the same kind for another store.
    fn another(&self) -> Box<dyn Fixture>;

    /// What is wrong in the closed store.
    fn findings(&self) -> Vec<String>;
}

struct Folder {
    folder: TempDir,
    engine: Engine,
}

impl Folder {
    fn new(engine: Engine) -> Self {
        Folder {
            folder: tempfile::tempdir().unwrap(),
            engine,
        }
    }

    fn try_open(&self) -> Result<EmbeddedStore, OpenError> {
        open(self.folder.path(), self.engine)
    }
}

impl Fixture for Folder {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.try_open().unwrap())
    }

    fn another(&self) -> Box<dyn Fixture> {
        Box::new(Folder::new(self.engine))
    }

    fn findings(&self) -> Vec<String> {
        self.try_open().unwrap().verify()
    }
}

fn open(path: &std::path::Path, engine: Engine) -> Result<EmbeddedStore, OpenError> {
    EmbeddedStore::open(
        path,
        engine,
        StoreOptions {
            cache_bytes: 8 << 20,
        },
    )
}

/// Runs each promise on each engine, and looks afterwards whether everything stored agrees.
macro_rules! promises {
    ($($promise:ident),+ $(,)?) => {
        mod fjall {
            $(#[test] fn $promise() { super::keep(super::Engine::Fjall, super::$promise); })+
        }
        #[cfg(feature = "sled")]
        mod sled {
            $(#[test] fn $promise() { super::keep(super::Engine::Sled, super::$promise); })+
        }
    };
}

fn keep(engine: Engine, promise: impl Fn(&dyn Fixture)) {
    let folder = Folder::new(engine);
    promise(&folder);
    assert_eq!(folder.findings(), Vec::<String>::new());
}

promises![
    an_empty_store_answers,
    versions_count_up_and_stay,
    bytes_come_back_as_they_were,
    a_deletion_is_a_version_without_a_body,
    a_write_that_does_not_follow_the_last_version_is_refused,
    a_moved_guard_refuses_the_commit,
    of_64_conditional_creates_one_wins,
    a_query_that_matches_something_else_refuses_the_commit,
    a_commit_is_whole_or_not_at_all,
    many_are_read_as_each_would_be,
    many_are_read_of_one_state,
    commits_of_many_threads_are_all_kept_and_ordered,
    instants_go_up_whatever_the_clock_does,
    history_pages_join_while_others_write,
    history_is_limited_by_since_and_at,
    a_search_finds_exactly_what_matches_in_every_state,
    search_pages_of_one_position_join_while_others_write,
    a_search_sees_what_was_acknowledged,
    timers_are_due_in_order,
    changes_follow_a_position,
    events_are_numbered_without_gaps_in_the_order_of_the_commits,
    a_subscription_that_comes_back_counts_anew,
    events_are_forgotten_from_the_oldest,
    what_is_to_be_sent_again_is_kept_for_its_life,
    reopening_keeps_everything,
    long_values_and_odd_characters_are_kept_and_found,
];

// ---- Words of the tests ----

pub(crate) fn key(text: &str) -> ResourceKey {
    ResourceKey::parse(text).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn noon() -> Timestamp {
    at("2027-03-01T12:00:00Z")
}

pub(crate) fn token(parameter: &str, system: &str, code: &str) -> IndexEntry {
    IndexEntry::new(
        parameter,
        IndexValue::Token {
            system: system.to_owned(),
            code: code.to_owned(),
        },
    )
}

pub(crate) fn by_token(parameter: &str, code: &str) -> Clause {
    Clause::Parameter {
        code: parameter.to_owned(),
        any_of: vec![Test::Token {
            system: None,
            code: Some(code.to_owned()),
        }],
    }
}

/// A version of a resource with these entries; its text says which one it is.
pub(crate) fn put(key: &ResourceKey, previous: Option<Version>, entries: Vec<IndexEntry>) -> Write {
    let text = format!(
        r#"{{"resourceType":"{}","n":1.00,"of":"{key}"}}"#,
        key.resource_type
    );
    put_text(key, previous, entries, &text)
}

pub(crate) fn put_text(
    key: &ResourceKey,
    previous: Option<Version>,
    entries: Vec<IndexEntry>,
    text: &str,
) -> Write {
    let body = Resource::parse(text.as_bytes())
        .unwrap()
        .stamped(&key.id, Version::after(previous));
    let method = if previous.is_none() {
        Method::Post
    } else {
        Method::Put
    };
    Write {
        key: key.clone(),
        previous,
        method,
        content: Some(StoredContent { body, entries }),
    }
}

pub(crate) fn delete(key: &ResourceKey, previous: Option<Version>) -> Write {
    Write {
        key: key.clone(),
        previous,
        method: Method::Delete,
        content: None,
    }
}

pub(crate) fn changes(writes: Vec<Write>) -> ChangeSet {
    ChangeSet {
        writes,
        ..ChangeSet::at(noon())
    }
}

pub(crate) fn commit(store: &dyn Store, write: Write) -> Committed {
    store.commit(changes(vec![write])).unwrap()
}

fn last(store: &dyn Store, key: &ResourceKey) -> Option<Version> {
    store.read(key).unwrap().map(|stored| stored.version)
}

/// Writes the next version, whatever it is by then.
fn update(store: &dyn Store, key: &ResourceKey, entries: &[IndexEntry]) -> Committed {
    loop {
        match store.commit(changes(vec![put(key, last(store, key), entries.to_vec())])) {
            Ok(committed) => return committed,
            Err(error) => assert_eq!(error, CommitError::VersionMoved(key.clone())),
        }
    }
}

pub(crate) fn keys_of(versions: &[StoredVersion]) -> Vec<String> {
    versions
        .iter()
        .map(|stored| format!("{}/{}", stored.key, stored.version))
        .collect()
}

fn history(scope: HistoryScope) -> HistoryQuery {
    HistoryQuery {
        scope,
        since: None,
        at: None,
        before: None,
        count: 100,
    }
}

fn all_pages(store: &dyn Store, query: &HistoryQuery) -> Vec<StoredVersion> {
    let (mut query, mut all) = (query.clone(), Vec::new());
    loop {
        let page = store.history(&query).unwrap();
        assert!(page.versions.len() <= query.count);
        all.extend(page.versions);
        match page.next {
            Some(next) => query.before = Some(next),
            None => return all,
        }
    }
}

// ---- The promises ----

fn an_empty_store_answers(fixture: &dyn Fixture) {
    let store = fixture.open();
    assert_eq!(store.read(&key("Task/7")), Ok(None));
    assert_eq!(store.read_version(&key("Task/7"), Version(1)), Ok(None));
    assert_eq!(store.last_commit(), Ok((Position(0), None)));
    assert_eq!(store.changes_after(Position(0), 10), Ok(vec![]));
    assert_eq!(
        store.guard_positions(&[Guard("g".into())]),
        Ok(vec![Position(0)])
    );
    let page = store
        .search(&SearchQuery::all(ResourceType::Task, vec![]), None)
        .unwrap();
    assert_eq!(
        (page.total, page.position, page.matches),
        (0, Position(0), vec![])
    );
    for scope in [
        HistoryScope::Instance(key("Task/7")),
        HistoryScope::Type(ResourceType::Task),
        HistoryScope::System,
    ] {
        assert_eq!(all_pages(&*store, &history(scope)), vec![]);
    }
}

fn versions_count_up_and_stay(fixture: &dyn Fixture) {
    let store = fixture.open();
    let key = key("Condition/7");
    for number in 1..=5 {
        let committed = commit(&*store, put(&key, last(&*store, &key), vec![]));
        let stored = store.read(&key).unwrap().unwrap();
        assert_eq!(
            (stored.version, stored.position, stored.last_updated),
            (Version(number), committed.position, committed.instant)
        );
        assert_eq!(committed.position, Position(number));
    }
    for number in 1..=5 {
        let stored = store.read_version(&key, Version(number)).unwrap().unwrap();
        assert_eq!(
            (stored.version, stored.position),
            (Version(number), Position(number))
        );
        assert_eq!(
            stored.method,
            if number == 1 {
                Method::Post
            } else {
                Method::Put
            }
        );
    }
    assert_eq!(store.read_version(&key, Version(6)), Ok(None));
    assert_eq!(store.read_version(&key, Version(0)), Ok(None));
}

fn bytes_come_back_as_they_were(fixture: &dyn Fixture) {
    let store = fixture.open();
    let key = key("Goal/a.B-7");
    let text =
        r#"{"resourceType":"Goal","z":1.00,"a":[ 1e2 ,"\u00e6å"],"deep":{"b":null,"a":-0.0}}"#;
    let committed = commit(&*store, put_text(&key, None, vec![], text));
    let body = String::from_utf8(store.read(&key).unwrap().unwrap().body.unwrap()).unwrap();
    let meta = r#"{"versionId":"1","lastUpdated":"2027-03-01T12:00:00.000000Z"}"#;
    assert_eq!(
        body,
        format!(
            r#"{{"resourceType":"Goal","id":"a.B-7","meta":{meta},"z":1.00,"a":[ 1e2 ,"\u00e6å"],"deep":{{"b":null,"a":-0.0}}}}"#
        )
    );
    assert_eq!(committed.instant, noon());
}

fn a_deletion_is_a_version_without_a_body(fixture: &dyn Fixture) {
    let store = fixture.open();
    let key = key("Condition/7");
    commit(&*store, put(&key, None, vec![token("code", "s", "c")]));
    commit(&*store, delete(&key, Some(Version(1))));
    let gone = store.read(&key).unwrap().unwrap();
    assert_eq!(
        (gone.version, gone.method, gone.body),
        (Version(2), Method::Delete, None)
    );
    assert!(
        store
            .read_version(&key, Version(1))
            .unwrap()
            .unwrap()
            .body
            .is_some()
    );
    let query = SearchQuery::all(ResourceType::Condition, vec![by_token("code", "c")]);
    assert_eq!(store.search(&query, None).unwrap().total, 0);
    assert_eq!(store.search(&query, Some(Position(1))).unwrap().total, 1);

    commit(
        &*store,
        put(&key, Some(Version(2)), vec![token("code", "s", "c")]),
    );
    assert_eq!(
        store.search(&query, None).unwrap().matches[0].version,
        Version(3)
    );
    assert_eq!(
        keys_of(&all_pages(&*store, &history(HistoryScope::Instance(key)))),
        ["Condition/7/3", "Condition/7/2", "Condition/7/1"]
    );
}

fn a_write_that_does_not_follow_the_last_version_is_refused(fixture: &dyn Fixture) {
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

fn a_moved_guard_refuses_the_commit(fixture: &dyn Fixture) {
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

fn of_64_conditional_creates_one_wins(fixture: &dyn Fixture) {
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

fn a_query_that_matches_something_else_refuses_the_commit(fixture: &dyn Fixture) {
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

/// Each commit gives ten resources the same number; whoever looks sees ten equal ones.
fn a_commit_is_whole_or_not_at_all(fixture: &dyn Fixture) {
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

fn many_are_read_as_each_would_be(fixture: &dyn Fixture) {
    let store = fixture.open();
    let (old, new, gone) = (key("Task/old"), key("Task/new"), key("Task/gone"));
    for write in [
        put(&old, None, vec![token("status", "", "done")]),
        put(&old, Some(Version(1)), vec![token("status", "", "open")]),
        put(&new, None, vec![token("status", "", "open")]),
        put(&gone, None, vec![token("status", "", "open")]),
        delete(&gone, Some(Version(1))),
    ] {
        commit(&*store, write);
    }
    let keys = [new, key("Task/never"), gone, old.clone(), old];
    let alone: Vec<_> = keys.iter().map(|key| store.read(key).unwrap()).collect();
    assert_eq!(store.read_many(&keys), Ok(alone));
    assert_eq!(store.read_many(&[]), Ok(vec![]));

    let queries = [
        SearchQuery::all(ResourceType::Task, vec![by_token("status", "open")]),
        SearchQuery::all(ResourceType::Task, vec![by_token("status", "done")]),
        SearchQuery {
            count: 1,
            ..SearchQuery::all(ResourceType::Task, vec![])
        },
        SearchQuery::all(ResourceType::CarePlan, vec![]),
    ];
    let pages: Vec<_> = queries
        .iter()
        .map(|query| store.search(query, None).unwrap())
        .collect();
    let totals: Vec<_> = pages.iter().map(|page| page.total).collect();
    assert_eq!(totals, [2, 0, 2, 0]);
    assert_eq!(store.search_many(&queries), Ok(pages));
    let found = queries
        .iter()
        .map(|query| store.search_keys(query).unwrap())
        .collect();
    assert_eq!(store.search_keys_many(&queries), Ok(found));
    // One that leads too far leaves all of them without an answer.
    let bounded = SearchQuery {
        looks_max: 0,
        ..SearchQuery::all(
            ResourceType::Task,
            vec![Clause::Not {
                code: "status".to_owned(),
                any_of: vec![],
            }],
        )
    };
    let refused = store.search(&bounded, None).unwrap_err();
    let [first, ..] = queries;
    let queries = [first, bounded];
    assert_eq!(store.search_many(&queries), Err(refused.clone()));
    assert_eq!(store.search_keys_many(&queries), Err(refused));
}

/// Each commit moves one label to the next resource; whoever looks at all of them together sees
/// one label and equal versions.
fn many_are_read_of_one_state(fixture: &dyn Fixture) {
    let store = fixture.open();
    let keys: Vec<ResourceKey> = (0..5)
        .map(|number| key(&format!("Task/{number}")))
        .collect();
    let move_to = |round: u64| {
        let previous = (round > 0).then_some(Version(round));
        let write = |(number, key): (u64, &ResourceKey)| {
            let label = if number == round % 5 { "here" } else { "away" };
            put(
                key,
                previous,
                vec![
                    token("code", "", label),
                    token("own", "", &number.to_string()),
                ],
            )
        };
        let writes = (0..).zip(&keys).map(write).collect();
        store.commit(changes(writes)).unwrap();
    };
    move_to(0);
    let queries: Vec<SearchQuery> = (0..5)
        .map(|number: u64| {
            let clauses = vec![
                by_token("code", "here"),
                by_token("own", &number.to_string()),
            ];
            SearchQuery::all(ResourceType::Task, clauses)
        })
        .collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut looks = 0;
            while !done.load(Ordering::Acquire) || looks < 5 {
                let read = store.read_many(&keys).unwrap();
                let versions: BTreeSet<_> =
                    read.into_iter().map(|read| read.unwrap().version).collect();
                assert_eq!(versions.len(), 1);
                let pages = store.search_many(&queries).unwrap();
                let positions: BTreeSet<_> = pages.iter().map(|page| page.position).collect();
                let totals: usize = pages.iter().map(|page| page.total).sum();
                assert_eq!((totals, positions.len()), (1, 1));
                let found = store.search_keys_many(&queries).unwrap();
                assert_eq!(found.concat().len(), 1);
                looks += 1;
            }
        });
        (1..60).for_each(move_to);
        done.store(true, Ordering::Release);
        reader.join().unwrap();
    });
}

fn commits_of_many_threads_are_all_kept_and_ordered(fixture: &dyn Fixture) {
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

fn instants_go_up_whatever_the_clock_does(fixture: &dyn Fixture) {
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

fn history_pages_join_while_others_write(fixture: &dyn Fixture) {
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

fn history_is_limited_by_since_and_at(fixture: &dyn Fixture) {
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

fn search_pages_of_one_position_join_while_others_write(fixture: &dyn Fixture) {
    let store = fixture.open();
    let keys: Vec<ResourceKey> = (0..40)
        .map(|number| key(&format!("Task/{number}")))
        .collect();
    for key in &keys {
        update(&*store, key, &[token("status", "", "ready")]);
    }
    let base = SearchQuery {
        sort: vec![Sort {
            by: SortBy::LastUpdated,
            descending: true,
        }],
        ..SearchQuery::all(ResourceType::Task, vec![])
    };
    let queries = [
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
    ];
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

fn a_search_sees_what_was_acknowledged(fixture: &dyn Fixture) {
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

fn timers_are_due_in_order(fixture: &dyn Fixture) {
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

fn changes_follow_a_position(fixture: &dyn Fixture) {
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

fn minutes_after_noon(number: i64) -> Timestamp {
    noon() + jiff::SignedDuration::from_mins(number)
}

fn told(subscription: &str, focus: &ResourceKey) -> NewEvent {
    NewEvent {
        subscription: id(subscription),
        focus: focus.clone(),
    }
}

fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

fn numbers_of(store: &dyn Store, subscription: &str) -> Vec<u64> {
    store
        .events(&id(subscription), 0, 1_000)
        .unwrap()
        .iter()
        .map(|event| event.number)
        .collect()
}

fn events_are_numbered_without_gaps_in_the_order_of_the_commits(fixture: &dyn Fixture) {
    let store = fixture.open();
    let tasks: Vec<ResourceKey> = (0..8)
        .map(|thread| key(&format!("Task/{thread}")))
        .collect();
    std::thread::scope(|scope| {
        for task in &tasks {
            let store = &*store;
            scope.spawn(move || {
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

fn a_subscription_that_comes_back_counts_anew(fixture: &dyn Fixture) {
    let store = fixture.open();
    let task = key("Task/1");
    let write = |subscriptions: &[&str]| {
        let events = subscriptions
            .iter()
            .map(|subscription| told(subscription, &task))
            .collect();
        store
            .commit(ChangeSet {
                events,
                ..changes(vec![put(&task, last(&*store, &task), vec![])])
            })
            .unwrap();
    };
    let change = |change| {
        store
            .commit(ChangeSet {
                streams: vec![change],
                ..changes(vec![])
            })
            .unwrap()
    };
    let cursor = |life, delivered, sent| {
        change(StreamChange::Cursor {
            subscription: id("s"),
            life,
            delivered,
            sent,
        })
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

fn events_are_forgotten_from_the_oldest(fixture: &dyn Fixture) {
    let store = fixture.open();
    let task = key("Task/1");
    for number in 0..6_i64 {
        let events = vec![told("s", &task)];
        let write = put(&task, last(&*store, &task), vec![]);
        store
            .commit(ChangeSet {
                now: minutes_after_noon(number),
                events,
                ..changes(vec![write])
            })
            .unwrap();
    }
    let forget = |before, limit, which| {
        let streams = vec![StreamChange::Forget {
            subscription: id("s"),
            before,
            limit,
            which,
        }];
        store
            .commit(ChangeSet {
                streams,
                ..changes(vec![])
            })
            .unwrap();
        (
            store.stream(&id("s")).unwrap().forgotten,
            numbers_of(&*store, "s"),
        )
    };
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
    store
        .commit(ChangeSet {
            streams: vec![cursor],
            ..changes(vec![])
        })
        .unwrap();
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
    store
        .commit(ChangeSet {
            events: vec![told("s", &task)],
            ..changes(vec![put(&task, last(&*store, &task), vec![])])
        })
        .unwrap();
    assert_eq!(numbers_of(&*store, "s"), [7]);
    let only = store.events(&id("s"), 0, 10).unwrap()[0].instant;
    store
        .commit(ChangeSet {
            streams: vec![StreamChange::Begin(id("s"))],
            ..changes(vec![])
        })
        .unwrap();
    assert_eq!(numbers_of(&*store, "s"), Vec::<u64>::new());
    assert_eq!(oldest(), Some(only), "of the life before");
    let forget = StreamChange::Forget {
        subscription: id("s"),
        before: Timestamp::MAX,
        limit: 10,
        which: Forgettable::Delivered,
    };
    store
        .commit(ChangeSet {
            streams: vec![forget],
            ..changes(vec![])
        })
        .unwrap();
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

fn what_is_to_be_sent_again_is_kept_for_its_life(fixture: &dyn Fixture) {
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

fn reopening_keeps_everything(fixture: &dyn Fixture) {
    let mut store = fixture.open();
    let (task, guard) = (key("Task/1"), Guard("g".into()));
    for number in 0..3_u64 {
        let writes = vec![put(
            &task,
            (number > 0).then_some(Version(number)),
            vec![token("round", "", &number.to_string())],
        )];
        let timers = vec![TimerChange {
            owner: task.clone(),
            day: Some(date(2027, 3, 1 + number as i8)),
        }];
        store
            .commit(ChangeSet {
                timers,
                touches: vec![guard.clone()],
                ..changes(writes)
            })
            .unwrap();
        let look = |store: &dyn Store| {
            let query = SearchQuery::all(
                ResourceType::Task,
                vec![by_token("round", &number.to_string())],
            );
            (
                store.read(&task).unwrap(),
                store.search(&query, None).unwrap(),
                store.history(&history(HistoryScope::System)).unwrap(),
                store.guard_positions(std::slice::from_ref(&guard)).unwrap(),
                store.timers_due(date(2030, 1, 1), 10).unwrap(),
                store.last_commit().unwrap(),
            )
        };
        let before = look(&*store);
        drop(store);
        store = fixture.open();
        assert_eq!(look(&*store), before);
    }
}

fn long_values_and_odd_characters_are_kept_and_found(fixture: &dyn Fixture) {
    let store = fixture.open();
    let long = "æ".repeat(3_000);
    let codes = [
        "",
        "\0",
        "a\0",
        "a\0b",
        "a",
        "a\u{1}",
        "a|b,c$",
        "\u{10ffff}",
        &long,
        &format!("{long}x"),
    ];
    let text = format!(
        r#"{{"resourceType":"Patient","text":"{}"}}"#,
        "x".repeat(1_200_000)
    );
    for (number, code) in codes.iter().enumerate() {
        let key = key(&format!(
            "Patient/{}{number}",
            "i".repeat(if number == 0 { 63 } else { 5 })
        ));
        let entries = vec![
            token("code", code, code),
            IndexEntry::new("name", IndexValue::Text((*code).to_owned())),
            IndexEntry::new("url", IndexValue::Uri((*code).to_owned())),
            IndexEntry::new(*code, IndexValue::Reference((*code).to_owned())),
        ];
        commit(&*store, put_text(&key, None, entries, &text));
        let body = store.read(&key).unwrap().unwrap().body.unwrap();
        assert!(body.ends_with(&text.as_bytes()[text.len() - 1_200_010..]));
    }
    let count = |code: &str, test: Test| {
        let clause = Clause::Parameter {
            code: code.to_owned(),
            any_of: vec![test],
        };
        store
            .search(
                &SearchQuery {
                    count: 0,
                    ..SearchQuery::all(ResourceType::Patient, vec![clause])
                },
                None,
            )
            .unwrap()
            .total
    };
    for code in codes {
        let token = |system: Option<&str>| Test::Token {
            system: system.map(str::to_owned),
            code: Some(code.to_owned()),
        };
        assert_eq!(count("code", token(None)), 1, "{code:?}");
        assert_eq!(count("code", token(Some(code))), 1, "{code:?}");
        assert_eq!(count("code", token(Some("other"))), 0, "{code:?}");
        assert_eq!(count("url", Test::Uri(code.to_owned())), 1, "{code:?}");
        assert_eq!(count(code, Test::Reference(code.to_owned())), 1, "{code:?}");
        let starting = codes.iter().filter(|other| other.starts_with(code)).count();
        assert_eq!(
            count("name", Test::StartsWith(code.to_owned())),
            starting,
            "{code:?}"
        );
    }
    let codes_in_use: BTreeSet<_> = codes
        .iter()
        .map(|code| token("code", code, code).value)
        .collect();
    assert_eq!(
        store
            .values(ResourceType::Patient, "code", codes.len())
            .unwrap(),
        Some(codes_in_use)
    );
    // The same large resource again and again: old pieces must not be taken for new ones.
    let key = key("Patient/large");
    for number in 0..5_u64 {
        let entries = (0..600)
            .map(|entry| token("many", "", &format!("{number}-{entry}-{}", "y".repeat(50))))
            .collect();
        commit(
            &*store,
            put_text(
                &key,
                (number > 0).then_some(Version(number)),
                entries,
                &text,
            ),
        );
    }
    assert_eq!(
        count(
            "many",
            Test::Token {
                system: None,
                code: None
            }
        ),
        1
    );
}
