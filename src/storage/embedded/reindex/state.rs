//! Records of what the stored entries are made by, and of the work that is still to be done.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::super::kv::Table;
use super::super::reading::ViewReader;
use crate::search::{fold, sort_key};
use crate::storage::{Marks, StoreError};

/// The key of the marks of the definitions by which entries are made, where all of a parameter are
/// made by the same.
pub(super) const MADE_BY: &[u8] = b"index-mark";
/// The key of the work that is still to be done.
pub(super) const REST: &[u8] = b"index-rest";
/// The version of how keys are made of entries (`index_keys`). It goes up with every change: none
/// of the old ones stays then.
const KEYS: u64 = 2;

/// The letters whose keys tell whether texts are still folded and ordered as they were: Latin, Greek
/// and Cyrillic.
const LETTERS: RangeInclusive<char> = '\0'..='\u{4ff}';

/// Returns the name of how keys are made: by the program, and by the data of the libraries that fold
/// and order texts.
fn keys() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| {
        let letters = LETTERS.map(String::from).chain(["aa".to_owned()]);
        let of_text = |text: String| [fold(&text).into_bytes(), sort_key(&text)].concat();
        let texts: Vec<u8> = letters.flat_map(of_text).collect();
        format!("{KEYS}/{:016x}", xxh3_64(&texts))
    });
    &NAME
}

/// The state of the index.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(in crate::storage::embedded) struct IndexState {
    /// The parameters whose entries are not all made by the definitions in use.
    pub(in crate::storage::embedded) pending: BTreeSet<String>,
    /// The work that is still to be done.
    pub(in crate::storage::embedded) rest: Option<RemainingWork>,
}

/// The phases of the work, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReindexPhase {
    /// Every key goes, because none is known to be right; `Fill` follows.
    Clear,
    /// The entries of every version, and the keys of the current ones. Nothing follows.
    Fill,
    /// The same as `Fill`, among keys that are in use; `Sweep` follows.
    Mend,
    /// The keys that no current version has.
    Sweep,
}

impl ReindexPhase {
    const ALL: [ReindexPhase; 4] = [
        ReindexPhase::Clear,
        ReindexPhase::Fill,
        ReindexPhase::Mend,
        ReindexPhase::Sweep,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            ReindexPhase::Clear => "clear",
            ReindexPhase::Fill => "fill",
            ReindexPhase::Mend => "mend",
            ReindexPhase::Sweep => "sweep",
        }
    }

    pub(super) fn after(self) -> Option<ReindexPhase> {
        match self {
            ReindexPhase::Clear => Some(ReindexPhase::Fill),
            ReindexPhase::Mend => Some(ReindexPhase::Sweep),
            ReindexPhase::Fill | ReindexPhase::Sweep => None,
        }
    }
}

/// The work that is still to be done: a phase from a key on, and what follows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::storage::embedded) struct RemainingWork {
    /// The definitions by which it is done.
    pub(super) target: String,
    pub(super) phase: ReindexPhase,
    pub(super) next: Vec<u8>,
}

impl RemainingWork {
    pub(super) fn text(&self) -> String {
        json!({ "target": self.target, "phase": self.phase.name(), "next": self.next }).to_string()
    }

    pub(super) fn read(text: &str) -> Option<RemainingWork> {
        let value: Value = serde_json::from_str(text).ok()?;
        let phase = ReindexPhase::ALL
            .into_iter()
            .find(|phase| value["phase"] == phase.name())?;
        let byte = |byte: &Value| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
        let next = value["next"]
            .as_array()?
            .iter()
            .map(byte)
            .collect::<Option<_>>()?;
        Some(RemainingWork {
            target: value["target"].as_str()?.to_owned(),
            phase,
            next,
        })
    }
}

pub(super) fn target(marks: &Marks) -> String {
    let lines: Vec<_> = marks
        .iter()
        .map(|(name, mark)| format!("{} {name} {mark}", keys()))
        .collect();
    format!("{:016x}", xxh3_64(lines.join("\n").as_bytes()))
}

pub(super) fn made_by_text(marks: &Marks) -> String {
    json!({ "keys": keys(), "made_by": marks }).to_string()
}

/// Reads the marks by which the stored entries are made; none if that is not known.
pub(super) fn made_by(reader: ViewReader<'_>) -> Result<Marks, StoreError> {
    let text: Option<String> = reader.record(Table::Meta, MADE_BY)?;
    let value: Value = text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let marks = value["made_by"]
        .as_object()
        .filter(|_| value["keys"] == keys());
    let mark = |(name, mark): (&String, &Value)| Some((name.clone(), mark.as_str()?.to_owned()));
    Ok(marks.into_iter().flatten().filter_map(mark).collect())
}
