//! A package of definitions as published: an NPM tarball with one JSON file a resource.
//!
//! Sizes are bounded, for a small file can unpack to a large one; nothing is written anywhere.
//! <https://hl7.org/fhir/packages.html>, <https://confluence.hl7.org/display/FHIR/NPM+Package+Specification>

use std::fmt;
use std::io::Read;

use serde_json::Value;

use super::condense::{Unusable, condense, text};

/// The most bytes that a package may unpack to: thrice the size of the R4 core package with its examples.
const UNPACKED_BYTES_MAX: u64 = 512 << 20;
/// The most bytes of one file in it.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The most files in it.
const FILES_MAX: usize = 100_000;

/// The definitions of one package, as they were published.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name, as `hl7.fhir.r4.core`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its StructureDefinitions, ValueSets and CodeSystems, as JSON texts.
    pub definitions: Vec<Box<str>>,
}

/// Why a package cannot be read or used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PackageError {
    /// The bytes are no gzipped tarball, or a file in it is not what it should be; the sentence says what.
    Unreadable(String),
    /// It unpacks to more than the bound.
    TooLarge,
    /// It is for other versions of FHIR, which are named.
    OtherFhirVersion(String),
    /// None of its definitions can be used, for these reasons.
    NothingUsable(Vec<Unusable>),
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PackageError::Unreadable(why) => write!(f, "the package cannot be read: {why}"),
            PackageError::TooLarge => write!(f, "the package unpacks to more than {} MB", UNPACKED_BYTES_MAX >> 20),
            PackageError::NothingUsable(reasons) => {
                f.write_str("the package has no definition that can be used")?;
                reasons.first().map_or(Ok(()), |first| write!(f, ": {} ({})", first.url, first.why))
            }
            PackageError::OtherFhirVersion(versions) => write!(f, "the package is for FHIR {versions}, not for FHIR 4.0"),
        }
    }
}

impl std::error::Error for PackageError {}

impl Package {
    /// Reads a gzipped tarball with `package/package.json` and the definitions beside it; folders below `package/` are passed over.
    ///
    /// # Errors
    /// It is no such tarball, is for another version of FHIR than 4.0, or unpacks to too much.
    pub fn read_tgz(bytes: &[u8]) -> Result<Package, PackageError> {
        let unreadable = |error: std::io::Error| PackageError::Unreadable(error.to_string());
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes).take(UNPACKED_BYTES_MAX));
        let mut package = Package { name: String::new(), version: String::new(), definitions: Vec::new() };
        let mut has_manifest = false;
        for (count, entry) in archive.entries().map_err(unreadable)?.enumerate() {
            let entry = entry.map_err(unreadable)?;
            if count >= FILES_MAX || entry.size() > FILE_BYTES_MAX {
                return Err(PackageError::TooLarge);
            }
            let path = entry.path_bytes().into_owned();
            let Some(name) = std::str::from_utf8(&path).ok().and_then(file_name) else { continue };
            let mut content = String::new();
            let limit = entry.size();
            entry.take(limit).read_to_string(&mut content).map_err(|error| PackageError::Unreadable(format!("{name}: {error}")))?;
            if name == "package.json" {
                (package.name, package.version) = manifest(&content)?;
                has_manifest = true;
            } else if is_definition(&content) {
                package.definitions.push(content.into());
            }
        }
        if archive.into_inner().limit() == 0 {
            return Err(PackageError::TooLarge);
        }
        if has_manifest { Ok(package) } else { Err(PackageError::Unreadable("it has no package/package.json".to_owned())) }
    }

    /// A package of definitions that are at hand.
    pub fn from_definitions(name: &str, version: &str, definitions: Vec<Box<str>>) -> Package {
        Package { name: name.to_owned(), version: version.to_owned(), definitions }
    }

    /// One line for each definition with what a check needs of it, and the definitions that cannot be used.
    pub fn condensed(&self) -> (Vec<String>, Vec<Unusable>) {
        let (mut lines, mut unusable) = (Vec::new(), Vec::new());
        for definition in &self.definitions {
            // `parse` rather than `from_str`: it is compiled with serde_json, which is optimized where this crate may not be.
            match definition.parse::<Value>() {
                Err(error) => unusable.push(Unusable { url: String::new(), why: format!("a file of {} is no JSON: {error}", self.name) }),
                Ok(definition) => match condense(&definition) {
                    Ok(line) => lines.extend(line),
                    Err(why) => unusable.push(why),
                },
            }
        }
        (lines, unusable)
    }
}

/// The name of a file directly below `package/`, if it is JSON.
fn file_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix("./").unwrap_or(path).strip_prefix("package/")?;
    (name.ends_with(".json") && !name.contains('/')).then_some(name)
}

/// True if the text is likely one of the definitions that are condensed; a wrong yes does no harm.
fn is_definition(content: &str) -> bool {
    ["\"StructureDefinition\"", "\"ValueSet\"", "\"CodeSystem\""].iter().any(|name| content.contains(name))
}

/// Name and version of a package.
fn manifest(content: &str) -> Result<(String, String), PackageError> {
    let manifest: Value = content.parse().map_err(|error| PackageError::Unreadable(format!("package.json: {error}")))?;
    let versions = ["fhirVersions", "fhir-version-list"].iter().find_map(|key| manifest.get(key)?.as_array());
    let versions: Vec<_> = versions.into_iter().flatten().filter_map(Value::as_str).collect();
    if !versions.is_empty() && !versions.iter().any(|version| version.starts_with("4.0")) {
        return Err(PackageError::OtherFhirVersion(versions.join(", ")));
    }
    let text = |key| text(&manifest, key).unwrap_or_default().to_owned();
    Ok((text("name"), text("version")))
}
