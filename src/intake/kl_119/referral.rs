//! The referrals of a report: records of receipt, since the day that they have is that of receipt
//! (intake, section 5).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::content::take_over;
use super::super::conversion::Converting;
use super::super::words::IntakeReason;
use super::codes::{KlReason, is_prevention, reason_concept, reason_in};
use super::report::{begin, key_at, municipality, named, reference_to};
use crate::fhir::view::{codings, extensions, items};
use crate::fhir::{FhirDate, ResourceKey, ResourceType, copenhagen_date, names};

const KIND: ResourceType = ResourceType::ServiceRequest;

/// Converts all referrals.
pub(super) fn convert(work: &mut Converting<'_>) {
    let open = work.open("ServiceRequest");
    // What the Bundle itself has and does not get stored is not named.
    let mut taken = Vec::new();
    for (at, sent) in &open {
        if let Some(reasons) = judged(work, *at, sent) {
            taken.push((*at, *sent, reasons));
        }
    }
    let places: BTreeSet<usize> = taken.iter().map(|(at, ..)| *at).collect();
    for (at, sent, reasons) in taken {
        take(work, at, sent, reasons, &places);
    }
}

/// Returns the reasons of a referral that are of a group, or decides why it is not taken.
fn judged(work: &mut Converting<'_>, at: usize, sent: &Value) -> Option<Vec<Value>> {
    if !is_prevention(&sent["code"]) {
        work.leave_out(at, IntakeReason::NotPrevention);
        return None;
    }
    if work.sent_party(&sent["requester"]).is_none() {
        let text = "ServiceRequest.requester: expected the Organization that referred, with a SOR number or a ydernummer; who came by phone or by himself is not referred";
        work.needs(at, IntakeReason::Requester, text);
        return None;
    }
    let bundle = &work.statement.bundle;
    let conditions = items(&sent["reasonReference"]).filter_map(|reason| bundle.resolve(reason));
    let mut reasons: Vec<Value> = conditions
        .map(|at| bundle.entries[at].resource["code"].clone())
        .chain(items(&sent["reasonCode"]).cloned())
        .collect();
    if reasons.is_empty() {
        // A report may tell a change alone.
        let stored = work.known.content(&key_at(work, at, KIND));
        reasons.extend(
            stored
                .iter()
                .flat_map(|stored| items(&stored["reasonCode"]))
                .cloned(),
        );
    }
    let is_coded = |reason: &Value| codings(reason).any(|(system, _)| !system.is_empty());
    if !reasons.iter().any(is_coded) {
        let text = "ServiceRequest.reasonReference: expected the focus-condition of the referral, with a code of SKS or ICPC-2";
        work.needs(at, IntakeReason::ReasonCode, text);
        return None;
    }
    reasons.retain(|reason| !work.context.groups.groups_of_concept(reason).is_empty());
    if reasons.is_empty() {
        work.leave_out(at, IntakeReason::OtherDiagnosis);
        return None;
    }
    Some(reasons)
}

fn take(
    work: &mut Converting<'_>,
    at: usize,
    sent: &Value,
    reasons: Vec<Value>,
    taken: &BTreeSet<usize>,
) {
    let key = key_at(work, at, KIND);
    let mut assumed = vec![IntakeReason::ReceivedAsAuthored];
    let mut content = begin(work, at, &key);
    let extensions = extensions_of(work, at, &key, sent, &mut assumed);
    if !extensions.is_empty() {
        content.insert("extension".into(), Value::Array(extensions));
    }
    let replaces: Vec<Value> = items(&sent["replaces"])
        .filter(|reference| {
            let entry = work.statement.bundle.resolve(reference);
            entry.is_none_or(|at| taken.contains(&at))
        })
        .filter_map(|reference| named(work, reference, KIND))
        .map(|key| reference_to(&key))
        .collect();
    if !replaces.is_empty() {
        content.insert("replaces".into(), Value::Array(replaces));
    }
    take_over(sent, &["status"], &mut content);
    content.insert("intent".into(), json!("order"));
    let record = json!({ "system": names::CS_REFERRAL_KIND, "code": "received-record" });
    content.insert("category".into(), json!([{ "coding": [record] }]));
    take_over(sent, &["code"], &mut content);
    content.insert("subject".into(), work.subject());
    take_over(sent, &["authoredOn"], &mut content);
    requester(work, sent, &mut content, &mut assumed);
    if let Some(municipality) = municipality(work) {
        content.insert("performer".into(), json!([municipality]));
    }
    content.insert("reasonCode".into(), Value::Array(reasons));
    work.propose(at, key, Value::Object(content), assumed);
}

