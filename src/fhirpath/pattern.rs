//! Regular expressions as the public validator reads them, in the syntax of the engine used here.
//!
//! `matches()` finds its pattern anywhere in the text, and a dot stands for a line break too. `\d`,
//! `\w`, `\s` and `\b` know ASCII only; `(?i)` knows every letter. The engine works in linear time;
//! patterns that need another kind (look-around, back references) are refused.

use regex::{Regex, RegexBuilder};

/// The most memory of a compiled pattern that stands in an expression, and so is compiled once.
pub(super) const WRITTEN_SIZE_MAX: usize = 1 << 20;
/// The most memory of a compiled pattern that is read from the data, and so is compiled each time.
pub(super) const READ_SIZE_MAX: usize = 1 << 16;

/// The part of a text that a pattern must match.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Somewhere,
    Whole,
}

/// Compiles a pattern, which may take no more memory than this; the error says why it cannot be
/// used.
pub(super) fn compile(pattern: &str, extent: Extent, size_max: usize) -> Result<Regex, String> {
    let translated = match extent {
        Extent::Somewhere => translate(pattern),
        Extent::Whole => format!(r"\A(?:{})\z", translate(pattern)),
    };
    let built = RegexBuilder::new(&translated)
        .dot_matches_new_line(true)
        .size_limit(size_max)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("a regular expression that needs more than {limit} bytes")
        }
        _ => "a regular expression that this evaluator does not support".to_owned(),
    })
}

/// Writes the classes out in ASCII. `$` may stand before a last line break, as in the engine of the
/// public validator.
fn translate(pattern: &str) -> String {
    let mut translated = String::with_capacity(pattern.len() + 16);
    let mut characters = pattern.chars().peekable();
    let mut class_depth = 0_u32;
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let Some(escaped) = characters.next() else {
                    translated.push('\\');
                    break;
                };
                match (escaped, class_depth > 0) {
                    ('d', true) => translated.push_str("0-9"),
                    ('d', false) => translated.push_str("[0-9]"),
                    ('D', _) => translated.push_str("[^0-9]"),
                    ('w', true) => translated.push_str("a-zA-Z0-9_"),
                    ('w', false) => translated.push_str("[a-zA-Z0-9_]"),
                    ('W', _) => translated.push_str("[^a-zA-Z0-9_]"),
                    ('s', true) => translated.push_str(r" \t\n\x0B\f\r"),
                    ('s', false) => translated.push_str(r"[ \t\n\x0B\f\r]"),
                    ('S', _) => translated.push_str(r"[^ \t\n\x0B\f\r]"),
                    ('b', false) => translated.push_str(r"(?-u:\b)"),
                    ('Z', false) => translated.push_str(r"(?:\n?\z)"),
                    _ => translated.extend(['\\', escaped]),
                }
                continue;
            }
            '[' => {
                class_depth += 1;
                translated.push('[');
                if characters.peek() == Some(&'^') {
                    characters.next();
                    translated.push('^');
                }
                // A bracket that comes first stands for itself.
                if characters.peek() == Some(&']') {
                    characters.next();
                    translated.push_str(r"\]");
                }
                continue;
            }
            ']' if class_depth > 0 => class_depth -= 1,
            '$' if class_depth == 0 => {
                translated.push_str(r"(?:\n?\z)");
                continue;
            }
            _ => {}
        }
        translated.push(character);
    }
    translated
}

/// Translates a replacement of the public validator (`$1`, `\$`) into the syntax of the engine used
/// here.
pub(super) fn replacement(text: &str) -> String {
    let mut translated = String::with_capacity(text.len() + 8);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('$') => translated.push_str("$$"),
                Some(escaped) => translated.push(escaped),
                None => {}
            },
            '$' => match characters.peek() {
                Some(digit @ '0'..='9') => {
                    translated.extend(["${", digit.encode_utf8(&mut [0; 4]), "}"]);
                    characters.next();
                }
                Some('{') => translated.push('$'),
                _ => translated.push_str("$$"),
            },
            other => translated.push(other),
        }
    }
    translated
}
