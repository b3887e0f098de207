//! Explanations of what is stored of a person and gives no right, stops no clock or changes no forecast.
//!
//! It says what the derivation found: the reasons that were noted while facts were read, the chains
//! as the derivation sees them, and the clocks that came of it. It decides nothing by itself.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use jiff::civil::Date;

use super::clock::{Clock, Rights};
use super::facts::{Diagnosis, PersonFacts, Plan, PlanState};
use super::known_chain::{KnownChain, NoClock};
use super::offers::{Booking, OfferStart};
use super::reasons::Explanation;
use super::referrals::Referral;
use super::rules::Rules;
use super::task::prevention_start_task_id;
use super::words::{BusinessStatus, Group, Right, StopMode};
use crate::fhir::{ResourceKey, ResourceType};

/// The explanations of one person's rights on one day.
pub struct Explanations<'a> {
    facts: &'a PersonFacts,
    rules: &'a Rules,
    rights: &'a Rights,
    day: Date,
    /// The chains, once they were asked for.
    chains: OnceCell<Vec<KnownChain<'a>>>,
}

impl<'a> Explanations<'a> {
    /// Begins to explain the rights that were derived from these facts by these rules for that day.
    pub fn of(facts: &'a PersonFacts, rules: &'a Rules, rights: &'a Rights, day: Date) -> Self {
        Explanations {
            facts,
            rules,
            rights,
            day,
            chains: OnceCell::new(),
        }
    }

    /// Returns the chains as the derivation sees them.
    fn chains(&self) -> &[KnownChain<'a>] {
        self.chains.get_or_init(|| {
            let chains = self.facts.chains.iter();
            let known =
                chains.filter_map(|chain| KnownChain::on(self.day, chain, self.facts, self.rules));
            known.collect()
        })
    }

