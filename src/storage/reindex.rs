//! Making index entries anew while others read, write and search.
//!
//! A step looks at some records in a view of its own, and works out what they should be. What
//! differs goes to the one writer, which judges it once more between two commits, so that no commit
//! is overwritten and none waits for more than one small step. What the view shows to
//! be sound stays sound, since every commit keeps the keys of a resource in step with its entries;
//! so it is not judged again.
//!
//! Why no search is wrong meanwhile: the store knows of each parameter of each type by what
//! definition all of its entries are made. While entries are made anew by other definitions, those
//! of a parameter whose definition is the same do not change, and searches by it are answered from
//! old and new records alike; searches by a parameter whose definition is another one are refused
//! until all is done ([`SearchError::BeingMade`](super::SearchError)). Entries made anew by the
//! same definitions differ only where they were damaged.
//!
//! How far it came is part of every step, so that a process that ends in the middle goes on from
//! there when it starts again. A start with yet other definitions begins anew, and relies only on
//! what was made in one way before and after each of them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::encoding::{
    current_key, index_keys, key_in_index, number_at_end, split_owner, version_key,
};
use super::kv::{Batch, Direction, KeyRange, Kv, KvRead, Table};
use super::reading::Reader;
use super::record::{CurrentRecord, Record, VersionRecord, seal, senseless, unseal};
use super::{Position, StoreError};
use crate::fhir::{ResourceKey, ResourceType, Version};
use crate::search::{Clause, IndexEntry, SearchQuery, SortBy};

/// By what the entries of each parameter are made, where all of them are made by the same.
const MADE_BY: &[u8] = b"index-mark";
/// What is still to be done.
const REST: &[u8] = b"index-rest";
/// Goes up with every change of how keys are made of entries (`encoding`): none of the old ones
/// stays then.
const KEYS: u64 = 1;

/// A step ends when it has looked at so many records …
const LOOKED_AT_MAX: u64 = if cfg!(test) { 7 } else { 1_000 };
/// … or at so many bytes of them …
const BYTES_MAX: usize = 1 << 20;
/// … or has so many for the writer to change …
const CHANGED_MAX: usize = if cfg!(test) { 3 } else { 64 };
/// … or so many bytes of them.
const CHANGED_BYTES_MAX: usize = 256 << 10;
/// So many keys of resources are remembered within a step: the next key is often of one of them.
const REMEMBERED_MAX: usize = 50_000;
/// How many keys are removed at once where none is judged.
const CLEARED_AT_ONCE: usize = if cfg!(test) { 40 } else { 4_000 };

/// For each parameter of each type, as `Task?owner`, a mark of the definition by which its entries
/// are made.
pub type Marks = BTreeMap<String, String>;

/// Gives the index entries of the bytes of a resource; none if the bytes are no resource.
pub type EntriesOf<'e> = dyn Fn(ResourceType, &[u8]) -> Option<Vec<IndexEntry>> + 'e;

/// How the index entries of a store are made.
#[derive(Clone, Copy)]
pub struct Indexing<'e> {
    /// By what.
    pub marks: &'e Marks,
    /// Gives the index entries of the bytes of a resource; none if the bytes are no resource.
    pub entries_of: &'e EntriesOf<'e>,
}

/// Where to begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReindexFrom {
    /// With what is still to be done, because the definitions are others or because it was cut
    /// short.
    Rest,
    /// With everything, whatever the definitions: what is damaged is mended.
    Beginning,
}

/// How far it came since it began or went on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Reindexed {
    /// Versions whose entries were made and compared.
    pub versions: u64,
    /// Those among them that had others, or lacked a key.
    pub mended: u64,
    /// Keys of the index that were held against the entries of their resource.
    pub keys: u64,
    /// Those among them that no entry of a current version has.
    pub foreign: u64,
}

/// What whoever watches wants after a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// The next step.
    GoOn,
    /// To end here, and to go on at the next start.
    Pause,
    /// To end here, and not to go on; what is made by other definitions is made all the same.
    GiveUp,
}

