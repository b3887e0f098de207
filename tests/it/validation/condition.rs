//! Conditions, and the postponements that referrals have too.

use serde_json::{Value, json};

use super::{check, concept, extension, findings, merged, own_concept, told, valid};

fn postponement(period: Value, reason: &str) -> Value {
    extension(
        "kp-postponement",
        json!({ "extension": [{ "url": "period", "valuePeriod": period }, { "url": "reason", "valueCode": reason }] }),
    )
}

#[test]
fn the_version_after_the_system_of_a_code_is_passed_over_and_after_no_other_system() {
    let of_code =
        |system: &str| json!({ "code": { "coding": [{ "system": system, "code": "DJ449" }] } });
    let of_tag =
        |system: &str| json!({ "meta": { "tag": [{ "system": system, "code": "DJ449" }] } });
    let of_identifier =
        |system: &str| json!({ "identifier": [{ "system": system, "value": "1" }] });
    let uuid = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520";
    for (edit, at) in [
        (of_code("urn:oid:1.2.208.176.2.4.12"), None),
        (of_code("urn:oid:1.2.208.176.2.4.12|2033"), None),
        (of_code("urn:oid:2.16.840.1.113883.6.96|2020"), None),
        (of_code("http://snomed.info/sct|2020"), None),
        (of_code(&format!("{uuid}|1")), None),
        (of_tag("urn:oid:1.2.208.176.2.4.12|2033"), None),
        (of_code("urn:oid:1.2|2033"), Some("code.coding[0]")),
        (of_code("urn:oid:x|2033"), Some("code.coding[0]")),
        (
            of_code("urn:oid:1.2.208.176.2.4.12|20 33"),
            Some("code.coding[0]"),
        ),
        (of_tag("urn:oid:x|2033"), Some("meta.tag[0]")),
        (
            of_identifier("urn:oid:1.2.208.176.1.1|1"),
            Some("identifier[0]"),
        ),
    ] {
        let found = told(&merged(&valid("Condition"), &edit));
        let wrong: Vec<_> = found
            .iter()
            .filter(|line| line.starts_with("error value") && line.contains(".system"))
            .collect();
        let expected: Vec<_> = at
            .map(|at| format!("error value Condition.{at}.system"))
            .into_iter()
            .collect();
        assert_eq!(wrong, expected.iter().collect::<Vec<_>>(), "{edit}");
    }
}

#[test]
fn the_day_on_which_a_referral_was_received_is_full_real_and_past() {
    let url = frist::fhir::names::EXT_RECEIVED;
    for (text, rule) in [
        (
            "2030",
            Some("invariant ServiceRequest.extension[0].value kp-date-2"),
        ),
        (
            "2030-12",
            Some("invariant ServiceRequest.extension[0].value kp-date-2"),
        ),
        (
            "2030-02-30",
            Some("value ServiceRequest.extension[0].value kp-date-1"),
        ),
        (
            "2031-01-02",
            Some("business-rule ServiceRequest.extension[0].value kp-date-3"),
        ),
        (
            "1899-12-31",
            Some("invariant ServiceRequest.extension[0].value kp-date-5"),
        ),
        ("2031-01-01", None),
        ("1900-01-01", None),
    ] {
        let edit = json!({ "extension": [{ "url": url, "valueDate": text }] });
        let expected: Vec<String> = rule.iter().map(|rule| format!("error {rule}")).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check("ServiceRequest", edit, &expected);
    }
}

#[test]
fn the_dates_of_a_condition_are_full_real_and_past() {
    let asserted = |text: &str| {
        json!({ "extension": [
            { "url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDateTime": text }
        ] })
    };
    for (text, code, rule) in [
        ("2030", "invariant", "kp-date-2"),
        ("2030-12", "invariant", "kp-date-2"),
        ("2030-02-30", "value", "kp-date-1"),
        ("2030-12-01T09:00:00", "value", "kp-date-1"),
        ("01-12-2030", "value", "kp-date-1"),
        ("2031-01-02", "business-rule", "kp-date-3"),
        ("2031-01-01T23:00:00Z", "business-rule", "kp-date-3"),
        ("9999-12-31", "business-rule", "kp-date-3"),
        ("9999-12-31T23:59:59-14:00", "business-rule", "kp-date-3"),
        ("1899-12-31T22:59:59Z", "invariant", "kp-date-5"),
    ] {
        check(
            "Condition",
            json!({ "recordedDate": text }),
            &[&format!("error {code} Condition.recordedDate {rule}")],
        );
        check(
            "Condition",
            asserted(text),
            &[&format!("error {code} Condition.extension[0].value {rule}")],
        );
    }
    check(
        "Condition",
        json!({ "recordedDate": "0001-01-01" }),
        &[
            "warning value Condition.recordedDate kp-date-4",
            "error invariant Condition.recordedDate kp-date-5",
        ],
    );
    check(
        "Condition",
        json!({ "recordedDate": "2032" }),
        &[
            "error invariant Condition.recordedDate kp-date-2",
            "error business-rule Condition.recordedDate kp-date-3",
        ],
    );
    check("Condition", asserted("2031-01-01T22:59:59.999Z"), &[]);
    check("Condition", asserted("1900-01-01"), &[]);
    check("Condition", json!({ "onsetDateTime": "2019" }), &[]);
    let twice = json!([
        asserted("2030-01-01")["extension"][0],
        asserted("2030-01-02")["extension"][0]
    ]);
    check(
        "Condition",
        json!({ "extension": twice }),
        &["error structure Condition.extension[1]"],
    );
    let as_date = json!([{ "url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDate": "2030-01-01" }]);
    check(
        "Condition",
        json!({ "extension": as_date }),
        &[
            "error structure Condition.extension[0].value",
            "error required Condition.extension[0].value",
        ],
    );
}

