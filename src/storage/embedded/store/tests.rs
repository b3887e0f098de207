//! Damage to what is stored: it is found and named without persons; nothing is acknowledged after
//! it unless it is proven to be of one record alone.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;

use super::super::engine::{Engine, StoreOptions};
use super::super::index_keys::index_keys;
use super::super::keys::{
    STATE, current_key, cursor_key, due_key, event_key, guard_key, log_key, resends_key,
    stream_key, timer_key, type_log_key, version_key,
};
use super::super::kv::{Batch, Table};
use super::super::record::Record;
use super::super::seal::seal;
use super::super::stream_records::{CursorRecord, EventRecord, ResendsRecord};
use super::EmbeddedStore;
use crate::fhir::{Resource, ResourceKey, ResourceType, Version};
use crate::search::{IndexEntry, IndexValue};
use crate::storage::{
    ChangeSet, CommitError, Commits, Guard, Method, NewEvent, Position, Resources, StoreError,
    StoredContent, StreamChange, TimerChange, Upkeep, Write,
};

fn entry(code: &str) -> IndexEntry {
    IndexEntry::new(
        "code",
        IndexValue::Token {
            system: String::new(),
            code: code.to_owned(),
        },
    )
}

/// Makes a store with one Task of two versions, a timer and a guard.
fn store(path: &Path, key: &ResourceKey) -> EmbeddedStore {
    let store = EmbeddedStore::open(
        path,
        Engine::Fjall,
        StoreOptions {
            cache_bytes: 1 << 20,
        },
    )
    .unwrap();
    for previous in [None, Some(Version(1))] {
        let body = Resource::parse(br#"{"resourceType":"Task"}"#)
            .unwrap()
            .stamped(&key.id, Version::after(previous));
        let content = Some(StoredContent {
            body,
            entries: vec![entry("2512489996")],
        });
        let writes = vec![Write {
            key: key.clone(),
            previous,
            method: Method::Put,
            content,
        }];
        let timers = vec![TimerChange {
            owner: key.clone(),
            day: Some(Date::constant(2027, 3, 1)),
        }];
        let touches = vec![Guard("g".to_owned())];
        let events = vec![NewEvent {
            subscription: key.id.clone(),
            focus: key.clone(),
        }];
        let streams = vec![StreamChange::Cursor {
            subscription: key.id.clone(),
            life: 0,
            delivered: 1,
            sent: 1,
        }];
        store
            .commit(ChangeSet {
                writes,
                touches,
                timers,
                events,
                streams,
                ..ChangeSet::at(Timestamp::UNIX_EPOCH)
            })
            .unwrap();
    }
    store
}

/// A record to remove, or to replace by something else.
type Damage = (Table, Vec<u8>, Option<Vec<u8>>);

/// Makes a record that does not belong where it stands.
fn misplaced(table: Table, key: Vec<u8>, record: &impl Record) -> Damage {
    let sealed = seal(table, &key, record.encode());
    (table, key, Some(sealed))
}

/// Lists one record of each kind of the store.
fn one_of_each(key: &ResourceKey, day: Date) -> Vec<(Table, Vec<u8>)> {
    let index_key = index_keys(key, &entry("2512489996")).remove(0);
    vec![
        (Table::Meta, STATE.to_vec()),
        (Table::Current, current_key(key)),
        (Table::Versions, version_key(key, Version(1))),
        (Table::Versions, version_key(key, Version(2))),
        (Table::Index, index_key),
        (Table::Log, log_key(Position(1))),
        (
            Table::TypeLog,
            type_log_key(ResourceType::Task, Position(2)),
        ),
        (Table::Timers, timer_key(key)),
        (Table::Timers, due_key(day, key)),
        (Table::Events, stream_key(&key.id)),
        (Table::Events, event_key(&key.id, 1)),
        (Table::Events, event_key(&key.id, 2)),
    ]
}

/// Lists damages of every kind: records that are missing, unreadable, too many or contradictory.
fn damages(key: &ResourceKey, day: Date) -> Vec<Damage> {
    let other = ResourceKey::parse("Task/8").unwrap();
    let mut damages = Vec::new();
    for (table, at) in one_of_each(key, day) {
        damages.push((table, at.clone(), None));
        damages.push((table, at, Some(b"no record of ours".to_vec())));
    }
    for (owner, code) in [(key, "1"), (&other, "2512489996")] {
        let at = index_keys(owner, &entry(code)).remove(0);
        damages.push(misplaced(Table::Index, at, &()));
    }
    let tomorrow = due_key(day.tomorrow().unwrap(), key);
    damages.push(misplaced(Table::Timers, tomorrow, &()));
    let guard = guard_key(&Guard("g".to_owned()));
    damages.push(misplaced(Table::Guards, guard, &Position(9)));
    let beyond = CursorRecord {
        delivered: 3,
        sent: 3,
    };
    damages.push(misplaced(Table::Events, cursor_key(&key.id), &beyond));
    let never = ResendsRecord(vec![2..=3]);
    damages.push(misplaced(Table::Events, resends_key(&key.id), &never));
    let foreign = EventRecord {
        position: Position(2),
        instant: Timestamp::UNIX_EPOCH,
        focus: other,
        version: Version(1),
    };
    damages.push(misplaced(Table::Events, event_key(&key.id, 2), &foreign));
    damages
}

#[test]
fn verify_finds_each_kind_of_damage_and_names_no_person() {
    let (key, day) = (
        ResourceKey::parse("Task/7").unwrap(),
        Date::constant(2027, 3, 1),
    );
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &key);
    let set = |table: Table, key: &[u8], value: Option<Vec<u8>>| {
        let mut batch = Batch::default();
        match value {
            Some(value) => batch.put(table, key.to_vec(), value),
            None => batch.delete(table, key.to_vec()),
        }
        store.shared.kv.apply(batch).unwrap();
    };
    for (number, (table, at, value)) in damages(&key, day).into_iter().enumerate() {
        assert_eq!(store.verify(), Vec::<String>::new());
        let sound = store.shared.kv.view().get(table, &at).unwrap();
        set(table, &at, value);
        let findings = store.verify();
        assert!(
            !findings.is_empty(),
            "damage {number} in {table:?} was not found"
        );
        assert!(
            findings
                .iter()
                .all(|finding| !finding.contains("2512489996")),
            "{findings:?}"
        );
        set(table, &at, sound);
    }
}

