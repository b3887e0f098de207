//! Entries whose criteria are the same ones, or meet what another entry writes; and criteria that
//! many stored resources match.

use serde_json::{Value, json};

use super::{entry, post, refused, send, statuses, with, without_id};
use crate::rest::{NOW, changes, clinic, expect, identified, person};
use crate::support::facade::{Facade, Reply};
use crate::support::people::{copd, practice};

const PERSON: &str = "urn:uuid:00000000-0000-4000-8000-00000000000a";
const MADE: &str = "201 Created";
const FOUND: &str = "200 OK";

/// Makes an entry that creates the diagnosis of that number and day, unless there is a match.
fn diagnosis(number: &str, day: &str, subject: &str, criteria: &str) -> Value {
    let mut condition = identified(copd("", "", day), number);
    condition["subject"]["reference"] = subject.into();
    let full_url = format!("urn:uuid:{number}-{day}");
    with(post(&full_url, condition), "ifNoneExist", criteria)
}

/// Makes an entry that creates a person unless there is a match.
fn person_by(full_url: &str, number: &str, criteria: &str) -> Value {
    with(post(full_url, person("", number)), "ifNoneExist", criteria)
}

/// Makes the conditional update of a conditional create.
fn update_of(create: &Value) -> Value {
    let mut update = create.clone();
    let of_type = create["request"]["url"].as_str().unwrap();
    let criteria = create["request"]["ifNoneExist"].as_str().unwrap();
    update["request"] = json!({ "method": "PUT", "url": format!("{of_type}?{criteria}") });
    update
}

fn location(reply: &Reply, at: usize) -> String {
    let location = reply.json()["entry"][at]["response"]["location"].clone();
    location.as_str().unwrap().to_owned()
}

/// Sends entries to a new server: either the entry at a place is refused, or the first two have these
/// statuses and are one resource.
#[track_caller]
fn are_one(name: &str, entries: Vec<Value>, expected: Result<[&str; 2], usize>) {
    let facade = clinic();
    match expected {
        Ok(expected) => {
            let reply = send(&facade, entries);
            assert_eq!(statuses(&reply)[..2], expected, "{name}");
            assert_eq!(location(&reply, 0), location(&reply, 1), "{name}");
        }
        Err(at) => {
            let issue = format!("error business-rule Bundle.entry[{at}].request");
            refused(&facade, entries, 400, &[&issue]);
        }
    }
}

#[test]
fn creates_of_equal_criteria_are_one_resource_only_if_what_is_made_meets_them() {
    let by_own = "identifier=https://ehr.test/id|2";
    let first = diagnosis("1", "2027-02-20", "Patient/p", by_own);
    let second = diagnosis("2", "2027-02-21", "Patient/p", by_own);
    let mut same = first.clone();
    same["fullUrl"] = "urn:uuid:same".into();
    for (name, one, other, expected) in [
        ("the first does not meet them", &first, &second, Err(1)),
        ("the first meets them", &second, &first, Ok([MADE, FOUND])),
        (
            "an update does not meet them",
            &second,
            &update_of(&first),
            Err(0),
        ),
        (
            "an update meets them",
            &first,
            &update_of(&second),
            Ok([FOUND, MADE]),
        ),
        ("both bring the same", &first, &same, Ok([MADE, FOUND])),
    ] {
        are_one(name, vec![one.clone(), other.clone()], expected);
    }
}

#[test]
fn equal_criteria_that_ask_about_other_entries_are_judged_once_all_are_known() {
    let by_person = "identifier=https://ehr.test/id|2&subject:Patient.identifier=urn:oid:1.2.208.176.1.2|0606660003";
    let by_number = "identifier=urn:oid:1.2.208.176.1.2|0606660003";
    let by_diagnosis = "_has:Condition:subject:identifier=https://ehr.test/id|1";
    let new_person = person_by(PERSON, "0606660003", by_number);
    let of = |subject: &str| {
        let diagnosed = |day: &str| diagnosis("2", day, subject, by_person);
        let (one, other) = (diagnosed("2027-02-20"), diagnosed("2027-02-21"));
        vec![one, other, new_person.clone()]
    };
    let persons = [("a", "0606660003"), ("b", "0707770004")].map(|(name, number)| {
        let full_url = format!("urn:uuid:{name}");
        person_by(&full_url, number, by_diagnosis)
    });
    let mut names_first = persons.to_vec();
    let named = identified(copd("", "", "2027-02-20"), "1");
    names_first.push(post("urn:uuid:named", named));
    names_first[2]["resource"]["subject"]["reference"] = "urn:uuid:a".into();
    for (name, entries, expected) in [
        ("a chain to an entry", of(PERSON), Ok([MADE, FOUND])),
        ("a chain elsewhere", of("Patient/p"), Err(1)),
        ("an entry names the first", names_first, Ok([MADE, FOUND])),
        ("no entry names the first", persons.to_vec(), Err(1)),
    ] {
        are_one(name, entries, expected);
    }
}

