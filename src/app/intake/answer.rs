//! The answers of `$intake`, summed up: by outcome and reason, and by file what was refused and what
//! the sender has to mend.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::fhir::counted;
use crate::fhir::view::items;

/// The outcomes, in the order in which they are told.
const OUTCOMES: [&str; 6] = [
    "created",
    "updated",
    "unchanged",
    "older",
    "left-out",
    "needs",
];
/// The most files of which each piece that needs something is told.
const NEEDING_MAX: usize = 200;

/// The sums of what became of all files.
#[derive(Default)]
pub(super) struct IntakeSums {
    taken: usize,
    formats: BTreeMap<String, usize>,
    /// By outcome: how many entries, and how many with each reason.
    outcomes: BTreeMap<String, (usize, BTreeMap<String, usize>)>,
    /// The files of which entries need something: the name, and what.
    needing: Vec<(String, Vec<String>)>,
    refused: Vec<(String, String)>,
}

impl IntakeSums {
    /// Tells whether no file was refused.
    pub(super) fn is_all_taken(&self) -> bool {
        self.refused.is_empty()
    }

    /// Adds a file that was not sent, or refused as a whole.
    pub(super) fn refuse(&mut self, name: String, why: String) {
        self.refused.push((name, why));
    }

    /// Adds the answer to a file.
    pub(super) fn add(&mut self, name: String, status: u16, body: &[u8]) {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        if status != 200 || answer["resourceType"] != "Parameters" {
            return self.refuse(
                name,
                format!("{status} {}", why(&answer)).trim_end().to_owned(),
            );
        }
        self.taken += 1;
        let mut needs = Vec::new();
        let mut place = 0;
        for parameter in items(&answer["parameter"]) {
            match parameter["name"].as_str() {
                Some("format") => {
                    let format = parameter["valueCode"].as_str().unwrap_or_default();
                    *self.formats.entry(format.to_owned()).or_default() += 1;
                }
                Some("entry") => {
                    needs.extend(self.entry(place, parameter));
                    place += 1;
                }
                _ => {}
            }
        }
        if !needs.is_empty() {
            self.needing.push((name, needs));
        }
    }

    /// Counts an entry, and tells what it needs.
    fn entry(&mut self, place: usize, entry: &Value) -> Option<String> {
        let parts =
            |name: &'static str| items(&entry["part"]).filter(move |part| part["name"] == name);
        let code = |name| parts(name).filter_map(|part| part["valueCode"].as_str());
        let outcome = code("outcome").next().unwrap_or("(none)").to_owned();
        let (count, reasons) = self.outcomes.entry(outcome.clone()).or_default();
        *count += 1;
        for reason in code("reason") {
            *reasons.entry(reason.to_owned()).or_default() += 1;
        }
        (outcome == "needs").then(|| {
            let mut told = format!("entry[{place}]");
            for word in code("type").chain(code("reason")).chain(code("hint")) {
                let _ = write!(told, " {word}");
            }
            if let Some(text) = parts("text").find_map(|part| part["valueString"].as_str()) {
                let _ = write!(told, ": {text}");
            }
            told
        })
    }