/// Why the entries are not made anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReindexError {
    /// That is being done already.
    Running,
    /// The store cannot be used.
    Store(StoreError),
}

impl fmt::Display for ReindexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReindexError::Running => write!(f, "the search index is being made anew already"),
            ReindexError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReindexError {}

impl From<StoreError> for ReindexError {
    fn from(error: StoreError) -> Self {
        ReindexError::Store(error)
    }
}

/// What is known of the index.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct IndexState {
    /// The parameters whose entries are not all made by the definitions in use.
    pub(super) pending: BTreeSet<String>,
    /// What is still to be done.
    pub(super) rest: Option<Rest>,
}

/// What is done, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Every key goes, because none is known to be right; `Fill` follows.
    Clear,
    /// The entries of every version, and the keys of the current ones. Nothing follows.
    Fill,
    /// Likewise, among keys that are in use; `Sweep` follows.
    Mend,
    /// The keys that no current version has.
    Sweep,
}

impl Phase {
    const ALL: [Phase; 4] = [Phase::Clear, Phase::Fill, Phase::Mend, Phase::Sweep];

    fn name(self) -> &'static str {
        match self {
            Phase::Clear => "clear",
            Phase::Fill => "fill",
            Phase::Mend => "mend",
            Phase::Sweep => "sweep",
        }
    }

    fn after(self) -> Option<Phase> {
        match self {
            Phase::Clear => Some(Phase::Fill),
            Phase::Mend => Some(Phase::Sweep),
            Phase::Fill | Phase::Sweep => None,
        }
    }
}

/// What is still to be done: a phase from a key on, and what follows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rest {
    /// By what it is done.
    target: String,
    phase: Phase,
    next: Vec<u8>,
}

impl Rest {
    fn text(&self) -> String {
        json!({ "target": self.target, "phase": self.phase.name(), "next": self.next }).to_string()
    }

    fn read(text: &str) -> Option<Rest> {
        let value: Value = serde_json::from_str(text).ok()?;
        let phase = Phase::ALL
            .into_iter()
            .find(|phase| value["phase"] == phase.name())?;
        let byte = |byte: &Value| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
        let next = value["next"]
            .as_array()?
            .iter()
            .map(byte)
            .collect::<Option<_>>()?;
        Some(Rest {
            target: value["target"].as_str()?.to_owned(),
            phase,
            next,
        })
    }
}

fn target(marks: &Marks) -> String {
    let lines: Vec<_> = marks
        .iter()
        .map(|(name, mark)| format!("{KEYS} {name} {mark}"))
        .collect();
    format!("{:016x}", xxh3_64(lines.join("\n").as_bytes()))
}

fn made_by_text(marks: &Marks) -> String {
    json!({ "keys": KEYS, "made_by": marks }).to_string()
}

/// By what the stored entries are made; nothing if that is not known.
fn made_by(reader: Reader<'_>) -> Result<Marks, StoreError> {
    let text: Option<String> = reader.record(Table::Meta, MADE_BY)?;
    let value: Value = text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let marks = value["made_by"]
        .as_object()
        .filter(|_| value["keys"] == KEYS);
    let mark = |(name, mark): (&String, &Value)| Some((name.clone(), mark.as_str()?.to_owned()));
    Ok(marks.into_iter().flatten().filter_map(mark).collect())
}

