//! The contacts of a report: held ones are Encounters, planned ones Appointments (intake, section 5).
//! Which offer a contact was, and for which referral, follows from its plan.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::super::content::{reference_to, take_over};
use super::super::conversion::Converting;
use super::super::words::IntakeReason;
use super::codes::{FSIII, Intervention, intervention};
use super::report::{
    BASED_ON_PLAN, BASED_ON_REFERRAL, begin, has_referral, is_here, key_at, key_of, named,
    references_of,
};
use crate::fhir::view::{codings, has_coding, items};
use crate::fhir::{Reference, ResourceKey, ResourceType, names};

/// The plans of the person: those of the report, and those that are stored.
struct Plans(BTreeMap<ResourceKey, Value>);

impl Plans {
    fn of(work: &Converting<'_>) -> Self {
        let stored = work.known.of_type(ResourceType::CarePlan);
        let mut plans: BTreeMap<ResourceKey, Value> = stored
            .map(|known| (known.key.clone(), known.content.clone()))
            .collect();
        let sent = work.proposed(ResourceType::CarePlan);
        plans.extend(sent.map(|(key, content)| (key.clone(), content.clone())));
        Plans(plans)
    }

    /// Returns the plans that are based on this one.
    fn parts(&self, plan: &ResourceKey) -> impl Iterator<Item = &Value> {
        let is_part = |content: &&Value| {
            let mut wholes = items(&content["basedOn"]);
            wholes.any(|whole| Reference::read(whole).local_key() == Some(plan))
        };
        self.0.values().filter(is_part)
    }

    /// Returns the codes of what is planned: the plan's own, else those of its parts.
    fn codes(&self, plan: &ResourceKey) -> Vec<Value> {
        let of_plan = |content: &Value| -> Vec<Value> {
            let details = items(&content["activity"]).map(|activity| &activity["detail"]["code"]);
            details.filter(|code| code.is_object()).cloned().collect()
        };
        let own = self.0.get(plan).map(of_plan).unwrap_or_default();
        if own.is_empty() {
            self.parts(plan).flat_map(of_plan).collect()
        } else {
            own
        }
    }

    /// Returns the referrals that the plan, a part of it or its whole names.
    fn referrals(&self, plan: &ResourceKey) -> BTreeSet<ResourceKey> {
        let own = self.0.get(plan);
        let wholes = own
            .into_iter()
            .flat_map(|content| items(&content["basedOn"]));
        let wholes = wholes.filter_map(|whole| {
            let key = Reference::read(whole).local_key().cloned()?;
            self.0.get(&key)
        });
        let all = own.into_iter().chain(self.parts(plan)).chain(wholes);
        let named = all.flat_map(|content| references_of(content, BASED_ON_REFERRAL));
        named
            .filter_map(|reference| Reference::read(reference).local_key().cloned())
            .collect()
    }
}

/// Converts all contacts.
pub(super) fn convert(work: &mut Converting<'_>) {
    let plans = Plans::of(work);
    let has_referral = has_referral(work);
    for (at, sent) in work.open("Encounter") {
        if has_referral {
            Contact::read(work, &plans, at, sent).take(work);
        } else {
            work.leave_out(at, IntakeReason::NoReferral);
        }
    }
}

/// The offer that a contact was, or why that is not known.
enum OfferTypes {
    Known(Vec<Value>),
    NoOffer,
    Unknown,
}

/// One contact, with what follows from its plan.
struct Contact<'a> {
    at: usize,
    sent: &'a Value,
    plans: Vec<ResourceKey>,
    referral: Option<ResourceKey>,
    types: OfferTypes,
}

impl<'a> Contact<'a> {
    fn read(work: &Converting<'_>, plans: &Plans, at: usize, sent: &'a Value) -> Self {
        let mut named_plans: Vec<ResourceKey> = references_of(sent, BASED_ON_PLAN)
            .into_iter()
            .filter_map(|reference| named(work, reference, ResourceType::CarePlan))
            .collect();
        named_plans.dedup();
        let of_plans = named_plans.iter().flat_map(|plan| plans.referrals(plan));
        let of_plans: BTreeSet<ResourceKey> = of_plans.collect();
        let own = items(&sent["basedOn"])
            .filter_map(|reference| named(work, reference, ResourceType::ServiceRequest));
        let own: BTreeSet<ResourceKey> = own.collect();
        let named = if own.is_empty() { of_plans } else { own };
        let here: Vec<&ResourceKey> = named.iter().filter(|key| is_here(work, key)).collect();
        let referral = match here.as_slice() {
            [only] if named.len() == 1 => Some((*only).clone()),
            _ => None,
        };
        let codes = named_plans.iter().flat_map(|plan| plans.codes(plan));
        let codes: Vec<Value> = codes.collect();
        Contact {
            at,
            sent,
            referral,
            types: types_of(&codes),
            plans: named_plans
                .into_iter()
                .filter(|plan| is_here(work, plan))
                .collect(),
        }
    }

    fn take(&self, work: &mut Converting<'_>) {
        match self.sent["status"].as_str() {
            Some("planned" | "cancelled") if self.referral.is_none() => {
                work.leave_out(self.at, IntakeReason::NoReferral);
            }
            Some("planned") => self.appointment(work, "booked"),
            Some("cancelled") => self.appointment(work, "cancelled"),
            Some("in-progress" | "finished" | "entered-in-error") => self.encounter(work),
            _ => work.leave_out(self.at, IntakeReason::NotNeeded),
        }
    }

