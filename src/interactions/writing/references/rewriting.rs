//! Rewriting the links of incoming resources: to entries of the same request, to this server's own
//! addresses, and to the matches of searches.

use std::collections::HashMap;

use super::names::NamedEntry;
use super::relink::{new_link, new_links, put, replace_references};
use super::searches;
use super::surrounding::{Surrounding, addresses_in};
use super::versions::{self, VersionLinks};
use crate::fhir::reference::is_search;
use crate::fhir::{Issue, IssueCode, Reference, ResourceKey};
use crate::interactions::Failure;
use crate::interactions::change::AskedAs;
use crate::interactions::writing::entry::{Entry, EntryWrite};
use crate::interactions::writing::gathering::Gathering;
use crate::schema::Definitions;
use crate::storage::Method;
use crate::validation::LinkKind;

/// Rewrites the links of all entries, and adds to each entry what is wrong with them. Searches come
/// when all others are rewritten, and links to versions last.
///
/// # Errors
/// `PreconditionFailed` if an address that is a search has not exactly one match.
pub(in crate::interactions::writing) fn rewrite(
    gathering: &mut Gathering<'_>,
    entries: &mut [Entry],
    request: Surrounding<'_>,
) -> Result<(), Failure> {
    let definitions = gathering.server().validator.definitions();
    let known = KnownAddresses {
        base_url: &gathering.server().base_url,
        definitions,
        request,
    };
    let mut links_to_versions = HashMap::new();
    for (at, entry) in entries.iter_mut().enumerate() {
        let of_entry = known.rewrite(at, entry);
        if !of_entry.is_empty() {
            links_to_versions.insert(at, of_entry);
        }
    }
    searches::resolve(gathering, entries, request)?;
    versions::rewrite(definitions, entries, &links_to_versions)
}

/// The addresses that need no search.
struct KnownAddresses<'a> {
    base_url: &'a str,
    definitions: &'a Definitions,
    request: Surrounding<'a>,
}

enum ReferenceRewrite {
    AsItStands,
    /// This address of the server, perhaps with a version.
    Address(String),
    /// The version of an entry.
    Version(usize),
    Wrong(&'static str),
}

impl KnownAddresses<'_> {
    /// Rewrites what needs no search, and notes what is wrong; answers the links to versions.
    fn rewrite(&self, at: usize, entry: &mut Entry) -> VersionLinks {
        let mut versions = VersionLinks::new();
        // What was stored before a patch is relative to this server.
        let from = match entry.step {
            EntryWrite::Put(_, Method::Patch) => None,
            EntryWrite::Put(..) => Some(at),
            EntryWrite::Delete | EntryWrite::Nothing(_) => return versions,
        };
        let mut addresses: HashMap<String, String> = HashMap::new();
        let mut issues = Vec::new();
        for (path, address) in addresses_in(entry) {
            if addresses.contains_key(address) {
                continue;
            }
            match self.named(from, address) {
                ReferenceRewrite::AsItStands => {}
                ReferenceRewrite::Address(local) => {
                    drop(addresses.insert(address.to_owned(), local))
                }
                ReferenceRewrite::Version(target) => {
                    versions.insert(address.to_owned(), target);
                }
                ReferenceRewrite::Wrong(text) => issues.push(Issue::error(
                    IssueCode::Value,
                    format!("{path}.reference"),
                    text,
                )),
            }
        }
        let texts = self.other_links(from, entry, &mut versions);
        if !addresses.is_empty() || !texts.is_empty() {
            entry.edit(|value| {
                replace_references(value, &addresses);
                put(value, texts);
            });
        }
        entry.warnings.extend(issues);
        versions
    }