    /// Returns everything that is explained.
    pub fn keys(&self) -> BTreeSet<&'a ResourceKey> {
        let facts = self.facts;
        let plans = facts.plans.iter().map(|plan| &plan.key);
        let starts = facts.offer_starts.iter().map(|start| &start.key);
        let bookings = facts.bookings.iter().map(|booking| &booking.key);
        let others = facts.triggers.keys().chain(facts.uncounted.keys());
        others.chain(plans).chain(starts).chain(bookings).collect()
    }

    /// Returns the reason why a resource has no effect; none if it has one, or is nothing that rights
    /// follow from.
    pub fn reason(&self, key: &ResourceKey) -> Option<Explanation> {
        if let Some(why) = self.facts.uncounted.get(key) {
            return Some(why.reason());
        }
        match key.resource_type {
            ResourceType::Condition => {
                let mut facts = self.facts.diagnoses.iter();
                self.diagnosis(facts.find(|fact| fact.key == *key)?)
            }
            ResourceType::CarePlan => {
                let mut facts = self.facts.plans.iter();
                self.plan(facts.find(|fact| fact.key == *key)?)
            }
            ResourceType::ServiceRequest => {
                let mut members = self.facts.chains.iter().flat_map(|chain| &chain.members);
                self.referral(members.find(|member| member.key == *key)?)
            }
            ResourceType::Encounter => {
                let mut facts = self.facts.offer_starts.iter();
                self.contact(facts.find(|fact| fact.key == *key)?)
            }
            ResourceType::Appointment => {
                let mut facts = self.facts.bookings.iter();
                self.booking(facts.find(|fact| fact.key == *key)?)
            }
            _ => None,
        }
    }

    /// Returns what the Patient says of itself that the sender should know, whatever is written.
    pub fn notices(&self) -> Vec<Explanation> {
        let patient = &self.facts.patient;
        let replaced = patient.replaced_by.iter().map(|other| {
            reason(
                "replaced-patient",
                "Patient.link",
                format!(
                    "{} is replaced by {other}: its rights stay with it and are not joined with those of the other; \
                     send what is about the person as about {other}",
                    patient.key
                ),
            )
        });
        let unused = (!patient.is_active).then(|| {
            reason(
                "inactive-patient",
                "Patient.active",
                format!(
                    "{} says that its record is not in use (active false): that ends no right; \
                     refute the diagnoses and referrals if they are wrong",
                    patient.key
                ),
            )
        });
        replaced.chain(unused).collect()
    }

    fn diagnosis(&self, fact: &Diagnosis) -> Option<Explanation> {
        let element = "Condition.recordedDate";
        if fact.groups.is_empty() {
            let text = "its code is of no target group";
            return Some(reason("no-group", "Condition.code", text));
        }
        if fact.date > self.day {
            return Some(later(element, fact.date));
        }
        let mut clocks = self.plan_clocks(&fact.groups);
        if clocks.iter().any(|clock| clock.focus == fact.key) {
            return None;
        }
        match clocks.pop() {
            Some(clock) => Some(reason(
                "right-stands",
                element,
                format!(
                    "the right to a treatment plan for {} began on {} already, with {}",
                    clock.group, clock.start, clock.focus
                ),
            )),
            None => Some(self.no_rule(element, fact.groups[0], Right::TreatmentPlan)),
        }
    }

    fn plan(&self, fact: &Plan) -> Option<Explanation> {
        let element = "CarePlan.addresses";
        if fact.date > self.day {
            return Some(later("CarePlan.created", fact.date));
        }
        let addressed = self.facts.diagnoses.iter().filter(|diagnosis| {
            diagnosis.date <= self.day && fact.addresses.contains(&diagnosis.key)
        });
        let groups: Vec<Group> = addressed.flat_map(|fact| fact.groups.clone()).collect();
        let clocks = self.plan_clocks(&groups);
        let is_declined = |clock: &&Clock| clock.business_status == BusinessStatus::Declined;
        let is_of_plan =
            |clock: &&Clock| clock.stop.as_ref().is_some_and(|stop| stop.by == fact.key);
        let has_declined = fact.state == PlanState::Declined && clocks.iter().any(is_declined);
        if has_declined || clocks.iter().any(is_of_plan) {
            return None;
        }
        if let Some(clock) = clocks.first() {
            return Some(ended("CarePlan.created", clock));
        }
        Some(match (groups.first(), fact.addresses.first()) {
            (Some(group), _) => self.no_rule(element, *group, Right::TreatmentPlan),
            (None, Some(named)) => {
                let text = self.uncounted(named, "Condition");
                reason("no-diagnosis", element, text)
            }
            (None, None) => reason(
                "no-diagnosis",
                element,
                "it names no diagnosis: send addresses with a reference to the Condition",
            ),
        })
    }

    fn referral(&self, fact: &Referral) -> Option<Explanation> {
        let known = self.chains().iter().find(|chain| {
            let mut members = chain.members.iter();
            members.any(|member| member.key == fact.key)
        });
        let Some(chain) = known else {
            return Some(later("ServiceRequest.authoredOn", fact.date));
        };
        if let Some(why) = self.no_clock(chain) {
            return Some(why);
        }
        if fact.key == chain.root.key || fact.key == chain.head.key {
            return None;
        }
        let text = format!(
            "it belongs to {}, whose clock it neither begins nor moves",
            chain.root.key
        );
        Some(reason("right-stands", "ServiceRequest.replaces", text))
    }

    /// Returns the reason why a chain has no clock; none if it has one.
    fn no_clock(&self, chain: &KnownChain<'_>) -> Option<Explanation> {
        let root = chain.root;
        Some(match chain.started {
            Ok((_, start)) if start > self.day => later("ServiceRequest.extension", start),
            Ok(_) => return None,
            Err(NoClock::Requester) => reason(
                "no-practice",
                "ServiceRequest.requester",
                format!(
                    "the requester of {} is no general practice on {} (no ydernummer, no SOR type, not in the \
                     operator's table): name the practice by its ydernummer, or send its Organization",
                    root.key, root.date
                ),
            ),
            Err(NoClock::Reason) => {
                let named = chain
                    .members
                    .iter()
                    .flat_map(|member| &member.reasons)
                    .next();
                let why = named.map_or_else(
                    || "no reason is named".to_owned(),
                    |named| self.uncounted(named, "Condition"),
                );
                let text = format!(
                    "{} has no reason of a target group ({why}): send reasonReference with the Condition, or a \
                     code of a group as reasonCode",
                    root.key
                );
                reason("no-group", "ServiceRequest.reasonReference", text)
            }
            Err(NoClock::Rule(group)) => no_rule_on(
                self.rules,
                "ServiceRequest.authoredOn",
                group,
                Right::PreventionStart,
                Some(root.date),
            ),
        })
    }

    fn contact(&self, fact: &OfferStart) -> Option<Explanation> {
        if fact.date > self.day {
            return Some(later("Encounter.period", fact.date));
        }
        if self.is_stop(&fact.key) {
            return None;
        }
        let of_fact = |chain: &&KnownChain<'_>| chain.own_starts().any(|own| own.key == fact.key);
        let Some(chain) = self.chains().iter().find(of_fact) else {
            return Some(match (fact.based_on.first(), fact.plans.first()) {
                (Some(named), _) => {
                    let text = self.uncounted(named, "ServiceRequest");
                    reason("no-referral", "Encounter.basedOn", text)
                }
                (None, Some(_)) => reason(
                    "not-attributed",
                    "Encounter.basedOn",
                    "it names a plan and no referral, and by the rules it counts for none: send basedOn with the ServiceRequest",
                ),
                (None, None) => reason(
                    "no-referral",
                    "Encounter.basedOn",
                    "it names no referral: send basedOn with the ServiceRequest",
                ),
            });
        };
        if let Some(why) = self.no_clock(chain) {
            return Some(why);
        }
        let rule = chain.rule()?;
        if rule.stop_mode == StopMode::Offered {
            let text = format!(
                "by the rule {} the offer stops the clock, and not its start",
                rule.canonical()
            );
            return Some(reason("stop-mode", "Encounter.period", text));
        }
        if !chain.starts_with(fact) {
            let text = format!(
                "the rule {} excludes contacts of its class",
                rule.canonical()
            );
            return Some(reason("excluded-contact", "Encounter.class", text));
        }
        Some(ended("Encounter.period", self.chain_clock(chain)?))
    }

    fn booking(&self, fact: &Booking) -> Option<Explanation> {
        let element = "Appointment.start";
        if let Some(created) = fact.created.filter(|_| !fact.is_known_on(self.day)) {
            return Some(later("Appointment.created", created));
        }
        let of_fact = |chain: &&KnownChain<'_>| chain.bookings().any(|own| own.key == fact.key);
        let Some(chain) = self.chains().iter().find(of_fact) else {
            let text = match fact.based_on.first() {
                Some(named) => self.uncounted(named, "ServiceRequest"),
                None => "it names no referral: send basedOn with the ServiceRequest".to_owned(),
            };
            return Some(reason("no-referral", "Appointment.basedOn", text));
        };
        if let Some(why) = self.no_clock(chain) {
            return Some(why);
        }
        let clock = self.chain_clock(chain)?;
        if clock.forecast.is_none() {
            return Some(ended(element, clock));
        }
        if fact.date < self.day {
            return Some(reason("past", element, "its day has passed"));
        }
        let upcoming = chain.bookings().filter(|other| other.date >= self.day);
        let first = upcoming.map(|other| other.date).min()?;
        let text = format!("another booking, of {first}, comes before it");
        (first < fact.date).then(|| reason("later-booking", element, text))
    }

    /// Says why a resource that another one names does not count.
    fn uncounted(&self, named: &ResourceKey, kind: &str) -> String {
        let facts = self.facts;
        let is_counted = facts.diagnoses.iter().any(|fact| fact.key == *named);
        match facts.uncounted.get(named) {
            Some(why) => format!("{named} does not count: {}", why.reason().text),
            None if !facts.triggers.contains_key(named) => {
                format!("{named} is no {kind} that is stored of this person: send it")
            }
            None if is_counted => format!("{named} is of no target group, or of a later day"),
            None => format!("{named} is of a later day"),
        }
    }

    fn plan_clocks(&self, groups: &[Group]) -> Vec<&'a Clock> {
        let clocks = self.rights.clocks.iter();
        let of_groups =
            |clock: &&Clock| clock.right == Right::TreatmentPlan && groups.contains(&clock.group);
        clocks.filter(of_groups).collect()
    }

    fn chain_clock(&self, chain: &KnownChain<'_>) -> Option<&'a Clock> {
        let id = prevention_start_task_id(&chain.root.key.id);
        self.rights.clocks.iter().find(|clock| clock.task_id == id)
    }

    fn is_stop(&self, key: &ResourceKey) -> bool {
        let mut clocks = self.rights.clocks.iter();
        clocks.any(|clock| clock.stop.as_ref().is_some_and(|stop| stop.by == *key))
    }

    /// Says that there is no rule for the first diagnosis of a group.
    fn no_rule(&self, element: &'static str, group: Group, right: Right) -> Explanation {
        let of_group = self
            .facts
            .diagnoses
            .iter()
            .filter(|fact| fact.groups.contains(&group));
        no_rule_on(
            self.rules,
            element,
            group,
            right,
            of_group.map(|fact| fact.date).min(),
        )
    }
}

