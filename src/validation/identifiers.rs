//! Who a person is and what an organization is: the rules of kp-patient and kp-organization that a table cannot say.
//!
//! No finding here repeats a number or a name.

use serde_json::Value;

use super::findings::Findings;
use super::slices::Slice;
use crate::fhir::{IssueCode, names};

const CPR_RULE: &str = "kp-cpr-1";
const ORGANIZATION_RULE: &str = "kp-org-1";

const CPR: Slice = Slice { name: "CPR", systems: &[names::CPR] };
const X_ECPR: Slice = Slice { name: "X-eCPR", systems: &["urn:oid:1.2.208.176.1.6.1.1"] };
const D_ECPR: Slice = Slice {
    name: "D-eCPR",
    systems: &[
        "urn:oid:1.2.208.176.1.6.1.3",
        "urn:oid:1.2.208.176.1.6.1.3.177",
        "urn:oid:1.2.208.176.1.6.1.3.179",
        "urn:oid:1.2.208.176.1.6.1.3.181",
        "urn:oid:1.2.208.176.1.6.1.3.183",
        "urn:oid:1.2.208.176.1.6.1.3.187",
    ],
};
const SOR: Slice = Slice { name: "SOR", systems: &["urn:oid:1.2.208.176.1.1"] };
const KOMBIT: Slice = Slice { name: "KOMBIT", systems: &["https://kombit.dk/sts/organisation"] };
const CVR: Slice = Slice { name: "CVR", systems: &["http://cvr.dk"] };
const YDERNUMMER: Slice = Slice { name: "ydernummer", systems: &[names::YDERNUMMER, names::YDERNUMMER_TYPO] };
const MUNICIPALITY: Slice =
    Slice { name: "municipality code", systems: &["http://hl7.dk/fhir/core/CodeSystem/dk-core-municipality-codes"] };
const REGION: Slice = Slice { name: "region code", systems: &["urn:iso:std:iso:3166:-2"] };

pub(super) fn check_patient(patient: &Value, findings: &mut Findings<'_>) {
    check_slices(patient, "Patient", &[CPR, X_ECPR, D_ECPR], findings);
    for (at, identifier) in CPR.items(&patient["identifier"]) {
        if identifier["value"].as_str().is_some_and(|value| !value.is_empty() && !is_cpr(value)) {
            let what = "expected ten digits of which the first four are a day and a month, found another text";
            findings.error(IssueCode::Invariant, &format!("Patient.identifier[{at}].value"), CPR_RULE, what);
        }
    }
    check_names(patient, findings);
    if patient.get("deceasedBoolean").is_some() && patient.get("deceasedDateTime").is_some() {
        let what = "expected deceasedBoolean or deceasedDateTime, found both";
        findings.error(IssueCode::Structure, "Patient.deceased", "", what);
    }
}

pub(super) fn check_organization(organization: &Value, findings: &mut Findings<'_>) {
    let identifiers = &organization["identifier"];
    let named = [SOR, KOMBIT, CVR].iter().any(|slice| slice.items(identifiers).next().is_some());
    if identifiers.is_array() && !named {
        let what = "expected at least one identifier of SOR (urn:oid:1.2.208.176.1.1), KOMBIT (https://kombit.dk/sts/organisation) \
                    or CVR (http://cvr.dk), found none; a ydernummer alone is not enough, add one of them";
        findings.error(IssueCode::Invariant, "Organization", ORGANIZATION_RULE, what);
    }
    check_slices(organization, "Organization", &[SOR, KOMBIT, YDERNUMMER, CVR, MUNICIPALITY, REGION], findings);
}

/// Checks that each slice of the identifiers is there at most once, and has a value.
fn check_slices(resource: &Value, kind: &str, slices: &[Slice], findings: &mut Findings<'_>) {
    let identifiers = &resource["identifier"];
    let path = format!("{kind}.identifier");
    for slice in slices {
        slice.check_at_most_once(identifiers, &path, findings);
        for (at, _) in slice.items(identifiers).filter(|(_, identifier)| identifier.get("value").is_none()) {
            let what = format!("expected the value of the {}, found none", slice.name);
            findings.error(IssueCode::Required, &format!("{path}[{at}].value"), "", what);
        }
    }
}

/// True for ten digits that begin with a day and a month. Modulus 11 does not hold since 2007, and the year tells of no century
/// by itself: neither is looked at.
fn is_cpr(value: &str) -> bool {
    let bytes = value.as_bytes();
    if bytes.len() != 10 || !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let two = |at: usize| (bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0');
    let days = match two(2) {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 29,
        _ => 0,
    };
    (1..=days).contains(&two(0))
}

fn check_names(patient: &Value, findings: &mut Findings<'_>) {
    let names = patient["name"].as_array().into_iter().flatten().enumerate();
    for (count, (at, name)) in names.filter(|(_, name)| name["use"].as_str() == Some("official")).enumerate() {
        if count > 0 {
            let what = "expected at most one name with the use 'official', found one more";
            findings.error(IssueCode::Structure, &format!("Patient.name[{at}]"), "", what);
        }
        // A family name that is known to be absent has an extension in its place.
        let absent = name["_family"]["extension"].as_array().is_some_and(|extensions| !extensions.is_empty());
        if name.get("family").is_none() && !absent {
            let what = "expected the family name of an official name, found none";
            findings.error(IssueCode::Required, &format!("Patient.name[{at}].family"), "", what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpr_is_ten_digits_that_begin_with_a_day_and_a_month() {
        for (value, expected) in [
            ("0101010000", true),
            ("2902010000", true),
            ("3112999999", true),
            ("3002010000", false),
            ("3104010000", false),
            ("0013010000", false),
            ("0100010000", false),
            ("6101010000", false),
            ("010101000", false),
            ("01010100000", false),
            ("010101-0000", false),
            ("01010100ø", false),
        ] {
            assert_eq!(is_cpr(value), expected, "{value}");
        }
    }
}
