//! The Task and its Provenance (deadline-rules, sections 5 and 6).

use frist::deadlines::{Group, PersonFacts};
use frist::deadlines::{
    Rights, Rules, TaskChange, derive, prevention_start_task_id, provenance, reconcile, task,
    treatment_plan_task_id,
};
use frist::fhir::{Id, ResourceKey, Version, names};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{person, rights};
use crate::support::deadline_cases;
use crate::support::person::*;

/// The elements of R4's Task that are used, in its order.
const ORDER: &[&str] = &[
    "resourceType",
    "id",
    "meta",
    "extension",
    "identifier",
    "instantiatesCanonical",
    "status",
    "statusReason",
    "businessStatus",
    "intent",
    "code",
    "focus",
    "for",
    "executionPeriod",
    "lastModified",
    "owner",
    "restriction",
    "input",
    "output",
];

/// Asserts what `kp-right-task` fixes (fhir-profiles, section 1).
#[track_caller]
pub(super) fn fits_the_profile(task: &Value) {
    let members: Vec<&String> = task.as_object().unwrap().keys().collect();
    let in_order: Vec<&&str> = ORDER
        .iter()
        .filter(|name| task.get(**name).is_some())
        .collect();
    assert_eq!(members, in_order);
    let codings = |concept: &Value| concept["coding"].as_array().cloned().unwrap_or_default();
    assert_eq!(task["meta"]["profile"], json!([names::PROFILE_RIGHT_TASK]));
    assert_eq!(task["identifier"].as_array().map(Vec::len), Some(1));
    assert_eq!(task["identifier"][0]["value"], task["id"]);
    assert!(
        task["instantiatesCanonical"]
            .as_str()
            .unwrap()
            .contains('|')
    );
    assert_eq!(
        codings(&task["businessStatus"])[0]["system"],
        names::CS_RIGHT_STATUS
    );
    assert_eq!(task["intent"], "order");
    assert_eq!(
        codings(&task["code"])[0],
        json!({ "system": names::TASK_CODE, "code": "fulfill" })
    );
    assert_eq!(codings(&task["code"])[1]["system"], names::CS_RIGHT);
    assert!(task["focus"]["reference"].is_string() && task["for"]["reference"].is_string());
    assert!(
        task["restriction"]["period"]["start"].is_string()
            && task["restriction"]["period"]["end"].is_string()
    );
    assert!(task["executionPeriod"]["start"].is_string());
    let inputs = task["input"].as_array().unwrap();
    let input_codes: Vec<Value> = inputs
        .iter()
        .flat_map(|input| codings(&input["type"]))
        .map(|coding| coding["code"].clone())
        .collect();
    let (always, own_gp) = input_codes.split_at(4);
    assert_eq!(always, ["clock-start", "days", "gross-due", "net-due"]);
    // There is something to verify once there is a plan, and from the beginning with a referral.
    let is_made = task["output"].is_array()
        || task["focus"]["reference"]
            .as_str()
            .is_some_and(|focus| focus.starts_with("ServiceRequest/"));
    let is_told = own_gp.first() == Some(&json!("own-gp"));
    let others: Vec<&Value> = own_gp.iter().skip(usize::from(is_told)).collect();
    let known = ["unit", "start-on", "start-attributed"];
    let in_order: Vec<&&str> = known
        .iter()
        .filter(|name| others.contains(&&json!(name)))
        .collect();
    assert_eq!(others, in_order, "{task}");
    assert_eq!(task["extension"][0]["url"], names::EXT_TARGET_GROUP);
    let is_owed = matches!(task["status"].as_str(), Some("requested" | "on-hold"));
    let has_forecast = task["extension"][1]["url"] == names::EXT_FORECAST;
    let is_start = codings(&task["code"])[1]["code"] == "prevention-start";
    assert_eq!(has_forecast, is_owed && is_start, "{task}");
    assert!(
        is_told == is_made || (is_told && task["status"] == "cancelled"),
        "{task}"
    );
}

fn at(instant: &str) -> Timestamp {
    instant.parse().unwrap()
}

