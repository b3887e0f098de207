//! Rules that change: a new version moves no clock that had started, and rules that are other ones
//! than when the server last ran derive everyone's rights anew (deadline-rules, section 1).

use frist::deadlines::Rules;
use frist::interactions::upkeep::derivation;
use serde_json::{Value, json};

use super::{live_tasks, status, stored_tasks};
use crate::support::facade::Facade;
use crate::support::people::{copd, patient, practice, referral, region};
use crate::support::rules::{RuleSpec, START_IN_14_DAYS};

fn rules_with(additional: &[RuleSpec<'_>]) -> Rules {
    let definitions: Vec<Value> = additional.iter().map(RuleSpec::plan_definition).collect();
    Rules::shipped()
        .clone()
        .with(Rules::from_plan_definitions(&definitions).unwrap())
}

/// Returns `due version` of each live Task.
fn due_dates(facade: &Facade) -> Vec<String> {
    let line = |task: &Value| {
        let (_, version) = task["instantiatesCanonical"]
            .as_str()
            .unwrap()
            .split_once('|')
            .unwrap();
        format!(
            "{} {version}",
            task["restriction"]["period"]["end"].as_str().unwrap()
        )
    };
    live_tasks(facade, "p").iter().map(line).collect()
}

fn filled(facade: &Facade) {
    let reply = facade.transaction(&[
        &practice("gp"),
        &region("region"),
        &patient("p"),
        &copd("c", "p", "2019-05-05"),
        &referral("before", "p", "c", "2028-12-31"),
        &referral("after", "p", "c", "2029-01-01"),
    ]);
    assert!(reply.status.is_success(), "{}", reply.text);
}

#[test]
fn a_later_version_counts_for_the_clocks_that_start_under_it() {
    // Example 12.
    let facade = Facade::with_rules("2029-01-02T10:00:00Z", rules_with(&[START_IN_14_DAYS]));
    filled(&facade);
    assert_eq!(
        due_dates(&facade),
        ["2029-01-15 2029.1", "2029-01-21 2027.1"]
    );
}

#[test]
fn a_server_that_starts_with_other_rules_derives_the_rights_anew() {
    let facade = Facade::at("2029-01-02T10:00:00Z");
    let (old, new) = (
        [RuleSpec {
            days: 21,
            ..START_IN_14_DAYS
        }
        .plan_definition()],
        [START_IN_14_DAYS.plan_definition()],
    );
    facade.install(&old);
    filled(&facade);
    assert_eq!(
        due_dates(&facade),
        ["2029-01-22 2027.1", "2029-01-21 2027.1"]
    );
    let facade = facade.restart_with("2029-01-03T10:00:00Z", rules_with(&[START_IN_14_DAYS]));
    let bring_up_to_date =
        |facade: &Facade| derivation::bring_up_to_date(facade.server(), &facade.context()).unwrap();
    let done = bring_up_to_date(&facade);
    assert_eq!((done.persons, done.versions), (1, 2));
    assert_eq!(
        due_dates(&facade),
        ["2029-01-15 2029.1", "2029-01-21 2027.1"]
    );
    assert_eq!(
        bring_up_to_date(&facade).persons,
        0,
        "the rights are derived by these rules already"
    );
    facade.install(&new);
    let stored = facade.search_all("PlanDefinition?version=2029.1");
    assert_eq!(
        stored[0]["extension"][0]["extension"][1]["valueInteger"],
        json!(14)
    );
    // Back to the old rules and forth again: each time what is stored was derived by other ones.
    let facade = facade.restart_with(
        "2029-01-03T11:00:00Z",
        rules_with(&[RuleSpec {
            days: 21,
            ..START_IN_14_DAYS
        }]),
    );
    assert_eq!(bring_up_to_date(&facade).versions, 2);
    assert_eq!(
        due_dates(&facade),
        ["2029-01-22 2029.1", "2029-01-21 2027.1"]
    );
    let facade = facade.restart_with("2029-01-03T12:00:00Z", rules_with(&[START_IN_14_DAYS]));
    assert_eq!(bring_up_to_date(&facade).versions, 2);
    // The timers are those of the new due dates.
    facade.advance("2029-01-16T10:00:00Z");
    let overdue: Vec<Value> = stored_tasks(&facade, "p")
        .into_values()
        .filter(|task| status(task) == "requested/overdue")
        .collect();
    assert_eq!(
        overdue
            .iter()
            .map(|task| &task["focus"]["reference"])
            .collect::<Vec<_>>(),
        ["ServiceRequest/after"]
    );
}

#[test]
fn a_rule_of_the_same_version_replaces_the_shipped_one_under_whatever_url() {
    let mut own = RuleSpec {
        version: "2027.1",
        start: "2027-01-01",
        days: 10,
        ..START_IN_14_DAYS
    }
    .plan_definition();
    own["url"] = json!("https://region.test/rules/copd-start");
    let rules = Rules::shipped()
        .clone()
        .with(Rules::from_plan_definitions(&[own]).unwrap());
    assert_eq!(rules.iter().count(), Rules::shipped().iter().count());
    let facade = Facade::with_rules("2029-01-02T10:00:00Z", rules);
    filled(&facade);
    assert_eq!(
        due_dates(&facade),
        ["2029-01-11 2027.1", "2029-01-10 2027.1"]
    );
}

#[test]
fn a_rule_that_is_taken_away_takes_its_rights_away() {
    let facade = Facade::at("2027-03-01T10:00:00Z");
    facade.transaction(&[
        &practice("gp"),
        &patient("p"),
        &copd("c", "p", "2027-03-01"),
    ]);
    let facade = facade.restart_with("2027-03-01T11:00:00Z", Rules::default());
    derivation::bring_up_to_date(facade.server(), &facade.context()).unwrap();
    let task = stored_tasks(&facade, "p").into_values().next().unwrap();
    assert_eq!(
        (status(&task).as_str(), &task["lastModified"]),
        (
            "cancelled/not-applicable",
            &json!("2027-03-01T11:00:00.000000Z")
        )
    );
}
