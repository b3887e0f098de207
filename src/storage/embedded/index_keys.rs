//! Keys of the index: what a resource is found by, and how they are asked for.
//!
//! Changing one of these is no new layout: `KEYS` in `reindex` goes up, and they are made anew.

use std::collections::BTreeSet;

use super::key_builder::{KeyBuilder, TEXT_BYTES_MAX};
use super::keys::resource_key;
use crate::fhir::{ResourceKey, ResourceType};
use crate::search::{
    ContainedEntry, IndexEntry, IndexValue, LIST_TEXT_BYTES_MAX, ListPlace, ORDERED_LISTS,
    OrderedList, fold, sort_key,
};

/// The kinds of index keys. A text has one to be found by and one to be sorted by. A date or quantity has one for each end; one whose end is before its
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
    TextOrder = 11,
    Place = 12,
}

/// The beginning of the index keys of one kind of a parameter.
pub(super) struct IndexPrefix<'a> {
    pub(super) resource_type: ResourceType,
    pub(super) parameter: &'a str,
}

impl IndexPrefix<'_> {
    fn key(&self, kind: IndexKind) -> KeyBuilder {
        KeyBuilder::of(self.resource_type)
            .text(self.parameter)
            .byte(kind as u8)
    }

    /// Returns the beginning of the keys of all values of a kind.
    pub(super) fn kind(&self, kind: IndexKind) -> Vec<u8> {
        self.key(kind).bytes()
    }

    /// Returns the beginning of the keys of all values of a kind that are in order.
    pub(super) fn in_order(&self, kind: IndexKind) -> Vec<u8> {
        match kind {
            IndexKind::TextOrder => {
                let parameter = &ordered(self.parameter);
                IndexPrefix { parameter, ..*self }.kind(kind)
            }
            _ => self.kind(kind),
        }
    }

    /// Returns the beginning of the keys of one code, in one system or in any.
    pub(super) fn token(&self, system: Option<&str>, code: &str) -> Vec<u8> {
        let key = self.key(IndexKind::Token).text(code);
        match system {
            Some(system) => key.text(system).bytes(),
            None => key.bytes(),
        }
    }

    /// Returns the beginning of the keys of one text of a kind.
    pub(super) fn text(&self, kind: IndexKind, text: &str) -> Vec<u8> {
        self.key(kind).text(text).bytes()
    }

    /// Returns the beginning of the keys of all texts of a kind that start so.
    pub(super) fn text_start(&self, kind: IndexKind, start: &str) -> Vec<u8> {
        self.key(kind).text_start(start).bytes()
    }

    /// Returns the beginning of all keys of the parameter itself.
    pub(super) fn parameter_start(&self) -> Vec<u8> {
        KeyBuilder::of(self.resource_type)
            .text(self.parameter)
            .bytes()
    }

    /// Returns the beginnings of all keys of the parameter, and of what modifiers look at.
    pub(super) fn all(&self) -> [Vec<u8>; 3] {
        let of = KeyBuilder::of(self.resource_type);
        let modified = KeyBuilder(of.0.clone()).text_start(&format!("{}:", self.parameter));
        let composite = KeyBuilder(of.0.clone()).text(&composite(self.parameter));
        [
            of.text(self.parameter).bytes(),
            modified.bytes(),
            composite.bytes(),
        ]
    }

    /// Returns the beginning of the keys of one end of a quantity.
    pub(super) fn amount(&self, kind: IndexKind, amount: i128) -> Vec<u8> {
        self.key(kind).signed_long(amount).bytes()
    }

    /// Returns the beginning of the keys of one end of a date.
    pub(super) fn instant(&self, kind: IndexKind, instant_us: i64) -> Vec<u8> {
        self.key(kind).signed(instant_us).bytes()
    }
}

/// Returns the parameter under which the first values of a composite stand: no code has such a sign
/// in it.
pub(super) fn composite(parameter: &str) -> String {
    format!("{parameter}$")
}

/// Returns the parameter under which the sort keys of texts stand, apart from what they are found by.
fn ordered(parameter: &str) -> String {
    format!("{parameter}^")
}

/// Returns the parameter under which values of contained resources of a type stand: no code has such
/// signs in it.
pub(super) fn contained_parameter(resource_type: &str, parameter: &str) -> String {
    format!("#{resource_type}.{parameter}")
}