/// What is known, and must be done, when entries are made by these from now on; and the records
/// that tell so.
pub(super) fn plan(
    view: &dyn KvRead,
    marks: &Marks,
    from: ReindexFrom,
    last: Position,
) -> Result<(IndexState, Step), StoreError> {
    let reader = Reader(view);
    let told = made_by(reader)?;
    // Nothing is there that could have been made by anything else.
    let stored = if last == Position(0) {
        marks.clone()
    } else {
        told.clone()
    };
    let (kept, changed): (Marks, Marks) = marks
        .clone()
        .into_iter()
        .partition(|(name, mark)| stored.get(name) == Some(mark));
    let is_known = changed.is_empty() && stored.len() == marks.len();
    let target = target(marks);
    let text: Option<String> = reader.record(Table::Meta, REST)?;
    let begun = text
        .as_deref()
        .and_then(Rest::read)
        .filter(|rest| rest.target == target && from == ReindexFrom::Rest);
    let phase = if kept.is_empty() && !marks.is_empty() {
        Phase::Clear
    } else {
        Phase::Mend
    };
    let beginning = Rest {
        target,
        phase,
        next: Vec::new(),
    };
    let rest = match begun {
        Some(rest) => Some(rest),
        None if is_known && from == ReindexFrom::Rest => None,
        None => Some(beginning),
    };
    let mut step = Step::default();
    if kept != told {
        step.meta.push((MADE_BY, Some(made_by_text(&kept))));
    }
    let left = rest.as_ref().map(Rest::text);
    if left != text {
        step.meta.push((REST, left));
    }
    let pending = changed.into_keys().collect();
    Ok((IndexState { pending, rest }, step))
}

/// A part of the work: what the writer is to judge and to change.
#[derive(Default)]
pub(super) struct Step {
    mends: Vec<Mend>,
    /// Keys that no entry seems to have.
    suspects: Vec<Vec<u8>>,
    /// Keys that go, whatever they say.
    cleared: Vec<Vec<u8>>,
    meta: Vec<(&'static [u8], Option<String>)>,
}

/// The entries that a version should have.
struct Mend {
    owner: ResourceKey,
    version: Version,
    entries: Vec<IndexEntry>,
}

impl Step {
    /// True if it changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.mends.is_empty()
            && self.suspects.is_empty()
            && self.cleared.is_empty()
            && self.meta.is_empty()
    }

    /// The step after which nothing is left to do.
    pub(super) fn finished(marks: &Marks) -> Step {
        Step {
            meta: vec![(MADE_BY, Some(made_by_text(marks))), (REST, None)],
            ..Step::default()
        }
    }

    /// The step after which nothing more is done than was done.
    pub(super) fn given_up() -> Step {
        Step {
            meta: vec![(REST, None)],
            ..Step::default()
        }
    }

    /// What changes, judged by a view that no commit changes meanwhile.
    pub(super) fn changes(&self, view: &dyn KvRead) -> Result<Batch, StoreError> {
        let reader = Reader(view);
        let mut batch = Batch::default();
        for Mend {
            owner,
            version,
            entries,
        } in &self.mends
        {
            let key = version_key(owner, *version);
            let record = reader.known_version(owner, *version, &|_| true)?;
            if record.entries != *entries {
                put(
                    &mut batch,
                    Table::Versions,
                    key.clone(),
                    &VersionRecord {
                        entries: entries.clone(),
                        ..record
                    },
                );
            }
            let current = reader
                .current(owner)?
                .ok_or_else(|| senseless(Table::Versions, &key))?;
            if current.version == *version {
                let (before, after) = (keys_of(owner, &current.entries), keys_of(owner, entries));
                before
                    .difference(&after)
                    .for_each(|gone| batch.delete(Table::Index, gone.clone()));
                after
                    .into_iter()
                    .for_each(|key| put(&mut batch, Table::Index, key, &()));
                put(
                    &mut batch,
                    Table::Current,
                    current_key(owner),
                    &CurrentRecord {
                        entries: entries.clone(),
                        ..current
                    },
                );
            }
        }
        for key in &self.suspects {
            if is_expected(reader, key)? {
                put(&mut batch, Table::Index, key.clone(), &());
            } else {
                batch.delete(Table::Index, key.clone());
            }
        }
        self.cleared
            .iter()
            .for_each(|key| batch.delete(Table::Index, key.clone()));
        for (key, text) in &self.meta {
            match text {
                Some(text) => put(&mut batch, Table::Meta, key.to_vec(), text),
                None => batch.delete(Table::Meta, key.to_vec()),
            }
        }
        Ok(batch)
    }
}

