//! Referrals and the chains they form by `replaces` (deadline-rules, section 3): re-sending a
//! referral never resets the clock.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::calendar::{Postponement, day_of};
use super::group_table::GroupTable;
use super::practice::{Party, Practices};
use super::stored::{SourceVersion, Stored};
use super::words::Group;
use crate::fhir::reference::local_keys;
use crate::fhir::view::{extensions, has_coding, items};
use crate::fhir::{ResourceKey, ResourceType, Version, names};

/// Referrals that are one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Chain {
    /// The counted members, by referral date and id.
    pub members: Vec<Referral>,
    /// Members that are not counted: they only join the others.
    pub joining: Vec<SourceVersion>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Referral {
    pub key: ResourceKey,
    pub version: Version,
    pub date: Date,
    pub state: ReferralState,
    pub requester: Party,
    pub performer: Party,
    /// The Conditions that are its reason.
    pub reasons: Vec<ResourceKey>,
    /// The groups of its reasons by code.
    pub reason_groups: Vec<Group>,
    /// When a first contact is offered.
    pub occurrence: Option<Date>,
    pub postponements: Vec<Postponement>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReferralState {
    Stands,
    Declined,
    Withdrawn,
}

/// Builds the chains of a person's ServiceRequests, of any status; a chain without a counted member
/// is left out.
pub(super) fn chains(
    requests: &[&Stored<'_>],
    practices: &Practices<'_>,
    table: &GroupTable,
) -> Vec<Chain> {
    let mut joined = Joined::default();
    for request in requests {
        joined.add(&request.key);
        for replaced in local_keys(&request.value["replaces"], ResourceType::ServiceRequest) {
            joined.join(&request.key, &replaced);
        }
    }
    let mut chains: BTreeMap<usize, Chain> = BTreeMap::new();
    for request in requests {
        let place = joined.add(&request.key);
        let representative = joined.representative(place);
        let chain = chains.entry(representative).or_insert_with(|| Chain {
            members: Vec::new(),
            joining: Vec::new(),
        });
        match referral(request, practices, table) {
            Some(member) => chain.members.push(member),
            None => chain.joining.push(request.input()),
        }
    }
    let mut chains: Vec<Chain> = chains
        .into_values()
        .filter(|chain| !chain.members.is_empty())
        .collect();
    for chain in &mut chains {
        chain
            .members
            .sort_by(|left, right| (left.date, &left.key).cmp(&(right.date, &right.key)));
        chain.joining.sort();
    }
    chains.sort_by(|left, right| left.members[0].key.cmp(&right.members[0].key));
    chains
}

/// The links between the named ServiceRequests, stored or not: a union-find.
#[derive(Default)]
struct Joined {
    places: BTreeMap<ResourceKey, usize>,
    parents: Vec<usize>,
}

impl Joined {
    fn add(&mut self, key: &ResourceKey) -> usize {
        if let Some(place) = self.places.get(key) {
            return *place;
        }
        let place = self.parents.len();
        self.parents.push(place);
        self.places.insert(key.clone(), place);
        place
    }

    fn representative(&mut self, mut place: usize) -> usize {
        while self.parents[place] != place {
            self.parents[place] = self.parents[self.parents[place]];
            place = self.parents[place];
        }
        place
    }

    fn join(&mut self, left: &ResourceKey, right: &ResourceKey) {
        let (left, right) = (self.add(left), self.add(right));
        let (left, right) = (self.representative(left), self.representative(right));
        self.parents[left] = right;
    }
}

fn referral(
    stored: &Stored<'_>,
    practices: &Practices<'_>,
    table: &GroupTable,
) -> Option<Referral> {
    let request = stored.value;
    let declined = || {
        extensions(request, names::REQUEST_STATUS_REASON).any(|reason| {
            has_coding(
                &reason["valueCodeableConcept"],
                names::CS_STATUS_REASON,
                "patient-declined",
            )
        })
    };
    let state = match request["status"].as_str()? {
        "active" | "on-hold" | "completed" => ReferralState::Stands,
        "revoked" if declined() => ReferralState::Declined,
        "revoked" => ReferralState::Withdrawn,
        _ => return None,
    };
    let performers = items(&request["performer"]).map(|element| practices.party(element));
    Some(Referral {
        key: stored.key.clone(),
        version: stored.version,
        date: day_of(&request["authoredOn"])?,
        state,
        requester: practices.party(&request["requester"]),
        performer: performers
            .into_iter()
            .find(|party| party.owner.is_some())
            .unwrap_or_default(),
        reasons: local_keys(&request["reasonReference"], ResourceType::Condition),
        reason_groups: table.groups_of_concept(&request["reasonCode"]),
        occurrence: day_of(&request["occurrencePeriod"]["start"])
            .or_else(|| day_of(&request["occurrenceDateTime"])),
        postponements: Postponement::of(request),
    })
}
