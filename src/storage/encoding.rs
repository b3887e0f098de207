//! Keys: fixed-width or self-terminating fields whose bytes compare as what they stand for.
//!
//! | table | key |
//! |---|---|
//! | current | type, id |
//! | versions | type, id, version |
//! | index | type, parameter, kind, value, id, length of the id |
//! | log | position |
//! | type-log | type, position |
//! | guards | the name |
//! | timers | 1, owner · 2, day, owner |
//! | events | 1, subscription · 2, subscription · 3, subscription, number · 4, subscription |
//!
//! Changing one of these is a new layout version (`folder`), but for those of the index: there
//! `KEYS` in `reindex` goes up, and they are made anew.

use jiff::civil::Date;

use super::{Guard, Position};
use crate::fhir::{Id, ResourceKey, ResourceType, Version};
use crate::search::{IndexEntry, IndexValue, fold};

/// The only key of the table of state.
pub(super) const STATE: &[u8] = b"state";

/// Longer values and parameters are cut in index keys; what is found is always judged by the whole
/// value.
const TEXT_BYTES_MAX: usize = 200;

/// Builds a key field by field.
#[derive(Default)]
pub(super) struct Key(Vec<u8>);

impl Key {
    pub(super) fn of(resource_type: ResourceType) -> Self {
        Key(vec![resource_type.code()])
    }

    fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// An id: it holds no zero byte, so that one ends it.
    fn id(mut self, id: &Id) -> Self {
        self.0.extend_from_slice(id.as_str().as_bytes());
        self.byte(0)
    }

    fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// A signed number, the sign bit turned so that negative ones come first.
    fn signed(self, number: i64) -> Self {
        self.number(number.cast_unsigned() ^ (1 << 63))
    }

    /// A long signed number, likewise.
    fn signed_long(mut self, number: i128) -> Self {
        self.0
            .extend_from_slice(&(number.cast_unsigned() ^ (1 << 127)).to_be_bytes());
        self
    }

    /// Text without an end: the beginning of every text that starts so. A zero byte is written as
    /// `00 FF`.
    fn text_start(mut self, text: &str) -> Self {
        for byte in text.bytes().take(TEXT_BYTES_MAX) {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xff);
            }
        }
        self
    }

    /// Text and its end, `00 01`: shorter texts come first, and no text is the beginning of
    /// another.
    fn text(self, text: &str) -> Self {
        self.text_start(text).byte(0).byte(1)
    }

    fn day(mut self, day: Date) -> Self {
        let year = day.year().cast_unsigned() ^ (1 << 15);
        self.0.extend_from_slice(&year.to_be_bytes());
        self.byte(day.month().cast_unsigned())
            .byte(day.day().cast_unsigned())
    }

    fn owner(self, owner: &ResourceKey) -> Self {
        self.byte(owner.resource_type.code()).id(&owner.id)
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The key of a resource's last version.
pub(super) fn current_key(key: &ResourceKey) -> Vec<u8> {
    Key::default().owner(key).bytes()
}

/// The beginning of the keys of all versions of a resource.
pub(super) fn versions_prefix(key: &ResourceKey) -> Vec<u8> {
    current_key(key)
}

/// The key of one version.
pub(super) fn version_key(key: &ResourceKey, version: Version) -> Vec<u8> {
    Key::default().owner(key).number(version.0).bytes()
}

/// The key of a change.
pub(super) fn log_key(position: Position) -> Vec<u8> {
    Key::default().number(position.0).bytes()
}

/// The key of a change among those of its type.
pub(super) fn type_log_key(resource_type: ResourceType, position: Position) -> Vec<u8> {
    Key::of(resource_type).number(position.0).bytes()
}

/// The key of a guard.
pub(super) fn guard_key(guard: &Guard) -> Vec<u8> {
    guard.0.as_bytes().to_vec()
}

/// The key of an owner's timer.
pub(super) fn timer_key(owner: &ResourceKey) -> Vec<u8> {
    Key::default().byte(1).owner(owner).bytes()
}

/// The key of a timer among those of its day.
pub(super) fn due_key(day: Date, owner: &ResourceKey) -> Vec<u8> {
    due_day(day).owner(owner).bytes()
}

/// The beginning of the keys of a day's timers; without a day, of all of them.
pub(super) fn due_prefix(day: Option<Date>) -> Vec<u8> {
    day.map_or_else(|| Key::default().byte(2), due_day).bytes()
}

fn due_day(day: Date) -> Key {
    Key::default().byte(2).day(day)
}

/// The key of what a subscription has come to.
pub(super) fn stream_key(subscription: &Id) -> Vec<u8> {
    Key::default().byte(1).id(subscription).bytes()
}

/// The beginning of the keys of all streams.
pub(super) fn streams_prefix() -> Vec<u8> {
    Key::default().byte(1).bytes()
}

/// The key of how far a subscription's events were delivered.
pub(super) fn cursor_key(subscription: &Id) -> Vec<u8> {
    Key::default().byte(2).id(subscription).bytes()
}

/// The key of the events of a subscription that are to be sent again.
pub(super) fn resends_key(subscription: &Id) -> Vec<u8> {
    Key::default().byte(4).id(subscription).bytes()
}

/// The key of an event.
pub(super) fn event_key(subscription: &Id, number: u64) -> Vec<u8> {
    Key(events_prefix(Some(subscription)))
        .number(number)
        .bytes()
}

/// The beginning of the keys of a subscription's events; without one, of all events.
pub(super) fn events_prefix(subscription: Option<&Id>) -> Vec<u8> {
    let key = Key::default().byte(3);
    subscription
        .map_or_else(
            || Key(key.0.clone()),
            |subscription| Key(key.0.clone()).id(subscription),
        )
        .bytes()
}

/// The subscription of a key of the table of events.
pub(super) fn subscription_in(key: &[u8]) -> Option<Id> {
    let (_, rest) = key.split_first()?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Id::parse(std::str::from_utf8(&rest[..end]).ok()?)
}

/// The kinds of index keys. A date or quantity has one for each end; one whose end is before its
/// start has neither, and is tried by every test of its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum IndexKind {
    Token = 1,
    Reference = 2,
    Text = 3,
    Uri = 4,
    DateFrom = 5,
    DateUntil = 6,
    DateBackward = 7,
    QuantityFrom = 8,
    QuantityUntil = 9,
    QuantityBackward = 10,
}