/// Returns the changes for `Patient/p` on that day. What is stored carries a version, as the store
/// writes it.
fn changes(
    resources: &[Value],
    existing: &[Value],
    deleted: &[&str],
    day: &str,
) -> Vec<TaskChange> {
    let facts = deadline_cases::facts("p", resources);
    let rights = derive(&facts, Rules::shipped(), day.parse().unwrap());
    let deleted: Vec<ResourceKey> = deleted
        .iter()
        .map(|key| ResourceKey::parse(key).unwrap())
        .collect();
    let existing: Vec<Value> = existing.iter().cloned().map(stored).collect();
    let existing: Vec<&Value> = existing.iter().collect();
    reconcile(
        &[(&facts, &rights)],
        &existing,
        |key| deleted.contains(key),
        at("2027-06-01T10:00:00Z"),
    )
}

fn stored(mut content: Value) -> Value {
    content["meta"]["versionId"] = json!("4");
    content["meta"]["lastUpdated"] = json!("2027-03-01T08:00:00.000000Z");
    serde_json::from_str(&content.to_string()).unwrap()
}

fn contents(changes: Vec<TaskChange>) -> Vec<Value> {
    changes.into_iter().map(|change| change.content).collect()
}

fn statuses(task: &Value) -> String {
    format!(
        "{}/{}",
        task["status"].as_str().unwrap(),
        task["businessStatus"]["coding"][0]["code"]
            .as_str()
            .unwrap()
    )
}

#[test]
fn a_task_says_everything_that_the_rules_page_asks_for() {
    let resources = person(&[
        condition("c", "J44", "2027-03-01"),
        plan("q", &["c"], "2027-03-10"),
    ]);
    let clock = &rights(&resources, "2027-03-12").clocks[0];
    let base = names::CANONICAL_BASE;
    let input =
        |code: &str| json!({ "coding": [{ "system": names::CS_RIGHT_INPUT, "code": code }] });
    let id = clock.task_id.as_str();
    let expected = json!({
        "resourceType": "Task",
        "id": id,
        "meta": { "profile": [names::PROFILE_RIGHT_TASK] },
        "extension": [{ "url": names::EXT_TARGET_GROUP,
            "valueCodeableConcept": { "coding": [{ "system": names::CS_TARGET_GROUP, "code": "copd", "display": "KOL" }] } }],
        "identifier": [{ "system": format!("{base}/sid/right-task"), "value": id }],
        "instantiatesCanonical": format!("{base}/PlanDefinition/copd-treatment-plan|2027.1"),
        "status": "completed",
        "businessStatus": { "coding": [{ "system": names::CS_RIGHT_STATUS, "code": "met", "display": "Overholdt" }] },
        "intent": "order",
        "code": { "coding": [{ "system": names::TASK_CODE, "code": "fulfill" },
            { "system": names::CS_RIGHT, "code": "treatment-plan", "display": "Behandlingsplan" }] },
        "focus": { "reference": "Condition/c" },
        "for": { "reference": "Patient/p" },
        "executionPeriod": { "start": "2027-03-01", "end": "2027-03-10" },
        "lastModified": "2027-03-12T09:30:00.000000Z",
        "owner": { "reference": "Organization/gp" },
        "restriction": { "period": { "start": "2027-03-01", "end": "2027-03-31" } },
        "input": [
            { "type": input("clock-start"), "valueDate": "2027-03-01" },
            { "type": input("days"), "valueInteger": 30 },
            { "type": input("gross-due"), "valueDate": "2027-03-31" },
            { "type": input("net-due"), "valueDate": "2027-03-31" },
            { "type": input("own-gp"), "valueCode": "verified" },
        ],
        "output": [{ "type": { "text": "Fristen er stoppet af" }, "valueReference": { "reference": "CarePlan/q" } }],
    });
    let written = task(clock, at("2027-03-12T09:30:00Z"));
    fits_the_profile(&written);
    assert_eq!(written.to_string(), expected.to_string());
}

#[test]
fn task_ids_follow_from_what_the_clock_is_for_and_stay_for_ever() {
    let id = |text: &str| Id::parse(text).unwrap();
    assert_eq!(
        treatment_plan_task_id(&id("p"), Group::Copd).as_str(),
        "7ee5c78b-5d9e-5862-b050-7c4e0a05315b"
    );
    assert_eq!(
        prevention_start_task_id(&id("s")).as_str(),
        "206d674e-9b8b-594d-86f0-117aa3bec625"
    );
}

