//! Links to a version of another entry: they lead to the version that the request makes of it, or
//! leaves as it is (<https://hl7.org/fhir/R4/http.html#trules>).

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::relink::{new_links, put, replace_references};
use crate::fhir::ResourceKey;
use crate::fhir::view::says_the_same;
use crate::interactions::Failure;
use crate::interactions::writing::entry::{Entry, EntryWrite};
use crate::schema::Definitions;
use crate::storage::StoreError;

/// The links of one entry to versions of others: each address, and the place of the entry that it
/// names.
pub(super) type VersionLinks = HashMap<String, usize>;

/// Rewrites the links to versions. An entry that is stored already as it is sent makes no version;
/// and whether it is may depend on the versions that it links to.
///
/// # Errors
/// Of the store, if what is stored is no JSON.
pub(super) fn rewrite(
    definitions: &Definitions,
    entries: &mut [Entry],
    links: &HashMap<usize, VersionLinks>,
) -> Result<(), Failure> {
    if links.is_empty() {
        return Ok(());
    }
    let writers: HashMap<ResourceKey, usize> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| matches!(entry.step, EntryWrite::Put(..)))
        .map(|(at, entry)| (entry.key.clone(), at))
        .collect();
    let mut versions = MadeVersions {
        definitions,
        links,
        writers,
        unchanged: HashSet::new(),
    };
    versions.find_unchanged(entries)?;
    for (at, own) in links {
        let new = versions.addresses(entries, own);
        entries[*at].edit(|value| relink(definitions, value, &new));
    }
    Ok(())
}

struct MadeVersions<'a> {
    definitions: &'a Definitions,
    links: &'a HashMap<usize, VersionLinks>,
    /// The entry that writes each resource.
    writers: HashMap<ResourceKey, usize>,
    /// The entries with a version that is linked to that make no version.
    unchanged: HashSet<usize>,
}

impl MadeVersions<'_> {
    /// Begins with the guess that no entry makes a version, and corrects it as long as one does.
    fn find_unchanged(&mut self, entries: &mut [Entry]) -> Result<(), StoreError> {
        let mut linked_from: HashMap<usize, Vec<usize>> = HashMap::new();
        for (at, own) in self.links {
            for target in own.values() {
                if let Some(writer) = self.writers.get(&entries[*target].key) {
                    linked_from.entry(*writer).or_default().push(*at);
                }
            }
        }
        self.unchanged = linked_from.keys().copied().collect();
        let mut left: Vec<usize> = linked_from.keys().copied().collect();
        while let Some(at) = left.pop() {
            if self.unchanged.contains(&at) && !self.is_same(entries, at)? {
                self.unchanged.remove(&at);
                left.extend(linked_from.get(&at).into_iter().flatten());
            }
        }
        Ok(())
    }

    /// Tells whether an entry would write what is stored.
    fn is_same(&self, entries: &mut [Entry], at: usize) -> Result<bool, StoreError> {
        let Some(before) = entries[at].before()? else {
            return Ok(false);
        };
        let EntryWrite::Put(resource, _) = &entries[at].step else {
            return Ok(true);
        };
        let Some(own) = self.links.get(&at) else {
            return Ok(says_the_same(&before, resource.value(), &["id"]));
        };
        let mut content = resource.value().clone();
        relink(
            self.definitions,
            &mut content,
            &self.addresses(entries, own),
        );
        Ok(says_the_same(&before, &content, &["id"]))
    }

    /// Returns the new address for each link of an entry.
    fn addresses(&self, entries: &[Entry], own: &VersionLinks) -> HashMap<String, String> {
        let new = |target: usize| {
            let key = &entries[target].key;
            let writer = self.writers.get(key).copied();
            let entry = &entries[writer.unwrap_or(target)];
            let is_made = writer.is_some_and(|writer| !self.unchanged.contains(&writer));
            let stored = entry.previous.as_ref().filter(|_| entry.exists());
            if is_made {
                format!("{key}/_history/{}", entry.next_version())
            } else {
                stored.map_or_else(
                    || key.to_string(),
                    |stored| format!("{key}/_history/{}", stored.version),
                )
            }
        };
        own.iter()
            .map(|(address, target)| (address.clone(), new(*target)))
            .collect()
    }
}

fn relink(definitions: &Definitions, value: &mut Value, addresses: &HashMap<String, String>) {
    replace_references(value, addresses);
    let texts = new_links(definitions, value, &mut |_, address| {
        addresses.get(address).cloned()
    });
    put(value, texts);
}
