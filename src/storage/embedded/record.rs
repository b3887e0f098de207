//! The records that are kept under keys.
//!
//! Bytes that were not written here are an error, never a panic.

use jiff::Timestamp;
use jiff::civil::Date;

use super::codec::{Decoder, Encoder, EntryFilter};
use super::kv::{Batch, Table};
use super::seal::{seal, senseless, unseal};
use crate::fhir::{Id, ResourceType, Version};
use crate::search::IndexEntry;
use crate::storage::{Method, Position, StoreError};

/// The room for what stands in a record besides entries and body, its checksum among it.
const HEAD_BYTES_MAX: usize = 64;

/// A value that is kept as bytes.
pub(super) trait Record: Sized {
    fn write(&self, out: &mut Encoder);
    fn read(input: &mut Decoder<'_>) -> Option<Self>;

    /// Returns the bytes.
    fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        self.write(&mut out);
        out.into_bytes()
    }

    /// Reads the bytes, if they say exactly one such thing.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Decoder::new(bytes);
        let record = Self::read(&mut input)?;
        input.is_at_end().then_some(record)
    }
}

/// Sets a key to a record.
pub(super) fn put_record(batch: &mut Batch, table: Table, key: Vec<u8>, record: &impl Record) {
    let sealed = seal(table, &key, record.encode());
    batch.put(table, key, sealed);
}

/// The state of the store: what the next commit counts on from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct StoreState {
    pub(super) position: Position,
    pub(super) instant: Option<Timestamp>,
}

/// The last version of a resource, without its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CurrentRecord {
    pub(super) version: Version,
    pub(super) position: Position,
    pub(super) last_updated: Timestamp,
    pub(super) deleted: bool,
    pub(super) entries: Vec<IndexEntry>,
}

impl CurrentRecord {
    /// Reads the record of a key of its table, with no entries but those that are wanted: most are
    /// not, and each would be a few texts.
    ///
    /// # Errors
    /// If the checksum does not fit, or the bytes are no such record.
    pub(super) fn in_part(
        key: &[u8],
        sealed: Vec<u8>,
        wanted: EntryFilter<'_>,
    ) -> Result<Self, StoreError> {
        let bytes = unseal(Table::Current, key, sealed)?;
        CurrentRecord::read_part(&mut Decoder::new(&bytes), wanted)
            .ok_or_else(|| senseless(Table::Current, key))
    }

    /// Reads the record of a key of its table without its entries.
    ///
    /// # Errors
    /// If the checksum does not fit, or the bytes before the entries are no such record.
    pub(super) fn head(key: &[u8], sealed: Vec<u8>) -> Result<Self, StoreError> {
        let bytes = unseal(Table::Current, key, sealed)?;
        CurrentRecord::read_head(&mut Decoder::new(&bytes))
            .ok_or_else(|| senseless(Table::Current, key))
    }

    /// Returns the bytes of the record with these encoded entries in the place of its own.
    pub(super) fn encode_with(&self, entries: &[u8]) -> Vec<u8> {
        let mut out = Encoder::with_capacity(HEAD_BYTES_MAX + entries.len());
        self.write_head(&mut out);
        out.raw(entries);
        out.into_bytes()
    }

    fn write_head(&self, out: &mut Encoder) {
        out.number(self.version.0);
        out.number(self.position.0);
        out.instant(self.last_updated);
        out.flag(self.deleted);
    }

    fn read_head(input: &mut Decoder<'_>) -> Option<Self> {
        Some(CurrentRecord {
            version: Version(input.number()?),
            position: Position(input.number()?),
            last_updated: input.instant()?,
            deleted: input.flag()?,
            entries: Vec::new(),
        })
    }

    fn read_part(input: &mut Decoder<'_>, wanted: EntryFilter<'_>) -> Option<Self> {
        let head = CurrentRecord::read_head(input)?;
        Some(CurrentRecord {
            entries: input.entries(wanted)?,
            ..head
        })
    }
}

/// One version of a resource. `body` is none for a deletion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct VersionRecord {
    pub(super) position: Position,
    pub(super) last_updated: Timestamp,
    pub(super) method: Method,
    pub(super) entries: Vec<IndexEntry>,
    pub(super) body: Option<Vec<u8>>,
}

/// Returns the byte by which a method is kept: never change or reuse one.
fn method_byte(method: Method) -> u8 {
    match method {
        Method::Post => 1,
        Method::Put => 2,
        Method::Patch => 3,
        Method::Delete => 4,
    }
}

