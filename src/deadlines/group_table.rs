//! The table that gives a diagnosis its target group (fhir-profiles, section 3). It is data:
//! `profiles/target-groups.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;

use super::words::Group;
use crate::fhir::terminology::{CodeReading, text, texts};
use crate::fhir::view::{codings, extensions, items};
use crate::fhir::{Terminology, names};

static SHIPPED: LazyLock<GroupTable> = LazyLock::new(|| {
    GroupTable::parse(include_str!("../../profiles/target-groups.json"))
        .expect("the shipped table is read by a test of this file")
});

/// The table from code to target group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupTable {
    /// Each with the name of its column.
    pub(super) terminologies: Vec<(Terminology, String)>,
    /// For each column of the table the codes in upper case, with the group.
    pub(super) columns: BTreeMap<String, Vec<(String, Group)>>,
}

impl GroupTable {
    /// Returns the table that the project ships.
    pub fn shipped() -> &'static GroupTable {
        &SHIPPED
    }

    /// Reads a table.
    ///
    /// # Errors
    /// One sentence that names the element and says what was expected.
    pub fn parse(json: &str) -> Result<GroupTable, String> {
        let table = crate::fhir::json::parse(json.as_bytes())?;
        let mut columns: BTreeMap<String, Vec<(String, Group)>> = BTreeMap::new();
        let terminologies = items(&table["terminologies"])
            .map(|element| {
                let terminology = Terminology::read(element)?;
                Ok((
                    terminology,
                    text(element, "column", "terminology")?.to_owned(),
                ))
            })
            .collect::<Result<Vec<_>, String>>()?;
        for (_, column) in &terminologies {
            columns.entry(column.clone()).or_default();
        }
        for (at, row) in items(&table["groups"]).enumerate() {
            let code = text(row, "group", &format!("groups[{at}]"))?;
            let group = Group::from_code(code).ok_or(format!(
                "groups[{at}].group: expected a target group, found '{code}'"
            ))?;
            for (column, codes) in &mut columns {
                codes.extend(
                    texts(row, column, &format!("groups[{at}]"))?
                        .into_iter()
                        .map(|code| (code.to_ascii_uppercase(), group)),
                );
            }
        }
        if columns.values().all(Vec::is_empty) {
            return Err(
                "expected 'terminologies' and 'groups' with at least one code, found none"
                    .to_owned(),
            );
        }
        Ok(GroupTable {
            terminologies,
            columns,
        })
    }

    /// Returns the groups of a Condition, in the order of the rules page: the extension
    /// `kp-target-group`, if present, decides alone; otherwise the code does. Empty if no group can
    /// be determined.
    pub fn groups_of_condition(&self, condition: &Value) -> Vec<Group> {
        let mut asserted = extensions(condition, names::EXT_TARGET_GROUP).peekable();
        if asserted.peek().is_none() {
            return self.groups_of_concept(&condition["code"]);
        }
        let groups: BTreeSet<Group> = asserted
            .flat_map(|extension| named_groups(&extension["valueCodeableConcept"]))
            .collect();
        groups.into_iter().collect()
    }

    /// Returns the groups of the reasons of a referral, by code or named as such; in the order of
    /// the rules page.
    pub fn groups_of_reasons(&self, reasons: &Value) -> Vec<Group> {
        let groups: BTreeSet<Group> = self
            .groups_of_concept(reasons)
            .into_iter()
            .chain(named_groups(reasons))
            .collect();
        groups.into_iter().collect()
    }

    /// Returns the groups of a CodeableConcept, or of an array of them, by code; in the order of
    /// the rules page.
    pub fn groups_of_concept(&self, concepts: &Value) -> Vec<Group> {
        let groups: BTreeSet<Group> = codings(concepts)
            .flat_map(|(system, code)| self.groups_of_code(system, code))
            .collect();
        groups.into_iter().collect()
    }

    /// Writes down everything the table says, a line for each terminology and each code. Only a
    /// change of the table changes it.
    pub(super) fn written(&self) -> String {
        let GroupTable {
            terminologies,
            columns,
        } = self;
        let terminologies = terminologies.iter().map(|(terminology, column)| {
            format!("terminology {column} {}\n", terminology.written())
        });
        let codes = columns.iter().flat_map(|(column, codes)| {
            codes
                .iter()
                .map(move |(code, group)| format!("code {column} {code} {group}\n"))
        });
        terminologies.chain(codes).collect()
    }

    /// Returns the groups of a code, in the order of the table.
    pub(super) fn groups_of_code(&self, system: &str, code: &str) -> Vec<Group> {
        let Some((terminology, column)) = self
            .terminologies
            .iter()
            .find(|(terminology, _)| terminology.is_sent_as(system))
        else {
            return Vec::new();
        };
        let Some(codes) = self.columns.get(column) else {
            return Vec::new();
        };
        let code = terminology.compared(code);
        let fits = |listed: &str| match terminology.reading {
            CodeReading::Sks => code
                .split('+')
                .next()
                .and_then(|main| main.strip_prefix('D'))
                .is_some_and(|icd| icd.starts_with(listed)),
            CodeReading::Icd10 => code.starts_with(listed),
            CodeReading::Whole => code == listed,
        };
        codes
            .iter()
            .filter(|(listed, _)| fits(listed))
            .map(|(_, group)| *group)
            .collect()
    }
}

