//! A package of definitions as published: an NPM tarball with one JSON file per resource.
//!
//! Sizes are bounded, since a small file can unpack to a large one; nothing is written anywhere.
//! <https://hl7.org/fhir/packages.html>,
//! <https://confluence.hl7.org/display/FHIR/NPM+Package+Specification>

use std::fmt;
use std::io::Read;

use serde_json::Value;

use super::condense::{Unusable, condense};
use super::definition_json::text;
use super::{guide, search_parameter};

/// The bounds of a package.
#[derive(Clone, Copy)]
struct PackageBounds {
    /// The most bytes that it may unpack to.
    unpacked_bytes_max: u64,
    /// The most bytes of one file in it.
    file_bytes_max: u64,
    /// The most files in it.
    files_max: usize,
}

/// Four times what the R4 core package needs, which is among the largest.
const BOUNDS: PackageBounds = PackageBounds {
    unpacked_bytes_max: 256 << 20,
    file_bytes_max: 32 << 20,
    files_max: 100_000,
};

/// The definitions of one package, as they were published.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name, as `hl7.fhir.r4.core`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The packages that it builds upon, as it says: name and version.
    pub dependencies: Vec<(String, String)>,
    /// Its StructureDefinitions, ValueSets, CodeSystems and SearchParameters, as JSON texts.
    pub definitions: Vec<Box<str>>,
}

/// The reason why a package cannot be read or used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PackageError {
    /// The bytes are no gzipped tarball, or a file in it is malformed; the sentence says why.
    Unreadable(String),
    /// It unpacks to more than it may.
    TooLarge,
    /// The package is for other versions of FHIR, which are named.
    OtherFhirVersion(String),
    /// None of its definitions can be used, for these reasons.
    NothingUsable(Vec<Unusable>),
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PackageError::Unreadable(why) => write!(f, "the package cannot be read: {why}"),
            PackageError::TooLarge => {
                let (all, file) = (BOUNDS.unpacked_bytes_max >> 20, BOUNDS.file_bytes_max >> 20);
                write!(
                    f,
                    "the package unpacks to more than {all} MB, has a file of more than {file} MB, or too many files"
                )
            }
            PackageError::OtherFhirVersion(versions) => {
                write!(f, "the package is for FHIR {versions}, not for FHIR 4.0")
            }
            PackageError::NothingUsable(reasons) => {
                f.write_str("the package has no usable definition")?;
                reasons
                    .first()
                    .map_or(Ok(()), |first| write!(f, ": {} ({})", first.url, first.why))
            }
        }
    }
}

impl std::error::Error for PackageError {}

impl Package {
    /// Reads a gzipped tarball with `package/package.json` and the definitions beside it; folders
    /// below `package/` are passed over.
    ///
    /// # Errors
    /// It is no such tarball, is for another version of FHIR than 4.0, or unpacks to too much.
    pub fn read_tgz(bytes: &[u8]) -> Result<Package, PackageError> {
        read(bytes, BOUNDS)
    }

    /// Makes a package of definitions that are at hand, as JSON texts.
    pub fn from_definitions(name: &str, version: &str, definitions: Vec<Box<str>>) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            dependencies: Vec::new(),
            definitions,
        }
    }

    /// Returns the guide's own package, embedded when the program is built.
    pub fn guide() -> Package {
        Package::from_definitions(
            "dk.kronikerpakker.fhir",
            env!("CARGO_PKG_VERSION"),
            guide::definitions().map(Box::from).collect(),
        )
    }

    /// Condenses each definition to one line with everything that a check needs, in order of type
    /// and address, and returns the definitions that cannot be used beside them.
    pub fn condensed(&self) -> (Vec<String>, Vec<Unusable>) {
        let (mut lines, mut unusable) = (Vec::new(), Vec::new());
        for definition in &self.definitions {
            // `parse` rather than `from_str`: it is compiled with serde_json, which is optimized
            // where this crate may not be.
            match definition.parse::<Value>() {
                Err(error) => unusable.push(Unusable {
                    url: String::new(),
                    why: format!("a file of {} is not JSON: {error}", self.name),
                }),
                Ok(definition) => match condense(&definition) {
                    Ok(line) => lines.extend(line),
                    Err(why) => unusable.push(why),
                },
            }
        }
        // Definitions of one address stay in the order of the package.
        lines.sort_by(|one, other| address(one).cmp(address(other)));
        (lines, unusable)
    }

    /// Condenses each SearchParameter of a held type to one line, in order of address.
    pub fn condensed_search(&self) -> Vec<String> {
        let texts = self
            .definitions
            .iter()
            .filter(|text| text.contains("\"SearchParameter\""));
        let definitions = texts.filter_map(|text| text.parse::<Value>().ok());
        let is_one =
            |definition: &Value| text(definition, "resourceType") == Some("SearchParameter");
        let mut lines: Vec<String> = definitions
            .filter(is_one)
            .filter_map(|one| search_parameter::condense(&one))
            .collect();
        lines.sort_by(|one, other| address(one).cmp(address(other)));
        lines
    }
}

