//! The stored Tasks never depend on the order in which resources arrived, on how they were bundled,
//! or on what stood there before (deadline-rules, section 7).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use frist::deadlines::GroupTable;
use frist::fhir::{Issue, Resource};
use frist::validation::{self, CheckContext};
use jiff::civil::Date;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{assert_recomputed_to_the_byte, live_tasks, said};
use crate::support::deadline_cases::{self, DeadlineCase};
use crate::support::facade::{Facade, Reply, guide_validator};

/// The persons of the cases that use the shipped rules.
pub(super) static CASES: LazyLock<Vec<DeadlineCase>> = LazyLock::new(|| {
    deadline_cases::all()
        .into_iter()
        .filter(|case| case.plan_definitions.is_empty())
        .collect()
});

/// One resource on its way, perhaps in another state than the one that it ends in.
#[derive(Clone)]
enum Arrival {
    Put(Value),
    Delete(String),
}

impl Arrival {
    fn key(&self) -> String {
        match self {
            Arrival::Put(resource) => key(resource),
            Arrival::Delete(key) => key.clone(),
        }
    }

    fn entry(&self) -> Value {
        match self {
            Arrival::Put(resource) => {
                json!({ "resource": resource, "request": { "method": "PUT", "url": key(resource) } })
            }
            Arrival::Delete(key) => json!({ "request": { "method": "DELETE", "url": key } }),
        }
    }
}

fn key(resource: &Value) -> String {
    format!(
        "{}/{}",
        resource["resourceType"].as_str().unwrap(),
        resource["id"].as_str().unwrap()
    )
}

/// Returns the resources of these persons that can be written on that day, each once, by key: the
/// others are dated later. A death is not known before it happened.
pub(super) fn written_by(cases: &[usize], today: Date) -> BTreeMap<String, Value> {
    let why_no_group = |condition: &Value| GroupTable::shipped().why_no_group(condition);
    let validator = guide_validator();
    let context = CheckContext {
        validator: &validator,
        profiles: &[],
        now: frist::fhir::start_of_day(today),
        why_no_group: &why_no_group,
    };
    let can_be_written = |resource: &Value| {
        !validation::check(&Resource::made(resource.clone()), &context)
            .iter()
            .any(Issue::refuses)
    };
    let mut resources: Vec<Value> = cases
        .iter()
        .flat_map(|case| &CASES[*case].resources)
        .cloned()
        .collect();
    for patient in resources
        .iter_mut()
        .filter(|resource| resource["resourceType"] == "Patient" && !can_be_written(resource))
    {
        patient
            .as_object_mut()
            .unwrap()
            .shift_remove("deceasedDateTime");
    }
    resources.retain(can_be_written);
    resources
        .into_iter()
        .map(|resource| (key(&resource), resource))
        .collect()
}

/// Returns the resource in a state that it had before, as its system sent it then.
fn earlier(resource: &Value) -> Value {
    let mut earlier = resource.clone();
    match resource["resourceType"].as_str().unwrap() {
        "Condition" => earlier["verificationStatus"]["coding"][0]["code"] = "provisional".into(),
        "CarePlan" | "ServiceRequest" => earlier["status"] = "draft".into(),
        "Encounter" => earlier["status"] = "planned".into(),
        "Appointment" => earlier["status"] = "proposed".into(),
        "Organization" => earlier["identifier"].as_array_mut().unwrap().truncate(1),
        "PractitionerRole" => {
            earlier["organization"] = json!({ "reference": "Organization/hospital" })
        }
        "Patient" => drop(
            earlier
                .as_object_mut()
                .unwrap()
                .shift_remove("generalPractitioner"),
        ),
        other => panic!("no such type in the cases: {other}"),
    }
    earlier
}

/// Lists the arrivals of one resource: as it is; after an earlier state; or after it was there, and
/// deleted again.
fn arrivals(resource: &Value, history: u8) -> Vec<Arrival> {
    let put = |value: &Value| Arrival::Put(value.clone());
    match (history, resource["resourceType"] == "Patient") {
        (0..=5, _) | (8.., true) => vec![put(resource)],
        (6..=7, _) => vec![put(&earlier(resource)), put(resource)],
        (8.., false) => vec![put(resource), Arrival::Delete(key(resource)), put(resource)],
    }
}

/// Some persons, a day, and a way for everything about them to arrive.
#[derive(Debug)]
struct Plan {
    cases: Vec<usize>,
    today: Date,
    /// For each resource (by key, as far as there are so many): how it arrives.
    histories: Vec<u8>,
    /// The resources whose turn it is, again and again.
    turns: Vec<usize>,
    /// The number of arrivals that share a transaction; 1 for a write of its own.
    splits: Vec<usize>,
}

