//! JSON Patch (RFC 6902) with JSON Pointers (RFC 6901).
//!
//! Written here, since the libraries for it take members out of the middle of an object by moving
//! the last one there, compare numbers by their text, and let a few `copy` steps fill the memory.

use serde_json::{Map, Value};

use super::depth::{depth, too_deep};
use crate::fhir::json::DEPTH_MAX;
use crate::fhir::{Issue, IssueCode};

/// The most steps that one patch may have.
const STEPS_MAX: usize = 1_000;
/// The most that all `copy` steps together may copy, as text.
const COPIED_BYTES_MAX: usize = 5 * 1024 * 1024;

/// The names on the way to a place; none for the whole document.
type Pointer = Vec<String>;

/// One step of a JSON Patch.
#[derive(Debug)]
pub(super) enum JsonPatchStep {
    Add(Pointer, Value),
    Remove(Pointer),
    Replace(Pointer, Value),
    Move { from: Pointer, to: Pointer },
    Copy { from: Pointer, to: Pointer },
    Test(Pointer, Value),
}

/// Reads all steps.
///
/// # Errors
/// The findings about all steps, at once.
pub(super) fn read(document: &Value) -> Result<Vec<JsonPatchStep>, Vec<Issue>> {
    let wrong = |code, text: String| Issue::error(code, "", text);
    let Value::Array(sent) = document else {
        return Err(vec![wrong(
            IssueCode::Structure,
            "expected a JSON Patch document: an array of steps".to_owned(),
        )]);
    };
    if sent.len() > STEPS_MAX {
        return Err(vec![wrong(
            IssueCode::TooCostly,
            format!("expected at most {STEPS_MAX} steps, found {}", sent.len()),
        )]);
    }
    let (mut steps, mut issues) = (Vec::new(), Vec::new());
    for (at, step) in sent.iter().enumerate() {
        match read_step(step) {
            Ok(step) => steps.push(step),
            Err(text) => issues.push(wrong(
                IssueCode::Invalid,
                format!("step {} of the patch: {text}", at + 1),
            )),
        }
    }
    if issues.is_empty() {
        Ok(steps)
    } else {
        Err(issues)
    }
}

fn read_step(step: &Value) -> Result<JsonPatchStep, String> {
    let pointer = |name: &str| match step.get(name).and_then(Value::as_str) {
        Some(text) => read_pointer(text).ok_or_else(|| {
            format!("expected '{name}' to be a JSON Pointer, such as /name/0/family")
        }),
        None => Err(format!("expected '{name}' with a JSON Pointer, found none")),
    };
    let value = || {
        step.get("value")
            .cloned()
            .ok_or("expected a 'value', found none")
    };
    match step.get("op").and_then(Value::as_str) {
        Some("add") => Ok(JsonPatchStep::Add(pointer("path")?, value()?)),
        Some("remove") => Ok(JsonPatchStep::Remove(pointer("path")?)),
        Some("replace") => Ok(JsonPatchStep::Replace(pointer("path")?, value()?)),
        Some("move") => Ok(JsonPatchStep::Move {
            from: pointer("from")?,
            to: pointer("path")?,
        }),
        Some("copy") => Ok(JsonPatchStep::Copy {
            from: pointer("from")?,
            to: pointer("path")?,
        }),
        Some("test") => Ok(JsonPatchStep::Test(pointer("path")?, value()?)),
        _ => Err("expected 'op' to be one of add, remove, replace, move, copy and test".to_owned()),
    }
}

fn read_pointer(text: &str) -> Option<Pointer> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let unescaped = |name: &str| {
        let escapes_fit = name
            .split('~')
            .skip(1)
            .all(|after| after.starts_with(['0', '1']));
        escapes_fit.then(|| name.replace("~1", "/").replace("~0", "~"))
    };
    text.strip_prefix('/')?.split('/').map(unescaped).collect()
}

/// Carries out all steps in their order.
///
/// # Errors
/// The reason why the first one that fails cannot be carried out.
pub(super) fn apply(steps: &[JsonPatchStep], document: &mut Value) -> Result<(), Issue> {
    let mut may_copy_bytes = COPIED_BYTES_MAX;
    for (at, step) in steps.iter().enumerate() {
        let done = carry_out(step, document, &mut may_copy_bytes);
        done.map_err(|text| {
            Issue::error(
                IssueCode::Processing,
                "",
                format!("step {} of the patch: {text}", at + 1),
            )
        })?;
    }
    Ok(())
}

const NOTHING_THERE: &str = "expected something at its path, found nothing there";

