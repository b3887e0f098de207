//! Probes into the index: ranges of its keys, each with whether a key in it is proof enough.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::super::index_keys::{IndexPrefix, index_keys, is_whole, key_in_index, texts_in_index};
use super::super::kv::{Direction, KeyRange, Table, after_prefix};
use super::super::reading::ViewReader;
use super::super::seal::senseless;
use super::spans::{KeySpan, anchors, spans};
use crate::fhir::{ResourceKey, ResourceType};
use crate::search::{Clause, IndexEntry, IndexValue, Prefix, Test, other_spellings};
use crate::storage::{Position, StoreError};

/// The most values of a condition for which the index is asked about one resource; for more, keys
/// are read in order.
pub(super) const VALUES_MAX: usize = 8;

/// A part of a type's log.
pub(super) struct LogSpan {
    from: Position,
    until: Option<Position>,
    /// True if a resource that changed in it meets the condition, unless it was deleted.
    is_sure: bool,
}

/// The resources that may meet a condition, found step by step.
pub(super) struct Probe<'a> {
    keys: Box<dyn Iterator<Item = Result<(ResourceKey, bool), StoreError>> + 'a>,
    /// The resources found so far; true if one is sure to meet the condition.
    found: Vec<(ResourceKey, bool)>,
    /// The number of index keys that were read.
    pub(super) read: usize,
    pub(super) is_at_end: bool,
}

impl<'a> Probe<'a> {
    pub(super) fn new(
        keys: impl Iterator<Item = Result<(ResourceKey, bool), StoreError>> + 'a,
    ) -> Self {
        Probe {
            keys: Box::new(keys),
            found: Vec::new(),
            read: 0,
            is_at_end: false,
        }
    }

    /// Reads one more key; breaks at the end.
    pub(super) fn step(&mut self) -> Result<ControlFlow<()>, StoreError> {
        match self.keys.next().transpose()? {
            Some(found) => {
                self.read += 1;
                self.found.push(found);
                Ok(ControlFlow::Continue(()))
            }
            None => {
                self.is_at_end = true;
                Ok(ControlFlow::Break(()))
            }
        }
    }

    /// Reads up to so many keys.
    pub(super) fn go_on(&mut self, keys: usize) -> Result<(), StoreError> {
        for _ in 0..keys {
            if self.is_at_end || self.step()?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Reads until so many resources are sure to meet the condition; none if they are fewer.
    pub(super) fn sure(
        &mut self,
        enough: usize,
    ) -> Result<Option<BTreeSet<ResourceKey>>, StoreError> {
        let mut sure = BTreeSet::new();
        while sure.len() < enough {
            if self.step()?.is_break() {
                return Ok(None);
            }
            if let Some((key, true)) = self.found.last() {
                sure.insert(key.clone());
            }
        }
        Ok(Some(sure))
    }

    /// Returns what was found, by key, each once; sure if one of its keys is.
    pub(super) fn into_found(self) -> Vec<(ResourceKey, bool)> {
        let mut found = self.found;
        found.sort_unstable_by(|left, right| left.0.cmp(&right.0).then(right.1.cmp(&left.1)));
        found.dedup_by(|later, first| later.0 == first.0);
        found
    }
}

impl<'a> ViewReader<'a> {
    /// Begins a probe for what meets a clause; for a negated one, for what does not. None if no
    /// index tells.
    pub(super) fn probe(
        self,
        resource_type: ResourceType,
        clause: &Clause,
    ) -> Result<Option<Probe<'a>>, StoreError> {
        Ok(Some(match clause {
            // Named ones are candidates themselves; what leads to others was settled before.
            Clause::Ids(_) | Clause::Keys(_) | Clause::Chain { .. } | Clause::Has { .. } => {
                return Ok(None);
            }
            Clause::LastUpdated(any_of) => {
                let mut spans = Vec::new();
                for test in any_of {
                    spans.extend(self.log_span(resource_type, test)?);
                }
                Probe::new(spans.into_iter().flat_map(
                    move |LogSpan {
                              from,
                              until,
                              is_sure,
                          }| {
                        let changes =
                            self.type_changes(resource_type, from, until, Direction::Forward);
                        changes.map(move |change| Ok((change?.0.key, is_sure)))
                    },
                ))
            }
            Clause::Parameter { code, any_of } | Clause::Not { code, any_of } => {
                let prefix = IndexPrefix {
                    resource_type,
                    parameter: code,
                };
                self.indexed(
                    any_of
                        .iter()
                        .flat_map(|test| spans(&prefix, test))
                        .collect(),
                )
            }
            Clause::Missing { code, .. } => {
                let prefix = IndexPrefix {
                    resource_type,
                    parameter: code,
                };
                self.indexed(
                    prefix
                        .all()
                        .iter()
                        .map(|start| KeySpan::prefix(start, true))
                        .collect(),
                )
            }
        }))
    }

    /// Begins a probe for the resources that index keys of these spans name.
    pub(super) fn indexed(self, spans: Vec<KeySpan>) -> Probe<'a> {
        Probe::new(spans.into_iter().flat_map(
            move |KeySpan {
                      keys,
                      is_sure,
                      filter,
                  }| {
                let keys = self.records::<()>(Table::Index, keys, Direction::Forward);
                keys.filter_map(move |entry| {
                    let key = match entry {
                        Ok((key, ())) => key,
                        Err(error) => return Some(Err(error)),
                    };
                    let is_judged = filter.judge(&key)?;
                    let named = key_in_index(&key).ok_or_else(|| senseless(Table::Index, &key));
                    Some(named.map(|named| (named, is_sure && is_judged)))
                })
            },
        ))
    }

