//! The links of a resource besides its references: elements that hold an address by their type, and
//! narratives (<https://hl7.org/fhir/R4/http.html#trules>). Canonical addresses are none.

use std::fmt::Write as _;

use serde_json::Value;

use crate::fhirpath::{Model, TypeId};
use crate::schema::Definitions;

/// The kind of an element that may link to a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkKind {
    /// A `uri` or `url`: an address.
    Address,
    /// A `uuid`: it cannot hold another address than `urn:uuid:…`.
    Uuid,
    /// The XHTML of a narrative, whose `a href` and `img src` are links.
    Narrative,
}

/// Calls `visit` with the JSON Pointer, the kind and the text of each element that may be a link, in
/// the resource, its extensions and what it contains.
pub fn for_each_link<'a>(
    definitions: &Definitions,
    resource: &'a Value,
    visit: &mut dyn FnMut(&str, LinkKind, &'a str),
) {
    LinkWalk {
        definitions,
        pointer: String::new(),
        visit,
    }
    .value(None, resource);
}

struct LinkWalk<'d, 'v, 'a> {
    definitions: &'d Definitions,
    pointer: String,
    visit: &'v mut dyn FnMut(&str, LinkKind, &'a str),
}

impl<'a> LinkWalk<'_, '_, 'a> {
    fn value(&mut self, type_id: Option<TypeId>, value: &'a Value) {
        let length = self.pointer.len();
        match value {
            Value::Object(members) => {
                // What may be any resource says itself what it is.
                let stated = members.get("resourceType").and_then(Value::as_str);
                let own = stated.map_or(type_id, |name| self.definitions.type_named(name));
                for (name, member) in members {
                    if let Some(of) = self.member_type(own, name) {
                        self.pointer.push('/');
                        self.pointer
                            .push_str(&name.replace('~', "~0").replace('/', "~1"));
                        self.value(Some(of), member);
                        self.pointer.truncate(length);
                    }
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    // Writing to a string cannot fail.
                    let _ = write!(self.pointer, "/{at}");
                    self.value(type_id, item);
                    self.pointer.truncate(length);
                }
            }
            Value::String(text) => {
                let kind = type_id.and_then(|type_id| match self.definitions.name(type_id) {
                    "uri" | "url" => Some(LinkKind::Address),
                    "uuid" => Some(LinkKind::Uuid),
                    "xhtml" => Some(LinkKind::Narrative),
                    _ => None,
                });
                if let Some(kind) = kind {
                    (self.visit)(&self.pointer, kind, text);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Returns the type of a member; beside a primitive value stands what every element has.
    fn member_type(&self, own: Option<TypeId>, name: &str) -> Option<TypeId> {
        if name.starts_with('_') {
            return self.definitions.type_named("Element");
        }
        self.definitions.key_type(own?, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn links_are_found_by_the_types_of_elements() {
        let extension = |member: &str, value: &str| json!({ "url": "urn:ext", member: value });
        let patient = json!({
            "resourceType": "Patient",
            "implicitRules": "urn:rules",
            "meta": { "source": "urn:source", "profile": ["urn:profile"] },
            "text": { "div": "<div/>" },
            "identifier": [{ "system": "urn:system", "value": "urn:value" }],
            "photo": [{ "url": "urn:photo" }],
            "_birthDate": { "extension": [extension("valueUri", "urn:birth")] },
            "extension": [
                extension("valueUri", "urn:uri"),
                extension("valueUrl", "urn:url"),
                extension("valueUuid", "urn:uuid"),
                extension("valueOid", "urn:oid"),
                extension("valueCanonical", "urn:canonical"),
                extension("valueString", "urn:string"),
                { "url": "urn:outer", "extension": [extension("valueUri", "urn:inner")] },
                { "url": "urn:a", "valueAttachment": { "url": "urn:attachment" } },
                { "url": "urn:r", "valueReference": { "reference": "urn:reference" } }
            ],
            "contained": [{ "resourceType": "Endpoint", "address": "urn:endpoint",
                "text": { "div": "<div>c</div>" } }],
            "unknown": "urn:unknown"
        });
        let mut found = Vec::new();
        for_each_link(
            &Definitions::core(),
            &patient,
            &mut |pointer, kind, text| {
                assert_eq!(patient.pointer(pointer), Some(&Value::from(text)));
                found.push((kind, text));
            },
        );
        found.retain(|(_, text)| !matches!(*text, "urn:ext" | "urn:outer" | "urn:a" | "urn:r"));
        use LinkKind::{Address, Narrative, Uuid};
        assert_eq!(
            found,
            [
                (Address, "urn:rules"),
                (Address, "urn:source"),
                (Narrative, "<div/>"),
                (Address, "urn:system"),
                (Address, "urn:photo"),
                (Address, "urn:birth"),
                (Address, "urn:uri"),
                (Address, "urn:url"),
                (Uuid, "urn:uuid"),
                (Address, "urn:inner"),
                (Address, "urn:attachment"),
                (Address, "urn:endpoint"),
                (Narrative, "<div>c</div>"),
            ]
        );
    }
}
