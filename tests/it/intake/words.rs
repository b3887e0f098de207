//! The words of reports: they equal the code systems of the guide, and each has a test that produces
//! it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use frist::intake::{IntakeFormat, IntakeOutcome, IntakeReason, RefusalKey};
use serde_json::Value;

use super::{NOW, diagnosis, document, lines, take};
use crate::support::facade::Facade;

#[test]
fn the_words_equal_the_code_systems_of_the_guide() {
    let codes = |name: &str| -> Vec<String> {
        let path = format!("profiles/package/CodeSystem-{name}.json");
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let system: Value = serde_json::from_str(&text).unwrap();
        let concepts = system["concept"].as_array().unwrap().iter();
        let codes = concepts.map(|concept| concept["code"].as_str().unwrap().to_owned());
        codes.collect()
    };
    let outcomes = IntakeOutcome::ALL.iter().map(|outcome| outcome.code());
    assert_eq!(outcomes.collect::<Vec<_>>(), codes("kp-intake-outcome"));
    let reasons = IntakeReason::ALL.iter().map(|reason| reason.code());
    assert_eq!(reasons.collect::<Vec<_>>(), codes("kp-intake-reason"));
    let formats = IntakeFormat::ALL.iter().map(|format| format.code());
    assert_eq!(formats.collect::<Vec<_>>(), codes("kp-intake"));
}

#[test]
fn each_outcome_and_reason_stands_in_a_test_and_in_the_guide_for_senders() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests: String = fs::read_dir(root.join("tests/it/intake"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let guide = fs::read_to_string(root.join("docs/senders.md")).unwrap();
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let words = |text: &str| -> BTreeSet<String> {
        text.split(|letter| !is_word(letter))
            .map(str::to_owned)
            .collect()
    };
    let (tests, guide) = (told(&tests), words(&guide));
    let outcomes = IntakeOutcome::ALL.iter().map(|outcome| outcome.code());
    let reasons = IntakeReason::ALL.iter().map(|reason| reason.code());
    for code in outcomes.chain(reasons) {
        assert!(
            guide.contains(code),
            "docs/senders.md does not tell of {code}"
        );
        assert!(tests.contains(code), "no test produces {code}");
    }
    for key in RefusalKey::ALL {
        assert!(
            guide.contains(key.code()),
            "docs/senders.md does not tell of {}",
            key.code()
        );
    }
}

/// Returns what lines of reports say in the texts of tests: in one pair of quotes an outcome, and the
/// words after it.
fn told(tests: &str) -> BTreeSet<String> {
    let outcomes: BTreeSet<&str> = IntakeOutcome::ALL.iter().map(|one| one.code()).collect();
    // The table of municipal reports writes `created` and what goes with it so.
    let outcomes = outcomes.into_iter().chain(["CREATED"]);
    let outcomes: BTreeSet<&str> = outcomes.collect();
    let lines = tests.split(['"', '\n']).map(str::split_whitespace);
    let lines = lines.map(|line| line.skip_while(|word| !outcomes.contains(word)));
    lines.flatten().map(str::to_owned).collect()
}

#[test]
fn only_a_line_of_a_report_tells_a_reason() {
    let text = r#"{ "code": "x" } "Condition needs profile", the requester "needs", "left-out""#;
    let expected = ["left-out", "needs", "profile"].map(str::to_owned);
    assert_eq!(told(text), BTreeSet::from(expected));
}

/// The report on a list about a person whose number is none.
const PERSON_REFUSED: [&str; 4] = [
    "Composition left-out not-needed",
    "Patient needs profile",
    "Organization left-out nothing-of-the-packages",
    "Condition left-out person-not-known",
];

#[test]
fn nothing_is_taken_of_a_person_whom_the_profile_refuses() {
    let facade = Facade::at(NOW);
    let diagnoses = [diagnosis("c", "DJ449", "2027-02-21")];
    let mut bundle = document(1, "2027-02-22T10:00:00+01:00", &diagnoses);
    bundle["entry"][1]["resource"]["identifier"][0]["value"] = "9999999999".into();
    let reply = take(&facade, &bundle);
    assert_eq!(lines(&reply), PERSON_REFUSED);
    assert!(!reply.text.contains("9999999999"), "{}", reply.text);
    assert!(facade.get("_history").json()["entry"].is_null());
}
