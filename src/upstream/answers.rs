//! Understanding what a server answered: a page of a search or of a history, and the manifest of an
//! export. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::fhir::view::items;
use crate::fhir::{ResourceKey, json};

/// A page.
pub(super) struct BundlePage {
    /// Its resources and deletions, in their order.
    pub(super) entries: Vec<Tidings>,
    /// The address of the next page.
    pub(super) next: Option<String>,
    /// When it was answered, by the clock of that server.
    pub(super) at: Option<Timestamp>,
    /// True if the server says that it sorted by `_lastUpdated`.
    pub(super) is_sorted: bool,
    /// The number of entries that cannot be read.
    pub(super) odd: u64,
}

/// A server's word about one resource.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Tidings {
    /// Its name there; none of a type that is not held here.
    pub(super) key: Option<ResourceKey>,
    /// When that was so.
    pub(super) at: Option<Timestamp>,
    /// The content; none if it was deleted.
    pub(super) content: Option<Value>,
}

impl Tidings {
    /// Takes a resource.
    pub(super) fn of(content: Value) -> Self {
        let name = |member: &str| content[member].as_str().unwrap_or_default();
        Tidings {
            key: ResourceKey::parse(&format!("{}/{}", name("resourceType"), name("id"))),
            at: instant(&content["meta"]["lastUpdated"]),
            content: Some(content),
        }
    }
}

impl Tidings {
    /// Returns the words by which it is known.
    pub(super) fn name(&self) -> String {
        let content = self.content.as_ref().unwrap_or(&Value::Null);
        format!(
            "{}/{} {:?}",
            content["resourceType"], content["id"], self.at
        )
    }
}

/// An export that is done.
pub(super) struct Manifest {
    /// The instant of its state, from which the next one begins.
    pub(super) transaction_time: Option<Timestamp>,
    /// Its files: the type and the address.
    pub(super) files: Vec<(String, String)>,
    /// The addresses of files of deletions.
    pub(super) deleted: Vec<String>,
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// Reads a page.
///
/// # Errors
/// A sentence that says why it is none.
pub(super) fn page(body: &[u8]) -> Result<BundlePage, String> {
    let (bundle, odd) = match json::parse(body) {
        Ok(bundle) => (bundle, 0),
        Err(_) => by_entry(body).ok_or_else(|| "its answer is no JSON".to_owned())?,
    };
    let is_page = bundle["resourceType"] == "Bundle"
        && (bundle["type"] == "searchset" || bundle["type"] == "history");
    if !is_page {
        return Err("its answer is no Bundle of type searchset or history".to_owned());
    }
    let link = |relation: &str| {
        items(&bundle["link"])
            .find(|link| link["relation"] == relation)
            .and_then(|link| link["url"].as_str())
            .map(str::to_owned)
    };
    let is_sorted = link("self").is_some_and(|own| {
        let query = own.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes())
            .any(|(name, value)| name == "_sort" && value == "_lastUpdated")
    });
    Ok(BundlePage {
        entries: items(&bundle["entry"]).filter_map(tidings).collect(),
        next: link("next"),
        at: instant(&bundle["meta"]["lastUpdated"]),
        is_sorted,
        odd,
    })
}

/// Reads a page entry by entry, without those that cannot be read, and counts these: one odd
/// resource never refuses the others.
fn by_entry(body: &[u8]) -> Option<(Value, u64)> {
    type Members = BTreeMap<String, Box<RawValue>>;
    let strict = |members: Members| -> Option<Value> {
        let mut whole = Map::new();
        for (name, member) in members {
            // Each by itself: what is within a page is no deeper for that.
            whole.insert(name, json::parse(member.get().as_bytes()).ok()?);
        }
        Some(Value::Object(whole))
    };
    let mut members: Members = serde_json::from_slice(json::without_mark(body)).ok()?;
    let entries: Vec<Members> = match members.remove("entry") {
        Some(entries) => serde_json::from_str(entries.get()).ok()?,
        None => Vec::new(),
    };
    let mut bundle = strict(members)?;
    let all = entries.len();
    let read: Vec<_> = entries.into_iter().filter_map(strict).collect();
    let odd = (all - read.len()) as u64;
    bundle["entry"] = Value::Array(read);
    Some((bundle, odd))
}

fn tidings(entry: &Value) -> Option<Tidings> {
    if entry["search"]["mode"] == "outcome" {
        return None;
    }
    let modified = instant(&entry["response"]["lastModified"]);
    if let Value::Object(_) = &entry["resource"] {
        if entry["resource"]["resourceType"] == "OperationOutcome" {
            return None;
        }
        let tidings = Tidings::of(entry["resource"].clone());
        let at = tidings.at.or(modified);
        return Some(Tidings { at, ..tidings });
    }
    deletion(entry)
}

