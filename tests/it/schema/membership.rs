//! Membership of codes in value sets and code systems.

use std::sync::LazyLock;

use frist::schema::{Definitions, Membership};

pub(super) static CORE: LazyLock<Definitions> = LazyLock::new(Definitions::core);

pub(super) const IN: &str = "in";
pub(super) const OUT: &str = "not in";

/// Returns `in`, `not in`, or the reason of the doubt.
pub(super) fn said(membership: Membership) -> String {
    match membership {
        Membership::In => IN.to_owned(),
        Membership::NotIn => OUT.to_owned(),
        Membership::Unknown(doubt) => doubt.to_string(),
    }
}

pub(super) fn check(
    definitions: &Definitions,
    value_set: &str,
    system: &str,
    code: &str,
    expected: &str,
) {
    let system = Some(system).filter(|system| !system.is_empty());
    let found = said(definitions.membership(value_set, system, code));
    assert!(
        found.starts_with(expected),
        "{value_set} {system:?} {code}: expected {expected}, found {found}"
    );
}

/// Checks codes of a value set of R4, which gives them their system.
fn check_codes(value_set: &str, cases: &[(&str, &str)]) {
    for (code, expected) in cases {
        check_r4(value_set, "", code, expected);
    }
}

/// Checks a code of a value set of R4 or of HL7's terminology.
fn check_r4(value_set: &str, system: &str, code: &str, expected: &str) {
    let base = if value_set.starts_with("v3-") {
        "http://terminology.hl7.org/ValueSet"
    } else {
        "http://hl7.org/fhir/ValueSet"
    };
    check(
        &CORE,
        &format!("{base}/{value_set}"),
        system,
        code,
        expected,
    );
}

#[test]
fn codes_of_the_core_package() {
    let gender = "http://hl7.org/fhir/administrative-gender";
    let ver_status = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
    let (v2_0131, m49) = (
        "http://terminology.hl7.org/CodeSystem/v2-0131",
        "http://unstats.un.org/unsd/methods/m49/m49.htm",
    );
    for (value_set, system, code, expected) in [
        ("administrative-gender", "", "female", IN),
        ("administrative-gender", gender, "female", IN),
        ("administrative-gender|4.0.1", gender, "female", IN),
        // The set has a version of its own, and is named with that of FHIR.
        ("v3-NullFlavor|4.0.1", "", "UNK", IN),
        ("administrative-gender", "", "Female", OUT),
        ("administrative-gender", "", "", OUT),
        ("administrative-gender", ver_status, "female", OUT),
        ("condition-ver-status", ver_status, "confirmed", IN),
        ("condition-ver-status", ver_status, "differential", IN),
        ("condition-ver-status", ver_status, "certain", OUT),
        ("observation-status", "", "entered-in-error", IN),
        ("observation-status", "", "active", OUT),
        ("request-status", "", "revoked", IN),
        ("request-status", "", "running", OUT),
        ("units-of-time", "", "wk", IN),
        ("units-of-time", "", "w", OUT),
        // A value set of value sets, and systems of which all codes are in it.
        ("all-types", "", "Patient", IN),
        ("all-types", "", "Any", IN),
        ("all-types", "", "patient", OUT),
        // All but one concept and what is below it.
        ("patient-contactrelationship", v2_0131, "C", IN),
        ("patient-contactrelationship", v2_0131, "O", OUT),
        ("jurisdiction", "urn:iso:std:iso:3166", "DK", IN),
        ("jurisdiction", "urn:iso:std:iso:3166", "DX", OUT),
        (
            "jurisdiction",
            m49,
            "150",
            "the code system http://unstats.un.org/unsd/methods/m49/m49.htm is",
        ),
    ] {
        check_r4(value_set, system, code, expected);
    }
}

#[test]
fn codes_of_systems_that_nobody_may_hand_on_or_that_are_only_partly_there() {
    let gender = "http://hl7.org/fhir/administrative-gender";
    for (value_set, system, code, expected) in [
        (
            "observation-codes",
            "http://loinc.org",
            "8302-2",
            "the code system http://loinc.org is not known",
        ),
        ("icd-10", "http://hl7.org/fhir/sid/icd-10", "123457", IN),
        (
            "clinical-findings",
            "http://snomed.info/sct",
            "44054006",
            "the code system http://snomed.info/sct is not",
        ),
        ("clinical-findings", gender, "female", OUT),
        (
            "insuranceplan-type",
            "http://terminology.hl7.org/CodeSystem/insurance-plan-type",
            "medical",
            IN,
        ),
        (
            "insuranceplan-type",
            "http://terminology.hl7.org/CodeSystem/insurance-plan-type",
            "x",
            "only a part of the code system",
        ),
        (
            "no-such-set",
            "",
            "x",
            "the value set http://hl7.org/fhir/ValueSet/no-such-set is not",
        ),
    ] {
        check_r4(value_set, system, code, expected);
    }
}

