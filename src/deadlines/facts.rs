//! The facts that the rules know of one person (deadline-rules, section 3). Reading never fails:
//! what cannot be read is not counted.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::Value;

use super::calendar::{Postponement, day_of};
use super::fact_types::FactType;
use super::group_table::GroupTable;
use super::offers::{Booking, OfferPlan, OfferStart, is_offer_plan};
use super::practice::{Party, Practices};
use super::practice_table::PracticeTable;
use super::reasons::Uncounted;
use super::referrals::{self, Chain};
use super::stored::Stored;
use super::task::prevention_start_task_id;
use super::words::Group;
use crate::fhir::reference::local_keys;
use crate::fhir::view::{extensions, has_coding, items};
use crate::fhir::{Id, ResourceKey, ResourceType, Version, names};

/// The facts of one person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PersonFacts {
    pub(super) patient: Patient,
    /// The counted Conditions, by id.
    pub(super) diagnoses: Vec<Diagnosis>,
    /// The treatment plans in force or declined, by date and id.
    pub(super) plans: Vec<Plan>,
    /// The referral chains.
    pub(super) chains: Vec<Chain>,
    /// The starts of offers, by date and id.
    pub(super) offer_starts: Vec<OfferStart>,
    /// The bookings, by date and id.
    pub(super) bookings: Vec<Booking>,
    /// The plans for offers, by id.
    pub(super) offer_plans: Vec<OfferPlan>,
    /// Each Condition and ServiceRequest that is stored, counted or not.
    pub(super) triggers: BTreeMap<ResourceKey, Trigger>,
    /// The resources that are stored and not counted, each with the reason.
    pub(super) uncounted: BTreeMap<ResourceKey, Uncounted>,
    /// Every date on which something becomes known or ends, in order.
    pub(super) dates: Vec<Date>,
}

