//! One damaged record does not take the server down, and everyone who should know of it does.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde_json::Value;

use super::folders::files;
use super::{Serving, get, invented, run};

/// Overwrites a byte of what is stored of the first version of a Task; returns whether it was found.
fn damage(folder: &Path, id: &str) -> bool {
    // The engine keeps the key beside a value that it keeps apart: type, id, version.
    let key = [&[13], id.as_bytes(), &[0, 0, 0, 0, 0, 0, 0, 0, 1]].concat();
    files(folder).iter().any(|file| {
        let bytes = fs::read(file).unwrap();
        let found = bytes.windows(key.len()).position(|found| found == key);
        let at = found.filter(|_| file.to_string_lossy().contains("blobs"));
        if let Some(at) = at {
            let file = fs::File::options().write(true).open(file).unwrap();
            let at = at + key.len() + 40;
            file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
        }
        at.is_some()
    })
}

/// A resource that is written beside the damage.
const UNIT: &str = r#"{"resourceType":"Organization","id":"o","identifier":[{"system":"urn:oid:1.2.208.176.1.1","value":"99000010099999"}],"name":"O"}"#;

#[test]
fn what_needs_a_damaged_record_is_refused_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    invented(&data);
    let of = data.to_str().unwrap();
    let serve = || Serving::start(&["demo", "--data", of]);
    let serving = serve();
    let (_, all) = get(&format!("{}/Task?_count=50", serving.base));
    serving.stop();
    let all: Value = serde_json::from_str(&all).unwrap();
    let tasks: Vec<&Value> = all["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["resource"])
        .collect();
    let id = tasks
        .iter()
        .find(|task| task["meta"]["versionId"] == "1")
        .unwrap()["id"]
        .as_str()
        .unwrap();
    let other = tasks
        .iter()
        .map(|task| task["id"].as_str().unwrap())
        .find(|other| *other != id)
        .unwrap();
    // From the journal into files of its own.
    assert_eq!(run(&["compact", "--data", of]).0, Some(0));
    assert!(damage(&data.join("fjall"), id), "Task/{id} was damaged");

    let serving = serve();
    let base = &serving.base;
    let root = base.strip_suffix("/fhir").unwrap();
    assert_eq!(
        get(&format!("{root}/readyz")).1,
        "ready\n",
        "nobody met it yet"
    );
    let (status, text) = get(&format!("{base}/Task/{id}"));
    assert_eq!(status, 500, "{text}");
    assert!(
        text.contains("is damaged; tell the operator the id of this request: "),
        "{text}"
    );
    assert_eq!(get(&format!("{base}/Task/{other}")).0, 200);
    let note = super::put(&format!("{base}/Organization/o"), UNIT);
    assert_eq!(note.0, 201, "{}", note.1);
    let (status, text) = get(&format!("{root}/readyz"));
    assert_eq!(status, 200);
    assert!(text.starts_with("degraded: 1 damaged record"), "{text}");
    assert!(
        get(&format!("{root}/"))
            .1
            .contains(&format!("Task/{id}/_history/1"))
    );
    assert!(
        get(&format!("{root}/metrics"))
            .1
            .contains("frist_damaged_records 1\n")
    );
    serving.stop();
    let (code, told, said) = run(&["verify", of]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        told.contains(&format!("Task/{id}/_history/1 in the table 'versions'")),
        "{told}"
    );
}
