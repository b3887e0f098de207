//! The resources that a page holds besides its matches
//! (<https://hl7.org/fhir/R4/search.html#revinclude>): those that the matches name and those that
//! name them, as they were in the state that is searched; each once, and no more than a bound.

use std::collections::{BTreeMap, BTreeSet};

use super::stored::parse_stored;
use super::{Failure, Server};
use crate::fhir::{Issue, IssueCode, ResourceKey, ResourceType, Severity};
use crate::search::REFERS_TO;
use crate::search::results::{Include, IncludeDirection};
use crate::search::{Clause, IndexValue, SearchQuery, Test, index_entries};
use crate::storage::{Position, StoredVersion};

/// The most resources that a page may include.
pub(super) const INCLUDED_MAX: usize = 1_000;
/// The most bytes of content that they may have together.
const INCLUDED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The resources that are included, in the order in which they were found.
#[derive(Default)]
pub(super) struct Included {
    /// The resources.
    pub(super) versions: Vec<StoredVersion>,
    /// A warning if there would be more.
    pub(super) cut: Option<Issue>,
}

/// Follows what the includes name from these matches, and what iterates from what was included,
/// until nothing new is found.
pub(super) fn included(
    server: &Server,
    position: Position,
    matches: &[StoredVersion],
    includes: &[Include],
) -> Result<Included, Failure> {
    let mut inclusion = Inclusion {
        server,
        position,
        seen: BTreeSet::new(),
        bytes: 0,
        included: Included::default(),
    };
    inclusion
        .seen
        .extend(matches.iter().map(|found| found.key.clone()));
    let mut begin = 0;
    inclusion.step(matches, includes)?;
    let iterating: Vec<Include> = includes
        .iter()
        .filter(|include| include.iterates)
        .cloned()
        .collect();
    while inclusion.included.cut.is_none()
        && begin < inclusion.included.versions.len()
        && !iterating.is_empty()
    {
        let frontier = inclusion.included.versions[begin..].to_vec();
        begin = inclusion.included.versions.len();
        inclusion.step(&frontier, &iterating)?;
    }
    Ok(inclusion.included)
}

struct Inclusion<'a> {
    server: &'a Server,
    position: Position,
    seen: BTreeSet<ResourceKey>,
    bytes: usize,
    included: Included,
}

impl Inclusion<'_> {
    /// Includes what is one step away from these.
    fn step(&mut self, frontier: &[StoredVersion], includes: &[Include]) -> Result<(), Failure> {
        let (reverse, forward): (Vec<&Include>, Vec<&Include>) = includes
            .iter()
            .partition(|include| include.direction == IncludeDirection::Reverse);
        if !forward.is_empty() {
            let mut named: BTreeMap<ResourceType, BTreeSet<ResourceKey>> = BTreeMap::new();
            for found in frontier {
                for key in named_by(found, &forward)? {
                    if !self.seen.contains(&key) {
                        named.entry(key.resource_type).or_default().insert(key);
                    }
                }
            }
            for (resource_type, keys) in named {
                let ids = keys.into_iter().map(|key| key.id).collect();
                self.take(SearchQuery::all(resource_type, vec![Clause::Ids(ids)]))?;
            }
        }
        for include in reverse {
            let target = |found: &&StoredVersion| {
                include
                    .target
                    .is_none_or(|target| target == found.key.resource_type)
            };
            let any_of: Vec<_> = frontier
                .iter()
                .filter(target)
                .map(|found| Test::Reference(found.key.to_string()))
                .collect();
            if any_of.is_empty() {
                continue;
            }
            let code = include.code.clone().unwrap_or_else(|| REFERS_TO.to_owned());
            let types = include
                .source
                .map_or_else(|| ResourceType::ALL.to_vec(), |source| vec![source]);
            let clauses = vec![Clause::Parameter { code, any_of }];
            self.take(SearchQuery {
                types,
                ..SearchQuery::all(ResourceType::Patient, clauses)
            })?;
        }
        Ok(())
    }

    /// Includes what matches and is not there yet, as far as there is room.
    fn take(&mut self, query: SearchQuery) -> Result<(), Failure> {
        if self.included.cut.is_some() {
            return Ok(());
        }
        // Some of what is found may be there already: that must not keep out what is not.
        let count = INCLUDED_MAX + self.seen.len();
        let bytes_max = INCLUDED_BYTES_MAX;
        let mut offset = 0;
        loop {
            let page = self.server.store.search(
                &SearchQuery {
                    count,
                    offset,
                    bytes_max,
                    ..query.clone()
                },
                Some(self.position),
            )?;
            offset += page.matches.len();
            let (is_last, is_empty) = (offset >= page.total, page.matches.is_empty());
            for found in page.matches {
                if self.seen.contains(&found.key) {
                    continue;
                }
                self.bytes += found.body.as_ref().map_or(0, Vec::len);
                if self.included.versions.len() == INCLUDED_MAX || self.bytes > INCLUDED_BYTES_MAX {
                    self.included.cut = Some(cut());
                    return Ok(());
                }
                self.seen.insert(found.key.clone());
                self.included.versions.push(found);
            }
            if is_last || is_empty {
                return Ok(());
            }
        }
    }
}

/// Returns the resources of this server that a resource names by the parameters that the includes
/// follow.
fn named_by(
    found: &StoredVersion,
    includes: &[&Include],
) -> Result<BTreeSet<ResourceKey>, Failure> {
    let resource_type = found.key.resource_type;
    let followed =
        |include: &&&Include| include.source.is_none_or(|source| source == resource_type);
    let includes: Vec<_> = includes.iter().filter(followed).collect();
    let Some(body) = found.body.as_deref().filter(|_| !includes.is_empty()) else {
        return Ok(BTreeSet::new());
    };
    let entries = index_entries(resource_type, &parse_stored(&found.key, body)?);
    let mut named = BTreeSet::new();
    for entry in &entries {
        let IndexValue::Reference(target) = &entry.value else {
            continue;
        };
        let Some(target) = ResourceKey::parse(target) else {
            continue;
        };
        let follows = |include: &&&&Include| {
            include.code.as_deref().unwrap_or(REFERS_TO) == entry.parameter
                && include
                    .target
                    .is_none_or(|wanted| wanted == target.resource_type)
        };
        if includes.iter().any(|include| follows(&include)) {
            named.insert(target);
        }
    }
    Ok(named)
}

fn cut() -> Issue {
    let text = format!(
        "not everything is included, since a page holds at most {INCLUDED_MAX} such resources with {INCLUDED_BYTES_MAX} bytes: ask for fewer \
         matches with _count, or search for the rest separately"
    );
    Issue {
        severity: Severity::Warning,
        ..Issue::error(IssueCode::TooCostly, "", text)
    }
}
