//! Hospital notifications of MedCom, of which a death is taken and nothing else: a stay is no
//! postponement (intake, section 8). It says where a person is, not that an offer cannot start.

use serde_json::{Value, json};

use super::conversion::Converting;
use super::foreign::ForeignBundle;
use super::organization::SentOrganization;
use super::person::PersonParts;
use super::recognition::IntakeFormat;
use super::refusal::IntakeRefusal;
use super::statement::{Statement, all_about, instant_of, only_person, sender_of, source_of};
use super::words::IntakeReason;
use crate::fhir::view::items;

/// Understands the frame of a message.
///
/// # Errors
/// The reason for which all of it is refused.
pub(super) fn statement(bundle: ForeignBundle<'_>) -> Result<Statement<'_>, IntakeRefusal> {
    let person = only_person(&bundle, true)?;
    all_about(&bundle, person)?;
    let instant = instant_of(&[&bundle.value["timestamp"]]);
    let sender = sender_of(&bundle);
    let format = IntakeFormat::HospitalNotification;
    let number = sender.as_ref().map(SentOrganization::number);
    Ok(Statement {
        source: source_of(bundle.value, format, number, instant.as_ref()),
        format,
        person,
        sender,
        instant,
        of_person: &[],
        is_whole_list: false,
        bundle,
    })
}

/// Takes the death of a person who is stored.
pub(super) fn convert(work: &mut Converting<'_>) {
    let tells_of_death = work.statement.patient()["deceasedBoolean"] == true && !is_of_no_end(work);
    let end = work
        .open("Encounter")
        .iter()
        .find_map(|(_, encounter)| encounter["period"]["end"].as_str().map(str::to_owned));
    for (at, _) in work.open("Encounter") {
        work.leave_out(at, IntakeReason::StayIsNoPostponement);
    }
    let person = work.statement.person;
    if work.known.patient.is_none() {
        return work.leave_out(person, IntakeReason::PersonNotKnown);
    }
    if !tells_of_death {
        return;
    }
    let mut death = json!({ "deceasedBoolean": true });
    if let Some(end) = end {
        death["deceasedDateTime"] = json!(end);
    }
    work.person_says = Some(death);
    work.person_parts = PersonParts::Death;
    work.person_is_cause = true;
}

/// Tells whether the message is about a leave, or takes back or corrects another one.
fn is_of_no_end(work: &Converting<'_>) -> bool {
    let bundle = &work.statement.bundle;
    let provenances: Vec<&Value> = bundle
        .of_type("Provenance")
        .map(|(_, entry)| entry.resource)
        .collect();
    // Those of earlier messages of the same stay stand beside it.
    let is_of_this = |provenance: &&&Value| {
        items(&provenance["target"]).any(|target| bundle.resolve(target) == Some(0))
    };
    let own: Vec<&&Value> = provenances.iter().filter(is_of_this).collect();
    let of_message = match own.is_empty() {
        true => provenances.iter().collect(),
        false => own,
    };
    let activities = of_message
        .into_iter()
        .flat_map(|provenance| items(&provenance["activity"]["coding"]))
        .filter_map(|coding| coding["code"].as_str());
    let mut activities = activities.map(|code| code.split('-').collect::<Vec<_>>());
    let is_correction = activities.any(|words| {
        words
            .iter()
            .any(|word| matches!(*word, "cancel" | "revise" | "leave"))
    });
    let mut stays = bundle
        .of_type("Encounter")
        .map(|(_, entry)| entry.resource["status"].as_str().unwrap_or_default());
    is_correction
        || stays.any(|status| matches!(status, "onleave" | "entered-in-error" | "cancelled"))
}
