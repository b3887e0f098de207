//! From the JSON of a resource to FHIR XML.
//!
//! The JSON is taken from its text member by member, and never held as a tree: numbers keep their
//! digits, and a page of a thousand entries costs no more than the text that is written.

use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;

use super::element_path::ElementPath;
use super::tags::{Layout, TagWriter, Wrong};
use super::{FHIR_NAMESPACE, XHTML_TYPE, xhtml};
use crate::fhir::json::{raw_members, without_mark};
use crate::fhirpath::{Model, TypeId};
use crate::schema::{Definitions, MemberDefinition};

/// The reason why a resource has no form in XML: it is not what the definitions say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unwritable {
    /// The element concerned, as FHIRPath.
    pub path: String,
    /// The thing that is wrong there.
    pub what: &'static str,
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// Writes a resource, given as JSON, as a document of FHIR XML.
///
/// # Errors
/// [`Unwritable`]: the JSON is not what the definitions say; no valid resource is refused.
pub fn write(
    definitions: &Definitions,
    json: &[u8],
    layout: Layout,
) -> Result<Vec<u8>, Unwritable> {
    let mut writer = ResourceWriter::new(definitions, layout);
    writer.tags.out.reserve(json.len());
    match writer.document(json) {
        Ok(()) => Ok(writer.tags.out.into_bytes()),
        Err(what) => Err(writer.unwritable(what)),
    }
}

pub(super) const UNKNOWN_MEMBER: Wrong = "it has a member that R4 does not have";
pub(super) const NO_RESOURCE: Wrong = "it is no resource of R4";
pub(super) const OTHER_KIND: Wrong = "its value is not of the kind of JSON that its type has";
const NO_DIV: Wrong = "it is no div of XHTML that stands alone";
pub(super) const GAP: Wrong = "it has a gap that XML has no form for";

/// The members of an object in the text: each key, and its value as written.
pub(super) type RawObject<'r> = Vec<(String, &'r RawValue)>;

/// A member of an object with its definition: the value, and the id and extensions of a primitive.
pub(super) struct DefinedMember<'m> {
    pub(super) key: &'m str,
    pub(super) definition: MemberDefinition<'m>,
    pub(super) value: Option<&'m RawValue>,
    parts: Option<&'m RawValue>,
}

/// A writer of one document.
pub(super) struct ResourceWriter<'a> {
    definitions: &'a Definitions,
    pub(super) tags: TagWriter,
    pub(super) path: ElementPath,
}

impl<'a> ResourceWriter<'a> {
    /// Makes a writer that has written nothing yet.
    pub(super) fn new(definitions: &'a Definitions, layout: Layout) -> Self {
        ResourceWriter {
            definitions,
            tags: TagWriter::new(layout),
            path: ElementPath::default(),
        }
    }

    /// Says what has no form in XML, where the writer has stopped.
    pub(super) fn unwritable(&self, what: Wrong) -> Unwritable {
        let path = self.path.to_string();
        Unwritable { path, what }
    }

    fn document(&mut self, json: &[u8]) -> Result<(), Wrong> {
        let text = std::str::from_utf8(without_mark(json)).map_err(|_| NO_RESOURCE)?;
        let members = raw_members(text).map_err(|_| NO_RESOURCE)?;
        let (name, _) = self.resource_type(&members)?;
        self.path.enter(&name, None);
        self.tags.declaration();
        self.resource(&members, true)?;
        self.path.leave();
        Ok(())
    }

    pub(super) fn resource_type(&self, members: &RawObject<'_>) -> Result<(String, TypeId), Wrong> {
        let named = members.iter().find(|(key, _)| key == "resourceType");
        let name = named.and_then(|(_, name)| text_of(name));
        let name = name.filter(|name| self.definitions.is_resource_type(name));
        let of = name
            .as_deref()
            .and_then(|name| self.definitions.type_named(name));
        name.zip(of).ok_or(NO_RESOURCE)
    }

    /// Writes a resource; the one that contains the others says the namespace.
    fn resource(&mut self, members: &RawObject<'_>, is_root: bool) -> Result<(), Wrong> {
        let (name, of) = self.resource_type(members)?;
        let others = members.iter().filter(|(key, _)| key != "resourceType");
        let members = self.in_order(of, others)?;
        self.tags.begin(&name);
        if is_root {
            self.tags.attribute("xmlns", FHIR_NAMESPACE)?;
        }
        self.tags.begin_content(!members.is_empty());
        for member in &members {
            self.member(member)?;
        }
        self.tags.end(&name, !members.is_empty());
        Ok(())
    }