/// The next step of what is still to be done, and what is left after it.
pub(super) fn next_step(
    kv: &dyn Kv,
    rest: &Rest,
    indexing: Indexing<'_>,
    done: &mut Reindexed,
) -> Result<(Step, Option<Rest>), StoreError> {
    let view = kv.view();
    let mut looking = Looking::at(Reader(&*view));
    let range = KeyRange {
        start: rest.next.clone(),
        end: None,
    };
    let next = match rest.phase {
        Phase::Clear => looking.clear(range)?,
        Phase::Fill | Phase::Mend => looking.versions(range, indexing, done)?,
        Phase::Sweep => looking.sweep(range, done)?,
    };
    let rest = match (next, rest.phase.after()) {
        (Some(next), _) => Some(Rest {
            next,
            ..rest.clone()
        }),
        (None, Some(phase)) => Some(Rest {
            phase,
            next: Vec::new(),
            ..rest.clone()
        }),
        (None, None) => None,
    };
    let mut step = looking.step;
    step.meta = match &rest {
        Some(rest) => vec![(REST, Some(rest.text()))],
        None => Step::finished(indexing.marks).meta,
    };
    Ok((step, rest))
}

/// A step that is being worked out. What it looks at in a range it looks at in order; each answers
/// where the next step goes on.
struct Looking<'v> {
    reader: Reader<'v>,
    step: Step,
    looked_at: u64,
    bytes: usize,
    changed_bytes: usize,
    /// The keys of current versions that were met, and how many they are.
    remembered: BTreeMap<ResourceKey, BTreeSet<Vec<u8>>>,
    remembered_keys: usize,
}

impl<'v> Looking<'v> {
    fn at(reader: Reader<'v>) -> Self {
        let (step, remembered) = (Step::default(), BTreeMap::new());
        Looking {
            reader,
            step,
            looked_at: 0,
            bytes: 0,
            changed_bytes: 0,
            remembered,
            remembered_keys: 0,
        }
    }

    fn is_full(&self) -> bool {
        let changed = self.step.mends.len() + self.step.suspects.len();
        self.looked_at >= LOOKED_AT_MAX
            || self.bytes >= BYTES_MAX
            || changed >= CHANGED_MAX
            || self.changed_bytes >= CHANGED_BYTES_MAX
    }

    fn clear(&mut self, range: KeyRange) -> Result<Option<Vec<u8>>, StoreError> {
        for pair in self.reader.0.range(Table::Index, range, Direction::Forward) {
            let (key, _) = pair?;
            if self.step.cleared.len() == CLEARED_AT_ONCE {
                return Ok(Some(key));
            }
            self.step.cleared.push(key);
        }
        Ok(None)
    }

    fn versions(
        &mut self,
        range: KeyRange,
        indexing: Indexing<'_>,
        done: &mut Reindexed,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        for record in
            self.reader
                .records::<VersionRecord>(Table::Versions, range, Direction::Forward)
        {
            let (key, record) = record?;
            if self.is_full() {
                return Ok(Some(key));
            }
            let (Some((owner, _)), Some(version)) = (split_owner(&key), number_at_end(&key)) else {
                return Err(senseless(Table::Versions, &key));
            };
            let body_bytes = record.body.as_ref().map_or(0, Vec::len);
            let entries = match &record.body {
                Some(body) => (indexing.entries_of)(owner.resource_type, body)
                    .ok_or_else(|| senseless(Table::Versions, &key))?,
                None => Vec::new(),
            };
            self.looked_at += 1;
            self.bytes += body_bytes;
            done.versions += 1;
            let version = Version(version);
            if record.entries != entries || !self.is_current_sound(&owner, version, &entries)? {
                done.mended += 1;
                self.changed_bytes += body_bytes;
                self.step.mends.push(Mend {
                    owner,
                    version,
                    entries,
                });
            }
        }
        Ok(None)
    }

