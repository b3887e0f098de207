//! The plans of a report: evidence for the contacts that follow from them, never treatment plans
//! (intake, section 5).

use serde_json::{Map, Value, json};

use super::super::content::{reference_to, take_over};
use super::super::conversion::Converting;
use super::super::words::IntakeReason;
use super::codes::{reason_concept, reason_in};
use super::report::{
    BASED_ON_REFERRAL, begin, has_referral, key_at, municipality, named, references_of,
};
use crate::fhir::view::items;
use crate::fhir::{ResourceType, names};

/// Converts all plans.
pub(super) fn convert(work: &mut Converting<'_>) {
    let has_referral = has_referral(work);
    for (at, sent) in work.open("CarePlan") {
        if has_referral {
            take(work, at, sent);
        } else {
            work.leave_out(at, IntakeReason::NoReferral);
        }
    }
}

fn take(work: &mut Converting<'_>, at: usize, sent: &Value) {
    let key = key_at(work, at, ResourceType::CarePlan);
    let mut content = begin(work, at, &key);
    content.insert(
        "meta".into(),
        json!({ "profile": [names::PROFILE_OFFER_PLAN] }),
    );
    let referrals: Vec<Value> = references_of(sent, BASED_ON_REFERRAL)
        .into_iter()
        .filter_map(|reference| named(work, reference, ResourceType::ServiceRequest))
        .map(|key| json!({ "url": BASED_ON_REFERRAL, "valueReference": reference_to(&key) }))
        .collect();
    if !referrals.is_empty() {
        content.insert("extension".into(), Value::Array(referrals));
    }
    let based_on: Vec<Value> = items(&sent["basedOn"])
        .filter_map(|reference| named(work, reference, ResourceType::CarePlan))
        .map(|key| reference_to(&key))
        .collect();
    if !based_on.is_empty() {
        content.insert("basedOn".into(), Value::Array(based_on));
    }
    take_over(sent, &["status"], &mut content);
    content.insert("intent".into(), json!("plan"));
    let offer = json!({ "system": names::CS_CAREPLAN_CATEGORY, "code": "prevention-offer" });
    let category = items(&sent["category"]).cloned();
    let category: Vec<Value> = std::iter::once(json!({ "coding": [offer] }))
        .chain(category)
        .collect();
    content.insert("category".into(), Value::Array(category));
    content.insert("subject".into(), work.subject());
    take_over(sent, &["period"], &mut content);
    if let Some(municipality) = municipality(work) {
        content.insert("author".into(), municipality);
    }
    let details = items(&sent["activity"]).map(|activity| &activity["detail"]);
    let details: Vec<&Value> = details.filter(|detail| detail.is_object()).collect();
    let activity: Vec<Value> = details
        .into_iter()
        .map(|detail| json!({ "detail": taken_detail(work, detail) }))
        .collect();
    if !activity.is_empty() {
        content.insert("activity".into(), Value::Array(activity));
    }
    work.propose(at, key, Value::Object(content), Vec::new());
}

fn taken_detail(work: &mut Converting<'_>, sent: &Value) -> Value {
    let mut detail = Map::new();
    take_over(sent, &["code", "status"], &mut detail);
    let reason = &sent["statusReason"];
    if reason.is_object() {
        let concept = match reason_in(reason) {
            Some(known) => reason_concept(&known.reason, reason),
            None => reason.clone(),
        };
        detail.insert("statusReason".into(), concept);
    }
    let performers = items(&sent["performer"]).filter_map(|party| work.sent_party(party));
    let performers: Vec<_> = performers.collect();
    let performers: Vec<Value> = performers
        .iter()
        .filter_map(|party| work.organization(party))
        .collect();
    if !performers.is_empty() {
        detail.insert("performer".into(), Value::Array(performers));
    }
    Value::Object(detail)
}
