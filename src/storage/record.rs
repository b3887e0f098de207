//! Values: a compact encoding of what is kept under a key, and a checksum over key and value.
//!
//! Bytes that were not written here are an error, never a panic.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::encoding::{number_at_end, split_owner};
use super::kv::Table;
use super::{Method, Position, StoreError};
use crate::fhir::{Id, ResourceKey, ResourceType, Version};
use crate::search::{IndexEntry, IndexValue};

const CHECKSUM_BYTES: usize = 8;
/// How deep composite values may hold others.
const COMPOSITES_MAX: usize = 2;

/// The value with its checksum, which covers the table and the key too: a value in the wrong place
/// does not fit.
pub(super) fn seal(table: Table, key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(table, key, &value);
    value.extend_from_slice(&checksum.to_be_bytes());
    value
}

/// The value without its checksum.
///
/// # Errors
/// If the checksum does not fit.
pub(super) fn unseal(table: Table, key: &[u8], mut sealed: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let split = sealed
        .len()
        .checked_sub(CHECKSUM_BYTES)
        .ok_or_else(|| misfit(table, key))?;
    if sealed[split..] != checksum(table, key, &sealed[..split]).to_be_bytes() {
        return Err(misfit(table, key));
    }
    sealed.truncate(split);
    Ok(sealed)
}

fn checksum(table: Table, key: &[u8], value: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&[table as u8]);
    hash.update(&(key.len() as u64).to_be_bytes());
    hash.update(key);
    hash.update(value);
    hash.digest()
}

fn misfit(table: Table, key: &[u8]) -> StoreError {
    StoreError(format!(
        "the checksum of {} does not fit",
        Place(table, key)
    ))
}

/// A record that has the right checksum and no sense.
pub(super) fn senseless(table: Table, key: &[u8]) -> StoreError {
    StoreError(format!("{} cannot be read", Place(table, key)))
}

/// Where a record stands, without what it says: index keys hold identifiers of persons, so that
/// they are named by a hash.
pub(super) struct Place<'a>(pub(super) Table, pub(super) &'a [u8]);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place(table, key) = self;
        write!(f, "the record ")?;
        match (table, split_owner(key), number_at_end(key)) {
            (Table::Current, Some((owner, _)), _) => write!(f, "{owner}")?,
            (Table::Versions, Some((owner, _)), Some(version)) => {
                write!(f, "{owner}/_history/{version}")?
            }
            (Table::Log | Table::TypeLog, _, Some(position)) => write!(f, "{position}")?,
            _ => write!(f, "with key hash {:016x}", xxh3_64(key))?,
        }
        write!(f, " in the table '{}'", table.name())
    }
}

/// Which entries are read, by their parameter.
pub(super) type Wanted<'w> = dyn Fn(&str) -> bool + 'w;

/// Something kept as bytes.
pub(super) trait Record: Sized {
    fn write(&self, out: &mut Output);
    fn read(input: &mut Input<'_>) -> Option<Self>;

    /// The bytes.
    fn encode(&self) -> Vec<u8> {
        let mut out = Output(Vec::new());
        self.write(&mut out);
        out.0
    }

    /// What the bytes say, if they say exactly one such thing.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let record = Self::read(&mut input)?;
        input.0.is_empty().then_some(record)
    }
}

