//! Checksums over keys and values, and names of records in errors.

use std::fmt;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::keys::{number_at_end, split_owner};
use super::kv::Table;
use crate::storage::StoreError;

const CHECKSUM_BYTES: usize = 8;
/// The most bytes, key and all, that are read at once for a checksum.
const SMALL_BYTES: usize = 240;

/// Adds the checksum to a value; it covers the table and the key too, so that a value in the wrong
/// place does not fit.
pub(super) fn seal(table: Table, key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(table, key, &value);
    value.extend_from_slice(&checksum.to_be_bytes());
    value
}

/// Takes the checksum off a value.
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
    let parts = [
        &[table as u8][..],
        &(key.len() as u64).to_be_bytes(),
        key,
        value,
    ];
    // Most records are index keys: one look at a few bytes costs a tenth of what the state for many
    // does.
    let mut small = [0; SMALL_BYTES];
    let mut length = 0;
    for part in parts {
        match small.get_mut(length..length + part.len()) {
            Some(room) => room.copy_from_slice(part),
            None => return checksum_of_large(&parts),
        }
        length += part.len();
    }
    xxh3_64(&small[..length])
}

fn checksum_of_large(parts: &[&[u8]]) -> u64 {
    let mut hash = Xxh3::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.digest()
}

fn misfit(table: Table, key: &[u8]) -> StoreError {
    StoreError::damaged(format!(
        "the checksum of {} does not fit",
        RecordName(table, key)
    ))
}

/// Makes the error of a record that has the right checksum and makes no sense.
pub(super) fn senseless(table: Table, key: &[u8]) -> StoreError {
    StoreError::unusable(format!("{} cannot be read", RecordName(table, key)))
}

/// The name of a record, without what it says: index keys hold identifiers of persons, so that they
/// are named by a hash.
pub(super) struct RecordName<'a>(pub(super) Table, pub(super) &'a [u8]);

impl fmt::Display for RecordName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecordName(table, key) = self;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::super::keys::version_key;
    use super::*;
    use crate::fhir::{ResourceKey, Version};

    proptest! {
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
    fn a_checksum_is_the_same_however_large_its_record_is() {
        for length in [
            0,
            1,
            100,
            SMALL_BYTES - 12,
            SMALL_BYTES - 11,
            SMALL_BYTES,
            5_000,
        ] {
            let (key, value) = (&b"key"[..2], vec![7; length]);
            let whole = [&[Table::Index as u8][..], &2_u64.to_be_bytes(), key, &value].concat();
            assert_eq!(
                checksum(Table::Index, key, &value),
                xxh3_64(&whole),
                "{length}"
            );
        }
    }

    #[test]
    fn an_error_names_a_place_and_no_person() {
        let key = b"\x01identifier\x00\x01\x01\x32512489996";
        let StoreError { text, .. } = misfit(Table::Index, key);
        assert!(!text.contains("2512489996"), "{text}");
        let current = version_key(&ResourceKey::parse("Task/7").unwrap(), Version(3));
        assert_eq!(
            senseless(Table::Versions, &current).text,
            "the record Task/7/_history/3 in the table 'versions' cannot be read"
        );
    }
}
