//! Messages of MedCom's draft for referrals, taken only by an operator who chooses so (intake,
//! section 7): referrals, what their receiver says of them, and bookings.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::content::{keep_own_extensions, reference_to, take_over};
use super::conversion::Converting;
use super::foreign::ForeignBundle;
use super::kl_119::codes::reason_concept;
use super::organization::SentOrganization;
use super::recognition::IntakeFormat;
use super::referral_codes as codes;
use super::referral_keys::{begin, key_at, named, party};
use super::refusal::IntakeRefusal;
use super::statement::{Statement, all_about, instant_of, only_person, sender_of, source_of};
use super::words::IntakeReason;
use crate::fhir::view::{codings, extensions, items};
use crate::fhir::{ResourceKey, ResourceType, names};

const KIND: ResourceType = ResourceType::ServiceRequest;
const FORMAT: IntakeFormat = IntakeFormat::Referral;

/// Understands the frame of a message.
///
/// # Errors
/// The reason for which all of it is refused.
pub(super) fn statement(bundle: ForeignBundle<'_>) -> Result<Statement<'_>, IntakeRefusal> {
    // An acknowledgement is about a message, and names nobody.
    let person = match (event(&bundle), bundle.of_type("Patient").next()) {
        ("acknowledge", None) => 0,
        _ => only_person(&bundle, true)?,
    };
    if person > 0 {
        all_about(&bundle, person)?;
    }
    let instant = instant_of(&[&bundle.value["timestamp"]]);
    let sender = sender_of(&bundle);
    let number = sender.as_ref().map(SentOrganization::number);
    Ok(Statement {
        source: source_of(bundle.value, FORMAT, number, instant.as_ref()),
        format: FORMAT,
        person,
        sender,
        instant,
        of_person: &[KIND, ResourceType::Appointment],
        is_whole_list: false,
        bundle,
    })
}

fn event<'a>(bundle: &ForeignBundle<'a>) -> &'a str {
    let header = bundle.entries[0].resource;
    header["eventCoding"]["code"].as_str().unwrap_or_default()
}

/// Converts a message.
pub(super) fn convert(work: &mut Converting<'_>) {
    if event(&work.statement.bundle) == "acknowledge" {
        return;
    }
    for (at, _) in work.open("Condition") {
        work.leave_out(at, IntakeReason::ReasonOfReferral);
    }
    let refused = refusals(work);
    for (at, sent) in work.open("ServiceRequest") {
        let key = key_at(work, at, sent, KIND);
        let refusal = refused.get(&key).map(|(_, reason)| reason);
        let is_over = refusal.is_some() || event(&work.statement.bundle) == "cancel-referral";
        match work.known.content(&key).cloned() {
            // Whatever else is said of it: what is stored is over.
            Some(stored) if is_over => revoke(work, at, sent, &key, stored, refusal),
            _ => request(work, at, sent, key, refusal),
        }
    }
    for (key, (at, reason)) in &refused {
        let proposed = work.proposed(KIND).find(|(known, _)| *known == key);
        let proposed = proposed.map(|(_, content)| content.clone());
        let stored = work.known.content(key).cloned();
        match proposed.or(stored) {
            Some(content) => revoke(work, *at, &Value::Null, key, content, Some(reason)),
            None => work.leave_out(*at, IntakeReason::NoReferral),
        }
    }
    for (at, sent) in work.open("Appointment") {
        booking(work, at, sent);
    }
}

/// Returns the referrals that their receiver refuses, each with the Task that says so and the
/// reason it gives.
fn refusals(work: &mut Converting<'_>) -> BTreeMap<ResourceKey, (usize, Value)> {
    let mut refused = BTreeMap::new();
    for (at, task) in work.open("Task") {
        if !codes::is_refusal(task) {
            continue;
        }
        match named(work, &task["focus"]) {
            Some(key) => drop(refused.insert(key, (at, task["statusReason"].clone()))),
            None => work.leave_out(at, IntakeReason::NoReferral),
        }
    }
    refused
}