/// The state of the store: what the next commit counts on from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct State {
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
    /// The record of a key of its table, with no entries but those that are wanted: most are not,
    /// and each would be a few texts.
    ///
    /// # Errors
    /// If the checksum does not fit, or the bytes are no such record.
    pub(super) fn in_part(
        key: &[u8],
        sealed: Vec<u8>,
        is_wanted: &Wanted<'_>,
    ) -> Result<Self, StoreError> {
        let bytes = unseal(Table::Current, key, sealed)?;
        CurrentRecord::read_part(&mut Input(&bytes), is_wanted)
            .ok_or_else(|| senseless(Table::Current, key))
    }

    /// The record of a key of its table without its entries, of which nothing is read.
    ///
    /// # Errors
    /// If the checksum does not fit, or the bytes before the entries are no such record.
    pub(super) fn head(key: &[u8], sealed: Vec<u8>) -> Result<Self, StoreError> {
        let bytes = unseal(Table::Current, key, sealed)?;
        CurrentRecord::read_head(&mut Input(&bytes)).ok_or_else(|| senseless(Table::Current, key))
    }

    fn read_head(input: &mut Input<'_>) -> Option<Self> {
        Some(CurrentRecord {
            version: Version(input.number()?),
            position: Position(input.number()?),
            last_updated: input.instant()?,
            deleted: input.flag()?,
            entries: Vec::new(),
        })
    }

    fn read_part(input: &mut Input<'_>, is_wanted: &Wanted<'_>) -> Option<Self> {
        let head = CurrentRecord::read_head(input)?;
        Some(CurrentRecord {
            entries: input.entries(is_wanted)?,
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

/// One change in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ChangeRecord {
    pub(super) resource_type: ResourceType,
    pub(super) id: Id,
    pub(super) version: Version,
    pub(super) last_updated: Timestamp,
}

/// The events of a subscription, counted from the first that any Subscription with its id had.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct StreamRecord {
    /// How many Subscriptions had the id, the present one included.
    pub(super) life: u64,
    /// How many events those before the present Subscription had: its own count from here.
    pub(super) base: u64,
    /// The last event.
    pub(super) last: u64,
    /// The last event that was forgotten.
    pub(super) forgotten: u64,
}

/// How far the events of a subscription were delivered, counted likewise.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct CursorRecord {
    pub(super) delivered: u64,
    pub(super) sent: u64,
}

/// The ranges of events (first and last) that are to be sent again, counted likewise.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct ResendsRecord(pub(super) Vec<(u64, u64)>);

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct EventRecord {
    pub(super) position: Position,
    pub(super) instant: Timestamp,
    pub(super) focus: ResourceKey,
    pub(super) version: Version,
}

impl Record for State {
    fn write(&self, out: &mut Output) {
        out.number(self.position.0);
        out.flag(self.instant.is_some());
        if let Some(instant) = self.instant {
            out.instant(instant);
        }
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        let position = Position(input.number()?);
        let instant = if input.flag()? {
            Some(input.instant()?)
        } else {
            None
        };
        Some(State { position, instant })
    }
}

impl Record for CurrentRecord {
    fn write(&self, out: &mut Output) {
        out.number(self.version.0);
        out.number(self.position.0);
        out.instant(self.last_updated);
        out.flag(self.deleted);
        out.entries(&self.entries);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        CurrentRecord::read_part(input, &|_| true)
    }
}

impl VersionRecord {
    /// The record of a key of its table, with no entries but those that are wanted.
    ///
    /// # Errors
    /// If the checksum does not fit, or the bytes are no such record.
    pub(super) fn in_part(
        key: &[u8],
        sealed: Vec<u8>,
        is_wanted: &Wanted<'_>,
    ) -> Result<Self, StoreError> {
        let bytes = unseal(Table::Versions, key, sealed)?;
        VersionRecord::read_part(&mut Input(&bytes), is_wanted)
            .ok_or_else(|| senseless(Table::Versions, key))
    }

    fn read_part(input: &mut Input<'_>, is_wanted: &Wanted<'_>) -> Option<Self> {
        Some(VersionRecord {
            position: Position(input.number()?),
            last_updated: input.instant()?,
            method: match input.byte()? {
                1 => Method::Post,
                2 => Method::Put,
                3 => Method::Patch,
                4 => Method::Delete,
                _ => return None,
            },
            entries: input.entries(is_wanted)?,
            body: if input.flag()? {
                Some(input.bytes()?.to_vec())
            } else {
                None
            },
        })
    }
}

impl Record for VersionRecord {
    fn write(&self, out: &mut Output) {
        out.number(self.position.0);
        out.instant(self.last_updated);
        out.0.push(match self.method {
            Method::Post => 1,
            Method::Put => 2,
            Method::Patch => 3,
            Method::Delete => 4,
        });
        out.entries(&self.entries);
        out.flag(self.body.is_some());
        if let Some(body) = &self.body {
            out.bytes(body);
        }
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        VersionRecord::read_part(input, &|_| true)
    }
}

