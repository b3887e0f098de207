//! Any bytes as a package of definitions; and definitions that are nearly right, used as if they
//! were.
//!
//! The bytes are read as they are, and then as the files of a package, each behind a line `---`: a
//! fuzzer does not guess checksums.

#![no_main]

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use frist::schema::{Definitions, Package};
use frist::validation::Validator;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use within::within_time;

fuzz_target!(|bytes: &[u8]| {
    let _ = Package::read_tgz(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(package) = Package::read_tgz(&packed(text)) else {
        return;
    };
    let Ok(definitions) = Definitions::core().with(&package) else {
        return;
    };
    let definitions = package
        .definitions
        .iter()
        .filter_map(|text| text.parse::<Value>().ok())
        .fold(
            (definitions, Vec::new()),
            |(known, mut claims), definition| {
                claims.extend(
                    ["url", "type"]
                        .map(|key| definition[key].as_str().unwrap_or_default().to_owned()),
                );
                (known, claims)
            },
        );
    let (definitions, claims) = definitions;
    let validator = Validator::new(definitions);
    for claim in claims.chunks(2) {
        let value = example(&claim[1], &claim[0]);
        within_time(|| validator.check(&value, &[&claim[0]]).len());
    }
});

/// Makes a resource that claims the profile, or has the extension, with something in many places.
fn example(kind: &str, url: &str) -> Value {
    json!({ "resourceType": if kind == "Extension" { "Patient" } else { kind }, "meta": { "profile": [url] },
        "extension": [{ "url": url, "valueString": "x" }, { "url": url, "extension": [{ "url": "a", "valueCode": "b" }] }],
        "contained": [{ "resourceType": "Patient", "id": "p", "identifier": [{ "system": "urn:x", "value": "1" }] }],
        "identifier": [{ "system": "urn:x", "value": "1", "type": { "coding": [{ "system": "urn:y", "code": "z" }] } }, {}],
        "category": [{ "coding": [{ "system": "urn:x", "code": "a" }, { "code": "b" }] }, { "text": "t" }],
        "code": { "coding": [{ "system": "urn:x", "code": "a" }] }, "subject": { "reference": "#p" }, "status": "active" })
}

/// Returns the files as a package: the first is its `package.json`.
fn packed(text: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    for (at, file) in text.split("\n---\n").enumerate() {
        let name = if at == 0 {
            "package/package.json".to_owned()
        } else {
            format!("package/{at}.json")
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(file.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, name, file.as_bytes())
            .expect("memory can be written");
    }
    let mut archive = archive.into_inner().expect("memory can be written");
    archive.flush().expect("memory can be written");
    archive.finish().expect("memory can be written")
}
