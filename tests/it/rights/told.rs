//! A write says what it did to rights, or why nothing: in its outcome, in a header, and for a whole
//! person by `$rights`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::facade::{Facade, Reply};
use crate::support::people::{booking, copd, encounter, patient, plan, practice, referral, region};

const NOW: &str = "2027-03-01T09:00:00+01:00";

fn clinic() -> Facade {
    let facade = Facade::at(NOW);
    for resource in [practice("gp"), region("region")] {
        facade.put_ok(&resource);
    }
    facade
}

/// Sends a write, and asks for its findings.
fn put(facade: &Facade, resource: &Value) -> Reply {
    let text = |name: &str| resource[name].as_str().unwrap().to_owned();
    let path = format!("{}/{}", text("resourceType"), text("id"));
    let prefer = [("prefer", "return=OperationOutcome")];
    facade.send("PUT", &path, &prefer, resource.to_string())
}

/// Returns the texts of the findings at warning level.
fn texts(outcome: &Value) -> Vec<String> {
    let issues = outcome["issue"].as_array().into_iter().flatten();
    let warnings = issues.filter(|issue| issue["severity"] == "warning");
    warnings
        .map(|issue| issue["details"]["text"].as_str().unwrap().to_owned())
        .collect()
}

fn with(mut resource: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        resource[name] = value.clone();
    }
    resource
}

fn status(code: &str) -> Value {
    json!({ "verificationStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": code }] } })
}

/// A case: what is stored of the person, what is written, the reason in the header, and a part of
/// the finding.
struct Case {
    stored: Vec<Value>,
    written: Value,
    reason: &'static str,
    text: &'static str,
}

fn case(stored: &[&Value], written: Value, reason: &'static str, text: &'static str) -> Case {
    let stored = stored.iter().map(|resource| (*resource).clone()).collect();
    Case {
        stored,
        written,
        reason,
        text,
    }
}

/// The cases about diagnoses and plans of person `p`.
fn of_plans() -> Vec<Case> {
    let c = copd("c", "p", "2027-02-20");
    let unsure = with(copd("u", "p", "2027-02-20"), status("provisional"));
    let old = copd("o", "p", "2026-05-01");
    let cp = plan("cp", "p", "c", "2027-02-25");
    let by_region = json!({ "author": { "reference": "Organization/region" } });
    vec![
        case(
            &[],
            unsure.clone(),
            "not-confirmed",
            "starts no right: the diagnosis is not confirmed",
        ),
        case(
            &[],
            old.clone(),
            "no-rule",
            "starts no right: the first rule for copd (treatment-plan) begins 2027-01-01",
        ),
        case(
            &[&c],
            copd("d", "p", "2027-02-22"),
            "right-stands",
            "starts no right: the right to a treatment plan for copd began on 2027-02-20 already, with Condition/c",
        ),
        case(
            &[&c],
            with(cp.clone(), by_region),
            "no-practice",
            "stops no clock: the author is no general practice on the day of the plan (no ydernummer, no SOR type",
        ),
        case(
            &[&c],
            with(cp.clone(), json!({ "status": "draft" })),
            "not-in-force",
            "stops no clock: a plan of this status is not in force",
        ),
        case(
            &[&unsure],
            plan("cp", "p", "u", "2027-02-25"),
            "no-diagnosis",
            "stops no clock: Condition/u does not count: the diagnosis is not confirmed",
        ),
        case(
            &[],
            plan("cp", "p", "later", "2027-02-25"),
            "no-diagnosis",
            "stops no clock: Condition/later is no Condition that is stored of this person",
        ),
        case(
            &[&old],
            plan("cp", "p", "o", "2027-02-25"),
            "no-rule",
            "stops no clock: the first rule for copd",
        ),
        case(
            &[&c, &cp],
            plan("again", "p", "c", "2027-02-26"),
            "ended",
            "stops no clock: the clock of treatment-plan for copd was stopped on 2027-02-25 already, by CarePlan/cp",
        ),
        case(&[&c], c.clone(), "", ""),
        case(
            &[&c],
            with(c.clone(), json!({ "note": [{ "text": "x" }] })),
            "as-before",
            "changes no right: ",
        ),
    ]
}