/// Returns the keys under which a resource is found by an entry.
pub(super) fn index_keys(key: &ResourceKey, entry: &IndexEntry) -> Vec<Vec<u8>> {
    let resource_type = key.resource_type;
    let values = match ContainedEntry::read(entry) {
        None => {
            let parameter = &entry.parameter;
            let prefix = IndexPrefix {
                resource_type,
                parameter,
            };
            let mut keys = value_keys(&prefix, &entry.value);
            keys.extend(order_key(&prefix, &entry.value));
            keys
        }
        Some(ContainedEntry { value: None, .. }) => Vec::new(),
        Some(ContainedEntry {
            resource_type: of_type,
            parameter,
            value: Some(value),
            ..
        }) => {
            let parameter = &contained_parameter(of_type, parameter);
            value_keys(
                &IndexPrefix {
                    resource_type,
                    parameter,
                },
                value,
            )
        }
    };
    values
        .into_iter()
        .map(|value| with_id(value, key))
        .collect()
}

/// Returns the key of a value of a resource: it ends with the id and its length.
fn with_id(mut value: Vec<u8>, key: &ResourceKey) -> Vec<u8> {
    let id = key.id.as_str().as_bytes();
    let length = u8::try_from(id.len()).expect("an id has at most 64 bytes");
    value.extend_from_slice(id);
    KeyBuilder(value).byte(length).bytes()
}

/// Returns all keys under which a resource is found by these entries: those of each entry, and those
/// of its places in lists that are kept in order.
pub(super) fn index_keys_of(key: &ResourceKey, entries: &[IndexEntry]) -> BTreeSet<Vec<u8>> {
    let mut keys: BTreeSet<Vec<u8>> = entries
        .iter()
        .flat_map(|entry| index_keys(key, entry))
        .collect();
    let of_type = ORDERED_LISTS
        .iter()
        .filter(|kind| kind.resource_type == key.resource_type);
    for kind in of_type {
        let places = kind.places(entries).into_iter();
        keys.extend(places.map(|place| with_id(place_key(kind, &place), key)));
    }
    keys
}

/// Returns the beginning of the keys of a list.
pub(super) fn list_prefix(kind: &OrderedList, list: &[String]) -> Vec<u8> {
    // Each text is kept uncut, or else is in no list that is asked for.
    const { assert!(LIST_TEXT_BYTES_MAX < TEXT_BYTES_MAX) };
    let prefix = IndexPrefix {
        resource_type: kind.resource_type,
        parameter: kind.name,
    };
    let texts = list.iter();
    texts
        .fold(prefix.key(IndexKind::Place), |key, text| key.text(text))
        .bytes()
}

fn place_key(kind: &OrderedList, place: &ListPlace) -> Vec<u8> {
    let list = KeyBuilder(list_prefix(kind, &place.list));
    // What has no date comes last.
    match place.span {
        Some((from_us, until_us)) => list.byte(1).signed(from_us).signed(until_us).bytes(),
        None => list.byte(2).bytes(),
    }
}

/// Returns the place that a key says within a list, whose name has so many bytes, and the bytes of
/// the id of its resource. Keys of one list compare as these do.
pub(super) fn place_in_list(key: &[u8], list_bytes: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = key.split_last()?;
    let id_at = rest.len().checked_sub(usize::from(*length))?;
    Some((rest.get(list_bytes..id_at)?, &rest[id_at..]))
}