    /// True if the version is not the last one, or is found by these entries.
    fn is_current_sound(
        &self,
        owner: &ResourceKey,
        version: Version,
        entries: &[IndexEntry],
    ) -> Result<bool, StoreError> {
        let current = self
            .reader
            .current(owner)?
            .ok_or_else(|| senseless(Table::Versions, &version_key(owner, version)))?;
        if current.version != version {
            return Ok(true);
        }
        if current.entries != entries {
            return Ok(false);
        }
        for key in keys_of(owner, entries) {
            let is_there = self
                .reader
                .0
                .get(Table::Index, &key)?
                .is_some_and(|sealed| unseal(Table::Index, &key, sealed).is_ok());
            if !is_there {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn sweep(
        &mut self,
        range: KeyRange,
        done: &mut Reindexed,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        for pair in self.reader.0.range(Table::Index, range, Direction::Forward) {
            let (key, sealed) = pair?;
            if self.is_full() {
                return Ok(Some(key));
            }
            self.looked_at += 1;
            done.keys += 1;
            if unseal(Table::Index, &key, sealed).is_err() || !self.seems_expected(&key)? {
                done.foreign += 1;
                self.step.suspects.push(key);
            }
        }
        Ok(None)
    }

    /// True if a current version has, or had within this step, an entry with that key; what it had
    /// a commit has removed with the key.
    fn seems_expected(&mut self, key: &[u8]) -> Result<bool, StoreError> {
        let Some(owner) = key_in_index(key) else {
            return Ok(false);
        };
        if self
            .remembered
            .get(&owner)
            .is_some_and(|keys| keys.contains(key))
        {
            return Ok(true);
        }
        let keys = self
            .reader
            .current(&owner)?
            .map(|current| keys_of(&owner, &current.entries))
            .unwrap_or_default();
        let is_expected = keys.contains(key);
        if self.remembered_keys > REMEMBERED_MAX {
            self.remembered.clear();
            self.remembered_keys = 0;
        }
        self.remembered_keys += keys.len();
        self.remembered.insert(owner, keys);
        Ok(is_expected)
    }
}

/// True if a current version has an entry with that key.
fn is_expected(reader: Reader<'_>, key: &[u8]) -> Result<bool, StoreError> {
    let Some(owner) = key_in_index(key) else {
        return Ok(false);
    };
    let Some(current) = reader.current(&owner)? else {
        return Ok(false);
    };
    Ok(current.entries.iter().any(|entry| {
        index_keys(&owner, entry)
            .iter()
            .any(|expected| expected == key)
    }))
}

fn keys_of(owner: &ResourceKey, entries: &[IndexEntry]) -> BTreeSet<Vec<u8>> {
    entries
        .iter()
        .flat_map(|entry| index_keys(owner, entry))
        .collect()
}

fn put(batch: &mut Batch, table: Table, key: Vec<u8>, record: &impl Record) {
    let sealed = seal(table, &key, record.encode());
    batch.put(table, key, sealed);
}

/// A parameter among `pending` that the query asks for, or sorts by, in itself or along its chains.
pub(super) fn waits_for(query: &SearchQuery, pending: &BTreeSet<String>) -> Option<String> {
    if pending.is_empty() {
        return None;
    }
    let by_type = |code: &str| {
        // What a modifier looks at stands under the parameter and the modifier.
        let code = code.split(':').next().unwrap_or(code);
        query
            .types
            .iter()
            .map(|held| format!("{held}?{code}"))
            .find(|name| pending.contains(name))
    };
    let sorted = query.sort.iter().find_map(|sort| match &sort.by {
        SortBy::Parameter(code) => by_type(code),
        SortBy::Id | SortBy::LastUpdated => None,
    });
    sorted.or_else(|| {
        query.clauses.iter().find_map(|clause| match clause {
            Clause::Ids(_) | Clause::Keys(_) | Clause::LastUpdated(_) => None,
            Clause::Parameter { code, .. }
            | Clause::Not { code, .. }
            | Clause::Missing { code, .. } => by_type(code),
            Clause::Chain { code, any_of } => {
                by_type(code).or_else(|| any_of.iter().find_map(|query| waits_for(query, pending)))
            }
            Clause::Has { code, source } => {
                let named = SearchQuery {
                    clauses: vec![Clause::Missing {
                        code: code.clone(),
                        is_missing: false,
                    }],
                    ..(**source).clone()
                };
                waits_for(&named, pending).or_else(|| waits_for(source, pending))
            }
        })
    })
}
