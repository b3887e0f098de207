//! Versions of resources: they count up, stay, and come back byte for byte.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use frist::fhir::{ResourceKey, ResourceType, Version};
use frist::search::{Clause, IndexEntry, IndexValue, SearchQuery, Test};
use frist::storage::{ChangeSet, Guard, HistoryScope, Method, Position, Store, TimerChange};
use jiff::civil::date;

use super::words::{
    Fixture, all_pages, by_token, changes, commit, delete, history, key, keys_of, last, noon, put,
    put_text, token,
};

pub(super) fn an_empty_store_answers(fixture: &dyn Fixture) {
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

/// Checks that memory answers nothing older than what was acknowledged, or what anybody has read.
pub(super) fn a_read_is_never_behind_what_was_acknowledged_or_read(fixture: &dyn Fixture) {
    let store = fixture.open();
    let key = key("Condition/7");
    commit(&*store, put(&key, None, vec![]));
    let (acknowledged, is_over) = (AtomicU64::new(1), AtomicBool::new(false));
    let read_on = || {
        let mut seen = 1;
        while !is_over.load(Ordering::SeqCst) {
            let least = acknowledged.load(Ordering::SeqCst).max(seen);
            let read = store.read(&key).unwrap().unwrap().version.0;
            assert!(read >= least, "version {read} after {least}");
            let held = store.read_from_memory(&key);
            seen = held.map_or(read, |held| held.version.0);
            assert!(seen >= read, "memory has version {seen} after {read}");
        }
    };
    thread::scope(|scope| {
        let readers = [scope.spawn(read_on), scope.spawn(read_on)];
        for number in 2..=60 {
            commit(&*store, put(&key, Some(Version(number - 1)), vec![]));
            acknowledged.store(number, Ordering::SeqCst);
        }
        is_over.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    // A store that holds nothing in memory need not say so.
    let held = store.read_from_memory(&key).map(Some);
    assert_eq!(
        held.unwrap_or_else(|| store.read(&key).unwrap()),
        store.read(&key).unwrap()
    );
}

pub(super) fn versions_count_up_and_stay(fixture: &dyn Fixture) {
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

pub(super) fn a_resource_is_read_as_it_was_in_a_state(fixture: &dyn Fixture) {
    let store = fixture.open();
    let (one, other) = (key("Goal/1"), key("Goal/2"));
    commit(&*store, put(&one, None, vec![]));
    commit(&*store, put(&other, None, vec![]));
    commit(&*store, put(&one, Some(Version(1)), vec![]));
    commit(&*store, delete(&one, Some(Version(2))));
    let version = |key, position| {
        let found = store.read_at(key, Position(position)).unwrap();
        found.map(|found| (found.version.0, found.body.is_some()))
    };
    for (position, expected) in [
        (0, (None, None)),
        (1, (Some((1, true)), None)),
        (2, (Some((1, true)), Some((1, true)))),
        (3, (Some((2, true)), Some((1, true)))),
        (4, (Some((3, false)), Some((1, true)))),
        (9, (Some((3, false)), Some((1, true)))),
    ] {
        let found = (version(&one, position), version(&other, position));
        assert_eq!(found, expected, "after {position}");
    }
}

pub(super) fn bytes_come_back_as_they_were(fixture: &dyn Fixture) {
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

pub(super) fn a_deletion_is_a_version_without_a_body(fixture: &dyn Fixture) {
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

pub(super) fn many_are_read_as_each_would_be(fixture: &dyn Fixture) {
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

/// Moves one label to the next resource in each commit: whoever looks at all of them together sees
/// one label and equal versions.
pub(super) fn many_are_read_of_one_state(fixture: &dyn Fixture) {
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

pub(super) fn reopening_keeps_everything(fixture: &dyn Fixture) {
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

/// Returns the text of a Patient of more than a megabyte.
fn large_patient() -> String {
    format!(
        r#"{{"resourceType":"Patient","text":"{}"}}"#,
        "x".repeat(1_200_000)
    )
}

/// Counts the Patients that are found by one test.
fn patients_found(store: &dyn Store, code: &str, test: Test) -> usize {
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
}

pub(super) fn long_values_and_odd_characters_are_kept_and_found(fixture: &dyn Fixture) {
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
    let text = large_patient();
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
    let count = |code, test| patients_found(&*store, code, test);
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
}

pub(super) fn old_pieces_of_a_large_resource_are_not_taken_for_new_ones(fixture: &dyn Fixture) {
    let store = fixture.open();
    let text = large_patient();
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
        patients_found(
            &*store,
            "many",
            Test::Token {
                system: None,
                code: None
            }
        ),
        1
    );
}