    /// Returns index entries such that a resource meets the clause exactly if it has one of them;
    /// none if keys cannot say so, or if they would be many.
    pub(super) fn decisive_entries(
        self,
        resource_type: ResourceType,
        clause: &Clause,
    ) -> Result<Option<Vec<IndexEntry>>, StoreError> {
        let (Clause::Parameter { code, any_of } | Clause::Not { code, any_of }) = clause else {
            return Ok(None);
        };
        let mut values = Vec::new();
        for test in any_of {
            match test {
                Test::Token {
                    system,
                    code: Some(wanted),
                } if is_whole(wanted) => {
                    let prefix = IndexPrefix {
                        resource_type,
                        parameter: code,
                    };
                    let codings = match system {
                        Some(system) => vec![(system.clone(), wanted.clone())],
                        None => self.codings_of(&prefix, wanted)?,
                    };
                    let tokens = codings.into_iter();
                    values.extend(tokens.map(|(system, code)| IndexValue::Token { system, code }));
                }
                Test::Reference(target) => values.push(IndexValue::Reference(target.clone())),
                Test::ReferenceIn(targets) => values.extend(
                    targets
                        .iter()
                        .take(VALUES_MAX + 1)
                        .cloned()
                        .map(IndexValue::Reference),
                ),
                Test::Uri(address) => values.push(IndexValue::Uri(address.clone())),
                Test::Contained(_) => {
                    let prefix = IndexPrefix {
                        resource_type,
                        parameter: code,
                    };
                    let anchors = anchors(&prefix).keys;
                    let mut found = self.0.range(Table::Index, anchors, Direction::Forward);
                    if found.next().transpose()?.is_some() {
                        return Ok(None);
                    }
                }
                _ => return Ok(None),
            }
        }
        let stands_whole = |value: &IndexValue| match value {
            IndexValue::Token { system: text, .. }
            | IndexValue::Reference(text)
            | IndexValue::Uri(text) => is_whole(text),
            _ => false,
        };
        let can_decide = values.len() <= VALUES_MAX && values.iter().all(stands_whole);
        Ok(can_decide.then(|| {
            values
                .into_iter()
                .map(|value| IndexEntry::new(code, value))
                .collect()
        }))
    }

    /// Collects the codings in the index that a code without a system stands for.
    fn codings_of(
        self,
        prefix: &IndexPrefix<'_>,
        code: &str,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let mut codings: Vec<_> = self
            .systems_of(prefix, code)?
            .into_iter()
            .map(|system| (system, code.to_owned()))
            .collect();
        for (system, spelling) in other_spellings(code) {
            let keys = KeyRange::prefix(&prefix.token(Some(system), &spelling));
            let mut found = self.0.range(Table::Index, keys, Direction::Forward);
            if found.next().transpose()?.is_some() {
                codings.push((system.to_owned(), spelling));
            }
        }
        Ok(codings)
    }

