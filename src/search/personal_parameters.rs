//! Personal data in query parameters. Such values appear in no URL that the server generates but the
//! `self` link of what was asked by that very URL, and CPR numbers are refused in URLs that it
//! receives.

use crate::fhir::cpr::holds_cpr_number;

/// The parameters whose values say who someone is, whatever their type.
const PERSONAL: &[&str] = &[
    "name",
    "given",
    "family",
    "phonetic",
    "mothersMaidenName",
    "address",
    "telecom",
    "phone",
    "email",
    "birthdate",
    "death-date",
    "_text",
    "_content",
];

/// Returns true if the value of that parameter may identify a person: it is a name, an address or
/// the like, or holds a CPR number.
pub fn is_personal(name: &str, value: &str) -> bool {
    let last = name
        .rsplit(['.', ':'])
        .find(|part| PERSONAL.contains(part) || part.starts_with("address-"));
    last.is_some() || holds_cpr_number(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_person_is_known() {
        for (name, value, expected) in [
            ("identifier", "urn:oid:1.2.208.176.1.2|0405440001", true),
            ("identifier", "a,040544-0001", true),
            ("patient.identifier", "0405440001", true),
            ("identifier", "urn:oid:1.2.208.176.1.4|077410", false),
            ("identifier", "440001000016001", false),
            ("_lastUpdated", "ge2027-03-01T09:00:00Z", false),
            ("_id", "0f8fad5b-d9cb-469f-a165-70867728950e", false),
            ("name", "x", true),
            ("mothersMaidenName", "x", true),
            ("patient.mothersMaidenName:exact", "x", true),
            ("family:exact", "x", true),
            ("subject:Patient.name", "x", true),
            ("address-city", "x", true),
            ("status", "active", false),
        ] {
            assert_eq!(is_personal(name, value), expected, "{name}={value}");
        }
    }
}
