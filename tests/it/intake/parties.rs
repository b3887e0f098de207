//! The parties of foreign Bundles: which stored person and which stored organization each is, and whose
//! statements are whose (intake, section 3).

use serde_json::{Value, json};

use super::kl_119::{focus, report, request};
use super::{NOW, changed, diagnosis, document, lines, numbered, stored, take, versions};
use crate::support::facade::Facade;

const CPR_SYSTEM: &str = "urn:oid:1.2.208.176.1.2";
const X_ECPR: &str = "urn:oid:1.2.208.176.1.6.1.1";
const SOR_SYSTEM: &str = "urn:oid:1.2.208.176.1.1";
const YDER_SYSTEM: &str = "urn:oid:1.2.208.176.1.4";

/// A list of one diagnosis, whose entry of that place is changed.
fn list(number: u32, at: usize, change: impl FnOnce(&mut Value)) -> Value {
    let date = format!("2027-02-{:02}T10:00:00+01:00", 21 + number);
    let diagnoses = [diagnosis("c", "DJ449", "2027-02-21")];
    changed(document(number, &date, &diagnoses), |bundle| {
        change(&mut bundle["entry"][at]["resource"])
    })
}

fn of_practice(number: u32, identifiers: &Value) -> Value {
    list(number, 2, |o| o["identifier"] = identifiers.clone())
}

fn base(reference: &str) -> String {
    reference.split("/_history").next().unwrap().to_owned()
}

/// The organizations that are stored, each by its values.
fn organizations(facade: &Facade) -> Vec<String> {
    let all = facade.get("Organization").resources();
    let mut all: Vec<String> = all
        .iter()
        .map(|one| {
            let numbers = one["identifier"].as_array().unwrap().iter();
            let mut numbers: Vec<&str> = numbers.map(|n| n["value"].as_str().unwrap()).collect();
            numbers.sort_unstable();
            numbers.join(" ")
        })
        .collect();
    all.sort();
    all
}

