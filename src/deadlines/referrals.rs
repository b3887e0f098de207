//! Referrals and the chains they form, by `replaces` and by records of receipt (deadline-rules,
//! section 3): neither re-sending a referral nor receiving it resets the clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::Value;

use super::calendar::{Postponement, day_of, minus};
use super::group_table::GroupTable;
use super::practice::{Party, Practices};
use super::reasons::Uncounted;
use super::stored::{SourceVersion, Stored};
use super::words::Group;
use crate::fhir::reference::local_keys;
use crate::fhir::view::{extensions, has_coding, items};
use crate::fhir::{ResourceKey, ResourceType, Version, names};

/// The most days from a referral to the record of its receipt.
const DAYS_TO_RECEIPT_MAX: u32 = 14;

/// The reasons by which a revoked referral is withdrawn. Any other reason ends nothing: the receiver
/// said no, or nobody said why.
const WITHDRAWING: &[&str] = &[
    "no-longer-needed",
    "sent-in-error",
    "recalled",
    "refused-not-indicated",
    "abandoned",
    "ended",
    "superseded",
];

/// The groups of each counted diagnosis.
pub(super) type GroupsOfDiagnoses<'a> = BTreeMap<&'a ResourceKey, &'a [Group]>;

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
    /// The reason of a status `revoked` or `on-hold`, as it was sent.
    pub status_reason: Option<Value>,
    /// True if it records the receipt of a referral.
    pub is_record: bool,
    /// True if it replaces another of the same day, directly or through others.
    pub replaces_of_day: bool,
    /// True if another of the same day replaces it, directly or through others.
    pub replaced_on_day: bool,
    /// The day on which it was received, if it says so.
    pub received: Option<Date>,
    pub requester: Party,
    pub performers: Vec<Party>,
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

impl Chain {
    /// Returns the referral that the chain begins with, whatever the day.
    pub(super) fn root(&self) -> Option<&Referral> {
        root(&self.members)
    }
}

/// Returns the first of the members: a record of receipt only if they are all records. Of several of
/// one day it is one that replaces none of the others.
pub(super) fn root(members: &[Referral]) -> Option<&Referral> {
    let referrals = chosen_from(members);
    let first = referrals.first()?.date;
    let of_day = || referrals.iter().filter(|member| member.date == first);
    let own = of_day().find(|member| !member.replaces_of_day);
    own.or(of_day().next()).copied()
}

/// Returns the last of the members: a record of receipt only if they are all records. Of several of
/// one day it is one that none of the others replaces.
pub(super) fn head(members: &[Referral]) -> Option<&Referral> {
    let referrals = chosen_from(members);
    let last = referrals.last()?.date;
    let of_day = || referrals.iter().rev().filter(|member| member.date == last);
    let standing = of_day().find(|member| !member.replaced_on_day);
    standing.or(of_day().next()).copied()
}

/// Returns the members among which root and head are chosen, by date and id.
fn chosen_from(members: &[Referral]) -> Vec<&Referral> {
    let referrals: Vec<&Referral> = members.iter().filter(|member| !member.is_record).collect();
    if referrals.is_empty() {
        return members.iter().collect();
    }
    referrals
}

impl Referral {
    /// Returns the party that is to perform it: the first that is named.
    pub(super) fn performer(&self) -> Option<&Party> {
        let mut performers = self.performers.iter();
        performers.find(|party| party.owner.is_some())
    }

    /// Returns the groups of its reasons.
    fn groups<'a>(&'a self, diagnoses: &'a GroupsOfDiagnoses<'_>) -> impl Iterator<Item = Group> {
        let named = self.reasons.iter().filter_map(|key| diagnoses.get(key));
        let of_diagnoses = named.flat_map(|groups| groups.iter());
        of_diagnoses.chain(&self.reason_groups).copied()
    }

    /// Tells whether it may be the referral whose receipt that one records.
    fn may_be_received_by(&self, record: &Referral, diagnoses: &GroupsOfDiagnoses<'_>) -> bool {
        let days = minus(record.date, DAYS_TO_RECEIPT_MAX)..=record.date;
        !self.is_record
            && days.contains(&self.date)
            && self.requester.is_same_as(&record.requester)
            && self
                .groups(diagnoses)
                .any(|group| record.groups(diagnoses).any(|of_record| of_record == group))
    }
}

