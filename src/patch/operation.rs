//! The operations of a FHIRPath Patch, as its Parameters tell them
//! (<https://hl7.org/fhir/R4/fhirpatch.html>).

use serde_json::Value;

use super::given::Given;
use crate::fhir::{Issue, IssueCode, Resource};
use crate::fhirpath::Expression;

/// The most operations that one patch may have: each may look at the whole resource.
const OPERATIONS_MAX: usize = 100;

/// One operation, with its place among the parameters.
#[derive(Debug)]
pub(super) struct PatchOperation {
    at: usize,
    pub path: Expression,
    pub change: PatchChange,
}

/// The change that one operation makes at its path.
#[derive(Debug)]
pub(super) enum PatchChange {
    Add {
        name: String,
        value: Given,
    },
    /// `in_nothing` is for a list that is not there yet, if its element is named at the end of the
    /// path: the path of the element above, and the name.
    Insert {
        index: usize,
        value: Given,
        in_nothing: Option<(Expression, String)>,
    },
    Delete,
    Replace {
        value: Given,
    },
    Move {
        source: usize,
        destination: usize,
    },
}

/// Reads all operations.
///
/// # Errors
/// The findings about all operations, at once.
pub(super) fn read(parameters: &Resource) -> Result<Vec<PatchOperation>, Vec<Issue>> {
    let wrong = |code, at: &str, text: String| vec![Issue::error(code, at, text)];
    if parameters.type_name() != "Parameters" {
        return Err(wrong(
            IssueCode::Invalid,
            "",
            "expected a Parameters resource with operations, found another resource".to_owned(),
        ));
    }
    let sent = match parameters.value().get("parameter") {
        None => &[][..],
        Some(Value::Array(sent)) => sent,
        Some(_) => {
            return Err(wrong(
                IssueCode::Structure,
                "Parameters.parameter",
                "expected an array".to_owned(),
            ));
        }
    };
    if sent.len() > OPERATIONS_MAX {
        let text = format!(
            "expected at most {OPERATIONS_MAX} operations, found {}",
            sent.len()
        );
        return Err(wrong(IssueCode::TooCostly, "Parameters.parameter", text));
    }
    let (mut operations, mut issues) = (Vec::new(), Vec::new());
    for (at, parameter) in sent.iter().enumerate() {
        match PatchOperation::read(at, parameter) {
            Ok(operation) => operations.push(operation),
            Err(text) => issues.push(Issue::error(IssueCode::Invalid, place_of(at), text)),
        }
    }
    if issues.is_empty() {
        Ok(operations)
    } else {
        Err(issues)
    }
}

fn place_of(at: usize) -> String {
    format!("Parameters.parameter[{at}]")
}

impl PatchOperation {
    fn read(at: usize, parameter: &Value) -> Result<PatchOperation, String> {
        if parameter["name"] != "operation" {
            return Err("expected a parameter 'operation', found another".to_owned());
        }
        let parts = OperationParts(
            parameter["part"]
                .as_array()
                .ok_or("expected the parts type and path")?,
        );
        let path = parts.text("path")?;
        let change = PatchChange::read(&parts, path)?;
        let compiled = Expression::compile(path)
            .map_err(|_| "expected the path to be FHIRPath that this server understands")?;
        Ok(PatchOperation {
            at,
            path: compiled,
            change,
        })
    }

    /// Returns the FHIRPath of the operation among the Parameters.
    pub(super) fn place(&self) -> String {
        place_of(self.at)
    }
}

impl PatchChange {
    fn read(parts: &OperationParts<'_>, path: &str) -> Result<PatchChange, String> {
        match parts.text("type")? {
            "add" => Ok(PatchChange::Add {
                name: parts.text("name")?.to_owned(),
                value: parts.value()?,
            }),
            "insert" => {
                let split = path
                    .trim()
                    .rsplit_once('.')
                    .filter(|(_, name)| name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
                let in_nothing = split.and_then(|(above, name)| {
                    Some((Expression::compile(above).ok()?, name.to_owned()))
                });
                Ok(PatchChange::Insert {
                    index: parts.number("index")?,
                    value: parts.value()?,
                    in_nothing,
                })
            }
            "delete" => Ok(PatchChange::Delete),
            "replace" => Ok(PatchChange::Replace {
                value: parts.value()?,
            }),
            "move" => Ok(PatchChange::Move {
                source: parts.number("source")?,
                destination: parts.number("destination")?,
            }),
            _ => Err(
                "expected the type to be one of add, insert, delete, replace and move".to_owned(),
            ),
        }
    }
}

/// The parts of the parameter `operation`.
struct OperationParts<'a>(&'a [Value]);

impl<'a> OperationParts<'a> {
    fn part(&self, name: &str) -> Result<&'a Value, String> {
        let mut named = self.0.iter().filter(|part| part["name"] == *name);
        match (named.next(), named.next()) {
            (Some(part), None) => Ok(part),
            (None, _) => Err(format!("expected the part '{name}', found none")),
            (Some(_), Some(_)) => Err(format!("expected the part '{name}' once, found it again")),
        }
    }

    fn text(&self, name: &str) -> Result<&'a str, String> {
        let value = self.part(name)?;
        let text = value["valueString"]
            .as_str()
            .or_else(|| value["valueCode"].as_str());
        text.ok_or_else(|| format!("expected the part '{name}' to be text"))
    }

    fn number(&self, name: &str) -> Result<usize, String> {
        let number = self.part(name)?["valueInteger"]
            .as_u64()
            .and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| format!("expected the part '{name}' to be a whole number, 0 or more"))
    }

    fn value(&self) -> Result<Given, String> {
        Given::read(self.part("value")?).map_err(|what| format!("value: {what}"))
    }
}
