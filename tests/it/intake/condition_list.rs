//! ConditionList documents, row by row (intake, section 4).

use serde_json::{Value, json};

use super::{
    NOW, changed, diagnosis, document, lines, parameters, stored, take, take_as, versions,
};
use crate::support::facade::Facade;

const DATE: &str = "2027-02-22T10:00:00+01:00";

fn copd() -> Value {
    diagnosis("c", "DJ449", "2027-02-21")
}

/// The rows: what is changed of a diagnosis of COPD, and its outcome, reasons and hint.
const DIAGNOSES: &str = r#"[
    [{}, "created verification-assumed"],
    [{ "verificationStatus": { "coding": [{ "system": "VER", "code": "confirmed" }] } }, "created"],
    [{ "verificationStatus": { "coding": [{ "system": "VER", "code": "provisional" }] } }, "created"],
    [{ "verificationStatus": { "coding": [{ "system": "VER", "code": "refuted" }] } }, "left-out not-confirmed"],
    [{ "verificationStatus": { "coding": [{ "system": "VER", "code": "entered-in-error" }] } }, "left-out not-confirmed"],
    [{ "code": { "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DC43" }] } }, "left-out other-diagnosis"],
    [{ "code": { "coding": [{ "system": "urn:oid:1.2.208.176.2.21", "code": "x" }] } }, "left-out other-diagnosis"],
    [{ "code": { "coding": [{ "system": "http://vendor.test", "code": "DJ449" }] } }, "needs code-system"],
    [{ "code": { "coding": [{ "code": "R95" }] } }, "needs code-system"],
    [{ "code": { "text": "KOL" } }, "needs code copd"],
    [{ "code": { "text": "træthed" } }, "needs code"],
    [{ "code": null }, "needs code"],
    [{ "code": { "text": "KOL" }, "extension": [{ "url": "https://kronikerpakker.dk/fhir/StructureDefinition/kp-target-group",
        "valueCodeableConcept": { "coding": [{ "system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-target-group", "code": "copd" }] } }] },
        "created verification-assumed"],
    [{ "recordedDate": "2027-02" }, "needs diagnosis-date"],
    [{ "recordedDate": "2027-03-02" }, "needs diagnosis-date"],
    [{ "recordedDate": "1899-12-31" }, "needs diagnosis-date"],
    [{ "recordedDate": null }, "needs diagnosis-date"],
    [{ "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDateTime": "2027" }] }, "needs diagnosis-date"],
    [{ "modifierExtension": [{ "url": "http://x.test", "valueBoolean": true }] }, "left-out not-understood"],
    [{ "implicitRules": "http://x.test" }, "left-out not-understood"],
    [{ "category": null }, "needs profile"]
]"#;

#[test]
fn each_diagnosis_has_its_outcome() {
    let status = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
    let rows: Value = serde_json::from_str(&DIAGNOSES.replace("VER", status)).unwrap();
    let good = changed(diagnosis("good", "DE11", "2027-02-20"), |good| {
        good["verificationStatus"] = rows[1][0]["verificationStatus"].clone();
    });
    for row in rows.as_array().unwrap() {
        let sent = changed(copd(), |sent| {
            for (name, value) in row[0].as_object().unwrap() {
                sent[name] = value.clone();
            }
            sent.as_object_mut()
                .unwrap()
                .retain(|_, value| !value.is_null());
        });
        let expected = row[1].as_str().unwrap();
        let facade = Facade::at(NOW);
        let reply = take(&facade, &document(1, DATE, &[sent.clone(), good.clone()]));
        let told = lines(&reply);
        // One odd entry never refuses the others.
        let both = [
            format!("Condition {expected}"),
            "Condition created".to_owned(),
        ];
        assert_eq!(told[3..], both, "{sent}");
        let parties = [
            "Composition left-out not-needed",
            "Patient created",
            "Organization created",
        ];
        assert_eq!(told[..3], parties);
        let taken = facade.get("Condition").resources().len();
        assert_eq!(
            taken,
            1 + usize::from(expected.starts_with("created")),
            "{sent}"
        );
        for secret in ["fortroligt", "KOL", "træthed", "Hansen", super::CPR] {
            assert!(!reply.text.contains(secret), "{}", reply.text);
        }
    }
}

