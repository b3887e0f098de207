//! The resources that lie in files: examples, wrong ones, persons, and the published Danish
//! examples.

use frist::schema::Package;
use frist::validation::Validator;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::mutants::Example;

/// The canonicals of the project's profiles.
const OWN: &str = "https://kronikerpakker.dk/fhir/StructureDefinition/";

/// The project's profile of a type, and what that profile complies with (fhir-profiles.md, section
/// 1).
const PROFILES: &[(&str, &str, Option<&str>)] = &[
    (
        "Condition",
        "kp-condition",
        Some("http://hl7.dk/fhir/core/StructureDefinition/dk-core-condition"),
    ),
    (
        "ServiceRequest",
        "kp-referral",
        Some("http://hl7.dk/fhir/core/StructureDefinition/dk-core-person-servicerequest"),
    ),
    (
        "Encounter",
        "kp-offer-encounter",
        Some("http://hl7.dk/fhir/core/StructureDefinition/dk-core-encounter"),
    ),
    (
        "Patient",
        "kp-patient",
        Some("http://hl7.dk/fhir/core/StructureDefinition/dk-core-patient"),
    ),
    (
        "Organization",
        "kp-organization",
        Some("http://hl7.dk/fhir/core/StructureDefinition/dk-core-organization"),
    ),
    ("Appointment", "kp-appointment", None),
    ("Task", "kp-right-task", None),
    ("PlanDefinition", "kp-rule", None),
];

/// Returns the profiles of the project that resources of a type are checked against whether they
/// name them or not.
pub(crate) fn own_profiles(resource: &Value) -> Vec<String> {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    // It depends on the category which one a CarePlan must fit.
    let plan = Some(kind)
        .filter(|kind| *kind == "CarePlan")
        .and_then(|kind| Validator::package_profile(kind, resource));
    let others = PROFILES
        .iter()
        .filter(|(name, ..)| *name == kind)
        .map(|(_, profile, _)| format!("{OWN}{profile}"));
    plan.map(str::to_owned).into_iter().chain(others).collect()
}

/// Returns the root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A person of `conformance/deadline-cases.json`.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) resources: Vec<Value>,
}

/// Returns the persons of the deadline cases.
pub(crate) fn persons() -> Result<Vec<Person>, String> {
    let path = root().join("conformance/deadline-cases.json");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let cases: Vec<Value> =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let person = |case: &Value| Person {
        name: case["name"]
            .as_str()
            .unwrap_or_default()
            .replace(char::is_whitespace, "-"),
        resources: case["resources"].as_array().cloned().unwrap_or_default(),
    };
    Ok(cases.iter().map(person).collect())
}

/// Returns the valid examples of the package.
pub(crate) fn own_examples() -> Result<Vec<Example>, String> {
    json_files(&root().join("profiles/package/example"))?
        .into_iter()
        .map(example)
        .collect()
}

/// Returns the wrong ones, each for one reason.
pub(crate) fn invalid_examples() -> Result<Vec<Example>, String> {
    let files = json_files(&root().join("conformance/invalid"))?;
    files
        .into_iter()
        .filter(|(name, _)| name != "reasons")
        .map(example)
        .collect()
}

/// Returns for each file of a wrong one, by its name, the key of the rule that it breaks, if that
/// has one.
pub(crate) fn reasons() -> Result<BTreeMap<String, Option<String>>, String> {
    let path = root().join("conformance/invalid/reasons.json");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let reasons: BTreeMap<String, Value> =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(reasons
        .into_iter()
        .map(|(name, reason)| (name, reason["rule"].as_str().map(str::to_owned)))
        .collect())
}

/// Returns the examples of the published Danish package, whatever their type, if `FRIST_DK_CORE`
/// names its file.
pub(crate) fn danish_examples() -> Result<Vec<Example>, String> {
    let Some(file) = std::env::var_os("FRIST_DK_CORE").map(PathBuf::from) else {
        return Ok(Vec::new());
    };
    package_examples(&file)?.into_iter().map(example).collect()
}

/// Returns the Bundles of our own making as others send them, by name.
pub(crate) fn foreign_bundles() -> Result<Vec<(String, String)>, String> {
    json_files(&root().join("conformance/agreement/intake"))
}

/// Returns the names, without their ending, and texts of the examples of a package, by name.
pub(crate) fn package_examples(file: &Path) -> Result<Vec<(String, String)>, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(
        fs::File::open(file).map_err(fail)?,
    ));
    let mut found = Vec::new();
    for entry in archive.entries().map_err(fail)? {
        let mut entry = entry.map_err(fail)?;
        let path = entry.path().map_err(fail)?.into_owned();
        let name = path
            .strip_prefix("package/example")
            .ok()
            .and_then(|name| name.to_str()?.strip_suffix(".json"));
        if let Some(name) = name.filter(|name| !name.starts_with('.')) {
            let name = name.to_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).map_err(fail)?;
            found.push((name, text));
        }
    }
    found.sort();
    Ok(found)
}

fn example((name, text): (String, String)) -> Result<Example, String> {
    let resource = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    Ok(Example {
        name,
        profiles: own_profiles(&resource),
        resource,
        text,
    })
}

/// Returns the published Danish profile that the project's profile of a type complies with.
pub(crate) fn danish_profile(resource: &Value) -> Option<String> {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    PROFILES
        .iter()
        .find(|(name, ..)| *name == kind)
        .and_then(|(_, _, danish)| danish.map(str::to_owned))
}

/// Returns the names, without their ending, and texts of the JSON files of a folder, by name.
fn json_files(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if let Some(name) = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".json"))
        {
            found.push((name.to_owned(), fs::read_to_string(&path).map_err(fail)?));
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the published Danish package, if `FRIST_DK_CORE` names its file.
pub(crate) fn danish_package() -> Result<Option<Package>, String> {
    let Some(file) = std::env::var_os("FRIST_DK_CORE").map(PathBuf::from) else {
        return Ok(None);
    };
    let bytes = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Package::read_tgz(&bytes)
        .map(Some)
        .map_err(|error| format!("{}: {error}", file.display()))
}