/// Returns the groups that a CodeableConcept, or an array of them, names by the package's own code
/// system.
fn named_groups(concepts: &Value) -> impl Iterator<Item = Group> {
    let of_guide = codings(concepts).filter(|(system, _)| *system == names::CS_TARGET_GROUP);
    of_guide.filter_map(|(_, code)| Group::from_code(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_code_belongs_to_the_group_of_its_terminology_however_it_is_written() {
        let (sks, icd, icpc) = (
            "urn:oid:1.2.208.176.2.4.12",
            "http://hl7.org/fhir/sid/icd-10",
            "urn:oid:1.2.208.176.2.31",
        );
        check(&[
            (sks, "DJ449", Some(Group::Copd)),
            (sks, "dj44", Some(Group::Copd)),
            (sks, "DE119+BXX", Some(Group::Type2Diabetes)),
            (sks, "DX99+DJ44", None),
            (sks, "J44", None),
            (sks, "DE10", None),
            (
                "urn:oid:1.2.208.176.2.4",
                "DI509",
                Some(Group::HeartDisease),
            ),
            (
                "urn:oid:1.2.208.176.2.4|2027",
                "DI48",
                Some(Group::HeartDisease),
            ),
            ("urn:oid:1.2.208.176.2.40", "DI48", None),
            (icd, "J44.9", Some(Group::Copd)),
            (icd, "DJ44", None),
            (icd, "J45", None),
            (icd, "e11", Some(Group::Type2Diabetes)),
            (
                "urn:oid:2.16.840.1.113883.6.3",
                "I25.1",
                Some(Group::HeartDisease),
            ),
            (icpc, "R95", Some(Group::Copd)),
            (icpc, "r95", Some(Group::Copd)),
            (icpc, "R951", None),
            (
                "http://terminology.hl7.org/CodeSystem/v3-icpc2E",
                "T90",
                Some(Group::Type2Diabetes),
            ),
            (
                "http://hl7.org/fhir/sid/icpc-2",
                "K74",
                Some(Group::HeartDisease),
            ),
            (
                "urn:oid:2.16.840.1.113883.6.139",
                "K78",
                Some(Group::HeartDisease),
            ),
            ("", "J44", None),
        ]);
    }

    #[test]
    fn snomed_ct_is_one_under_each_of_its_addresses_and_with_a_version() {
        let sct = "http://snomed.info/sct";
        check(&[
            (sct, "278860009", Some(Group::LowBackPain)),
            (
                "http://snomed.info/sct/554471000005108/version/20270101",
                "44054006",
                Some(Group::Type2Diabetes),
            ),
            ("http://snomed.info/sctx", "44054006", None),
            (
                "urn:oid:2.16.840.1.113883.6.96",
                "13645005",
                Some(Group::Copd),
            ),
            (
                "http://snomed.info/sct|http://snomed.info/sct/554471000005108",
                "13645005",
                Some(Group::Copd),
            ),
            (
                "http://snomed.info/sct|20240101",
                "13645005",
                Some(Group::Copd),
            ),
        ]);
    }

    fn check(table: &[(&str, &str, Option<Group>)]) {
        for (system, code, expected) in table {
            let concept = json!({ "coding": [{ "system": system, "code": code }] });
            assert_eq!(
                GroupTable::shipped().groups_of_concept(&concept),
                Vec::from_iter(*expected),
                "{system} {code}"
            );
        }
    }

    #[test]
    fn the_extension_decides_alone() {
        let extension = |code: &str| {
            let coding = json!({ "system": names::CS_TARGET_GROUP, "code": code });
            json!({
                "url": names::EXT_TARGET_GROUP,
                "valueCodeableConcept": { "coding": [coding] },
            })
        };
        let condition = |extensions: Value| {
            let icd =
                |code: &str| json!({ "system": "http://hl7.org/fhir/sid/icd-10", "code": code });
            json!({ "extension": extensions, "code": { "coding": [icd("E11"), icd("J44")] } })
        };
        let table = GroupTable::shipped();
        assert_eq!(
            table.groups_of_condition(&condition(json!([]))),
            [Group::Copd, Group::Type2Diabetes]
        );
        let both = json!([
            extension("complex-multimorbidity"),
            extension("low-back-pain")
        ]);
        assert_eq!(
            table.groups_of_condition(&condition(both)),
            [Group::LowBackPain, Group::ComplexMultimorbidity]
        );
        assert_eq!(
            table.groups_of_condition(&condition(json!([extension("asthma")]))),
            []
        );
    }

    #[test]
    fn a_table_that_cannot_be_read_says_where() {
        for (json, expected) in [
            ("{}", "at least one code"),
            (
                r#"{"terminologies":[{"name":"X","reading":"odd","systems":["a"],"column":"c"}]}"#,
                "terminology 'X'.reading",
            ),
            (
                r#"{"terminologies":[{"name":"X","reading":"whole","systems":[1],"column":"c"}]}"#,
                "terminology 'X'.systems",
            ),
            (
                r#"{"terminologies":[{"name":"X","reading":"whole","systems":["a"],"column":"c"}],"groups":[{"group":"gout","c":["1"]}]}"#,
                "groups[0].group",
            ),
        ] {
            let error = GroupTable::parse(json).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