/// The knowledge kept of each resource that may be a Task's focus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Trigger {
    pub version: Version,
    pub entered_in_error: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Patient {
    pub key: ResourceKey,
    pub version: Option<Version>,
    /// The general practitioners that the Patient names.
    pub practices: Vec<Party>,
    pub death: Option<Death>,
    /// False if the Patient says that it is not in use.
    pub is_active: bool,
    /// The Patients by which it says that it is replaced.
    pub replaced_by: Vec<ResourceKey>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Death {
    On(Date),
    /// The date is not known: it counts for every day.
    Undated,
}

impl Death {
    pub(super) fn is_known_on(self, day: Date) -> bool {
        match self {
            Death::On(date) => date <= day,
            Death::Undated => true,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Diagnosis {
    pub key: ResourceKey,
    pub version: Version,
    pub date: Date,
    pub groups: Vec<Group>,
    /// The party that recorded it, else the one that asserted it.
    pub recorder: Party,
    pub postponements: Vec<Postponement>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    pub key: ResourceKey,
    pub version: Version,
    pub date: Date,
    pub state: PlanState,
    pub author: Party,
    /// The Conditions it addresses.
    pub addresses: Vec<ResourceKey>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PlanState {
    InForce,
    Declined,
}

impl PersonFacts {
    /// Reads the facts of the person `patient` from the current versions of everything that may say
    /// something about them: the Patient, the person's resources of the
    /// [`FACT_TYPES`](super::FACT_TYPES), and the Organizations and PractitionerRoles that
    /// [`practice_references`](super::practice_references) names. In any order; other types are
    /// ignored, and what is not stored is left out. `listed` are the general practices of the
    /// operator's table.
    ///
    /// Contents are only borrowed, and of each only the top elements listed by
    /// [`elements_read`](super::elements_read) are looked at: the caller may leave out all others.
    pub fn read(
        patient: &ResourceKey,
        resources: &[Stored<'_>],
        table: &GroupTable,
        listed: &PracticeTable,
    ) -> PersonFacts {
        let practices = Practices::among(resources, listed);
        let of_patient = resources.iter().find(|stored| stored.key == *patient);
        let mut facts = PersonFacts {
            patient: read_patient(patient, of_patient, &practices),
            diagnoses: Vec::new(),
            plans: Vec::new(),
            chains: Vec::new(),
            offer_starts: Vec::new(),
            bookings: Vec::new(),
            offer_plans: Vec::new(),
            triggers: BTreeMap::new(),
            uncounted: BTreeMap::new(),
            dates: Vec::new(),
        };
        let mut requests = Vec::new();
        for stored in resources {
            let fact_type = FactType::of(stored.key.resource_type);
            if fact_type == Some(FactType::ServiceRequest) {
                requests.push(stored);
            }
            if let Err(why) = facts.add(fact_type, stored, &practices, table) {
                facts.uncounted.insert(stored.key.clone(), why);
            }
        }
        facts
            .diagnoses
            .sort_by(|left, right| left.key.cmp(&right.key));
        facts.chains = {
            let diagnoses = facts.diagnoses.iter();
            let groups = diagnoses.map(|fact| (&fact.key, fact.groups.as_slice()));
            let groups = groups.collect();
            referrals::chains(&requests, &practices, table, &groups, &mut facts.uncounted)
        };
        facts
            .plans
            .sort_by(|left, right| (left.date, &left.key).cmp(&(right.date, &right.key)));
        facts
            .offer_starts
            .sort_by(|left, right| (left.date, &left.key).cmp(&(right.date, &right.key)));
        facts
            .bookings
            .sort_by(|left, right| (left.date, &left.key).cmp(&(right.date, &right.key)));
        facts
            .offer_plans
            .sort_by(|left, right| left.key.cmp(&right.key));
        facts.dates = facts.all_dates();
        facts
    }

    /// Adds the fact that a resource is; those of referrals follow from all of them.
    fn add(
        &mut self,
        fact_type: Option<FactType>,
        stored: &Stored<'_>,
        practices: &Practices<'_>,
        table: &GroupTable,
    ) -> Result<(), Uncounted> {
        match fact_type {
            Some(FactType::Condition) => {
                self.triggers.insert(stored.key.clone(), trigger(stored));
                self.diagnoses.push(diagnosis(stored, practices, table)?);
            }
            Some(FactType::CarePlan) => {
                self.offer_plans.extend(OfferPlan::read(stored, practices));
                self.plans.push(plan(stored, practices)?);
            }
            Some(FactType::ServiceRequest) => {
                self.triggers.insert(stored.key.clone(), trigger(stored));
            }
            Some(FactType::Encounter) => self.offer_starts.push(OfferStart::read(stored)?),
            Some(FactType::Appointment) => {
                self.bookings
                    .push(Booking::read(stored, &self.patient.key)?);
            }
            None => {}
        }
        Ok(())
    }

    /// Tells whether this Condition or ServiceRequest is stored, counted or not.
    pub fn has_trigger(&self, key: &ResourceKey) -> bool {
        self.triggers.contains_key(key)
    }

    /// Returns the Task id of each chain of referrals, whether or not it gives a right, with the
    /// referral that it is made of.
    pub fn chain_tasks(&self) -> impl Iterator<Item = (Id, &ResourceKey)> {
        let roots = self.chains.iter().filter_map(Chain::root);
        roots.map(|root| (prevention_start_task_id(&root.key.id), &root.key))
    }

    fn all_dates(&self) -> Vec<Date> {
        let members = || self.chains.iter().flat_map(|chain| &chain.members);
        let postponements = self
            .diagnoses
            .iter()
            .flat_map(|fact| &fact.postponements)
            .chain(members().flat_map(|fact| &fact.postponements));
        let death = match self.patient.death {
            Some(Death::On(date)) => Some(date),
            Some(Death::Undated) | None => None,
        };
        let mut dates: Vec<Date> = postponements
            .flat_map(|span| [Some(span.start), span.end])
            .flatten()
            .chain(death)
            .collect();
        dates.extend(self.diagnoses.iter().map(|fact| fact.date));
        dates.extend(self.plans.iter().map(|fact| fact.date));
        dates.extend(self.offer_starts.iter().map(|fact| fact.date));
        dates.extend(
            members()
                .flat_map(|member| [Some(member.date), member.occurrence, member.received])
                .flatten(),
        );
        // A booking is one up to its day, and no longer on the day after.
        let of_bookings = self.bookings.iter();
        dates.extend(
            of_bookings
                .flat_map(|booking| [booking.created, booking.date.tomorrow().ok()])
                .flatten(),
        );
        dates.sort_unstable();
        dates.dedup();
        dates
    }
}

fn read_patient(
    key: &ResourceKey,
    stored: Option<&Stored<'_>>,
    practices: &Practices<'_>,
) -> Patient {
    let Some(stored) = stored else {
        return Patient {
            key: key.clone(),
            version: None,
            practices: Vec::new(),
            death: None,
            is_active: true,
            replaced_by: Vec::new(),
        };
    };
    let death = match &stored.value["deceasedBoolean"] {
        Value::Bool(true) => Some(Death::Undated),
        _ => day_of(&stored.value["deceasedDateTime"]).map(Death::On),
    };
    let practices = items(&stored.value["generalPractitioner"])
        .map(|element| practices.party(element))
        .collect();
    Patient {
        key: key.clone(),
        version: Some(stored.version),
        practices,
        death,
        is_active: stored.value["active"] != false,
        replaced_by: items(&stored.value["link"])
            .filter(|link| link["type"] == "replaced-by")
            .flat_map(|link| local_keys(&link["other"], ResourceType::Patient))
            .collect(),
    }
}

fn diagnosis(
    stored: &Stored<'_>,
    practices: &Practices<'_>,
    table: &GroupTable,
) -> Result<Diagnosis, Uncounted> {
    let condition = stored.value;
    if !has_coding(
        &condition["verificationStatus"],
        names::CONDITION_VER_STATUS,
        "confirmed",
    ) {
        return Err(Uncounted::NotConfirmed);
    }
    let date = match extensions(condition, names::CONDITION_ASSERTED_DATE).next() {
        Some(asserted) => day_of(&asserted["valueDateTime"]),
        None => day_of(&condition["recordedDate"]),
    };
    let recorder =
        Some(practices.party(&condition["recorder"])).filter(|party| party.owner.is_some());
    Ok(Diagnosis {
        key: stored.key.clone(),
        version: stored.version,
        date: date.ok_or(Uncounted::NoDiagnosisDay)?,
        groups: table.groups_of_condition(condition),
        recorder: recorder.unwrap_or_else(|| practices.party(&condition["asserter"])),
        postponements: Postponement::of(condition),
    })
}

fn plan(stored: &Stored<'_>, practices: &Practices<'_>) -> Result<Plan, Uncounted> {
    let plan = stored.value;
    let is_treatment_plan = has_coding(
        &plan["category"],
        names::CS_CAREPLAN_CATEGORY,
        "treatment-plan",
    );
    if is_offer_plan(plan) {
        return Err(Uncounted::OfferPlan);
    }
    if !is_treatment_plan {
        return Err(Uncounted::NotTreatmentPlan);
    }
    let author = practices.party(&plan["author"]);
    let reason = |code| {
        extensions(plan, names::EXT_STATUS_REASON).any(|reason| {
            has_coding(
                &reason["valueCodeableConcept"],
                names::CS_STATUS_REASON,
                code,
            )
        })
    };
    let state = match plan["status"].as_str().unwrap_or_default() {
        "active" | "on-hold" | "completed" => PlanState::InForce,
        "revoked" if reason("superseded") || reason("ended") => PlanState::InForce,
        "revoked" if reason("patient-declined") => PlanState::Declined,
        _ => return Err(Uncounted::PlanNotInForce),
    };
    let date = day_of(&plan["created"]).ok_or(Uncounted::NoPlanDay)?;
    if state == PlanState::InForce && !author.is_general_practice_on(date) {
        return Err(Uncounted::AuthorNoPractice);
    }
    Ok(Plan {
        key: stored.key.clone(),
        version: stored.version,
        date,
        state,
        author,
        addresses: local_keys(&plan["addresses"], ResourceType::Condition),
    })
}

fn trigger(stored: &Stored<'_>) -> Trigger {
    let refuted = has_coding(
        &stored.value["verificationStatus"],
        names::CONDITION_VER_STATUS,
        "entered-in-error",
    );
    Trigger {
        version: stored.version,
        entered_in_error: refuted || stored.value["status"] == "entered-in-error",
    }
}
