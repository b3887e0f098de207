//! Pages of lists that are kept in order: the index alone tells what is in them, how many they are
//! and in which order.

use super::super::index_keys::{key_in_index, list_prefix, place_in_list};
use super::super::kv::{Direction, KeyRange, Table};
use super::super::seal::senseless;
use super::run::{Match, SearchRun};
use crate::search::explanation::keys_text;
use crate::search::{AskedLists, SearchQuery, asked_lists};
use crate::storage::{SearchError, StoreError};

/// Index keys of the resources of some lists, each resource once, in the order of the lists.
pub(super) struct ListedMatches(Vec<ListedKey>);

/// A key, and the number of its bytes that name the list.
type ListedKey = (Vec<u8>, usize);

impl ListedMatches {
    /// Counts the resources.
    pub(super) fn total(&self) -> usize {
        self.0.len()
    }

    /// Returns the resources of a page.
    pub(super) fn page(&self, offset: usize, count: usize) -> Result<Vec<Match>, StoreError> {
        let page = self.0.iter().skip(offset).take(count);
        let named = page.map(|(key, _)| {
            let named = key_in_index(key).ok_or_else(|| senseless(Table::Index, key))?;
            Ok(Match::known(named))
        });
        named.collect()
    }
}

impl SearchRun<'_> {
    /// Finds what a settled query matches, in its order, where lists that are kept in order tell
    /// all of it; none otherwise.
    pub(super) fn listed(&self, query: &SearchQuery) -> Result<Option<ListedMatches>, SearchError> {
        let Some(asked) = asked_lists(query).filter(|asked| (self.is_list_made)(asked.kind)) else {
            return Ok(None);
        };
        for list in &asked.doubtful {
            if self.keys_of_list(&asked, list).next().is_some() {
                return Ok(None);
            }
        }
        let mut keys = Vec::new();
        for list in &asked.lists {
            for key in self.keys_of_list(&asked, list) {
                keys.push(key?);
            }
        }
        let read = keys.len();
        // Those of one list only have to be ordered where they stand at one place.
        keys.sort_by(|left, right| place(left).cmp(&place(right)));
        keys.dedup_by(|later, first| place(later) == place(first));
        // What changed meanwhile may have another place.
        let resource_type = asked.kind.resource_type;
        if !self.changed(resource_type)?.is_empty() {
            return Ok(None);
        }
        self.tell(|| {
            format!(
                "{resource_type}: by the list of {} in the order of {}, {} to the end",
                asked.kind.shared.join(" and "),
                asked.kind.by,
                keys_text(read)
            )
        });
        Ok(Some(ListedMatches(keys)))
    }

    fn keys_of_list<'l>(
        &'l self,
        asked: &AskedLists,
        list: &[String],
    ) -> impl Iterator<Item = Result<ListedKey, StoreError>> + 'l {
        let prefix = list_prefix(asked.kind, list);
        let (range, start) = (KeyRange::prefix(&prefix), prefix.len());
        let keys = self
            .reader
            .records::<()>(Table::Index, range, Direction::Forward);
        keys.map(move |entry| {
            let (key, ()) = entry?;
            match place_in_list(&key, start) {
                Some(_) => Ok((key, start)),
                None => Err(senseless(Table::Index, &key)),
            }
        })
    }
}

/// Returns the place of a key in its list, and the id of its resource.
fn place((key, start): &ListedKey) -> (&[u8], &[u8]) {
    place_in_list(key, *start).unwrap_or_default()
}
