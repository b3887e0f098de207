//! The guide's own package, `dk.kronikerpakker.fhir`, as it stands in the project: embedded when
//! the program is built.

use include_dir::{Dir, include_dir};

/// The files of the package: `package.json`, one JSON file for each definition, and examples below
/// `example`.
pub static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles/package");

/// Returns the texts of the guide's definitions of one type, such as `PlanDefinition`, by name.
pub fn definitions_of(of_type: &str) -> impl Iterator<Item = &'static str> {
    let prefix = format!("{of_type}-");
    FOLDER
        .files()
        .filter(move |file| {
            file.path()
                .to_str()
                .is_some_and(|name| name.starts_with(&prefix))
        })
        .filter_map(|file| file.contents_utf8())
}
