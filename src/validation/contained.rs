//! Contained resources: each has an id of its own, and something refers to it
//! (<https://hl7.org/fhir/R4/references.html#contained>, rule dom-3).
//!
//! The rule is published as a FHIRPath that visits every element for every contained resource; this
//! code visits every element once.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::fhir::{IssueCode, Severity};

/// Rule: every contained resource is referred to.
const REFERRED_TO: &str = "dom-3";

/// Elements that hold words or codes, so that `#x` in them names nothing.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "id", "display", "text", "title", "name", "description", "comment", "code", "value",
    "valueString", "valueMarkdown", "valueCode", "valueId",
];

/// The receiver of a finding: how bad it is, its kind, the path below the resource, the rule, and
/// what was expected and found.
pub type PathRuleReport<'r> = dyn FnMut(Severity, IssueCode, &str, &'static str, &str) + 'r;

/// Reports contained resources without an id, with the id of another one, or without a reference to
/// them.
///
/// A contained resource counts as referred to if the resource itself refers to it, or another
/// contained one that counts, or if it refers to its container (`#`).
pub fn check(resource: &Value, report: &mut PathRuleReport<'_>) {
    let Some(contained) = resource
        .get("contained")
        .and_then(Value::as_array)
        .filter(|contained| !contained.is_empty())
    else {
        return;
    };
    let mut by_id = HashMap::<&str, Vec<usize>>::new();
    for (at, inner) in contained.iter().enumerate() {
        match inner
            .get("id")
            .and_then(Value::as_str)
            .filter(|id| !id.is_empty())
        {
            None => report(
                Severity::Error,
                IssueCode::Required,
                &format!(".contained[{at}].id"),
                "",
                "expected an id, found none",
            ),
            Some(id) => by_id.entry(id).or_default().push(at),
        }
    }
    let mut repeated: Vec<_> = by_id
        .values()
        .flat_map(|places| &places[1..])
        .copied()
        .collect();
    repeated.sort_unstable();
    for at in repeated {
        let what = "expected an id of its own, found that of another contained resource";
        report(
            Severity::Error,
            IssueCode::Duplicate,
            &format!(".contained[{at}].id"),
            "",
            what,
        );
    }
    let reached = reached(resource, contained, &by_id);
    for at in (0..contained.len()).filter(|at| !reached[*at]) {
        let what = "expected a reference to every contained resource, found none to this one";
        report(
            Severity::Error,
            IssueCode::Invariant,
            &format!(".contained[{at}]"),
            REFERRED_TO,
            what,
        );
    }
}

/// Tells for each contained resource, by its place, whether it counts as referred to.
fn reached<'a>(
    resource: &'a Value,
    contained: &'a [Value],
    by_id: &HashMap<&str, Vec<usize>>,
) -> Vec<bool> {
    let mut reached = vec![false; contained.len()];
    let (mut named, mut next) = (HashSet::new(), Vec::new());
    let mut follow = |id: &'a str, next: &mut Vec<usize>| {
        if named.insert(id) {
            next.extend(by_id.get(id).into_iter().flatten());
        }
    };
    for_each_fragment(resource, true, &mut |id| follow(id, &mut next));
    for (at, inner) in contained.iter().enumerate() {
        let mut refers_to_container = false;
        for_each_fragment(inner, false, &mut |id| refers_to_container |= id.is_empty());
        next.extend(refers_to_container.then_some(at));
    }
    while let Some(at) = next.pop() {
        if !std::mem::replace(&mut reached[at], true) {
            for_each_fragment(&contained[at], false, &mut |id| follow(id, &mut next));
        }
    }
    reached
}

/// Visits the fragment behind each `#` that begins a text, or an address in XHTML; those of
/// contained resources may be left out.
fn for_each_fragment<'a>(
    resource: &'a Value,
    skip_contained: bool,
    visit: &mut impl FnMut(&'a str),
) {
    let mut left = vec![("", resource)];
    while let Some((name, value)) = left.pop() {
        match value {
            Value::Object(members) => {
                let members = members.iter().filter(|(name, _)| {
                    !(skip_contained && *name == "contained" && std::ptr::eq(value, resource))
                });
                left.extend(members.map(|(name, value)| (name.as_str(), value)));
            }
            Value::Array(items) => left.extend(items.iter().map(|item| (name, item))),
            Value::String(text) if name == "div" => for_each_link(text, visit),
            Value::String(text) => {
                if let Some(id) = text.strip_prefix('#').filter(|_| !WORDS.contains(&name)) {
                    visit(id);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Visits the fragments in quotes, as in `href="#x"`.
fn for_each_link<'a>(div: &'a str, visit: &mut impl FnMut(&'a str)) {
    for (at, _) in div.match_indices('#') {
        let quote = div[..at]
            .chars()
            .next_back()
            .filter(|quote| matches!(quote, '"' | '\''));
        if let Some((id, _)) = quote
            .and_then(|quote| div[at + 1..].split_once(quote))
            .filter(|(id, _)| !id.is_empty())
        {
            visit(id);
        }
    }
}
