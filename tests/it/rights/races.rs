//! Many writers at once: no Task is lost, none is stale, and nobody is left without a Patient
//! (reliability-and-security, "Consistency").

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use frist::fhir::names;
use serde_json::{Value, json};

use super::{
    assert_recomputed_to_the_byte, business_status, live_tasks, status, stored_tasks, versions,
};
use crate::support::facade::Facade;
use crate::support::people::{copd, encounter, patient, plan, practice, referral, region};

const NOW: &str = "2027-03-01T09:00:00Z";
const WRITERS: usize = 16;

/// Runs the writers at once, each on a thread of its own.
fn at_once(writers: usize, write: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(writers);
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let (barrier, write) = (&barrier, &write);
            scope.spawn(move || {
                barrier.wait();
                write(writer);
            });
        }
    });
}

/// Makes a practice without its ydernummer.
fn unnumbered(id: &str) -> Value {
    let mut practice = practice(id);
    practice["identifier"].as_array_mut().unwrap().truncate(1);
    practice
}

fn with_identifier(mut resource: Value, value: &str) -> Value {
    resource["identifier"] = json!([{ "system": "https://ehr.test/id", "value": value }]);
    resource
}

#[test]
fn sixteen_writers_on_one_person_lose_no_task() {
    let facade = Facade::at(NOW);
    facade.transaction(&[
        &practice("gp"),
        &region("region"),
        &patient("p"),
        &copd("c", "p", "2027-02-01"),
    ]);
    // Each writer: a referral with its first meeting, in either order; every fourth one a plan, the
    // one that counts is the earliest.
    at_once(WRITERS, |writer| {
        let referral = referral(&format!("s{writer}"), "p", "c", "2027-02-10");
        let encounter = encounter(
            &format!("e{writer}"),
            "p",
            &format!("s{writer}"),
            "2027-02-20",
        );
        let in_order = if writer % 2 == 0 {
            [&referral, &encounter]
        } else {
            [&encounter, &referral]
        };
        in_order
            .into_iter()
            .for_each(|resource| drop(facade.put_ok(resource)));
        if writer % 4 == 0 {
            facade.put_ok(&plan(
                &format!("p{writer}"),
                "p",
                "c",
                &format!("2027-02-{:02}", 28 - writer),
            ));
        }
    });
    let live = live_tasks(&facade, "p");
    assert_eq!(live.len(), WRITERS + 1);
    assert!(live.iter().all(|task| status(task) == "completed/met"));
    let for_plan = live
        .iter()
        .find(|task| task["focus"]["reference"] == "Condition/c")
        .unwrap();
    assert_eq!(for_plan["executionPeriod"]["end"], "2027-02-16");
    assert_recomputed_to_the_byte(&facade, "p");
    assert_every_version_has_its_provenance(&facade, "p");
}