#[test]
fn the_group_of_a_condition_can_be_determined() {
    let by_extension = |code: &str| {
        let mut extension = extension("kp-target-group", json!({}));
        extension["valueCodeableConcept"] = own_concept("kp-target-group", code);
        json!({ "code": { "coding": [], "text": "back" }, "extension": [extension] })
    };
    let undeterminable = "error business-rule Condition.code kp-group-1";
    for code in ["DJ45", "DE10"] {
        check(
            "Condition",
            json!({ "code": concept("urn:oid:1.2.208.176.2.4.12", code) }),
            &[undeterminable],
        );
    }
    check(
        "Condition",
        json!({ "code": { "coding": null, "text": "KOL" } }),
        &[undeterminable],
    );
    check(
        "Condition",
        json!({ "code": { "coding": [{ "code": "DJ44" }] } }),
        &[
            "warning code-invalid Condition.code.coding[0]",
            undeterminable,
        ],
    );
    check(
        "Condition",
        by_extension("low-back-pain"),
        &["error structure Condition.code.coding"],
    );
    check(
        "Condition",
        by_extension("asthma"),
        &[
            "error code-invalid Condition.extension[0].value.coding[0].code",
            "error code-invalid Condition.extension[0].value",
            "error structure Condition.code.coding",
        ],
    );
    let text = findings(&json!({ "resourceType": "Condition", "code": { "text": "x" } }));
    let group = text
        .iter()
        .find(|issue| issue.rule == "kp-group-1")
        .unwrap();
    assert!(
        group.text.contains("StructureDefinition/kp-target-group")
            && group.text.contains("complex-multimorbidity"),
        "{}",
        group.text
    );
}

#[test]
fn a_condition_is_coded_once_in_each_terminology() {
    let coding = |system: &str, code: &str| json!({ "system": system, "code": code });
    let coded = |codings: &[Value]| json!({ "code": { "coding": codings } });
    let sks = coding("urn:oid:1.2.208.176.2.4.12", "DJ44");
    let icpc = coding("urn:oid:1.2.208.176.2.31", "R95");
    let snomed = coding("http://snomed.info/sct", "13645005");
    check(
        "Condition",
        coded(&[sks.clone(), icpc.clone(), snomed.clone()]),
        &[],
    );
    for again in [&sks, &icpc, &snomed] {
        check(
            "Condition",
            coded(&[sks.clone(), icpc.clone(), snomed.clone(), again.clone()]),
            &["error structure Condition.code.coding[3]"],
        );
    }
    let status = |code: &str| json!({ "verificationStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": code }] } });
    for code in [
        "unconfirmed",
        "provisional",
        "differential",
        "refuted",
        "entered-in-error",
    ] {
        check("Condition", status(code), &[]);
    }
    check(
        "Condition",
        status("sure"),
        &[
            "error code-invalid Condition.verificationStatus.coding[0].code",
            "error code-invalid Condition.verificationStatus",
        ],
    );
    check(
        "Condition",
        json!({ "verificationStatus": { "coding": null, "text": "sure" } }),
        &["error code-invalid Condition.verificationStatus"],
    );
    check(
        "Condition",
        json!({ "asserter": { "reference": "Patient/1" } }),
        &["error structure Condition.asserter"],
    );
    check(
        "Condition",
        json!({ "recorder": { "reference": "Patient/1" } }),
        &[],
    );
}

