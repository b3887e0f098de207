//! The addresses under which the entries of one request name each other
//! (<https://hl7.org/fhir/R4/bundle.html#references>).

use std::collections::HashMap;

use crate::fhir::Id;
use crate::interactions::change::{Action, Change};

/// The entries of a request, by the addresses under which others name them.
pub(in crate::interactions) struct EntryNames<'a> {
    by_full_url: HashMap<&'a str, usize>,
    full_urls: Vec<Option<&'a str>>,
    /// The version that each entry says its content is.
    versions: Vec<Option<&'a str>>,
}

/// The entry that an address names, and the part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::interactions) struct NamedEntry<'t> {
    /// The place of its change.
    pub(in crate::interactions) at: usize,
    /// The version that the address asks for.
    pub(in crate::interactions) version: Option<&'t str>,
    /// The part of the resource that the address names.
    pub(in crate::interactions) fragment: Option<&'t str>,
}

impl NamedEntry<'_> {
    /// Tells whether a version is asked for, and no part of it.
    pub(super) fn is_whole_version(self) -> bool {
        self.version.is_some() && self.fragment.is_none()
    }
}

impl<'a> EntryNames<'a> {
    /// Reads the addresses of these changes.
    pub(in crate::interactions) fn of(changes: &'a [Change]) -> Self {
        let full_urls: Vec<Option<&str>> = changes
            .iter()
            .map(|change| change.full_url.as_deref())
            .collect();
        let named = full_urls.iter().enumerate();
        let by_full_url = named
            .filter_map(|(at, full_url)| Some(((*full_url)?, at)))
            .collect();
        EntryNames {
            by_full_url,
            full_urls,
            versions: changes.iter().map(stated_version).collect(),
        }
    }

    /// Tells whether no entry can be named.
    pub(in crate::interactions) fn is_empty(&self) -> bool {
        self.by_full_url.is_empty()
    }

    /// Returns the address of an entry.
    pub(super) fn full_url(&self, at: usize) -> Option<&'a str> {
        self.full_urls.get(at).copied().flatten()
    }

    /// Finds the entry with exactly this address.
    pub(in crate::interactions) fn exactly(&self, address: &str) -> Option<usize> {
        self.by_full_url.get(address).copied()
    }

    /// Finds the entry that an address in the criteria of the entry at that place names: one that a
    /// uri parameter asks for compares as it stands.
    pub(in crate::interactions) fn asked(
        &self,
        at: usize,
        address: &str,
        is_uri: bool,
    ) -> Option<usize> {
        if is_uri {
            self.exactly(address)
        } else {
            self.named(Some(at), address).map(|named| named.at)
        }
    }

    /// Finds the entry that an address names, with a version and a fragment as far as it has them.
    /// `Type/id` is relative to the base of the address of the entry in which it stands, if that is
    /// told.
    pub(in crate::interactions) fn named<'t>(
        &self,
        from: Option<usize>,
        address: &'t str,
    ) -> Option<NamedEntry<'t>> {
        if self.is_empty() {
            return None;
        }
        if let Some(at) = self.exactly(address) {
            let (version, fragment) = (None, None);
            return Some(NamedEntry {
                at,
                version,
                fragment,
            });
        }
        let (whole, fragment) = match address.split_once('#') {
            Some((whole, fragment)) => (whole, Some(fragment)),
            None => (address, None),
        };
        let (resource, version) = match whole.split_once("/_history/") {
            Some((resource, version)) => (resource, Some(version)),
            None => (whole, None),
        };
        let beside = || {
            let base = base_of(self.full_url(from?)?)?;
            self.exactly(&format!("{base}/{}", relative(resource)?))
        };
        let at = self.exactly(resource).or_else(beside)?;
        // Another version than the one that the entry brings is not in the request.
        let is_other = version.is_some_and(|version| {
            let stated = self.versions.get(at).copied().flatten();
            stated.is_some_and(|stated| stated != version)
        });
        (!is_other).then_some(NamedEntry {
            at,
            version,
            fragment,
        })
    }
}

/// Returns the version that the content of a change says it is.
fn stated_version(change: &Change) -> Option<&str> {
    match &change.action {
        Action::Create { resource, .. } | Action::Update { resource, .. } => {
            resource.value()["meta"]["versionId"].as_str()
        }
        Action::Patch { .. } | Action::Delete { .. } => None,
    }
}

/// Returns the address if it has the form `Type/id`.
fn relative(address: &str) -> Option<&str> {
    let (kind, id) = address.split_once('/')?;
    let is_type = kind.starts_with(|first: char| first.is_ascii_uppercase())
        && kind.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_type && Id::parse(id).is_some()).then_some(address)
}

/// Returns `http://x/fhir` of `http://x/fhir/Condition/7`.
fn base_of(full_url: &str) -> Option<&str> {
    let (rest, _) = full_url.rsplit_once('/')?;
    full_url
        .contains("://")
        .then(|| rest.rsplit_once('/').map(|(base, _)| base))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::ResourceKey;
    use crate::interactions::change::ChangeTarget;
    use crate::interactions::condition::Condition;

    fn deletion(full_url: Option<&str>) -> Change {
        let key = ResourceKey::parse("Patient/x").unwrap();
        Change {
            action: Action::Delete {
                target: ChangeTarget::Key(key),
                condition: Condition::ANY,
            },
            full_url: full_url.map(Into::into),
            place: None,
            is_verbose: false,
        }
    }

    #[test]
    fn an_entry_is_named_by_its_address_alone_and_from_beside_it() {
        let changes = [
            deletion(Some("urn:uuid:a")),
            deletion(Some("https://ehr.example/fhir/Patient/7")),
            deletion(Some("https://ehr.example/fhir/Condition/8")),
            deletion(None),
        ];
        let names = EntryNames::of(&changes);
        for (from, address, expected) in [
            (Some(3), "urn:uuid:a", Some((0, None, None))),
            (Some(3), "urn:uuid:A", None),
            (Some(3), "urn:uuid:a#p1", Some((0, None, Some("p1")))),
            (Some(2), "Patient/7", Some((1, None, None))),
            (Some(2), "Patient/7/_history/3", Some((1, Some("3"), None))),
            (Some(3), "Patient/7", None),
            (Some(0), "Patient/7", None),
            (None, "Patient/7", None),
            (Some(2), "patient/7", None),
            (
                None,
                "https://ehr.example/fhir/Patient/7/_history/3",
                Some((1, Some("3"), None)),
            ),
            (None, "https://ehr.example/fhir/Patient/70", None),
            (None, "#urn:uuid:a", None),
            (None, "", None),
        ] {
            let found = names.named(from, address);
            let found = found.map(|found| (found.at, found.version, found.fragment));
            assert_eq!(found, expected, "{address}");
        }
    }
}