    /// Returns the types, or decides why the contact is not taken.
    fn types(&self, work: &mut Converting<'_>, stored: &Value) -> Option<Vec<Value>> {
        let stored: Vec<Value> = items(stored).cloned().collect();
        match &self.types {
            OfferTypes::Known(types) => Some(types.clone()),
            OfferTypes::NoOffer => {
                work.leave_out(self.at, IntakeReason::NotAnOffer);
                None
            }
            OfferTypes::Unknown if !stored.is_empty() => Some(stored),
            OfferTypes::Unknown => {
                let text = "expected the plan of the contact (BasedOnCarePlanExtension) with a national code of the intervention in activity.detail.code, or a planned intervention that is based on the plan; a local code alone says nothing";
                work.needs(self.at, IntakeReason::OfferType, text);
                None
            }
        }
    }

    fn encounter(&self, work: &mut Converting<'_>) {
        let key = key_at(work, self.at, ResourceType::Encounter);
        let stored = work.known.content(&key).cloned().unwrap_or_default();
        let Some(types) = self.types(work, &stored["type"]) else {
            return;
        };
        let mut content = begin(work, self.at, &key);
        let links = self.plans.iter();
        let links: Vec<Value> = links
            .map(|plan| json!({ "url": BASED_ON_PLAN, "valueReference": reference_to(plan) }))
            .collect();
        if !links.is_empty() {
            content.insert("extension".into(), Value::Array(links));
        }
        take_over(self.sent, &["status", "class"], &mut content);
        content.insert("type".into(), Value::Array(types));
        content.insert("subject".into(), work.subject());
        if let Some(referral) = &self.referral {
            content.insert("basedOn".into(), json!([reference_to(referral)]));
        }
        take_over(self.sent, &["period"], &mut content);
        work.propose(self.at, key.clone(), Value::Object(content), Vec::new());
        if self.sent["status"] == "finished" && work.is_proposed(&key) {
            self.fulfil(work);
        }
    }

    fn appointment_key(&self, work: &Converting<'_>) -> ResourceKey {
        let id = work.statement.bundle.entries[self.at].id();
        key_of(work, ResourceType::Appointment, id)
    }

    fn appointment(&self, work: &mut Converting<'_>, status: &str) {
        let key = self.appointment_key(work);
        let stored = work.known.content(&key).cloned().unwrap_or_default();
        let Some(types) = self.types(work, &stored["serviceType"]) else {
            return;
        };
        let mut content = begin(work, self.at, &key);
        content.insert("status".into(), json!(status));
        content.insert("serviceType".into(), Value::Array(types));
        let period = &self.sent["period"];
        let start = &period["start"];
        // An Appointment has both ends or none.
        let end = if period["end"].is_null() {
            start
        } else {
            &period["end"]
        };
        for (name, value) in [("start", start), ("end", end)] {
            if value.is_string() {
                content.insert(name.into(), value.clone());
            }
        }
        let referral = self.referral.iter().map(reference_to);
        content.insert("basedOn".into(), referral.collect());
        let person = json!({ "actor": work.subject(), "status": "accepted" });
        content.insert("participant".into(), json!([person]));
        work.propose(self.at, key, Value::Object(content), Vec::new());
    }

    /// Says of the booking of a contact that was held that it is fulfilled.
    fn fulfil(&self, work: &mut Converting<'_>) {
        let key = self.appointment_key(work);
        let stored = work.known.content(&key);
        let Some(stored) = stored.filter(|stored| stored["status"] != "entered-in-error") else {
            return;
        };
        let mut content: Map<String, Value> = stored.as_object().cloned().unwrap_or_default();
        content.insert("status".into(), json!("fulfilled"));
        content.remove("meta");
        work.propose_beside(key, Value::Object(content));
    }
}

/// Reads which offers some codes of interventions are: our code first, the national one beside it.
fn types_of(codes: &[Value]) -> OfferTypes {
    let national = codes.iter().flat_map(|concept| items(&concept["coding"]));
    let national = national.filter(|coding| {
        let of_one = json!({ "coding": [coding] });
        codings(&of_one).any(|(system, _)| system == FSIII)
    });
    let (mut types, mut has_other, mut is_closing) = (Vec::<Value>::new(), false, false);
    let mut any = false;
    for coding in national {
        any = true;
        match intervention(coding["code"].as_str().unwrap_or_default()) {
            Intervention::Offer(offer) => {
                let known = types.iter().any(|concept| {
                    has_coding(concept, FSIII, coding["code"].as_str().unwrap_or_default())
                });
                if !known {
                    let own = json!({ "system": names::CS_PREVENTION_OFFER, "code": offer });
                    types.push(json!({ "coding": [own, coding] }));
                }
            }
            Intervention::NoOffer => is_closing = true,
            Intervention::Unknown => has_other = true,
        }
    }
    if !types.is_empty() {
        OfferTypes::Known(types)
    } else if any && is_closing && !has_other {
        OfferTypes::NoOffer
    } else {
        OfferTypes::Unknown
    }
}