#[test]
fn a_create_that_meets_a_conditional_update_is_that_resource_in_either_order() {
    let by_number = "identifier=urn:oid:1.2.208.176.1.2|0606660003";
    let new_person = || person_by(PERSON, "0606660003", by_number);
    let create = person_by("urn:uuid:b", "0606660003", by_number);
    let by_own = "identifier=https://ehr.test/id|1";
    let of_person = format!("{by_own}&subject={PERSON}");
    let diagnosed = |day: &str, criteria: &str| diagnosis("1", day, PERSON, criteria);
    for (name, update, create, others) in [
        ("equal criteria", update_of(&new_person()), create, vec![]),
        (
            "criteria of the update that name an entry with criteria",
            update_of(&diagnosed("2027-02-20", &of_person)),
            diagnosed("2027-02-21", by_own),
            vec![new_person()],
        ),
        (
            "criteria of both that do so",
            update_of(&diagnosed("2027-02-20", &of_person)),
            diagnosed("2027-02-21", &of_person),
            vec![new_person()],
        ),
    ] {
        for is_update_first in [true, false] {
            let facade = Facade::at(NOW);
            let (mut entries, made) = if is_update_first {
                (vec![update.clone(), create.clone()], [MADE, FOUND])
            } else {
                (vec![create.clone(), update.clone()], [FOUND, MADE])
            };
            entries.extend(others.clone());
            let reply = send(&facade, entries.clone());
            assert_eq!(statuses(&reply)[..2], made, "{name}");
            assert_eq!(location(&reply, 0), location(&reply, 1), "{name}");
            let before = changes(&facade);
            let again = send(&facade, entries);
            assert_eq!(statuses(&again)[..2], [FOUND; 2], "{name}");
            assert_eq!(location(&again, 0), location(&reply, 0), "{name}");
            assert_eq!(changes(&facade), before, "{name}");
        }
    }
}

#[test]
fn criteria_that_many_match_meet_the_one_that_the_transaction_leaves() {
    let criteria = "name=Læge";
    let create = with(post("urn:uuid:1", practice("")), "ifNoneExist", criteria);
    let update = entry("PUT", "Organization?name=Læge", without_id(practice("")));
    let mut registered = person("", "0606660003");
    registered["generalPractitioner"] = json!([{ "reference": "Organization?name=Læge" }]);
    let refers = post("urn:uuid:2", registered);
    let stored = 6;
    for (name, asking, if_none) in [
        ("create", create, Some(MADE)),
        ("update", update, Some(MADE)),
        ("reference", refers, None),
    ] {
        for left in 0..=stored {
            let facade = Facade::at(NOW);
            for number in 0..stored {
                facade.put_ok(&practice(&format!("gp-{number}")));
            }
            let gone = left..stored;
            let gone = gone.map(|number| format!("Organization/gp-{number}"));
            let deletions = gone.map(|url| entry("DELETE", &url, Value::Null));
            let entries: Vec<Value> = [asking.clone()].into_iter().chain(deletions).collect();
            let reply = send(&facade, entries);
            match (left, if_none) {
                (0, Some(status)) => assert_eq!(statuses(&reply)[0], status, "{name}"),
                (1, Some(_)) => {
                    assert_eq!(statuses(&reply)[0], FOUND, "{name}");
                    assert!(
                        location(&reply, 0).contains("/Organization/gp-0/"),
                        "{name}"
                    );
                }
                (1, None) => {
                    assert_eq!(statuses(&reply)[0], MADE, "{name}");
                    let registered = &facade.search_all("Patient")[0];
                    let practice = &registered["generalPractitioner"][0]["reference"];
                    assert_eq!(practice, "Organization/gp-0", "{name}");
                }
                (_, _) => {
                    expect(&reply, 412);
                    let several = left > 0;
                    let is_so = reply.issues()[0].starts_with("error multiple-matches");
                    assert_eq!(is_so, several, "{name}, {left}: {}", reply.text);
                }
            }
        }
    }
}

#[test]
fn a_search_of_a_transaction_is_refused_if_it_names_a_urn_that_no_entry_has() {
    let facade = clinic();
    let place = || post(PERSON, person("", "0606660003"));
    for (search, is_refused) in [
        ("Organization?partof=urn:uuid:nobody", true),
        ("Condition?subject=Patient/p,urn:uuid:nobody", true),
        (
            "Condition?subject:Patient.organization=urn:uuid:nobody",
            true,
        ),
        ("CarePlan?instantiates-uri=urn:uuid:nobody", false),
        ("Condition?identifier=urn:uuid:nobody", false),
        (&*format!("Condition?subject={PERSON}"), false),
    ] {
        let entries = vec![entry("GET", search, Value::Null), place()];
        if is_refused {
            let issue = "error value Bundle.entry[0].request";
            refused(&facade, entries, 400, &[issue]);
        } else {
            assert_eq!(statuses(&send(&facade, entries))[0], FOUND, "{search}");
        }
    }
}

#[test]
fn what_is_wrong_with_criteria_is_said_of_the_criteria() {
    let facade = clinic();
    let url = "Organization?identifier=of-nobody";
    let any = [("if-match", "*")];
    let new = without_id(practice("")).to_string();
    let in_entry = with(entry("PUT", url, without_id(practice(""))), "ifMatch", "*");
    let by_id = format!("_id={PERSON}");
    let by_id = with(post("urn:uuid:1", practice("")), "ifNoneExist", &by_id);
    let nothing = "nothing that is stored matches the criteria: expected any version, found none";
    for (name, reply, status, text) in [
        ("update", facade.send("PUT", url, &any, new), 412, nothing),
        (
            "deletion",
            facade.send("DELETE", url, &any, String::new()),
            412,
            nothing,
        ),
        ("entry", send(&facade, vec![in_entry]), 412, nothing),
        ("urn", send(&facade, vec![by_id]), 400, "subject=urn:uuid:…"),
    ] {
        expect(&reply, status);
        assert!(reply.text.contains(text), "{name}: {}", reply.text);
        assert!(
            !reply.text.contains("Organization/"),
            "{name}: {}",
            reply.text
        );
    }
}
