//! A store that an older version of the program wrote gives, once this version has opened it, the
//! same Tasks as loading everything anew.
//!
//! `store-derivation-3.tar.gz` is the data folder of the version that derived by number 3, before
//! there were bookings, forecasts and records of receipt: some persons of the deadline cases with
//! their rights of 15 June 2028.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use flate2::read::GzDecoder;
use frist::interactions::upkeep::derivation;
use frist::interactions::upkeep::reindex::{self, ReindexFrom, Wish};
use serde_json::Value;

use super::{assert_recomputed_to_the_byte, live_tasks, said};
use crate::support::facade::Facade;

const WRITTEN_BEFORE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/it/rights/store-derivation-3.tar.gz"
);
const NOW: &str = "2028-06-16T10:00:00+02:00";

/// The types of everything that clients wrote.
const WRITTEN: &[&str] = &[
    "Organization",
    "PractitionerRole",
    "Patient",
    "Condition",
    "CarePlan",
    "ServiceRequest",
    "Encounter",
];

/// Returns the live Tasks of each person, without their versions and times.
fn all_said(facade: &Facade) -> BTreeMap<String, Vec<Value>> {
    let patients = facade.search_all("Patient?_count=200");
    let of_person = |patient: &Value| {
        let id = patient["id"].as_str().unwrap().to_owned();
        assert_recomputed_to_the_byte(facade, &id);
        let said = live_tasks(facade, &id).iter().map(said).collect();
        (id, said)
    };
    patients.iter().map(of_person).collect()
}

/// Checks that the worklists of all owners, which the older version did not keep in order, hold what
/// is found without them.
fn assert_lists_are_made(facade: &Facade) {
    let ids = |tasks: Vec<Value>| -> Vec<Value> {
        let id = |task: &Value| task["id"].clone();
        tasks.iter().map(id).collect()
    };
    let tasks = facade.search_all("Task?_count=200");
    let owners: BTreeSet<&str> = tasks
        .iter()
        .filter_map(|task| task["owner"]["reference"].as_str())
        .collect();
    assert!(owners.len() > 1, "{owners:?}");
    for owner in owners {
        let asked = format!("Task?owner={owner}&status=requested&_sort=due&_count=200");
        // Another criterion, that all meet, is answered without the list.
        let (listed, found) = (asked.clone(), format!("{asked}&_lastUpdated=gt2000-01-01"));
        assert_eq!(
            ids(facade.search_all(&listed)),
            ids(facade.search_all(&found))
        );
        let explained = facade.get(&format!("/fhir/{asked}&_explain=true")).text;
        assert!(
            explained.contains("by the list of owner and status"),
            "{explained}"
        );
    }
}

#[test]
fn a_store_of_an_older_version_gives_the_same_tasks_as_loading_everything_anew() {
    let folder = tempfile::tempdir().unwrap();
    let packed = File::open(WRITTEN_BEFORE).unwrap();
    tar::Archive::new(GzDecoder::new(packed))
        .unpack(folder.path())
        .unwrap();
    let old = Facade::over(folder, NOW);
    let stored = old.search_all("Task?_count=200");
    let before = stored
        .iter()
        .filter(|task| task.to_string().contains("kp-forecast"));
    assert_eq!(
        before.count(),
        0,
        "it was written before there were forecasts"
    );
    // As a start of the program does it.
    let watch = &mut |_: &_| Wish::GoOn;
    reindex::reindex(old.server(), &old.context(), ReindexFrom::Rest, watch).unwrap();
    old.advance(NOW);
    let done = derivation::bring_up_to_date(old.server(), &old.context()).unwrap();
    assert!(done.persons > 20 && done.versions > 10, "{done:?}");
    let resources: Vec<Value> = WRITTEN
        .iter()
        .flat_map(|name| old.search_all(&format!("{name}?_count=200")))
        .collect();
    let anew = Facade::at(NOW);
    let reply = anew.transaction(&resources.iter().collect::<Vec<_>>());
    assert!(reply.status.is_success(), "{}", reply.text);
    let (upgraded, loaded) = (all_said(&old), all_said(&anew));
    assert_eq!(upgraded, loaded);
    assert_lists_are_made(&old);
    let text = format!("{upgraded:?}");
    for what in ["kp-forecast", "unbooked", "statusReason"] {
        assert!(text.contains(what), "{what}");
    }
    let runs_on = upgraded
        .values()
        .flatten()
        .filter(|task| task["status"] == "requested" && task["statusReason"].is_object());
    assert!(runs_on.count() > 0, "a referral that was void runs on");
    // Once is enough.
    let again = derivation::bring_up_to_date(old.server(), &old.context()).unwrap();
    assert_eq!(again.persons, 0);
}
