//! The guide's own package, `dk.kronikerpakker.fhir`, as it stands in the project: embedded when
//! the program is built.

use include_dir::{Dir, include_dir};

/// The files of the package: `package.json`, one JSON file a definition, and examples below
/// `example`.
pub static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles/package");

/// Returns the guide's own SearchParameters, as published.
pub(super) fn search_parameters() -> impl Iterator<Item = &'static str> {
    texts(&["SearchParameter-"])
}

/// Returns the guide's own StructureDefinitions, ValueSets and CodeSystems, as published.
pub(super) fn definitions() -> impl Iterator<Item = &'static str> {
    texts(&["StructureDefinition-", "ValueSet-", "CodeSystem-"])
}

/// Returns the contents of the files whose names begin with one of these.
fn texts(beginnings: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    let is_one = |name: &str| beginnings.iter().any(|start| name.starts_with(start));
    FOLDER
        .files()
        .filter(move |file| file.path().to_str().is_some_and(is_one))
        .filter_map(|file| file.contents_utf8())
}
