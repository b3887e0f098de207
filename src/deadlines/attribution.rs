//! Contacts that name no referral: by a rule that says so, they count as based on the one referral
//! chain that they can belong to (deadline-rules, section 3).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::facts::PersonFacts;
use super::known_chain::KnownChain;
use super::offers::{OfferPlan, OfferStart};
use super::words::AttributeContacts;
use crate::fhir::ResourceKey;

/// The contacts that are attributed to one chain, each with the plan that they name.
pub(super) type Attributed<'a> = Vec<(&'a OfferStart, &'a OfferPlan)>;

/// The place that stands for a chain that is not known here.
const ELSEWHERE: usize = usize::MAX;

/// Attributes the contacts known on `day` to chains, each by its place. A contact that names several
/// plans goes to a chain only if none of them can be of another: which of them it belongs to is not
/// guessed, and it then starts none.
pub(super) fn attributed<'a>(
    facts: &'a PersonFacts,
    chains: &[KnownChain<'a>],
    day: Date,
) -> BTreeMap<usize, Attributed<'a>> {
    if !chains.iter().any(attributes) {
        return BTreeMap::new();
    }
    let mut doubtful = BTreeSet::new();
    loop {
        let (attributed, possible) = by_plans(facts, chains, day, &doubtful);
        let taken = attributed.values().flatten();
        let before = doubtful.len();
        doubtful.extend(
            taken
                .map(|(contact, _)| &contact.key)
                .filter(|key| possible.get(key).is_some_and(|places| places.len() > 1)),
        );
        if doubtful.len() == before {
            return attributed;
        }
    }
}

fn attributes(chain: &KnownChain<'_>) -> bool {
    let rule = chain.rule();
    rule.is_some_and(|rule| rule.attribute_contacts == AttributeContacts::SingleChain)
}

/// Attributes plans, in the order of their first contact, each with all its contacts that are not
/// doubtful to one chain, or to none. Returns also the places of the chains that each contact can
/// belong to by one of its plans.
fn by_plans<'a>(
    facts: &'a PersonFacts,
    chains: &[KnownChain<'a>],
    day: Date,
    doubtful: &BTreeSet<&'a ResourceKey>,
) -> (
    BTreeMap<usize, Attributed<'a>>,
    BTreeMap<&'a ResourceKey, BTreeSet<usize>>,
) {
    let mut attributed: BTreeMap<usize, Attributed<'a>> = BTreeMap::new();
    let mut possible_of: BTreeMap<&ResourceKey, BTreeSet<usize>> = BTreeMap::new();
    for (plan, contacts) in plans_in_order(facts, day, doubtful) {
        let Some(first) = contacts.first() else {
            continue;
        };
        let possible = match &plan.referrals {
            Some(named) => of_referrals(chains, named),
            None => {
                let is_free = |at: &usize| {
                    let mut taken = attributed.get(at).into_iter().flatten();
                    !taken.any(|(start, _)| is_begun_by(&chains[*at], start, first))
                };
                let possible = places_of(chains, |chain| can_be_of(chain, plan, first));
                possible.into_iter().filter(is_free).collect()
            }
        };
        for contact in &contacts {
            let places = possible_of.entry(&contact.key).or_default();
            places.extend(&possible);
        }
        if let ([at], None) = (possible.as_slice(), &plan.referrals)
            && chains.get(*at).is_some_and(attributes)
        {
            let contacts = contacts.into_iter().map(|contact| (contact, plan));
            attributed.entry(*at).or_default().extend(contacts);
        }
    }
    (attributed, possible_of)
}

/// Returns the places of the chains of the referrals that a plan names.
fn of_referrals(chains: &[KnownChain<'_>], named: &[ResourceKey]) -> Vec<usize> {
    let places = places_of(chains, |chain| chain.is_named(named));
    if places.is_empty() {
        return vec![ELSEWHERE];
    }
    places
}

fn places_of<'a>(chains: &[KnownChain<'a>], holds: impl Fn(&KnownChain<'a>) -> bool) -> Vec<usize> {
    let places = chains.iter().enumerate().filter(|(_, chain)| holds(chain));
    places.map(|(at, _)| at).collect()
}

/// Tells whether a plan that names no referral, and whose first contact this is, can be of a chain,
/// as far as the chain's own contacts say.
fn can_be_of(chain: &KnownChain<'_>, plan: &OfferPlan, first: &OfferStart) -> bool {
    let mut performers = chain.head.performers.iter();
    chain.root.date <= first.date
        && performers.any(|of| of.is_same_as(&plan.author))
        && !chain
            .own_starts()
            .any(|start| is_begun_by(chain, start, first))
}

/// Tells whether a chain was started by that contact before the first one of a plan.
fn is_begun_by(chain: &KnownChain<'_>, start: &OfferStart, first: &OfferStart) -> bool {
    start.date < first.date && chain.starts_with(start)
}

/// Returns the plans that have contacts by `day`, in the order of their first contact (of the same
/// day: of their ids), each with its contacts in order.
fn plans_in_order<'a>(
    facts: &'a PersonFacts,
    day: Date,
    doubtful: &BTreeSet<&'a ResourceKey>,
) -> Vec<(&'a OfferPlan, Vec<&'a OfferStart>)> {
    let mut contacts_of: BTreeMap<&ResourceKey, Vec<&OfferStart>> = BTreeMap::new();
    let known = facts.offer_starts.iter().filter(|start| start.date <= day);
    for start in known.filter(|start| !doubtful.contains(&start.key)) {
        let named: BTreeSet<&ResourceKey> = start.plans.iter().collect();
        for plan in named {
            contacts_of.entry(plan).or_default().push(start);
        }
    }
    let mut plans: Vec<(&OfferPlan, Vec<&OfferStart>)> = facts
        .offer_plans
        .iter()
        .map(|plan| (plan, contacts_of.remove(&plan.key).unwrap_or_default()))
        .collect();
    plans.sort_by_key(|(_, contacts)| contacts.first().map(|first| first.date));
    plans
}
