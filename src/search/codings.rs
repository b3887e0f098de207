//! Systems and codes as searches compare them: both sides go through here, what is indexed and what
//! is asked for.

use crate::fhir::{Terminology, names, view};

/// Returns the system of an identifier that is meant: the known typo of the ydernummer system is
/// read as the right one.
pub(super) fn identifier_system(system: &str) -> &str {
    if names::is_ydernummer_system(system) {
        names::YDERNUMMER
    } else {
        system
    }
}

/// Returns the system of a coding that is meant: of the terminologies of diagnoses the address that
/// stands for all of one, of others what is written, without a `|version`.
pub(super) fn coding_system(system: &str) -> &str {
    Terminology::of_system(system).map_or_else(
        || identifier_system(view::without_version(system)),
        Terminology::system,
    )
}

/// Returns the system and code of a coding as they compare.
pub(super) fn coding(system: &str, code: &str) -> (String, String) {
    match Terminology::of_system(system) {
        Some(terminology) => (terminology.system().to_owned(), terminology.compared(code)),
        None => (coding_system(system).to_owned(), code.to_owned()),
    }
}

/// Returns the codings that a code without a system may also stand for: its spelling in each of the
/// terminologies of diagnoses, where it is another one.
pub fn other_spellings(code: &str) -> Vec<(&'static str, String)> {
    let spelling = |terminology: &'static Terminology| {
        let compared = terminology.compared(code);
        (compared != code).then(|| (terminology.system(), compared))
    };
    Terminology::shipped().iter().filter_map(spelling).collect()
}

/// Tells whether an indexed coding is what a code without a system stands for.
pub(super) fn is_spelling(code: &str, indexed_system: &str, indexed_code: &str) -> bool {
    code == indexed_code
        || (code.len() >= indexed_code.len()
            && Terminology::of_system(indexed_system).is_some_and(|terminology| {
                terminology.system() == indexed_system && terminology.compared(code) == indexed_code
            }))
}

/// Writes down everything by which codings are read.
pub(super) fn written() -> String {
    let terminologies = Terminology::shipped().iter().map(Terminology::written);
    terminologies.collect::<Vec<_>>().join("\n")
}
