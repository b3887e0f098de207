//! Entries of one request that meet in one resource: the criteria of a create match what another
//! entry finds, makes or writes.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::entry::{Entry, EntryWrite};
use super::references::conditional::{canonical, is_match};
use super::references::finder::EntryFinder;
use super::references::names::EntryNames;
use super::references::relink::{new_link, new_links, put, rename_references};
use crate::fhir::{IssueCode, ResourceKey};
use crate::interactions::change::Change;
use crate::interactions::{Effect, Failure};
use crate::schema::Definitions;
use crate::search::compartment::found_by;
use crate::search::{IndexEntry, SearchQuery, asks_for_names};

/// The resource that the criteria of a create meet.
pub(super) enum Meeting {
    /// Nothing.
    None,
    /// This resource, which is stored.
    Stored(ResourceKey),
    /// The resource that another entry writes: this entry is that too, and writes nothing.
    Entry(Box<Entry>),
}

/// The entries of a request that were identified so far.
pub(super) struct MeetingEntries<'a> {
    names: &'a EntryNames<'a>,
    definitions: &'a Definitions,
    entries: Vec<Option<Entry>>,
    finder: EntryFinder,
    /// The entries that make a resource, by their criteria.
    made_by: HashMap<String, usize>,
    /// The index entries of the contents once they name the entries that were identified.
    named: Vec<OnceCell<Vec<IndexEntry>>>,
    is_alone: bool,
}

impl<'a> MeetingEntries<'a> {
    /// Begins with none.
    pub(super) fn of(
        changes: &[Change],
        names: &'a EntryNames<'a>,
        definitions: &'a Definitions,
    ) -> Self {
        MeetingEntries {
            names,
            definitions,
            entries: changes.iter().map(|_| None).collect(),
            finder: EntryFinder::default(),
            made_by: HashMap::new(),
            named: changes.iter().map(|_| OnceCell::new()).collect(),
            is_alone: changes.len() < 2,
        }
    }

    /// Adds the entry at that place.
    pub(super) fn put(&mut self, at: usize, entry: Entry) {
        if !self.is_alone {
            self.finder.add(at, &entry);
            let is_made = matches!(entry.step, EntryWrite::Put(..)) && entry.previous.is_none();
            if let Some(query) = entry.claims.as_ref().filter(|_| is_made) {
                self.made_by.entry(canonical(query)).or_insert(at);
            }
        }
        self.entries[at] = Some(entry);
    }

    /// Returns the resource of an entry, if it was identified.
    pub(super) fn key(&self, at: usize) -> Option<ResourceKey> {
        Some(self.entries[at].as_ref()?.key.clone())
    }

    /// Returns all of them.
    pub(super) fn all(self) -> Vec<Entry> {
        self.entries.into_iter().flatten().collect()
    }

    /// Finds the one resource that the criteria of a create match once the other entries are
    /// written, given what they match in the store.
    ///
    /// # Errors
    /// `PreconditionFailed` if there are several.
    pub(super) fn meet(
        &self,
        query: &SearchQuery,
        stored: Vec<ResourceKey>,
        now: Timestamp,
    ) -> Result<Meeting, Failure> {
        let mut found: BTreeMap<ResourceKey, Option<usize>> = stored
            .into_iter()
            .filter(|key| !self.finder.is_settled(key))
            .map(|key| (key, None))
            .collect();
        let written = self.finder.candidates(query).into_iter();
        let written = written.filter(|at| self.matches(query, *at, now));
        let written: Vec<usize> = written.collect();
        let made = self.made_by.get(&canonical(query)).copied();
        for at in written.iter().copied().chain(made) {
            found.extend(self.key(at).map(|key| (key, Some(at))));
        }
        if found.len() > 1 {
            return Err(too_many_matches("If-None-Exist"));
        }
        Ok(match found.pop_first() {
            None => Meeting::None,
            Some((key, None)) => Meeting::Stored(key),
            Some((key, Some(at))) => {
                let previous = self.entries[at].as_ref();
                let previous = previous.and_then(|entry| entry.previous.clone());
                let step = EntryWrite::Nothing(Effect::Unchanged);
                let mut entry = Entry::new(key, previous, step);
                entry.joined = (!written.contains(&at)).then(|| query.clone());
                Meeting::Entry(Box::new(entry))
            }
        })
    }

    fn matches(&self, query: &SearchQuery, at: usize, now: Timestamp) -> bool {
        let Some(entry) = &self.entries[at] else {
            return false;
        };
        let index = if asks_for_names(query) && !self.names.is_empty() {
            self.named[at].get_or_init(|| self.index_with_names(at, entry))
        } else {
            entry.index().unwrap_or_default()
        };
        is_match(query, &entry.key, now, index)
    }

    fn index_with_names(&self, at: usize, entry: &Entry) -> Vec<IndexEntry> {
        let EntryWrite::Put(resource, _) = &entry.step else {
            return Vec::new();
        };
        let links = new_links(self.definitions, resource.value(), &mut |kind, address| {
            let named = self.names.named(Some(at), address)?;
            new_link(kind, named, &self.key(named.at)?)
        });
        let mut content = resource.value().clone();
        put(&mut content, links);
        rename_references(&mut content, &mut |address| {
            let named = self.names.named(Some(at), address)?;
            Some(self.key(named.at)?.to_string())
        });
        found_by(&entry.key, &content)
    }
}

/// Says that criteria which may match one resource match several.
pub(super) fn too_many_matches(what: &str) -> Failure {
    let text = format!("{what}: expected at most one match, found several");
    Failure::precondition(IssueCode::MultipleMatches, text)
}
