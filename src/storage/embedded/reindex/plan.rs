//! The work that the definitions in use ask for.

use xxhash_rust::xxh3::xxh3_64;

use super::super::kv::{KvRead, Table};
use super::super::reading::ViewReader;
use super::state::{
    IndexState, MADE_BY, REST, ReindexPhase, RemainingWork, made_by, made_by_text, target,
};
use super::step::ReindexStep;
use crate::storage::{Marks, Position, ReindexFrom, StoreError};

/// Works out what is known, and must be done, when entries are made by these definitions from now
/// on; and the records that tell so.
pub(in crate::storage::embedded) fn plan(
    view: &dyn KvRead,
    marks: &Marks,
    from: ReindexFrom,
    last: Position,
) -> Result<(IndexState, ReindexStep), StoreError> {
    let reader = ViewReader(view);
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
        .and_then(RemainingWork::read)
        .filter(|rest| rest.target == target && from == ReindexFrom::Rest);
    let phase = if kept.is_empty() && !marks.is_empty() {
        ReindexPhase::Clear
    } else {
        ReindexPhase::Mend
    };
    let beginning = RemainingWork {
        target,
        phase,
        next: Vec::new(),
    };
    let rest = match begun {
        Some(rest) => Some(rest),
        None if is_known && from == ReindexFrom::Rest => None,
        None => Some(beginning),
    };
    let mut step = ReindexStep::default();
    if kept != told {
        step.meta.push((MADE_BY, Some(made_by_text(&kept))));
    }
    let left = rest.as_ref().map(RemainingWork::text);
    if left != text {
        step.meta.push((REST, left));
    }
    let pending = changed.into_keys().collect();
    Ok((IndexState { pending, rest }, step))
}

/// Returns a mark of the definitions by which the stored entries were made, and of what is left to do:
/// while it is the same, no stored version gets other entries.
///
/// # Errors
/// If it cannot be read.
pub(in crate::storage::embedded) fn mark(reader: ViewReader<'_>) -> Result<u64, StoreError> {
    let rest: Option<String> = reader.record(Table::Meta, REST)?;
    let made_by = made_by_text(&made_by(reader)?);
    Ok(xxh3_64(
        format!("{made_by}\n{}", rest.unwrap_or_default()).as_bytes(),
    ))
}