/// Returns the beginning of a line, with resource type and address.
fn address(line: &str) -> &str {
    line.split_once(",\"version\"")
        .map_or(line, |(address, _)| address)
}

fn read(bytes: &[u8], bounds: PackageBounds) -> Result<Package, PackageError> {
    let unpacked = flate2::read::MultiGzDecoder::new(bytes).take(bounds.unpacked_bytes_max);
    let mut archive = tar::Archive::new(unpacked);
    let read = read_files(&mut archive, bounds);
    // An archive that the bound cuts off is broken; the reason is the bound.
    if archive.into_inner().limit() == 0 {
        Err(PackageError::TooLarge)
    } else {
        read
    }
}

fn read_files<R: Read>(
    archive: &mut tar::Archive<R>,
    bounds: PackageBounds,
) -> Result<Package, PackageError> {
    let unreadable = |error: std::io::Error| PackageError::Unreadable(error.to_string());
    let mut manifest = None;
    let mut definitions = Vec::new();
    for (count, file) in archive.entries().map_err(unreadable)?.enumerate() {
        let mut file = file.map_err(unreadable)?;
        if count >= bounds.files_max || file.size() > bounds.file_bytes_max {
            return Err(PackageError::TooLarge);
        }
        let path = file.path_bytes().into_owned();
        let is_file = file.header().entry_type().is_file();
        let Some(name) = std::str::from_utf8(&path)
            .ok()
            .and_then(file_name)
            .filter(|_| is_file)
        else {
            continue;
        };
        let mut content = String::new();
        file.read_to_string(&mut content)
            .map_err(|error| PackageError::Unreadable(format!("{name}: {error}")))?;
        let content = content.trim_start_matches('\u{feff}');
        if name == "package.json" {
            manifest = Some(read_manifest(content)?);
        } else if is_definition(content) {
            definitions.push(content.into());
        }
    }
    let package = manifest
        .ok_or_else(|| PackageError::Unreadable("it has no package/package.json".to_owned()))?;
    Ok(Package {
        definitions,
        ..package
    })
}

/// Returns the name of a JSON file directly below `package/`.
fn file_name(path: &str) -> Option<&str> {
    let name = path
        .strip_prefix("./")
        .unwrap_or(path)
        .strip_prefix("package/")?;
    (name.ends_with(".json") && !name.contains('/')).then_some(name)
}

/// Returns true if the text is likely a definition that is condensed; a wrong yes does no harm.
fn is_definition(content: &str) -> bool {
    [
        "\"StructureDefinition\"",
        "\"ValueSet\"",
        "\"CodeSystem\"",
        "\"SearchParameter\"",
    ]
    .iter()
    .any(|name| content.contains(name))
}

/// Reads what a package says of itself; it has no definitions yet.
fn read_manifest(content: &str) -> Result<Package, PackageError> {
    let manifest: Value = content
        .parse()
        .map_err(|error| PackageError::Unreadable(format!("package.json: {error}")))?;
    let versions = ["fhirVersions", "fhir-version-list"]
        .iter()
        .find_map(|key| manifest.get(key)?.as_array());
    let versions: Vec<_> = versions
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if !versions.is_empty() && !versions.iter().any(|version| version.starts_with("4.0")) {
        return Err(PackageError::OtherFhirVersion(versions.join(", ")));
    }
    let text = |key| text(&manifest, key).unwrap_or_default();
    let named = manifest.get("dependencies").and_then(Value::as_object);
    let dependency = |(name, version): (&String, &Value)| {
        (
            name.clone(),
            version.as_str().unwrap_or_default().to_owned(),
        )
    };
    Ok(Package {
        dependencies: named.into_iter().flatten().map(dependency).collect(),
        ..Package::from_definitions(text("name"), text("version"), Vec::new())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a package with its manifest and one other file of this many bytes.
    fn package(bytes: usize) -> Vec<u8> {
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(
            Vec::new(),
            flate2::Compression::best(),
        ));
        for (path, content) in [
            ("package/package.json", b"{}".to_vec()),
            ("package/other/blank", vec![0; bytes]),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, &*content).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let bounds = PackageBounds {
            unpacked_bytes_max: 100_000,
            file_bytes_max: 90_000,
            files_max: 2,
        };
        for (bounds, bytes, is_refused) in [
            (bounds, 80_000, false),
            (bounds, 91_000, true),
            (
                PackageBounds {
                    unpacked_bytes_max: 50_000,
                    ..bounds
                },
                80_000,
                true,
            ),
            (
                PackageBounds {
                    files_max: 1,
                    ..bounds
                },
                10,
                true,
            ),
        ] {
            let read = read(&package(bytes), bounds);
            assert_eq!(
                read.err() == Some(PackageError::TooLarge),
                is_refused,
                "{bytes}"
            );
        }
    }
}
