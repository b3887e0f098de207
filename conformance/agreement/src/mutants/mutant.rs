//! One broken resource: what was done, where, and the text.

use serde_json::Value;

use super::place::Place;

/// Before the name of a member that stands there twice in the text.
pub(crate) const DUPLICATE: &str = "\u{27e6}twice\u{27e7}";
/// In place of a value that is written as raw text.
pub(crate) const RAW: &str = "\u{27e6}raw\u{27e7}";

/// A resource that was changed in one way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mutant {
    /// The change that was made, as `drop` or `date:no-such-day`.
    pub(crate) kind: String,
    /// The place of the change.
    pub(crate) path: String,
    /// The changed resource as text.
    pub(crate) text: String,
}

impl Mutant {
    /// Makes a mutant at a place.
    pub(crate) fn of(kind: &str, place: &Place<'_>, value: &Value) -> Mutant {
        let resource_type = value["resourceType"].as_str().unwrap_or("Resource");
        Mutant::at(kind, place.path(resource_type), value)
    }

    /// Makes a mutant at a path.
    pub(crate) fn at(kind: &str, path: String, value: &Value) -> Mutant {
        Mutant {
            kind: kind.to_owned(),
            path,
            text: value.to_string().replace(DUPLICATE, ""),
        }
    }

    /// Makes a mutant in which [`RAW`] stands for this text.
    pub(crate) fn raw(kind: &str, path: String, value: &Value, raw: &str) -> Mutant {
        let mark = Value::from(RAW).to_string();
        Mutant {
            kind: kind.to_owned(),
            path,
            text: value
                .to_string()
                .replacen(&mark, raw, 1)
                .replace(DUPLICATE, ""),
        }
    }
}