#[test]
fn an_organization_is_the_stored_one_that_its_numbers_name_and_no_other() {
    let sor = |value: &str| numbered(SOR_SYSTEM, value);
    let yder = |value: &str| numbered(YDER_SYSTEM, value);
    let s = "61741000016007";
    // The numbers of the practices of some lists, one after the other, and what is stored then.
    type Row = (&'static str, Vec<Vec<Value>>, Vec<String>);
    let rows: Vec<Row> = vec![
        ("once", vec![vec![sor(s)]], vec![s.into()]),
        (
            "completed",
            vec![vec![sor(s)], vec![sor(s), yder("077410")]],
            vec![format!("077410 {s}")],
        ),
        (
            "the only one",
            vec![vec![sor(s), yder("077410")], vec![sor(s)]],
            vec![format!("077410 {s}")],
        ),
        (
            "which of two is not guessed",
            vec![
                vec![sor(s), yder("077410")],
                vec![sor(s), yder("077411")],
                vec![sor(s)],
                vec![sor(s)],
            ],
            vec![format!("077410 {s}"), format!("077411 {s}"), s.into()],
        ),
        (
            "each of two again",
            vec![
                vec![sor(s), yder("077410")],
                vec![sor(s), yder("077411")],
                vec![sor(s), yder("77410")],
            ],
            vec![format!("077410 {s}"), format!("077411 {s}")],
        ),
    ];
    for (what, lists, mut expected) in rows {
        let facade = Facade::at(NOW);
        for (number, numbers) in (1..).zip(&lists) {
            let reply = take(&facade, &of_practice(number, &json!(numbers)));
            assert_eq!(reply.status, 200, "{what}: {}", reply.text);
        }
        expected.sort();
        assert_eq!(organizations(&facade), expected, "{what}");
    }
}

#[test]
fn a_number_of_kombit_alone_names_a_practice_however_its_uuid_is_spelled() {
    let uuid = "5f7f3b39-27a9-4dbe-9d3c-3a2fbb94e6c1";
    let stored_as = format!("urn:uuid:{uuid}");
    let facade = Facade::at(NOW);
    let spelled = [
        stored_as.clone(),
        uuid.to_owned(),
        uuid.to_uppercase(),
        stored_as.to_uppercase(),
    ];
    for (number, value) in (1..).zip(&spelled) {
        let kombit = json!([numbered("https://kombit.dk/sts/organisation", value)]);
        let told = lines(&take(&facade, &of_practice(number, &kombit)));
        let expected = match number {
            1 => [
                "Organization created",
                "Condition created verification-assumed",
            ],
            _ => [
                "Organization unchanged",
                "Condition unchanged verification-assumed",
            ],
        };
        assert_eq!(told[2..], expected, "{value}");
        assert_eq!(organizations(&facade), [stored_as.as_str()]);
    }
    // What is no UUID is refused by the profile, and told; what the practice says is taken.
    let odd = json!([numbered("https://kombit.dk/sts/organisation", "k")]);
    let told = lines(&take(&facade, &of_practice(5, &odd)));
    assert_eq!(told[2], "Organization needs profile");
}

#[test]
fn an_organization_whose_number_was_corrected_here_is_not_overwritten() {
    let facade = Facade::at(NOW);
    let sor = |value: &str| json!([numbered(SOR_SYSTEM, value)]);
    let first = stored(&take(&facade, &of_practice(1, &sor("61741000016007"))));
    let mut corrected = facade.get(&base(&first[2])).json();
    corrected["identifier"][0]["value"] = "543210987654321".into();
    facade.put_ok(&corrected);
    assert_eq!(
        take(&facade, &of_practice(2, &sor("61741000016007"))).status,
        200
    );
    assert_eq!(organizations(&facade), ["543210987654321"]);
}

#[test]
fn two_practices_of_one_new_sor_number_in_one_bundle_stay_two() {
    let practice = |id: &str, yder: &str| {
        json!({ "resourceType": "Organization", "id": id,
            "identifier": [numbered(SOR_SYSTEM, "61741000016007"), numbered(YDER_SYSTEM, yder)] })
    };
    let facade = Facade::at(NOW);
    let by = |id: &str| {
        changed(request(), |r| {
            r["id"] = format!("of-{id}").into();
            r["requester"]["reference"] = format!("Organization/{id}").into();
        })
    };
    let sent = [
        focus(),
        practice("a", "077410"),
        practice("b", "077411"),
        by("a"),
        by("b"),
    ];
    let reply = take(&facade, &report(1, &sent));
    let requester = |at: usize| {
        let referral = facade.get(&stored(&reply)[at]).json();
        let practice = facade
            .get(referral["requester"]["reference"].as_str().unwrap())
            .json();
        let numbers = practice["identifier"].as_array().unwrap();
        numbers.iter().any(|n| n["value"] == "077410").to_string()
            + &numbers.iter().any(|n| n["value"] == "077411").to_string()
    };
    assert_eq!([requester(6), requester(7)], ["truefalse", "falsetrue"]);
}

#[test]
fn a_practice_that_is_not_stored_itself_is_known_again() {
    let yder = json!([numbered(YDER_SYSTEM, super::YDER)]);
    let of = |number: u32, recorded: &str| {
        changed(of_practice(number, &yder), |bundle| {
            bundle["entry"][3]["resource"]["recordedDate"] = recorded.into();
        })
    };
    let facade = Facade::at(NOW);
    let first = take(&facade, &of(2, "2027-02-21"));
    assert_eq!(lines(&first)[3], "Condition created verification-assumed");
    let patient = facade.get(&stored(&first)[1]).json();
    assert_eq!(
        patient["generalPractitioner"][0]["identifier"]["value"],
        super::YDER
    );
    // An older one is older, and a correction is one.
    assert_eq!(
        lines(&take(&facade, &of(1, "2027-02-21")))[3],
        "Condition older older-than-stored"
    );
    let reply = take(&facade, &of(3, "2027-02-20"));
    assert_eq!(lines(&reply)[3], "Condition updated verification-assumed");
    assert_eq!(base(&stored(&reply)[3]), base(&stored(&first)[3]));
}

/// One case of a stored person and a list about the same: the elements of the stored Patient, those
/// of the one that is sent, and what is told of the Patient and of the diagnosis.
struct PersonCase {
    what: &'static str,
    stored: Value,
    sent: Value,
    told: [&'static str; 2],
    then: Value,
}

const TAKEN: &str = "created verification-assumed";

fn person_case(
    what: &'static str,
    stored: Value,
    sent: Value,
    patient: &'static str,
    then: Value,
) -> PersonCase {
    PersonCase {
        what,
        stored,
        sent,
        told: [patient, TAKEN],
        then,
    }
}

fn person_cases() -> Vec<PersonCase> {
    let case = person_case;
    let cpr = || numbered(CPR_SYSTEM, super::CPR);
    let ecpr = || numbered(X_ECPR, "0101801AB1");
    vec![
        case(
            "an odd birth date",
            json!({}),
            json!({ "birthDate": "1944-5-4" }),
            "needs profile",
            json!({ "birthDate": null }),
        ),
        case(
            "an odd gender",
            json!({}),
            json!({ "gender": "m" }),
            "needs profile",
            json!({ "gender": null }),
        ),
        case(
            "an odd birth date beside a death",
            json!({}),
            json!({ "birthDate": "1944-5-4", "deceasedDateTime": "2027-02-25" }),
            "needs profile",
            json!({ "deceasedDateTime": "2027-02-25" }),
        ),
        case(
            "an eCPR beside the CPR number",
            json!({ "identifier": [ecpr()] }),
            json!({ "identifier": [cpr(), ecpr()] }),
            "updated",
            json!({}),
        ),
    ]
}

fn cases_of_deaths() -> Vec<PersonCase> {
    let case = person_case;
    vec![
        case(
            "a future year of death",
            json!({}),
            json!({ "deceasedDateTime": "2099" }),
            "updated",
            json!({ "deceasedBoolean": null }),
        ),
        case(
            "a future month of death",
            json!({}),
            json!({ "deceasedDateTime": "2027-04" }),
            "updated",
            json!({ "deceasedBoolean": null }),
        ),
        case(
            "a year of long ago",
            json!({}),
            json!({ "deceasedDateTime": "1800" }),
            "updated",
            json!({ "deceasedBoolean": null }),
        ),
        case(
            "a year of death",
            json!({}),
            json!({ "deceasedDateTime": "2027" }),
            "updated",
            json!({ "deceasedBoolean": true }),
        ),
        case(
            "a month of death",
            json!({}),
            json!({ "deceasedDateTime": "2027-02" }),
            "updated",
            json!({ "deceasedBoolean": true }),
        ),
    ]
}

fn cases_of_practices() -> Vec<PersonCase> {
    let case = person_case;
    let practice = |value: &str| json!([{ "identifier": numbered(YDER_SYSTEM, value) }]);
    vec![
        case(
            "the same practice by number",
            json!({ "generalPractitioner": practice("77410") }),
            json!({}),
            "updated",
            json!({}),
        ),
        case(
            "another practice by number",
            json!({ "generalPractitioner": practice("077499") }),
            json!({}),
            "updated other-practice",
            json!({}),
        ),
    ]
}

#[test]
fn a_stored_person_is_found_by_any_number_and_an_odd_word_refuses_nothing_else() {
    let cases = person_cases().into_iter().chain(cases_of_deaths());
    for case in cases.chain(cases_of_practices()) {
        let facade = Facade::at(NOW);
        let mut patient = json!({ "resourceType": "Patient", "id": "known",
            "identifier": [numbered(CPR_SYSTEM, super::CPR)] });
        let put = |to: &mut Value, elements: &Value| {
            for (name, value) in elements.as_object().unwrap() {
                to[name] = value.clone();
            }
        };
        put(&mut patient, &case.stored);
        facade.put_ok(&patient);
        let reply = take(&facade, &list(1, 1, |sent| put(sent, &case.sent)));
        let told = [&lines(&reply)[1], &lines(&reply)[3]];
        let expected = [
            format!("Patient {}", case.told[0]),
            format!("Condition {}", case.told[1]),
        ];
        assert_eq!(told, [&expected[0], &expected[1]], "{}", case.what);
        let patients = facade.get("Patient").resources();
        assert_eq!(patients.len(), 1, "{}", case.what);
        for (name, value) in case.then.as_object().unwrap() {
            assert_eq!(patients[0][name], *value, "{}: {name}", case.what);
        }
    }
}

#[test]
fn an_ecpr_of_another_stored_person_is_not_told_of_this_one() {
    let facade = Facade::at(NOW);
    let ecpr = numbered(X_ECPR, "0101801AB1");
    for (id, number) in [
        ("one", numbered(CPR_SYSTEM, super::CPR)),
        ("other", ecpr.clone()),
    ] {
        facade.put_ok(&json!({ "resourceType": "Patient", "id": id, "identifier": [number] }));
    }
    let both = json!([numbered(CPR_SYSTEM, super::CPR), ecpr]);
    let reply = take(&facade, &list(1, 1, |sent| sent["identifier"] = both));
    assert_eq!(base(&stored(&reply)[1]), "Patient/one");
    assert_eq!(
        facade.get("Patient/one").json()["identifier"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // One whose CPR number is another is not the same person by an eCPR.
    let facade = Facade::at(NOW);
    let numbers = json!([
        numbered(CPR_SYSTEM, "0405440002"),
        numbered(X_ECPR, "0101801AB1")
    ]);
    facade.put_ok(&json!({ "resourceType": "Patient", "id": "other", "identifier": numbers }));
    let both = json!([
        numbered(CPR_SYSTEM, super::CPR),
        numbered(X_ECPR, "0101801AB1")
    ]);
    let reply = take(&facade, &list(1, 1, |sent| sent["identifier"] = both));
    assert_eq!(reply.status, 412, "{}", reply.text);
    assert_eq!(versions(&facade, "Condition"), 0);
}

#[test]
fn who_a_subject_is_follows_from_its_address_or_else_from_its_number() {
    let own = || numbered(CPR_SYSTEM, super::CPR);
    let other = || numbered(CPR_SYSTEM, "0405440002");
    let rows = [
        (json!({ "reference": "Patient/person" }), 200),
        (
            json!({ "reference": "http://elsewhere.test/Patient/9", "identifier": own() }),
            200,
        ),
        (
            json!({ "reference": "http://elsewhere.test/Patient/9", "identifier": other() }),
            422,
        ),
        (
            json!({ "reference": "http://elsewhere.test/Patient/9" }),
            422,
        ),
        (
            json!({ "reference": "Patient/person", "identifier": other() }),
            422,
        ),
        (
            json!({ "reference": "Organization/practice", "identifier": own() }),
            422,
        ),
        (json!({ "identifier": own() }), 200),
    ];
    for (subject, status) in rows {
        let facade = Facade::at(NOW);
        let reply = take(
            &facade,
            &list(1, 3, |sent| sent["subject"] = subject.clone()),
        );
        assert_eq!(
            u64::from(reply.status.as_u16()),
            status,
            "{subject}: {}",
            reply.text
        );
    }
}

#[test]
fn an_odd_number_of_the_bundle_refuses_nothing() {
    for system in ["no uri", "NO-URI", ""] {
        let facade = Facade::at(NOW);
        let bundle = changed(list(1, 3, |_| ()), |bundle| {
            bundle["identifier"]["system"] = system.into();
        });
        let told = lines(&take(&facade, &bundle));
        assert_eq!(
            told[3], "Condition created verification-assumed",
            "{system}"
        );
        assert_eq!(
            lines(&take(&facade, &bundle))[3],
            "Condition unchanged verification-assumed"
        );
    }
}
