//! Delivery reports of KL's gateway for prevention (§ 119): what a municipality records about a
//! person's referral, plans and contacts (intake, section 5).

pub(super) mod codes;
mod contact;
mod plan;
mod referral;
mod report;

use std::collections::BTreeSet;

use super::conversion::Converting;
use super::foreign::ForeignBundle;
use super::organization::SentOrganization;
use super::recognition::IntakeFormat;
use super::refusal::{IntakeRefusal, RefusalKey};
use super::statement::{Statement, all_about, instant_of, only_person};
use super::words::IntakeReason;
use crate::fhir::view::{codings, items};
use crate::fhir::{ResourceType, names};

/// Understands the frame of a report.
///
/// # Errors
/// The reason for which all of it is refused.
pub(super) fn statement(bundle: ForeignBundle<'_>) -> Result<Statement<'_>, IntakeRefusal> {
    let person = only_person(&bundle, true)?;
    all_about(&bundle, person)?;
    let form = |what: &str| IntakeRefusal::of(RefusalKey::BundleForm).about(what);
    let reference = &bundle.entries[person].resource["managingOrganization"];
    let named = match bundle.resolve(reference) {
        Some(at) => SentOrganization::read(bundle.entries[at].resource),
        None => SentOrganization::read(reference),
    };
    if !named.is_identified() {
        return Err(form("Patient.managingOrganization: no SOR number"));
    }
    let instant = instant_of(&[&bundle.value["timestamp"]]);
    let instant = instant.ok_or_else(|| form("Bundle.timestamp: no instant"))?;
    let id = bundle.value["id"].as_str().unwrap_or_default();
    let format = IntakeFormat::Kl119.code();
    let source = format!("urn:{format}|{}|{id}|{}", named.number(), instant.0);
    Ok(Statement {
        source: (names::URI_SYSTEM.to_owned(), source),
        format: IntakeFormat::Kl119,
        person,
        sender: Some(named),
        instant: Some(instant),
        of_person: &[
            ResourceType::ServiceRequest,
            ResourceType::CarePlan,
            ResourceType::Encounter,
            ResourceType::Appointment,
        ],
        is_whole_list: false,
        bundle,
    })
}

/// Converts the report.
pub(super) fn convert(work: &mut Converting<'_>) {
    let bundle = &work.statement.bundle;
    let municipality = bundle.resolve(&work.statement.patient()["managingOrganization"]);
    let is_understood = municipality.is_none_or(|at| work.is_open(at));
    if work.statement.patient()["active"] == false || !is_understood {
        return work.leave_out_all(IntakeReason::NotUnderstood);
    }
    conditions(work);
    referral::convert(work);
    plan::convert(work);
    contact::convert(work);
}

/// Decides about the conditions: each is the reason of a referral, or one of the municipality's own
/// record.
fn conditions(work: &mut Converting<'_>) {
    let bundle = &work.statement.bundle;
    let requests = bundle.of_type("ServiceRequest");
    let reasons: BTreeSet<usize> = requests
        .flat_map(|(_, entry)| items(&entry.resource["reasonReference"]))
        .filter_map(|reference| bundle.resolve(reference))
        .collect();
    for (at, condition) in work.open("Condition") {
        let is_municipal = codings(&condition["code"])
            .any(|(system, _)| [codes::FSIII, codes::FFB].contains(&system));
        let reason = if is_municipal && !reasons.contains(&at) {
            IntakeReason::OtherDiagnosis
        } else {
            IntakeReason::ReasonOfReferral
        };
        work.leave_out(at, reason);
    }
}
