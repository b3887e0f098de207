//! The referrers of a resource: one that others name stays (<https://hl7.org/fhir/R4/http.html#delete>).
//!
//! A referrer is a resource that clients write and that has a literal reference to the other,
//! anywhere in it; contained and logical references are none. What the server itself derives does
//! not keep what it was derived from: when a diagnosis goes, its Task is ended in the same commit
//! and goes on naming it, and the history of both stays.

use std::collections::{BTreeMap, BTreeSet};

use super::gathering::Gathering;
use super::pending::Pending;
use crate::fhir::key::Origin;
use crate::fhir::{Issue, IssueCode, Reference, ResourceKey, ResourceType, reference};
use crate::interactions::Failure;
use crate::search::{Clause, REFERS_TO, SearchQuery};

/// The most referrers that an answer names.
const NAMED_MAX: usize = 5;

/// The references of one request's writes.
pub(super) struct Referrers<'a> {
    pending: &'a Pending,
    /// The referrers, by the resource that they name.
    among_pending: BTreeMap<ResourceKey, BTreeSet<ResourceKey>>,
}

impl<'a> Referrers<'a> {
    /// Looks through the pending writes.
    pub(super) fn of(pending: &'a Pending) -> Self {
        let mut among_pending: BTreeMap<ResourceKey, BTreeSet<ResourceKey>> = BTreeMap::new();
        for (referrer, write) in pending {
            let Some(content) = &write.content else {
                continue;
            };
            reference::for_each("", content, &mut |_, element| {
                if let Reference::Local(target, _) = Reference::read(element) {
                    among_pending
                        .entry(target)
                        .or_default()
                        .insert(referrer.clone());
                }
            });
        }
        Referrers {
            pending,
            among_pending,
        }
    }

    /// Checks that nothing will refer to the resource once the pending writes are made; the commit
    /// will insist that nobody else came to.
    ///
    /// # Errors
    /// `Conflict`, naming some who do; of the store.
    pub(super) fn may_delete(
        &self,
        key: &ResourceKey,
        gathering: &mut Gathering<'_>,
    ) -> Result<(), Failure> {
        let types = ResourceType::ALL
            .iter()
            .copied()
            .filter(|resource_type| resource_type.origin() == Origin::Clients)
            .collect();
        let query = SearchQuery {
            types,
            ..SearchQuery::all(key.resource_type, vec![Clause::reference(REFERS_TO, key)])
        };
        let stored = gathering.matching(query, usize::MAX)?;
        let written = self.among_pending.get(key).into_iter().flatten();
        let referrers: BTreeSet<&ResourceKey> = stored
            .iter()
            .filter(|referrer| !self.pending.contains_key(referrer))
            .chain(written)
            .collect();
        if referrers.is_empty() {
            return Ok(());
        }
        let named: Vec<_> = referrers
            .iter()
            .take(NAMED_MAX)
            .map(ToString::to_string)
            .collect();
        let more = if referrers.len() > NAMED_MAX {
            " and others"
        } else {
            ""
        };
        let count = if referrers.len() == 1 {
            "1 resource refers".to_owned()
        } else {
            format!("{} resources refer", referrers.len())
        };
        let text = format!(
            "{key} cannot be deleted while {count} to it: {}{more}; change or delete them first, or in the same transaction",
            named.join(", ")
        );
        Err(Failure::Conflict(Issue::error(
            IssueCode::Conflict,
            "",
            text,
        )))
    }
}