/// The cases about referrals and what answers them.
fn of_referrals() -> Vec<Case> {
    let c = copd("c", "p", "2027-02-20");
    let unsure = with(copd("u", "p", "2027-02-20"), status("provisional"));
    let s = referral("s", "p", "c", "2027-02-22");
    let e = encounter("e", "p", "s", "2027-02-26");
    let by_region = json!({ "requester": { "reference": "Organization/region" } });
    let foreign = with(referral("s", "p", "c", "2027-02-22"), by_region);
    let clarifying = json!([{ "coding": [{ "system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-prevention-offer", "code": "clarifying-conversation" }] }]);
    let draft = with(s.clone(), json!({ "status": "draft" }));
    vec![
        case(
            &[&c],
            foreign.clone(),
            "no-practice",
            "starts no right: the requester of ServiceRequest/s is no general practice on 2027-02-22",
        ),
        case(
            &[&c],
            draft.clone(),
            "not-referred",
            "starts no right: a referral of this status does not count",
        ),
        case(
            &[&unsure],
            referral("s", "p", "u", "2027-02-22"),
            "no-group",
            "starts no right: ServiceRequest/s has no reason of a target group (Condition/u does not count: the diagnosis is not confirmed",
        ),
        case(
            &[&c],
            referral("s", "p", "c", "2026-02-22"),
            "no-rule",
            "starts no right: the first rule for copd (prevention-start) begins 2027-01-01",
        ),
        case(
            &[&c, &s],
            with(e.clone(), json!({ "status": "planned" })),
            "not-begun",
            "stops no clock: a contact of this status has not begun",
        ),
        case(
            &[&c, &s],
            with(e.clone(), json!({ "type": clarifying })),
            "clarifying",
            "stops no clock: a clarifying conversation is not the start",
        ),
        case(
            &[&c, &foreign],
            e.clone(),
            "no-practice",
            "stops no clock: the requester of ServiceRequest/s is no general practice",
        ),
        case(
            &[&c, &draft],
            e.clone(),
            "no-referral",
            "stops no clock: ServiceRequest/s does not count: a referral of this status",
        ),
        case(
            &[&c, &s, &e],
            encounter("f", "p", "s", "2027-02-27"),
            "ended",
            "stops no clock: the clock of prevention-start for copd was stopped on 2027-02-26 already, by Encounter/e",
        ),
    ]
}

/// The cases about bookings.
fn of_bookings() -> Vec<Case> {
    let c = copd("c", "p", "2027-02-20");
    let s = referral("s", "p", "c", "2027-02-22");
    let e = encounter("e", "p", "s", "2027-02-26");
    let by_region = json!({ "requester": { "reference": "Organization/region" } });
    let foreign = with(s.clone(), by_region);
    let draft = with(s.clone(), json!({ "status": "draft" }));
    let b = booking("b", "p", "s", "2027-03-05");
    vec![
        case(
            &[&c, &s],
            with(b.clone(), json!({ "status": "cancelled" })),
            "not-booked",
            "changes no forecast: an appointment of this status is no booking",
        ),
        case(
            &[&c, &s, &b],
            booking("d", "p", "s", "2027-03-06"),
            "later-booking",
            "changes no forecast: another booking, of 2027-03-05, comes before it",
        ),
        case(
            &[&c, &s, &e],
            b.clone(),
            "ended",
            "changes no forecast: the clock of prevention-start for copd was stopped on 2027-02-26 already",
        ),
        case(
            &[&c, &draft],
            b.clone(),
            "no-referral",
            "changes no forecast: ServiceRequest/s does not count",
        ),
        case(
            &[&c, &foreign],
            b.clone(),
            "no-practice",
            "changes no forecast: the requester of ServiceRequest/s is no general practice",
        ),
        case(
            &[&c, &s],
            booking("b", "p", "s", "2027-02-27"),
            "past",
            "changes no forecast: its day has passed",
        ),
    ]
}