#[test]
fn codes_that_are_selected_by_their_place_in_a_hierarchy() {
    let role = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let relationships = "http://terminology.hl7.org/ValueSet/v3-PersonalRelationshipRoleType";
    for (code, expected) in [
        ("FTH", IN),
        ("_PersonalRelationshipRoleType", OUT),
        ("DENT", OUT),
        ("no-such-code", OUT),
    ] {
        check(&CORE, relationships, role, code, expected);
    }
    let encounters = "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode";
    for (code, expected) in [
        ("AMB", IN),
        ("ACUTE", IN),
        ("amb", OUT),
        ("_ActAccountCode", OUT),
    ] {
        check(&CORE, encounters, act, code, expected);
    }
}

#[test]
fn codes_that_follow_a_rule_or_are_few() {
    for (value_set, cases) in [
        (
            "languages",
            &[("da", IN), ("en-US", IN), ("da-DK", OUT), ("xx", OUT)][..],
        ),
        (
            "all-languages",
            &[
                ("da", IN),
                ("da-DK", IN),
                ("de-Latn-AT-1996", IN),
                ("fao", IN),
                ("en-x-zz", IN),
                ("es-419", IN),
                ("xx", OUT),
                ("da-XX", OUT),
                ("dansk", OUT),
                ("", OUT),
                ("da-", OUT),
                ("da DK", OUT),
            ],
        ),
        (
            "mimetypes",
            &[
                ("text/plain", IN),
                ("application/fhir+json; fhirVersion=4.0", IN),
            ],
        ),
        (
            "currencies",
            &[
                ("DKK", IN),
                ("EUR", IN),
                ("dkk", OUT),
                ("KR", OUT),
                ("DKK EUR", OUT),
            ],
        ),
    ] {
        check_codes(value_set, cases);
    }
}

#[test]
fn units_are_what_the_grammar_of_ucum_builds_of_its_symbols() {
    check_codes(
        "ucum-units",
        &[
            ("mm[Hg]", IN),
            ("10*9/L", IN),
            ("kg/m2", IN),
            ("mL/min/{1.73_m2}", IN),
            ("{tablet}", IN),
            ("mm Hg", OUT),
            ("mg//L", OUT),
            ("mg/", OUT),
            ("(mg", OUT),
            ("[Hg", OUT),
            ("", OUT),
            ("mg)", OUT),
            ("dB[SPL]", IN),
            ("d", IN),
            ("days", OUT),
            ("kmin", OUT),
            ("µg", OUT),
            ("[m/s2/Hz^(1/2)]", IN),
            ("m/(s2.K)", IN),
            (
                "k[new'U]/L",
                "only a part of the code system http://unitsofmeasure.org",
            ),
            ("[new'U]/florin", OUT),
        ],
    );
}

#[test]
fn every_common_unit_of_r4_is_a_unit() {
    let common = CORE
        .value_set("http://hl7.org/fhir/ValueSet/ucum-common")
        .unwrap()
        .include[0]
        .codes
        .as_ref()
        .unwrap();
    let wrong: Vec<_> = common
        .iter()
        .filter(|code| CORE.code_in_system("http://unitsofmeasure.org", code) != Membership::In)
        .collect();
    assert!(common.len() > 1300 && wrong.is_empty(), "{wrong:?}");
}

#[test]
fn codes_of_systems_without_a_value_set() {
    for (system, code, expected) in [
        ("urn:iso:std:iso:3166", "DNK", IN),
        ("urn:iso:std:iso:3166", "Denmark", OUT),
        ("https://www.usps.com/", "NY", IN),
        ("https://www.usps.com/", "NZ", OUT),
        (
            "http://hl7.org/fhir/sid/icd-10",
            "E11",
            "the code system http://hl7.org/fhir/sid/icd-10 is not known",
        ),
        (
            "http://loinc.org",
            "8302-2",
            "the code system http://loinc.org is not known",
        ),
        (
            "http://snomed.info/sct",
            "44054006",
            "the code system http://snomed.info/sct is not known",
        ),
        ("http://hl7.org/fhir/administrative-gender", "man", OUT),
        (
            "http://hl7.org/fhir/administrative-gender|4.0.1",
            "male",
            IN,
        ),
    ] {
        let found = said(CORE.code_in_system(system, code));
        assert!(
            found.starts_with(expected),
            "{system} {code}: expected {expected}, found {found}"
        );
    }
}