fn plan() -> impl Strategy<Value = Plan> {
    // A day on which something is asked of one of the persons; not the first ones, on which nothing
    // has happened.
    let day = |cases: &[usize], at: prop::sample::Index| -> Date {
        let days: Vec<&String> = cases
            .iter()
            .flat_map(|case| CASES[*case].expected.keys().skip(4))
            .collect();
        at.get(&days).parse().unwrap()
    };
    (
        prop::collection::btree_set(0..CASES.len(), 2..5),
        any::<prop::sample::Index>(),
        prop::collection::vec(0_u8..10, 60),
        prop::collection::vec(any::<usize>(), 60),
        prop::collection::vec(1_usize..9, 60),
    )
        .prop_map(move |(cases, at, histories, turns, splits)| {
            let cases: Vec<usize> = cases.into_iter().collect();
            Plan {
                today: day(&cases, at),
                cases,
                histories,
                turns,
                splits,
            }
        })
}

impl Plan {
    fn facade(&self) -> Facade {
        Facade::at(&format!("{}T11:00:00Z", self.today))
    }

    fn patients(&self) -> impl Iterator<Item = &str> {
        self.cases.iter().map(|case| CASES[*case].patient.as_str())
    }

    /// Returns the transactions: each person's Patient comes before what is about the person, all
    /// else in any order.
    fn transactions(&self, resources: &BTreeMap<String, Value>) -> Vec<Vec<Arrival>> {
        let mut waiting: Vec<Vec<Arrival>> = resources
            .values()
            .zip(self.histories.iter().cycle())
            .map(|(resource, history)| arrivals(resource, *history))
            .collect();
        let mut arrived = BTreeSet::new();
        let mut order: Vec<Arrival> = Vec::new();
        let mut turns = self.turns.iter().cycle();
        while !waiting.is_empty() {
            let may_come = |next: &Arrival| match next {
                Arrival::Put(resource) => {
                    [&resource["subject"], &resource["participant"][0]["actor"]]
                        .iter()
                        .filter_map(|person| person["reference"].as_str())
                        .all(|patient| arrived.contains(patient))
                }
                Arrival::Delete(_) => true,
            };
            let possible: Vec<usize> = (0..waiting.len())
                .filter(|at| may_come(&waiting[*at][0]))
                .collect();
            let at = possible[turns.next().unwrap() % possible.len()];
            let next = waiting[at].remove(0);
            arrived.insert(next.key());
            order.push(next);
            waiting.retain(|of_resource| !of_resource.is_empty());
        }
        let mut transactions: Vec<Vec<Arrival>> = vec![Vec::new()];
        let mut splits = self.splits.iter().cycle();
        let mut room = *splits.next().unwrap();
        for arrival in order {
            let last = transactions.last_mut().unwrap();
            // A transaction names each resource once.
            if room == 0 || last.iter().any(|other| other.key() == arrival.key()) {
                room = *splits.next().unwrap();
                transactions.push(vec![arrival]);
            } else {
                last.push(arrival);
            }
            room = room.saturating_sub(1);
        }
        transactions
    }
}

fn send(facade: &Facade, arrivals: &[Arrival]) {
    let reply = sent(facade, arrivals);
    // What others refer to already stays: it is only deleted again if it came before them.
    if reply.status == 409
        && arrivals
            .iter()
            .any(|arrival| matches!(arrival, Arrival::Delete(_)))
    {
        let puts: Vec<Arrival> = arrivals
            .iter()
            .filter(|arrival| matches!(arrival, Arrival::Put(_)))
            .cloned()
            .collect();
        if !puts.is_empty() {
            send(facade, &puts);
        }
        return;
    }
    assert!(reply.status.is_success(), "{} {}", reply.status, reply.text);
}

fn sent(facade: &Facade, arrivals: &[Arrival]) -> Reply {
    match arrivals {
        [Arrival::Put(resource)] => facade.put(resource),
        [Arrival::Delete(key)] => facade.send("DELETE", key, &[], ""),
        several => {
            let entries: Vec<Value> = several.iter().map(Arrival::entry).collect();
            facade
                .post(&json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_arrival_and_any_split_into_transactions_gives_the_same_tasks(plan in plan()) {
        let resources = written_by(&plan.cases, plan.today);
        let (at_once, in_any_order) = (plan.facade(), plan.facade());
        let reply = at_once.transaction(&resources.values().collect::<Vec<_>>());
        prop_assert!(reply.status.is_success(), "{}", reply.text);
        for arrivals in plan.transactions(&resources) {
            send(&in_any_order, &arrivals);
        }
        for patient in plan.patients() {
            let [expected, found] = [&at_once, &in_any_order].map(|facade| {
                assert_recomputed_to_the_byte(facade, patient);
                live_tasks(facade, patient).iter().map(said).collect::<Vec<_>>()
            });
            prop_assert_eq!(found, expected);
        }
    }
}