/// Reads an entry that says that a resource was deleted.
pub(super) fn deletion(entry: &Value) -> Option<Tidings> {
    if entry["request"]["method"] != "DELETE" {
        return None;
    }
    let named = [&entry["request"]["url"], &entry["fullUrl"]];
    let key = named.into_iter().find_map(|address| {
        let address = address.as_str()?;
        let path = address
            .split_once("/_history")
            .map_or(address, |(path, _)| path);
        let mut steps = path.rsplit('/');
        let (id, name) = (steps.next()?, steps.next()?);
        ResourceKey::parse(&format!("{name}/{id}"))
    });
    Some(Tidings {
        key,
        at: instant(&entry["response"]["lastModified"]),
        content: None,
    })
}

/// Reads the manifest of an export.
///
/// # Errors
/// A sentence that says why it is none.
pub(super) fn manifest(body: &[u8]) -> Result<Manifest, String> {
    let manifest = json::parse(body).map_err(|_| "its manifest is no JSON".to_owned())?;
    if !manifest["output"].is_array() {
        return Err("its manifest has no 'output'".to_owned());
    }
    let addresses = |name: &str| {
        items(&manifest[name])
            .filter_map(|file| {
                let name = file["type"].as_str().unwrap_or_default();
                Some((name.to_owned(), file["url"].as_str()?.to_owned()))
            })
            .collect::<Vec<_>>()
    };
    Ok(Manifest {
        transaction_time: instant(&manifest["transactionTime"]),
        files: addresses("output"),
        deleted: addresses("deleted")
            .into_iter()
            .map(|(_, url)| url)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_that_cannot_be_read_stops_no_other() {
        let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        for (odd, expected) in [
            (
                r#"{"resourceType":"Patient","id":"1","id":"1"}"#.to_owned(),
                (2, 1),
            ),
            (
                format!(r#"{{"resourceType":"Patient","id":"1","x":{}}}"#, deep(100)),
                (2, 1),
            ),
            (
                format!(r#"{{"resourceType":"Patient","id":"1","x":{}}}"#, deep(61)),
                (3, 0),
            ),
        ] {
            let text = format!(
                r#"{{"resourceType":"Bundle","type":"searchset","entry":[{{"resource":{{"resourceType":"Patient","id":"0"}}}},{{"resource":{odd}}},{{"resource":{{"resourceType":"Patient","id":"2"}}}}]}}"#
            );
            let page = page(text.as_bytes()).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!((page.entries.len(), page.odd), expected, "{odd}");
        }
    }

    #[test]
    fn a_page_tells_resources_and_deletions_and_whether_it_is_sorted() {
        let bundle = json!({ "resourceType": "Bundle", "type": "history",
            "link": [{ "relation": "self", "url": "x?_sort=_lastUpdated&a=b" }, { "relation": "next", "url": "y" }],
            "entry": [
                { "resource": { "resourceType": "Patient", "id": "1", "meta": { "lastUpdated": "2027-03-01T08:00:00+01:00" } } },
                { "resource": { "resourceType": "Observation", "id": "1" } },
                { "request": { "method": "DELETE", "url": "Condition/2" }, "response": { "status": "204", "lastModified": "2027-03-01T08:00:00Z" } },
                { "fullUrl": "http://x/fhir/Condition/3", "request": { "method": "DELETE", "url": "Condition/3/_history/2" } },
                { "search": { "mode": "outcome" }, "resource": { "resourceType": "OperationOutcome" } },
                { "request": { "method": "PUT", "url": "Condition/4" } }
            ] });
        let page = page(bundle.to_string().as_bytes()).unwrap_or_else(|why| panic!("{why}"));
        assert!(page.is_sorted);
        assert_eq!(page.next.as_deref(), Some("y"));
        let told: Vec<_> = page
            .entries
            .iter()
            .map(|one| {
                let key = one.key.as_ref().map(ToString::to_string);
                let at = one.at.map(|at| at.to_string());
                (
                    key.unwrap_or_default(),
                    at.unwrap_or_default(),
                    one.content.is_some(),
                )
            })
            .collect();
        let expected = [
            ("Patient/1", "2027-03-01T07:00:00Z", true),
            ("", "", true),
            ("Condition/2", "2027-03-01T08:00:00Z", false),
            ("Condition/3", "", false),
        ];
        assert_eq!(
            told,
            expected.map(|(key, at, is)| (key.to_owned(), at.to_owned(), is))
        );
        for wrong in [
            "",
            "{}",
            "[]",
            r#"{"resourceType":"Bundle","type":"batch"}"#,
        ] {
            assert!(super::page(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