/// Returns the resource with other ids, all of which end alike.
fn of_person(resource: &Value, at: usize) -> Value {
    let mut text = resource.to_string();
    for kind in [
        "Condition",
        "CarePlan",
        "ServiceRequest",
        "Encounter",
        "Appointment",
        "Patient",
    ] {
        for id in [
            "c", "d", "u", "o", "cp", "again", "s", "e", "f", "b", "p", "later",
        ] {
            let named = format!("\"{kind}/{id}\"");
            text = text.replace(&named, &format!("\"{kind}/{id}-x{at}\""));
        }
    }
    let mut resource: Value = text.parse().unwrap();
    let id = format!("{}-x{at}", resource["id"].as_str().unwrap());
    resource["id"] = id.into();
    resource
}

#[test]
fn each_write_without_effect_says_why() {
    let facade = clinic();
    let mut wrong = Vec::new();
    let cases = of_plans()
        .into_iter()
        .chain(of_referrals())
        .chain(of_bookings());
    for (at, case) in cases.enumerate() {
        facade.put_ok(&of_person(&patient("p"), at));
        for stored in &case.stored {
            facade.put_ok(&of_person(stored, at));
        }
        let reply = put(&facade, &of_person(&case.written, at));
        let told = texts(&reply.json());
        let text = |text: &str| text.replace(&format!("-x{at}"), "");
        let header = reply.header("frist-rights");
        let expected = match case.reason {
            "" => String::new(),
            reason => format!("none;reason={reason}"),
        };
        let is_told = case.text.is_empty() && told.is_empty()
            || told.iter().any(|one| text(one).starts_with(case.text));
        if !reply.status.is_success() || header != expected || !is_told {
            let status = reply.status;
            wrong.push(format!(
                "{at} {}: {status} {header} {told:?} {}",
                case.reason, reply.text
            ));
        }
        // The same is said in the answer to a transaction, and of the person as a whole.
        let all = facade.get(&format!("Patient/p-x{at}/$rights?_reasons=true"));
        let all = all.resources().pop().unwrap_or_default();
        let key = format!(
            "{}/{}",
            case.written["resourceType"].as_str().unwrap(),
            case.written["id"].as_str().unwrap()
        );
        let whole = format!("{key} {}", case.text);
        let is_reason = !matches!(case.reason, "" | "as-before");
        if is_reason && !texts(&all).iter().any(|one| text(one).starts_with(&whole)) {
            wrong.push(format!("{at} $rights: {all}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_write_says_what_it_starts_stops_moves_and_ends() {
    let facade = clinic();
    facade.put_ok(&patient("p"));
    let refuted = with(copd("c", "p", "2027-02-20"), status("entered-in-error"));
    for (resource, words, effect) in [
        (
            copd("c", "p", "2027-02-20"),
            "starts the right treatment-plan for copd: Task/",
            "starts;status=requested;business-status=running",
        ),
        (
            copd("c", "p", "2027-02-21"),
            "moves the due date of treatment-plan for copd: Task/",
            "moves;status=requested;business-status=running",
        ),
        (
            plan("cp", "p", "c", "2027-02-25"),
            "stops the clock of treatment-plan for copd: Task/",
            "stops;status=completed;business-status=met",
        ),
        (
            with(
                plan("cp", "p", "c", "2027-02-25"),
                json!({ "status": "entered-in-error" }),
            ),
            "opens again the right treatment-plan for copd: Task/",
            "reopens;status=requested;business-status=running",
        ),
        (
            refuted,
            "ends the right treatment-plan for copd: Task/",
            "ends;status=entered-in-error;business-status=void",
        ),
    ] {
        let reply = put(&facade, &resource);
        let told = texts(&reply.json());
        assert!(
            told.iter().any(|text| text.starts_with(words)),
            "{words}: {}",
            reply.text
        );
        let header = reply.header("frist-rights");
        assert!(
            header.starts_with("\"Task/") && header.contains(effect),
            "{header}"
        );
    }
    // A delete, and an answer that has no body.
    facade.put_ok(&copd("d", "p", "2027-02-20"));
    let deleted = facade.send("DELETE", "Condition/d", &[], "");
    assert_eq!(deleted.status, 204);
    assert!(
        deleted.header("frist-rights").contains(";effect=ends;"),
        "{}",
        deleted.header("frist-rights")
    );
    // Who reads is told nothing, and neither is who writes what is no matter of rights.
    assert_eq!(facade.get("Patient/p").header("frist-rights"), "");
    assert_eq!(facade.put_ok(&region("other")).header("frist-rights"), "");
}

#[test]
fn a_transaction_says_of_each_entry_what_it_did() {
    let facade = clinic();
    let unsure = with(copd("u", "p", "2027-02-20"), status("provisional"));
    let all = [
        patient("p"),
        copd("c", "p", "2027-02-20"),
        unsure,
        plan("cp", "p", "c", "2027-02-25"),
    ];
    let reply = facade.transaction(&all.iter().collect::<Vec<_>>());
    assert_eq!(reply.status, 200, "{}", reply.text);
    let answer = reply.json();
    let told = |at: usize| texts(&answer["entry"][at]["response"]["outcome"]).join("\n");
    assert!(
        told(1).contains("stops the clock of treatment-plan for copd"),
        "{}",
        told(1)
    );
    assert!(
        told(2).contains("starts no right: the diagnosis is not confirmed"),
        "{}",
        told(2)
    );
    assert!(
        told(3).contains("stops the clock of treatment-plan for copd"),
        "{}",
        told(3)
    );
    let header = reply.header("frist-rights");
    assert!(
        header.contains(";effect=stops;") && header.contains("none;reason=not-confirmed"),
        "{header}"
    );
    assert_eq!(header.matches("\"Task/").count(), 1, "{header}");
}

#[test]
fn what_a_patient_says_of_itself_is_told_to_who_writes_about_it() {
    let facade = clinic();
    facade.put_ok(&patient("q"));
    let replaced =
        json!({ "link": [{ "other": { "reference": "Patient/q" }, "type": "replaced-by" }] });
    for (id, changes, notice, text) in [
        (
            "p",
            replaced,
            "replaced-patient",
            "Patient/p is replaced by Patient/q",
        ),
        (
            "r",
            json!({ "active": false }),
            "inactive-patient",
            "Patient/r says that its record is not in use",
        ),
    ] {
        for resource in [
            with(patient(id), changes.clone()),
            copd(&format!("c-{id}"), id, "2027-02-20"),
        ] {
            let reply = put(&facade, &resource);
            assert!(reply.status.is_success(), "{}", reply.text);
            assert!(
                texts(&reply.json())
                    .iter()
                    .any(|told| told.starts_with(text)),
                "{}",
                reply.text
            );
            let header = reply.header("frist-rights");
            assert!(
                header.contains(&format!("notice;reason={notice}")),
                "{header}"
            );
        }
        // The right stands all the same.
        let rights = facade
            .get(&format!("Patient/{id}/$rights?_reasons=true"))
            .resources();
        assert_eq!(rights.len(), 2, "{rights:?}");
        assert!(texts(&rights[1])[0].starts_with(text), "{rights:?}");
    }
}

#[test]
fn two_patients_with_one_identifier_are_a_warning_always_or_refused() {
    let warned = clinic();
    warned.put_ok(&patient("p"));
    let plain = warned.put_ok(&patient("q"));
    assert!(
        plain
            .header("frist-rights")
            .contains("notice;reason=duplicate-patient")
    );
    let strict = Facade::refusing_duplicates(NOW);
    strict.put_ok(&practice("gp"));
    strict.put_ok(&patient("p"));
    let refused = strict.put(&patient("q"));
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert_eq!(refused.issues(), ["error duplicate Patient.identifier[0]"]);
    let mut other = patient("q");
    other["identifier"][0]["value"] = "0505550002".into();
    strict.put_ok(&other);
    // What came to be before can be mended.
    strict.put_ok(&with(patient("p"), json!({ "gender": "male" })));
}

#[test]
fn ten_digits_under_another_system_are_told() {
    let facade = clinic();
    for (system, value, is_told) in [
        ("urn:oid:1.2.208.176.1.2", "0707770004", false),
        ("https://ehr.test/id", "0405440001", true),
        ("https://ehr.test/id", "040544-0001", true),
        ("https://ehr.test/id", "9905440001", false),
        ("urn:oid:1.2.208.176.1.6.1.3.99", "0405440001", false),
    ] {
        let mut person = patient("p");
        person["identifier"] = json!([{ "system": "urn:oid:1.2.208.176.1.2", "value": "0707770004" }, { "system": system, "value": value }]);
        let reply = put(&facade, &person);
        let told = texts(&reply.json());
        let is_found = told
            .iter()
            .any(|text| text.starts_with("found ten digits that are a CPR number"));
        assert_eq!(is_found, is_told, "{system} {value}: {told:?}");
        assert!(!reply.text.contains("0405440001"), "{}", reply.text);
    }
}

/// Returns the versions of all Tasks.
fn tasks(facade: &Facade) -> BTreeMap<String, String> {
    let tasks = facade.search_all("Task?_count=200");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    tasks
        .iter()
        .map(|task| (text(&task["id"]), text(&task["meta"]["versionId"])))
        .collect()
}

/// Returns the Tasks that an answer says to have changed.
fn claimed(reply: &Reply) -> BTreeSet<String> {
    let items = reply.header("frist-rights").split(", ");
    let tasks = items.filter_map(|item| item.strip_prefix("\"Task/")?.split('"').next());
    tasks.map(str::to_owned).collect()
}

/// Numbers without a pattern, the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % count
    }

    fn resource(&mut self) -> Value {
        let id = ["a", "b"][self.below(2)];
        let person = ["p", "q"][self.below(2)];
        let day = ["2026-12-30", "2027-01-10", "2027-02-20", "2027-02-27"][self.below(4)];
        let name = format!("{id}-{person}");
        let other = format!("{}-{person}", ["a", "b"][self.below(2)]);
        let by = ["Organization/gp", "Organization/region"][self.below(2)];
        let by = json!({ "reference": by });
        let status_of_plan = ["active", "entered-in-error"][self.below(2)];
        match self.below(7) {
            0 => with(
                copd(&name, person, day),
                status(["confirmed", "provisional"][self.below(2)]),
            ),
            1 => with(
                plan(&name, person, &other, day),
                json!({ "author": by, "status": status_of_plan }),
            ),
            2 => with(
                referral(&name, person, &other, day),
                json!({ "requester": by }),
            ),
            3 => encounter(&name, person, &other, day),
            4 => booking(
                &name,
                person,
                &other,
                ["2027-03-02", "2027-03-09"][self.below(2)],
            ),
            5 => with(
                patient(person),
                json!({ "generalPractitioner": [by], "active": self.below(2) == 0 }),
            ),
            _ => practice(["gp", "region"][self.below(2)]),
        }
    }
}

#[test]
fn who_changes_tasks_says_so_and_who_does_not_never_does() {
    let facade = clinic();
    for person in ["p", "q"] {
        facade.put_ok(&patient(person));
    }
    let mut chance = Chance(7);
    let (mut changed, mut silent) = (0, 0);
    for step in 0..60 {
        let before = tasks(&facade);
        let resources: Vec<Value> = (0..1 + chance.below(3))
            .map(|_| chance.resource())
            .collect();
        let reply = match (resources.as_slice(), chance.below(6)) {
            ([one, ..], 0) => {
                let path = format!(
                    "{}/{}",
                    one["resourceType"].as_str().unwrap(),
                    one["id"].as_str().unwrap()
                );
                facade.send("DELETE", &path, &[], "")
            }
            ([one], _) => put(&facade, one),
            (several, _) => facade.transaction(&several.iter().collect::<Vec<_>>()),
        };
        let after = tasks(&facade);
        let moved = after
            .iter()
            .filter(|(id, version)| before.get(*id) != Some(*version));
        let moved: BTreeSet<String> = moved.map(|(id, _)| id.clone()).collect();
        assert_eq!(
            claimed(&reply),
            moved,
            "{step}: {resources:?}\n{} {}",
            reply.header("frist-rights"),
            reply.text
        );
        // And so does the outcome, where there is one.
        let told = reply.text.matches("Task/").count();
        let has_outcome = reply.status.is_success() && !reply.text.is_empty();
        assert!(
            !has_outcome || (told > 0) != moved.is_empty(),
            "{step}: {}",
            reply.text
        );
        if moved.is_empty() {
            silent += 1
        } else {
            changed += 1
        }
    }
    assert!(changed > 10 && silent > 10, "{changed} {silent}");
}