/// Says of a referral that is stored or sent beside it that it is revoked.
fn revoke(
    work: &mut Converting<'_>,
    at: usize,
    sent: &Value,
    key: &ResourceKey,
    mut content: Value,
    refused: Option<&Value>,
) {
    let mut reasons = Vec::new();
    let (status, concept) = status(work, sent, refused, &mut reasons);
    content["status"] = json!(status);
    let others: Vec<Value> = items(&content["extension"])
        .filter(|extension| extension["url"] != names::REQUEST_STATUS_REASON)
        .cloned()
        .collect();
    content["extension"] = concept.iter().map(status_reason).chain(others).collect();
    if let Some(members) = content.as_object_mut() {
        members.remove("meta");
    }
    work.propose(at, key.clone(), content, reasons);
}

fn status_reason(concept: &Value) -> Value {
    json!({ "url": names::REQUEST_STATUS_REASON, "valueCodeableConcept": concept })
}

/// Returns the concept of a refusal's reason.
fn refusal(sent: &Value, reasons: &mut Vec<IntakeReason>) -> Value {
    let reason = codes::refusal_reason(sent).unwrap_or_else(|| {
        reasons.push(IntakeReason::ReasonNotStated);
        "not-stated"
    });
    reason_concept(reason, sent)
}

/// Takes a referral, or decides why it is not taken.
fn request(
    work: &mut Converting<'_>,
    at: usize,
    sent: &Value,
    key: ResourceKey,
    refused: Option<&Value>,
) {
    let Some(code) = codes::prevention(&sent["code"]) else {
        return work.leave_out(at, IntakeReason::NotPrevention);
    };
    let Some(requester) = work.sent_party(&party(work, &sent["requester"])) else {
        let text = "ServiceRequest.requester: expected the Organization that referred, or a role there, with a SOR number or a ydernummer";
        return work.needs(at, IntakeReason::Requester, text);
    };
    let Some(reasons_of_request) = reasons_of(work, at, sent) else {
        return;
    };
    let mut reasons = Vec::new();
    let stored = work.known.content(&key).cloned();
    let mut content = begin(work, at, &key, stored.as_ref());
    let (status, concept) = status(work, sent, refused, &mut reasons);
    if let Some(concept) = &concept {
        content.insert("extension".into(), json!([status_reason(concept)]));
    }
    content.insert("status".into(), json!(status));
    keep_own_extensions(stored.as_ref(), |_| true, &mut content);
    let replaced = items(&sent["replaces"]).filter_map(|reference| named(work, reference));
    let replaced: Vec<Value> = replaced.map(|key| reference_to(&key)).collect();
    if !replaced.is_empty() {
        content.insert("replaces".into(), Value::Array(replaced));
    }
    content.insert("intent".into(), json!("order"));
    if let Some(priority) = sent["priority"].as_str() {
        content.insert("priority".into(), json!(codes::priority(priority)));
    }
    content.insert("code".into(), code);
    content.insert("subject".into(), work.subject());
    // The time in occurrence is wished for, not offered: it would count as an offer.
    take_over(sent, &["authoredOn"], &mut content);
    let matched = work.matched(&requester);
    if !matched.is_some_and(|matched| matched.is_practice(work.context, &sent["authoredOn"])) {
        reasons.push(IntakeReason::PracticeUnknown);
    }
    if let Some(requester) = work.organization(&requester) {
        content.insert("requester".into(), requester);
    }
    let performers: Vec<Value> = items(&sent["performer"])
        .filter_map(|performer| work.sent_party(&party(work, performer)))
        .collect::<Vec<_>>()
        .into_iter()
        .filter_map(|performer| work.organization(&performer))
        .collect();
    if !performers.is_empty() {
        content.insert("performer".into(), Value::Array(performers));
    }
    content.insert("reasonCode".into(), Value::Array(reasons_of_request));
    work.propose(at, key, Value::Object(content), reasons);
}