impl Record for ChangeRecord {
    fn write(&self, out: &mut Output) {
        out.0.push(self.resource_type.code());
        out.text(self.id.as_str());
        out.number(self.version.0);
        out.instant(self.last_updated);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        Some(ChangeRecord {
            resource_type: ResourceType::from_code(input.byte()?)?,
            id: Id::parse(&input.text()?)?,
            version: Version(input.number()?),
            last_updated: input.instant()?,
        })
    }
}

impl Record for StreamRecord {
    fn write(&self, out: &mut Output) {
        [self.life, self.base, self.last, self.forgotten]
            .into_iter()
            .for_each(|number| out.number(number));
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        Some(StreamRecord {
            life: input.number()?,
            base: input.number()?,
            last: input.number()?,
            forgotten: input.number()?,
        })
    }
}

impl Record for ResendsRecord {
    fn write(&self, out: &mut Output) {
        out.number(self.0.len() as u64);
        self.0
            .iter()
            .flat_map(|(first, last)| [*first, *last])
            .for_each(|number| out.number(number));
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        let count = input.number()?;
        (0..count)
            .map(|_| Some((input.number()?, input.number()?)))
            .collect::<Option<_>>()
            .map(ResendsRecord)
    }
}

impl Record for CursorRecord {
    fn write(&self, out: &mut Output) {
        out.number(self.delivered);
        out.number(self.sent);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        Some(CursorRecord {
            delivered: input.number()?,
            sent: input.number()?,
        })
    }
}

impl Record for EventRecord {
    fn write(&self, out: &mut Output) {
        out.number(self.position.0);
        out.instant(self.instant);
        out.0.push(self.focus.resource_type.code());
        out.text(self.focus.id.as_str());
        out.number(self.version.0);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
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

impl Record for Position {
    fn write(&self, out: &mut Output) {
        out.number(self.0);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        input.number().map(Position)
    }
}

impl Record for Date {
    fn write(&self, out: &mut Output) {
        out.0.extend_from_slice(&self.year().to_be_bytes());
        out.0
            .extend_from_slice(&[self.month().cast_unsigned(), self.day().cast_unsigned()]);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
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
    fn write(&self, out: &mut Output) {
        out.text(self);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        input.text()
    }
}

/// The key says all: an index entry or a due timer.
impl Record for () {
    fn write(&self, _: &mut Output) {}

    fn read(_: &mut Input<'_>) -> Option<Self> {
        Some(())
    }
}

/// Bytes being written.
pub(super) struct Output(Vec<u8>);

impl Output {
    /// A number in groups of seven bits, least first; the top bit says that more follow.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn signed(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn instant(&mut self, instant: Timestamp) {
        self.signed(instant.as_microsecond());
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn entries(&mut self, entries: &[IndexEntry]) {
        self.number(entries.len() as u64);
        for entry in entries {
            self.text(&entry.parameter);
            self.value(&entry.value);
        }
    }

    fn value(&mut self, value: &IndexValue) {
        match value {
            IndexValue::Token { system, code } => {
                self.0.push(1);
                self.text(system);
                self.text(code);
            }
            IndexValue::Reference(target) => self.tagged(2, target),
            IndexValue::Date { from_us, until_us } => {
                self.0.push(3);
                self.signed(*from_us);
                self.signed(*until_us);
            }
            IndexValue::Text(text) => self.tagged(4, text),
            IndexValue::Uri(address) => self.tagged(5, address),
            IndexValue::Quantity {
                from,
                until,
                system,
                code,
            } => {
                self.0.push(6);
                self.0.extend_from_slice(&from.to_be_bytes());
                self.0.extend_from_slice(&until.to_be_bytes());
                self.text(system);
                self.text(code);
            }
            IndexValue::Composite(values) => {
                self.0.push(7);
                self.number(values.len() as u64);
                values.iter().for_each(|value| self.value(value));
            }
        }
    }

    fn tagged(&mut self, tag: u8, text: &str) {
        self.0.push(tag);
        self.text(text);
    }
}

/// Bytes being read.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7f);
            number |= group
                .checked_shl(shift)
                .filter(|shifted| shifted >> shift == group)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i64::from_be_bytes(*bytes))
    }

