//! From a document of FHIR XML to the JSON of its resource.

use super::element_path::ElementPath;
use super::json_text::{PlacedMembers, RepeatedElement, object, quoted, typed};
use super::markup::{Markup, MarkupFault, MarkupReader, OpenTag};
use super::{FHIR_NAMESPACE, XHTML_TYPE, xhtml};
use crate::fhir::json::{DEPTH_MAX, without_mark};
use crate::fhir::{Issue, IssueCode};
use crate::fhirpath::{Model, TypeId};
use crate::schema::{Definitions, MemberDefinition};

/// Reads one resource, and returns its JSON: the members in the order of the definitions, and numbers
/// with the digits that they are written with.
///
/// # Errors
/// The finding that makes it no resource, with its place: not well-formed, or not what FHIR writes.
pub fn read(definitions: &Definitions, bytes: &[u8]) -> Result<String, Issue> {
    let refused = |path: String, text: String| {
        Issue::error(IssueCode::Structure, path, format!("XML, {text}"))
    };
    let utf16 = [&b"\xfe\xff"[..], b"\xff\xfe", b"\0<", b"<\0"];
    if utf16.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(refused(
            String::new(),
            "line 1: expected UTF-8, found UTF-16".into(),
        ));
    }
    let bytes = without_mark(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        let at = error.valid_up_to();
        refused(
            String::new(),
            format!("line {line}: expected UTF-8, found an invalid byte at offset {at}"),
        )
    })?;
    let place = |fault: MarkupFault, path: &ElementPath| {
        let before = text.get(..fault.at).unwrap_or(text);
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.rsplit('\n').next().unwrap_or("").chars().count();
        refused(
            path.to_string(),
            format!("line {line}, column {column}: {}", fault.what),
        )
    };
    let markup = MarkupReader::new(text).map_err(|fault| place(fault, &ElementPath::default()))?;
    let mut reader = ResourceReader {
        definitions,
        markup,
        path: ElementPath::default(),
    };
    reader
        .document()
        .map_err(|fault| place(fault, &reader.path))
}

/// A reader of one document.
struct ResourceReader<'a> {
    definitions: &'a Definitions,
    markup: MarkupReader<'a>,
    path: ElementPath,
}

impl<'a> ResourceReader<'a> {
    fn document(&mut self) -> Result<String, MarkupFault> {
        let Some(root) = self.resource_tag()? else {
            return Err(self.markup.fault("expected one element, found none"));
        };
        let resource = self.resource(&root, 1)?;
        match self.resource_tag()? {
            None => Ok(resource),
            Some(_) => Err(self
                .markup
                .fault("expected one element, found another after it")),
        }
    }