#[test]
fn nothing_is_stored_of_a_list_without_cause() {
    let facade = Facade::at(NOW);
    let reply = take(
        &facade,
        &document(1, DATE, &[diagnosis("c", "DC43", "2027-02-21")]),
    );
    assert_eq!(
        lines(&reply),
        [
            "Composition left-out not-needed",
            "Patient left-out nothing-of-the-packages",
            "Organization left-out nothing-of-the-packages",
            "Condition left-out other-diagnosis",
        ]
    );
    assert!(parameters(&reply.json(), "person").is_empty());
    assert!(facade.get("_history").json()["entry"].is_null());
}

#[test]
fn what_is_stored_is_what_was_sent_and_nothing_more() {
    let facade = Facade::at(NOW);
    let sent = changed(copd(), |c| {
        c["onsetDateTime"] = "2020".into();
        c["text"] = json!({ "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>" });
        c["code"]["coding"] = json!([
            { "system": "urn:oid:1.2.208.176.2.4.12", "code": "DR060" },
            { "system": "urn:oid:1.2.208.176.2.4.12", "code": "DJ449" },
            { "system": "urn:oid:1.2.208.176.2.31", "code": "R95" },
        ]);
        c["asserter"] = json!({ "reference": "Practitioner/x" });
        c["encounter"] = json!({ "reference": "Encounter/x" });
    });
    let reply = take(&facade, &document(1, DATE, &[sent]));
    let stored = stored(&reply);
    let condition = facade.get(&stored[3]).json();
    let members: Vec<&str> = condition
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut members: Vec<&str> = members;
    members.sort_unstable();
    assert_eq!(
        members,
        [
            "category",
            "clinicalStatus",
            "code",
            "id",
            "meta",
            "onsetDateTime",
            "recordedDate",
            "resourceType",
            "subject",
            "verificationStatus"
        ]
    );
    assert_eq!(condition["clinicalStatus"]["coding"][0]["code"], "active");
    let codes: Vec<&Value> = condition["code"]["coding"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["code"])
        .collect();
    assert_eq!(codes, ["DJ449", "R95"]);
    let patient = facade.get(&stored[1]).json();
    assert!(patient["address"].is_null() && patient["telecom"].is_null());
    assert_eq!(patient["name"][0]["family"], "Hansen");
    let organization = stored[2].split("/_history").next().unwrap();
    assert_eq!(patient["generalPractitioner"][0]["reference"], organization);
    assert!(!stored[1].contains(super::CPR));
}

#[test]
fn the_origin_of_what_was_taken_is_kept_with_every_assumption() {
    let facade = Facade::at(NOW);
    let stored = stored(&take(&facade, &document(1, DATE, &[copd()])));
    let organization = stored[2].split("/_history").next().unwrap();
    let provenance = facade.search_all(&format!(
        "Provenance?target={}",
        stored[3].split("/_history").next().unwrap()
    ));
    assert_eq!(provenance.len(), 1);
    let provenance = &provenance[0];
    assert_eq!(provenance["target"][0]["reference"], stored[3]);
    assert_eq!(provenance["occurredDateTime"], DATE);
    assert_eq!(provenance["activity"]["coding"][0]["code"], "conditionlist");
    assert_eq!(
        provenance["reason"][0]["coding"][0]["code"],
        "verification-assumed"
    );
    assert_eq!(provenance["agent"][0]["who"]["reference"], organization);
    assert_eq!(
        provenance["entity"][0]["what"]["identifier"]["value"],
        "urn:uuid:00000000-0000-4000-8000-000000000001"
    );
    // Read only for clients.
    assert_eq!(facade.put(provenance).status, 405);
}

#[test]
fn the_clock_of_the_treatment_plan_runs() {
    let facade = Facade::at(NOW);
    let reply = take(&facade, &document(1, DATE, &[copd()]));
    let person = parameters(&reply.json(), "person")[0]["valueReference"]["reference"].clone();
    let rights = facade
        .get(&format!("{}/$rights", person.as_str().unwrap()))
        .resources();
    let [task] = rights.as_slice() else {
        panic!("{rights:?}")
    };
    assert_eq!(
        task["restriction"]["period"],
        json!({ "start": "2027-02-21", "end": "2027-03-23" })
    );
    assert_eq!(task["businessStatus"]["coding"][0]["code"], "running");
    assert_eq!(facade.get("Task").resources().len(), 1);
}

