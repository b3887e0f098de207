//! Where the index says what meets a condition: ranges of its keys, each with whether a key in it
//! is proof enough.

use std::ops::ControlFlow;

use super::encoding::{
    IndexKind, IndexPrefix, composite, index_keys, is_whole, key_in_index, texts_in_index,
};
use super::kv::{Direction, KeyRange, Table, after_prefix};
use super::reading::Reader;
use super::record::senseless;
use super::{Position, StoreError};
use crate::fhir::{ResourceKey, ResourceType};
use crate::search::matching::uris_above;
use crate::search::{Clause, IndexEntry, IndexValue, Prefix, Test, fold};

/// For so many values of a condition the index is asked about one resource; for more, keys are read
/// in order.
const VALUES_MAX: usize = 8;

/// Index keys to look through.
pub(super) struct Span {
    keys: KeyRange,
    /// A resource that a key of this span names meets the condition. Otherwise it may, and must be
    /// looked at.
    is_sure: bool,
    filter: Filter,
}

/// Which keys of a span count.
enum Filter {
    Every,
    /// Texts that have this in them.
    Containing(String),
    /// Codes of this system.
    OfSystem(String),
}

impl Filter {
    /// Whether a key counts, and whether that is sure: a text that was cut says nothing for
    /// certain.
    fn judge(&self, key: &[u8]) -> Option<bool> {
        if matches!(self, Filter::Every) {
            return Some(true);
        }
        match (self, texts_in_index(key).as_slice()) {
            (Filter::Containing(part), [text, ..]) if is_whole(text) => {
                text.contains(part.as_str()).then_some(true)
            }
            (Filter::OfSystem(wanted), [_, system]) if is_whole(system) => {
                (wanted == system).then_some(true)
            }
            (Filter::Every | Filter::Containing(_) | Filter::OfSystem(_), _) => Some(false),
        }
    }
}

impl Span {
    fn new(keys: KeyRange, is_sure: bool) -> Self {
        Span {
            keys,
            is_sure,
            filter: Filter::Every,
        }
    }

    fn prefix(start: &[u8], is_sure: bool) -> Self {
        Span::new(KeyRange::prefix(start), is_sure)
    }
}

/// A part of a type's log.
struct LogSpan {
    from: Position,
    until: Option<Position>,
    /// What changed in it meets the condition, unless it was deleted.
    is_sure: bool,
}

/// The resources that may meet a condition, found step by step.
pub(super) struct Probe<'a> {
    keys: Box<dyn Iterator<Item = Result<(ResourceKey, bool), StoreError>> + 'a>,
    /// Those found so far, with whether they are sure to meet it.
    found: Vec<(ResourceKey, bool)>,
    /// How many index keys were read.
    pub(super) read: usize,
    pub(super) is_at_end: bool,
}

