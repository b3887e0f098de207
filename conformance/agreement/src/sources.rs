//! The resources that lie in files: examples, wrong ones, persons, and the published Danish examples.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::mutants::Example;

/// The canonicals of the project's profiles.
const OWN: &str = "https://kronikerpakker.dk/fhir/StructureDefinition/";

/// The project's profile of a type, and what that profile complies with (fhir-profiles.md, section 1).
const PROFILES: &[(&str, &str, Option<&str>)] = &[
    ("Condition", "kp-condition", Some("http://hl7.dk/fhir/core/StructureDefinition/dk-core-condition")),
    ("CarePlan", "kp-careplan", None),
    ("ServiceRequest", "kp-referral", Some("http://hl7.dk/fhir/core/StructureDefinition/dk-core-person-servicerequest")),
    ("Encounter", "kp-offer-encounter", Some("http://hl7.dk/fhir/core/StructureDefinition/dk-core-encounter")),
    ("Patient", "kp-patient", Some("http://hl7.dk/fhir/core/StructureDefinition/dk-core-patient")),
    ("Organization", "kp-organization", Some("http://hl7.dk/fhir/core/StructureDefinition/dk-core-organization")),
    ("Task", "kp-right-task", None),
    ("PlanDefinition", "kp-rule", None),
];

/// The profiles of the project that resources of a type are checked against whether they name them or not.
pub(crate) fn own_profiles(resource: &Value) -> Vec<String> {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    PROFILES.iter().filter(|(name, ..)| *name == kind).map(|(_, profile, _)| format!("{OWN}{profile}")).collect()
}

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The valid examples of the package.
pub(crate) fn own_examples() -> Result<Vec<Example>, String> {
    let folder = std::env::var_os("EXAMPLES").map_or_else(|| root().join("profiles/package/example"), PathBuf::from);
    let mut found = Vec::new();
    for (name, text) in json_files(&folder)? {
        let resource = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
        found.push(Example { name, profiles: own_profiles(&resource), resource });
    }
    Ok(found)
}

/// The names, without their ending, and texts of the JSON files of a folder, by name.
fn json_files(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) {
            found.push((name.to_owned(), fs::read_to_string(&path).map_err(fail)?));
        }
    }
    found.sort();
    Ok(found)
}
