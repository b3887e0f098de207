//! The criteria of a request's changes: read, the entries that they ask about, and the order in
//! which they can be answered.

use super::references::conditional::conditional_query;
use super::references::names::EntryNames;
use crate::fhir::{Issue, IssueCode, OwnBases, ResourceKey, ResourceType};
use crate::interactions::Failure;
use crate::interactions::change::{Action, Change, ChangeTarget};
use crate::search::{SearchQuery, rename};

/// The criteria of one change, understood.
pub(super) struct EntryCriteria {
    query: SearchQuery,
    /// The entries that they name by their addresses.
    names: Vec<usize>,
}

/// Reads the criteria of each change that has some.
pub(super) fn read_all(
    bases: OwnBases<'_>,
    changes: &[Change],
    names: &EntryNames<'_>,
) -> Vec<Option<Result<EntryCriteria, Failure>>> {
    let read = |(at, change): (usize, &Change)| {
        let (resource_type, parameters) = criteria_of(&change.action)?;
        Some(EntryCriteria::read(
            bases,
            names,
            at,
            (resource_type, parameters),
        ))
    };
    changes.iter().enumerate().map(read).collect()
}

/// Returns the criteria by which a change finds its resource; none of a type that is not held.
fn criteria_of(action: &Action) -> Option<(ResourceType, &[(String, String)])> {
    match action {
        Action::Create {
            resource,
            if_none_exist: Some(parameters),
            ..
        } => Some((resource.type_name().parse().ok()?, parameters)),
        Action::Update { target, .. }
        | Action::Patch { target, .. }
        | Action::Delete { target, .. } => match target {
            ChangeTarget::Matching(criteria) => {
                Some((criteria.resource_type, &criteria.parameters))
            }
            ChangeTarget::Key(_) => None,
        },
        Action::Create { .. } => None,
    }
}

impl EntryCriteria {
    fn read(
        bases: OwnBases<'_>,
        names: &EntryNames<'_>,
        at: usize,
        (resource_type, parameters): (ResourceType, &[(String, String)]),
    ) -> Result<Self, Failure> {
        let mut query = conditional_query(bases, resource_type, parameters)?;
        let mut named = Vec::new();
        let mut unknown = false;
        rename(&mut query, &mut |address, is_uri| {
            match names.asked(at, address, is_uri) {
                Some(entry) => named.push(entry),
                None => unknown |= !is_uri && address.starts_with("urn:"),
            }
            None
        });
        if unknown {
            // It would match nothing ever: each retry would make another resource.
            let text = "the criteria name a urn that no stored resource can have: expected the fullUrl of another entry of the same transaction, or a resource such as Patient/7";
            return Err(Failure::BadRequest(vec![Issue::error(
                IssueCode::Value,
                "",
                text,
            )]));
        }
        Ok(EntryCriteria {
            query,
            names: named,
        })
    }

    /// Returns the query of the change at that place, in which entries stand by the keys that they
    /// have; none if one has no key.
    pub(super) fn settled(
        &self,
        names: &EntryNames<'_>,
        at: usize,
        key_of: impl Fn(usize) -> Option<ResourceKey>,
    ) -> Option<SearchQuery> {
        if self.names.is_empty() {
            return Some(self.query.clone());
        }
        let mut query = self.query.clone();
        let mut all = true;
        rename(&mut query, &mut |address, is_uri| {
            let entry = names.asked(at, address, is_uri)?;
            let key = key_of(entry);
            all &= key.is_some();
            key.map(|key| key.to_string())
        });
        all.then_some(query)
    }
}

/// The order in which changes are identified.
#[derive(Default)]
pub(super) struct CriteriaOrder {
    /// The changes with criteria, in levels: those of each ask only about entries without criteria,
    /// and about those of the levels before.
    pub(super) levels: Vec<Vec<usize>>,
    /// The changes that ask about each other in a circle.
    pub(super) circle: Vec<usize>,
}