impl<'a> Probe<'a> {
    fn new(keys: impl Iterator<Item = Result<(ResourceKey, bool), StoreError>> + 'a) -> Self {
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

    /// What was found, by key, each once; sure if one of its keys is.
    pub(super) fn into_found(self) -> Vec<(ResourceKey, bool)> {
        let mut found = self.found;
        found.sort_unstable_by(|left, right| left.0.cmp(&right.0).then(right.1.cmp(&left.1)));
        found.dedup_by(|later, first| later.0 == first.0);
        found
    }
}

impl<'a> Reader<'a> {
    /// Where to look for what meets a clause; for a negated one, for what does not. None if no
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
                        .map(|start| Span::prefix(start, true))
                        .collect(),
                )
            }
        }))
    }

    /// The resources that index keys of these spans name.
    fn indexed(self, spans: Vec<Span>) -> Probe<'a> {
        Probe::new(spans.into_iter().flat_map(
            move |Span {
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

    /// Index entries of which a resource has one exactly if it has what the clause names; none if
    /// keys cannot say so, or if they would be many.
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
                    let systems = match system {
                        Some(system) => vec![system.clone()],
                        None => self.systems_of(
                            &IndexPrefix {
                                resource_type,
                                parameter: code,
                            },
                            wanted,
                        )?,
                    };
                    values.extend(systems.into_iter().map(|system| IndexValue::Token {
                        system,
                        code: wanted.clone(),
                    }));
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

    /// The systems in which there is such a code; one more than [`VALUES_MAX`] at most.
    fn systems_of(self, prefix: &IndexPrefix<'_>, code: &str) -> Result<Vec<String>, StoreError> {
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

    /// True if the index has one of these entries for the resource.
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

    /// The part of the type's log in which instants that pass the test can stand: instants go up
    /// with positions.
    fn log_span(
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

    /// The position of the type's first change at or after that instant, if there is one.
    fn first_change_at(
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

/// Index keys among which all entries that pass the test stand, and perhaps others.
fn spans(prefix: &IndexPrefix<'_>, test: &Test) -> Vec<Span> {
    let text = |kind: IndexKind, text: &str| Span::prefix(&prefix.text(kind, text), is_whole(text));
    let loose = |start: Vec<u8>| vec![Span::prefix(&start, false)];
    match test {
        Test::Token {
            system,
            code: Some(code),
        } => {
            let is_sure = is_whole(code) && system.as_deref().is_none_or(is_whole);
            vec![Span::prefix(
                &prefix.token(system.as_deref(), code),
                is_sure,
            )]
        }
        Test::Token { system, code: None } => {
            let filter = system
                .as_ref()
                .map_or(Filter::Every, |system| Filter::OfSystem(system.clone()));
            vec![Span {
                filter,
                ..Span::prefix(&prefix.kind(IndexKind::Token), true)
            }]
        }
        Test::Reference(target) => vec![text(IndexKind::Reference, target)],
        Test::ReferenceIn(targets) => targets
            .iter()
            .map(|target| text(IndexKind::Reference, target))
            .collect(),
        Test::Uri(address) => vec![text(IndexKind::Uri, address)],
        Test::UriBelow(address) => loose(prefix.text_start(IndexKind::Uri, address)),
        Test::UriAbove(address) => uris_above(address)
            .into_iter()
            .map(|above| Span::prefix(&prefix.text(IndexKind::Uri, above), false))
            .collect(),
        Test::StartsWith(start) => vec![Span::prefix(
            &prefix.text_start(IndexKind::Text, start),
            is_whole(start),
        )],
        Test::Exactly(text) => loose(prefix.text(IndexKind::Text, &fold(text))),
        Test::Contains(part) => {
            vec![Span {
                filter: Filter::Containing(part.clone()),
                ..Span::prefix(&prefix.kind(IndexKind::Text), true)
            }]
        }
        Test::Date {
            prefix: comparison,
            from_us,
            until_us,
        } => {
            let kinds = (
                IndexKind::DateFrom,
                IndexKind::DateUntil,
                IndexKind::DateBackward,
            );
            let key = |kind, at| prefix.instant(kind, at);
            spans_of_ends(
                prefix,
                kinds,
                ends(*comparison, *from_us, *until_us),
                key,
                true,
            )
        }
        Test::Quantity {
            prefix: comparison,
            from,
            until,
            system,
            code,
        } => {
            let kinds = (
                IndexKind::QuantityFrom,
                IndexKind::QuantityUntil,
                IndexKind::QuantityBackward,
            );
            let key = |kind, at| prefix.amount(kind, at);
            // The unit does not stand in the key.
            spans_of_ends(
                prefix,
                kinds,
                ends(*comparison, *from, *until),
                key,
                system.is_none() && code.is_none(),
            )
        }
        Test::Composite(tests) => {
            let parameter = composite(prefix.parameter);
            let prefix = IndexPrefix {
                resource_type: prefix.resource_type,
                parameter: &parameter,
            };
            let first = tests
                .first()
                .map(|first| spans(&prefix, first))
                .unwrap_or_default();
            // The others do not stand in the key.
            first
                .into_iter()
                .map(|span| Span {
                    is_sure: false,
                    ..span
                })
                .collect()
        }
    }
}

fn spans_of_ends<T: Line>(
    prefix: &IndexPrefix<'_>,
    (from_kind, until_kind, backward_kind): (IndexKind, IndexKind, IndexKind),
    ends: Vec<EndRange<T>>,
    key: impl Fn(IndexKind, T) -> Vec<u8>,
    can_be_sure: bool,
) -> Vec<Span> {
    let of_end = |range: EndRange<T>| {
        let kind = if range.end == End::From {
            from_kind
        } else {
            until_kind
        };
        Span::new(
            KeyRange::prefixes(&key(kind, range.first), &key(kind, range.last)),
            range.is_sure && can_be_sure,
        )
    };
    // What ends before it starts has no ends to look for.
    ends.into_iter()
        .map(of_end)
        .chain([Span::prefix(&prefix.kind(backward_kind), false)])
        .collect()
}

/// The end of a span of time or numbers by which it is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    From,
    Until,
}

/// Spans whose one end lies from `first` to `last`, both included.
struct EndRange<T> {
    end: End,
    first: T,
    last: T,
    /// Whether they pass the test; otherwise they may.
    is_sure: bool,
}

/// Where ends lie.
trait Line: Ord + Copy {
    const MIN: Self;
    const MAX: Self;
    fn before(self) -> Option<Self>;
    fn after(self) -> Option<Self>;
}

impl Line for i64 {
    const MIN: Self = i64::MIN;
    const MAX: Self = i64::MAX;
    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }
    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Line for i128 {
    const MIN: Self = i128::MIN;
    const MAX: Self = i128::MAX;
    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }
    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// The table of prefixes (<https://hl7.org/fhir/R4/search.html#prefix>), by one end of the spans that pass, of those that do not end before
/// they start.
fn ends<T: Line>(comparison: Prefix, from: T, until: T) -> Vec<EndRange<T>> {
    let range = |end, first, last, is_sure| EndRange {
        end,
        first,
        last,
        is_sure,
    };
    let above = until
        .after()
        .map(|first| range(End::Until, first, T::MAX, true));
    let below = from
        .before()
        .map(|last| range(End::From, T::MIN, last, true));
    match comparison {
        Prefix::Eq => vec![range(End::From, from, until, false)],
        Prefix::Ne => vec![range(End::From, T::MIN, T::MAX, false)],
        Prefix::Gt => above.into_iter().collect(),
        Prefix::Lt => below.into_iter().collect(),
        // Beyond the value asked for, or within it.
        Prefix::Ge => above
            .into_iter()
            .chain([range(End::Until, from, until, false)])
            .collect(),
        Prefix::Le => below
            .into_iter()
            .chain([range(End::From, from, until, false)])
            .collect(),
        Prefix::Sa => vec![range(End::From, until, T::MAX, true)],
        Prefix::Eb => vec![range(End::Until, T::MIN, from, true)],
        Prefix::Ap => vec![range(End::Until, from, T::MAX, false)],
    }
}
