//! Texts as they are compared: without case and accents
//! (<https://hl7.org/fhir/R4/search.html#string>).

use std::iter::once;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Returns the text in lower case and without accents, each run of blanks as one. The Danish æ, ø
/// and å are letters of their own: `Bo` does not find `Bø`, and `ar` does not find `år`, as no Dane
/// would look for one with the other. German and Swedish ä, ö and ü count as accents.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return one_blank(text.chars().map(|c| c.to_ascii_lowercase()));
    }
    let letters = text.nfc().flat_map(char::to_lowercase);
    let plain = letters.flat_map(|letter| {
        let own = (letter == 'å').then_some(letter);
        let bare = once(letter)
            .filter(move |_| own.is_none())
            .nfd()
            .filter(|part| !is_combining_mark(*part));
        own.into_iter().chain(bare)
    });
    one_blank(plain)
}

fn one_blank(letters: impl Iterator<Item = char>) -> String {
    let mut folded = String::new();
    for letter in letters {
        match letter.is_whitespace() {
            true if folded.ends_with(' ') => {}
            true => folded.push(' '),
            false => folded.push(letter),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_count_and_danish_letters_do() {
        for (text, folded) in [
            ("Jensen", "jensen"),
            ("Søren", "søren"),
            ("ÅSE", "åse"),
            ("A\u{30a}se", "åse"),
            ("André", "andre"),
            ("Müller", "muller"),
            ("Æble", "æble"),
            ("Anna  \t Maria", "anna maria"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }
}