    /// Collects the systems in which there is such a code; one more than [`VALUES_MAX`] at most.
    pub(super) fn systems_of(
        self,
        prefix: &IndexPrefix<'_>,
        code: &str,
    ) -> Result<Vec<String>, StoreError> {
        let mut rest = KeyRange::prefix(&prefix.token(None, code));
        let mut systems = Vec::new();
        while systems.len() <= VALUES_MAX {
            let Some(first) = self
                .0
                .range(Table::Index, rest.clone(), Direction::Forward)
                .next()
                .transpose()?
            else {
                break;
            };
            let Some(system) = texts_in_index(&first.0).pop() else {
                return Err(senseless(Table::Index, &first.0));
            };
            let Some(start) = after_prefix(&prefix.token(Some(&system), code))
                .filter(|start| is_whole(&system) && *start > first.0)
            else {
                // It was cut, and does not tell where the next one begins.
                systems.push(system);
                break;
            };
            rest.start = start;
            systems.push(system);
        }
        Ok(systems)
    }

    /// Tells whether the index has one of these entries for the resource.
    pub(super) fn has_entry(
        self,
        key: &ResourceKey,
        entries: &[IndexEntry],
    ) -> Result<bool, StoreError> {
        for at in entries.iter().flat_map(|entry| index_keys(key, entry)) {
            if self.record::<()>(Table::Index, &at)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the part of the type's log in which instants that pass the test can stand: instants
    /// go up with positions.
    pub(super) fn log_span(
        self,
        resource_type: ResourceType,
        test: &Test,
    ) -> Result<Option<LogSpan>, StoreError> {
        let Test::Date {
            prefix,
            from_us,
            until_us,
        } = test
        else {
            return Ok(None);
        };
        // An instant spans one microsecond, so that it reaches beyond what it ends with.
        let (first_us, last_us) = match prefix {
            Prefix::Eq => (*from_us, *until_us),
            Prefix::Ne => (i64::MIN, i64::MAX),
            Prefix::Gt => (*until_us, i64::MAX),
            Prefix::Ge => (*from_us.min(until_us), i64::MAX),
            Prefix::Lt => (i64::MIN, *from_us),
            Prefix::Le => (i64::MIN, *from_us.max(until_us)),
            Prefix::Sa => (*until_us, i64::MAX),
            Prefix::Eb => (i64::MIN, *from_us),
            Prefix::Ap => (from_us.saturating_sub(1), *until_us),
        };
        let from = self.first_change_at(resource_type, first_us)?;
        let until = self.first_change_at(resource_type, last_us.saturating_add(1))?;
        // What changed before an instant may have changed again after it.
        let is_sure = matches!(prefix, Prefix::Gt | Prefix::Ge | Prefix::Sa) && from_us < until_us;
        Ok(from.map(|from| LogSpan {
            from,
            until,
            is_sure,
        }))
    }

    /// Returns the position of the type's first change at or after that instant, if there is one.
    pub(super) fn first_change_at(
        self,
        resource_type: ResourceType,
        instant_us: i64,
    ) -> Result<Option<Position>, StoreError> {
        let change_from = |position: u64| {
            self.type_changes(resource_type, Position(position), None, Direction::Forward)
                .next()
                .transpose()
        };
        let Some(last) = self
            .type_changes(resource_type, Position(0), None, Direction::Backward)
            .next()
            .transpose()?
        else {
            return Ok(None);
        };
        if last.1.last_updated.as_microsecond() < instant_us {
            return Ok(None);
        }
        // The change sought is at or after `low`, and not after `high`.
        let (mut low, mut high) = (0, last.0.position.0);
        while low < high {
            let middle = low + (high - low) / 2;
            match change_from(middle)? {
                Some((change, logged)) if logged.last_updated.as_microsecond() < instant_us => {
                    low = change.position.0 + 1
                }
                Some(_) | None => high = middle,
            }
        }
        Ok(Some(Position(low)))
    }
}
