//! The two forms of a resource: what Frist makes of the one, HAPI FHIR's parsers make of it too.
//!
//! HAPI FHIR reads the XML that Frist writes and must find in it the JSON that it was written from;
//! Frist reads the XML that HAPI FHIR writes of the same JSON and must find it as well. Where HAPI
//! FHIR's writers lose something that a parser has read, that is left out on both sides.

use std::collections::BTreeSet;
use std::path::Path;

use frist::schema::Definitions;
use frist::xml::{self, Layout};
use serde_json::{Map, Value, json};

use crate::line::{self, Line};

/// Writes resources in both forms: about so many, of all groups but those that are wrong on purpose.
pub(crate) fn write_pairs(lines: &[Line], count: usize, out: &Path) -> Result<(), String> {
    let definitions = Definitions::core();
    let mut seen = BTreeSet::new();
    let mut pairs = Vec::new();
    // Of what is wrong on purpose, HAPI FHIR's parsers refuse some.
    let sound = lines
        .iter()
        .filter(|line| !line.name.starts_with("invalid/"));
    for line in sound {
        let written = xml::write(&definitions, line.resource.as_bytes(), Layout::Compact);
        let Ok(written) = written else { continue };
        if seen.insert(line.resource.as_str()) {
            let written = String::from_utf8_lossy(&written);
            pairs.push(json!({ "name": line.name, "json": line.resource, "xml": written }));
        }
    }
    let step = (pairs.len() / count.max(1)).max(1);
    let chosen: Vec<_> = pairs.into_iter().step_by(step).collect();
    if chosen.len() < count {
        let found = chosen.len();
        return Err(format!("expected {count} resources, found {found}"));
    }
    line::write_values(out, chosen.into_iter())
}

/// Compares what HAPI FHIR made of the pairs; returns a line for each that differs.
pub(crate) fn compare(pairs: &Path, converted: &Path) -> Result<(usize, Vec<String>), String> {
    let (pairs, converted) = (line::read_values(pairs)?, line::read_values(converted)?);
    let definitions = Definitions::core();
    let mut differences = Vec::new();
    if pairs.len() != converted.len() {
        return Err("expected one answer for each pair".to_owned());
    }
    for (pair, made) in pairs.iter().zip(&converted) {
        let name = text(&pair["name"]);
        if let Some(crash) = made["crash"].as_str() {
            differences.push(format!("{name}: HAPI FHIR: {crash}"));
            continue;
        }
        let expected = comparable(text(&pair["json"]));
        let own = xml::read(&definitions, text(&made["xml"]).as_bytes());
        let own = own.map_err(|issue| format!("{}: {}", issue.expression, issue.text));
        for (what, found) in [
            (
                "HAPI FHIR reads XML of Frist",
                Ok(text(&made["json"]).to_owned()),
            ),
            ("Frist reads XML of HAPI FHIR", own),
        ] {
            match found.map(|found| comparable(&found)) {
                Ok(found) if found == expected => {}
                Ok(found) => differences.push(format!(
                    "{name}: {what}\n  expected {expected}\n  found    {found}"
                )),
                Err(why) => differences.push(format!("{name}: {what}: {why}")),
            }
        }
    }
    Ok((pairs.len(), differences))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns JSON as it is compared: members by name, numbers by their digits (HAPI FHIR writes `150`
/// for `1.50e2`, and keeps those of what has no exponent), narratives by their text (it writes
/// references and empty elements in its own way).
fn comparable(text: &str) -> Value {
    plain(&text.parse().unwrap_or_default())
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            let plain_member = |(key, value): (&String, &Value)| match value {
                Value::String(div) if key == "div" => (key.clone(), Value::from(words(div))),
                _ => (key.clone(), plain(value)),
            };
            Value::Object(sorted.into_iter().map(plain_member).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Number(number) => Value::from(digits(&number.to_string())),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

/// Returns the words of a narrative, without its markup.
fn words(div: &str) -> String {
    let texts = div
        .split('<')
        .map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    let plain = texts.collect::<Vec<_>>().join(" ");
    let plain = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&#160;", "\u{a0}"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(plain, |text, (reference, character)| {
        text.replace(reference, character)
    });
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes a number without its exponent, with all digits that it has: `1.50e2` is `150`, and `1.00`
/// stays what it is.
fn digits(number: &str) -> String {
    let (sign, size) = number
        .strip_prefix('-')
        .map_or(("", number), |size| ("-", size));
    let lower = size.to_ascii_lowercase();
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    // Where the point stands, counted from the first digit.
    let shift: i64 = exponent.trim_start_matches('+').parse().unwrap_or(0);
    let point = i64::try_from(whole.len()).unwrap_or(0) + shift;
    let length = i64::try_from(all.len()).unwrap_or(0);
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    let (whole, fraction) = if point <= 0 {
        ("0".to_owned(), format!("{}{all}", zeros(-point)))
    } else if point >= length {
        (format!("{all}{}", zeros(point - length)), String::new())
    } else {
        let (whole, fraction) = all.split_at(usize::try_from(point).unwrap_or(0));
        (whole.to_owned(), fraction.to_owned())
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    // A decimal of Java has no zero that is less than nothing.
    let is_nothing = whole == "0" && fraction.bytes().all(|digit| digit == b'0');
    let sign = if is_nothing { "" } else { sign };
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{dot}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn numbers_are_told_apart_by_their_digits_and_not_by_their_exponents() {
        for (number, expected) in [
            ("1", "1"),
            ("1.0", "1.0"),
            ("1.00", "1.00"),
            ("-1.50", "-1.50"),
            ("0.10", "0.10"),
            ("1.50e2", "150"),
            ("1.0e0", "1.0"),
            ("1E-3", "0.001"),
            ("12.5e-1", "1.25"),
            ("-2.5E+3", "-2500"),
            ("-0.0", "0.0"),
            (
                "12345678901234567890.123456789",
                "12345678901234567890.123456789",
            ),
        ] {
            assert_eq!(digits(number), expected, "{number}");
        }
    }
}
