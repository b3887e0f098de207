//! Answers to a referral: starts of offers, bookings, and the plans that a municipality or region
//! makes for its offers (deadline-rules, section 3). A plan is evidence of what an Encounter
//! belongs to, and starts and stops nothing by itself.

use jiff::civil::Date;
use serde_json::Value;

use super::calendar::day_of;
use super::practice::{Party, Practices};
use super::reasons::Uncounted;
use super::stored::{SourceVersion, Stored};
use crate::fhir::reference::{Reference, local_keys};
use crate::fhir::view::{extensions, has_coding, items};
use crate::fhir::{ResourceKey, ResourceType, Version, names};

/// An Encounter that starts an offer, unless a rule excludes its class.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OfferStart {
    pub key: ResourceKey,
    pub version: Version,
    pub date: Date,
    /// The code of its class.
    pub class: Option<String>,
    /// The ServiceRequests it is based on.
    pub based_on: Vec<ResourceKey>,
    /// The plans it is based on, if it names no referral, stored or not.
    pub plans: Vec<ResourceKey>,
}

/// An Appointment that is kept so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Booking {
    pub key: ResourceKey,
    pub version: Version,
    /// The day of the appointment.
    pub date: Date,
    /// The day on which it was made; none if it does not say so.
    pub created: Option<Date>,
    /// The ServiceRequests it is based on.
    pub based_on: Vec<ResourceKey>,
}

/// A plan for offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OfferPlan {
    pub key: ResourceKey,
    pub version: Version,
    /// The ServiceRequests that it names, stored or not; none if it names no referral.
    pub referrals: Option<Vec<ResourceKey>>,
    pub author: Party,
}

impl OfferStart {
    pub(super) fn read(stored: &Stored<'_>) -> Result<OfferStart, Uncounted> {
        let encounter = stored.value;
        let status = encounter["status"].as_str().unwrap_or_default();
        if !matches!(status, "in-progress" | "finished") {
            return Err(Uncounted::NotBegun);
        }
        if is_clarifying(&encounter["type"]) {
            return Err(Uncounted::Clarifying);
        }
        let plans = if names_a_referral(encounter) {
            Vec::new()
        } else {
            extensions(encounter, names::KL_BASED_ON_CAREPLAN)
                .flat_map(|named| local_keys(&named["valueReference"], ResourceType::CarePlan))
                .collect()
        };
        let date = day_of(&encounter["period"]["start"]);
        Ok(OfferStart {
            key: stored.key.clone(),
            version: stored.version,
            date: date.ok_or(Uncounted::NoContactDay)?,
            class: encounter["class"]["code"].as_str().map(str::to_owned),
            based_on: local_keys(&encounter["basedOn"], ResourceType::ServiceRequest),
            plans,
        })
    }

    pub(super) fn source(&self) -> SourceVersion {
        (self.key.clone(), self.version)
    }
}

impl Booking {
    /// Reads the booking of a person.
    pub(super) fn read(stored: &Stored<'_>, patient: &ResourceKey) -> Result<Booking, Uncounted> {
        let appointment = stored.value;
        let status = appointment["status"].as_str().unwrap_or_default();
        let is_kept = matches!(status, "booked" | "arrived" | "checked-in");
        let is_of_person = items(&appointment["participant"])
            .any(|who| Reference::read(&who["actor"]).local_key() == Some(patient));
        if !is_kept {
            return Err(Uncounted::NotBooked);
        }
        if !is_of_person {
            return Err(Uncounted::NotOfPerson);
        }
        if is_clarifying(&appointment["serviceType"]) {
            return Err(Uncounted::Clarifying);
        }
        Ok(Booking {
            key: stored.key.clone(),
            version: stored.version,
            date: day_of(&appointment["start"]).ok_or(Uncounted::NoBookingDay)?,
            created: day_of(&appointment["created"]),
            based_on: local_keys(&appointment["basedOn"], ResourceType::ServiceRequest),
        })
    }

    /// Tells whether it was made by `day`, as far as it says so.
    pub(super) fn is_known_on(&self, day: Date) -> bool {
        self.created.is_none_or(|created| created <= day)
    }

    pub(super) fn source(&self) -> SourceVersion {
        (self.key.clone(), self.version)
    }
}

impl OfferPlan {
    /// Reads a plan for offers. One that names a referral attributes nothing: its Encounters should
    /// name it too.
    pub(super) fn read(stored: &Stored<'_>, practices: &Practices<'_>) -> Option<OfferPlan> {
        let plan = stored.value;
        let counts = is_offer_plan(plan) && plan["status"] != "entered-in-error";
        counts.then(|| OfferPlan {
            key: stored.key.clone(),
            version: stored.version,
            referrals: names_a_referral(plan).then(|| referrals_named(plan)),
            author: practices.party(&plan["author"]),
        })
    }

    /// Returns the versions that it was read from.
    pub(super) fn sources(&self) -> impl Iterator<Item = SourceVersion> {
        let own = (self.key.clone(), self.version);
        std::iter::once(own).chain(self.author.inputs.iter().cloned())
    }
}

/// Tells whether a CarePlan is a plan for offers, which is never a treatment plan.
pub(super) fn is_offer_plan(plan: &Value) -> bool {
    has_coding(
        &plan["category"],
        names::CS_CAREPLAN_CATEGORY,
        "prevention-offer",
    )
}

/// Tells whether an Encounter or a plan names a referral, stored or not, by R4's element or by the
/// extension of KL.
fn names_a_referral(resource: &Value) -> bool {
    items(&resource["basedOn"]).next().is_some()
        || extensions(resource, names::KL_BASED_ON_SERVICE_REQUEST)
            .next()
            .is_some()
}

/// Returns the ServiceRequests of this server that a plan names.
fn referrals_named(plan: &Value) -> Vec<ResourceKey> {
    let by_extension = extensions(plan, names::KL_BASED_ON_SERVICE_REQUEST);
    let by_extension = by_extension.map(|named| &named["valueReference"]);
    let named = std::iter::once(&plan["basedOn"]).chain(by_extension);
    let keys = named.flat_map(|named| local_keys(named, ResourceType::ServiceRequest));
    keys.collect()
}

fn is_clarifying(types: &Value) -> bool {
    has_coding(types, names::CS_PREVENTION_OFFER, "clarifying-conversation")
}