    /// Reads up to the next element; none if what is open ends before.
    fn resource_tag(&mut self) -> Result<Option<OpenTag<'a>>, MarkupFault> {
        loop {
            match self.markup.next()? {
                Markup::Open(tag) => return Ok(Some(tag)),
                Markup::Close | Markup::End => return Ok(None),
                Markup::Text(false) => {}
                Markup::Text(true) | Markup::Reference => return Err(self.text_fault()),
            }
        }
    }

    fn text_fault(&self) -> MarkupFault {
        self.markup
            .fault("expected no text between elements: a value stands in the attribute 'value'")
    }

    /// Reads a resource, whose element is named after its type.
    fn resource(&mut self, tag: &OpenTag<'a>, depth: usize) -> Result<String, MarkupFault> {
        self.expect_fhir(tag)?;
        let name = tag.local_name();
        let of = self.definitions.type_named(name);
        let Some(of) = of.filter(|_| self.definitions.is_resource_type(name)) else {
            let text =
                "expected an element with the name of a type of resource of R4, found another";
            return Err(self.markup.fault(text));
        };
        self.expect_depth(depth)?;
        let is_root = depth == 1;
        if is_root {
            self.path.enter(name, None);
        }
        let members = self.members(of, tag, depth)?;
        if is_root {
            self.path.leave();
        }
        let named = (0, "resourceType".to_owned(), quoted(name));
        Ok(object(std::iter::once(named).chain(members)))
    }

    fn expect_fhir(&self, tag: &OpenTag<'_>) -> Result<(), MarkupFault> {
        if self.markup.namespace(tag.name)?.as_deref() == Some(FHIR_NAMESPACE) {
            return Ok(());
        }
        Err(self.markup.fault(format!(
            "expected an element of the namespace {FHIR_NAMESPACE}, found one of another or of none"
        )))
    }

    /// Reads the attributes and the content of an element of that type, which stand in the order of
    /// its definition.
    fn members(
        &mut self,
        of: TypeId,
        tag: &OpenTag<'a>,
        depth: usize,
    ) -> Result<PlacedMembers, MarkupFault> {
        let mut members = self.attributes(of, tag)?;
        let mut open: Option<RepeatedElement<'_>> = None;
        while let Some(child) = self.child(tag)? {
            let name = child.local_name();
            let definition = self.expect_definition(of, name, &child)?;
            let is_next = match &open {
                Some(known) if known.key == name && definition.element.is_array => false,
                Some(known) => {
                    self.expect_order(known, name, &definition)?;
                    true
                }
                None => true,
            };
            if is_next {
                members.extend(open.take().into_iter().flat_map(RepeatedElement::members));
            }
            let known = open.get_or_insert_with(|| RepeatedElement {
                key: name,
                definition,
                values: Vec::new(),
                parts: Vec::new(),
            });
            let place = definition.element.is_array.then_some(known.values.len());
            self.path.enter(name, place);
            let mut inner = depth + 1;
            if definition.element.is_array {
                self.expect_depth(inner)?;
                inner += 1;
            }
            let (value, parts) = self.element(&definition, &child, inner)?;
            self.path.leave();
            known.values.push(value);
            known.parts.push(parts);
        }
        members.extend(open.into_iter().flat_map(RepeatedElement::members));
        members.sort_by_key(|(place, _, _)| *place);
        Ok(members)
    }

    /// Reads up to the next element within this one; none at its end.
    fn child(&mut self, tag: &OpenTag<'a>) -> Result<Option<OpenTag<'a>>, MarkupFault> {
        if tag.is_empty {
            return Ok(None);
        }
        loop {
            match self.markup.next()? {
                Markup::Open(tag) => return Ok(Some(tag)),
                Markup::Close => return Ok(None),
                Markup::Text(false) => {}
                Markup::Text(true) | Markup::Reference => return Err(self.text_fault()),
                Markup::End => {
                    let text = "expected the end of an element, found the end of the document";
                    return Err(self.markup.fault(text));
                }
            }
        }
    }

    fn expect_depth(&self, depth: usize) -> Result<(), MarkupFault> {
        if depth > DEPTH_MAX {
            return Err(self
                .markup
                .fault(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(())
    }

    fn attributes(&self, of: TypeId, tag: &OpenTag<'_>) -> Result<PlacedMembers, MarkupFault> {
        let member = |attribute: &super::markup::Attribute<'_>| {
            let definition = self.definitions.member(of, attribute.name);
            match definition.filter(|definition| definition.element.is_attribute) {
                Some(definition) => Ok((
                    definition.place,
                    attribute.name.to_owned(),
                    quoted(&attribute.value),
                )),
                None => Err(self.markup.fault(format!(
                    "expected no attribute{} here",
                    named(attribute.name)
                ))),
            }
        };
        tag.attributes.iter().map(member).collect()
    }

    fn expect_definition(
        &self,
        of: TypeId,
        name: &str,
        tag: &OpenTag<'_>,
    ) -> Result<MemberDefinition<'a>, MarkupFault> {
        let definition = self.definitions.member(of, name);
        match definition {
            // Its namespace is another one.
            Some(definition) if definition.type_name == XHTML_TYPE => Ok(definition),
            Some(definition) if definition.element.is_attribute => Err(self.markup.fault(format!(
                "expected '{name}' as an attribute, found an element"
            ))),
            _ => {
                self.expect_fhir(tag)?;
                definition.ok_or_else(|| {
                    self.markup.fault(format!(
                        "expected an element that R4 has here, found another{}",
                        named(name)
                    ))
                })
            }
        }
    }

    fn expect_order(
        &self,
        known: &RepeatedElement<'_>,
        name: &str,
        definition: &MemberDefinition<'_>,
    ) -> Result<(), MarkupFault> {
        let (before, at) = (known.definition.place, definition.place);
        if at > before {
            return Ok(());
        }
        Err(self.markup.fault(if at == before {
            format!("expected '{}' once, found another", definition.element.name)
        } else {
            format!(
                "expected '{name}' before '{}', which is the order of R4",
                known.key
            )
        }))
    }

    /// Reads one element: its value, and the id and extensions of a primitive.
    fn element(
        &mut self,
        definition: &MemberDefinition<'a>,
        tag: &OpenTag<'a>,
        depth: usize,
    ) -> Result<(Option<String>, Option<String>), MarkupFault> {
        let Some(of) = definition.content else {
            return Err(self
                .markup
                .fault("expected an element whose type is known, found another"));
        };
        if definition.type_name == XHTML_TYPE {
            let div = xhtml::read(&mut self.markup, tag)?;
            return Ok((Some(quoted(&div)), None));
        }
        let structure = self.definitions.structure_of(of);
        if of.element == 0 && structure.is_resource() {
            return Ok((Some(self.nested(tag, depth)?), None));
        }
        let is_primitive = of.element == 0 && structure.is_primitive();
        // A primitive is an object only if it has more than a value.
        if !is_primitive {
            self.expect_depth(depth)?;
        }
        let members = self.members(of, tag, depth)?;
        if members.is_empty() {
            let text = "expected a value or content, found an empty element";
            return Err(self.markup.fault(text));
        }
        if !is_primitive {
            return Ok((Some(object(members)), None));
        }
        let (value, parts): (Vec<_>, Vec<_>) =
            members.into_iter().partition(|(_, key, _)| key == "value");
        if !parts.is_empty() {
            self.expect_depth(depth)?;
        }
        let value = value.into_iter().next();
        let value = value.map(|(_, _, value)| typed(definition.type_name, value));
        let parts = Some(parts).filter(|parts| !parts.is_empty());
        Ok((value, parts.map(object)))
    }

    /// Reads the one resource that an element contains.
    fn nested(&mut self, tag: &OpenTag<'a>, depth: usize) -> Result<String, MarkupFault> {
        if let Some(attribute) = tag.attributes.first() {
            return Err(self.markup.fault(format!(
                "expected no attribute{} here",
                named(attribute.name)
            )));
        }
        let Some(inner) = self.child(tag)? else {
            return Err(self
                .markup
                .fault("expected a resource, found an empty element"));
        };
        let resource = self.resource(&inner, depth)?;
        match self.child(tag)? {
            None => Ok(resource),
            Some(_) => Err(self
                .markup
                .fault("expected one resource, found another after it")),
        }
    }
}

/// Returns a name between quotes, after a space, if it could be one of FHIR's: any other could be
/// anything, and is not repeated.
fn named(name: &str) -> String {
    let is_like_fhir = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_like_fhir {
        format!(" '{name}'")
    } else {
        String::new()
    }
}
