//! The codes of KL that are read: the interventions of FSIII, and the reasons of a status. They are
//! data: `profiles/intake/kl-119.json`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::fhir::view::codings;
use crate::fhir::{json, names};

/// FSIII, the interventions and conditions of municipal records.
pub(in crate::intake) const FSIII: &str = "urn:oid:1.2.208.176.2.21";
/// FFB, the conditions of municipal social records.
pub(super) const FFB: &str = "urn:oid:1.2.208.176.2.22";
/// KL's codes that its guides share.
const CARE_SOCIAL: &str = "http://fhir.kl.dk/term/CodeSystem/CareSocialCodes";

/// The tables.
static TABLES: LazyLock<KlTables> = LazyLock::new(|| {
    KlTables::parse(include_str!("../../../profiles/intake/kl-119.json"))
        .expect("the shipped tables are read by a test of this file")
});

/// The tables of KL's codes.
struct KlTables {
    prevention: String,
    interventions: BTreeMap<String, Option<String>>,
    reasons: BTreeMap<String, KlReason>,
}

/// A reason of KL, in our words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct KlReason {
    /// The code of `kp-status-reason`.
    pub(super) reason: String,
    /// The code of `kp-postponement-reason`, if it says that the start is put off.
    pub(super) postponement: Option<String>,
}

/// The meaning of an intervention.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::intake) enum Intervention {
    /// An offer of this code of `kp-prevention-offer`.
    Offer(&'static str),
    /// A known intervention that is no offer.
    NoOffer,
    /// A code that is not known.
    Unknown,
}

impl KlTables {
    fn parse(text: &str) -> Option<Self> {
        let table = json::parse(text.as_bytes()).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let interventions = table["interventions"].as_object()?.iter();
        let reasons = table["reasons"].as_object()?.iter();
        let reasons = reasons.map(|(code, told)| {
            let reason = KlReason {
                reason: text(&told["reason"])?,
                postponement: text(&told["postponement"]),
            };
            Some((code.clone(), reason))
        });
        Some(KlTables {
            prevention: text(&table["prevention"])?,
            interventions: interventions
                .map(|(code, offer)| (code.clone(), text(offer)))
                .collect(),
            reasons: reasons.collect::<Option<_>>()?,
        })
    }
}

/// Returns a code as it is written in the tables: some systems write `_` for `-`.
fn plain(code: &str) -> String {
    code.trim().to_lowercase().replace('_', "-")
}

/// Tells whether a concept says that prevention was asked for.
pub(in crate::intake) fn is_prevention(concept: &Value) -> bool {
    let mut codings = codings(concept);
    codings.any(|(system, code)| system == CARE_SOCIAL && plain(code) == TABLES.prevention)
}

/// Tells the meaning of a code of FSIII.
pub(in crate::intake) fn intervention(code: &str) -> Intervention {
    match TABLES.interventions.get(&plain(code)) {
        Some(Some(offer)) => Intervention::Offer(offer),
        Some(None) => Intervention::NoOffer,
        None => Intervention::Unknown,
    }
}

/// Finds the reason of KL in some concepts.
pub(super) fn reason_in(concepts: &Value) -> Option<KlReason> {
    let mut codings = codings(concepts).filter(|(system, _)| *system == CARE_SOCIAL);
    codings.find_map(|(_, code)| TABLES.reasons.get(&plain(code)).cloned())
}

/// Returns a concept of our reason, with what was sent beside it.
pub(in crate::intake) fn reason_concept(reason: &str, sent: &Value) -> Value {
    let own = json!({ "system": names::CS_STATUS_REASON, "code": reason });
    let mut concept = if sent.is_object() {
        sent.clone()
    } else {
        json!({})
    };
    let has_own = codings(sent).any(|(system, _)| system == names::CS_STATUS_REASON);
    if !has_own {
        let sent = crate::fhir::view::items(&sent["coding"]).cloned();
        let all: Vec<Value> = std::iter::once(own).chain(sent).collect();
        concept["coding"] = Value::Array(all);
    }
    concept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_have_every_row_of_the_page() {
        let tables = KlTables::parse(include_str!("../../../profiles/intake/kl-119.json")).unwrap();
        assert_eq!(tables.interventions.len(), 15);
        assert_eq!(tables.reasons.len(), 14);
        assert!(is_prevention(&json!({ "coding": [
            { "system": CARE_SOCIAL, "code": "A71921EA_fe83_441d_933b_cc21d0b3c8c3" }] })));
        let offers = [
            (
                "6eddbaf7-2a73-49d4-91e7-6138d419f58c",
                Intervention::Offer("clarifying-conversation"),
            ),
            (
                "d1e016b5_150a_4ac4_97ba_d3e19e28471e",
                Intervention::NoOffer,
            ),
            ("x", Intervention::Unknown),
        ];
        for (code, expected) in offers {
            assert_eq!(intervention(code), expected);
        }
    }
}