fn assert_every_version_has_its_provenance(facade: &Facade, patient: &str) {
    for task in stored_tasks(facade, patient).values() {
        let found = facade.search_all(&format!(
            "Provenance?target=Task/{}",
            task["id"].as_str().unwrap()
        ));
        let targets: BTreeSet<String> = found
            .iter()
            .map(|provenance| {
                provenance["target"][0]["reference"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        let address = |version: &Value| {
            format!(
                "Task/{}/_history/{}",
                version["id"].as_str().unwrap(),
                version["meta"]["versionId"].as_str().unwrap()
            )
        };
        assert_eq!(
            targets,
            versions(facade, task).iter().map(address).collect()
        );
        assert_eq!(targets.len(), found.len());
    }
}

#[test]
fn a_practice_that_gets_and_loses_its_ydernummer_while_plans_come_in_leaves_no_stale_task() {
    let facade = Facade::at(NOW);
    facade.put_ok(&unnumbered("gp"));
    facade.put_ok(&json!({ "resourceType": "PractitionerRole", "id": "role" }));
    let persons: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
    for person in &persons {
        facade.transaction(&[
            &patient(person),
            &copd(&format!("c-{person}"), person, "2027-02-01"),
        ]);
    }
    let in_role = json!({ "resourceType": "PractitionerRole", "id": "role", "organization": { "reference": "Organization/gp" } });
    at_once(persons.len() + 2, |writer| match persons.get(writer) {
        Some(person) => {
            let mut plan = plan(
                &format!("plan-{person}"),
                person,
                &format!("c-{person}"),
                "2027-02-20",
            );
            if writer % 2 == 0 {
                plan["author"]["reference"] = "PractitionerRole/role".into();
            }
            facade.put_ok(&plan);
            facade.put_ok(&with_identifier(plan, "again"));
        }
        None if writer == persons.len() => {
            for practice in [practice("gp"), unnumbered("gp"), practice("gp")] {
                facade.put_ok(&practice);
            }
        }
        None => drop(facade.put_ok(&in_role)),
    });
    for person in &persons {
        let live = live_tasks(&facade, person);
        assert_eq!(
            live.iter().map(status).collect::<Vec<_>>(),
            ["completed/met"],
            "{person}"
        );
        assert_recomputed_to_the_byte(&facade, person);
    }
}

/// Makes a diagnosis whose plan is postponed, with no end in sight: each day moves the net due
/// date.
fn postponed(id: &str, patient: &str) -> Value {
    let mut condition = copd(id, patient, "2027-02-01");
    condition["extension"] = json!([{ "url": names::EXT_POSTPONEMENT, "extension": [
        { "url": "period", "valuePeriod": { "start": "2027-02-25" } },
        { "url": "reason", "valueCode": "clinical" },
    ] }]);
    condition
}

#[test]
fn a_practice_with_many_persons_gets_its_change_through_while_others_write_without_end() {
    let facade = Facade::at(NOW);
    facade.put_ok(&practice("gp"));
    let persons: Vec<String> = (0..40).map(|number| format!("p{number}")).collect();
    let of_person = |person: &String| {
        let condition = format!("c-{person}");
        [
            patient(person),
            copd(&condition, person, "2027-02-01"),
            plan(&format!("plan-{person}"), person, &condition, "2027-02-20"),
        ]
    };
    let all: Vec<Value> = persons.iter().flat_map(of_person).collect();
    assert!(
        facade
            .transaction(&all.iter().collect::<Vec<_>>())
            .status
            .is_success()
    );
    let is_through = AtomicBool::new(false);
    at_once(5, |writer| {
        if writer == 0 {
            let reply = facade.put(&unnumbered("gp"));
            is_through.store(true, Ordering::SeqCst);
            assert!(reply.status.is_success(), "{} {}", reply.status, reply.text);
            return;
        }
        for (round, person) in persons.iter().cycle().skip(writer * 10).enumerate() {
            if is_through.load(Ordering::SeqCst) {
                return;
            }
            let condition = copd(&format!("c-{person}"), person, "2027-02-01");
            facade.put_ok(&with_identifier(condition, &format!("{writer}-{round}")));
        }
    });
    for person in &persons {
        let live = live_tasks(&facade, person);
        assert_eq!(
            live.iter().map(status).collect::<Vec<_>>(),
            ["requested/due-soon"],
            "{person}"
        );
    }
}

#[test]
fn the_calendar_making_up_for_days_and_writers_agree() {
    let facade = Facade::at(NOW);
    facade.transaction(&[&practice("gp"), &region("region")]);
    let persons: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
    for person in &persons {
        facade.transaction(&[&patient(person), &postponed(&format!("c-{person}"), person)]);
    }
    // Ten days of downtime are made up for while clients write already.
    facade.set_clock("2027-03-11T09:00:00Z");
    at_once(persons.len(), |writer| {
        if writer == 0 {
            facade.advance("2027-03-11T09:00:00Z");
        } else {
            let person = &persons[writer];
            facade.put_ok(&referral(
                &format!("s-{person}"),
                person,
                &format!("c-{person}"),
                "2027-03-11",
            ));
        }
    });
    let expected: Vec<String> = [
        "postponed-clinical 2027-03-01T09:00:00",
        "postponed-clinical 2027-03-01T23:00:00",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain((2..=10).map(|day| {
        format!(
            "{} 2027-03-{day:02}T23:00:00",
            if day < 3 {
                "postponed-clinical"
            } else {
                "overdue"
            }
        )
    }))
    .collect();
    for person in &persons {
        let live = live_tasks(&facade, person);
        let for_plan = live
            .iter()
            .find(|task| task["focus"]["reference"] == format!("Condition/c-{person}"))
            .unwrap();
        let found: Vec<String> = versions(&facade, for_plan)
            .iter()
            .map(|task| {
                format!(
                    "{} {}",
                    business_status(task),
                    &task["lastModified"].as_str().unwrap()[..19]
                )
            })
            .collect();
        assert_eq!(found, expected, "{person}");
    }
}

#[test]
fn a_patient_is_not_deleted_while_something_is_written_about_them() {
    let facade = Facade::at(NOW);
    for round in 0..30 {
        let (person, condition) = (
            format!("p{round}"),
            copd(&format!("c{round}"), &format!("p{round}"), "2027-02-01"),
        );
        facade.put_ok(&patient(&person));
        let path = format!("Patient/{person}");
        at_once(2, |writer| {
            let reply = if writer == 0 {
                facade.send("DELETE", &path, &[], "")
            } else {
                facade.put(&condition)
            };
            let possible = [
                StatusCode::NO_CONTENT,
                StatusCode::CREATED,
                StatusCode::CONFLICT,
                StatusCode::UNPROCESSABLE_ENTITY,
            ];
            assert!(
                possible.contains(&reply.status),
                "{} {}",
                reply.status,
                reply.text
            );
        });
        let patient_is_there = facade.get(&path).status == StatusCode::OK;
        let condition_is_there =
            facade.get(&format!("Condition/c{round}")).status == StatusCode::OK;
        assert_eq!(patient_is_there, condition_is_there, "round {round}");
    }
}
