//! The seam between the store and its engines: ordered tables of bytes, and one way to change them.
//!
//! An engine knows nothing of resources, and nothing here decides what is stored.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::iter::Peekable;
use std::path::PathBuf;

use crate::storage::StoreError;

/// A table of ordered keys. The number is its prefix in an engine with a single table: never change
/// or reuse one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub(super) enum Table {
    /// The last position and instant, what the index was made by, and bookmarks.
    Meta = 1,
    /// Type and id: the last version and what it is found by.
    Current = 2,
    /// Type, id and version: everything about that version. Written once, never changed.
    Versions = 3,
    /// Type, parameter, value and id.
    Index = 4,
    /// Position: the change.
    Log = 5,
    /// Type and position: the change.
    TypeLog = 6,
    /// Name: the position at which it was last touched.
    Guards = 7,
    /// Owner to day, and day to owner.
    Timers = 8,
    /// A subscription, and each of its events by number.
    Events = 9,
}

impl Table {
    /// Every table.
    pub(super) const ALL: [Table; 9] = [
        Table::Meta,
        Table::Current,
        Table::Versions,
        Table::Index,
        Table::Log,
        Table::TypeLog,
        Table::Guards,
        Table::Timers,
        Table::Events,
    ];

    /// Returns the table's name in an engine that has names.
    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Meta => "meta",
            Table::Current => "current",
            Table::Versions => "versions",
            Table::Index => "index",
            Table::Log => "log",
            Table::TypeLog => "type-log",
            Table::Guards => "guards",
            Table::Timers => "timers",
            Table::Events => "events",
        }
    }
}

/// The keys from `start` up to, but not including, `end`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct KeyRange {
    pub(super) start: Vec<u8>,
    /// None: to the end of the table.
    pub(super) end: Option<Vec<u8>>,
}

impl KeyRange {
    /// Makes the range of all keys of the table.
    pub(super) fn all() -> Self {
        KeyRange {
            start: Vec::new(),
            end: None,
        }
    }

    /// Makes the range of all keys that begin so.
    pub(super) fn prefix(prefix: &[u8]) -> Self {
        KeyRange {
            start: prefix.to_vec(),
            end: after_prefix(prefix),
        }
    }

    /// Makes the range of all keys that begin with something from `first` to `last`, both included.
    pub(super) fn prefixes(first: &[u8], last: &[u8]) -> Self {
        KeyRange {
            start: first.to_vec(),
            end: after_prefix(last),
        }
    }

    fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

/// Returns the first key after all keys that begin with `prefix`; none if there is no such key.
pub(super) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut after = prefix[..=kept].to_vec();
    after[kept] += 1;
    Some(after)
}

/// A direction: from the smallest key or from the greatest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    /// Smallest first.
    Forward,
    /// Greatest first.
    Backward,
}

/// A key and its value.
pub(super) type KeyValue = (Vec<u8>, Vec<u8>);

/// The pairs of a range.
pub(super) type KeyValues<'a> = Box<dyn Iterator<Item = Result<KeyValue, StoreError>> + 'a>;

/// A view to read from. Each `get` and each step of a range sees a batch whole or not at all; two
/// of them may see different batches.
pub(super) trait KvRead {
    /// Reads the value of a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Returns the pairs of a range.
    fn range(&self, table: Table, range: KeyRange, direction: Direction) -> KeyValues<'_>;
}

/// An engine.
pub(super) trait Kv: Send + Sync {
    /// Opens a view of the newest state. Every batch that was applied before is in it.
    fn view(&self) -> Box<dyn KvRead + '_>;

    /// Makes all of the batch visible at once and durable: it is synced when this returns. Called
    /// by one thread only.
    fn apply(&self, batch: Batch) -> Result<(), StoreError>;

    /// Returns an error if the engine gave up in the background, so that a call to `apply` may
    /// never return.
    fn health(&self) -> Result<(), StoreError>;

    /// Returns the folder or file in which a table is, where it has one.
    fn place(&self, _table: Table) -> Option<PathBuf> {
        None
    }

    /// Tells whether all that is read in a view is of one state.
    fn has_snapshots(&self) -> bool {
        false
    }

    /// Puts a table in order, and gives back the room of what is gone.
    fn compact(&self, _table: Table) -> Result<(), StoreError> {
        Ok(())
    }

    /// Returns about how many records there are, where that is known without counting; else 0.
    fn records_about(&self) -> u64 {
        0
    }
}

/// A batch of changes to make together: the last word on each key.
#[derive(Clone, Default, Debug)]
pub(super) struct Batch {
    changes: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
}

impl Batch {
    /// Sets a key.
    pub(super) fn put(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert((table, key), Some(value));
    }

    /// Removes a key.
    pub(super) fn delete(&mut self, table: Table, key: Vec<u8>) {
        self.changes.insert((table, key), None);
    }

    /// Returns each change, by table and key; none removes the key.
    pub(super) fn into_changes(self) -> impl Iterator<Item = (Table, Vec<u8>, Option<Vec<u8>>)> {
        self.changes
            .into_iter()
            .map(|((table, key), value)| (table, key, value))
    }
}

