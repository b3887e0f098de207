//! CPR numbers in text: where they must not stand, they are recognised here. Two notions, since two
//! mistakes differ in price: turning a request away asks for a text that is a CPR number in all
//! likelihood; keeping a text out of the log asks for no more than the shape.

/// Tells whether a text is a CPR number in all likelihood, so that a request with it as an id or in
/// an address is refused: ten digits that begin with a day and a month, with a hyphen before the
/// last four or without.
pub fn is_cpr_number(text: &str) -> bool {
    let digits = match text.as_bytes() {
        [date @ .., b'-', _, _, _, _] if date.len() == 6 => text.replace('-', ""),
        _ => text.to_owned(),
    };
    let number = |range: std::ops::Range<usize>| {
        digits
            .get(range)
            .and_then(|part| part.parse::<u8>().ok())
            .unwrap_or(0)
    };
    digits.len() == 10
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=31).contains(&number(0..2))
        && (1..=12).contains(&number(2..4))
}

/// Tells whether a part of the value of a search parameter is a CPR number in all likelihood.
pub fn holds_cpr_number(value: &str) -> bool {
    value
        .split([',', '|', '/', '$', '\\', ' '])
        .any(is_cpr_number)
}

/// Tells whether a text could be a CPR number and so stays out of logs and metrics: ten digits,
/// with hyphens anywhere or without.
pub fn could_be_cpr_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits == 10
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpr_number_is_ten_digits_that_begin_with_a_day_and_a_month() {
        for (text, is_one, could_be) in [
            ("0405440001", true, true),
            ("040544-0001", true, true),
            ("3112999999", true, true),
            ("3213999999", false, true),
            ("0405-440001", false, true),
            ("040544000", false, false),
            ("04054400012", false, false),
            ("a405440001", false, false),
            ("77410", false, false),
            ("æ40544-001", false, false),
        ] {
            assert_eq!(
                (is_cpr_number(text), could_be_cpr_number(text)),
                (is_one, could_be),
                "{text}"
            );
        }
    }
}
