//! Rewriting the links of incoming resources: to entries of the same request, to this server's own
//! addresses, and to the matches of searches.

use std::collections::HashMap;

use super::names::NamedEntry;
use super::relink::{new_link, new_links, put, replace_references};
use super::searches;
use super::surrounding::{Surrounding, addresses_in};
use super::versions::{self, VersionLinks};
use crate::fhir::reference::{LiteralPath, has_scheme, is_search, literal_path, searched};
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
        let entry = self.request.names.named(from, address);
        if let Some(rewrite) = entry.and_then(|named| self.entry(named)) {
            return rewrite;
        }
        match Reference::parse(address) {
            Reference::Urn(_) => self.urn(),
            Reference::Conditional(_) => self.conditional(ReferenceRewrite::AsItStands),
            Reference::Contained(_) | Reference::Logical(..) | Reference::None => {
                ReferenceRewrite::AsItStands
            }
            // That a text is empty is a finding already.
            Reference::External("") => ReferenceRewrite::AsItStands,
            Reference::Local(..) | Reference::External(_) => match self.below_base(address) {
                Some(path) => self.below(address, path),
                None if has_scheme(address, &|name| self.is_type(name)) => self.elsewhere(address),
                None => self.relative(from, address),
            },
        }
    }

    /// Returns what becomes of an address that names an entry; none if it is already that of a
    /// version on this server.
    fn entry(&self, named: NamedEntry<'_>) -> Option<ReferenceRewrite> {
        let key = &self.request.keys[named.at];
        if named.fragment.is_some() {
            return Some(ReferenceRewrite::Wrong(
                "expected a reference to the resource of an entry, found one to something in it: only its own references lead to what it contains",
            ));
        }
        match named.version {
            None => Some(ReferenceRewrite::Address(key.to_string())),
            Some(_) if self.is_own_version(named, key) => None,
            Some(_) => Some(ReferenceRewrite::Version(named.at)),
        }
    }

    fn urn(&self) -> ReferenceRewrite {
        ReferenceRewrite::Wrong(match self.request.asked_as {
            AskedAs::Transaction => {
                "expected the fullUrl of an entry of the same transaction: no entry has this one"
            }
            AskedAs::Requests => {
                "expected an address such as Patient/7, found a urn, which names an entry of the same transaction: send both in one transaction"
            }
        })
    }

    /// Reads an address below the base of this server, given its path there.
    fn below(&self, address: &str, path: &str) -> ReferenceRewrite {
        if searched(path).is_some_and(|(name, _)| !name.is_empty()) {
            return self.conditional(ReferenceRewrite::Address(path.to_owned()));
        }
        self.literal(path, |plain| {
            // An entry may be at the address that is meant.
            let plain_addresses = self.request.bases.each();
            let plain_addresses = plain_addresses.map(|base| format!("{base}/{plain}"));
            let entry = plain_addresses
                .filter(|other| other != address)
                .find_map(|other| self.entry(self.request.names.named(None, &other)?));
            entry.unwrap_or(ReferenceRewrite::Address(plain))
        })
    }

    /// Reads an address that is relative to the base of its entry, or of this server.
    fn relative(&self, from: Option<usize>, address: &str) -> ReferenceRewrite {
        self.literal(address, |plain| {
            if plain == address {
                return ReferenceRewrite::AsItStands;
            }
            let entry = self.request.names.named(from, &plain);
            let entry = entry.and_then(|named| self.entry(named));
            entry.unwrap_or(ReferenceRewrite::Address(plain))
        })
    }

    /// Reads a path that leads to one resource, or says what was expected.
    fn literal(
        &self,
        path: &str,
        of_resource: impl FnOnce(String) -> ReferenceRewrite,
    ) -> ReferenceRewrite {
        match literal_path(path, &|name| self.is_type(name)) {
            LiteralPath::Resource(plain) => of_resource(plain),
            LiteralPath::Part => ReferenceRewrite::Wrong(
                "expected a reference to a whole resource, such as Organization/7, found one to a part of it: only #id leads to what the same resource contains",
            ),
            LiteralPath::Other => ReferenceRewrite::Wrong(
                "expected the address of one resource: Organization/7 or Organization/7/_history/1, an absolute address on another server, a urn:uuid of an entry, or #id of what the same resource contains; found another form, which leads nowhere",
            ),
        }
    }

    /// Reads an address on another server.
    fn elsewhere(&self, address: &str) -> ReferenceRewrite {
        let is_urn = |scheme: &str| scheme.eq_ignore_ascii_case("urn:");
        if address.get(.."urn:".len()).is_some_and(is_urn) {
            return self.urn();
        }
        if is_search(address, &|name| self.is_type(name)) {
            return ReferenceRewrite::Wrong(
                "expected the address of a resource, found a search on another server: name the resource, or in a transaction a search of this server, such as Patient?identifier=system|value",
            );
        }
        let whole = address.split(['?', '#']).next().unwrap_or(address);
        let whole = whole.trim_end_matches('/');
        if whole != address && self.request.names.named(None, whole).is_some() {
            return ReferenceRewrite::Wrong(
                "expected the fullUrl of an entry as it stands there, found it with something behind it",
            );
        }
        ReferenceRewrite::AsItStands
    }

    fn is_type(&self, name: &str) -> bool {
        self.definitions.is_resource_type(name)
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
        let bases = self.request.bases;
        bases.below(address).or_else(|| bases.below_path(address))
    }

    /// Tells whether an address is that of a version on this server already.
    fn is_own_version(&self, named: NamedEntry<'_>, key: &ResourceKey) -> bool {
        let full_url = self.request.names.full_url(named.at);
        let local = full_url.and_then(|full_url| self.below_base(full_url));
        local.is_some_and(|local| local == key.to_string())
    }
}