/// Returns the key by which a text is read in order, if one can sort by the parameter.
fn order_key(prefix: &IndexPrefix<'_>, value: &IndexValue) -> Option<Vec<u8>> {
    match value {
        IndexValue::Text(text) if !prefix.parameter.contains(':') => {
            let prefix = IndexPrefix {
                resource_type: prefix.resource_type,
                parameter: &ordered(prefix.parameter),
            };
            let key = prefix.key(IndexKind::TextOrder).sequence(&sort_key(text));
            Some(key.bytes())
        }
        _ => None,
    }
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

/// Tells whether index keys hold the text uncut.
pub(super) fn is_whole(text: &str) -> bool {
    text.len() < TEXT_BYTES_MAX
}

/// Returns the texts in the value of an index key of a kind that has them: of a token the code and
/// the system, of others one. Bytes that are no text, since a text was cut within a letter, are
/// told as a text that is not whole.
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

/// Returns the text at the beginning of some bytes, and what follows its end.
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

/// Returns the resource of an index key: its type is the first byte, its id stands at the end,
/// before its own length.
pub(super) fn key_in_index(key: &[u8]) -> Option<ResourceKey> {
    let (first, rest) = key.split_first()?;
    let (length, rest) = rest.split_last()?;
    let id_at = rest.len().checked_sub(usize::from(*length))?;
    resource_key(*first, &rest[id_at..])
}

/// Returns the beginning of an index key that all resources with the same value have: all but the
/// id and its length.
pub(super) fn value_in_index(key: &[u8]) -> Option<&[u8]> {
    let (length, rest) = key.split_last()?;
    rest.get(..rest.len().checked_sub(usize::from(*length))?)
}

/// Tells whether no other value has the same beginning of an index key: it is not cut, not folded,
/// and has no second part.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::super::keys::{
        STATE, current_key, cursor_key, due_key, event_key, guard_key, log_key, resends_key,
        stream_key, timer_key, type_log_key, version_key,
    };
    use super::*;
    use crate::fhir::{Id, Version};
    use crate::storage::{Guard, Position};

    fn resource() -> impl Strategy<Value = ResourceKey> {
        let id = "[A-Za-z0-9.-]{1,64}".prop_map(|text| Id::parse(&text).unwrap());
        (proptest::sample::select(ResourceType::ALL), id)
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
            let _ = (key_in_index(&bytes), texts_in_index(&bytes));
        }
    }

    /// Returns the bytes of an example: characters in quotes, and bytes in hexadecimal.
    fn bytes_of(example: &str) -> Vec<u8> {
        let part = |part: &str| match part.strip_prefix('"') {
            Some(text) => text.trim_end_matches('"').as_bytes().to_vec(),
            None => vec![u8::from_str_radix(part, 16).unwrap()],
        };
        example.split(' ').flat_map(part).collect()
    }

    /// Returns the keys of the places that a requested Task of an owner has, due then.
    fn places(task: &ResourceKey, due: IndexValue) -> Vec<Vec<u8>> {
        let text = str::to_owned;
        let (system, code) = (text("s:x"), text("requested"));
        let listed = [
            IndexEntry::new("owner", IndexValue::Reference(text("Organization/o"))),
            IndexEntry::new("due", due),
            IndexEntry::new("status", IndexValue::Token { system, code }),
        ];
        let of_entries = |entry: &IndexEntry| index_keys(task, entry);
        let each: Vec<_> = listed.iter().flat_map(of_entries).collect();
        let mut keys: Vec<_> = index_keys_of(task, &listed).into_iter().collect();
        keys.retain(|key| !each.contains(key));
        keys
    }

    #[test]
    fn the_examples_of_the_guide_are_keys() {
        let guide = include_str!("../../../docs/storage.md");
        let examples: Vec<_> = guide
            .lines()
            .filter_map(|line| line.strip_suffix("` |")?.rsplit_once('`'))
            .map(|(_, example)| bytes_of(example))
            .collect();
        let (task, id) = (
            ResourceKey::parse("Task/7").unwrap(),
            Id::parse("s").unwrap(),
        );
        let (day, position) = (jiff::civil::date(2027, 3, 1), Position(9));
        let mut keys = vec![
            STATE.to_vec(),
            b"index-mark".to_vec(),
            b"index-rest".to_vec(),
            current_key(&task),
            version_key(&task, Version(2)),
            log_key(position),
            type_log_key(task.resource_type, position),
            guard_key(&Guard("person/p".to_owned())),
            timer_key(&task),
            due_key(day, &task),
            stream_key(&id),
            cursor_key(&id),
            event_key(&id, 5),
            resends_key(&id),
        ];
        let text = str::to_owned;
        let instant = |day: &str| day.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        let (from_us, until_us) = (
            instant("2027-02-28T23:00:00Z"),
            instant("2027-03-01T23:00:00Z"),
        );
        let quantity = |from, until| IndexValue::Quantity {
            from,
            until,
            system: String::new(),
            code: String::new(),
        };
        for (parameter, value) in [
            (
                "status",
                IndexValue::Token {
                    system: text("s:x"),
                    code: text("requested"),
                },
            ),
            ("patient", IndexValue::Reference(text("Patient/p"))),
            ("name", IndexValue::Text(text("Hansen"))),
            ("url", IndexValue::Uri(text("urn:x"))),
            ("period", IndexValue::Date { from_us, until_us }),
            (
                "period",
                IndexValue::Date {
                    from_us: until_us,
                    until_us: from_us,
                },
            ),
            ("value", quantity(1, 2)),
            ("value", quantity(2, 1)),
        ] {
            keys.extend(index_keys(&task, &IndexEntry::new(parameter, value)));
        }
        keys.extend(places(&task, IndexValue::Date { from_us, until_us }));
        assert_eq!(examples, keys);
    }
}
