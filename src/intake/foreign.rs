//! A foreign Bundle, entry by entry, as it was sent: what its references name, and what in it may
//! change the meaning.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::refusal::{IntakeRefusal, RefusalKey};
use crate::fhir::names;
use crate::fhir::view::items;

/// A Bundle of another guide.
#[derive(Debug)]
pub struct ForeignBundle<'a> {
    /// The Bundle.
    pub value: &'a Value,
    /// Its entries.
    pub entries: Vec<ForeignEntry<'a>>,
    by_full_url: HashMap<&'a str, usize>,
    by_type_and_id: HashMap<String, usize>,
}

/// One entry.
#[derive(Clone, Copy, Debug)]
pub struct ForeignEntry<'a> {
    /// Its `fullUrl`.
    pub full_url: Option<&'a str>,
    /// Its resource.
    pub resource: &'a Value,
}

impl<'a> ForeignEntry<'a> {
    /// Returns the name of its type.
    pub fn type_name(&self) -> &'a str {
        self.resource["resourceType"].as_str().unwrap_or_default()
    }

    /// Returns the id of its resource.
    pub fn id(&self) -> &'a str {
        self.resource["id"].as_str().unwrap_or_default()
    }

    /// Returns the id by which its sender knows it: that of its resource, else the end of its address.
    pub fn own_id(&self) -> &'a str {
        if !self.id().is_empty() {
            return self.id();
        }
        let full_url = self.full_url.unwrap_or_default();
        full_url.rsplit(['/', ':']).next().unwrap_or_default()
    }

    /// Returns its address as an identifier; none if it has none, or a relative one, which names nothing.
    pub fn address_as_identifier(&self) -> Option<Value> {
        let full_url = self.full_url?;
        let is_absolute = full_url.contains("://") || full_url.starts_with("urn:");
        is_absolute.then(|| json!({ "system": names::URI_SYSTEM, "value": full_url }))
    }

    /// Tells whether something in it may change the meaning of the rest.
    pub fn has_modifiers(&self) -> bool {
        has_modifiers(self.resource)
    }
}

impl<'a> ForeignBundle<'a> {
    /// Reads a Bundle.
    ///
    /// # Errors
    /// `bundle-type` and `bundle-form`.
    pub fn read(value: &'a Value) -> Result<Self, IntakeRefusal> {
        let kind = value["type"].as_str().unwrap_or_default();
        let is_taken = matches!(kind, "document" | "message" | "collection");
        if value["resourceType"] != "Bundle" || !is_taken {
            return Err(IntakeRefusal::of(RefusalKey::BundleType));
        }
        let entries: Vec<ForeignEntry<'a>> = items(&value["entry"])
            .map(|entry| ForeignEntry {
                full_url: entry["fullUrl"].as_str(),
                resource: &entry["resource"],
            })
            .collect();
        let head = match kind {
            "document" => Some("Composition"),
            "message" => Some("MessageHeader"),
            _ => None,
        };
        let first = entries.first().map(ForeignEntry::type_name);
        let has_head = head.is_none() || first == head;
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_whole = entries.iter().all(|entry| is_name(entry.type_name()));
        let of_head = |entry: &ForeignEntry<'_>| head.is_some() && entry.has_modifiers();
        if entries.is_empty()
            || !has_head
            || !is_whole
            || has_own_modifiers(value)
            || entries.first().is_some_and(of_head)
        {
            return Err(IntakeRefusal::of(RefusalKey::BundleForm));
        }
        let mut by_full_url = HashMap::new();
        let mut by_type_and_id = HashMap::new();
        for (at, entry) in entries.iter().enumerate() {
            if let Some(full_url) = entry.full_url {
                by_full_url.entry(full_url).or_insert(at);
            }
            if !entry.id().is_empty() {
                let key = format!("{}/{}", entry.type_name(), entry.id());
                by_type_and_id.entry(key).or_insert(at);
            }
        }
        Ok(ForeignBundle {
            value,
            entries,
            by_full_url,
            by_type_and_id,
        })
    }

    /// Returns the entries of that type, each with its place.
    pub fn of_type<'s>(
        &'s self,
        type_name: &'s str,
    ) -> impl Iterator<Item = (usize, ForeignEntry<'a>)> + 's {
        let entries = self.entries.iter().copied().enumerate();
        entries.filter(move |(_, entry)| entry.type_name() == type_name)
    }

    /// Finds the entry that a Reference element names: by its fullUrl, else by type and id.
    pub fn resolve(&self, reference: &Value) -> Option<usize> {
        let address = reference["reference"].as_str()?;
        if let Some(at) = self.by_full_url.get(address) {
            return Some(*at);
        }
        let whole = address.split("/_history/").next().unwrap_or(address);
        let mut steps = whole.rsplit('/');
        let (id, type_name) = (steps.next()?, steps.next()?);
        self.by_type_and_id
            .get(&format!("{type_name}/{id}"))
            .copied()
    }

    /// Returns the profiles that the Bundle or one of its entries claims, without their versions.
    pub fn profiles(&self) -> impl Iterator<Item = &'a str> {
        let entries = self.entries.iter().map(|entry| entry.resource);
        std::iter::once(self.value)
            .chain(entries)
            .flat_map(profiles_of)
    }
}

/// Returns the profiles that a resource claims, without their versions.
pub(super) fn profiles_of(resource: &Value) -> impl Iterator<Item = &str> {
    items(&resource["meta"]["profile"])
        .filter_map(Value::as_str)
        .map(crate::fhir::view::without_version)
}

/// Tells whether a Bundle itself, apart from its resources, says something that may change its
/// meaning.
fn has_own_modifiers(bundle: &Value) -> bool {
    let of_entry = |entry: &Value| {
        let members = entry.as_object().into_iter().flatten();
        let mut members = members.filter(|(name, _)| *name != "resource");
        members.any(|(name, value)| is_modifier(name, value) || has_modifiers(value))
    };
    let members = bundle.as_object().into_iter().flatten();
    let mut members = members.filter(|(name, _)| *name != "entry");
    members.any(|(name, value)| is_modifier(name, value) || has_modifiers(value))
        || items(&bundle["entry"]).any(of_entry)
}

/// Tells whether any part of an element says something that may change its meaning.
fn has_modifiers(value: &Value) -> bool {
    match value {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| is_modifier(name, value) || has_modifiers(value)),
        Value::Array(items) => items.iter().any(has_modifiers),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn is_modifier(name: &str, value: &Value) -> bool {
    matches!(
        name,
        "modifierExtension" | "implicitRules" | "_implicitRules"
    ) && !value.is_null()
}