    fn instant(&mut self) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.signed()?).ok()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<String> {
        std::str::from_utf8(self.bytes()?).ok().map(str::to_owned)
    }

    fn entries(&mut self, is_wanted: &Wanted<'_>) -> Option<Vec<IndexEntry>> {
        let count = self.number()?;
        // No room is set aside for a count that may be nonsense.
        let mut entries = Vec::new();
        for _ in 0..count {
            let parameter = std::str::from_utf8(self.bytes()?).ok()?;
            if is_wanted(parameter) {
                entries.push(IndexEntry {
                    parameter: parameter.to_owned(),
                    value: self.value(0)?,
                });
            } else {
                self.pass_value(0)?;
            }
        }
        Some(entries)
    }

    /// Goes past a value.
    fn pass_value(&mut self, depth: usize) -> Option<()> {
        match self.byte()? {
            1 => {
                self.bytes()?;
                self.bytes()?;
            }
            2 | 4 | 5 => drop(self.bytes()?),
            3 => self.0 = self.0.get(16..)?,
            6 => {
                self.0 = self.0.get(32..)?;
                self.bytes()?;
                self.bytes()?;
            }
            7 if depth < COMPOSITES_MAX => {
                for _ in 0..self.number()? {
                    self.pass_value(depth + 1)?;
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn signed_long(&mut self) -> Option<i128> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i128::from_be_bytes(*bytes))
    }

    fn value(&mut self, depth: usize) -> Option<IndexValue> {
        Some(match self.byte()? {
            1 => IndexValue::Token {
                system: self.text()?,
                code: self.text()?,
            },
            2 => IndexValue::Reference(self.text()?),
            3 => IndexValue::Date {
                from_us: self.signed()?,
                until_us: self.signed()?,
            },
            4 => IndexValue::Text(self.text()?),
            5 => IndexValue::Uri(self.text()?),
            6 => {
                let (from, until) = (self.signed_long()?, self.signed_long()?);
                IndexValue::Quantity {
                    from,
                    until,
                    system: self.text()?,
                    code: self.text()?,
                }
            }
            // Values within values within values are nonsense, and could be nested without end.
            7 if depth < COMPOSITES_MAX => {
                let count = self.number()?;
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(self.value(depth + 1)?);
                }
                IndexValue::Composite(values)
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

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

    fn check<R: Record + PartialEq + fmt::Debug>(record: &R) -> Result<(), TestCaseError> {
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
            check(&State { position, instant: deleted.then_some(last_updated) })?;
            check(&CurrentRecord { version, position, last_updated, deleted, entries: entries.clone() })?;
            let record = VersionRecord { position, last_updated, method, entries, body };
            check(&record)?;
            let sealed = seal(Table::Versions, b"k", record.encode());
            let bare = VersionRecord::in_part(b"k", sealed, &|_| false);
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
            let _ = (State::decode(&bytes), CurrentRecord::decode(&bytes), VersionRecord::decode(&bytes), ChangeRecord::decode(&bytes));
            let _ = (EventRecord::decode(&bytes), StreamRecord::decode(&bytes), CursorRecord::decode(&bytes));
            let _ = (Position::decode(&bytes), Date::decode(&bytes), unseal(Table::Log, b"k", bytes));
        }

        #[test]
        fn one_wrong_bit_does_not_fit(key: Vec<u8>, value: Vec<u8>, bit: usize) {
            let mut sealed = seal(Table::Versions, &key, value.clone());
            prop_assert_eq!(unseal(Table::Versions, &key, sealed.clone()), Ok(value));
            prop_assert!(unseal(Table::Current, &key, sealed.clone()).is_err());
            let bit = bit % (sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(unseal(Table::Versions, &key, sealed).is_err());
        }
    }

    #[test]
    fn an_error_names_a_place_and_no_person() {
        let key = b"\x01identifier\x00\x01\x01\x32512489996";
        let StoreError(text) = misfit(Table::Index, key);
        assert!(!text.contains("2512489996"), "{text}");
        let current = super::super::encoding::version_key(
            &crate::fhir::ResourceKey::parse("Task/7").unwrap(),
            Version(3),
        );
        assert_eq!(
            senseless(Table::Versions, &current).0,
            "the record Task/7/_history/3 in the table 'versions' cannot be read"
        );
    }
}
