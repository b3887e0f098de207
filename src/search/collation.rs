//! The order of texts, as Danes expect it: z, æ, ø, å, and aa as å; the accents and then the case
//! count where nothing else differs (CLDR's collation for Danish).

use std::cmp::Ordering;
use std::convert::Infallible;
use std::sync::LazyLock;

use icu_collator::CollatorBorrowed;
use icu_collator::options::CollatorOptions;
use icu_locale_core::locale;

static DANISH: LazyLock<CollatorBorrowed<'static>> = LazyLock::new(|| {
    CollatorBorrowed::try_new(locale!("da").into(), CollatorOptions::default())
        .expect("the collation for Danish is in the binary")
});

/// Compares two texts; those that no Dane would order are ordered by their letters.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    DANISH.compare(left, right).then_with(|| left.cmp(right))
}

/// Returns bytes that compare as the texts do, but for texts that no Dane would order.
pub fn sort_key(text: &str) -> Vec<u8> {
    let mut key = Vec::new();
    let Ok::<(), Infallible>(()) = DANISH.write_sort_key_to(text, &mut key);
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_sort_as_in_a_danish_register() {
        let sorted = [
            "", "1", "2 b", "A", "a", "Andersen", "andersen", "Andre", "André", "Ánna", "Bo",
            "Du Pont", "Dupont", "Lukasz", "Łukasz", "Muller", "Myller", "Müller", "Strasse",
            "Straße", "Thor", "Þór", "Zoe", "Ädel", "Ægir", "ægir", "Øst", "øst", "Östberg",
            "Ågård", "Aagaard", "Åse", "Aase", "åse",
        ];
        let mut texts = sorted;
        texts.reverse();
        texts.sort_by(|left, right| compare(left, right));
        assert_eq!(texts, sorted);
    }

    proptest! {
        #[test]
        fn keys_compare_as_texts(left in "[aAåÅæøbz\u{30a}\u{301}éßł 0\\-\0]{0,6}|.{0,8}", right in "[aAåÅæøbz\u{30a}\u{301}éßł 0\\-\0]{0,6}|.{0,8}") {
            let by_key = sort_key(&left).cmp(&sort_key(&right)).then_with(|| left.cmp(&right));
            prop_assert_eq!(by_key, compare(&left, &right));
        }
    }
}
