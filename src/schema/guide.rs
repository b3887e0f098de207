//! The guide's own package, `dk.kronikerpakker.fhir`, as it stands in the project: embedded when
//! the program is built.

use include_dir::{Dir, include_dir};

use super::package::Package;

/// The files of the package: `package.json`, one JSON file a definition, and examples below
/// `example`.
pub static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles/package");

/// The guide's own SearchParameters, as published.
pub(super) fn search_parameters() -> impl Iterator<Item = &'static str> {
    let is_one = |name: &str| name.starts_with("SearchParameter-");
    FOLDER
        .files()
        .filter(move |file| file.path().to_str().is_some_and(is_one))
        .filter_map(|file| file.contents_utf8())
}

impl Package {
    /// The guide's own package.
    pub fn guide() -> Package {
        let is_definition = |name: &str| {
            ["StructureDefinition-", "ValueSet-", "CodeSystem-"]
                .iter()
                .any(|kind| name.starts_with(kind))
        };
        let files = FOLDER
            .files()
            .filter(|file| file.path().to_str().is_some_and(is_definition));
        let definitions = files
            .filter_map(|file| file.contents_utf8())
            .map(Box::from)
            .collect();
        Package::from_definitions(
            "dk.kronikerpakker.fhir",
            env!("CARGO_PKG_VERSION"),
            definitions,
        )
    }
}