fn carry_out(
    step: &JsonPatchStep,
    document: &mut Value,
    may_copy_bytes: &mut usize,
) -> Result<(), String> {
    match step {
        JsonPatchStep::Add(path, value) => insert(document, path, value.clone()),
        JsonPatchStep::Remove(path) => remove(document, path).map(drop),
        JsonPatchStep::Replace(path, value) => {
            if path.len() + depth(value) > DEPTH_MAX {
                return Err(too_deep());
            }
            *found_mut(document, path).ok_or(NOTHING_THERE)? = value.clone();
            Ok(())
        }
        JsonPatchStep::Move { from, to } => {
            if to.len() > from.len() && to.starts_with(from) {
                return Err("expected 'path' not to be inside of 'from'".to_owned());
            }
            let value = remove(document, from)?;
            insert(document, to, value)
        }
        JsonPatchStep::Copy { from, to } => {
            let value = found(document, from)
                .ok_or("expected something at its 'from', found nothing there")?;
            let left = may_copy_bytes.checked_sub(value.to_string().len());
            *may_copy_bytes = left.ok_or_else(|| {
                format!("expected all copies to be of {COPIED_BYTES_MAX} bytes at most")
            })?;
            let value = value.clone();
            insert(document, to, value)
        }
        JsonPatchStep::Test(path, value) => match found(document, path) {
            Some(found) if same(found, value) => Ok(()),
            Some(_) => Err("the test failed: another value is there".to_owned()),
            None => Err("the test failed: nothing is there".to_owned()),
        },
    }
}

fn found<'a>(document: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(document, |value, name| match value {
        Value::Object(members) => members.get(name),
        Value::Array(items) => items.get(index(name)?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

fn found_mut<'a>(document: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(document, |value, name| match value {
        Value::Object(members) => members.get_mut(name),
        Value::Array(items) => items.get_mut(index(name)?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// Reads a place in an array: digits, without a zero before others.
fn index(name: &str) -> Option<usize> {
    let plain =
        name == "0" || (!name.starts_with('0') && name.bytes().all(|byte| byte.is_ascii_digit()));
    plain.then(|| name.parse().ok()).flatten()
}

fn insert(document: &mut Value, path: &[String], value: Value) -> Result<(), String> {
    if path.len() + depth(&value) > DEPTH_MAX {
        return Err(too_deep());
    }
    let Some((last, above)) = path.split_last() else {
        *document = value;
        return Ok(());
    };
    match found_mut(document, above) {
        Some(Value::Object(members)) => drop(members.insert(last.clone(), value)),
        Some(Value::Array(items)) => {
            let at = if last == "-" {
                Some(items.len())
            } else {
                index(last).filter(|at| *at <= items.len())
            };
            items.insert(
                at.ok_or(
                    "expected a place in the array, or the one behind its end, found another",
                )?,
                value,
            );
        }
        Some(_) => {
            return Err("expected an object or an array above its path, found a value".to_owned());
        }
        None => {
            return Err(
                "expected an object or an array above its path, found nothing there".to_owned(),
            );
        }
    }
    Ok(())
}

fn remove(document: &mut Value, path: &[String]) -> Result<Value, String> {
    let Some((last, above)) = path.split_last() else {
        return Err("expected a part of the resource, found all of it".to_owned());
    };
    let removed = match found_mut(document, above) {
        // What follows keeps its order.
        Some(Value::Object(members)) => members.shift_remove(last),
        Some(Value::Array(items)) => index(last)
            .filter(|at| *at < items.len())
            .map(|at| items.remove(at)),
        Some(_) | None => None,
    };
    removed.ok_or_else(|| NOTHING_THERE.to_owned())
}

/// Tells whether two values are equal as RFC 6902 has it (section 4.6): numbers by what they are
/// worth, objects in any order.
fn same(left: &Value, right: &Value) -> bool {
    let members = |left: &Map<String, Value>, right: &Map<String, Value>| {
        left.len() == right.len()
            && left
                .iter()
                .all(|(name, value)| right.get(name).is_some_and(|other| same(value, other)))
    };
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || worth(left.as_str()) == worth(right.as_str())
        }
        (Value::Object(left), Value::Object(right)) => members(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (left, right) => left == right,
    }
}

/// Returns what a number is worth: whether it is negative, its digits without zeros at the ends,
/// and the power of ten of the last of them. None for a power that no number of health care has.
fn worth(number: &str) -> Option<(bool, String, i64)> {
    let (negative, number) = number
        .strip_prefix('-')
        .map_or((false, number), |number| (true, number));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let kept = digits.trim_end_matches('0');
    let behind =
        i64::try_from(digits.len() - kept.len()).ok()? - i64::try_from(fraction.len()).ok()?;
    let digits = kept.trim_start_matches('0').to_owned();
    if digits.is_empty() {
        return Some((false, digits, 0));
    }
    Some((
        negative,
        digits,
        exponent.parse::<i64>().ok()?.checked_add(behind)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_by_what_they_are_worth() {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for (left, right, expected) in [
            ("1.00", "1", true),
            ("1e2", "100.0", true),
            ("0.10", "1E-1", true),
            ("-0", "0.0", true),
            ("-1", "1", false),
            ("12345678901234567890.1", "12345678901234567890.2", false),
            ("[1.0,{\"a\":2}]", "[1,{\"a\":2.0}]", true),
            ("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true),
            ("\"1\"", "1", false),
        ] {
            assert_eq!(
                same(&value(left), &value(right)),
                expected,
                "{left} {right}"
            );
        }
    }
}