#[test]
fn a_task_is_written_once_and_again_only_when_its_content_changes() {
    let resources = person(&[condition("c", "J44", "2027-03-01")]);
    let first = contents(changes(&resources, &[], &[], "2027-03-01"));
    assert_eq!(
        first.iter().map(statuses).collect::<Vec<_>>(),
        ["requested/running"]
    );
    assert_eq!(
        changes(&resources, &first, &[], "2027-03-23"),
        [],
        "nothing changes before the warning"
    );
    let second = contents(changes(&resources, &first, &[], "2027-03-24"));
    assert_eq!(
        second.iter().map(statuses).collect::<Vec<_>>(),
        ["requested/due-soon"]
    );
    assert_eq!(second[0]["id"], first[0]["id"]);
    assert_eq!(
        second[0]["meta"],
        json!({ "profile": [names::PROFILE_RIGHT_TASK] })
    );
    assert_eq!(changes(&resources, &second, &[], "2027-03-24"), []);
}

#[test]
fn a_task_whose_clock_is_gone_says_why_and_comes_back_with_it() {
    let copd = || condition("c", "J44", "2027-03-01");
    let refuted = |code: &str| {
        let mut condition = copd();
        condition["verificationStatus"] = concept(names::CONDITION_VER_STATUS, code);
        person(&[condition])
    };
    let running = contents(changes(&person(&[copd()]), &[], &[], "2027-03-05"));
    for (name, resources, deleted, expected) in [
        ("refuted", refuted("refuted"), vec![], "cancelled/void"),
        (
            "entered in error",
            refuted("entered-in-error"),
            vec![],
            "entered-in-error/void",
        ),
        (
            "deleted",
            person(&[]),
            vec!["Condition/c"],
            "entered-in-error/void",
        ),
        (
            "moved to another person",
            person(&[]),
            vec![],
            "cancelled/void",
        ),
        (
            "not new",
            person(&[asserted(copd(), "2019-01-01")]),
            vec![],
            "cancelled/not-applicable",
        ),
        (
            "not new, by another diagnosis",
            person(&[copd(), condition("c0", "J44", "2019-01-01")]),
            vec![],
            "cancelled/not-applicable",
        ),
    ] {
        let gone = contents(changes(&resources, &running, &deleted, "2027-03-05"));
        assert_eq!(
            gone.iter().map(statuses).collect::<Vec<_>>(),
            [expected],
            "{name}"
        );
        let mut same = gone[0].clone();
        for element in ["status", "businessStatus", "lastModified"] {
            same[element] = running[0][element].clone();
        }
        assert_eq!(same, running[0], "{name}: everything else stays");
        assert_eq!(
            changes(&resources, &gone, &deleted, "2027-03-06"),
            [],
            "{name}: again"
        );
        let back = contents(changes(&person(&[copd()]), &gone, &[], "2027-03-05"));
        assert_eq!(back, running, "{name}: back");
    }
}

#[test]
fn an_earlier_root_has_a_task_of_its_own_and_the_later_ones_is_void() {
    let copd = condition("c", "J44", "2019-05-01");
    let later = replacing(referral("s2", "c", "2027-03-10"), "s1");
    let first = contents(changes(
        &person(&[copd.clone(), later.clone()]),
        &[],
        &[],
        "2027-03-12",
    ));
    let both = contents(changes(
        &person(&[copd, later, referral("s1", "c", "2027-03-01")]),
        &first,
        &[],
        "2027-03-12",
    ));
    let mut found: Vec<(Option<&str>, String)> = both
        .iter()
        .map(|task| (task["id"].as_str(), statuses(task)))
        .collect();
    found.sort_by_key(|(_, statuses)| statuses.clone());
    let id = |root: &str| prevention_start_task_id(&Id::parse(root).unwrap());
    let (old, new) = (id("s2"), id("s1"));
    assert_eq!(
        found,
        [
            (Some(old.as_str()), "cancelled/void".to_owned()),
            (Some(new.as_str()), "requested/running".to_owned())
        ]
    );
}

#[test]
fn a_referral_by_someone_else_than_a_practice_makes_its_task_not_applicable() {
    let copd = condition("c", "J44", "2019-05-01");
    let first = contents(changes(
        &person(&[copd.clone(), referral("s", "c", "2027-03-01")]),
        &[],
        &[],
        "2027-03-02",
    ));
    let mut by_hospital = referral("s", "c", "2027-03-01");
    by_hospital["requester"] = reference("Organization/hospital");
    let after = contents(changes(
        &person(&[copd, by_hospital]),
        &first,
        &[],
        "2027-03-02",
    ));
    assert_eq!(
        after.iter().map(statuses).collect::<Vec<_>>(),
        ["cancelled/not-applicable"]
    );
}

