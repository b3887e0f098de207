//! Resources of the national infrastructure for telemedicine (FUT), as evidence only: they start and
//! stop nothing (intake, section 6). Somebody may be monitored for a disease of which no right is
//! known; of the person, the general practice is used.

use serde_json::Value;

use super::condition_list::without_group;
use super::conversion::Converting;
use super::foreign::ForeignBundle;
use super::organization::SentOrganization;
use super::person::PersonParts;
use super::recognition::IntakeFormat;
use super::refusal::IntakeRefusal;
use super::statement::{Statement, all_about, instant_of, only_person, source_of};
use super::words::IntakeReason;
use crate::deadlines::Group;
use crate::fhir::view::{codings, has_coding, items};
use crate::fhir::{ResourceType, names};

/// Understands the frame of a collection.
///
/// # Errors
/// The reason for which all of it is refused.
pub(super) fn statement(bundle: ForeignBundle<'_>) -> Result<Statement<'_>, IntakeRefusal> {
    let person = only_person(&bundle, true)?;
    all_about(&bundle, person)?;
    let instant = instant_of(&[&bundle.value["timestamp"]]);
    let format = IntakeFormat::Fut;
    Ok(Statement {
        source: source_of(bundle.value, format, None, instant.as_ref()),
        format,
        person,
        sender: None,
        instant,
        of_person: &[ResourceType::Condition],
        is_whole_list: false,
        bundle,
    })
}

/// Decides about each entry: none but the person's practice is written.
pub(super) fn convert(work: &mut Converting<'_>) {
    for (at, condition) in work.open("Condition") {
        judge(work, at, condition);
    }
    for (type_name, reason) in [
        ("CarePlan", IntakeReason::TelemedicinePlan),
        ("ServiceRequest", IntakeReason::Measurement),
    ] {
        for (at, _) in work.open(type_name) {
            work.leave_out(at, reason);
        }
    }
    work.person_parts = PersonParts::Practice;
    if work.known.patient.is_none() {
        return work.leave_out(work.statement.person, IntakeReason::PersonNotKnown);
    }
    take_practice(work);
}

fn judge(work: &mut Converting<'_>, at: usize, condition: &Value) {
    let groups = work.context.groups.groups_of_condition(condition);
    if groups.is_empty() {
        return without_group(work, at, condition);
    }
    let mut statuses = codings(&condition["verificationStatus"]);
    if statuses.any(|(_, code)| matches!(code, "refuted" | "entered-in-error")) {
        return work.leave_out(at, IntakeReason::NotConfirmed);
    }
    if groups.iter().all(|group| is_known(work, *group)) {
        return work.leave_out(at, IntakeReason::KnownAlready);
    }
    let text = "the person is monitored for a disease of a target group, of which no confirmed Condition is stored; expected one from the general practice or the hospital, with the date of the diagnosis: an episode of telemedicine has none";
    work.needs(at, IntakeReason::DiagnosisDate, text);
}

/// Tells whether a confirmed diagnosis of a group is stored.
fn is_known(work: &Converting<'_>, group: Group) -> bool {
    let mut known = work.known.of_type(ResourceType::Condition);
    known.any(|known| {
        let status = &known.content["verificationStatus"];
        has_coding(status, names::CONDITION_VER_STATUS, "confirmed")
            && work
                .context
                .groups
                .groups_of_condition(&known.content)
                .contains(&group)
    })
}

/// Takes the person's general practice, by ydernummer, where none is stored; notes it where another
/// one is.
fn take_practice(work: &mut Converting<'_>) {
    let named = items(&work.statement.patient()["generalPractitioner"]);
    let sent = named
        .filter_map(|reference| work.sent_party(reference))
        .find(|sent| sent.has_ydernummer());
    let Some(sent) = sent else { return };
    let stored = work.known.patient.as_ref();
    let has_practice = stored.is_some_and(|patient| {
        let mut known = items(&patient.content["generalPractitioner"]);
        known.next().is_some()
    });
    if !has_practice {
        work.practice = work.organization(&sent);
        work.person_is_cause = true;
        return;
    }
    let matched = work.matched(&sent).map(|matched| matched.reference());
    let is_same = stored.is_some_and(|patient| {
        items(&patient.content["generalPractitioner"]).any(|own| {
            let is_it = |matched: &Value| own["reference"] == matched["reference"];
            matched.as_ref().is_some_and(is_it) || SentOrganization::read(own).is_same_as(&sent)
        })
    });
    if !is_same {
        work.note(work.statement.person, IntakeReason::OtherPractice, None);
    }
}