    /// Tells it all in lines.
    pub(super) fn told(&self, is_report: bool) -> String {
        let mut out = String::new();
        let formats: Vec<_> = self
            .formats
            .iter()
            .map(|(format, count)| format!("{format} {count}"))
            .collect();
        let verb = if is_report {
            "would be taken in"
        } else {
            "taken in"
        };
        let _ = write!(out, "{} {verb}", counted(self.taken, "file"));
        let _ = match formats.is_empty() {
            true => writeln!(out),
            false => writeln!(out, ": {}", formats.join(", ")),
        };
        let known = OUTCOMES.iter().map(|outcome| (*outcome).to_owned());
        let other = self
            .outcomes
            .keys()
            .filter(|outcome| !OUTCOMES.contains(&outcome.as_str()));
        for outcome in known.chain(other.cloned()) {
            let Some((count, reasons)) = self.outcomes.get(&outcome) else {
                continue;
            };
            let mut reasons: Vec<_> = reasons.iter().collect();
            reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), *reason));
            let reasons: Vec<_> = reasons
                .iter()
                .map(|(reason, count)| format!("{reason} {count}"))
                .collect();
            let line = format!("  {outcome:<10}{count:>8}  {}", reasons.join(", "));
            let _ = writeln!(out, "{}", line.trim_end());
        }
        if !self.needing.is_empty() {
            let _ = writeln!(
                out,
                "{} with entries that need something:",
                counted(self.needing.len(), "file")
            );
        }
        for (name, needs) in self.needing.iter().take(NEEDING_MAX) {
            for need in needs {
                let _ = writeln!(out, "  {name}: {need}");
            }
        }
        if let Some(more) = self
            .needing
            .len()
            .checked_sub(NEEDING_MAX)
            .filter(|more| *more > 0)
        {
            let _ = writeln!(out, "  … and {}", counted(more, "file"));
        }
        let _ = writeln!(
            out,
            "{} refused{}",
            counted(self.refused.len(), "file"),
            if self.refused.is_empty() { "" } else { ":" }
        );
        for (name, why) in &self.refused {
            let _ = writeln!(out, "  {name}: {why}");
        }
        out
    }
}

/// Tells why a file was refused: the key of the first finding, and its text.
fn why(outcome: &Value) -> String {
    let refusing = items(&outcome["issue"])
        .find(|issue| issue["severity"] == "error" || issue["severity"] == "fatal");
    let Some(issue) = refusing else {
        return "without a reason that can be read".to_owned();
    };
    let key = items(&issue["details"]["coding"]).find_map(|coding| coding["code"].as_str());
    let text = issue["details"]["text"]
        .as_str()
        .or(issue["diagnostics"].as_str())
        .unwrap_or_default();
    match key {
        Some(key) => format!("{key}: {text}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_summed_up_by_outcome_and_reason_and_named_by_file() {
        let entry = |outcome: &str, reasons: &[&str]| {
            let mut parts = vec![
                json!({ "name": "type", "valueCode": "Condition" }),
                json!({ "name": "outcome", "valueCode": outcome }),
            ];
            parts.extend(
                reasons
                    .iter()
                    .map(|reason| json!({ "name": "reason", "valueCode": reason })),
            );
            json!({ "name": "entry", "part": parts })
        };
        let answer = json!({ "resourceType": "Parameters", "parameter": [
            { "name": "format", "valueCode": "conditionlist" },
            entry("created", &["verification-assumed"]), entry("left-out", &["other-diagnosis"]),
            entry("left-out", &["other-diagnosis"]), entry("needs", &["diagnosis-date"]) ] });
        let refusal = json!({ "resourceType": "OperationOutcome", "issue": [
            { "severity": "warning", "details": { "text": "not this" } },
            { "severity": "error", "details": { "coding": [{ "code": "person-count" }], "text": "expected one" } } ] });
        let mut sums = IntakeSums::default();
        sums.add("a.json".to_owned(), 200, answer.to_string().as_bytes());
        assert!(sums.is_all_taken());
        sums.add("b.json".to_owned(), 422, refusal.to_string().as_bytes());
        sums.add("c.json".to_owned(), 502, b"<html>");
        sums.refuse("d.json".to_owned(), "no such file".to_owned());
        assert!(!sums.is_all_taken());
        let expected = "1 file taken in: conditionlist 1
  created          1  verification-assumed 1
  left-out         2  other-diagnosis 2
  needs            1  diagnosis-date 1
1 file with entries that need something:
  a.json: entry[3] Condition diagnosis-date
3 files refused:
  b.json: 422 person-count: expected one
  c.json: 502 without a reason that can be read
  d.json: no such file
";
        assert_eq!(sums.told(false), expected);
    }
}
