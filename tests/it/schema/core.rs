//! The condensed core package is exactly the published one, condensed. `FRIST_BLESS=1` writes it
//! anew.

use std::path::Path;

use frist::schema::Package;

/// Definitions that the published package contains without a snapshot: examples of a definition.
const WITHOUT_SNAPSHOT: [&str; 2] = [
    "http://hl7.org/fhir/StructureDefinition/example-composition",
    "http://hl7.org/fhir/StructureDefinition/example-section-library",
];

fn packages() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/packages")
}

/// Compares a condensed file with the published package, condensed, or writes it.
fn compare(file: &str, lines: &[String]) {
    let text = lines.join("\n") + "\n";
    let condensed = packages().join(file);
    if std::env::var_os("FRIST_BLESS").is_some() {
        std::fs::write(&condensed, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&condensed).unwrap();
    let differs = committed
        .lines()
        .zip(text.lines())
        .find(|(committed, made)| committed != made);
    assert_eq!(
        differs.map(|(committed, _)| &committed[..committed.len().min(100)]),
        None,
        "run this test with FRIST_BLESS=1 and look at what changes"
    );
    assert!(committed == text, "lines are missing at the end");
}

#[test]
fn the_condensed_core_package_is_what_the_published_one_gives() {
    let published = std::fs::read(packages().join("hl7.fhir.r4.core-4.0.1.tgz")).unwrap();
    let package = Package::read_tgz(&published).unwrap();
    assert_eq!(
        (package.name.as_str(), package.version.as_str()),
        ("hl7.fhir.r4.core", "4.0.1")
    );
    let (lines, unusable) = package.condensed();
    let mut left_out: Vec<_> = unusable
        .iter()
        .map(|unusable| unusable.url.as_str())
        .collect();
    left_out.sort_unstable();
    assert_eq!(left_out, WITHOUT_SNAPSHOT);
    compare("r4-core.jsonl", &lines);
    compare("r4-search.jsonl", &package.condensed_search());
}
