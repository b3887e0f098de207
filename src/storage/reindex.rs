//! Making all index entries anew, when they are made in another way than those that are stored.
//!
//! The store remembers by what its entries were made. While it is at work that mark is gone, so that what was cut short is done again.

use std::collections::BTreeSet;

use super::StoreError;
use super::encoding::{current_key, index_keys, number_at_end, split_owner};
use super::kv::{Batch, Direction, KeyRange, Kv, Table};
use super::reading::Reader;
use super::record::{CurrentRecord, Record, VersionRecord, seal, senseless};
use crate::fhir::ResourceType;
use crate::search::IndexEntry;

/// By what the stored index entries were made.
const MARK: &[u8] = b"index-mark";
/// How many bytes of versions are written at once, about.
const BATCH_BYTES: usize = 4 << 20;
/// How many keys are removed at once.
const KEYS_AT_ONCE: usize = 50_000;

/// Gives the index entries of the bytes of a resource; none if the bytes are no resource.
pub type EntriesOf<'e> = dyn Fn(ResourceType, &[u8]) -> Option<Vec<IndexEntry>> + 'e;

/// How the index entries of a store are made.
#[derive(Clone, Copy)]
pub struct Indexing<'e> {
    /// Tells how: entries that were made with another mark are made anew.
    pub mark: &'e str,
    /// Makes them anew whatever the mark.
    pub is_forced: bool,
    /// Gives the index entries of the bytes of a resource; none if the bytes are no resource.
    pub entries_of: &'e EntriesOf<'e>,
}

/// Makes the entries of all versions anew, if they were made in another way or not to the end; answers of how many versions.
pub(super) fn bring_up_to_date(kv: &dyn Kv, indexing: Indexing<'_>) -> Result<usize, StoreError> {
    let stored: Option<String> = Reader(&*kv.view()).record(Table::Meta, MARK)?;
    if !indexing.is_forced && stored.as_deref() == Some(indexing.mark) {
        return Ok(0);
    }
    let mut begun = Batch::default();
    begun.delete(Table::Meta, MARK.to_vec());
    kv.apply(begun)?;
    // How keys are made of entries may have changed too: none of the old ones stays.
    while let Some(batch) = some_keys_gone(kv)? {
        kv.apply(batch)?;
    }
    let mut rest = Some(KeyRange::all());
    let mut versions = 0;
    while let Some(range) = rest {
        let step = step(kv, range, indexing)?;
        versions += step.versions;
        kv.apply(step.batch)?;
        rest = step.next.map(|next| KeyRange { start: next, end: None });
    }
    let mut ended = Batch::default();
    put(&mut ended, Table::Meta, MARK.to_vec(), &indexing.mark.to_owned());
    kv.apply(ended)?;
    Ok(versions)
}

/// The removal of some keys of the index; none if it has none.
fn some_keys_gone(kv: &dyn Kv) -> Result<Option<Batch>, StoreError> {
    let view = kv.view();
    let mut batch = Batch::default();
    let mut is_empty = true;
    for pair in view.range(Table::Index, KeyRange::all(), Direction::Forward).take(KEYS_AT_ONCE) {
        batch.delete(Table::Index, pair?.0);
        is_empty = false;
    }
    Ok((!is_empty).then_some(batch))
}

struct Step {
    batch: Batch,
    versions: usize,
    /// Where the next step begins.
    next: Option<Vec<u8>>,
}

/// Some of the versions from the beginning of a range.
fn step(kv: &dyn Kv, range: KeyRange, indexing: Indexing<'_>) -> Result<Step, StoreError> {
    let view = kv.view();
    let reader = Reader(&*view);
    let mut step = Step { batch: Batch::default(), versions: 0, next: None };
    let mut bytes = 0;
    for record in reader.records::<VersionRecord>(Table::Versions, range, Direction::Forward) {
        let (key, record) = record?;
        if bytes >= BATCH_BYTES {
            step.next = Some(key);
            break;
        }
        let body = record.body.as_deref().unwrap_or_default();
        bytes += body.len() + 1_000;
        step.versions += 1;
        let (Some((owner, _)), Some(version)) = (split_owner(&key), number_at_end(&key)) else {
            return Err(senseless(Table::Versions, &key));
        };
        let entries = match record.body {
            Some(_) => (indexing.entries_of)(owner.resource_type, body).ok_or_else(|| senseless(Table::Versions, &key))?,
            None => Vec::new(),
        };
        let Some(current) = reader.current(&owner)? else { return Err(senseless(Table::Versions, &key)) };
        if current.version.0 == version {
            let keys: BTreeSet<_> = entries.iter().flat_map(|entry| index_keys(&owner, entry)).collect();
            keys.into_iter().for_each(|key| put(&mut step.batch, Table::Index, key, &()));
            let current = CurrentRecord { entries: entries.clone(), ..current };
            put(&mut step.batch, Table::Current, current_key(&owner), &current);
        }
        put(&mut step.batch, Table::Versions, key, &VersionRecord { entries, ..record });
    }
    Ok(step)
}

fn put(batch: &mut Batch, table: Table, key: Vec<u8>, record: &impl Record) {
    let sealed = seal(table, &key, record.encode());
    batch.put(table, key, sealed);
}
