//! Words of the tests of the contract.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use frist::fhir::{Id, Resource, ResourceKey, Version};
use frist::search::{Clause, IndexEntry, IndexValue, Test};
use frist::storage::{
    ChangeSet, CommitError, Committed, HistoryQuery, HistoryScope, Method, Store, StoredContent,
    StoredVersion, Write,
};
use jiff::Timestamp;

/// A place where a store is kept, and can be opened again once the one before was dropped.
pub(crate) trait Fixture {
    fn open(&self) -> Arc<dyn Store>;

    /// Makes a place of the same kind for another store.
    fn another(&self) -> Box<dyn Fixture>;

    /// Lists what is wrong in the closed store.
    fn findings(&self) -> Vec<String>;
}

pub(crate) fn key(text: &str) -> ResourceKey {
    ResourceKey::parse(text).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
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

/// Makes a version of a resource with these entries; its text says which one it is.
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

pub(crate) fn last(store: &dyn Store, key: &ResourceKey) -> Option<Version> {
    store.read(key).unwrap().map(|stored| stored.version)
}

/// Writes the next version, whatever it is by then.
pub(crate) fn update(store: &dyn Store, key: &ResourceKey, entries: &[IndexEntry]) -> Committed {
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

pub(crate) fn history(scope: HistoryScope) -> HistoryQuery {
    HistoryQuery {
        scope,
        since: None,
        at: None,
        before: None,
        count: 100,
    }
}

pub(crate) fn all_pages(store: &dyn Store, query: &HistoryQuery) -> Vec<StoredVersion> {
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

pub(crate) fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}