/// Builds the chains of a person's ServiceRequests, of any status; a chain without a counted member
/// is left out.
pub(super) fn chains(
    requests: &[&Stored<'_>],
    practices: &Practices<'_>,
    table: &GroupTable,
    diagnoses: &GroupsOfDiagnoses<'_>,
    uncounted: &mut BTreeMap<ResourceKey, Uncounted>,
) -> Vec<Chain> {
    let mut joined = Joined::default();
    let mut links = Replacements::default();
    for request in requests {
        joined.add(&request.key);
        for replaced in local_keys(&request.value["replaces"], ResourceType::ServiceRequest) {
            joined.join(&request.key, &replaced);
            links.add(&request.key, &replaced);
        }
    }
    let read: Vec<_> = requests
        .iter()
        .map(|request| {
            let read = referral(request, practices, table);
            let read = read.map_err(|why| uncounted.insert(request.key.clone(), why));
            (*request, read.ok())
        })
        .collect();
    let counted = || read.iter().filter_map(|(_, referral)| referral.as_ref());
    for record in counted().filter(|referral| referral.is_record) {
        let received = counted().filter(|one| one.may_be_received_by(record, diagnoses));
        let latest = received.max_by_key(|one| (one.date, Reverse(&one.key)));
        if let Some(latest) = latest {
            joined.join(&record.key, &latest.key);
        }
    }
    let mut chains: BTreeMap<usize, Chain> = BTreeMap::new();
    for (request, referral) in read {
        let place = joined.add(&request.key);
        let representative = joined.representative(place);
        let chain = chains.entry(representative).or_insert_with(|| Chain {
            members: Vec::new(),
            joining: Vec::new(),
        });
        match referral {
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
        links.tell_of_one_day(&mut chain.members);
    }
    chains.sort_by(|left, right| left.members[0].key.cmp(&right.members[0].key));
    chains
}

/// The links by `replaces`, in both directions.
#[derive(Default)]
struct Replacements {
    replaced: BTreeMap<ResourceKey, Vec<ResourceKey>>,
    replacing: BTreeMap<ResourceKey, Vec<ResourceKey>>,
}

impl Replacements {
    fn add(&mut self, by: &ResourceKey, replaced: &ResourceKey) {
        let (to, from) = (replaced.clone(), by.clone());
        self.replaced.entry(from.clone()).or_default().push(to);
        let to = self.replacing.entry(replaced.clone()).or_default();
        to.push(from);
    }

    /// Tells of the members of one day which of them replace which. A record of receipt replaces no
    /// referral.
    fn tell_of_one_day(&self, members: &mut [Referral]) {
        for is_record in [false, true] {
            let mut of_days: BTreeMap<Date, Vec<ResourceKey>> = BTreeMap::new();
            for member in members.iter().filter(|one| one.is_record == is_record) {
                of_days
                    .entry(member.date)
                    .or_default()
                    .push(member.key.clone());
            }
            of_days.retain(|_, keys| keys.len() > 1);
            for (day, keys) in of_days {
                let replaced = reached(&keys, &self.replaced);
                let replacing = reached(&keys, &self.replacing);
                let is_of_day = |one: &&mut Referral| one.date == day && one.is_record == is_record;
                for member in members.iter_mut().filter(is_of_day) {
                    member.replaced_on_day = replaced.contains(&member.key);
                    member.replaces_of_day = replacing.contains(&member.key);
                }
            }
        }
    }
}

/// Returns all that is reached from these keys by at least one link to another.
fn reached(
    from: &[ResourceKey],
    links: &BTreeMap<ResourceKey, Vec<ResourceKey>>,
) -> BTreeSet<ResourceKey> {
    let mut reached = BTreeSet::new();
    let mut open = from.to_vec();
    while let Some(key) = open.pop() {
        let others = links.get(&key).into_iter().flatten();
        for other in others.filter(|other| **other != key) {
            if reached.insert(other.clone()) {
                open.push(other.clone());
            }
        }
    }
    reached
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
) -> Result<Referral, Uncounted> {
    let request = stored.value;
    let status = request["status"].as_str().unwrap_or_default();
    let reason = extensions(request, names::REQUEST_STATUS_REASON).next();
    let reason = reason.map(|extension| &extension["valueCodeableConcept"]);
    let has_reason =
        |code| reason.is_some_and(|reason| has_coding(reason, names::CS_STATUS_REASON, code));
    let state = match status {
        "revoked" if has_reason("patient-declined") => ReferralState::Declined,
        "revoked" if WITHDRAWING.iter().any(|code| has_reason(code)) => ReferralState::Withdrawn,
        "active" | "on-hold" | "completed" | "revoked" => ReferralState::Stands,
        _ => return Err(Uncounted::NotReferred),
    };
    let is_record = has_coding(
        &request["category"],
        names::CS_REFERRAL_KIND,
        "received-record",
    );
    let received = extensions(request, names::EXT_RECEIVED).next();
    Ok(Referral {
        key: stored.key.clone(),
        version: stored.version,
        date: day_of(&request["authoredOn"]).ok_or(Uncounted::NoReferralDay)?,
        state,
        status_reason: reason
            .filter(|_| matches!(status, "revoked" | "on-hold"))
            .cloned(),
        is_record,
        replaces_of_day: false,
        replaced_on_day: false,
        received: received.and_then(|received| day_of(&received["valueDate"])),
        requester: practices.party(&request["requester"]),
        performers: items(&request["performer"])
            .map(|element| practices.party(element))
            .collect(),
        reasons: local_keys(&request["reasonReference"], ResourceType::Condition),
        reason_groups: table.groups_of_reasons(&request["reasonCode"]),
        occurrence: day_of(&request["occurrencePeriod"]["start"])
            .or_else(|| day_of(&request["occurrenceDateTime"])),
        postponements: Postponement::of(request),
    })
}