/// Makes a store in which the second version of this Task is that record.
fn store_with(folder: &Path, key: &ResourceKey, record: Vec<u8>) -> EmbeddedStore {
    let store = store(folder, key);
    let mut batch = Batch::default();
    batch.put(Table::Versions, version_key(key, Version(2)), record);
    store.shared.kv.apply(batch).unwrap();
    assert_eq!(store.check_ready(), Ok(()));
    store
}

#[test]
fn a_record_that_does_not_fit_is_damaged_alone_and_the_rest_goes_on() {
    let (folder, key) = (
        tempfile::tempdir().unwrap(),
        ResourceKey::parse("Task/7").unwrap(),
    );
    let store = store_with(folder.path(), &key, b"no record of ours".to_vec());
    let error = store.read(&key).unwrap_err();
    assert_eq!(
        error,
        StoreError::damaged(
            "the checksum of the record Task/7/_history/2 in the table 'versions' does not fit"
        )
    );
    assert_eq!(store.check_ready(), Ok(()));
    assert_eq!(store.failure(), None);
    let damage = store.damage();
    assert!(
        damage.len() == 1 && damage[0].contains("Task/7/_history/2"),
        "{damage:?}"
    );
    store.commit(ChangeSet::at(Timestamp::UNIX_EPOCH)).unwrap();
    store.last_commit().unwrap();
}

#[test]
fn after_a_record_that_fits_and_has_no_sense_nothing_is_acknowledged() {
    let (folder, key) = (
        tempfile::tempdir().unwrap(),
        ResourceKey::parse("Task/7").unwrap(),
    );
    let place = version_key(&key, Version(2));
    let sealed = seal(Table::Versions, &place, b"no record of ours".to_vec());
    let store = store_with(folder.path(), &key, sealed);
    let error = store.read(&key).unwrap_err();
    assert!(!error.is_local, "{error}");
    assert_eq!(store.check_ready(), Err(error.clone()));
    assert_eq!(store.failure(), Some(error.clone()));
    assert_eq!(
        store.commit(ChangeSet::at(Timestamp::UNIX_EPOCH)),
        Err(CommitError::Store(error.clone()))
    );
    assert_eq!(store.last_commit(), Err(error));
}