/// Returns the reasons of a referral that are of a group, or decides why it is not taken.
fn reasons_of(work: &mut Converting<'_>, at: usize, sent: &Value) -> Option<Vec<Value>> {
    let bundle = &work.statement.bundle;
    let conditions = items(&sent["reasonReference"]).filter_map(|reason| bundle.resolve(reason));
    let conditions = conditions.filter(|at| !bundle.entries[*at].has_modifiers());
    let course = codes::package_course(sent).map(
        |group| json!({ "coding": [{ "system": names::CS_TARGET_GROUP, "code": group.code() }] }),
    );
    let mut reasons: Vec<Value> = course
        .into_iter()
        .chain(items(&sent["reasonCode"]).cloned())
        .chain(conditions.map(|at| bundle.entries[at].resource["code"].clone()))
        .collect();
    let is_coded = |reason: &Value| codings(reason).any(|(system, _)| !system.is_empty());
    if !reasons.iter().any(is_coded) {
        let text = "ServiceRequest.reasonCode: expected the diagnosis by a code of SKS, ICPC-2 or SNOMED CT, or the course of the package";
        work.needs(at, IntakeReason::ReasonCode, text);
        return None;
    }
    let is_group =
        |reason: &Value| codings(reason).any(|(system, _)| system == names::CS_TARGET_GROUP);
    reasons.retain(|reason| {
        is_group(reason) || !work.context.groups.groups_of_concept(reason).is_empty()
    });
    if reasons.is_empty() {
        work.leave_out(at, IntakeReason::OtherDiagnosis);
        return None;
    }
    Some(reasons)
}

/// Returns the status and its reason: the draft has its own words, and ends some without a reason.
fn status<'v>(
    work: &Converting<'_>,
    sent: &'v Value,
    refused: Option<&Value>,
    reasons: &mut Vec<IntakeReason>,
) -> (&'v str, Option<Value>) {
    let is_cancelled = event(&work.statement.bundle) == "cancel-referral";
    if let Some(reason) = refused {
        return ("revoked", Some(refusal(reason, reasons)));
    }
    let status = match is_cancelled {
        true => "revoked",
        false => codes::status(sent["status"].as_str().unwrap_or_default()),
    };
    let told = extensions(sent, names::REQUEST_STATUS_REASON)
        .map(|extension| &extension["valueCodeableConcept"])
        .next()
        .unwrap_or(&Value::Null);
    let own = codings(told).any(|(system, _)| system == names::CS_STATUS_REASON);
    let concept = match status {
        "revoked" | "on-hold" if own => Some(told.clone()),
        "revoked" | "on-hold" if codes::refusal_reason(told).is_some() => {
            Some(refusal(told, reasons))
        }
        // A reason that is said and not known ends nothing; none at all is the sender's own recall.
        "revoked" if is_cancelled && told.is_null() => Some(reason_concept("recalled", told)),
        "on-hold" => Some(reason_concept("awaiting-supplement", told)),
        "revoked" => {
            reasons.push(IntakeReason::ReasonNotStated);
            Some(reason_concept("not-stated", told))
        }
        _ => None,
    };
    (status, concept)
}

/// Takes a booking of a referral that is stored or sent.
fn booking(work: &mut Converting<'_>, at: usize, sent: &Value) {
    if sent["status"] == "proposed" {
        return work.leave_out(at, IntakeReason::NotNeeded);
    }
    let referrals: Vec<Value> = items(&sent["basedOn"])
        .filter_map(|reference| named(work, reference))
        .filter(|key| work.is_proposed(key) || work.known.content(key).is_some())
        .map(|key| reference_to(&key))
        .collect();
    if referrals.is_empty() {
        return work.leave_out(at, IntakeReason::NoReferral);
    }
    let key = key_at(work, at, sent, ResourceType::Appointment);
    let stored = work.known.content(&key).cloned();
    let mut content = begin(work, at, &key, stored.as_ref());
    take_over(sent, &["status"], &mut content);
    let offers = items(&sent["serviceType"]);
    let offers: Vec<Value> = offers
        .map(|offer| codes::prevention(offer).unwrap_or_else(|| offer.clone()))
        .collect();
    if !offers.is_empty() {
        content.insert("serviceType".into(), Value::Array(offers));
    }
    take_over(sent, &["start", "end", "created"], &mut content);
    content.insert("basedOn".into(), Value::Array(referrals));
    let person = json!({ "actor": work.subject(), "status": "accepted" });
    content.insert("participant".into(), json!([person]));
    work.propose(at, key, Value::Object(content), Vec::new());
}