    /// Returns the new texts of links that are no references.
    fn other_links(
        &self,
        from: Option<usize>,
        entry: &Entry,
        versions: &mut VersionLinks,
    ) -> Vec<(String, String)> {
        let EntryWrite::Put(resource, _) = &entry.step else {
            return Vec::new();
        };
        if self.request.names.is_empty() {
            return Vec::new();
        }
        new_links(self.definitions, resource.value(), &mut |kind, address| {
            let named = self.request.names.named(from, address)?;
            let key = &self.request.keys[named.at];
            let is_version = kind != LinkKind::Uuid && named.is_whole_version();
            if is_version && !self.is_own_version(named, key) {
                versions.insert(address.to_owned(), named.at);
            }
            new_link(kind, named, key)
        })
    }

    fn named(&self, from: Option<usize>, address: &str) -> ReferenceRewrite {
        if let Some(named) = self.request.names.named(from, address) {
            let key = &self.request.keys[named.at];
            match named {
                NamedEntry {
                    fragment: Some(_), ..
                } => {
                    return ReferenceRewrite::Wrong(
                        "expected a reference to the resource of an entry, found one to something in it: only its own references lead to what it contains",
                    );
                }
                NamedEntry { version: None, .. } => {
                    return ReferenceRewrite::Address(key.to_string());
                }
                NamedEntry {
                    version: Some(_),
                    at,
                    ..
                } if !self.is_own_version(named, key) => {
                    return ReferenceRewrite::Version(at);
                }
                NamedEntry {
                    version: Some(_), ..
                } => {}
            }
        }
        match Reference::parse(address) {
            Reference::Urn(_) => ReferenceRewrite::Wrong(match self.request.asked_as {
                AskedAs::Transaction => {
                    "expected the fullUrl of an entry of the same transaction: no entry has this one"
                }
                AskedAs::Requests => {
                    "expected an address such as Patient/7, found a urn, which names an entry of the same transaction: send both in one transaction"
                }
            }),
            Reference::Conditional(_) => self.conditional(ReferenceRewrite::AsItStands),
            Reference::External(address) => {
                let local = self.below_base(address);
                let is_type = |name: &str| self.definitions.is_resource_type(name);
                match local.map(|local| (local, Reference::parse(local))) {
                    Some((local, Reference::Local(..))) => {
                        ReferenceRewrite::Address(local.to_owned())
                    }
                    Some((local, Reference::Conditional(_))) => {
                        self.conditional(ReferenceRewrite::Address(local.to_owned()))
                    }
                    Some(_) | None if is_search(address, &is_type) => ReferenceRewrite::Wrong(
                        "expected the address of a resource, found a search on another server: name the resource, or in a transaction a search of this server, such as Patient?identifier=system|value",
                    ),
                    Some(_) | None => ReferenceRewrite::AsItStands,
                }
            }
            Reference::Local(..)
            | Reference::Contained(_)
            | Reference::Logical(..)
            | Reference::None => ReferenceRewrite::AsItStands,
        }
    }

    /// Allows a search in a transaction only.
    fn conditional(&self, allowed: ReferenceRewrite) -> ReferenceRewrite {
        match self.request.asked_as {
            AskedAs::Transaction => allowed,
            AskedAs::Requests => ReferenceRewrite::Wrong(
                "a reference that is a search is understood in a transaction only",
            ),
        }
    }

    /// Returns the part of an address below the base of this server, with or without its name.
    fn below_base<'t>(&self, address: &'t str) -> Option<&'t str> {
        let below = |base: &str| address.strip_prefix(base)?.strip_prefix('/');
        let path = || {
            let (_, host) = self.base_url.split_once("://")?;
            let path = &host[host.find('/')?..];
            below(path)
        };
        let reached = || self.request.reached_by.and_then(below);
        below(self.base_url).or_else(reached).or_else(path)
    }

    /// Tells whether an address is that of a version on this server already.
    fn is_own_version(&self, named: NamedEntry<'_>, key: &ResourceKey) -> bool {
        let full_url = self.request.names.full_url(named.at);
        let local = full_url.and_then(|full_url| self.below_base(full_url));
        local.is_some_and(|local| local == key.to_string())
    }
}
