//! The stored diagnosis that an entry of a list is: lists that come one after the other, and what is stored
//! then (intake, section 4).

use serde_json::{Value, json};

use super::{NOW, changed, diagnosis, document, lines, numbered, parameters, stored, take};
use crate::support::facade::Facade;

const IDS: &str = "http://gp.test/ids";

fn date(number: u32) -> String {
    format!("2027-02-{:02}T10:00:00+01:00", 21 + number)
}

/// An entry: its own number (empty for none), code and day.
fn entry(number: &str, code: &str, recorded: &str) -> Value {
    changed(diagnosis("c", code, recorded), |sent| {
        if !number.is_empty() {
            sent["identifier"] = json!([numbered(IDS, number)]);
        }
    })
}

/// Returns what is stored: code, day and numbers of each diagnosis.
fn kept(facade: &Facade) -> Vec<String> {
    let all = facade.get("Condition").resources();
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let line = |one: &Value| {
        let numbers = one["identifier"].as_array().into_iter().flatten();
        let numbers = numbers.map(|number| text(&number["value"]));
        let code = text(&one["code"]["coding"][0]["code"]);
        let head = format!("{code} {}", text(&one["recordedDate"]));
        std::iter::once(head)
            .chain(numbers)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut all: Vec<String> = all.iter().map(line).collect();
    all.sort();
    all
}

/// Lists of one practice, one after the other; what is stored then; and how many have vanished by the
/// last.
struct ListCase {
    what: &'static str,
    lists: Vec<Vec<Value>>,
    kept: Vec<&'static str>,
    vanished: usize,
}

fn odd(mut sent: Value, name: &str, value: Value) -> Value {
    sent[name] = value;
    sent
}

fn case(
    what: &'static str,
    lists: Vec<Vec<Value>>,
    kept: &[&'static str],
    vanished: usize,
) -> ListCase {
    ListCase {
        what,
        lists,
        kept: kept.to_vec(),
        vanished,
    }
}

fn x() -> Value {
    entry("X", "DJ440", "2027-02-21")
}

fn y() -> Value {
    entry("Y", "DJ440", "2027-02-25")
}

fn plain(recorded: &str) -> Value {
    entry("", "DJ44", recorded)
}

/// Lists with entries that are not taken.
fn cases_of_odd_entries() -> Vec<ListCase> {
    let modifier = || json!([{ "url": "http://x.test", "valueBoolean": true }]);
    vec![
        case(
            "an entry with an odd day is in the list",
            vec![
                vec![x()],
                vec![odd(x(), "recordedDate", json!("2027-02")), y()],
            ],
            &["DJ440 2027-02-21 X", "DJ440 2027-02-25 Y"],
            0,
        ),
        case(
            "so is one that is not understood",
            vec![
                vec![x()],
                vec![odd(x(), "modifierExtension", modifier()), y()],
            ],
            &["DJ440 2027-02-21 X", "DJ440 2027-02-25 Y"],
            0,
        ),
        case(
            "so is one that is of no group now",
            vec![vec![x()], vec![entry("X", "DC43", "2027-02-21"), y()]],
            &["DJ440 2027-02-21 X", "DJ440 2027-02-25 Y"],
            0,
        ),
        case(
            "one without a number and with an odd day may be the same",
            vec![
                vec![plain("2027-02-21")],
                vec![plain("2027-02"), plain("2027-02-25")],
            ],
            &["DJ44 2027-02-21", "DJ44 2027-02-25"],
            0,
        ),
    ]
}

/// Lists with corrections.
fn cases_of_corrections() -> Vec<ListCase> {
    vec![
        case(
            "a correction under another number, and the first number again",
            vec![vec![x()], vec![y()], vec![x(), y()]],
            &["DJ440 2027-02-21 X", "DJ440 2027-02-25 Y"],
            0,
        ),
        case(
            "a corrected one is known by what it says now",
            vec![
                vec![plain("2027-02-10")],
                vec![plain("2027-02-05")],
                vec![plain("2027-02-05"), entry("", "DJ441", "2027-02-20")],
                vec![plain("2027-02-04"), entry("", "DJ441", "2027-02-20")],
            ],
            &["DJ44 2027-02-04", "DJ441 2027-02-20"],
            0,
        ),
        case(
            "the day of before is another one beside the corrected one",
            vec![
                vec![plain("2027-02-10")],
                vec![plain("2027-02-05")],
                vec![plain("2027-02-10"), plain("2027-02-05")],
                vec![plain("2027-02-05"), plain("2027-02-10")],
            ],
            &["DJ44 2027-02-05", "DJ44 2027-02-10"],
            0,
        ),
        case(
            "two that are gone and one that is new are no correction",
            vec![vec![x(), y()], vec![entry("Z", "DJ440", "2027-02-11")]],
            &[
                "DJ440 2027-02-11 Z",
                "DJ440 2027-02-21 X",
                "DJ440 2027-02-25 Y",
            ],
            2,
        ),
    ]
}

#[test]
fn the_same_diagnosis_is_recognised_and_no_other_is_overwritten() {
    for case in cases_of_odd_entries()
        .into_iter()
        .chain(cases_of_corrections())
    {
        let facade = Facade::at(NOW);
        let mut last = None;
        for (number, list) in (1..).zip(&case.lists) {
            last = Some(take(&facade, &document(number, &date(number), list)));
        }
        assert_eq!(kept(&facade), case.kept, "{}", case.what);
        let last = last.unwrap();
        let told = lines(&last)[0].ends_with("vanished");
        assert_eq!(told, case.vanished > 0, "{}: {}", case.what, last.text);
        let text = format!("{} stored diagnoses", case.vanished);
        assert!(
            !told || last.text.contains(&text),
            "{}: {}",
            case.what,
            last.text
        );
    }
}

/// A list of another practice, or about another person.
fn of_another(at: usize, system: &str, value: &str, entries: &[Value]) -> Value {
    changed(document(2, &date(2), entries), |bundle| {
        bundle["entry"][at]["resource"]["identifier"] = json!([numbered(system, value)]);
    })
}

#[test]
fn a_number_is_of_its_sender_and_of_its_person_and_needs_a_system() {
    let (cpr, sor) = ("urn:oid:1.2.208.176.1.2", "urn:oid:1.2.208.176.1.1");
    let systemless = |code: &str| {
        changed(entry("", code, "2027-02-21"), |sent| {
            sent["identifier"] = json!([{ "value": "1" }]);
        })
    };
    let rows = [
        (
            "another person",
            entry("1", "DJ44", "2027-02-21"),
            of_another(1, cpr, "0405440002", &[entry("1", "DJ44", "2027-02-21")]),
        ),
        (
            "another person, no system",
            systemless("DJ44"),
            of_another(1, cpr, "0405440002", &[systemless("DJ44")]),
        ),
        (
            "another practice",
            entry("1", "DJ44", "2027-02-21"),
            of_another(
                2,
                sor,
                "543210987654321",
                &[entry("1", "DJ441", "2027-02-20")],
            ),
        ),
        (
            "another practice, no system",
            systemless("DJ44"),
            of_another(2, sor, "543210987654321", &[systemless("DJ441")]),
        ),
        (
            "the same practice, no system",
            systemless("DJ44"),
            document(2, &date(2), &[systemless("DJ44"), systemless("DE11")]),
        ),
    ];
    for (what, first, second) in rows {
        let facade = Facade::at(NOW);
        let before = take(&facade, &document(1, &date(1), &[first]));
        let before = facade.get(&stored(&before)[3]).json();
        assert_eq!(take(&facade, &second).status, 200, "{what}");
        let id = before["id"].as_str().unwrap();
        let after = facade.get(&format!("Condition/{id}")).json();
        assert_eq!(
            (&after["subject"], &after["code"]),
            (&before["subject"], &before["code"]),
            "{what}"
        );
        assert_eq!(facade.get("Condition").resources().len(), 2, "{what}");
    }
}

#[test]
fn what_is_stored_of_another_person_under_the_key_is_not_overwritten() {
    let facade = Facade::at(NOW);
    let first = take(
        &facade,
        &document(1, &date(1), &[entry("", "DJ44", "2027-02-21")]),
    );
    let key = stored(&first)[3]
        .split("/_history")
        .next()
        .unwrap()
        .to_owned();
    facade.put_ok(&json!({ "resourceType": "Patient", "id": "other",
        "identifier": [numbered("urn:oid:1.2.208.176.1.2", "0405440002")] }));
    let moved = changed(facade.get(&key).json(), |moved| {
        moved["subject"]["reference"] = "Patient/other".into();
    });
    facade.put_ok(&moved);
    let reply = take(
        &facade,
        &document(
            2,
            &date(2),
            &[
                entry("", "DJ44", "2027-02-21"),
                entry("", "DE11", "2027-02-21"),
            ],
        ),
    );
    assert_eq!(lines(&reply)[3], "Condition needs profile");
    assert_eq!(lines(&reply)[4], "Condition created verification-assumed");
    assert_eq!(
        facade.get(&key).json()["subject"]["reference"],
        "Patient/other"
    );
}

#[test]
fn a_group_that_the_sender_no_longer_names_does_not_stay() {
    let facade = Facade::at(NOW);
    let group = json!([{ "url": "https://kronikerpakker.dk/fhir/StructureDefinition/kp-target-group",
        "valueCodeableConcept": { "coding": [{ "system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-target-group", "code": "low-back-pain" }] } }]);
    let named = odd(entry("X", "DJ44", "2027-02-21"), "extension", group);
    take(&facade, &document(1, &date(1), &[named]));
    take(
        &facade,
        &document(2, &date(2), &[entry("X", "DJ44", "2027-02-21")]),
    );
    let conditions = facade.get("Condition").resources();
    assert!(conditions[0]["extension"].is_null(), "{conditions:?}");
}

#[test]
fn two_entries_of_one_number_that_differ_are_not_both_taken() {
    let facade = Facade::at(NOW);
    let entries = [
        entry("X", "DJ44", "2027-02-21"),
        entry("X", "DJ44", "2027-02-20"),
    ];
    let reply = take(&facade, &document(1, &date(1), &entries));
    assert_eq!(
        lines(&reply)[3..],
        [
            "Condition created verification-assumed",
            "Condition needs profile"
        ]
    );
    assert_eq!(kept(&facade), ["DJ44 2027-02-21 X"]);
}

#[test]
fn the_same_bundle_again_writes_nothing_after_another_writer() {
    let bundle = document(1, &date(1), &[entry("X", "DJ44", "2027-02-21")]);
    let error = json!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "entered-in-error" }] });
    for deletes in [false, true] {
        let facade = Facade::at(NOW);
        let first = stored(&take(&facade, &bundle));
        let key = first[3].split("/_history").next().unwrap().to_owned();
        if deletes {
            assert!(
                facade
                    .send("DELETE", &key, &[], String::new())
                    .status
                    .is_success()
            );
        } else {
            let mut changed = facade.get(&key).json();
            changed["verificationStatus"] = error.clone();
            changed.as_object_mut().unwrap().remove("clinicalStatus");
            facade.put_ok(&changed);
        }
        let before = facade.get("_history?_count=1000").resources().len();
        let reply = take(&facade, &bundle);
        assert_eq!(lines(&reply)[3], "Condition unchanged verification-assumed");
        assert_eq!(facade.get("_history?_count=1000").resources().len(), before);
        assert_eq!(parameters(&reply.json(), "person").len(), 1);
        // A later list that has it still is another statement.
        let later = document(2, &date(2), &[entry("X", "DJ44", "2027-02-21")]);
        let told = lines(&take(&facade, &later));
        let expected = if deletes { "created" } else { "updated" };
        assert_eq!(
            told[3],
            format!("Condition {expected} verification-assumed")
        );
    }
}
