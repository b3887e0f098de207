//! Fields of keys: fixed-width or self-terminating, so that their bytes compare as what they stand
//! for.

use jiff::civil::Date;

use crate::fhir::{Id, ResourceKey, ResourceType};

/// The most bytes of a value or parameter in index keys: longer ones are cut, and what is found is
/// always judged by the whole value.
pub(super) const TEXT_BYTES_MAX: usize = 200;

/// A key that is built field by field.
#[derive(Default)]
pub(super) struct KeyBuilder(pub(super) Vec<u8>);

impl KeyBuilder {
    pub(super) fn of(resource_type: ResourceType) -> Self {
        KeyBuilder(vec![resource_type.code()])
    }

    pub(super) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// Adds an id: it holds no zero byte, so that one ends it.
    pub(super) fn id(mut self, id: &Id) -> Self {
        self.0.extend_from_slice(id.as_str().as_bytes());
        self.byte(0)
    }

    pub(super) fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Adds a signed number, the sign bit turned so that negative ones come first.
    pub(super) fn signed(self, number: i64) -> Self {
        self.number(number.cast_unsigned() ^ (1 << 63))
    }

    /// Adds a long signed number, likewise.
    pub(super) fn signed_long(mut self, number: i128) -> Self {
        self.0
            .extend_from_slice(&(number.cast_unsigned() ^ (1 << 127)).to_be_bytes());
        self
    }

    /// Adds text without an end: the beginning of every text that starts so. A zero byte is written
    /// as `00 FF`.
    pub(super) fn text_start(self, text: &str) -> Self {
        self.sequence_start(text.as_bytes())
    }

    fn sequence_start(mut self, bytes: &[u8]) -> Self {
        for byte in bytes.iter().copied().take(TEXT_BYTES_MAX) {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xff);
            }
        }
        self
    }

    /// Adds text and its end, `00 01`: shorter texts come first, and no text is the beginning of
    /// another.
    pub(super) fn text(self, text: &str) -> Self {
        self.sequence(text.as_bytes())
    }

    /// Adds bytes and their end, likewise.
    pub(super) fn sequence(self, bytes: &[u8]) -> Self {
        self.sequence_start(bytes).byte(0).byte(1)
    }

    pub(super) fn day(mut self, day: Date) -> Self {
        let year = day.year().cast_unsigned() ^ (1 << 15);
        self.0.extend_from_slice(&year.to_be_bytes());
        self.byte(day.month().cast_unsigned())
            .byte(day.day().cast_unsigned())
    }

    pub(super) fn owner(self, owner: &ResourceKey) -> Self {
        self.byte(owner.resource_type.code()).id(&owner.id)
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_keep_their_order_and_no_text_begins_another(left in "[\0\u{1}a-c\u{ff}]{0,6}", right in "[\0\u{1}a-c\u{ff}]{0,6}") {
            let (a, b) = (KeyBuilder::default().text(&left).bytes(), KeyBuilder::default().text(&right).bytes());
            prop_assert_eq!(a.cmp(&b), left.as_bytes().cmp(right.as_bytes()));
            prop_assert!(left == right || !a.starts_with(&b));
            prop_assert_eq!(right.starts_with(&left), b.starts_with(&KeyBuilder::default().text_start(&left).bytes()));
        }

        #[test]
        fn numbers_keep_their_order(left: i64, right: i64) {
            prop_assert_eq!(KeyBuilder::default().signed(left).bytes().cmp(&KeyBuilder::default().signed(right).bytes()), left.cmp(&right));
            let (left, right) = (i128::from(left) << 40, i128::from(right) << 40);
            prop_assert_eq!(KeyBuilder::default().signed_long(left).bytes().cmp(&KeyBuilder::default().signed_long(right).bytes()), left.cmp(&right));
        }
    }
}