/// The beginning of the index keys of one kind of a parameter.
pub(super) struct IndexPrefix<'a> {
    pub(super) resource_type: ResourceType,
    pub(super) parameter: &'a str,
}

impl IndexPrefix<'_> {
    fn key(&self, kind: IndexKind) -> Key {
        Key::of(self.resource_type)
            .text(self.parameter)
            .byte(kind as u8)
    }

    /// All values of a kind.
    pub(super) fn kind(&self, kind: IndexKind) -> Vec<u8> {
        self.key(kind).bytes()
    }

    /// One code, in one system or in any.
    pub(super) fn token(&self, system: Option<&str>, code: &str) -> Vec<u8> {
        let key = self.key(IndexKind::Token).text(code);
        match system {
            Some(system) => key.text(system).bytes(),
            None => key.bytes(),
        }
    }

    /// One text of a kind.
    pub(super) fn text(&self, kind: IndexKind, text: &str) -> Vec<u8> {
        self.key(kind).text(text).bytes()
    }

    /// All texts of a kind that start so.
    pub(super) fn text_start(&self, kind: IndexKind, start: &str) -> Vec<u8> {
        self.key(kind).text_start(start).bytes()
    }

    /// Everything of the parameter itself.
    pub(super) fn parameter_start(&self) -> Vec<u8> {
        Key::of(self.resource_type).text(self.parameter).bytes()
    }

    /// Everything of the parameter, and of what modifiers look at.
    pub(super) fn all(&self) -> [Vec<u8>; 3] {
        let of = Key::of(self.resource_type);
        let modified = Key(of.0.clone()).text_start(&format!("{}:", self.parameter));
        let composite = Key(of.0.clone()).text(&composite(self.parameter));
        [
            of.text(self.parameter).bytes(),
            modified.bytes(),
            composite.bytes(),
        ]
    }

    /// One end of a quantity.
    pub(super) fn amount(&self, kind: IndexKind, amount: i128) -> Vec<u8> {
        self.key(kind).signed_long(amount).bytes()
    }

    /// One end of a date.
    pub(super) fn instant(&self, kind: IndexKind, instant_us: i64) -> Vec<u8> {
        self.key(kind).signed(instant_us).bytes()
    }
}

/// The parameter under which the first values of a composite stand: no code has such a sign in it.
pub(super) fn composite(parameter: &str) -> String {
    format!("{parameter}$")
}

/// The keys under which a resource is found by an entry.
pub(super) fn index_keys(key: &ResourceKey, entry: &IndexEntry) -> Vec<Vec<u8>> {
    let values = value_keys(
        &IndexPrefix {
            resource_type: key.resource_type,
            parameter: &entry.parameter,
        },
        &entry.value,
    );
    let length = u8::try_from(key.id.as_str().len()).expect("an id has at most 64 bytes");
    let with_id = |mut value: Vec<u8>| {
        value.extend_from_slice(key.id.as_str().as_bytes());
        Key(value).byte(length).bytes()
    };
    values.into_iter().map(with_id).collect()
}

