//! The events of subscriptions: numbered by the one writer in the commit that causes them, kept
//! until they are too old.
//!
//! A Subscription that comes to exist again under its id begins a new life: the records count on,
//! and what is told outside is counted from the life's beginning, so that nothing has to be removed
//! at that moment and no event's number is ever given twice.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::keys::{
    cursor_key, event_key, events_prefix, number_at_end, resends_key, stream_key, streams_prefix,
    subscription_in,
};
use super::kv::{Direction, KeyRange, Table};
use super::reading::ViewReader;
use super::seal::senseless;
use super::stream_records::{CursorRecord, EventRecord, ResendsRecord, StreamRecord};
use crate::fhir::{Id, ResourceKey, Version};
use crate::storage::{Event, Forgettable, Position, StoreError, Stream, StreamChange};

impl ViewReader<'_> {
    /// Returns the events of a subscription in figures, as they were after that position.
    pub(super) fn stream(
        self,
        subscription: &Id,
        position: Position,
    ) -> Result<Stream, StoreError> {
        let record = self.stream_record(subscription)?;
        let cursor = self.cursor_record(subscription)?;
        let mut last = record.last;
        // What is not yet acknowledged is passed over.
        while last > record.forgotten
            && self
                .event_record(subscription, last)?
                .is_some_and(|event| event.position > position)
        {
            last -= 1;
        }
        let outside = |number: u64| number.saturating_sub(record.base);
        Ok(Stream {
            life: record.life,
            last: outside(last),
            forgotten: outside(record.forgotten),
            delivered: outside(cursor.delivered),
            sent: outside(cursor.sent.max(cursor.delivered)),
        })
    }

    /// Reads the ranges of events of a subscription that are to be sent again.
    pub(super) fn resends(self, subscription: &Id) -> Result<Vec<RangeInclusive<u64>>, StoreError> {
        let base = self.stream_record(subscription)?.base;
        let ResendsRecord(ranges) = self.resends_record(subscription)?;
        Ok(ranges
            .into_iter()
            .map(|range| range.start().saturating_sub(base)..=range.end().saturating_sub(base))
            .collect())
    }

    /// Returns the instant of the oldest event under this id, as it was after that position.
    pub(super) fn oldest_event(
        self,
        subscription: &Id,
        position: Position,
    ) -> Result<Option<Timestamp>, StoreError> {
        let range = KeyRange::prefix(&events_prefix(Some(subscription)));
        let oldest = self
            .records::<EventRecord>(Table::Events, range, Direction::Forward)
            .next()
            .transpose()?;
        Ok(oldest
            .map(|(_, event)| event)
            .filter(|event| event.position <= position)
            .map(|event| event.instant))
    }

    /// Reads the events of a subscription after one number, as they were after that position.
    pub(super) fn events(
        self,
        subscription: &Id,
        after: u64,
        limit: usize,
        position: Position,
    ) -> Result<Vec<Event>, StoreError> {
        let record = self.stream_record(subscription)?;
        let first = record.base.saturating_add(after).saturating_add(1);
        let mut range = KeyRange::prefix(&events_prefix(Some(subscription)));
        range.start = event_key(subscription, first);
        let mut found = Vec::new();
        for event in self
            .records::<EventRecord>(Table::Events, range, Direction::Forward)
            .take(limit)
        {
            let (key, event) = event?;
            if event.position > position {
                break;
            }
            let number = number_at_end(&key).ok_or_else(|| senseless(Table::Events, &key))?;
            let EventRecord {
                instant,
                focus,
                version,
                ..
            } = event;
            found.push(Event {
                number: number - record.base,
                instant,
                focus,
                version,
            });
        }
        Ok(found)
    }

    /// Reads the ids of all subscriptions that ever began.
    pub(super) fn streams(self) -> Result<Vec<Id>, StoreError> {
        let records = self.records::<StreamRecord>(
            Table::Events,
            KeyRange::prefix(&streams_prefix()),
            Direction::Forward,
        );
        records
            .map(|record| {
                record.and_then(|(key, _)| {
                    subscription_in(&key).ok_or_else(|| senseless(Table::Events, &key))
                })
            })
            .collect()
    }

    pub(super) fn stream_record(self, subscription: &Id) -> Result<StreamRecord, StoreError> {
        Ok(self
            .record(Table::Events, &stream_key(subscription))?
            .unwrap_or_default())
    }

    pub(super) fn cursor_record(self, subscription: &Id) -> Result<CursorRecord, StoreError> {
        Ok(self
            .record(Table::Events, &cursor_key(subscription))?
            .unwrap_or_default())
    }

    pub(super) fn resends_record(self, subscription: &Id) -> Result<ResendsRecord, StoreError> {
        Ok(self
            .record(Table::Events, &resends_key(subscription))?
            .unwrap_or_default())
    }

    pub(super) fn event_record(
        self,
        subscription: &Id,
        number: u64,
    ) -> Result<Option<EventRecord>, StoreError> {
        self.record(Table::Events, &event_key(subscription, number))
    }
}

