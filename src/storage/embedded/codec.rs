//! Values as bytes: numbers, texts, instants and index entries.
//!
//! Bytes that were not written here are an error, never a panic.

use jiff::Timestamp;

use crate::search::{IndexEntry, IndexValue};

/// The most levels of composite values within each other.
const COMPOSITES_MAX: usize = 2;

/// The kinds of values, by the byte that stands before each. Never change or reuse one.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum ValueTag {
    Token = 1,
    Reference = 2,
    Date = 3,
    Text = 4,
    Uri = 5,
    Quantity = 6,
    Composite = 7,
}

/// A part of an encoded value.
enum ValuePart {
    /// A text with its length before it.
    Text,
    /// So many bytes.
    Fixed(usize),
    /// Other values with their number before them.
    Values,
}

impl ValueTag {
    const ALL: [ValueTag; 7] = [
        ValueTag::Token,
        ValueTag::Reference,
        ValueTag::Date,
        ValueTag::Text,
        ValueTag::Uri,
        ValueTag::Quantity,
        ValueTag::Composite,
    ];

    fn of(value: &IndexValue) -> Self {
        match value {
            IndexValue::Token { .. } => ValueTag::Token,
            IndexValue::Reference(_) => ValueTag::Reference,
            IndexValue::Date { .. } => ValueTag::Date,
            IndexValue::Text(_) => ValueTag::Text,
            IndexValue::Uri(_) => ValueTag::Uri,
            IndexValue::Quantity { .. } => ValueTag::Quantity,
            IndexValue::Composite(_) => ValueTag::Composite,
        }
    }

    /// Returns what follows the tag, in order.
    fn parts(self) -> &'static [ValuePart] {
        match self {
            ValueTag::Token => &[ValuePart::Text, ValuePart::Text],
            ValueTag::Reference | ValueTag::Text | ValueTag::Uri => &[ValuePart::Text],
            // Two instants of 8 bytes.
            ValueTag::Date => &[ValuePart::Fixed(16)],
            // Two numbers of 16 bytes, the system and the code of the unit.
            ValueTag::Quantity => &[ValuePart::Fixed(32), ValuePart::Text, ValuePart::Text],
            ValueTag::Composite => &[ValuePart::Values],
        }
    }
}

/// A choice of the entries to read.
#[derive(Clone, Copy)]
pub(super) enum EntryFilter<'f> {
    Everything,
    Nothing,
    /// The entries of the parameters that pass.
    Parameters(&'f dyn Fn(&str) -> bool),
}

/// Bytes being written.
pub(super) struct Encoder(Vec<u8>);

impl Encoder {
    /// Makes an encoder without any bytes.
    pub(super) fn new() -> Self {
        Encoder(Vec::new())
    }

    /// Makes an encoder with room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Encoder(Vec::with_capacity(bytes))
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Adds bytes without their number.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Writes a number in groups of seven bits, least first; the top bit says that more follow.
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn signed(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(super) fn instant(&mut self, instant: Timestamp) {
        self.signed(instant.as_microsecond());
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn entries(&mut self, entries: &[IndexEntry]) {
        self.number(entries.len() as u64);
        for entry in entries {
            self.text(&entry.parameter);
            self.value(&entry.value);
        }
    }

    fn value(&mut self, value: &IndexValue) {
        self.byte(ValueTag::of(value) as u8);
        match value {
            IndexValue::Token { system, code } => {
                self.text(system);
                self.text(code);
            }
            IndexValue::Reference(text) | IndexValue::Text(text) | IndexValue::Uri(text) => {
                self.text(text);
            }
            IndexValue::Date { from_us, until_us } => {
                self.signed(*from_us);
                self.signed(*until_us);
            }
            IndexValue::Quantity {
                from,
                until,
                system,
                code,
            } => {
                self.raw(&from.to_be_bytes());
                self.raw(&until.to_be_bytes());
                self.text(system);
                self.text(code);
            }
            IndexValue::Composite(values) => {
                self.number(values.len() as u64);
                values.iter().for_each(|value| self.value(value));
            }
        }
    }
}

/// Bytes being read.
pub(super) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Decoder(bytes)
    }

    /// Tells whether everything was read.
    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
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

    pub(super) fn instant(&mut self) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.signed()?).ok()
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        std::str::from_utf8(self.bytes()?).ok().map(str::to_owned)
    }

    pub(super) fn entries(&mut self, wanted: EntryFilter<'_>) -> Option<Vec<IndexEntry>> {
        let count = self.number()?;
        // No room is set aside for a count that may be nonsense.
        let mut entries = Vec::new();
        for _ in 0..count {
            let parameter = self.bytes()?;
            let parameter = match wanted {
                EntryFilter::Everything => Some(std::str::from_utf8(parameter).ok()?),
                EntryFilter::Nothing => None,
                EntryFilter::Parameters(passes) => {
                    Some(std::str::from_utf8(parameter).ok()?).filter(|parameter| passes(parameter))
                }
            };
            match parameter {
                Some(parameter) => entries.push(IndexEntry {
                    parameter: parameter.to_owned(),
                    value: self.value(0)?,
                }),
                None => self.pass_value(0)?,
            }
        }
        Some(entries)
    }

    /// Goes past a value.
    fn pass_value(&mut self, depth: usize) -> Option<()> {
        for part in self.tag(depth)?.parts() {
            match part {
                ValuePart::Text => drop(self.bytes()?),
                ValuePart::Fixed(bytes) => self.0 = self.0.get(*bytes..)?,
                ValuePart::Values => {
                    for _ in 0..self.number()? {
                        self.pass_value(depth + 1)?;
                    }
                }
            }
        }
        Some(())
    }

    /// Reads the tag of a value. Values within values within values are nonsense, and could be
    /// nested without end.
    fn tag(&mut self, depth: usize) -> Option<ValueTag> {
        let byte = self.byte()?;
        ValueTag::ALL
            .into_iter()
            .find(|tag| *tag as u8 == byte)
            .filter(|tag| *tag != ValueTag::Composite || depth < COMPOSITES_MAX)
    }

    fn signed_long(&mut self) -> Option<i128> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i128::from_be_bytes(*bytes))
    }

    fn value(&mut self, depth: usize) -> Option<IndexValue> {
        Some(match self.tag(depth)? {
            ValueTag::Token => IndexValue::Token {
                system: self.text()?,
                code: self.text()?,
            },
            ValueTag::Reference => IndexValue::Reference(self.text()?),
            ValueTag::Date => IndexValue::Date {
                from_us: self.signed()?,
                until_us: self.signed()?,
            },
            ValueTag::Text => IndexValue::Text(self.text()?),
            ValueTag::Uri => IndexValue::Uri(self.text()?),
            ValueTag::Quantity => {
                let (from, until) = (self.signed_long()?, self.signed_long()?);
                IndexValue::Quantity {
                    from,
                    until,
                    system: self.text()?,
                    code: self.text()?,
                }
            }
            ValueTag::Composite => {
                let count = self.number()?;
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(self.value(depth + 1)?);
                }
                IndexValue::Composite(values)
            }
        })
    }
}