#[test]
fn a_referral_that_moves_to_another_person_takes_its_task_along() {
    let (copd, request) = (
        condition("c", "J44", "2019-05-01"),
        referral("s", "c", "2027-03-01"),
    );
    let first = contents(changes(
        &person(&[copd.clone(), request.clone()]),
        &[],
        &[],
        "2027-03-02",
    ));
    let read = |patient: &str, resources: &[Value]| -> (PersonFacts, Rights) {
        let facts = deadline_cases::facts(patient, resources);
        let rights = derive(&facts, Rules::shipped(), "2027-03-02".parse().unwrap());
        (facts, rights)
    };
    let (before, after) = (
        read("p", &person(&[])),
        read("other", &[gp(), copd, request]),
    );
    for people in [
        [(&before.0, &before.1), (&after.0, &after.1)],
        [(&after.0, &after.1), (&before.0, &before.1)],
    ] {
        let moved = contents(reconcile(
            &people,
            &[&first[0]],
            |_| false,
            at("2027-03-02T09:00:00Z"),
        ));
        assert_eq!(moved.len(), 1);
        assert_eq!(
            (statuses(&moved[0]), &moved[0]["for"]["reference"]),
            ("requested/running".to_owned(), &json!("Patient/other"))
        );
    }
}

#[test]
fn another_version_of_a_fact_that_says_the_same_writes_nothing() {
    let mut resources = person(&[condition("c", "J44", "2027-03-01")]);
    let first = contents(changes(&resources, &[], &[], "2027-03-02"));
    resources[3]["note"] = json!([{ "text": "ny" }]);
    resources[0]["name"] = json!([{ "family": "Andet" }]);
    assert_eq!(changes(&resources, &first, &[], "2027-03-02"), []);
}

#[test]
fn recomputing_gives_the_same_bytes_for_every_person() {
    for case in deadline_cases::all() {
        let Some(day) = case.expected.keys().next_back() else {
            continue;
        };
        let written = |resources: &[Value]| {
            let rights = derive(
                &deadline_cases::facts(&case.patient, resources),
                &case.rules(),
                day.parse().unwrap(),
            );
            let tasks = rights
                .clocks
                .iter()
                .map(|clock| task(clock, Timestamp::UNIX_EPOCH).to_string());
            (tasks.collect::<Vec<_>>(), rights.inputs)
        };
        let mut again = case.resources.clone();
        again.reverse();
        assert_eq!(written(&case.resources), written(&again), "{}", case.name);
    }
}

#[test]
fn the_provenance_names_the_versions_the_rule_and_the_day() {
    let resources = person(&[
        condition("c", "J44", "2027-03-01"),
        plan("q", &["c"], "2027-03-10"),
    ]);
    let change = &changes(&resources, &[], &[], "2027-03-12")[0];
    let inputs: Vec<String> = change
        .inputs
        .iter()
        .map(|(key, version)| format!("{key}/{version}"))
        .collect();
    assert_eq!(
        inputs,
        [
            "Patient/p/1",
            "Organization/gp/1",
            "Condition/c/1",
            "CarePlan/q/1"
        ]
    );
    let of = |version: u64| {
        let day = "2027-03-12".parse().unwrap();
        provenance(
            &change.content,
            Version(version),
            &change.inputs,
            day,
            at("2027-03-12T09:30:00Z"),
        )
    };
    let (first, second) = (of(1), of(2));
    assert_ne!(first["id"], second["id"]);
    assert_eq!(first, of(1));
    assert_eq!(
        first["target"],
        json!([{ "reference": format!("Task/{}/_history/1", change.id) }])
    );
    assert_eq!(
        (
            first["occurredDateTime"].as_str(),
            first["recorded"].as_str()
        ),
        (Some("2027-03-12"), Some("2027-03-12T09:30:00.000000Z"))
    );
    assert_eq!(
        first["policy"],
        json!([change.content["instantiatesCanonical"]])
    );
    assert_eq!(
        first["entity"][2],
        json!({ "role": "source", "what": { "reference": "Condition/c/_history/1" } })
    );
    assert_eq!(
        (
            &first["activity"]["coding"][0]["code"],
            &second["activity"]["coding"][0]["code"]
        ),
        (&json!("CREATE"), &json!("UPDATE"))
    );
}