/// A view with a batch laid over it, as if it were applied.
pub(super) struct Overlay<'a> {
    pub(super) below: &'a dyn KvRead,
    pub(super) above: &'a Batch,
}

impl KvRead for Overlay<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.above.changes.get(&(table, key.to_vec())) {
            Some(value) => Ok(value.clone()),
            None => self.below.get(table, key),
        }
    }

    fn range(&self, table: Table, range: KeyRange, direction: Direction) -> KeyValues<'_> {
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        let start = (table, range.start.clone());
        let above = match &range.end {
            Some(end) => self.above.changes.range(start..(table, end.clone())),
            None => self.above.changes.range(start..),
        };
        let above = ChangedKeys {
            changes: above,
            table,
            direction,
        }
        .peekable();
        Box::new(Merged {
            above,
            below: self.below.range(table, range, direction).peekable(),
            direction,
        })
    }
}

/// The changes of one table within a range.
struct ChangedKeys<'a> {
    changes: btree_map::Range<'a, (Table, Vec<u8>), Option<Vec<u8>>>,
    table: Table,
    direction: Direction,
}

impl<'a> Iterator for ChangedKeys<'a> {
    type Item = (&'a Vec<u8>, &'a Option<Vec<u8>>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let ((table, key), value) = match self.direction {
                Direction::Forward => self.changes.next()?,
                Direction::Backward => self.changes.next_back()?,
            };
            // A range without an end reaches into the tables that follow.
            if *table == self.table {
                return Some((key, value));
            }
        }
    }
}

struct Merged<'a> {
    above: Peekable<ChangedKeys<'a>>,
    below: Peekable<KeyValues<'a>>,
    direction: Direction,
}

impl Iterator for Merged<'_> {
    type Item = Result<KeyValue, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.above.peek(), self.below.peek()) {
                (None, _) | (_, Some(Err(_))) => return self.below.next(),
                (Some(_), None) => std::cmp::Ordering::Less,
                (Some((above, _)), Some(Ok((below, _)))) => match self.direction {
                    Direction::Forward => (*above).cmp(below),
                    Direction::Backward => below.cmp(above),
                },
            };
            if order.is_gt() {
                return self.below.next();
            }
            if order.is_eq() {
                self.below.next();
            }
            if let Some((key, Some(value))) = self.above.next() {
                return Some(Ok((key.clone(), value.clone())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<(Vec<u8>, Vec<u8>)>);

    impl KvRead for Fixed {
        fn get(&self, _: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self
                .0
                .iter()
                .find(|(have, _)| have == key)
                .map(|(_, value)| value.clone()))
        }

        fn range(&self, _: Table, range: KeyRange, direction: Direction) -> KeyValues<'_> {
            let within = |key: &[u8]| {
                key >= range.start.as_slice() && range.end.as_deref().is_none_or(|end| key < end)
            };
            let mut pairs: Vec<_> = self
                .0
                .iter()
                .filter(|(key, _)| within(key))
                .cloned()
                .map(Ok)
                .collect();
            if direction == Direction::Backward {
                pairs.reverse();
            }
            Box::new(pairs.into_iter())
        }
    }

    #[test]
    fn an_overlay_reads_as_if_the_batch_were_applied() {
        let pair = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
        let below = Fixed(vec![
            pair("a", "1"),
            pair("c", "2"),
            pair("e", "3"),
            pair("g", "4"),
        ]);
        let mut above = Batch::default();
        above.put(Table::Log, b"b".to_vec(), b"new".to_vec());
        above.put(Table::Log, b"c".to_vec(), b"changed".to_vec());
        above.delete(Table::Log, b"e".to_vec());
        above.put(Table::Log, b"h".to_vec(), b"last".to_vec());
        above.put(Table::Guards, b"d".to_vec(), b"elsewhere".to_vec());
        let view = Overlay {
            below: &below,
            above: &above,
        };
        let expected = [
            pair("a", "1"),
            pair("b", "new"),
            pair("c", "changed"),
            pair("g", "4"),
            pair("h", "last"),
        ];
        let read = |range, direction| {
            view.range(Table::Log, range, direction)
                .collect::<Result<Vec<_>, _>>()
                .expect("no error below")
        };
        assert_eq!(read(KeyRange::all(), Direction::Forward), expected);
        assert_eq!(
            read(KeyRange::all(), Direction::Backward),
            expected.iter().rev().cloned().collect::<Vec<_>>()
        );
        assert_eq!(
            read(KeyRange::prefixes(b"b", b"e"), Direction::Forward),
            expected[1..3]
        );
        assert_eq!(view.get(Table::Log, b"e"), Ok(None));
        assert_eq!(view.get(Table::Log, b"g"), Ok(Some(b"4".to_vec())));
    }

    #[test]
    fn after_prefix_is_the_first_key_that_does_not_begin_so() {
        for (prefix, expected) in [
            (&b"a"[..], Some(&b"b"[..])),
            (b"a\xff", Some(b"b")),
            (b"\xff", None),
            (b"", None),
        ] {
            assert_eq!(after_prefix(prefix).as_deref(), expected);
        }
    }
}
