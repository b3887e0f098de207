//! The records of the events of subscriptions.

use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::codec::{Decoder, Encoder};
use super::record::Record;
use crate::fhir::{Id, ResourceKey, ResourceType, Version};
use crate::storage::Position;

/// The events of a subscription, counted from the first that any Subscription with its id had.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct StreamRecord {
    /// The number of Subscriptions that had the id, the present one included.
    pub(super) life: u64,
    /// The number of events that those before the present Subscription had: its own count from
    /// here.
    pub(super) base: u64,
    /// The last event.
    pub(super) last: u64,
    /// The last event that was forgotten.
    pub(super) forgotten: u64,
}

/// The place up to which the events of a subscription were delivered, counted likewise.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct CursorRecord {
    pub(super) delivered: u64,
    pub(super) sent: u64,
}

/// The ranges of events that are to be sent again, counted likewise.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct ResendsRecord(pub(super) Vec<RangeInclusive<u64>>);

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct EventRecord {
    pub(super) position: Position,
    pub(super) instant: Timestamp,
    pub(super) focus: ResourceKey,
    pub(super) version: Version,
}

impl Record for StreamRecord {
    fn write(&self, out: &mut Encoder) {
        [self.life, self.base, self.last, self.forgotten]
            .into_iter()
            .for_each(|number| out.number(number));
    }

    fn read(input: &mut Decoder<'_>) -> Option<Self> {
        Some(StreamRecord {
            life: input.number()?,
            base: input.number()?,
            last: input.number()?,
            forgotten: input.number()?,
        })
    }
}

impl Record for ResendsRecord {
    fn write(&self, out: &mut Encoder) {
        out.number(self.0.len() as u64);
        self.0
            .iter()
            .flat_map(|range| [*range.start(), *range.end()])
            .for_each(|number| out.number(number));
    }

    fn read(input: &mut Decoder<'_>) -> Option<Self> {
        let count = input.number()?;
        (0..count)
            .map(|_| Some(input.number()?..=input.number()?))
            .collect::<Option<_>>()
            .map(ResendsRecord)
    }
}

impl Record for CursorRecord {
    fn write(&self, out: &mut Encoder) {
        out.number(self.delivered);
        out.number(self.sent);
    }

    fn read(input: &mut Decoder<'_>) -> Option<Self> {
        Some(CursorRecord {
            delivered: input.number()?,
            sent: input.number()?,
        })
    }
}

impl Record for EventRecord {
    fn write(&self, out: &mut Encoder) {
        out.number(self.position.0);
        out.instant(self.instant);
        out.byte(self.focus.resource_type.code());
        out.text(self.focus.id.as_str());
        out.number(self.version.0);
    }

    fn read(input: &mut Decoder<'_>) -> Option<Self> {
        Some(EventRecord {
            position: Position(input.number()?),
            instant: input.instant()?,
            focus: ResourceKey::new(
                ResourceType::from_code(input.byte()?)?,
                Id::parse(&input.text()?)?,
            ),
            version: Version(input.number()?),
        })
    }
}
