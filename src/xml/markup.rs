//! The markup of a document, one part after the other, well-formed or refused.
//!
//! The library reads tags and namespaces; what it lets pass and XML 1.0 does not have is refused
//! here (<https://www.w3.org/TR/xml/>, <https://www.w3.org/TR/xml-names/>).

use std::borrow::Cow;

use quick_xml::NsReader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::{BytesDecl, BytesStart, Event};
use quick_xml::name::{PrefixDeclaration, QName, ResolveResult};

use super::characters::{is_blank, is_character, is_plain_name, is_qualified_name};
use super::declaration::declaration_fault;

/// The most attributes of one element; none of FHIR or XHTML has that many.
const ATTRIBUTES_MAX: usize = 64;

/// The reason why a document is refused, and the place where it stands.
#[derive(Debug)]
pub(super) struct MarkupFault {
    /// The offset in the text.
    pub(super) at: usize,
    /// The sentence that says what was expected and what was found.
    pub(super) what: Cow<'static, str>,
}

/// An attribute that is no declaration of a namespace.
#[derive(Debug)]
pub(super) struct Attribute<'a> {
    /// Its name as written.
    pub(super) name: &'a str,
    /// Its value as it is meant.
    pub(super) value: String,
}

/// The beginning of an element.
#[derive(Debug)]
pub(super) struct OpenTag<'a> {
    /// The place of its `<`.
    pub(super) at: usize,
    /// Its name as written.
    pub(super) name: &'a str,
    /// Its attributes, in order.
    pub(super) attributes: Vec<Attribute<'a>>,
    /// The prefixes that it declares; an empty one for the default namespace.
    pub(super) declared: Vec<&'a str>,
    /// True if it is its own end.
    pub(super) is_empty: bool,
}

impl<'a> OpenTag<'a> {
    /// Returns its name without prefix.
    pub(super) fn local_name(&self) -> &'a str {
        self.name
            .split_once(':')
            .map_or(self.name, |(_, local)| local)
    }
}

/// A part of a document.
#[derive(Debug)]
pub(super) enum Markup<'a> {
    /// The beginning of an element.
    Open(OpenTag<'a>),
    /// The end of the element that is open.
    Close,
    /// Text; true if it is more than blanks.
    Text(bool),
    /// A reference to a character, which is text too.
    Reference,
    /// The end of the document.
    End,
}

/// A reader of one document.
pub(super) struct MarkupReader<'a> {
    /// The document, without a byte order mark.
    pub(super) text: &'a str,
    reader: NsReader<&'a [u8]>,
    /// The place where the part that was read last begins.
    pub(super) at: usize,
}

impl<'a> MarkupReader<'a> {
    /// Begins to read a document.
    ///
    /// # Errors
    /// It has a character that no document of XML may have.
    pub(super) fn new(text: &'a str) -> Result<Self, MarkupFault> {
        if let Some((at, _)) = text.char_indices().find(|(_, found)| !is_character(*found)) {
            return Err(fault(
                at,
                "expected characters that XML has, found a control character or another that it has not",
            ));
        }
        let mut reader = NsReader::from_str(text);
        reader.config_mut().check_comments = true;
        Ok(MarkupReader {
            text,
            reader,
            at: 0,
        })
    }

