//! Danish things in searches: the terminologies of diagnoses, the clock, and letters.

use serde_json::{Value, json};

use super::Shelf;

fn condition(id: &str, system: &str, code: &str) -> Value {
    json!({ "resourceType": "Condition", "id": id,
        "code": { "coding": [{ "system": system, "code": code }] } })
}

fn diagnoses() -> Shelf {
    Shelf::new(&[
        condition("icpc", "urn:oid:1.2.208.176.2.31", "R95"),
        condition("icpc-2", "http://hl7.org/fhir/sid/icpc-2", "r95"),
        condition("icd", "http://hl7.org/fhir/sid/icd-10", "J44.9"),
        condition("icd-2", "urn:oid:2.16.840.1.113883.6.3|2019", "j449"),
        condition("sks", "urn:oid:1.2.208.176.2.4.12", "DJ449"),
        condition("sks-2", "urn:oid:1.2.208.176.2.4", "dj449"),
        condition("sct", "http://snomed.info/sct", "13645005"),
        condition("sct-oid", "urn:oid:2.16.840.1.113883.6.96", "13645005"),
        condition(
            "sct-edition",
            "http://snomed.info/sct/554471000005108",
            "13645005",
        ),
        condition(
            "sct-version",
            "http://snomed.info/sct|http://snomed.info/sct/5544",
            "13645005",
        ),
        condition("local", "https://ehr.example/codes", "r95"),
        condition("upper", "https://ehr.example/codes|2", "R95"),
        json!({ "resourceType": "Condition", "id": "none", "code": { "coding": [{ "code": "r95" }] } }),
    ])
}

/// Checks which Conditions codes find.
fn check(table: &[(&str, &[&str])]) {
    let shelf = diagnoses();
    for (code, expected) in table {
        shelf.check(&[(&format!("Condition?code{code}"), Some(expected))]);
    }
}

#[test]
fn codes_of_diagnoses_compare_as_the_table_of_target_groups_does() {
    let sct = &["sct", "sct-oid", "sct-edition", "sct-version"];
    let icpc = &["icpc", "icpc-2"];
    check(&[
        ("=urn:oid:1.2.208.176.2.31|r95", icpc),
        ("=urn:oid:1.2.208.176.2.31|R95", icpc),
        ("=http://hl7.org/fhir/sid/icpc-2|r95", icpc),
        ("=http://hl7.org/fhir/sid/icpc-2|2018|r95", icpc),
        ("=urn:oid:2.16.840.1.113883.6.139|", icpc),
        ("=http://hl7.org/fhir/sid/icd-10|j449", &["icd", "icd-2"]),
        ("=urn:oid:2.16.840.1.113883.6.3|J44.9", &["icd", "icd-2"]),
        ("=urn:oid:1.2.208.176.2.4|Dj449", &["sks", "sks-2"]),
        // Another notation is another code.
        ("=urn:oid:1.2.208.176.2.4.12|J449", &[]),
        ("=http://snomed.info/sct|13645005", sct),
        ("=urn:oid:2.16.840.1.113883.6.96|13645005", sct),
        ("=http://snomed.info/sct/1/version/2|13645005", sct),
        ("=http://snomed.info/sct|20240101|13645005", sct),
        (r"=http://snomed.info/sct\|20240101|13645005", sct),
        ("=http://snomed.info/sctx|13645005", &[]),
    ]);
}

#[test]
fn codes_of_any_system_compare_as_each_system_has_it() {
    check(&[
        ("=J44.9", &["icd", "icd-2"]),
        ("=j449", &["icd", "icd-2"]),
        ("=dj449", &["sks", "sks-2"]),
        ("=r95", &["icpc", "icpc-2", "local", "none"]),
        ("=R95", &["icpc", "icpc-2", "upper"]),
        ("=|r95", &["none"]),
        // Other systems compare exactly.
        ("=https://ehr.example/codes|R95", &["upper"]),
        ("=https://ehr.example/codes|", &["local", "upper"]),
        (r"=https://ehr.example/codes\|1|r95", &["local"]),
        (
            ":not=urn:oid:1.2.208.176.2.31|r95&code=r95",
            &["local", "none"],
        ),
        (":not=r95&code=R95", &["upper"]),
    ]);
}

