//! A Bundle with its entries by address, as all rules about Bundles look at it.

use std::collections::HashMap;

use serde_json::Value;

/// A function that tells whether there is a resource type of that name.
pub type IsResource<'r> = dyn Fn(&str) -> bool + 'r;

/// A Bundle, with its entries by address.
pub struct IndexedBundle<'a> {
    pub(super) bundle: &'a Value,
    /// Its type, or empty.
    pub(super) kind: &'a str,
    pub(super) items: &'a [Value],
    pub(super) is_resource: Box<IsResource<'a>>,
    /// The places of the entries with that `fullUrl`.
    pub(super) by_address: HashMap<&'a str, Vec<usize>>,
    /// The places of the entries with that `fullUrl` and version.
    pub(super) by_version: HashMap<(&'a str, &'a str), Vec<usize>>,
    /// The first place of a resource with that type and id.
    pub(super) by_name: HashMap<(&'a str, &'a str), usize>,
    is_carried_out: bool,
}

impl<'a> IndexedBundle<'a> {
    /// Indexes the entries of a Bundle; `is_resource` tells whether there is a resource type of
    /// that name.
    pub fn of(bundle: &'a Value, is_resource: impl Fn(&str) -> bool + 'a) -> Self {
        let items = bundle
            .get("entry")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let (mut by_address, mut by_version) =
            (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        let mut by_name = HashMap::new();
        for (at, entry) in items.iter().enumerate() {
            if let Some(url) = text(entry, "fullUrl") {
                by_address.entry(url).or_default().push(at);
                if let Some(version) = entry["resource"]["meta"]["versionId"].as_str() {
                    by_version.entry((url, version)).or_default().push(at);
                }
            }
            if let Some((_, name, id)) = resource_of(entry).filter(|(_, _, id)| !id.is_empty()) {
                by_name.entry((name, id)).or_insert(at);
            }
        }
        let kind = text(bundle, "type").unwrap_or("");
        IndexedBundle {
            bundle,
            kind,
            items,
            is_resource: Box::new(is_resource),
            by_address,
            by_version,
            by_name,
            is_carried_out: matches!(kind, "transaction" | "batch"),
        }
    }

    /// Says that a server carries the Bundle out, whatever its type is.
    pub fn carried_out(self) -> Self {
        IndexedBundle {
            is_carried_out: true,
            ..self
        }
    }

    /// Tells whether a server carries the Bundle out, so that each resource in it is stored by itself.
    pub fn is_carried_out(&self) -> bool {
        self.is_carried_out
    }

    /// Returns the Bundle.
    pub fn bundle(&self) -> &'a Value {
        self.bundle
    }

    /// Returns the resource in the entry at that place, with its type.
    pub fn resource(&self, at: usize) -> Option<(&'a Value, &'a str)> {
        self.items
            .get(at)
            .and_then(resource_of)
            .map(|(resource, name, _)| (resource, name))
    }

    /// Returns the links of the Bundle.
    pub(super) fn links(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.bundle
            .get("link")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    }
}

/// Returns the text of a member, if it is text.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// Returns the resource of an entry, its type and id (empty if it has none).
pub(super) fn resource_of(entry: &Value) -> Option<(&Value, &str, &str)> {
    let resource = entry.get("resource")?;
    Some((
        resource,
        text(resource, "resourceType")?,
        text(resource, "id").unwrap_or(""),
    ))
}

/// Returns the part before the type of a RESTful address: `base/Type/id`, with `/_history/version`
/// or without; none if it is not one.
pub(super) fn restful_base<'a>(address: &'a str, is_resource: &IsResource<'_>) -> Option<&'a str> {
    let is_id = |id: &str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    };
    let plain = match address.rsplit_once("/_history/") {
        Some((before, version)) if is_id(version) => before,
        _ => address,
    };
    let (before, id) = plain.rsplit_once('/')?;
    let (base, name) = before.rsplit_once('/').unwrap_or(("", before));
    let rest = base
        .strip_prefix("http://")
        .or_else(|| base.strip_prefix("https://"))
        .or(base.is_empty().then_some(""))?;
    let is_part = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'/' | b'\\' | b'.' | b':' | b'%' | b'$' | b'-' | b'_')
    };
    (is_id(id) && is_resource(name) && rest.bytes().all(is_part))
        .then(|| &plain[..before.len() - name.len()])
}
