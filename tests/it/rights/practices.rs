//! The operator's table of general practices: who sends the SOR number alone is one by it, on the
//! days that it says, and another table derives anew the rights of everyone concerned while the
//! server serves.

use frist::app::practices::{PracticeFile, reload};
use frist::deadlines::PracticeTable;
use frist::interactions::upkeep::derivation;
use serde_json::{Value, json};

use crate::support::facade::Facade;
use crate::support::people::{copd, patient, plan, region};

const HEAD: &str = "sor,ydernummer,name,region,from,to\n";
const SOR: &str = "99000010016005";

/// Makes an Organization that has a SOR number and nothing else that tells a practice.
fn unit(id: &str, sor: &str) -> Value {
    let mut unit = region(id);
    unit["identifier"] = json!([{ "system": "urn:oid:1.2.208.176.1.1", "value": sor }]);
    unit
}

/// Makes a server where the plans of two persons were made by the unit [`SOR`]: one by an
/// Organization, the other by a number alone; and one of a third person by another unit.
fn planned() -> Facade {
    let facade = Facade::at("2027-03-20T09:00:00+01:00");
    facade.put_ok(&unit("unit", SOR));
    facade.put_ok(&unit("other", "99000010046005"));
    for (person, author) in [
        ("p", json!({ "reference": "Organization/unit" })),
        (
            "q",
            json!({ "identifier": { "system": "urn:oid:1.2.208.176.1.1", "value": SOR } }),
        ),
        ("r", json!({ "reference": "Organization/other" })),
    ] {
        let mut someone = patient(person);
        someone["identifier"][0]["value"] = match person {
            "p" => "0405440001",
            "q" => "0505550002",
            _ => "0606660003",
        }
        .into();
        facade.put_ok(&someone);
        facade.put_ok(&copd(&format!("c-{person}"), person, "2027-03-01"));
        let mut plan = plan(
            &format!("cp-{person}"),
            person,
            &format!("c-{person}"),
            "2027-03-10",
        );
        plan["author"] = author;
        facade.put_ok(&plan);
    }
    facade
}

/// Returns the business status of each person's right.
fn statuses(facade: &Facade) -> [String; 3] {
    ["p", "q", "r"].map(|person| {
        let tasks = facade.search_all(&format!("Task?patient={person}"));
        assert_eq!(tasks.len(), 1);
        let code = &tasks[0]["businessStatus"]["coding"][0]["code"];
        code.as_str().unwrap().to_owned()
    })
}

fn replace(facade: &Facade, lines: &str) -> usize {
    let table = PracticeTable::parse(format!("{HEAD}{lines}").as_bytes()).unwrap();
    let done = derivation::replace_practices(facade.server(), &facade.context(), table).unwrap();
    done.versions
}

#[test]
fn a_unit_is_a_practice_by_the_table_on_the_day_of_the_act() {
    let facade = planned();
    let open = ["running", "running", "running"].map(str::to_owned);
    let met = ["met", "met", "running"].map(str::to_owned);
    assert_eq!(statuses(&facade), open);
    // Each right has a Task and a Provenance.
    for (lines, expected, versions) in [
        ("99000010016005,990101,x,y,,\n", &met, 2 * 2),
        // The same of everyone: nothing is derived.
        ("99000010016005,990102,other,,,\n", &met, 0),
        ("99000010016005,,,,2027-03-11,\n", &open, 2 * 2),
        ("99000010016005,,,,2027-03-10,2027-03-10\n", &met, 2 * 2),
        // Another day that is not that of the act changes nothing either.
        ("99000010016005,,,,2027-03-01,2027-03-15\n", &met, 0),
        ("99000010016005,,,,,2027-03-09\n", &open, 2 * 2),
        ("", &open, 0),
    ] {
        assert_eq!(replace(&facade, lines), versions, "{lines}");
        assert_eq!(&statuses(&facade), expected, "{lines}");
        // What is written from now on goes by the same table.
        let mut plan = facade.get("CarePlan/cp-p").json();
        plan["title"] = lines.replace('\n', ";").into();
        if lines.is_empty() {
            plan["title"] = "none".into();
        }
        facade.put_ok(&plan);
        assert_eq!(&statuses(&facade), expected, "{lines}");
    }
}

#[test]
fn a_referral_counts_if_its_requester_was_a_practice_on_its_day() {
    let facade = planned();
    let mut referral = crate::support::people::referral("s", "p", "c-p", "2027-03-12");
    referral["requester"] = json!({ "reference": "Organization/unit" });
    facade.put_ok(&referral);
    let rights = || facade.search_all("Task?focus=ServiceRequest/s").len();
    assert_eq!(rights(), 0);
    replace(&facade, "99000010016005,,,,2027-03-13,\n");
    assert_eq!(rights(), 0);
    replace(&facade, "99000010016005,,,,2027-03-12,\n");
    assert_eq!(rights(), 1);
}

#[test]
fn a_file_that_changes_is_read_again_and_one_that_is_wrong_changes_nothing() {
    let facade = planned();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("practices.csv");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write(HEAD);
    let (mut file, table) = PracticeFile::open(&path).unwrap();
    assert_eq!(table.units(), 0);
    let mut look = || reload(facade.server(), &facade.context(), &mut file);
    let open = ["running", "running", "running"].map(str::to_owned);
    let met = ["met", "met", "running"].map(str::to_owned);
    look();
    assert_eq!(statuses(&facade), open);
    write(&format!("{HEAD}{SOR},,,,,\n"));
    look();
    assert_eq!(statuses(&facade), met);
    // Wrong in a line, wrong as a whole, gone: the table before stays.
    write(&format!("{HEAD}{SOR},,,,2027-13-01,\n"));
    look();
    assert_eq!(statuses(&facade), met);
    write("x");
    look();
    std::fs::remove_file(&path).unwrap();
    look();
    assert_eq!(statuses(&facade), met);
    write(HEAD);
    look();
    assert_eq!(statuses(&facade), open);
}

#[test]
fn a_start_is_refused_by_a_wrong_file_and_names_every_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("practices.csv");
    std::fs::write(&path, format!("{HEAD}1,,,,,\n{SOR},,,,,\n2,,,,,\n")).unwrap();
    let Err(refused) = PracticeFile::open(&path) else {
        panic!("expected to be refused")
    };
    assert!(refused.is_usage);
    assert!(
        refused.text.contains("line 2: ") && refused.text.contains("line 4: "),
        "{}",
        refused.text
    );
    let Err(missing) = PracticeFile::open(&folder.path().join("none.csv")) else {
        panic!("expected to be refused")
    };
    assert!(missing.text.contains("none.csv"), "{}", missing.text);
}