/// Names the requester: a general practice only by its type, its ydernummer or the operator's
/// table.
fn requester(
    work: &mut Converting<'_>,
    sent: &Value,
    content: &mut Map<String, Value>,
    assumed: &mut Vec<IntakeReason>,
) {
    let Some(party) = work.sent_party(&sent["requester"]) else {
        return;
    };
    let matched = party.matched(&work.known.organizations);
    let is_practice =
        matched.is_some_and(|matched| matched.is_practice(work.context, &sent["authoredOn"]));
    if !is_practice {
        assumed.push(IntakeReason::PracticeUnknown);
    }
    if let Some(reference) = work.organization(&party) {
        content.insert("requester".into(), reference);
    }
}

/// Makes the extensions: the reason of the status, the day of receipt, and a postponement.
fn extensions_of(
    work: &Converting<'_>,
    at: usize,
    key: &ResourceKey,
    sent: &Value,
    assumed: &mut Vec<IntakeReason>,
) -> Vec<Value> {
    let mut made = Vec::new();
    let told = extensions(sent, names::REQUEST_STATUS_REASON)
        .map(|extension| &extension["valueCodeableConcept"])
        .next()
        .unwrap_or(&Value::Null);
    let of_kl = reason_in(told);
    let own = codings(told).any(|(system, _)| system == names::CS_STATUS_REASON);
    let needs_reason = matches!(sent["status"].as_str(), Some("revoked" | "on-hold"));
    let concept = match &of_kl {
        Some(KlReason { reason, .. }) => Some(reason_concept(reason, told)),
        None if own => Some(told.clone()),
        None if needs_reason && is_replaced(work, at, key) => {
            Some(reason_concept("superseded", told))
        }
        None if needs_reason => {
            assumed.push(IntakeReason::ReasonNotStated);
            Some(reason_concept("not-stated", told))
        }
        None => None,
    };
    if let Some(concept) = concept {
        let url = names::REQUEST_STATUS_REASON;
        made.push(json!({ "url": url, "valueCodeableConcept": concept }));
    }
    let received = sent["authoredOn"].as_str().and_then(FhirDate::parse);
    if let Some(day) = received.and_then(FhirDate::date) {
        made.push(json!({ "url": names::EXT_RECEIVED, "valueDate": day.to_string() }));
    }
    let stored = work.known.content(key).unwrap_or(&Value::Null);
    let postponements: Vec<&Value> = extensions(stored, names::EXT_POSTPONEMENT).collect();
    // One that has ended is of the past; an open one stands as long as the sender says so.
    made.extend(
        postponements
            .iter()
            .filter(|known| has_end(known))
            .map(|known| (*known).clone()),
    );
    if let Some(reason) = of_kl.and_then(|reason| reason.postponement) {
        let same = |known: &&&Value| {
            !has_end(known) && part(known, "reason")["valueCode"] == reason.as_str()
        };
        let stored = postponements
            .iter()
            .find(same)
            .map(|known| (*known).clone());
        made.push(stored.unwrap_or_else(|| postponement(work, &reason)));
    }
    made
}

fn part<'v>(extension: &'v Value, name: &str) -> &'v Value {
    let mut parts = extensions(extension, name);
    parts.next().unwrap_or(&Value::Null)
}

fn has_end(postponement: &Value) -> bool {
    part(postponement, "period")["valuePeriod"]["end"].is_string()
}

/// Makes a postponement without an end, from the day of the report.
fn postponement(work: &Converting<'_>, reason: &str) -> Value {
    let instant = work.statement.instant.as_ref();
    let day = instant.map_or(work.context.today, |(_, instant)| copenhagen_date(*instant));
    let period = json!({ "start": day.to_string() });
    json!({ "url": names::EXT_POSTPONEMENT, "extension": [
        { "url": "period", "valuePeriod": period },
        { "url": "reason", "valueCode": reason },
    ] })
}

/// Tells whether another referral replaces this one.
fn is_replaced(work: &Converting<'_>, at: usize, key: &ResourceKey) -> bool {
    let bundle = &work.statement.bundle;
    let mut sent = bundle
        .of_type("ServiceRequest")
        .flat_map(|(_, entry)| items(&entry.resource["replaces"]));
    let mut stored = work.known.of_type(KIND);
    sent.any(|reference| bundle.resolve(reference) == Some(at))
        || stored.any(|known| {
            let mut replaced = items(&known.content["replaces"]);
            replaced.any(|reference| reference["reference"] == key.to_string().as_str())
        })
}
