//! A chain of referrals as it is known on one day, under the rule that is used for it
//! (deadline-rules, section 4).

use jiff::civil::Date;

use super::calendar::due;
use super::facts::{Diagnosis, PersonFacts};
use super::offers::{Booking, OfferStart};
use super::referrals::{self, Chain, Referral};
use super::rule::Rule;
use super::rules::Rules;
use super::words::{Group, Right, StartOn};
use crate::fhir::ResourceKey;

/// The reason why a chain has no clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoClock {
    /// Its first referral is of no general practice.
    Requester,
    /// No reason of it is of a target group.
    Reason,
    /// The first of the groups that has no rule for its day.
    Rule(Group),
}

/// A chain of which at least one referral is known.
pub(super) struct KnownChain<'a> {
    facts: &'a PersonFacts,
    pub chain: &'a Chain,
    /// The members known on the day, by referral date and id.
    pub members: &'a [Referral],
    pub root: &'a Referral,
    pub head: &'a Referral,
    /// The diagnoses that a member names as its reason.
    pub reasons: Vec<&'a Diagnosis>,
    /// The rule, and the day on which the clock starts under it; or why the right does not apply.
    pub started: Result<(&'a Rule, Date), NoClock>,
    day: Date,
}

impl<'a> KnownChain<'a> {
    /// Returns what is known of the chain on `day`; none if nothing is yet.
    pub(super) fn on(
        day: Date,
        chain: &'a Chain,
        facts: &'a PersonFacts,
        rules: &'a Rules,
    ) -> Option<Self> {
        // Members stand by date and id, so that the known ones are the first ones.
        let known = chain.members.partition_point(|member| member.date <= day);
        let members = &chain.members[..known];
        let (root, head) = (referrals::root(members)?, referrals::head(members)?);
        let is_reason = |fact: &&Diagnosis| {
            members
                .iter()
                .any(|member| member.reasons.contains(&fact.key))
        };
        let mut known = KnownChain {
            facts,
            chain,
            members,
            root,
            head,
            reasons: facts.diagnoses.iter().filter(is_reason).collect(),
            started: Err(NoClock::Requester),
            day,
        };
        if root.requester.is_general_practice_on(root.date) {
            known.started = known.earliest_due(rules);
        }
        Some(known)
    }

    /// Selects the rule whose gross due date is the earliest among those of the groups; of several,
    /// the first in the order of the table.
    fn earliest_due(&self, rules: &'a Rules) -> Result<(&'a Rule, Date), NoClock> {
        let by_diagnosis = self.reasons.iter().flat_map(|fact| &fact.groups);
        let by_code = self.members.iter().flat_map(|member| &member.reason_groups);
        let groups = || by_diagnosis.clone().chain(by_code.clone());
        let first = groups().min().ok_or(NoClock::Reason)?;
        let rules = groups().filter_map(|group| {
            let rule = rules.select(*group, Right::PreventionStart, self.root.date)?;
            Some((rule, self.start(rule)))
        });
        rules
            .min_by_key(|(rule, start)| (due(*start, rule.days, rule.unit, Vec::new()), rule.group))
            .ok_or(NoClock::Rule(*first))
    }

    fn start(&self, rule: &Rule) -> Date {
        let received = self
            .members
            .iter()
            .filter_map(|member| member.received)
            .min();
        match rule.start_on {
            StartOn::Authored => self.root.date,
            StartOn::Received => received.unwrap_or(self.root.date),
        }
    }

    /// Returns the rule; none if the right does not apply.
    pub(super) fn rule(&self) -> Option<&'a Rule> {
        self.started.ok().map(|(rule, _)| rule)
    }

    /// Returns the Encounters known on the day that name a member of the chain, by date and id.
    pub(super) fn own_starts(&self) -> impl Iterator<Item = &'a OfferStart> {
        let starts = self.facts.offer_starts.iter();
        starts.filter(|start| start.date <= self.day && self.is_named(&start.based_on))
    }

    /// Returns the bookings known on the day that name a member of the chain, by date and id, those
    /// included whose day has passed.
    pub(super) fn bookings(&self) -> impl Iterator<Item = &'a Booking> {
        let bookings = self.facts.bookings.iter();
        bookings.filter(|booking| booking.is_known_on(self.day) && self.is_named(&booking.based_on))
    }

    /// Tells whether a contact is a start by the rule of this chain.
    pub(super) fn starts_with(&self, contact: &OfferStart) -> bool {
        let class = contact.class.as_deref();
        !self.rule().is_some_and(|rule| rule.excludes(class))
    }

    /// Tells whether one of its members known on the day is among these.
    pub(super) fn is_named(&self, based_on: &[ResourceKey]) -> bool {
        let mut members = self.members.iter();
        members.any(|member| based_on.contains(&member.key))
    }
}
