//! Words for the sender of a diagnosis that has no target group: what the code is under another
//! system, and which codes have a group (fhir-profiles, section 3).

use serde_json::Value;

use super::group_table::GroupTable;
use super::words::Group;
use crate::fhir::terminology::CodeReading;
use crate::fhir::view::codings;
use crate::fhir::{Terminology, names};

/// The longest code that is repeated to its sender.
const CODE_LENGTH_MAX: usize = 12;

impl GroupTable {
    /// Says why a Condition has no target group, and what to send; none if it has one.
    pub fn why_no_group(&self, condition: &Value) -> Option<String> {
        if !self.groups_of_condition(condition).is_empty() {
            return None;
        }
        let mut misplaced =
            codings(&condition["code"]).filter_map(|(system, code)| self.misplaced(system, code));
        let found = misplaced
            .next()
            .unwrap_or_else(|| "found none of them".to_owned());
        Some(format!(
            "expected a diagnosis of one of the target groups, {found}; the groups are {}, under the systems {}; \
             the extension {} with a code of {} says a group without a code (the way to say low-back-pain and \
             complex-multimorbidity)",
            self.codes_of_groups(),
            self.systems(),
            names::EXT_TARGET_GROUP,
            names::CS_TARGET_GROUP,
        ))
    }

    /// Says of a code that stands under another system than its own, where it belongs, or how it is
    /// written there.
    fn misplaced(&self, system: &str, code: &str) -> Option<String> {
        let mut terminologies = self.terminologies.iter();
        let here = terminologies.find(|(here, _)| here.is_sent_as(system));
        let has_group = |(other, _): &&(Terminology, String)| {
            !self.groups_of_code(other.system(), code).is_empty()
        };
        let own = self.terminologies.iter().find(has_group)?;
        let is_short = code.len() <= CODE_LENGTH_MAX
            && code
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        let code = if is_short { code } else { "a code" };
        let (name, system) = (&own.0.name, own.0.system());
        let written = here.and_then(|here| Some((here, written_in(here, own, code)?)));
        Some(match written.filter(|_| is_short) {
            Some(((here, _), written)) => format!(
                "found {code}, as {name} writes it: in {} this is {written}",
                here.name
            ),
            None => format!("found {code}, which is of {name}: send it under the system {system}"),
        })
    }

    /// Lists the codes of each group that has some.
    fn codes_of_groups(&self) -> String {
        let of_group = |group: &Group| {
            let of_terminology = |(terminology, column): &(Terminology, String)| {
                let codes = self.columns.get(column)?.iter();
                let codes: Vec<_> = codes
                    .filter(|(_, of)| of == group)
                    .map(|(code, _)| match terminology.reading {
                        CodeReading::Sks => format!("D{code}"),
                        CodeReading::Icd10 | CodeReading::Whole => code.clone(),
                    })
                    .collect();
                let codes = (!codes.is_empty()).then(|| codes.join(" "))?;
                Some(format!("{} {codes}", terminology.name))
            };
            let listed: Vec<_> = self
                .terminologies
                .iter()
                .filter_map(of_terminology)
                .collect();
            (!listed.is_empty()).then(|| format!("{group} ({})", listed.join(", ")))
        };
        let listed: Vec<_> = Group::ALL.iter().filter_map(of_group).collect();
        listed.join(", ")
    }

    /// Lists the address under which each terminology is sent.
    fn systems(&self) -> String {
        let listed = self
            .terminologies
            .iter()
            .map(|(terminology, _)| format!("{} ({})", terminology.system(), terminology.name));
        listed.collect::<Vec<_>>().join(", ")
    }
}

/// Writes a code of another terminology as this one has it; none if they have no codes in common.
fn written_in(
    (here, column): &(Terminology, String),
    (own, own_column): &(Terminology, String),
    code: &str,
) -> Option<String> {
    if column != own_column {
        return None;
    }
    let code = code.to_ascii_uppercase().replace('.', "");
    match (here.reading, own.reading) {
        (CodeReading::Sks, CodeReading::Icd10) => Some(format!("D{code}")),
        (CodeReading::Icd10, CodeReading::Sks) => code.strip_prefix('D').map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_code_under_the_wrong_system_is_told_where_it_belongs_or_how_it_is_written() {
        let (sks, icd, icpc, sct) = (
            "urn:oid:1.2.208.176.2.4.12",
            "http://hl7.org/fhir/sid/icd-10",
            "urn:oid:1.2.208.176.2.31",
            "http://snomed.info/sct",
        );
        let of = |name: &str, system: &str, code: &str| {
            format!("found {code}, which is of {name}: send it under the system {system};")
        };
        for (system, code, expected) in [
            (
                sks,
                "J44.9",
                "found J44.9, as ICD-10 writes it: in SKS this is DJ449;".to_owned(),
            ),
            (
                sks,
                "e11",
                "found e11, as ICD-10 writes it: in SKS this is DE11;".to_owned(),
            ),
            (
                icd,
                "DJ44",
                "found DJ44, as SKS writes it: in ICD-10 this is J44;".to_owned(),
            ),
            (sks, "R95", of("ICPC-2", icpc, "R95")),
            (icpc, "J44", of("ICD-10", icd, "J44")),
            (icpc, "13645005", of("SNOMED CT", sct, "13645005")),
            ("", "R95", of("ICPC-2", icpc, "R95")),
            (
                "https://ehr.example.dk/codes",
                "DI50",
                of("SKS", sks, "DI50"),
            ),
            (sct, "J44 is Karen's", of("ICD-10", icd, "a code")),
            (sks, "DJ45", "found none of them;".to_owned()),
            ("", "", "found none of them;".to_owned()),
        ] {
            let condition = json!({ "code": { "coding": [{ "system": system, "code": code }] } });
            let told = GroupTable::shipped().why_no_group(&condition).unwrap();
            assert!(told.contains(&expected), "{system} {code}: {told}");
            assert!(!told.contains("Karen"), "{told}");
        }
        let known = json!({ "code": { "coding": [{ "system": icpc, "code": "R95" }] } });
        assert_eq!(GroupTable::shipped().why_no_group(&known), None);
    }

    #[test]
    fn every_code_and_system_of_the_table_is_told() {
        let told = GroupTable::shipped()
            .why_no_group(&json!({ "code": { "text": "KOL" } }))
            .unwrap();
        for part in [
            "copd (SKS DJ44, ICD-10 J44, ICPC-2 R95, SNOMED CT 13645005)",
            "low-back-pain (SNOMED CT 278860009)",
            "heart-disease (SKS DI20 DI21",
            "urn:oid:1.2.208.176.2.31 (ICPC-2)",
            names::CS_TARGET_GROUP,
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
