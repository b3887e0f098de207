//! Read-only views of the elements that rules read. They never fail: what is absent or of another
//! shape is simply not there.

use serde_json::Value;

/// Returns the items of an element that may be an array, a single value or absent.
pub fn items(value: &Value) -> impl Iterator<Item = &Value> {
    let (many, one) = match value {
        Value::Array(items) => (items.as_slice(), None),
        Value::Null => (&[][..], None),
        single => (&[][..], Some(single)),
    };
    many.iter().chain(one)
}

/// Returns the codings of a CodeableConcept, or of each one of an array of them: (system or "",
/// code). A `|version` in a system, which belongs into an element of its own, is passed over.
pub fn codings(concepts: &Value) -> impl Iterator<Item = (&str, &str)> {
    items(concepts)
        .flat_map(|concept| items(&concept["coding"]))
        .filter_map(|coding| {
            Some((
                without_version(coding["system"].as_str().unwrap_or("")),
                coding["code"].as_str()?,
            ))
        })
}

/// Tells whether the concept or concepts hold that code of that system.
pub fn has_coding(concepts: &Value, system: &str, code: &str) -> bool {
    codings(concepts).any(|coding| coding == (system, code))
}

/// Returns the extensions with that address, directly on the element.
pub fn extensions<'a>(element: &'a Value, url: &str) -> impl Iterator<Item = &'a Value> {
    items(&element["extension"]).filter(move |extension| extension["url"].as_str() == Some(url))
}

/// Returns the identifiers of a resource or Reference: (system or "", value).
pub fn identifiers(resource: &Value) -> impl Iterator<Item = (&str, &str)> {
    items(&resource["identifier"]).filter_map(|identifier| {
        Some((
            identifier["system"].as_str().unwrap_or(""),
            identifier["value"].as_str()?,
        ))
    })
}

/// Returns a canonical address without its `|version`.
pub fn without_version(canonical: &str) -> &str {
    canonical
        .split_once('|')
        .map_or(canonical, |(address, _)| address)
}

/// Tells whether two resources say the same, whatever stands in `meta.versionId`,
/// `meta.lastUpdated` and in the elements of these names; an empty `meta` is none.
pub fn says_the_same(left: &Value, right: &Value, but_for: &[&str]) -> bool {
    let passed_over = |name: &str| name == "meta" || but_for.contains(&name);
    is_same_object(left, right, passed_over)
        && is_same_object(&left["meta"], &right["meta"], |name| {
            matches!(name, "versionId" | "lastUpdated")
        })
}

/// Tells whether two objects have the same members, in any order, but for those passed over.
fn is_same_object(left: &Value, right: &Value, passed_over: impl Fn(&str) -> bool) -> bool {
    let members = |value: &'_ Value| {
        let members = value.as_object().into_iter().flatten();
        members.filter(|(name, _)| !passed_over(name)).count()
    };
    let mut of_left = left
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !passed_over(name));
    members(left) == members(right)
        && of_left.all(|(name, value)| right.get(name).is_some_and(|other| other == value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_version_in_the_system_of_a_coding_is_passed_over() {
        let concept = json!([{ "coding": [{ "system": "s|1", "code": "a" }, { "code": "b" }] }]);
        assert_eq!(
            codings(&concept).collect::<Vec<_>>(),
            [("s", "a"), ("", "b")]
        );
        assert!(has_coding(&concept, "s", "a"));
    }

    #[test]
    fn two_resources_say_the_same_whatever_the_server_set() {
        let task = json!({ "id": "a", "meta": { "versionId": "1", "profile": ["p"] }, "n": 1 });
        for (other, expected) in [
            (
                json!({ "n": 1, "id": "a", "meta": { "profile": ["p"] } }),
                true,
            ),
            (
                json!({ "id": "a", "meta": { "profile": ["p"] }, "n": 1, "at": "x" }),
                true,
            ),
            (
                json!({ "id": "a", "meta": { "profile": ["q"] }, "n": 1 }),
                false,
            ),
            (json!({ "id": "a", "n": 1 }), false),
            (
                json!({ "id": "a", "meta": { "profile": ["p"] }, "n": 2 }),
                false,
            ),
            (
                json!({ "id": "a", "meta": { "profile": ["p"] }, "m": 1 }),
                false,
            ),
            (json!({ "id": "a", "meta": { "profile": ["p"] } }), false),
        ] {
            assert_eq!(says_the_same(&task, &other, &["at"]), expected, "{other}");
            assert_eq!(says_the_same(&other, &task, &["at"]), expected, "{other}");
        }
        let (set, none) = (json!({ "meta": { "lastUpdated": "x" } }), json!({}));
        assert!(says_the_same(&set, &none, &[]));
    }
}
