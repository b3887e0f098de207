//! The lines that the programs of a run hand to one another: resources to judge, and verdicts
//! (NDJSON).

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde_json::{Value, json};

/// A resource to judge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    /// `group/source`, and of a mutant `group/source~kind@path`.
    pub(crate) name: String,
    /// The profiles to check against besides the base and those that the resource names.
    pub(crate) profiles: Vec<String>,
    /// The text, as it would come over the wire.
    pub(crate) resource: String,
}

/// One finding of either side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    pub(crate) severity: String,
    /// The place, as each side names it.
    pub(crate) location: String,
    /// The public validator's message id, or Frist's `code` and rule.
    pub(crate) id: String,
    pub(crate) message: String,
}

impl Finding {
    /// Tells whether it makes the resource invalid.
    pub(crate) fn refuses(&self) -> bool {
        matches!(self.severity.as_str(), "error" | "fatal")
    }
}

/// The verdict of one side about one resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    pub(crate) name: String,
    pub(crate) findings: Vec<Finding>,
    /// The reason why there is no verdict: the validator itself failed.
    pub(crate) crash: Option<String>,
}

impl Verdict {
    /// Tells whether nothing refuses the resource.
    pub(crate) fn is_valid(&self) -> bool {
        !self.findings.iter().any(Finding::refuses)
    }
}

/// Reads the lines of a file.
pub(crate) fn read_lines(path: &Path) -> Result<Vec<Line>, String> {
    let line = |value: &Value| Line {
        name: text(&value["name"]),
        profiles: value["profiles"]
            .as_array()
            .into_iter()
            .flatten()
            .map(text)
            .collect(),
        resource: text(&value["resource"]),
    };
    read(path, line)
}

/// Writes the lines to a file.
pub(crate) fn write_lines(path: &Path, lines: &[Line]) -> Result<(), String> {
    let values = lines.iter().map(
        |line| json!({ "name": line.name, "profiles": line.profiles, "resource": line.resource }),
    );
    write(path, values)
}

/// Reads the verdicts of a file.
pub(crate) fn read_verdicts(path: &Path) -> Result<Vec<Verdict>, String> {
    let finding = |issue: &Value| Finding {
        severity: text(&issue["severity"]),
        location: text(&issue["location"]),
        id: text(&issue["id"]),
        message: text(&issue["message"]),
    };
    let verdict = |value: &Value| Verdict {
        name: text(&value["name"]),
        findings: value["issues"]
            .as_array()
            .into_iter()
            .flatten()
            .map(finding)
            .collect(),
        crash: value["crash"].as_str().map(str::to_owned),
    };
    read(path, verdict)
}

/// Writes the verdicts to a file.
pub(crate) fn write_verdicts(path: &Path, verdicts: &[Verdict]) -> Result<(), String> {
    let finding = |finding: &Finding| json!({ "severity": finding.severity, "location": finding.location, "id": finding.id, "message": finding.message });
    let values = verdicts.iter().map(|verdict| {
        let issues: Vec<Value> = verdict.findings.iter().map(finding).collect();
        json!({ "name": verdict.name, "issues": issues })
    });
    write(path, values)
}

/// Reads the objects of a file as they are.
pub(crate) fn read_values(path: &Path) -> Result<Vec<Value>, String> {
    read(path, Value::clone)
}

/// Writes objects to a file.
pub(crate) fn write_values(path: &Path, values: impl Iterator<Item = Value>) -> Result<(), String> {
    write(path, values)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn read<T>(path: &Path, of: impl Fn(&Value) -> T) -> Result<Vec<T>, String> {
    let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| fail(&error))?;
    let mut found = Vec::new();
    for line in BufReader::new(file).lines() {
        let value = serde_json::from_str(&line.map_err(|error| fail(&error))?)
            .map_err(|error| fail(&error))?;
        found.push(of(&value));
    }
    Ok(found)
}

fn write(path: &Path, values: impl Iterator<Item = Value>) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut out = BufWriter::new(File::create(path).map_err(fail)?);
    for value in values {
        writeln!(out, "{value}").map_err(fail)?;
    }
    out.flush().map_err(fail)
}