#[test]
fn a_report_answers_the_same_and_writes_nothing() {
    let facade = Facade::at(NOW);
    let bundle = document(
        1,
        DATE,
        &[copd(), changed(copd(), |c| c["code"] = json!({}))],
    );
    let told = lines(&take_as(&facade, &bundle, "report"));
    assert!(facade.get("_history").json()["entry"].is_null());
    assert_eq!(told, lines(&take_as(&facade, &bundle, "take")));
    let before = versions(&facade, "Condition");
    take_as(
        &facade,
        &document(2, "2027-02-23T10:00:00+01:00", &[]),
        "report",
    );
    assert_eq!(versions(&facade, "Condition"), before);
}

#[test]
fn the_same_bundle_again_writes_nothing_and_a_new_one_that_says_the_same_only_its_provenance() {
    let facade = Facade::at(NOW);
    take(&facade, &document(1, DATE, &[copd()]));
    let count = || {
        ["Patient", "Organization", "Condition", "Provenance", "Task"]
            .map(|kind| versions(&facade, kind))
    };
    let first = count();
    let again = take(&facade, &document(1, DATE, &[copd()]));
    assert_eq!(
        lines(&again)[1..],
        [
            "Patient unchanged",
            "Organization unchanged",
            "Condition unchanged verification-assumed"
        ]
    );
    assert_eq!(count(), first);
    let reply = take(
        &facade,
        &document(2, "2027-02-23T10:00:00+01:00", &[copd()]),
    );
    assert_eq!(lines(&reply), lines(&again));
    let [patients, organizations, conditions, provenances, tasks] = count();
    assert_eq!(
        [patients, organizations, conditions, tasks],
        [first[0], first[1], first[2], first[4]]
    );
    assert_eq!(provenances, first[3] + 3);
}

#[test]
fn an_older_list_changes_nothing() {
    let facade = Facade::at(NOW);
    let late = changed(copd(), |c| c["onsetDateTime"] = "2021".into());
    take(&facade, &document(2, "2027-02-23T10:00:00+01:00", &[late]));
    let before = versions(&facade, "Condition");
    let reply = take(&facade, &document(1, DATE, &[copd()]));
    assert_eq!(lines(&reply)[3], "Condition older older-than-stored");
    assert_eq!(versions(&facade, "Condition"), before);
    // One that says the same is later all the same, though it wrote only its Provenance.
    take(
        &facade,
        &document(
            4,
            "2027-02-25T10:00:00+01:00",
            &[changed(copd(), |c| c["onsetDateTime"] = "2021".into())],
        ),
    );
    let reply = take(
        &facade,
        &document(3, "2027-02-24T10:00:00+01:00", &[copd()]),
    );
    assert_eq!(lines(&reply)[3], "Condition older older-than-stored");
}

#[test]
fn a_correction_is_the_same_diagnosis_and_what_vanishes_stays() {
    let facade = Facade::at(NOW);
    let first = take(
        &facade,
        &document(1, DATE, &[copd(), diagnosis("d", "DE11", "2027-02-10")]),
    );
    let moved = diagnosis("other", "DJ448", "2027-02-20");
    let reply = take(&facade, &document(2, "2027-02-23T10:00:00+01:00", &[moved]));
    let told = lines(&reply);
    assert_eq!(told[3], "Condition updated verification-assumed");
    assert_eq!(told[0], "Composition left-out not-needed vanished");
    let base = |reference: &str| reference.split("/_history").next().unwrap().to_owned();
    assert_eq!(base(&stored(&reply)[3]), base(&stored(&first)[3]));
    assert_eq!(facade.get("Condition").resources().len(), 2);
    // Two that are gone and one that is new are no correction.
    let facade = Facade::at(NOW);
    take(
        &facade,
        &document(1, DATE, &[copd(), diagnosis("d", "DJ440", "2027-02-10")]),
    );
    let reply = take(
        &facade,
        &document(
            2,
            "2027-02-23T10:00:00+01:00",
            &[diagnosis("e", "DJ441", "2027-02-11")],
        ),
    );
    assert_eq!(lines(&reply)[3], "Condition created verification-assumed");
    assert_eq!(facade.get("Condition").resources().len(), 3);
}

