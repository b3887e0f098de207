//! References in an entry to other entries (<https://hl7.org/fhir/R4/bundle.html#references>).

use serde_json::Value;

use super::indexed::{IndexedBundle, resource_of, restful_base, text};
use crate::fhir::{IssueCode, Severity};
use crate::validation::datatypes::{self, PathReport};
use crate::validation::primitives::is_absolute;

impl IndexedBundle<'_> {
    /// Finds the place of the entry that a reference of the entry at `from` names; none if it is
    /// not in the Bundle.
    ///
    /// Reports errors that make this impossible (with the path of the entry), and warns of entries
    /// that were probably meant. References that begin with `#` are not for the Bundle.
    pub fn resolve(
        &self,
        from: usize,
        reference: &str,
        report: &mut PathReport<'_>,
    ) -> Option<usize> {
        let own = self.items.get(from)?;
        let own_address = text(own, "fullUrl");
        let path = format!(".entry[{from}]");
        let mut refuse = |code: IssueCode, what: &str| report(Severity::Error, code, &path, what);
        if own_address.is_none() && !self.may_lack_address(own) {
            refuse(
                IssueCode::Required,
                "expected fullUrl, since the resource has references; found none",
            );
        }
        let (address, version) = reference
            .split_once("/_history/")
            .unwrap_or((reference, ""));
        let target = if is_absolute(reference) {
            address.to_owned()
        } else {
            if own_address.is_some() && !self.is_relative(reference) {
                refuse(
                    IssueCode::Value,
                    "expected an absolute address or Type/id in a reference, found another text",
                );
            }
            beside(own_address?, address)?
        };
        let mut found = self.at_address(&target, version);
        let first = found.next();
        if first.is_some() && self.kind != "history" && found.next().is_some() {
            refuse(
                IssueCode::Duplicate,
                "expected one entry that a reference names, found several with its address",
            );
        }
        let stated = address
            .split_once('/')
            .map(|(name, _)| name)
            .filter(|name| (self.is_resource)(name));
        match first {
            Some(at)
                if stated.is_some_and(|stated| {
                    resource_of(&self.items[at]).is_some_and(|(_, name, _)| name != stated)
                }) =>
            {
                refuse(
                    IssueCode::Structure,
                    "expected the type that the reference says, found another at its address",
                );
            }
            Some(_) => {}
            None => self.warn_of_near_one(address, &path, report),
        }
        first
    }

    /// Tells whether an entry needs no address: those of answers, and those created by POST, which
    /// have none yet.
    fn may_lack_address(&self, entry: &Value) -> bool {
        let is_created = entry["request"]["method"] == "POST";
        matches!(self.kind, "transaction-response" | "batch-response")
            || (is_created && matches!(self.kind, "transaction" | "batch"))
    }

    /// Tells whether a reference is `Type/id`, with a version or without, or a search where the
    /// server is asked to look it up.
    fn is_relative(&self, reference: &str) -> bool {
        let is_search = || {
            reference
                .split_once('?')
                .is_some_and(|(name, query)| (self.is_resource)(name) && datatypes::is_query(query))
        };
        matches!(reference.matches('/').count(), 1 | 3)
            || (matches!(self.kind, "transaction" | "batch") && is_search())
    }

    /// Returns the places of the entries at an address, with that version if it is not empty.
    fn at_address<'s>(
        &'s self,
        address: &'s str,
        version: &'s str,
    ) -> impl Iterator<Item = usize> + 's {
        let places = if version.is_empty() {
            self.by_address.get(address)
        } else {
            self.by_version.get(&(address, version))
        };
        places.into_iter().flatten().copied()
    }

    /// Warns of a urn that nothing has, and of an entry with the right type and id at another
    /// address.
    fn warn_of_near_one(&self, address: &str, path: &str, report: &mut PathReport<'_>) {
        let mut warn = |what: &str| report(Severity::Warning, IssueCode::NotFound, path, what);
        if address.starts_with("urn") {
            warn("expected an entry with the address that a reference names, found none");
        } else if address
            .split_once('/')
            .is_some_and(|names| self.by_name.contains_key(&names))
        {
            warn(
                "expected the entry that a reference names on the same server, found its type and \
                 id at another address",
            );
        }
    }

    /// Finds the entry that a link of a document or message leads to, as the rules about these ask:
    /// by `fullUrl` alone, without a fragment, and none if several have it.
    pub(super) fn linked(&self, from: usize, reference: &str) -> Option<usize> {
        let (address, _) = reference.split_once('#').unwrap_or((reference, ""));
        let target = if is_absolute(address) {
            address.to_owned()
        } else {
            let own_address = text(self.items.get(from)?, "fullUrl")?;
            format!(
                "{}{address}",
                restful_base(own_address, &*self.is_resource)?
            )
        };
        self.only_at(&target, "").or_else(|| {
            let (plain, version) = target.split_once("/_history/")?;
            self.only_at(plain, version)
        })
    }

    fn only_at(&self, address: &str, version: &str) -> Option<usize> {
        let mut found = self.at_address(address, version);
        found.next().filter(|_| found.next().is_none())
    }
}

/// Returns the address of `Type/id` on the server of the entry, or among the same kind of urn.
fn beside(own_address: &str, relative: &str) -> Option<String> {
    if own_address.starts_with("urn:") {
        let (base, _) = own_address.rsplit_once(':')?;
        return Some(format!("{base}:{}", relative.rsplit('/').next()?));
    }
    let (before, _) = own_address.rsplit_once('/')?;
    let (base, _) = before.rsplit_once('/')?;
    Some(format!("{base}/{relative}"))
}
