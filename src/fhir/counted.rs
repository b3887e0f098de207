//! Numbers of things in sentences.

use std::fmt::Display;

/// Writes a number of things: `1 person`, `2 persons`, `0 persons`.
pub fn counted(number: impl Display, one: &str) -> String {
    let number = number.to_string();
    let plural = if number == "1" { "" } else { "s" };
    format!("{number} {one}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_one() {
        let told = [0, 1, 2, 11, 21].map(|number| counted(number, "person"));
        assert_eq!(
            told,
            [
                "0 persons",
                "1 person",
                "2 persons",
                "11 persons",
                "21 persons"
            ]
        );
    }
}
