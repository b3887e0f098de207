//! Published resources go through XML and come back.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;

use super::expect_unchanged;

/// Returns the texts of a packed package's resources whose names fit.
fn packed(path: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let file = fs::File::open(path).unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let is_resource = name.ends_with(".json")
            && !name.contains("/openapi/")
            && !name.contains("/other/")
            && !name.ends_with("package.json")
            && !name.contains("/.");
        if is_resource && is_wanted(&name) {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((name, text));
        }
    }
    found
}

fn expect_all_unchanged(found: &[(String, String)], at_least: usize) {
    let resources = found.iter().filter(|(_, text)| {
        text.parse::<Value>()
            .is_ok_and(|value| value["resourceType"].is_string())
    });
    let mut count = 0;
    for (name, text) in resources {
        // A line end in a narrative is one character, however it is written: XML has no other.
        let text = if text.contains("<div") {
            text.replace("\\r\\n", "\\n")
        } else {
            text.clone()
        };
        expect_unchanged(&text, name);
        count += 1;
    }
    assert!(count >= at_least, "{count}");
}

#[test]
fn the_guide_goes_through_xml() {
    let mut found = Vec::new();
    for folder in ["profiles/package", "profiles/package/example"] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "json") {
                found.push((
                    path.display().to_string(),
                    fs::read_to_string(&path).unwrap(),
                ));
            }
        }
    }
    // The large definitions are like those of R4, of which there are some below.
    found.retain(|(_, text)| text.len() < 60_000);
    expect_all_unchanged(&found, 60);
}

#[test]
fn a_sample_of_the_core_package_goes_through_xml() {
    let path = Path::new("profiles/packages/hl7.fhir.r4.core-4.0.1.tgz");
    // Each type of definition, and few of many.
    let mut found = packed(path, |name| {
        let sum: usize = name.bytes().map(usize::from).sum();
        sum.is_multiple_of(61)
    });
    found.retain(|(_, text)| text.len() < 60_000);
    expect_all_unchanged(&found, 30);
}

#[test]
fn the_danish_examples_go_through_xml() {
    let mut packages: Vec<PathBuf> = Vec::new();
    match std::env::var("FRIST_DK_CORE") {
        Ok(file) => packages.push(file.into()),
        Err(_) => eprintln!("FRIST_DK_CORE names no file: the examples of dk-core are not read"),
    }
    let beside = ["FRIST_MEDCOM_CORE", "FRIST_DK_CORE"];
    let beside = beside.iter().find_map(|name| std::env::var(name).ok());
    if let Some(folder) = beside.as_deref().and_then(|file| Path::new(file).parent()) {
        let entries = fs::read_dir(folder).unwrap();
        let of_medcom = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("medcom.") && name.ends_with(".tgz")
        };
        packages.extend(entries.map(|entry| entry.unwrap().path()).filter(of_medcom));
    } else {
        eprintln!(
            "neither FRIST_MEDCOM_CORE nor FRIST_DK_CORE names a file: the examples of MedCom's packages beside it are not read"
        );
    }
    for package in packages {
        let found = packed(&package, |name| name.contains("/example/"));
        expect_all_unchanged(&found, 1);
    }
}
