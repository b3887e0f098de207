//! The invented population goes through the same door as any client's data, and shows everything
//! there is to see.

use std::collections::BTreeSet;

use frist::deadlines::{BusinessStatus, Right};
use frist::demo::Population;
use jiff::civil::date;

use super::{business_status, live_tasks};
use crate::support::facade::Facade;

#[test]
fn the_invented_persons_are_all_accepted_and_show_every_status_of_every_right() {
    let facade = Facade::at("2027-03-01T09:00:00+01:00");
    let population = Population {
        size: 150,
        seed: 1,
        today: date(2027, 3, 1),
    };
    let stories = population.persons().flat_map(|story| story.bundles);
    for bundle in std::iter::once(Population::organizations()).chain(stories) {
        let reply = facade.post(&bundle);
        assert!(reply.status.is_success(), "{} {}", reply.status, reply.text);
    }
    let tasks = facade.search_all("Task?_count=200");
    let seen: BTreeSet<(String, &str)> = tasks
        .iter()
        .map(|task| {
            (
                task["code"]["coding"][1]["code"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
                business_status(task),
            )
        })
        .collect();
    let expected = Right::ALL.iter().flat_map(|right| {
        BusinessStatus::ALL
            .iter()
            .map(|status| (right.to_string(), status.code()))
    });
    assert_eq!(seen, expected.collect());
    for patient in facade.search_all("Patient?_count=200") {
        live_tasks(&facade, patient["id"].as_str().unwrap());
    }
}
