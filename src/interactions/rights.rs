//! `$rights`: what the rules say of a person on a day, from what is stored now (deadline-rules,
//! sections 2 and 7). Writes nothing.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::writing::gathering::Gathering;
use super::{Context, Failure, Server, read};
use crate::deadlines::{self, Explanation, Explanations, PersonFacts, undone};
use crate::fhir::{Issue, IssueCode, ResourceKey, ResourceType, start_of_day};

/// The most times that the facts are gathered again after others moved them.
const ATTEMPTS_MAX: usize = 1_000;

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
    /// The reasons why what is stored of the person gives no right, if they were asked for.
    pub reasons: Option<Vec<Unfounded>>,
}

/// Something that is stored of a person and has no effect on rights.
pub struct Unfounded {
    /// The resource; the Patient for what is to be known of the person.
    pub key: ResourceKey,
    /// The reason.
    pub reason: Explanation,
}

impl Unfounded {
    /// Tells of it in a finding.
    pub fn issue(&self) -> Issue {
        let Unfounded { key, reason } = self;
        let text = match key.resource_type {
            ResourceType::Patient => reason.text.clone(),
            other => format!("{key} {}: {}", undone(other), reason.text),
        };
        Issue::warning(IssueCode::BusinessRule, reason.expression, text)
    }
}

/// Returns the rights of a Patient as of a day; today if none is named.
///
/// # Errors
/// `NotFound` or `Gone` for the Patient.
pub fn rights(
    server: &Server,
    context: &Context,
    patient: &ResourceKey,
    day: Option<Date>,
) -> Result<PatientRights, Failure> {
    answered(server, context, patient, day, false)
}

/// Returns the rights of a Patient as of a day, and why what is stored gives none where it does.
///
/// # Errors
/// As [`rights`].
pub fn explained_rights(
    server: &Server,
    context: &Context,
    patient: &ResourceKey,
    day: Option<Date>,
) -> Result<PatientRights, Failure> {
    answered(server, context, patient, day, true)
}

fn answered(
    server: &Server,
    context: &Context,
    patient: &ResourceKey,
    day: Option<Date>,
    is_explained: bool,
) -> Result<PatientRights, Failure> {
    let day = day.unwrap_or_else(|| server.today(context));
    read::read(server, context, patient)?;
    let facts = facts(server, context, patient)?;
    let rights = deadlines::derive(&facts, &server.rules, day);
    let explanations = Explanations::of(&facts, &server.rules, &rights, day);
    let reasons = is_explained.then(|| reasons(patient, &explanations));
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
        reasons,
    })
}

fn reasons(patient: &ResourceKey, explanations: &Explanations<'_>) -> Vec<Unfounded> {
    let notices = explanations.notices().into_iter().map(|reason| Unfounded {
        key: patient.clone(),
        reason,
    });
    let of_key = |key: &ResourceKey| {
        let reason = explanations.reason(key)?;
        let key = key.clone();
        Some(Unfounded { key, reason })
    };
    let stored = explanations.keys();
    notices
        .chain(stored.into_iter().filter_map(of_key))
        .collect()
}

/// Gathers the facts of a person as of one moment: never the one half of a transaction without the
/// other.
///
/// # Errors
/// Of the store, or `Busy` if others never cease to move the facts.
pub fn facts(
    server: &Server,
    _context: &Context,
    patient: &ResourceKey,
) -> Result<PersonFacts, Failure> {
    for _ in 0..ATTEMPTS_MAX {
        let mut gathering = Gathering::new(server);
        let facts = gathering.facts(&patient.id)?;
        if !gathering.has_moved()? {
            return Ok(facts);
        }
    }
    Err(Failure::Busy)
}
