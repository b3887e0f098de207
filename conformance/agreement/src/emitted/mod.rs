//! Everything that the server says, said once: the server is started, persons are loaded, and it is
//! asked for all of it.

mod http;
mod posted;
mod requests;
mod server;
mod taken;

use std::path::Path;

use serde_json::{Value, json};

use crate::line::Line;
use crate::sources::{self, Person};
use server::Server;

/// A day after every fact of the persons, and after their deadlines.
const CLOCK: &str = "2034-01-02T09:00:00+01:00";
/// The types of what is served from the packages: the same for everyone.
const DEFINITIONS: &[&str] = &[
    "PlanDefinition",
    "StructureDefinition",
    "ValueSet",
    "CodeSystem",
    "SearchParameter",
    "OperationDefinition",
    "CapabilityStatement",
];
/// The types of what is said of persons.
const FACTS: &[&str] = &[
    "Task",
    "Provenance",
    "Condition",
    "CarePlan",
    "ServiceRequest",
    "Encounter",
    "Appointment",
    "Patient",
    "Organization",
    "PractitionerRole",
    "Goal",
];

/// Collects what the program `frist` says, of the persons and of an invented population.
pub(crate) fn lines(program: &Path) -> Result<Vec<Line>, String> {
    let mut emitted = Emitted { lines: Vec::new() };
    let server = Server::start(
        program,
        &["serve", "--clock", CLOCK, "--subscription-http-loopback"],
    )?;
    emitted.load(&server, &sources::persons()?)?;
    requests::ask_all(&server, |name, body| emitted.add(name, body))?;
    posted::collect(&server, |name, body| emitted.add(name, body))?;
    emitted.read(&server, "definitions", DEFINITIONS)?;
    emitted.read(&server, "persons", FACTS)?;
    emitted.read_of_all(&server, "persons")?;
    drop(server);
    // On the first day of the demonstration rights are in every state.
    let demo = Server::start(program, &["demo", "--patients", "40", "--seed", "7"])?;
    emitted.read(&demo, "demo", FACTS)?;
    emitted.read_of_all(&demo, "demo")?;
    Ok(emitted.lines)
}

/// Collects what the program `frist` stores of what others send as they send it.
pub(crate) fn taken(program: &Path) -> Result<Vec<Line>, String> {
    let arguments = ["serve", "--clock", CLOCK, "--intake-draft", "referral"];
    taken::collect(&Server::start(program, &arguments)?)
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
        // A Bundle repeats what has profiles of its own: those that an entry names are checked
        // there.
        let profiles = sources::own_profiles(&resource);
        self.lines.push(Line {
            name: format!("emitted/{name}"),
            profiles,
            resource: body.to_owned(),
        });
    }

    /// Loads persons, each as a transaction; the answers are the first thing said.
    fn load(&mut self, server: &Server, persons: &[Person]) -> Result<(), String> {
        for (at, person) in persons.iter().enumerate() {
            let entry = |resource: &Value| {
                let (kind, id) = (
                    resource["resourceType"].as_str().unwrap_or_default(),
                    resource["id"].as_str().unwrap_or_default(),
                );
                json!({ "resource": resource, "request": { "method": "PUT", "url": format!("{kind}/{id}") } })
            };
            let entries: Vec<Value> = person.resources.iter().map(entry).collect();
            let body = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
                .to_string();
            let prefer = [
                "return=minimal",
                "return=representation",
                "return=OperationOutcome",
            ][at % 3];
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

    /// Reads what a server holds of some types: the resources, pages of searches, and histories.
    fn read(&mut self, server: &Server, of: &str, types: &[&str]) -> Result<(), String> {
        for kind in types {
            let pages = server.pages(&format!("/{kind}?_count=50"), usize::MAX)?;
            // To look into a StructureDefinition takes the public validator seconds, and Bundles of
            // them say nothing that others do not.
            let in_bundles = *kind != "StructureDefinition";
            let mut at = 0;
            for (number, page) in pages.iter().enumerate() {
                if in_bundles && (number < 2 || number + 1 == pages.len()) {
                    self.add(&format!("{of}/search/{kind}/{number}"), &page.to_string());
                }
                for entry in page["entry"].as_array().into_iter().flatten() {
                    self.add(&format!("{of}/{kind}/{at}"), &entry["resource"].to_string());
                    at += 1;
                }
            }
            for (number, page) in server
                .pages(&format!("/{kind}/_history?_count=25"), 2)?
                .iter()
                .enumerate()
                .filter(|_| in_bundles)
            {
                self.add(&format!("{of}/history/{kind}/{number}"), &page.to_string());
            }
        }
        Ok(())
    }

    /// Reads what is not of one type: the statement, the history of everything from now back, and
    /// the rights of persons.
    fn read_of_all(&mut self, server: &Server, of: &str) -> Result<(), String> {
        self.add(
            &format!("{of}/metadata"),
            &server.ask("GET", "/metadata", &[], "")?.body,
        );
        for (number, page) in server.pages("/_history?_count=100", 4)?.iter().enumerate() {
            self.add(&format!("{of}/history/{number}"), &page.to_string());
        }
        let page = server.pages("/Patient?_count=40", 1)?;
        let patients = page
            .iter()
            .flat_map(|page| page["entry"].as_array())
            .flatten();
        for id in patients.filter_map(|entry| entry["resource"]["id"].as_str()) {
            let answer = server.ask("GET", &format!("/Patient/{id}/$rights"), &[], "")?;
            self.add(&format!("{of}/rights/{id}"), &answer.body);
        }
        Ok(())
    }
}
