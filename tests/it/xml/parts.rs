//! A large Bundle is written part by part, and is the same Bundle.

use frist::xml::{BundleParts, Layout, write};
use serde_json::{Value, json};

use super::{CORE, xml_of};

/// Returns the parts of a Bundle, written one by one.
#[track_caller]
fn parts_of(json: &str, layout: Layout) -> Vec<Vec<u8>> {
    let parts = BundleParts::of(&CORE, json.as_bytes(), layout);
    let mut parts = parts.unwrap().expect("a Bundle with entries");
    let mut written = Vec::new();
    while let Some(part) = parts.next(&CORE, json.as_bytes()).unwrap() {
        written.push(part);
    }
    assert_eq!(parts.length(), 0);
    written
}

/// An Organization with a name of so many letters.
fn organization(at: usize, letters: usize) -> Value {
    json!({ "resourceType": "Organization", "id": at.to_string(), "name": "å".repeat(letters) })
}

/// A page of so many Organizations.
fn page(entries: usize, letters: usize) -> Value {
    let entry = |at| {
        json!({ "fullUrl": format!("http://frist.test/fhir/Organization/{at}"), "resource": organization(at, letters),
        "search": { "mode": "match", "score": 1.00 } })
    };
    json!({ "resourceType": "Bundle", "id": "b", "type": "searchset", "total": entries,
        "link": [{ "relation": "self", "url": "http://frist.test/fhir/Organization" }],
        "entry": (0..entries).map(entry).collect::<Vec<_>>() })
}

#[test]
fn the_parts_of_a_bundle_are_the_bundle() {
    let mut signed = page(3, 10);
    signed["signature"] = json!({ "who": { "display": "x" }, "when": "2027-03-01T09:00:00Z" });
    let mut history = page(2, 10);
    history["entry"][0] = json!({ "request": { "method": "DELETE", "url": "Patient/p" }, "response": { "status": "204" } });
    // The order of members is of no importance.
    let entries = page(2, 10)["entry"].clone();
    let turned = json!({ "entry": entries, "type": "searchset", "resourceType": "Bundle" });
    for bundle in [
        page(1, 10),
        page(0, 0),
        page(40, 5_000),
        signed,
        history,
        turned,
    ] {
        for text in [bundle.to_string(), format!("\u{feff}{bundle:#}")] {
            for layout in [Layout::Compact, Layout::Lines] {
                let parts = parts_of(&text, layout);
                let whole = xml_of(&text, layout);
                assert_eq!(String::from_utf8(parts.concat()).unwrap(), whole);
                let length = BundleParts::of(&CORE, text.as_bytes(), layout);
                assert_eq!(length.unwrap().unwrap().length(), whole.len() as u64);
            }
        }
    }
}

#[test]
fn what_xml_cannot_hold_is_found_before_the_first_part() {
    let good = page(3, 10);
    for (pointer, value) in [
        ("/entry/2/resource/name", json!("\u{1}")),
        ("/entry/2/resource", json!({ "resourceType": "Unheard" })),
        ("/entry/1", Value::Null),
        ("/entry/1", json!("x")),
        ("/entry", json!({})),
        ("/type", json!("\u{ffff}")),
        ("/link/0", json!({ "colour": "red" })),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        let text = wrong.to_string();
        let whole = write(&CORE, text.as_bytes(), Layout::Compact).unwrap_err();
        let parts = BundleParts::of(&CORE, text.as_bytes(), Layout::Compact).unwrap_err();
        assert_eq!(parts, whole, "{pointer}");
    }
    for other in [
        organization(1, 1),
        json!({ "resourceType": "Bundle", "type": "searchset" }),
    ] {
        let parts = BundleParts::of(&CORE, other.to_string().as_bytes(), Layout::Compact);
        assert!(parts.unwrap().is_none());
    }
}

#[test]
fn a_page_takes_no_more_memory_than_one_of_its_parts() {
    // What is said of 1 MB and of 4 MB alike is said of 16 MB.
    let letters = 4_000;
    for entries in [128, 512] {
        let text = page(entries, letters).to_string();
        let json = text.as_bytes();
        let mut parts = None;
        let read = allocation_counter::measure(|| {
            parts = Some(
                BundleParts::of(&CORE, json, Layout::Compact)
                    .unwrap()
                    .unwrap(),
            );
        });
        let mut parts = parts.unwrap();
        let written = allocation_counter::measure(|| {
            while let Some(part) = parts.next(&CORE, json).unwrap() {
                assert!(part.len() < 64 * 1024 + 16 * 1024, "{}", part.len());
            }
        });
        for measured in [read, written] {
            assert!(
                measured.bytes_max < 256 * 1024,
                "{} bytes for a page of {}",
                measured.bytes_max,
                json.len()
            );
        }
    }
}
