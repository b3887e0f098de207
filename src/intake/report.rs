//! The report: what became of a Bundle, entry by entry, as a Parameters resource (intake, section
//! 1). No name, no CPR number and no text of a diagnosis stands in it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::content::reference_to;
use super::conversion::{Conversion, Verdict};
use super::recognition::IntakeFormat;
use super::statement::{Statement, identifier_element};
use super::words::{IntakeOutcome, IntakeReason};
use crate::fhir::{ResourceKey, Version};

/// The state in which a resource stands after the writing, or would stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stands {
    /// Its outcome.
    pub outcome: IntakeOutcome,
    /// The version that is stored; none if it is not.
    pub version: Option<Version>,
}

/// The end of one entry.
#[derive(Clone, PartialEq, Debug)]
pub struct EntryReport {
    /// The `fullUrl` of the entry.
    pub full_url: Option<String>,
    /// The type of its resource.
    pub type_name: String,
    /// The outcome.
    pub outcome: IntakeOutcome,
    /// The reason of the outcome, and further ones.
    pub reasons: Vec<IntakeReason>,
    /// The group that its text names.
    pub hint: Option<&'static str>,
    /// The resource that says it here, with the version.
    pub resource: Option<(ResourceKey, Version)>,
    /// The words for what to add.
    pub text: Option<String>,
}

/// The end of a Bundle.
#[derive(Clone, PartialEq, Debug)]
pub struct IntakeReport {
    /// The format.
    pub format: IntakeFormat,
    /// The identifier of the Bundle: system and value.
    pub source: (String, String),
    /// The Patient of the person, if it is stored.
    pub person: Option<ResourceKey>,
    /// The end of each entry, in order.
    pub entries: Vec<EntryReport>,
}

impl IntakeReport {
    /// Tells of a conversion, given how what it proposes stands.
    pub fn of(
        statement: &Statement<'_>,
        conversion: &Conversion,
        stands: &BTreeMap<ResourceKey, Stands>,
    ) -> Self {
        let entries = statement.bundle.entries.iter().zip(&conversion.verdicts);
        let entries = entries.map(|(entry, verdict)| {
            let mut reasons = Vec::new();
            let mut resource = None;
            let outcome = match &verdict.verdict {
                Verdict::Proposed(key) => {
                    let stands = stands.get(key);
                    resource = stands
                        .and_then(|stands| stands.version)
                        .map(|version| (key.clone(), version));
                    stands.map_or(IntakeOutcome::Unchanged, |stands| stands.outcome)
                }
                Verdict::Older(_) => {
                    reasons.push(IntakeReason::OlderThanStored);
                    IntakeOutcome::Older
                }
                Verdict::LeftOut(reason) => {
                    reasons.push(*reason);
                    IntakeOutcome::LeftOut
                }
                Verdict::Needs(reason) => {
                    reasons.push(*reason);
                    IntakeOutcome::Needs
                }
                Verdict::Undecided => {
                    reasons.push(IntakeReason::NotNeeded);
                    IntakeOutcome::LeftOut
                }
            };
            reasons.extend(&verdict.notes);
            EntryReport {
                full_url: entry.full_url.map(str::to_owned),
                type_name: entry.type_name().to_owned(),
                outcome,
                reasons,
                hint: verdict.hint,
                resource,
                text: verdict.text.clone(),
            }
        });
        let is_stored = |key: &&ResourceKey| {
            let stands = stands.get(*key);
            stands.is_none_or(|stands| stands.version.is_some())
        };
        IntakeReport {
            format: statement.format,
            source: statement.source.clone(),
            person: conversion.person.as_ref().filter(is_stored).cloned(),
            entries: entries.collect(),
        }
    }

    /// Counts the entries with an outcome.
    pub fn count(&self, outcome: IntakeOutcome) -> usize {
        let entries = self.entries.iter();
        entries.filter(|entry| entry.outcome == outcome).count()
    }

    /// Writes it as a Parameters resource.
    pub fn to_parameters(&self) -> Value {
        let source = identifier_element(&self.source);
        let mut parameters = vec![
            json!({ "name": "format", "valueCode": self.format.code() }),
            json!({ "name": "source", "valueIdentifier": source }),
        ];
        if let Some(person) = &self.person {
            parameters.push(json!({ "name": "person", "valueReference": reference_to(person) }));
        }
        parameters.extend(IntakeOutcome::ALL.iter().map(|outcome| {
            let part = [
                json!({ "name": "outcome", "valueCode": outcome.code() }),
                json!({ "name": "number", "valueInteger": self.count(*outcome) }),
            ];
            json!({ "name": "count", "part": part })
        }));
        parameters.extend(self.entries.iter().map(EntryReport::to_parameter));
        json!({ "resourceType": "Parameters", "parameter": parameters })
    }
}

impl EntryReport {
    fn to_parameter(&self) -> Value {
        let mut parts = Vec::new();
        if let Some(full_url) = &self.full_url {
            parts.push(json!({ "name": "fullUrl", "valueUri": full_url }));
        }
        parts.push(json!({ "name": "type", "valueCode": self.type_name }));
        parts.push(json!({ "name": "outcome", "valueCode": self.outcome.code() }));
        let reasons = self.reasons.iter();
        parts.extend(reasons.map(|reason| json!({ "name": "reason", "valueCode": reason.code() })));
        if let Some(hint) = self.hint {
            parts.push(json!({ "name": "hint", "valueCode": hint }));
        }
        if let Some((key, version)) = &self.resource {
            let reference = json!({ "reference": format!("{key}/_history/{version}") });
            parts.push(json!({ "name": "resource", "valueReference": reference }));
        }
        if let Some(text) = &self.text {
            parts.push(json!({ "name": "text", "valueString": text }));
        }
        json!({ "name": "entry", "part": parts })
    }
}