fn value_keys(prefix: &IndexPrefix<'_>, value: &IndexValue) -> Vec<Vec<u8>> {
    match value {
        IndexValue::Token { system, code } => vec![prefix.token(Some(system), code)],
        IndexValue::Reference(target) => vec![prefix.text(IndexKind::Reference, target)],
        IndexValue::Text(text) => vec![prefix.text(IndexKind::Text, &fold(text))],
        IndexValue::Uri(address) => vec![prefix.text(IndexKind::Uri, address)],
        IndexValue::Date { from_us, until_us } if until_us < from_us => {
            vec![prefix.kind(IndexKind::DateBackward)]
        }
        IndexValue::Date { from_us, until_us } => {
            vec![
                prefix.instant(IndexKind::DateFrom, *from_us),
                prefix.instant(IndexKind::DateUntil, *until_us),
            ]
        }
        IndexValue::Quantity { from, until, .. } if until < from => {
            vec![prefix.kind(IndexKind::QuantityBackward)]
        }
        IndexValue::Quantity { from, until, .. } => {
            vec![
                prefix.amount(IndexKind::QuantityFrom, *from),
                prefix.amount(IndexKind::QuantityUntil, *until),
            ]
        }
        // Found by the first of them.
        IndexValue::Composite(values) => {
            let parameter = composite(prefix.parameter);
            let prefix = IndexPrefix {
                resource_type: prefix.resource_type,
                parameter: &parameter,
            };
            values
                .first()
                .map(|first| value_keys(&prefix, first))
                .unwrap_or_default()
        }
    }
}

/// True if index keys hold the text uncut.
pub(super) fn is_whole(text: &str) -> bool {
    text.len() < TEXT_BYTES_MAX
}

/// The texts in the value of an index key of a kind that has them: of a token the code and the
/// system, of others one. Bytes that are no text, since a text was cut within a letter, are told as
/// a text that is not whole.
pub(super) fn texts_in_index(key: &[u8]) -> Vec<String> {
    let Some((_, mut rest)) = key.split_first().and_then(|(_, rest)| split_text(rest)) else {
        return Vec::new();
    };
    let Some((kind, value)) = rest.split_first() else {
        return Vec::new();
    };
    rest = value;
    let mut texts = Vec::new();
    for _ in 0..if *kind == IndexKind::Token as u8 {
        2
    } else {
        1
    } {
        let Some((text, after)) = split_text(rest) else {
            return texts;
        };
        texts.push(String::from_utf8(text).unwrap_or_else(|_| "?".repeat(TEXT_BYTES_MAX)));
        rest = after;
    }
    texts
}

/// The text at the beginning of some bytes, and what follows its end.
fn split_text(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    let mut at = 0;
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (0, Some(1)) => return Some((text, &bytes[at + 2..])),
            (0, Some(0xff)) => {
                text.push(0);
                at += 2;
            }
            (0, _) => return None,
            (byte, _) => {
                text.push(*byte);
                at += 1;
            }
        }
    }
}

/// The resource of an index key: its type is the first byte, its id stands at the end, before its
/// own length.
pub(super) fn key_in_index(key: &[u8]) -> Option<ResourceKey> {
    let (first, rest) = key.split_first()?;
    let (length, rest) = rest.split_last()?;
    let id_at = rest.len().checked_sub(usize::from(*length))?;
    resource_key(*first, &rest[id_at..])
}

/// The beginning of an index key that all resources with the same value have: all but the id and
/// its length.
pub(super) fn value_in_index(key: &[u8]) -> Option<&[u8]> {
    let (length, rest) = key.split_last()?;
    rest.get(..rest.len().checked_sub(usize::from(*length))?)
}

/// True if no other value has the same beginning of an index key: it is not cut, not folded, and
/// has no second part.
pub(super) fn stands_alone(value: &IndexValue) -> bool {
    match value {
        IndexValue::Token { system, code } => is_whole(system) && is_whole(code),
        IndexValue::Reference(text) | IndexValue::Uri(text) => is_whole(text),
        IndexValue::Text(_)
        | IndexValue::Date { .. }
        | IndexValue::Quantity { .. }
        | IndexValue::Composite(_) => false,
    }
}

/// The resource of a key that begins with one, and what follows it.
pub(super) fn split_owner(key: &[u8]) -> Option<(ResourceKey, &[u8])> {
    let (first, rest) = key.split_first()?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some((resource_key(*first, &rest[..end])?, &rest[end + 1..]))
}

/// The day and the owner of a key of a due timer.
pub(super) fn split_due(key: &[u8]) -> Option<(Date, ResourceKey)> {
    let [2, high, low, month, day, owner @ ..] = key else {
        return None;
    };
    let year = (u16::from_be_bytes([*high, *low]) ^ (1 << 15)).cast_signed();
    let day = Date::new(year, month.cast_signed(), day.cast_signed()).ok()?;
    match split_owner(owner)? {
        (owner, []) => Some((day, owner)),
        _ => None,
    }
}