impl CriteriaOrder {
    /// Finds the order. What cannot be read has none. Creates come after the others as far as they
    /// can: what those write is what a create may be.
    pub(super) fn of(
        criteria: &[Option<Result<EntryCriteria, Failure>>],
        is_create: impl Fn(usize) -> bool,
    ) -> Self {
        let asked = |at: usize| match &criteria[at] {
            Some(Ok(criteria)) => criteria.names.as_slice(),
            Some(Err(_)) | None => &[],
        };
        let mut waits_for = vec![0_usize; criteria.len()];
        let mut asked_by: Vec<Vec<usize>> = vec![Vec::new(); criteria.len()];
        let mut level = Vec::new();
        for at in (0..criteria.len()).filter(|at| criteria[*at].is_some()) {
            let names = asked(at).iter().filter(|named| criteria[**named].is_some());
            for named in names {
                waits_for[at] += 1;
                asked_by[*named].push(at);
            }
            if waits_for[at] == 0 {
                level.push(at);
            }
        }
        let mut order = CriteriaOrder::default();
        let in_turn = |at: &usize| (is_create(*at), *at);
        level.sort_unstable_by_key(in_turn);
        while !level.is_empty() {
            let mut next = Vec::new();
            for at in &level {
                for waiting in &asked_by[*at] {
                    waits_for[*waiting] -= 1;
                    if waits_for[*waiting] == 0 {
                        next.push(*waiting);
                    }
                }
            }
            next.sort_unstable_by_key(in_turn);
            order.levels.push(std::mem::replace(&mut level, next));
        }
        order.circle = in_circles(&waits_for, &asked_by, asked);
        if (0..criteria.len()).any(|at| criteria[at].is_some() && !is_create(at)) {
            order.put_last(|at| is_create(at) && asked_by[at].is_empty());
        }
        order
    }

    /// Puts these into a level of their own, after all others. Nothing waits for them.
    fn put_last(&mut self, is_last: impl Fn(usize) -> bool) {
        let mut last = Vec::new();
        for level in &mut self.levels {
            last.extend(level.iter().copied().filter(|at| is_last(*at)));
            level.retain(|at| !is_last(*at));
        }
        last.sort_unstable();
        self.levels.push(last);
        self.levels.retain(|level| !level.is_empty());
    }
}

/// Returns those that still wait and that others wait for which still wait.
fn in_circles<'a>(
    waits_for: &[usize],
    asked_by: &[Vec<usize>],
    asked: impl Fn(usize) -> &'a [usize],
) -> Vec<usize> {
    let is_left = |at: &usize| waits_for[*at] > 0;
    let mut waiting_on: Vec<usize> = asked_by
        .iter()
        .map(|waiting| waiting.iter().filter(|at| is_left(at)).count())
        .collect();
    let mut ends: Vec<usize> = (0..waits_for.len())
        .filter(|at| is_left(at) && waiting_on[*at] == 0)
        .collect();
    let mut is_end = vec![false; waits_for.len()];
    while let Some(at) = ends.pop() {
        is_end[at] = true;
        for named in asked(at).iter().filter(|named| is_left(named)) {
            waiting_on[*named] -= 1;
            if waiting_on[*named] == 0 {
                ends.push(*named);
            }
        }
    }
    let circle = (0..waits_for.len()).filter(|at| is_left(at) && !is_end[*at]);
    circle.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criteria_are_answered_after_those_of_the_entries_that_they_ask_about() {
        let criteria = |names: Option<&[usize]>| {
            let query = SearchQuery::all(ResourceType::Patient, Vec::new());
            names.map(|names| {
                Ok::<_, Failure>(EntryCriteria {
                    query,
                    names: names.to_vec(),
                })
            })
        };
        for (names, levels, circle) in [
            (
                vec![None, Some(&[][..]), Some(&[0][..])],
                vec![vec![1, 2]],
                vec![],
            ),
            (
                vec![Some(&[1][..]), Some(&[2, 2][..]), Some(&[][..])],
                vec![vec![2], vec![1], vec![0]],
                vec![],
            ),
            (vec![Some(&[0][..])], vec![], vec![0]),
            // The third waits for a circle, and the fourth is waited for by one.
            (
                vec![
                    Some(&[1, 3][..]),
                    Some(&[0][..]),
                    Some(&[1][..]),
                    Some(&[][..]),
                ],
                vec![vec![3]],
                vec![0, 1],
            ),
        ] {
            let criteria: Vec<_> = names.iter().map(|names| criteria(*names)).collect();
            let order = CriteriaOrder::of(&criteria, |_| false);
            assert_eq!((order.levels, order.circle), (levels, circle), "{names:?}");
        }
        // The first and the third are creates, and the second and the fourth ask about the third.
        let criteria = [&[][..], &[2], &[], &[2]].map(|names| criteria(Some(names)));
        let order = CriteriaOrder::of(&criteria, |at| at == 0 || at == 2);
        assert_eq!(order.levels, [vec![2], vec![1, 3], vec![0]]);
    }
}
