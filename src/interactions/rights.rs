//! `$rights`: what the rules say of a person on a day, from what is stored now (deadline-rules,
//! sections 2 and 7). Writes nothing.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::address::parameters_in;
use super::writing::pending::Pending;
use super::writing::persons;
use super::writing::persons::Person;
use super::{Context, Failure, Server, read};
use crate::deadlines;
use crate::fhir::{FhirDate, Issue, IssueCode, Resource, ResourceKey, start_of_day};

/// The most times that the facts are gathered again after others moved them.
const ATTEMPTS_MAX: usize = 1_000;
/// The last day that can be asked about: the next one begins beyond what an instant can express.
const LAST_DAY: Date = Date::constant(9999, 12, 30);

/// The rights of a person.
pub struct PatientRights {
    /// The Patient.
    pub patient: ResourceKey,
    /// The day the answer is for.
    pub day: Date,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// The rights Tasks of that day, by right, group and focus.
    pub tasks: Vec<Value>,
}

/// Returns the rights of a Patient as of the day that the parameter `as-of` names; today if it is
/// not there.
///
/// # Errors
/// `NotFound` or `Gone` for the Patient, `BadRequest` for parameters that are not understood.
pub fn rights(
    server: &Server,
    context: &Context,
    patient: &ResourceKey,
    parameters: &[(String, String)],
) -> Result<PatientRights, Failure> {
    let day = asked_day(parameters)?.unwrap_or_else(|| server.today(context));
    read::read(server, context, patient)?;
    let person = gather(server, context, patient)?;
    let rights = deadlines::derive(&person.facts, &server.rules, day);
    let tasks = rights
        .clocks
        .iter()
        .map(|clock| deadlines::task(clock, start_of_day(day)))
        .collect();
    Ok(PatientRights {
        patient: patient.clone(),
        day,
        asked_at: context.now,
        tasks,
    })
}

/// Gathers the facts of one moment: never the one half of a transaction without the other.
fn gather(server: &Server, context: &Context, patient: &ResourceKey) -> Result<Person, Failure> {
    for _ in 0..ATTEMPTS_MAX {
        let person = persons::gather(server, context, &patient.id, &Pending::new())?;
        if !person.has_moved(server)? {
            return Ok(person);
        }
    }
    Err(Failure::Busy)
}

/// Reads the day that `as-of` names, if it is there.
pub(super) fn asked_day(parameters: &[(String, String)]) -> Result<Option<Date>, Failure> {
    let mut day = None;
    let mut wrong = Vec::new();
    for (name, value) in parameters {
        match (name.as_str(), FhirDate::parse(value)) {
            ("as-of", _) if day.is_some() => wrong.push(Issue::error(
                IssueCode::Value,
                "",
                "as-of: expected once, found twice",
            )),
            ("as-of", Some(FhirDate::Day(asked))) if asked <= LAST_DAY => day = Some(asked),
            ("as-of", _) => wrong.push(Issue::error(
                IssueCode::Value,
                "",
                "as-of: expected a full date such as 2027-03-01",
            )),
            _ => wrong.push(Issue::error(
                IssueCode::NotSupported,
                "",
                "$rights has no such parameter; it has as-of",
            )),
        }
    }
    if wrong.is_empty() {
        Ok(day)
    } else {
        Err(Failure::BadRequest(wrong))
    }
}

/// Reads the parameters in a Parameters resource, as they would stand in a query.
///
/// # Errors
/// `BadRequest` if it is no Parameters resource, or one with more parameters than are read.
pub fn parameters(sent: &Resource) -> Result<Vec<(String, String)>, Failure> {
    parameters_in(sent, |item| {
        item["valueDate"].as_str().unwrap_or_default().to_owned()
    })
}