#[test]
fn identifiers_keep_their_systems_and_letters() {
    let patient = |id: &str, system: &str| json!({ "resourceType": "Patient", "id": id, "identifier": [{ "system": system, "value": "r95" }] });
    Shelf::new(&[
        patient("versioned", "https://ehr.example/pid|2"),
        patient("bare", "https://ehr.example/pid"),
        patient("as-a-code", "http://hl7.org/fhir/sid/icd-10"),
        json!({ "resourceType": "Patient", "id": "code",
            "identifier": [{ "system": "http://hl7.org/fhir/sid/icd-10", "value": "J449" }] }),
    ])
    .check(&[
        (
            r"Patient?identifier=https://ehr.example/pid\|2|r95",
            Some(&["versioned"]),
        ),
        (
            "Patient?identifier=https://ehr.example/pid|r95",
            Some(&["bare"]),
        ),
        ("Patient?identifier=R95", Some(&[])),
        // Alone it is also a code of a terminology, as those compare.
        ("Patient?identifier=j44.9", Some(&["code"])),
        (
            "Patient?identifier=http://hl7.org/fhir/sid/icd-10|j44.9",
            Some(&[]),
        ),
    ]);
    let request = |id: &str, value: &str| json!({ "resourceType": "ServiceRequest", "id": id, "requisition": { "system": "urn:s", "value": value } });
    Shelf::new(&[request("parted", "2|7"), request("whole", "7")]).check(&[
        ("ServiceRequest?requisition=urn:s|2|7", Some(&["parted"])),
        ("ServiceRequest?requisition=urn:s|7", Some(&["whole"])),
    ]);
}

#[test]
fn a_time_without_a_zone_is_danish_also_where_the_clock_is_changed() {
    let begun = |id: &str, start: &str| json!({ "resourceType": "Encounter", "id": id, "period": { "start": start, "end": start } });
    let shelf = Shelf::new(&[
        begun("summer", "2027-10-31T02:30:00+02:00"),
        begun("between", "2027-10-31T02:45:00+02:00"),
        begun("winter", "2027-10-31T02:30:00+01:00"),
        begun("after", "2027-10-31T03:30:00+01:00"),
    ]);
    shelf.check(&[
        (
            "Encounter?date=2027-10-31T02:30:00",
            Some(&["summer", "winter"]),
        ),
        (
            "Encounter?date=2027-10-31T02:30",
            Some(&["summer", "winter"]),
        ),
        (
            "Encounter?date=ap2027-10-31T02:30",
            Some(&["summer", "winter"]),
        ),
        (
            "Encounter?date=2027-10-31T02:30:00+01:00",
            Some(&["winter"]),
        ),
        (
            "Encounter?date=ge2027-10-31T02:30",
            Some(&["summer", "between", "winter", "after"]),
        ),
        ("Encounter?date=gt2027-10-31T02:30", Some(&["after"])),
        (
            "Encounter?date=le2027-10-31T02:30",
            Some(&["summer", "between", "winter"]),
        ),
        ("Encounter?date=lt2027-10-31T02:30", Some(&[])),
        ("Encounter?date=ne2027-10-31T02:30", Some(&["after"])),
        ("Encounter?date=2027-10-31T03:30", Some(&["after"])),
        (
            "Encounter?date=2027-10-31",
            Some(&["summer", "between", "winter", "after"]),
        ),
        ("Encounter?date=2027-03-28T02:30:00", None),
        ("Encounter?date=ge2027-03-28T02:00", None),
        ("Encounter?_lastUpdated=ge2027-03-28T02:59:59", None),
        ("Encounter?date=2027-03-28T03:00,2027-03-28T02:59", None),
        ("Encounter?date=2027-03-28T03:00", Some(&[])),
        ("Encounter?date=2027-03-28T02:30+01:00", Some(&[])),
    ]);
    let refused = shelf.find("Encounter?date=2027-03-28T02:30").unwrap_err();
    assert!(
        refused.contains("summer time begins; send a zone"),
        "{refused}"
    );
}

#[test]
fn a_stored_time_without_a_zone_is_danish_and_the_later_one_where_there_is_none() {
    let definition =
        |id: &str, date: &str| json!({ "resourceType": "CodeSystem", "id": id, "date": date });
    Shelf::new(&[
        definition("plain", "2027-03-01T09:00:00"),
        definition("left-out", "2027-03-28T02:30:00"),
        definition("doubled", "2027-10-31T02:30:00"),
    ])
    .check(&[
        ("CodeSystem?date=2027-03-01T08:00:00Z", Some(&["plain"])),
        ("CodeSystem?date=2027-03-28T03:30:00", Some(&["left-out"])),
        (
            "CodeSystem?date=ap2027-10-31T02:30:00+01:00",
            Some(&["doubled"]),
        ),
        (
            "CodeSystem?date=ap2027-10-31T02:30:00+02:00",
            Some(&["doubled"]),
        ),
        ("CodeSystem?date=2027-10-31", Some(&["doubled"])),
        ("CodeSystem?date:missing=true", Some(&[])),
    ]);
}

