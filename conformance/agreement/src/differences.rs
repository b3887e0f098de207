//! `known-differences.json`: where the two may disagree, and why.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::line::{Finding, Verdict};

/// The side that refuses what the other accepts, and its findings; all of them must be among these
/// patterns.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Side {
    /// The public validator refuses by findings like these.
    Hl7(Vec<String>),
    /// Frist refuses by findings like these.
    Frist(Vec<String>),
    /// The public validator fails with a text like one of these, and so says nothing.
    Crash(Vec<String>),
}

/// One reason to disagree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Difference {
    /// Patterns of the names of resources.
    names: Vec<String>,
    side: Side,
    /// True if not every choice of mutants has a case of it.
    pub(crate) is_rare: bool,
    /// The reason, with the page of the specification that decides.
    pub(crate) reason: String,
}

impl Difference {
    /// Tells whether this is why the two disagree about a resource.
    pub(crate) fn explains(&self, hl7: &Verdict, frist: &Verdict) -> bool {
        let named = self.names.iter().any(|pattern| matches(pattern, &hl7.name));
        let by = |patterns: &[String], verdict: &Verdict| {
            let like = |finding: &Finding| {
                patterns
                    .iter()
                    .any(|pattern| matches(pattern, &said(finding)))
            };
            let mut refusing = verdict.findings.iter().filter(|finding| finding.refuses());
            refusing.all(like)
        };
        named
            && match (&self.side, &hl7.crash) {
                (Side::Crash(patterns), Some(crash)) => {
                    patterns.iter().any(|pattern| matches(pattern, crash))
                }
                (Side::Hl7(patterns), None) => {
                    !hl7.is_valid() && frist.is_valid() && by(patterns, hl7)
                }
                (Side::Frist(patterns), None) => {
                    hl7.is_valid() && !frist.is_valid() && by(patterns, frist)
                }
                (Side::Crash(_), None) | (Side::Hl7(_) | Side::Frist(_), Some(_)) => false,
            }
    }

    /// Tells whether none of these groups can have a resource that it is about.
    pub(crate) fn is_about_none_of(&self, groups: &[&str]) -> bool {
        let group = |pattern: &String| pattern.split('/').next().unwrap_or_default().to_owned();
        !self
            .names
            .iter()
            .any(|pattern| groups.iter().any(|name| matches(&group(pattern), name)))
    }

    /// Names the side that refuses.
    pub(crate) fn side(&self) -> &'static str {
        match self.side {
            Side::Hl7(_) => "HL7 refuses",
            Side::Frist(_) => "Frist refuses",
            Side::Crash(_) => "HL7 fails",
        }
    }
}

/// Returns the text that patterns are matched with: the id, the location and the text of a finding.
pub(crate) fn said(finding: &Finding) -> String {
    format!(
        "{} @ {} : {}",
        finding.id, finding.location, finding.message
    )
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> Result<Vec<Difference>, String> {
    let fail = |error: String| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let Value::Array(entries) =
        serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?
    else {
        return Err(fail("expected an array".to_owned()));
    };
    entries
        .iter()
        .map(|entry| difference(entry).map_err(|error| fail(format!("{error}: {entry}"))))
        .collect()
}

fn difference(entry: &Value) -> Result<Difference, String> {
    let members = entry.as_object().ok_or("expected an object")?;
    if let Some(name) = members
        .keys()
        .find(|name| !["names", "hl7", "frist", "crash", "rare", "reason"].contains(&name.as_str()))
    {
        return Err(format!("unknown member '{name}'"));
    }
    let patterns = |name: &str| -> Result<Vec<String>, String> {
        let items = members
            .get(name)
            .and_then(Value::as_array)
            .filter(|items| !items.is_empty());
        let texts = items
            .ok_or(format!("'{name}' must be an array of patterns"))?
            .iter()
            .map(|item| item.as_str().map(str::to_owned));
        texts
            .collect::<Option<_>>()
            .ok_or(format!("'{name}' must hold texts"))
    };
    let side = match (
        members.contains_key("hl7"),
        members.contains_key("frist"),
        members.contains_key("crash"),
    ) {
        (true, false, false) => Side::Hl7(patterns("hl7")?),
        (false, true, false) => Side::Frist(patterns("frist")?),
        (false, false, true) => Side::Crash(patterns("crash")?),
        _ => return Err("expected one of 'hl7', 'frist' and 'crash'".to_owned()),
    };
    let reason = members
        .get("reason")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !reason.contains("https://") {
        return Err("the reason must cite the specification by its address".to_owned());
    }
    let is_rare = members
        .get("rare")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    Ok(Difference {
        names: patterns("names")?,
        side,
        is_rare,
        reason: reason.to_owned(),
    })
}

/// Tells whether the text is as the pattern, in which `*` stands for anything.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::json;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abc", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("ab*ba", "aba", false),
            ("*", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn an_entry_has_names_one_side_and_a_reason_that_cites() {
        let good = json!({ "names": ["mutants/*"], "hl7": ["x*"], "reason": "see https://hl7.org/fhir/R4/json.html" });
        assert!(difference(&good).is_ok());
        for (name, value) in [
            ("names", json!([])),
            ("names", json!("mutants/*")),
            ("hl7", json!([7])),
            ("frist", json!(["y"])),
            ("reason", json!("because")),
            ("note", json!("x")),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            assert!(difference(&bad).is_err(), "{bad}");
        }
    }
}