/// The changes that one commit makes to the events of subscriptions.
#[derive(Default)]
pub(super) struct StreamsAfter {
    pub(super) streams: BTreeMap<Id, StreamRecord>,
    pub(super) cursors: BTreeMap<Id, CursorRecord>,
    pub(super) resends: BTreeMap<Id, ResendsRecord>,
    pub(super) events: Vec<(Id, u64, EventRecord)>,
    pub(super) forgotten: Vec<(Id, u64)>,
}

impl StreamsAfter {
    fn stream(
        &mut self,
        reader: ViewReader<'_>,
        subscription: &Id,
    ) -> Result<&mut StreamRecord, StoreError> {
        if !self.streams.contains_key(subscription) {
            self.streams
                .insert(subscription.clone(), reader.stream_record(subscription)?);
        }
        Ok(self.streams.entry(subscription.clone()).or_default())
    }

    /// Numbers the next event of a subscription.
    pub(super) fn add_event(
        &mut self,
        reader: ViewReader<'_>,
        subscription: Id,
        (focus, version): (ResourceKey, Version),
        (position, instant): (Position, Timestamp),
    ) -> Result<(), StoreError> {
        let stream = self.stream(reader, &subscription)?;
        stream.last += 1;
        let number = stream.last;
        self.events.push((
            subscription,
            number,
            EventRecord {
                position,
                instant,
                focus,
                version,
            },
        ));
        Ok(())
    }

    /// Makes another change.
    pub(super) fn apply(
        &mut self,
        reader: ViewReader<'_>,
        change: StreamChange,
    ) -> Result<(), StoreError> {
        match change {
            StreamChange::Begin(subscription) => self.begin(reader, subscription),
            StreamChange::Cursor {
                subscription,
                life,
                delivered,
                sent,
            } => {
                if let Some(stream) = self.stream_of_life(reader, &subscription, life)? {
                    let delivered = stream.base.saturating_add(delivered).min(stream.last);
                    let sent = stream
                        .base
                        .saturating_add(sent)
                        .clamp(delivered, stream.last);
                    self.cursors
                        .insert(subscription, CursorRecord { delivered, sent });
                }
                Ok(())
            }
            StreamChange::Resends {
                subscription,
                life,
                ranges,
            } => {
                if let Some(stream) = self.stream_of_life(reader, &subscription, life)? {
                    let known = ranges.into_iter().map(|range| {
                        let last = stream.base.saturating_add(*range.end()).min(stream.last);
                        stream.base.saturating_add(*range.start())..=last
                    });
                    let known = known.filter(|range| !range.is_empty()).collect();
                    self.resends.insert(subscription, ResendsRecord(known));
                }
                Ok(())
            }
            StreamChange::Forget {
                subscription,
                before,
                limit,
                which,
            } => {
                let last = match which {
                    Forgettable::All => u64::MAX,
                    Forgettable::Delivered => reader
                        .cursor_record(&subscription)?
                        .delivered
                        .max(self.stream(reader, &subscription)?.base),
                };
                self.forget(reader, subscription, (before, last), limit)
            }
        }
    }

    /// Begins another life of a subscription.
    fn begin(&mut self, reader: ViewReader<'_>, subscription: Id) -> Result<(), StoreError> {
        let stream = self.stream(reader, &subscription)?;
        stream.life += 1;
        stream.base = stream.last;
        let cursor = CursorRecord {
            delivered: stream.base,
            sent: stream.base,
        };
        self.cursors.insert(subscription.clone(), cursor);
        self.resends.insert(subscription, ResendsRecord::default());
        Ok(())
    }

    /// Returns the stream of a subscription if that life is the present one.
    fn stream_of_life(
        &mut self,
        reader: ViewReader<'_>,
        subscription: &Id,
        life: u64,
    ) -> Result<Option<StreamRecord>, StoreError> {
        let stream = *self.stream(reader, subscription)?;
        Ok(Some(stream).filter(|stream| stream.life == life))
    }

    /// Forgets the oldest events: those before an instant and up to a number, and no more than
    /// `limit`.
    fn forget(
        &mut self,
        reader: ViewReader<'_>,
        subscription: Id,
        (before, last): (Timestamp, u64),
        limit: usize,
    ) -> Result<(), StoreError> {
        let range = KeyRange::prefix(&events_prefix(Some(&subscription)));
        let mut forgotten = None;
        for event in reader
            .records::<EventRecord>(Table::Events, range, Direction::Forward)
            .take(limit)
        {
            let (key, event) = event?;
            let number = number_at_end(&key).ok_or_else(|| senseless(Table::Events, &key))?;
            if event.instant >= before || number > last {
                break;
            }
            self.forgotten.push((subscription.clone(), number));
            forgotten = Some(number);
        }
        if let Some(number) = forgotten {
            self.stream(reader, &subscription)?.forgotten = number;
        }
        Ok(())
    }
}
