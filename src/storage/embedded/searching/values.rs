//! The values of a parameter, each once: the index is stepped over from value to value, so that the
//! work is in proportion to the values and not to the resources that have them.

use std::collections::BTreeSet;

use super::super::codec::EntryFilter;
use super::super::index_keys::{
    IndexPrefix, index_keys, key_in_index, stands_alone, value_in_index,
};
use super::super::kv::{Direction, KeyRange, Table, after_prefix};
use super::super::reading::ViewReader;
use super::super::seal::senseless;
use crate::fhir::{ResourceKey, ResourceType};
use crate::search::{IndexEntry, IndexValue};
use crate::storage::{Position, StoreError};

impl ViewReader<'_> {
    /// Collects the values as [`Resources::values`](crate::storage::Resources) has them, in the
    /// state after `position`.
    pub(in crate::storage::embedded) fn values(
        self,
        resource_type: ResourceType,
        parameter: &str,
        most: usize,
        position: Position,
    ) -> Result<Option<BTreeSet<IndexValue>>, StoreError> {
        let [own, _, composite] = IndexPrefix {
            resource_type,
            parameter,
        }
        .all();
        let mut values = BTreeSet::new();
        for start in [own, composite] {
            self.step_over(
                parameter,
                KeyRange::prefix(&start),
                most,
                position,
                &mut values,
            )?;
        }
        // Whatever the index lost since that state is in the log, which is read after the index.
        for change in self.type_changes(
            resource_type,
            Position(position.0.saturating_add(1)),
            None,
            Direction::Forward,
        ) {
            values.extend(
                self.entries_of(&change?.0.key, parameter, position)?
                    .into_iter()
                    .map(|entry| entry.value),
            );
        }
        Ok((values.len() <= most).then_some(values))
    }

    /// Adds the values of a range of the index, until they are more than `most`.
    fn step_over(
        self,
        parameter: &str,
        mut rest: KeyRange,
        most: usize,
        position: Position,
        values: &mut BTreeSet<IndexValue>,
    ) -> Result<(), StoreError> {
        while values.len() <= most {
            let next = self
                .records::<()>(Table::Index, rest.clone(), Direction::Forward)
                .next()
                .transpose()?;
            let Some((first, ())) = next else { break };
            let value = value_in_index(&first).ok_or_else(|| senseless(Table::Index, &first))?;
            for entry in
                self.records::<()>(Table::Index, KeyRange::prefix(value), Direction::Forward)
            {
                let (at, ()) = entry?;
                let key = key_in_index(&at).ok_or_else(|| senseless(Table::Index, &at))?;
                let entries = self.entries_of(&key, parameter, position)?;
                // One resource is enough, if it has this value still and no other value has the
                // same key.
                let is_told = entries.iter().any(|entry| {
                    stands_alone(&entry.value) && index_keys(&key, entry).contains(&at)
                });
                values.extend(entries.into_iter().map(|entry| entry.value));
                if is_told || values.len() > most {
                    break;
                }
            }
            match after_prefix(value) {
                Some(after) => rest.start = after,
                None => break,
            }
        }
        Ok(())
    }

    /// Reads the entries of a resource under that parameter; none if it does not exist.
    fn entries_of(
        self,
        key: &ResourceKey,
        parameter: &str,
        position: Position,
    ) -> Result<Vec<IndexEntry>, StoreError> {
        let found = self
            .judged_in_part(
                key,
                position,
                EntryFilter::Parameters(&|wanted| wanted == parameter),
            )?
            .filter(|(_, current)| !current.deleted);
        let entries = found
            .map(|(_, current)| current.entries)
            .unwrap_or_default();
        Ok(entries
            .into_iter()
            .filter(|entry| entry.parameter == parameter)
            .collect())
    }
}
