//! Telling of each write what it did to rights, from what was derived anyway: nothing is read for
//! it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::derived::{ChangedTask, Derived};
use super::gathered_rights::GatheredRights;
use super::pending::{Pending, PendingWrite, patient, person_of};
use crate::deadlines::{Explanations, FACT_TYPES, Rules};
use crate::fhir::{Id, ResourceKey};
use crate::interactions::rights_told::RightsTold;

/// Says of each pending write what it does to rights. Whatever changes is told of at least one of
/// them.
pub(super) fn told(
    pending: &Pending,
    gathered: &GatheredRights,
    derived: &Derived,
    rules: &Rules,
    day: Date,
) -> BTreeMap<ResourceKey, RightsTold> {
    let mut told: BTreeMap<ResourceKey, RightsTold> = BTreeMap::new();
    for change in &derived.changed {
        for key in causes(pending, change) {
            let told = told.entry(key.clone()).or_default();
            told.tasks.push(change.effect.clone());
        }
    }
    let by_person = by_person(pending);
    for (holder, rights) in gathered.holders.iter().zip(&derived.rights) {
        if let Some(written) = by_person.get(&holder.key.id) {
            let explanations = Explanations::of(&holder.facts, rules, rights, day);
            explain(&explanations, written, &mut told);
        }
    }
    told
}

/// Returns the writes about each person that leave a content.
fn by_person(pending: &Pending) -> BTreeMap<Id, Vec<&ResourceKey>> {
    let mut by_person: BTreeMap<Id, Vec<&ResourceKey>> = BTreeMap::new();
    for (key, write) in pending {
        let content = write.content.as_deref();
        if let Some(person) = content.and_then(|content| person_of(key, content)) {
            by_person.entry(person).or_default().push(key);
        }
    }
    by_person
}

/// Returns the writes of which a change is told: those that it was computed from or is about, else
/// those about the person, else all of them.
fn causes<'p>(pending: &'p Pending, change: &'p ChangedTask) -> BTreeSet<&'p ResourceKey> {
    let inputs = change.inputs.iter().map(|(input, _)| input);
    let inputs = inputs.chain(&change.focuses);
    let inputs: BTreeSet<_> = inputs.filter(|key| pending.contains_key(*key)).collect();
    if !inputs.is_empty() {
        return inputs;
    }
    let is_about = |(key, write): &(&ResourceKey, &PendingWrite)| {
        let mut persons = write
            .contents()
            .filter_map(|content| person_of(key, content));
        persons.any(|person| change.persons.contains(&patient(&person)))
    };
    let about = pending.iter().filter(is_about);
    let about: BTreeSet<_> = about.map(|(key, _)| key).collect();
    if about.is_empty() {
        pending.keys().collect()
    } else {
        about
    }
}

/// Says why the writes about one person have no effect, where they have none.
fn explain(
    explanations: &Explanations<'_>,
    written: &[&ResourceKey],
    told: &mut BTreeMap<ResourceKey, RightsTold>,
) {
    let notices = explanations.notices();
    for key in written {
        let is_fact = FACT_TYPES.contains(&key.resource_type);
        if !is_fact && notices.is_empty() {
            continue;
        }
        let told = told.entry((*key).clone()).or_default();
        told.notices.clone_from(&notices);
        if is_fact {
            told.reasons.extend(explanations.reason(key));
            told.is_as_before = told.reasons.is_empty() && told.tasks.is_empty();
        }
    }
}
