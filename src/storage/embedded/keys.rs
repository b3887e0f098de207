//! Keys: fixed-width or self-terminating fields whose bytes compare as what they stand for.
//!
//! | table | key |
//! |---|---|
//! | meta | a word · `bookmark/`, the name |
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

use super::key_builder::KeyBuilder;
use crate::fhir::{Id, ResourceKey, ResourceType, Version};
use crate::storage::{Guard, Position};

/// The key of the state, in its table.
pub(super) const STATE: &[u8] = b"state";
/// The beginning of the keys of bookmarks, in the same table.
pub(super) const BOOKMARKS: &[u8] = b"bookmark/";

/// Returns the key of a bookmark, in the table of state.
pub(super) fn bookmark_key(name: &str) -> Vec<u8> {
    [BOOKMARKS, name.as_bytes()].concat()
}

/// Returns the key of a resource's last version.
pub(super) fn current_key(key: &ResourceKey) -> Vec<u8> {
    KeyBuilder::default().owner(key).bytes()
}

/// Returns the beginning of the keys of all versions of a resource.
pub(super) fn versions_prefix(key: &ResourceKey) -> Vec<u8> {
    current_key(key)
}

/// Returns the key of one version.
pub(super) fn version_key(key: &ResourceKey, version: Version) -> Vec<u8> {
    KeyBuilder::default().owner(key).number(version.0).bytes()
}

/// Returns the key of a change.
pub(super) fn log_key(position: Position) -> Vec<u8> {
    KeyBuilder::default().number(position.0).bytes()
}

/// Returns the key of a change among those of its type.
pub(super) fn type_log_key(resource_type: ResourceType, position: Position) -> Vec<u8> {
    KeyBuilder::of(resource_type).number(position.0).bytes()
}

/// Returns the key of a guard.
pub(super) fn guard_key(guard: &Guard) -> Vec<u8> {
    guard.0.as_bytes().to_vec()
}

/// Returns the key of an owner's timer.
pub(super) fn timer_key(owner: &ResourceKey) -> Vec<u8> {
    KeyBuilder::default().byte(1).owner(owner).bytes()
}

/// Returns the key of a timer among those of its day.
pub(super) fn due_key(day: Date, owner: &ResourceKey) -> Vec<u8> {
    due_day(day).owner(owner).bytes()
}

/// Returns the beginning of the keys of a day's timers; without a day, of all of them.
pub(super) fn due_prefix(day: Option<Date>) -> Vec<u8> {
    day.map_or_else(|| KeyBuilder::default().byte(2), due_day)
        .bytes()
}

fn due_day(day: Date) -> KeyBuilder {
    KeyBuilder::default().byte(2).day(day)
}

/// Returns the key of what a subscription has come to.
pub(super) fn stream_key(subscription: &Id) -> Vec<u8> {
    KeyBuilder::default().byte(1).id(subscription).bytes()
}

/// Returns the beginning of the keys of all streams.
pub(super) fn streams_prefix() -> Vec<u8> {
    KeyBuilder::default().byte(1).bytes()
}

/// Returns the key of how far a subscription's events were delivered.
pub(super) fn cursor_key(subscription: &Id) -> Vec<u8> {
    KeyBuilder::default().byte(2).id(subscription).bytes()
}

/// Returns the key of the events of a subscription that are to be sent again.
pub(super) fn resends_key(subscription: &Id) -> Vec<u8> {
    KeyBuilder::default().byte(4).id(subscription).bytes()
}

/// Returns the key of an event.
pub(super) fn event_key(subscription: &Id, number: u64) -> Vec<u8> {
    KeyBuilder(events_prefix(Some(subscription)))
        .number(number)
        .bytes()
}

/// Returns the beginning of the keys of a subscription's events; without one, of all events.
pub(super) fn events_prefix(subscription: Option<&Id>) -> Vec<u8> {
    let key = KeyBuilder::default().byte(3);
    subscription
        .map_or_else(
            || KeyBuilder(key.0.clone()),
            |subscription| KeyBuilder(key.0.clone()).id(subscription),
        )
        .bytes()
}

/// Returns the subscription of a key of the table of events.
pub(super) fn subscription_in(key: &[u8]) -> Option<Id> {
    let (_, rest) = key.split_first()?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Id::parse(std::str::from_utf8(&rest[..end]).ok()?)
}

/// Returns the resource of a key that begins with one, and what follows it.
pub(super) fn split_owner(key: &[u8]) -> Option<(ResourceKey, &[u8])> {
    let (first, rest) = key.split_first()?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some((resource_key(*first, &rest[..end])?, &rest[end + 1..]))
}

/// Returns the day and the owner of a key of a due timer.
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

/// Reads the number at the end of a key.
pub(super) fn number_at_end(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

pub(super) fn resource_key(code: u8, id: &[u8]) -> Option<ResourceKey> {
    let id = Id::parse(std::str::from_utf8(id).ok()?)?;
    Some(ResourceKey::new(ResourceType::from_code(code)?, id))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn resource() -> impl Strategy<Value = ResourceKey> {
        let id = "[A-Za-z0-9.-]{1,64}".prop_map(|text| Id::parse(&text).unwrap());
        (proptest::sample::select(ResourceType::ALL), id)
            .prop_map(|(resource_type, id)| ResourceKey::new(resource_type, id))
    }

    proptest! {
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
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = (split_owner(&bytes), split_due(&bytes), number_at_end(&bytes));
        }
    }
}