/// A number at the end of a key.
pub(super) fn number_at_end(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

fn resource_key(code: u8, id: &[u8]) -> Option<ResourceKey> {
    let id = Id::parse(std::str::from_utf8(id).ok()?)?;
    Some(ResourceKey::new(ResourceType::from_code(code)?, id))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn id() -> impl Strategy<Value = Id> {
        "[A-Za-z0-9.-]{1,64}".prop_map(|text| Id::parse(&text).unwrap())
    }

    fn resource() -> impl Strategy<Value = ResourceKey> {
        (proptest::sample::select(ResourceType::ALL), id())
            .prop_map(|(resource_type, id)| ResourceKey::new(resource_type, id))
    }

    fn value() -> impl Strategy<Value = IndexValue> {
        prop_oneof![
            (".{0,5}", ".{0,300}").prop_map(|(system, code)| IndexValue::Token { system, code }),
            ".*".prop_map(IndexValue::Text),
            "[\0ab]{0,4}".prop_map(IndexValue::Uri),
            ".*".prop_map(IndexValue::Reference),
            any::<(i64, i64)>()
                .prop_map(|(from_us, until_us)| IndexValue::Date { from_us, until_us }),
            any::<(i128, i128)>().prop_map(|(from, until)| IndexValue::Quantity {
                from,
                until,
                system: String::new(),
                code: String::new()
            }),
            ".*".prop_map(|text| IndexValue::Composite(vec![IndexValue::Text(text)])),
        ]
    }

    proptest! {
        #[test]
        fn texts_keep_their_order_and_no_text_begins_another(left in "[\0\u{1}a-c\u{ff}]{0,6}", right in "[\0\u{1}a-c\u{ff}]{0,6}") {
            let (a, b) = (Key::default().text(&left).bytes(), Key::default().text(&right).bytes());
            prop_assert_eq!(a.cmp(&b), left.as_bytes().cmp(right.as_bytes()));
            prop_assert!(left == right || !a.starts_with(&b));
            prop_assert_eq!(right.starts_with(&left), b.starts_with(&Key::default().text_start(&left).bytes()));
        }

        #[test]
        fn numbers_keep_their_order(left: i64, right: i64) {
            prop_assert_eq!(Key::default().signed(left).bytes().cmp(&Key::default().signed(right).bytes()), left.cmp(&right));
            let (left, right) = (i128::from(left) << 40, i128::from(right) << 40);
            prop_assert_eq!(Key::default().signed_long(left).bytes().cmp(&Key::default().signed_long(right).bytes()), left.cmp(&right));
        }

        #[test]
        fn resources_keep_their_order_and_come_back(left in resource(), right in resource(), version: u64) {
            prop_assert_eq!(current_key(&left).cmp(&current_key(&right)), left.cmp(&right));
            let key = version_key(&left, Version(version));
            prop_assert!(key.starts_with(&versions_prefix(&left)));
            prop_assert_eq!(split_owner(&key), Some((left, &version.to_be_bytes()[..])));
            prop_assert_eq!(number_at_end(&key), Some(version));
        }

        #[test]
        fn timers_are_ordered_by_day_and_owner(left in (-3000i32..3_000_000, resource()), right in (-3000i32..3_000_000, resource())) {
            let day = |days: i32| Date::constant(-10, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
            let (left, right) = ((day(left.0), left.1), (day(right.0), right.1));
            let key = due_key(left.0, &left.1);
            prop_assert_eq!(key.cmp(&due_key(right.0, &right.1)), left.cmp(&right));
            prop_assert!(key.starts_with(&due_prefix(Some(left.0))));
            prop_assert_eq!(split_due(&key), Some(left));
        }

        #[test]
        fn an_index_key_names_its_resource(key in resource(), parameter in ".{0,300}", value in value()) {
            for index_key in index_keys(&key, &IndexEntry::new(parameter, value)) {
                prop_assert!(index_key.len() < 1_500);
                prop_assert_eq!(key_in_index(&index_key), Some(key.clone()));
            }
        }

        #[test]
        fn an_index_key_tells_its_texts(key in resource(), system in "[\0\u{1}ab]{0,3}", code in ".{0,5}") {
            let value = IndexValue::Token { system: system.clone(), code: code.clone() };
            prop_assert_eq!(texts_in_index(&index_keys(&key, &IndexEntry::new("a", value))[0]), [code, system.clone()]);
            let value = IndexValue::Uri(system.clone());
            prop_assert_eq!(texts_in_index(&index_keys(&key, &IndexEntry::new("a", value))[0]), [system]);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = (key_in_index(&bytes), split_owner(&bytes), split_due(&bytes), number_at_end(&bytes), texts_in_index(&bytes));
        }
    }
}
