//! Texts as they are compared: without case and accents
//! (<https://hl7.org/fhir/R4/search.html#string>).

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The ring above, which makes an a to the Danish å.
const RING: char = '\u{30a}';

/// Returns the text in lower case and without accents, each run of blanks as one. The Danish æ, ø
/// and å are letters of their own: `Bo` does not find `Bø`, and `ar` does not find `år`, as no Dane
/// would look for one with the other. German and Swedish ä, ö and ü count as accents. Other letters
/// of Latin script are what a Danish keyboard has for them: ß is ss, ł is l, þ is th.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return one_blank(text.chars().map(|c| c.to_ascii_lowercase()));
    }
    let mut plain = String::with_capacity(text.len());
    let mut is_after_a = false;
    for letter in text.nfd().flat_map(char::to_lowercase) {
        if letter == RING && is_after_a {
            plain.pop();
            plain.push('å');
        }
        is_after_a = letter == 'a';
        match on_the_keyboard(letter) {
            Some(letters) => plain.push_str(letters),
            None if is_combining_mark(letter) => {}
            None => plain.push(letter),
        }
    }
    one_blank(plain.chars())
}

/// Returns what stands for a small letter that no accent makes, as people type it who do not have
/// it.
fn on_the_keyboard(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ß' => "ss",
        'œ' => "oe",
        'þ' => "th",
        'ĳ' => "ij",
        'ǆ' => "dz",
        'ǉ' => "lj",
        'ǌ' => "nj",
        'ǳ' => "dz",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        'ﬅ' | 'ﬆ' => "st",
        'ƀ' | 'ɓ' => "b",
        'đ' | 'ð' | 'ɖ' | 'ɗ' => "d",
        'ƒ' => "f",
        'ǥ' => "g",
        'ħ' => "h",
        'ı' | 'ɨ' => "i",
        'ƙ' => "k",
        'ĸ' => "q",
        'ł' | 'ŀ' | 'ƚ' => "l",
        'ŋ' | 'ŉ' => "n",
        'ſ' => "s",
        'ŧ' => "t",
        'ƶ' => "z",
        _ => return None,
    })
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
            ("Ǻse ǽ ǿ", "åse æ ø"),
            ("Ů", "u"),
            ("Straße", "strasse"),
            ("STRAẞE", "strasse"),
            ("Łukasz", "lukasz"),
            ("Đorđević", "dordevic"),
            ("Sigurður Þór", "sigurdur thor"),
            ("Ŋ ŧ ĸ ħ", "n t q h"),
            ("Kırmızı İnce", "kirmizi ince"),
            ("Œuvre Ǆ ĳ ﬁn", "oeuvre dz ij fin"),
            ("ſtraſſe", "strasse"),
            ("Anna  \t Maria", "anna maria"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }
}