#[test]
fn before_1970_a_date_time_is_found_by_its_instant_and_on_its_danish_day() {
    let onset =
        |id: &str, at: &str| json!({ "resourceType": "Condition", "id": id, "onsetDateTime": at });
    Shelf::new(&[
        // In these nights Berlin's clock was an hour ahead of Copenhagen's, or behind it.
        onset("early", "1945-06-15T00:30:00+02:00"),
        onset("late", "1946-04-20T23:30:00+01:00"),
        onset("utc", "1955-05-31T23:00:00Z"),
    ])
    .check(&[
        ("Condition?onset-date=1945-06-15", Some(&["early"])),
        (
            "Condition?onset-date=1945-06-15T00:30:00+02:00",
            Some(&["early"]),
        ),
        ("Condition?onset-date=1945-06-15T00:30", Some(&["early"])),
        ("Condition?onset-date=1946-04-20", Some(&["late"])),
        ("Condition?onset-date=1946-04-21", Some(&[])),
        ("Condition?onset-date=1955-06-01", Some(&["utc"])),
        (
            "Condition?onset-date=1955-06-01T00:00:00+01:00",
            Some(&["utc"]),
        ),
        // One instant, in another spelling.
        (
            "Condition?onset-date=1945-06-14T22:30:00Z",
            Some(&["early"]),
        ),
        ("Condition?onset-date=1946-04-20T22:30:00Z", Some(&["late"])),
    ]);
}

#[test]
fn before_1970_an_instant_is_found_in_every_spelling_and_a_period_runs_forward() {
    let begun = |id: &str, start: &str, end: &str| json!({ "resourceType": "Encounter", "id": id, "period": { "start": start, "end": end } });
    let shelf = Shelf::new(&[
        begun("far", "1955-06-01T00:00:00-05:00", "1955-06-01T05:30:00Z"),
        begun("utc", "1955-06-01T05:00:00Z", "1955-06-01T00:30:00-05:00"),
        begun(
            "danish",
            "1955-06-01T06:00:00+01:00",
            "1955-06-01T06:30:00+01:00",
        ),
    ]);
    let all: Option<&[&str]> = Some(&["far", "utc", "danish"]);
    for instant in [
        "1955-06-01T00:00:00-05:00",
        "1955-06-01T05:00:00Z",
        "1955-06-01T06:00:00",
    ] {
        shelf.check(&[
            (
                &format!("Encounter?date=ge{instant}&date=lt1955-06-01T05:00:01Z"),
                all,
            ),
            (&format!("Encounter?date=ap{instant}"), all),
            (&format!("Encounter?date=lt{instant}"), Some(&[])),
            (&format!("Encounter?date=ge{instant}"), all),
        ]);
    }
    shelf.check(&[
        ("Encounter?date=1955-06-01", all),
        ("Encounter?date=gt1955-06-01T05:30:00Z", Some(&[])),
    ]);
}

#[test]
fn letters_that_a_keyboard_lacks_are_found_by_those_that_it_has() {
    let named = |id: &str, family: &str| json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }] });
    Shelf::new(&[
        named("ss", "Straße"),
        named("l", "Łukasz"),
        named("d", "Đorđević"),
        named("th", "Þórðarson"),
        named("i", "Yıldız"),
        named("aa", "Aagaard"),
        named("ring", "Ågård"),
    ])
    .check(&[
        ("Patient?name=strasse", Some(&["ss"])),
        ("Patient?name=STRASSE", Some(&["ss"])),
        ("Patient?name=straße", Some(&["ss"])),
        ("Patient?name=strass", Some(&["ss"])),
        ("Patient?name:contains=asse", Some(&["ss"])),
        ("Patient?name:contains=aß", Some(&["ss"])),
        ("Patient?name:exact=Strasse", Some(&[])),
        ("Patient?name:exact=Straße", Some(&["ss"])),
        ("Patient?name=lukasz", Some(&["l"])),
        ("Patient?name=Łuk", Some(&["l"])),
        ("Patient?name=dordevic", Some(&["d"])),
        ("Patient?name=thordarson", Some(&["th"])),
        ("Patient?name=yildiz", Some(&["i"])),
        // å is a letter of its own, and aa are two.
        ("Patient?name=agard", Some(&[])),
        ("Patient?name=aag", Some(&["aa"])),
        ("Patient?name=ågård", Some(&["ring"])),
    ]);
}