fn read_method(byte: u8) -> Option<Method> {
    [Method::Post, Method::Put, Method::Patch, Method::Delete]
        .into_iter()
        .find(|method| method_byte(*method) == byte)
}

/// One change in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ChangeRecord {
    pub(super) resource_type: ResourceType,
    pub(super) id: Id,
    pub(super) version: Version,
    pub(super) last_updated: Timestamp,
}

impl Record for StoreState {
    fn write(&self, out: &mut Encoder) {
        out.number(self.position.0);
        out.flag(self.instant.is_some());
        if let Some(instant) = self.instant {
            out.instant(instant);
        }
    }

    fn read(input: &mut Decoder<'_>) -> Option<Self> {
        let position = Position(input.number()?);
        let instant = if input.flag()? {
            Some(input.instant()?)
        } else {
            None
        };
        Some(StoreState { position, instant })
    }
}

impl Record for CurrentRecord {
    fn write(&self, out: &mut Encoder) {
        self.write_head(out);
        out.entries(&self.entries);
    }

    fn read(input: &mut Decoder<'_>) -> Option<Self> {
        CurrentRecord::read_part(input, EntryFilter::Everything)
    }
}

impl VersionRecord {
    /// Reads the record of a key of its table, with no entries but those that are wanted.
    ///
    /// # Errors
    /// If the checksum does not fit, or the bytes are no such record.
    pub(super) fn in_part(
        key: &[u8],
        sealed: Vec<u8>,
        wanted: EntryFilter<'_>,
    ) -> Result<Self, StoreError> {
        let bytes = unseal(Table::Versions, key, sealed)?;
        VersionRecord::read_part(&mut Decoder::new(&bytes), wanted)
            .ok_or_else(|| senseless(Table::Versions, key))
    }

    /// Returns the bytes of the record with these encoded entries in the place of its own.
    pub(super) fn encode_with(&self, entries: &[u8]) -> Vec<u8> {
        let body = self.body.as_ref().map_or(0, Vec::len);
        let mut out = Encoder::with_capacity(HEAD_BYTES_MAX + entries.len() + body);
        self.write_head(&mut out);
        out.raw(entries);
        self.write_body(&mut out);
        out.into_bytes()
    }

    fn write_head(&self, out: &mut Encoder) {
        out.number(self.position.0);
        out.instant(self.last_updated);
        out.byte(method_byte(self.method));
    }

    fn write_body(&self, out: &mut Encoder) {
        out.flag(self.body.is_some());
        if let Some(body) = &self.body {
            out.bytes(body);
        }
    }

    fn read_part(input: &mut Decoder<'_>, wanted: EntryFilter<'_>) -> Option<Self> {
        Some(VersionRecord {
            position: Position(input.number()?),
            last_updated: input.instant()?,
            method: read_method(input.byte()?)?,
            entries: input.entries(wanted)?,
            body: if input.flag()? {
                Some(input.bytes()?.to_vec())
            } else {
                None
            },
        })
    }
}

impl Record for VersionRecord {
    fn write(&self, out: &mut Encoder) {
        self.write_head(out);
        out.entries(&self.entries);
        self.write_body(out);
    }

    fn read(input: &mut Decoder<'_>) -> Option<Self> {
        VersionRecord::read_part(input, EntryFilter::Everything)
    }
}

impl Record for ChangeRecord {
    fn write(&self, out: &mut Encoder) {
        out.byte(self.resource_type.code());
        out.text(self.id.as_str());
        out.number(self.version.0);
        out.instant(self.last_updated);
    }

    fn read(input: &mut Decoder<'_>) -> Option<Self> {
        Some(ChangeRecord {
            resource_type: ResourceType::from_code(input.byte()?)?,
            id: Id::parse(&input.text()?)?,
            version: Version(input.number()?),
            last_updated: input.instant()?,
        })
    }
}

impl Record for Position {
    fn write(&self, out: &mut Encoder) {
        out.number(self.0);
    }

    fn read(input: &mut Decoder<'_>) -> Option<Self> {
        input.number().map(Position)
    }
}

impl Record for Date {
    fn write(&self, out: &mut Encoder) {
        out.raw(&self.year().to_be_bytes());
        out.byte(self.month().cast_unsigned());
        out.byte(self.day().cast_unsigned());
    }

    fn read(input: &mut Decoder<'_>) -> Option<Self> {
        let year = i16::from_be_bytes([input.byte()?, input.byte()?]);
        Date::new(
            year,
            input.byte()?.cast_signed(),
            input.byte()?.cast_signed(),
        )
        .ok()
    }
}

impl Record for String {
    fn write(&self, out: &mut Encoder) {
        out.text(self);
    }

