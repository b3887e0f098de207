//! The codes and systems that the invented systems send.

use crate::fhir::names::CS_PREVENTION_OFFER;

/// The identifier system of Danish health organizations.
pub(super) const SOR: &str = "urn:oid:1.2.208.176.1.1";
/// SNOMED CT.
pub(super) const SNOMED: &str = "http://snomed.info/sct";
/// Danish hospital diagnoses.
pub(super) const SKS: &str = "urn:oid:1.2.208.176.2.4.12";
/// Diagnoses of general practice.
pub(super) const ICPC: &str = "urn:oid:1.2.208.176.2.31";
/// A code of some system: system, code, display.
pub(super) type Code = (&'static str, &'static str, &'static str);

/// The conversation that comes before an offer, and is not yet one.
pub(super) const CONVERSATION: Code = (
    CS_PREVENTION_OFFER,
    "clarifying-conversation",
    "Afklarende samtale",
);

/// The offers that people are referred to.
pub(super) const OFFERS: &[Code] = &[
    (CS_PREVENTION_OFFER, "disease-management", "Sygdomsmestring"),
    (CS_PREVENTION_OFFER, "physical-activity", "Fysisk aktivitet"),
    (CS_PREVENTION_OFFER, "nutrition", "Ernæring"),
    (
        CS_PREVENTION_OFFER,
        "nicotine-cessation",
        "Nikotinafvænning",
    ),
];