#[test]
fn a_subject_is_a_patient_that_can_be_stored() {
    for (subject, expected) in [
        (json!({ "reference": "Patient/1/_history/2" }), vec![]),
        (
            json!({ "reference": "https://example.org/fhir/Patient/1" }),
            vec![],
        ),
        (json!({ "reference": "Patient?identifier=a|b" }), vec![]),
        (
            json!({ "reference": "urn:uuid:0c5e4905-5c2e-4254-8837-770c3724cd13" }),
            vec![],
        ),
        (
            json!({ "reference": null, "identifier": { "system": "http://a.test", "value": "b" } }),
            vec![],
        ),
        (
            json!({ "reference": "Group/1" }),
            vec!["error structure Condition.subject"],
        ),
        (
            json!({ "reference": "Organization?identifier=a|b" }),
            vec!["error structure Condition.subject"],
        ),
        (
            json!({ "reference": "https://example.org/fhir/Organization/1/_history/3" }),
            vec!["error structure Condition.subject"],
        ),
        (
            json!({ "reference": null, "type": "Organization", "identifier": { "value": "b" } }),
            vec!["error structure Condition.subject"],
        ),
        (
            json!({ "reference": null, "display": "x" }),
            vec!["error invariant Condition.subject kp-ref-1"],
        ),
        (
            json!({ "reference": null, "identifier": { "system": "http://a.test" } }),
            vec!["error invariant Condition.subject kp-ref-1"],
        ),
    ] {
        check("Condition", json!({ "subject": subject }), &expected);
    }
    let contained = json!({ "resourceType": "Patient", "id": "p", "identifier": [{ "system": "http://a.test", "value": "b" }] });
    check(
        "Condition",
        json!({ "contained": [contained], "subject": { "reference": "#p" } }),
        &["error invariant Condition.subject kp-ref-2"],
    );
}

#[test]
fn a_postponement_has_a_start_a_reason_and_an_end_that_is_not_before_it() {
    let at = "extension[0].extension";
    for (period, reason, expected) in [
        (json!({ "start": "2035-01-01" }), "patient", vec![]),
        (
            json!({ "start": "2035-01-01", "end": "2035-01-01" }),
            "clinical",
            vec![],
        ),
        (
            json!({ "start": "2030-01" }),
            "patient",
            vec![format!("invariant {at}[0].value.start kp-date-2")],
        ),
        (
            json!({ "start": "2030-01-01", "end": "2031" }),
            "patient",
            vec![format!("invariant {at}[0].value.end kp-date-2")],
        ),
        (
            json!({ "start": "2030-01-02", "end": "2030-01-01" }),
            "patient",
            vec![format!("invariant {at}[0].value per-1")],
        ),
        (
            json!({ "end": "2030-01-02" }),
            "patient",
            vec![format!("required {at}[0].value.start")],
        ),
        (
            json!({ "start": "2030-01-02" }),
            "weather",
            vec![format!("code-invalid {at}[1].value")],
        ),
    ] {
        for kind in ["Condition", "ServiceRequest"] {
            let expected: Vec<String> = expected
                .iter()
                .map(|line| {
                    format!(
                        "error {}",
                        line.replacen("extension", &format!("{kind}.extension"), 1)
                    )
                })
                .collect();
            let edit = json!({ "extension": [postponement(period.clone(), reason)] });
            check(
                kind,
                edit,
                &expected.iter().map(String::as_str).collect::<Vec<_>>(),
            );
        }
    }
}

#[test]
fn a_postponement_has_one_period_and_one_reason() {
    let one = postponement(json!({ "start": "2030-01-01" }), "patient");
    check("Condition", json!({ "extension": [one, one] }), &[]);
    let missing = "error required Condition.extension[0].extension";
    // Both parts, and two of them: the slices and their sum are counted.
    let nothing = "error invariant Condition.extension[0] ext-1";
    check(
        "Condition",
        json!({ "extension": [extension("kp-postponement", json!({}))] }),
        &[missing, missing, missing, nothing],
    );
    let without_period = extension(
        "kp-postponement",
        json!({ "extension": [one["extension"][1]] }),
    );
    check(
        "Condition",
        json!({ "extension": [without_period] }),
        &[missing, missing],
    );
    let two_reasons = extension(
        "kp-postponement",
        json!({ "extension": [one["extension"][0], one["extension"][1], one["extension"][1]] }),
    );
    check(
        "Condition",
        json!({ "extension": [two_reasons] }),
        &["error structure Condition.extension[0].extension[2]"],
    );
}

#[test]
fn an_own_extension_that_is_misspelt_or_out_of_place_is_not_passed_over() {
    let of_others = json!({ "url": "http://example.org/kp-postponement", "valueBoolean": true });
    let edit = |own: Value| json!({ "extension": [of_others, own] });
    for kind in [
        "Condition",
        "CarePlan",
        "ServiceRequest",
        "Encounter",
        "Patient",
        "Organization",
    ] {
        check(
            kind,
            edit(extension("kp-postponed", json!({ "valueBoolean": true }))),
            &[
                &format!("error extension {kind}.extension[1].url"),
                &format!("error invariant {kind} kp-ext-1"),
            ],
        );
    }
    let mut reason = extension("kp-status-reason", json!({}));
    reason["valueCodeableConcept"] = own_concept("kp-status-reason", "ended");
    check(
        "Condition",
        edit(reason),
        &["error extension Condition.extension[1]"],
    );
    for kind in ["CarePlan", "Encounter"] {
        let postponed = postponement(json!({ "start": "2030-01-01" }), "patient");
        check(
            kind,
            edit(postponed),
            &[&format!("error extension {kind}.extension[1]")],
        );
    }
    check("Condition", json!({ "extension": [of_others] }), &[]);
}
