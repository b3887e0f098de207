//! The requests that users make.

use frist::demo::Population;
use frist::fhir::names::{CPR, YDERNUMMER};
use frist::interactions::Server;
use serde_json::Value;

use super::district::District;

/// A request.
#[derive(Debug)]
pub(crate) enum Ask {
    /// GET of an address below the base.
    Get(String),
    /// POST of a form to `_search` of a type.
    Form(&'static str, String),
}

/// A query, asked of one person or institution after the other.
pub(crate) struct Query {
    pub(crate) name: &'static str,
    pub(crate) ask: fn(&Known, usize) -> Ask,
}

const fn query(name: &'static str, ask: fn(&Known, usize) -> Ask) -> Query {
    Query { name, ask }
}

/// The queries. The last ones find more in a larger country, and may take longer there.
pub(crate) const QUERIES: &[Query] = &[
    query("overdue Tasks of an owner, by due", |known, n| {
        Ask::Get(format!(
            "Task?owner=Organization/{}&business-status=overdue&_sort=due",
            known.owner(n)
        ))
    }),
    query("Tasks of a person", |known, n| {
        Ask::Get(format!("Task?patient=Patient/{}", known.person(n).id))
    }),
    query("plans of a person with includes", |known, n| {
        let patient = &known.person(n).id;
        Ask::Get(format!(
            "CarePlan?patient=Patient/{patient}&_include=CarePlan:patient&_include=CarePlan:condition&_revinclude=Task:focus"
        ))
    }),
    query("Tasks changed since (_lastUpdated)", |known, _| {
        Ask::Get(format!(
            "Task?_lastUpdated=gt{}&_sort=_lastUpdated",
            known.recent
        ))
    }),
    query("what changed since (_history)", |known, _| {
        Ask::Get(format!("_history?_since={}", known.recent))
    }),
    query("Patient by CPR number", |known, n| {
        Ask::Form(
            "Patient",
            format!("identifier={CPR}|{}", known.person(n).cpr),
        )
    }),
    query("Organization by ydernummer", |known, n| {
        Ask::Get(format!(
            "Organization?identifier={YDERNUMMER}|{}",
            known.ydernummer(n)
        ))
    }),
    query("count of overdue Tasks of an owner", |known, n| {
        Ask::Get(format!(
            "Task?owner=Organization/{}&business-status=overdue&_summary=count",
            known.owner(n)
        ))
    }),
    query("count of completed Tasks of an owner", |known, n| {
        Ask::Get(format!(
            "Task?owner=Organization/{}&status=completed&_count=0",
            known.owner(n)
        ))
    }),
    query("overdue Tasks of a region, by due", |known, n| {
        let owners: Vec<_> = known
            .region(n)
            .iter()
            .map(|id| format!("Organization/{id}"))
            .collect();
        Ask::Get(format!(
            "Task?owner={}&business-status=overdue&_sort=due",
            owners.join(",")
        ))
    }),
    query("referrals of a practice, newest first", |known, n| {
        let practice = known.practice(n);
        Ask::Get(format!(
            "ServiceRequest?requester=Organization/{practice},PractitionerRole/{practice}-doctor&_sort=-authored"
        ))
    }),
    query("$rights of a person", |known, n| {
        Ask::Get(format!("Patient/{}/$rights", known.person(n).id))
    }),
    query("$everything of a person", |known, n| {
        Ask::Get(format!("Patient/{}/$everything", known.person(n).id))
    }),
    query("Tasks by CPR number (chain)", |known, n| {
        Ask::Form(
            "Task",
            format!("patient.identifier={CPR}|{}", known.person(n).cpr),
        )
    }),
    query("all: overdue Tasks, by due", |_, _| {
        Ask::Get("Task?business-status=overdue&_sort=due".into())
    }),
    query("all: overdue Tasks, by due, no total", |_, _| {
        Ask::Get("Task?business-status=overdue&_sort=due&_total=none".into())
    }),
    query("all: newest Tasks", |_, _| {
        Ask::Get("Task?_sort=-_lastUpdated".into())
    }),
    query("all: newest Tasks, no total", |_, _| {
        Ask::Get("Task?_sort=-_lastUpdated&_total=none".into())
    }),
    query("all: Patients", |_, _| Ask::Get("Patient".into())),
    query("all: count of overdue Tasks", |_, _| {
        Ask::Get("Task?business-status=overdue&_summary=count".into())
    }),
];

/// A person to ask about.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) cpr: String,
}

/// The knowledge of a population that requests are made from.
pub(crate) struct Known {
    persons: Vec<Person>,
    regions: Vec<Vec<String>>,
    /// An instant some hundred changes ago.
    recent: String,
}

impl Known {
    pub(crate) fn of(server: &Server, population: Population) -> Self {
        let every = (population.size / 1_000).max(1);
        let persons = population.persons().step_by(every).map(|mut story| {
            let entries = story.bundles[0]["entry"].as_array_mut().unwrap();
            let patient = entries
                .iter_mut()
                .map(|entry| entry["resource"].take())
                .find(|resource| resource["resourceType"] == "Patient");
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let patient = patient.unwrap();
            Person {
                id: text(&patient["id"]),
                cpr: text(&patient["identifier"][0]["value"]),
            }
        });
        Known {
            persons: persons.collect(),
            regions: District::all(population.size)
                .map(District::owners)
                .collect(),
            recent: super::instant_before(&*server.store, 300).to_string(),
        }
    }

    /// Returns the persons not in the order in which they were stored.
    fn person(&self, n: usize) -> &Person {
        &self.persons[n.wrapping_mul(7_919) % self.persons.len()]
    }

    fn region(&self, n: usize) -> &[String] {
        &self.regions[n % self.regions.len()]
    }

    fn owner(&self, n: usize) -> &str {
        let region = self.region(n);
        &region[n.wrapping_mul(31) % region.len()]
    }

    fn practice(&self, n: usize) -> &str {
        let practices: Vec<_> = self
            .region(n)
            .iter()
            .filter(|id| id.contains("practice"))
            .collect();
        practices[n.wrapping_mul(31) % practices.len()]
    }

    fn ydernummer(&self, n: usize) -> usize {
        990_101 + 100 * (n % self.regions.len()) + n % 12
    }
}