#[test]
fn a_diagnosis_is_taken_back_by_its_status_and_never_by_a_guess() {
    let facade = Facade::at(NOW);
    let refuted = |recorded: &str| {
        changed(diagnosis("c", "DJ449", recorded), |c| {
            c["verificationStatus"] = json!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "entered-in-error" }] });
        })
    };
    take(&facade, &document(1, DATE, &[copd()]));
    // Another day: it may be another one.
    let reply = take(
        &facade,
        &document(2, "2027-02-23T10:00:00+01:00", &[refuted("2027-02-20")]),
    );
    assert_eq!(lines(&reply)[3], "Condition left-out not-confirmed");
    let reply = take(
        &facade,
        &document(3, "2027-02-24T10:00:00+01:00", &[refuted("2027-02-21")]),
    );
    assert_eq!(lines(&reply)[3], "Condition updated");
    let task = &facade.get("Task").resources()[0];
    assert_eq!(task["status"], "entered-in-error");
}

#[test]
fn a_number_of_the_sender_identifies_and_what_others_added_stays() {
    let facade = Facade::at(NOW);
    let numbered = |recorded: &str| {
        changed(diagnosis("c", "DJ449", recorded), |c| {
            c["identifier"] = json!([{ "system": "http://gp.test/ids", "value": "4711" }]);
        })
    };
    let first = take(&facade, &document(1, DATE, &[numbered("2027-02-21")]));
    let key = stored(&first)[3]
        .split("/_history")
        .next()
        .unwrap()
        .to_owned();
    let postponement = json!({ "url": "https://kronikerpakker.dk/fhir/StructureDefinition/kp-postponement", "extension": [
        { "url": "period", "valuePeriod": { "start": "2027-02-25" } }, { "url": "reason", "valueCode": "patient" } ] });
    let mut condition = facade.get(&key).json();
    condition["extension"] = json!([postponement]);
    condition["meta"]["security"] = json!([{ "code": "R" }]);
    facade.put_ok(&condition);
    let reply = take(
        &facade,
        &document(
            2,
            "2027-02-23T10:00:00+01:00",
            &[numbered("2027-02-20"), numbered("2027-02-20")],
        ),
    );
    assert_eq!(
        lines(&reply)[3..],
        [
            "Condition updated verification-assumed",
            "Condition updated verification-assumed"
        ]
    );
    let condition = facade.get(&key).json();
    assert_eq!(condition["recordedDate"], "2027-02-20");
    assert_eq!(condition["extension"], json!([postponement]));
    assert_eq!(condition["meta"]["security"][0]["code"], "R");
}

#[test]
fn a_stored_person_is_completed_and_never_overwritten() {
    let cases: Vec<(Value, &str)> = vec![
        (json!({}), "updated"),
        (json!({ "gender": "female" }), "updated person-differs"),
        (
            json!({ "generalPractitioner": [{ "reference": "Organization/elsewhere" }] }),
            "updated other-practice",
        ),
    ];
    for (more, expected) in cases {
        let facade = Facade::at(NOW);
        let mut patient = json!({ "resourceType": "Patient", "id": "known",
            "identifier": [{ "system": "urn:oid:1.2.208.176.1.2", "value": super::CPR }] });
        for (name, value) in more.as_object().unwrap() {
            patient[name] = value.clone();
        }
        facade.put_ok(&patient);
        let reply = take(&facade, &document(1, DATE, &[copd()]));
        assert_eq!(lines(&reply)[1], format!("Patient {expected}"));
        let stored = facade.get("Patient/known").json();
        for (name, value) in more.as_object().unwrap() {
            assert_eq!(stored[name], *value);
        }
        assert_eq!(stored["birthDate"], "1944-05-04");
    }
}
