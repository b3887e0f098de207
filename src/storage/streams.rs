//! The events of subscriptions: numbered by the one writer in the commit that causes them, kept
//! until they are too old.
//!
//! A Subscription that comes to exist again under its id begins a new life: the records count on,
//! and what is told outside is counted from the life's beginning, so that nothing has to be removed
//! at that moment and no event's number is ever given twice.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::encoding::{
    cursor_key, event_key, events_prefix, number_at_end, resends_key, stream_key, streams_prefix,
    subscription_in,
};
use super::kv::{Direction, KeyRange, Table};
use super::reading::Reader;
use super::record::{CursorRecord, EventRecord, ResendsRecord, StreamRecord, senseless};
use super::{Event, Forgettable, Position, StoreError, Stream, StreamChange};
use crate::fhir::{Id, ResourceKey, Version};

impl Reader<'_> {
    /// The events of a subscription in figures, as they were after that position.
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

    /// The ranges of events of a subscription that are to be sent again.
    pub(super) fn resends(self, subscription: &Id) -> Result<Vec<(u64, u64)>, StoreError> {
        let base = self.stream_record(subscription)?.base;
        let ResendsRecord(ranges) = self.resends_record(subscription)?;
        Ok(ranges
            .into_iter()
            .map(|(first, last)| (first.saturating_sub(base), last.saturating_sub(base)))
            .collect())
    }

    /// The instant of the oldest event under this id, as it was after that position.
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

    /// The events of a subscription after one number, as they were after that position.
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

    /// Every subscription that ever began.
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

/// What one commit does to the events of subscriptions.
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
        reader: Reader<'_>,
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
        reader: Reader<'_>,
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
        reader: Reader<'_>,
        change: StreamChange,
    ) -> Result<(), StoreError> {
        match change {
            StreamChange::Begin(subscription) => {
                let stream = self.stream(reader, &subscription)?;
                stream.life += 1;
                stream.base = stream.last;
                let cursor = CursorRecord {
                    delivered: stream.base,
                    sent: stream.base,
                };
                self.cursors.insert(subscription.clone(), cursor);
                self.resends.insert(subscription, ResendsRecord::default());
            }
            StreamChange::Cursor {
                subscription,
                life,
                delivered,
                sent,
            } => {
                let StreamRecord {
                    life: present,
                    base,
                    last,
                    ..
                } = *self.stream(reader, &subscription)?;
                if present == life {
                    let delivered = base.saturating_add(delivered).min(last);
                    let sent = base.saturating_add(sent).clamp(delivered, last);
                    self.cursors
                        .insert(subscription, CursorRecord { delivered, sent });
                }
            }
            StreamChange::Resends {
                subscription,
                life,
                ranges,
            } => {
                let StreamRecord {
                    life: present,
                    base,
                    last,
                    ..
                } = *self.stream(reader, &subscription)?;
                if present == life {
                    let known = ranges.into_iter().map(|(first, until)| {
                        (
                            base.saturating_add(first),
                            base.saturating_add(until).min(last),
                        )
                    });
                    self.resends.insert(
                        subscription,
                        ResendsRecord(known.filter(|(first, until)| first <= until).collect()),
                    );
                }
            }
            StreamChange::Forget {
                subscription,
                before,
                limit,
                which,
            } => {
                let most = match which {
                    Forgettable::All => u64::MAX,
                    Forgettable::Delivered => reader
                        .cursor_record(&subscription)?
                        .delivered
                        .max(self.stream(reader, &subscription)?.base),
                };
                let range = KeyRange::prefix(&events_prefix(Some(&subscription)));
                let mut forgotten = None;
                for event in reader
                    .records::<EventRecord>(Table::Events, range, Direction::Forward)
                    .take(limit)
                {
                    let (key, event) = event?;
                    let number =
                        number_at_end(&key).ok_or_else(|| senseless(Table::Events, &key))?;
                    if event.instant >= before || number > most {
                        break;
                    }
                    self.forgotten.push((subscription.clone(), number));
                    forgotten = Some(number);
                }
                if let Some(number) = forgotten {
                    self.stream(reader, &subscription)?.forgotten = number;
                }
            }
        }
        Ok(())
    }
}
