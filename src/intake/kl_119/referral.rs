//! The referrals of a report: records of receipt, since the day that they have is that of receipt
//! (intake, section 5).

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::super::content::{reference_to, take_over};
use super::super::conversion::Converting;
use super::super::words::IntakeReason;
use super::codes::{KlReason, is_prevention, reason_concept, reason_in};
use super::report::{begin, key_at, municipality, named};
use crate::fhir::view::{codings, extensions, items};
use crate::fhir::{FhirDate, Reference, ResourceKey, ResourceType, copenhagen_date, names};

const KIND: ResourceType = ResourceType::ServiceRequest;

/// Converts all referrals.
pub(super) fn convert(work: &mut Converting<'_>) {
    let open = work.open("ServiceRequest");
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
    let conditions = items(&sent["reasonReference"])
        .filter_map(|reason| bundle.resolve(reason))
        .map(|at| &bundle.entries[at])
        .filter(|entry| !entry.has_modifiers());
    let mut reasons: Vec<Value> = conditions
        .map(|entry| reason_of(work, entry.resource))
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
    reasons.retain(|reason| !work.context.groups.groups_of_reasons(reason).is_empty());
    if reasons.is_empty() {
        work.leave_out(at, IntakeReason::OtherDiagnosis);
        return None;
    }
    Some(reasons)
}

/// Returns the reason that a focus-condition is: its code, or the group that it names, which decides
/// alone then: of its codes those stay that say no other.
fn reason_of(work: &Converting<'_>, condition: &Value) -> Value {
    let mut concept = condition["code"].clone();
    let named = extensions(condition, names::EXT_TARGET_GROUP)
        .flat_map(|extension| items(&extension["valueCodeableConcept"]["coding"]));
    let named: Vec<Value> = named.cloned().collect();
    if named.is_empty() {
        return concept;
    }
    let groups = work.context.groups.groups_of_condition(condition);
    let agrees = |coding: &&Value| {
        let of_code = work
            .context
            .groups
            .groups_of_concept(&json!({ "coding": [coding] }));
        of_code.iter().all(|group| groups.contains(group))
    };
    let codes: Vec<Value> = items(&concept["coding"]).filter(agrees).cloned().collect();
    if !concept.is_object() {
        concept = json!({});
    }
    concept["coding"] = named.into_iter().chain(codes).collect();
    concept
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
    let extensions = extensions_of(work, at, sent, taken, &mut assumed);
    if !extensions.is_empty() {
        content.insert("extension".into(), Value::Array(extensions));
    }
    let replaces: Vec<Value> = items(&sent["replaces"])
        .filter_map(|reference| {
            let entry = work.statement.bundle.resolve(reference);
            let key = named(work, reference, KIND)?;
            // What the Bundle itself has, and is not stored, is not named.
            let is_there = entry
                .is_none_or(|at| will_be(work, at, taken) || work.known.content(&key).is_some());
            is_there.then_some(key)
        })
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
    let matched = work.matched(&party);
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
    sent: &Value,
    taken: &BTreeSet<usize>,
    assumed: &mut Vec<IntakeReason>,
) -> Vec<Value> {
    let key = key_at(work, at, KIND);
    let mut made = Vec::new();
    let told = told_reason(sent);
    let of_kl = reason_in(told);
    let own = codings(told).any(|(system, _)| system == names::CS_STATUS_REASON);
    let needs_reason = matches!(sent["status"].as_str(), Some("revoked" | "on-hold"));
    let concept = match &of_kl {
        Some(KlReason { reason, .. }) => Some(reason_concept(reason, told)),
        None if own => Some(told.clone()),
        None if needs_reason && is_replaced(work, at, &key, taken) => {
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
    let stored = work.known.content(&key).unwrap_or(&Value::Null);
    let postponement = of_kl.and_then(|reason| reason.postponement);
    made.extend(postponements(work, stored, postponement));
    made
}

/// Returns the concept of the reason of a status.
fn told_reason(referral: &Value) -> &Value {
    let mut told = extensions(referral, names::REQUEST_STATUS_REASON)
        .map(|extension| &extension["valueCodeableConcept"]);
    told.next().unwrap_or(&Value::Null)
}

/// Returns the postponements: one that the sender no longer says has an end, so that its days still
/// count; what another writer wrote stays.
fn postponements(work: &Converting<'_>, stored: &Value, said: Option<String>) -> Vec<Value> {
    let of_sender = reason_in(told_reason(stored)).and_then(|reason| reason.postponement);
    let (mut all, mut goes_on) = (Vec::new(), false);
    for known in extensions(stored, names::EXT_POSTPONEMENT) {
        let reason = part(known, "reason")["valueCode"].as_str();
        let is_open = !has_end(known);
        if is_open && reason.is_some() && reason == said.as_deref() {
            goes_on = true;
            all.push(known.clone());
        } else if is_open && reason.is_some() && reason == of_sender.as_deref() {
            all.extend(ended(known, day_of_report(work)));
        } else {
            all.push(known.clone());
        }
    }
    let new = said.filter(|_| !goes_on);
    all.extend(new.map(|reason| postponement(work, &reason)));
    all
}

/// Returns a postponement with its end on that day; none if it covers no day then.
fn ended(postponement: &Value, end: Date) -> Option<Value> {
    let start = part(postponement, "period")["valuePeriod"]["start"].as_str();
    let start = start.and_then(FhirDate::parse).and_then(FhirDate::date);
    if start.is_some_and(|start| start >= end) {
        return None;
    }
    let mut ended = postponement.clone();
    for part in ended["extension"].as_array_mut()? {
        if part["url"] == "period" {
            part["valuePeriod"]["end"] = json!(end.to_string());
        }
    }
    Some(ended)
}

fn day_of_report(work: &Converting<'_>) -> Date {
    let instant = work.statement.instant.as_ref();
    instant.map_or(work.context.today, |(_, instant)| copenhagen_date(*instant))
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
    let period = json!({ "start": day_of_report(work).to_string() });
    json!({ "url": names::EXT_POSTPONEMENT, "extension": [
        { "url": "period", "valuePeriod": period },
        { "url": "reason", "valueCode": reason },
    ] })
}

/// Tells whether another referral replaces this one: one that is there, or will be. A right never ends by
/// one that is not.
fn is_replaced(
    work: &Converting<'_>,
    at: usize,
    key: &ResourceKey,
    taken: &BTreeSet<usize>,
) -> bool {
    let bundle = &work.statement.bundle;
    let mut sent = taken.iter().filter(|other| {
        let resource = bundle.entries[**other].resource;
        let mut replaced = items(&resource["replaces"]);
        **other != at
            && is_counted(resource)
            && will_be(work, **other, taken)
            && replaced.any(|reference| named(work, reference, KIND).as_ref() == Some(key))
    });
    let mut stored = work.known.of_type(KIND).filter(|known| {
        let mut replaced = items(&known.content["replaces"]);
        known.key != *key
            && is_counted(&known.content)
            && replaced.any(|reference| Reference::read(reference).local_key() == Some(key))
    });
    sent.next().is_some() || stored.next().is_some()
}

/// Tells whether an entry is stored by this report, as far as is known.
fn will_be(work: &Converting<'_>, at: usize, taken: &BTreeSet<usize>) -> bool {
    let key = key_at(work, at, KIND);
    taken.contains(&at)
        && !work.context.refused.contains_key(&key)
        && !work.known.stated_later.contains(&key)
}

fn is_counted(referral: &Value) -> bool {
    let status = referral["status"].as_str().unwrap_or_default();
    !matches!(status, "" | "draft" | "unknown" | "entered-in-error")
}