    /// Returns the place after what was read.
    pub(super) fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    /// Reads the next part; comments and processing instructions are passed over.
    pub(super) fn next(&mut self) -> Result<Markup<'a>, MarkupFault> {
        loop {
            self.at = self.position();
            let event = self
                .reader
                .read_event()
                .map_err(|error| self.told(&error))?;
            match event {
                Event::Start(start) => return self.open(&start, false).map(Markup::Open),
                Event::Empty(start) => return self.open(&start, true).map(Markup::Open),
                Event::End(_) => return Ok(Markup::Close),
                Event::Text(text) => {
                    if text.contains("]]>") {
                        return Err(self.fault("expected ]]> only at the end of a CDATA section"));
                    }
                    return Ok(Markup::Text(!text.chars().all(is_blank)));
                }
                Event::CData(text) => return Ok(Markup::Text(!text.chars().all(is_blank))),
                Event::GeneralRef(name) => {
                    let referenced = format!("&{};", &*name);
                    self.meant(&referenced)?;
                    return Ok(Markup::Reference);
                }
                Event::Decl(declaration) => self.declaration(&declaration)?,
                Event::PI(instruction) => {
                    let target = instruction.target();
                    if !is_plain_name(target) || target.eq_ignore_ascii_case("xml") {
                        return Err(
                            self.fault("expected the name of a processing instruction, found none")
                        );
                    }
                }
                Event::Comment(_) => {}
                Event::DocType(_) => {
                    return Err(self.fault(
                        "expected no document type: FHIR has none, and no entity is expanded",
                    ));
                }
                Event::Eof => return Ok(Markup::End),
            }
        }
    }

    /// Returns the namespace of an element with that name, where the reader stands; none for none.
    ///
    /// # Errors
    /// Its prefix is not declared.
    pub(super) fn namespace(&self, name: &str) -> Result<Option<String>, MarkupFault> {
        self.resolved(self.reader.resolver().resolve_element(QName(name)).0)
    }

    fn resolved(&self, found: ResolveResult<'_>) -> Result<Option<String>, MarkupFault> {
        match found {
            ResolveResult::Bound(namespace) => Ok(Some(namespace.0.to_owned())),
            ResolveResult::Unbound => Ok(None),
            ResolveResult::Unknown(_) => {
                Err(self.fault("expected a prefix that is declared, found another"))
            }
        }
    }

    /// Makes the refusal of the part that was read last.
    pub(super) fn fault(&self, what: impl Into<Cow<'static, str>>) -> MarkupFault {
        fault(self.at, what)
    }

    fn open(&self, start: &BytesStart<'a>, is_empty: bool) -> Result<OpenTag<'a>, MarkupFault> {
        // What the event says is said again in the text, from which it can be kept.
        let whole = self.text.get(self.at + 1..self.position()).unwrap_or("");
        let name = whole.get(..start.name().as_ref().len()).unwrap_or("");
        if !is_qualified_name(name) {
            return Err(self.fault(misnamed(name, "expected a name after <, found none")));
        }
        if name.starts_with("xmlns:") {
            return Err(self.fault("expected another prefix: xmlns declares namespaces only"));
        }
        let written = whole.get(name.len()..).unwrap_or("");
        if !are_spaced(start.attributes_raw()) {
            return Err(self.fault("expected a space before each attribute, found none"));
        }
        let mut tag = OpenTag {
            at: self.at,
            name,
            attributes: Vec::new(),
            declared: Vec::new(),
            is_empty,
        };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| {
                self.fault("expected attributes as name=\"value\", each once, found something else")
            })?;
            let key = attribute.key.as_ref();
            if tag.attributes.len() + tag.declared.len() == ATTRIBUTES_MAX {
                return Err(self.fault(format!(
                    "expected at most {ATTRIBUTES_MAX} attributes, found more"
                )));
            }
            let named = written
                .find(key)
                .and_then(|at| written.get(at..at + key.len()));
            let (true, Some(name)) = (is_qualified_name(key), named) else {
                let otherwise = "expected the name of an attribute, found something else";
                return Err(self.fault(misnamed(key, otherwise)));
            };
            let value = self.meant(&attribute.value)?;
            match attribute.key.as_namespace_binding() {
                Some(PrefixDeclaration::Default) => tag.declared.push(""),
                Some(PrefixDeclaration::Named(prefix)) => {
                    if value.is_empty() {
                        return Err(self.fault("expected a namespace for the prefix, found none"));
                    }
                    tag.declared
                        .push(name.get(name.len() - prefix.len()..).unwrap_or(""));
                }
                None => tag.attributes.push(Attribute { name, value }),
            }
        }
        self.expect_distinct(&tag.attributes)?;
        Ok(tag)
    }

    /// Refuses attributes whose prefix is not declared, and two of one name in one namespace
    /// (<https://www.w3.org/TR/xml-names/#uniqAttrs>).
    fn expect_distinct(&self, attributes: &[Attribute<'a>]) -> Result<(), MarkupFault> {
        let mut named = Vec::new();
        for attribute in attributes {
            let (found, local) = self
                .reader
                .resolver()
                .resolve_attribute(QName(attribute.name));
            let Some(namespace) = self.resolved(found)? else {
                continue;
            };
            let name = (namespace, local);
            if named.contains(&name) {
                return Err(self.fault("expected each attribute once, found two of one namespace"));
            }
            named.push(name);
        }
        Ok(())
    }

    /// Returns the value of an attribute as it is meant: blanks that are written are spaces, those
    /// that are referred to stay (<https://www.w3.org/TR/xml/#AVNormalize>).
    fn meant(&self, written: &str) -> Result<String, MarkupFault> {
        if written.contains('<') {
            return Err(self.fault("expected &lt; in a value, found <"));
        }
        let attribute = quick_xml::events::attributes::Attribute {
            key: QName(""),
            value: Cow::Borrowed(written),
        };
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
        match value {
            Ok(value) if value.chars().all(is_character) => Ok(value.into_owned()),
            _ => Err(self.fault(
                "expected no entity but &lt; &gt; &amp; &quot; &apos; and characters by number, found another, or an & alone \
                 (it is written &amp;)",
            )),
        }
    }

    fn declaration(&self, declaration: &BytesDecl<'a>) -> Result<(), MarkupFault> {
        if self.at > 0 {
            return Err(self.fault("expected an XML declaration only at the beginning"));
        }
        match declaration_fault(declaration.as_ref()) {
            Some(what) => Err(self.fault(what)),
            None => Ok(()),
        }
    }

    /// Says what the library found, without the names in it, which could be anything.
    fn told(&self, error: &Error) -> MarkupFault {
        let what = match error {
            Error::Syntax(_) => "expected well-formed XML, found markup that does not end",
            Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => {
                "expected the end of the element that is open, found the end of another"
            }
            Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => {
                "expected no end of an element, since none is open"
            }
            Error::IllFormed(IllFormedError::DoubleHyphenInComment) => {
                "expected no -- in a comment"
            }
            Error::IllFormed(IllFormedError::UnclosedReference) => {
                "expected &amp; for an & that begins no reference"
            }
            Error::IllFormed(
                IllFormedError::MissingDeclVersion(_) | IllFormedError::UnknownVersion,
            ) => "expected XML 1.0, found another version or none",
            Error::IllFormed(IllFormedError::MissingDoctypeName) => {
                "expected no document type: FHIR has none, and no entity is expanded"
            }
            Error::Namespace(_) => {
                "expected declarations of namespaces as XML has them, and not many"
            }
            Error::InvalidAttr(_) => {
                "expected attributes as name=\"value\", each once, found something else"
            }
            Error::Io(_)
            | Error::Encoding(_)
            | Error::Escape(_)
            | Error::IllFormed(IllFormedError::MissingEndTag(_)) => {
                "expected well-formed XML, found something else"
            }
        };
        let at = usize::try_from(self.reader.error_position()).unwrap_or(self.at);
        fault(at.max(self.at).min(self.text.len()), what)
    }
}

fn fault(at: usize, what: impl Into<Cow<'static, str>>) -> MarkupFault {
    MarkupFault {
        at,
        what: what.into(),
    }
}

/// Says what is wrong with a name.
fn misnamed(name: &str, otherwise: &'static str) -> &'static str {
    if name.contains(':') {
        "expected a name with one colon at most, and with a name before and after it, found another"
    } else {
        otherwise
    }
}

/// Tells whether there is a blank before each attribute.
fn are_spaced(attributes: &str) -> bool {
    let mut quote = None;
    let mut is_after_quote = false;
    for character in attributes.chars() {
        if is_after_quote && !is_blank(character) {
            return false;
        }
        is_after_quote = quote == Some(character);
        match quote {
            Some(open) if open == character => quote = None,
            None if matches!(character, '"' | '\'') => quote = Some(character),
            Some(_) | None => {}
        }
    }
    true
}