    /// Returns the members in the order of their definitions, the two of a primitive as one.
    pub(super) fn in_order<'m>(
        &self,
        of: TypeId,
        members: impl Iterator<Item = &'m (String, &'m RawValue)>,
    ) -> Result<Vec<DefinedMember<'m>>, Wrong>
    where
        'a: 'm,
    {
        let mut defined: Vec<DefinedMember<'m>> = Vec::new();
        for (written, value) in members {
            let key = written.strip_prefix('_').unwrap_or(written);
            let at = match defined.iter().position(|known| known.key == key) {
                Some(at) => at,
                None => {
                    let definition = self.definitions.member(of, key).ok_or(UNKNOWN_MEMBER)?;
                    defined.push(DefinedMember {
                        key,
                        definition,
                        value: None,
                        parts: None,
                    });
                    defined.len() - 1
                }
            };
            let definition = &defined[at].definition;
            if written == key {
                defined[at].value = Some(value);
            } else if self.is_primitive(definition) && !definition.element.is_attribute {
                defined[at].parts = Some(value);
            } else {
                return Err(UNKNOWN_MEMBER);
            }
        }
        defined.sort_by_key(|member| member.definition.place);
        Ok(defined)
    }

    /// Returns the definition of an element of that type.
    pub(super) fn child_of(&self, type_name: &str, key: &str) -> Option<MemberDefinition<'a>> {
        let of = self.definitions.type_named(type_name)?;
        self.definitions.member(of, key)
    }

    fn is_primitive(&self, definition: &MemberDefinition<'_>) -> bool {
        definition
            .content
            .is_some_and(|of| of.element == 0 && self.definitions.structure_of(of).is_primitive())
    }

    /// Writes the element of that name with the members of an object, and perhaps a value.
    fn object(
        &mut self,
        name: &str,
        of: TypeId,
        object: &RawObject<'_>,
        value: Option<&str>,
    ) -> Result<(), Wrong> {
        let members = self.in_order(of, object.iter())?;
        let (attributes, elements): (Vec<_>, Vec<_>) = members
            .iter()
            .partition(|member| member.definition.element.is_attribute);
        self.tags.begin(name);
        for member in attributes {
            let text = member.value.and_then(text_of).ok_or(OTHER_KIND)?;
            self.tags.attribute(member.key, &text)?;
        }
        if let Some(value) = value {
            self.tags.attribute("value", value)?;
        }
        self.tags.begin_content(!elements.is_empty());
        for member in &elements {
            self.member(member)?;
        }
        self.tags.end(name, !elements.is_empty());
        Ok(())
    }

    /// Writes all repetitions of a member.
    pub(super) fn member(&mut self, member: &DefinedMember<'_>) -> Result<(), Wrong> {
        let DefinedMember {
            key,
            definition,
            value,
            parts,
        } = *member;
        let is_repeated = definition.element.is_array;
        let (Some(values), Some(parts)) = (items(value, is_repeated), items(parts, is_repeated))
        else {
            self.path.enter(key, None);
            return Err(OTHER_KIND);
        };
        let item = |items: &[Option<_>], at: usize| items.get(at).copied().flatten();
        for at in 0..values.len().max(parts.len()) {
            self.path.enter(key, is_repeated.then_some(at));
            let (value, parts) = (item(&values, at), item(&parts, at));
            if self.is_primitive(&definition) {
                self.primitive(key, &definition, value, parts)?;
            } else {
                self.complex(key, &definition, value.ok_or(GAP)?)?;
            }
            self.path.leave();
        }
        Ok(())
    }

    fn primitive(
        &mut self,
        name: &str,
        definition: &MemberDefinition<'_>,
        value: Option<&RawValue>,
        parts: Option<&RawValue>,
    ) -> Result<(), Wrong> {
        if value.is_none() && parts.is_none() {
            return Err(GAP);
        }
        if definition.type_name == XHTML_TYPE {
            let div = value.filter(|_| parts.is_none()).and_then(text_of);
            let div = div.as_deref().and_then(xhtml::alone).ok_or(NO_DIV)?;
            self.tags.line();
            self.tags.out.push_str(&div);
            return Ok(());
        }
        let of = definition.content.ok_or(UNKNOWN_MEMBER)?;
        let parts = parts.map_or(Ok(Vec::new()), |parts| raw_members(parts.get()));
        let parts = parts.map_err(|_| OTHER_KIND)?;
        if parts.iter().any(|(key, _)| key == "value") {
            return Err(UNKNOWN_MEMBER);
        }
        let value = match value.map(RawValue::get) {
            Some(raw) if raw.starts_with(['{', '[']) => return Err(OTHER_KIND),
            Some(raw) if raw.starts_with('"') => value.and_then(text_of),
            other => other.map(str::to_owned),
        };
        self.object(name, of, &parts, value.as_deref())
    }

    pub(super) fn complex(
        &mut self,
        name: &str,
        definition: &MemberDefinition<'_>,
        value: &RawValue,
    ) -> Result<(), Wrong> {
        let object = raw_members(value.get()).map_err(|_| OTHER_KIND)?;
        let of = definition.content.ok_or(UNKNOWN_MEMBER)?;
        if !(of.element == 0 && self.definitions.structure_of(of).is_resource()) {
            return self.object(name, of, &object, None);
        }
        self.tags.begin(name);
        self.tags.begin_content(true);
        self.resource(&object, false)?;
        self.tags.end(name, true);
        Ok(())
    }
}

/// Returns the text that a value is, if it is text.
fn text_of(value: &RawValue) -> Option<String> {
    match value.get().parse() {
        Ok(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// Returns the repetitions of a value, of which `null` is none; nothing if it is an array where its
/// element does not repeat, or none where it does.
fn items(value: Option<&RawValue>, is_repeated: bool) -> Option<Vec<Option<&RawValue>>> {
    let Some(value) = value else {
        return Some(Vec::new());
    };
    if value.get().starts_with('[') != is_repeated {
        return None;
    }
    let present = |item: &'_ RawValue| item.get() != "null";
    if is_repeated {
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
        Some(
            items
                .into_iter()
                .map(|item| Some(item).filter(|item| present(item)))
                .collect(),
        )
    } else {
        Some(vec![Some(value).filter(|value| present(value))])
    }
}
