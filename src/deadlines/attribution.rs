//! Contacts that name no referral: by a rule that says so, they count as based on the one referral
//! chain that they can belong to (deadline-rules, section 3).

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::facts::PersonFacts;
use super::known_chain::KnownChain;
use super::offers::{OfferPlan, OfferStart};
use super::words::AttributeContacts;

/// The contacts that are attributed to one chain, each with the plan that they name.
pub(super) type Attributed<'a> = Vec<(&'a OfferStart, &'a OfferPlan)>;

/// Attributes the contacts known on `day` to chains, each by its place. Plans come in the order of
/// their first contact; a plan goes with all its contacts to one chain, or to none.
pub(super) fn attributed<'a>(
    facts: &'a PersonFacts,
    chains: &[KnownChain<'a>],
    day: Date,
) -> BTreeMap<usize, Attributed<'a>> {
    let mut attributed: BTreeMap<usize, Attributed<'a>> = BTreeMap::new();
    let attributes = |chain: &KnownChain<'_>| {
        let rule = chain.rule();
        rule.is_some_and(|rule| rule.attribute_contacts == AttributeContacts::SingleChain)
    };
    if !chains.iter().any(attributes) {
        return attributed;
    }
    for (plan, contacts) in plans_in_order(facts, day) {
        let Some(first) = contacts.first() else {
            continue;
        };
        let mut possible = chains.iter().enumerate().filter(|(at, chain)| {
            let taken = attributed.get(at).into_iter().flatten();
            let mut starts = chain.own_starts().chain(taken.map(|(start, _)| *start));
            chain.root.date <= first.date
                && chain
                    .head
                    .performers
                    .iter()
                    .any(|of| of.is_same_as(&plan.author))
                && !starts.any(|start| start.date < first.date && chain.starts_with(start))
        });
        let (only, another) = (possible.next(), possible.next());
        if let (Some((at, chain)), None) = (only, another)
            && attributes(chain)
        {
            let contacts = contacts.into_iter().map(|contact| (contact, plan));
            attributed.entry(at).or_default().extend(contacts);
        }
    }
    attributed
}

/// Returns the plans that have contacts by `day`, in the order of their first contact (of the same
/// day: of their ids), each with its contacts in order.
fn plans_in_order(facts: &PersonFacts, day: Date) -> Vec<(&OfferPlan, Vec<&OfferStart>)> {
    let mut plans: Vec<(&OfferPlan, Vec<&OfferStart>)> = facts
        .offer_plans
        .iter()
        .map(|plan| {
            let starts = facts.offer_starts.iter();
            let contacts =
                starts.filter(|start| start.date <= day && start.plans.contains(&plan.key));
            (plan, contacts.collect())
        })
        .collect();
    plans.sort_by_key(|(_, contacts)| contacts.first().map(|first| first.date));
    plans
}