    fn read(input: &mut Decoder<'_>) -> Option<Self> {
        input.text()
    }
}

/// A record whose key says everything: an index entry or a due timer.
impl Record for () {
    fn write(&self, _: &mut Encoder) {}

    fn read(_: &mut Decoder<'_>) -> Option<Self> {
        Some(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::seal::seal;
    use super::super::stream_records::{CursorRecord, EventRecord, StreamRecord};
    use super::*;
    use crate::fhir::ResourceKey;
    use crate::search::IndexValue;

    fn entries() -> impl Strategy<Value = Vec<IndexEntry>> {
        let value = prop_oneof![
            (".*", ".*").prop_map(|(system, code)| IndexValue::Token { system, code }),
            ".*".prop_map(IndexValue::Reference),
            any::<(i64, i64)>()
                .prop_map(|(from_us, until_us)| IndexValue::Date { from_us, until_us }),
            ".*".prop_map(IndexValue::Text),
            ".*".prop_map(IndexValue::Uri),
            (any::<(i128, i128)>(), ".*", ".*").prop_map(|((from, until), system, code)| {
                IndexValue::Quantity {
                    from,
                    until,
                    system,
                    code,
                }
            }),
            vec(".*".prop_map(IndexValue::Text), 0..3).prop_map(IndexValue::Composite),
        ];
        vec(
            (".*", value).prop_map(|(parameter, value)| IndexEntry { parameter, value }),
            0..5,
        )
    }

    fn instant() -> impl Strategy<Value = Timestamp> {
        (0_i64..253_000_000_000_000_000).prop_map(|us| Timestamp::from_microsecond(us).unwrap())
    }

    fn check<R: Record + PartialEq + std::fmt::Debug>(record: &R) -> Result<(), TestCaseError> {
        let bytes = record.encode();
        let decoded = R::decode(&bytes);
        prop_assert_eq!(decoded.as_ref(), Some(record));
        if !bytes.is_empty() {
            prop_assert!(R::decode(&bytes[..bytes.len() - 1]).is_none());
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn records_come_back(
            (version, position, at) in (any::<u64>(), any::<u64>(), instant()),
            (deleted, entries) in (any::<bool>(), entries()),
            body in proptest::option::of(vec(any::<u8>(), 0..300)),
            method in proptest::sample::select(&[Method::Post, Method::Put, Method::Patch, Method::Delete][..]),
        ) {
            let (version, position, last_updated) = (Version(version), Position(position), at);
            check(&StoreState { position, instant: deleted.then_some(last_updated) })?;
            check(&CurrentRecord { version, position, last_updated, deleted, entries: entries.clone() })?;
            let record = VersionRecord { position, last_updated, method, entries, body };
            check(&record)?;
            let sealed = seal(Table::Versions, b"k", record.encode());
            let encoded = |entries: &[IndexEntry]| {
                let mut out = Encoder::new();
                out.entries(entries);
                out.into_bytes()
            };
            let bare = VersionRecord { entries: vec![], ..record.clone() };
            prop_assert_eq!(bare.encode_with(&encoded(&record.entries)), record.encode());
            let whole = CurrentRecord { version, position, last_updated, deleted, entries: record.entries.clone() };
            let head = CurrentRecord { entries: vec![], ..whole.clone() };
            prop_assert_eq!(head.encode_with(&encoded(&record.entries)), whole.encode());
            let bare = VersionRecord::in_part(b"k", sealed, EntryFilter::Nothing);
            prop_assert_eq!(bare, Ok(VersionRecord { entries: vec![], ..record }));
            check(&ChangeRecord { resource_type: ResourceType::Task, id: Id::parse("a.7").unwrap(), version, last_updated })?;
            check(&EventRecord { position, instant: at, focus: ResourceKey::parse("Task/a.7").unwrap(), version })?;
            check(&StreamRecord { life: 3, base: position.0, last: version.0, forgotten: 7 })?;
            check(&CursorRecord { delivered: position.0, sent: version.0 })?;
            check(&position)?;
            check(&last_updated.to_zoned(jiff::tz::TimeZone::UTC).date())?;
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = (StoreState::decode(&bytes), CurrentRecord::decode(&bytes), VersionRecord::decode(&bytes), ChangeRecord::decode(&bytes));
            let _ = (EventRecord::decode(&bytes), StreamRecord::decode(&bytes), CursorRecord::decode(&bytes));
            let _ = (Position::decode(&bytes), Date::decode(&bytes), unseal(Table::Log, b"k", bytes));
        }
    }
}
