//! The definitions of the guide's own package, `dk.kronikerpakker.fhir`.

pub use crate::fhir::guide::FOLDER;
use crate::fhir::guide::definitions_of;

/// Returns the guide's own SearchParameters, as published.
pub(super) fn search_parameters() -> impl Iterator<Item = &'static str> {
    definitions_of("SearchParameter")
}

/// Returns the guide's own CodeSystems, StructureDefinitions and ValueSets, as published.
pub(super) fn definitions() -> impl Iterator<Item = &'static str> {
    ["CodeSystem", "StructureDefinition", "ValueSet"]
        .into_iter()
        .flat_map(definitions_of)
}
