//! Reading everything again and again, a little at a time: damage is met before somebody needs what is
//! damaged.

use super::kv::{Direction, KeyRange, KvRead, Table};
use super::seal::unseal;
use crate::storage::{ScrubPlace, StoreError};

/// The number of records of a step.
const RECORDS_PER_STEP: u64 = 1_000;

/// Reads some records and tests their checksums; what is damaged is told to `meet`. Returns where to
/// go on, none at the end, and how many records were read.
pub(super) fn step(
    view: &dyn KvRead,
    from: Option<ScrubPlace>,
    meet: &mut dyn FnMut(StoreError) -> Result<(), StoreError>,
) -> Result<(Option<ScrubPlace>, u64), StoreError> {
    let mut place = from.unwrap_or(ScrubPlace {
        table: 0,
        after: Vec::new(),
    });
    let mut read = 0;
    while let Some(table) = Table::ALL.get(place.table) {
        let mut range = KeyRange::all();
        range.start.clone_from(&place.after);
        if !range.start.is_empty() {
            // The first key after it.
            range.start.push(0);
        }
        for pair in view.range(*table, range, Direction::Forward) {
            read += 1;
            match pair {
                Ok((key, sealed)) => {
                    place.after.clone_from(&key);
                    if let Err(error) = unseal(*table, &key, sealed) {
                        meet(error)?;
                    }
                }
                Err(error) => meet(error)?,
            }
            if read >= RECORDS_PER_STEP {
                return Ok((Some(place), read));
            }
        }
        place.table += 1;
        place.after.clear();
    }
    Ok((None, read))
}
