//! Everything that the server says, said once: the server is started, persons are loaded, and it is asked for all of it.

mod http;
mod requests;
mod server;

use std::path::Path;

use serde_json::{Value, json};

use crate::line::Line;
use crate::sources::{self, Person};
use server::Server;

/// A day after every fact of the persons, and after their deadlines.
const CLOCK: &str = "2034-01-02T09:00:00+01:00";
/// Types whose resources are asked for one by one, page by page, and as history.
const TYPES: &[&str] = &[
    "Task",
    "Provenance",
    "PlanDefinition",
    "StructureDefinition",
    "ValueSet",
    "CodeSystem",
    "SearchParameter",
    "OperationDefinition",
    "CapabilityStatement",
    "Condition",
    "CarePlan",
    "ServiceRequest",
    "Encounter",
    "Patient",
    "Organization",
    "PractitionerRole",
    "Goal",
];

/// What the program `frist` says, of the persons and of an invented population.
pub(crate) fn lines(program: &Path) -> Result<Vec<Line>, String> {
    let mut emitted = Emitted { lines: Vec::new() };
    let server = Server::start(program, &["serve", "--clock", CLOCK])?;
    emitted.load(&server, &sources::persons()?)?;
    requests::ask_all(&server, |name, body| emitted.add(name, body))?;
    emitted.read(&server, "persons")?;
    drop(server);
    // On the first day of the demonstration rights are in every state.
    let demo = Server::start(program, &["demo", "--patients", "40", "--seed", "7"])?;
    emitted.read(&demo, "demo")?;
    Ok(emitted.lines)
}

struct Emitted {
    lines: Vec<Line>,
}

impl Emitted {
    /// Takes what was said, unless nothing was or it has been said before.
    fn add(&mut self, name: &str, body: &str) {
        if body.is_empty() {
            return;
        }
        let resource: Value = serde_json::from_str(body).unwrap_or_default();
        // A Bundle repeats what has profiles of its own: those that an entry names are checked there.
        let profiles = sources::own_profiles(&resource);
        self.lines.push(Line { name: format!("emitted/{name}"), profiles, resource: body.to_owned() });
    }

    /// Loads persons, each as a transaction; the answers are the first thing said.
    fn load(&mut self, server: &Server, persons: &[Person]) -> Result<(), String> {
        for (at, person) in persons.iter().enumerate() {
            let entry = |resource: &Value| {
                let (kind, id) = (resource["resourceType"].as_str().unwrap_or_default(), resource["id"].as_str().unwrap_or_default());
                json!({ "resource": resource, "request": { "method": "PUT", "url": format!("{kind}/{id}") } })
            };
            let entries: Vec<Value> = person.resources.iter().map(entry).collect();
            let body = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }).to_string();
            let prefer = ["return=minimal", "return=representation", "return=OperationOutcome"][at % 3];
            let answer = server.ask("POST", "", &[("Prefer", prefer)], &body)?;
            if answer.status != 200 {
                return Err(format!("{} is refused: {}", person.name, answer.body));
            }
            if at < 30 {
                self.add(&format!("transaction/{}", person.name), &answer.body);
            }
        }
        Ok(())
    }

    /// Reads everything that a server holds: the resources, pages of searches, histories, and the rights of persons.
    fn read(&mut self, server: &Server, of: &str) -> Result<(), String> {
        self.add(&format!("{of}/metadata"), &server.ask("GET", "/metadata", &[], "")?.body);
        let mut patients = Vec::new();
        for kind in TYPES {
            let pages = server.pages(&format!("/{kind}?_count=50"), usize::MAX)?;
            let mut at = 0;
            for (number, page) in pages.iter().enumerate() {
                if number < 2 || number + 1 == pages.len() {
                    self.add(&format!("{of}/search/{kind}/{number}"), &page.to_string());
                }
                for entry in page["entry"].as_array().into_iter().flatten() {
                    self.add(&format!("{of}/{kind}/{at}"), &entry["resource"].to_string());
                    patients.extend(entry["resource"]["id"].as_str().filter(|_| *kind == "Patient").map(str::to_owned));
                    at += 1;
                }
            }
            for (number, page) in server.pages(&format!("/{kind}/_history?_count=25"), 2)?.iter().enumerate() {
                self.add(&format!("{of}/history/{kind}/{number}"), &page.to_string());
            }
        }
        for (number, page) in server.pages("/_history?_count=100", 4)?.iter().enumerate() {
            self.add(&format!("{of}/history/{number}"), &page.to_string());
        }
        for id in patients.iter().take(40) {
            let answer = server.ask("GET", &format!("/Patient/{id}/$rights"), &[], "")?;
            self.add(&format!("{of}/rights/{id}"), &answer.body);
        }
        Ok(())
    }
}
