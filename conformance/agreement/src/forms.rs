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

/// Returns JSON as it is compared: members by name, numbers by value (HAPI FHIR writes `150` for
/// `1.50e2`), narratives by their text (it writes references and empty elements in its own way).
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
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
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