fn no_rule_on(
    rules: &Rules,
    element: &'static str,
    group: Group,
    right: Right,
    start: Option<Date>,
) -> Explanation {
    let text = match (rules.begin(group, right), start) {
        (Some(begin), Some(start)) => {
            format!(
                "the first rule for {group} ({right}) begins {begin}, and it would start on {start}"
            )
        }
        (Some(begin), None) => format!("the first rule for {group} ({right}) begins {begin}"),
        (None, _) => format!("there is no rule for {group} ({right})"),
    };
    reason("no-rule", element, text)
}

fn reason(code: &'static str, expression: &'static str, text: impl Into<String>) -> Explanation {
    Explanation {
        code,
        expression,
        text: text.into(),
    }
}

fn later(expression: &'static str, day: Date) -> Explanation {
    reason("later", expression, format!("it counts from {day} on"))
}

/// Says how a right ended, that nothing more ends.
fn ended(expression: &'static str, clock: &Clock) -> Explanation {
    let (right, group) = (clock.right, clock.group);
    let text = match &clock.stop {
        Some(stop) => format!(
            "the clock of {right} for {group} was stopped on {} already, by {}",
            stop.date, stop.by
        ),
        None => format!("the right {right} for {group} is {}", clock.business_status),
    };
    reason("ended", expression, text)
}
