//! The shape of elements: tables say what an element is, [`members`] finds what is not so.
//!
//! A wrong JSON type is always a finding, never silence; an element that no table names is left alone.

use serde_json::Value;

use super::dates::{self, DateRule};
use super::findings::{Findings, json_type, quoted};
use super::references;
use crate::fhir::{Id, IssueCode, names, view};

/// One element of an object.
pub(super) struct Element {
    /// Its key in JSON, as `deceasedDateTime`.
    pub(super) name: &'static str,
    /// Its name in FHIRPath, as `deceased`.
    pub(super) path: &'static str,
    required: bool,
    many: bool,
    kind: Kind,
}

/// What an element is.
pub(super) enum Kind {
    /// Any text that is not empty.
    Text,
    /// A logical id.
    Id,
    /// `true` or `false`.
    Boolean,
    /// One of these codes.
    Code(&'static [&'static str]),
    /// Exactly this code.
    Fixed(&'static str),
    /// A date.
    Date(DateRule),
    /// A Period whose ends are dates; the start may be required.
    Period(&'static [Element]),
    /// A Reference to one of these types, or to any if none is named.
    Reference(&'static [&'static str]),
    /// A CodeableConcept, perhaps bound to codes.
    Concept(Option<Binding>),
    /// An object with these members.
    Object(&'static [Element]),
    /// One extension among these, or an unknown one.
    Extension(&'static [Extension]),
}

/// The codes of a CodeableConcept.
pub(super) struct Binding {
    /// Their system.
    pub(super) system: &'static str,
    /// The codes themselves.
    pub(super) codes: &'static [&'static str],
    /// Whether one of them must be there.
    pub(super) strength: Strength,
}

/// How a CodeableConcept is bound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// One coding is of the system, with one of the codes.
    Required,
    /// Codings of the system have one of the codes; there need not be any.
    Known,
}

/// One extension that is read.
pub(super) struct Extension {
    url: &'static str,
    required: bool,
    many: bool,
    content: Content,
}

/// What an extension holds.
pub(super) enum Content {
    /// A value under this key.
    Value(&'static str, Kind),
    /// Extensions.
    Nested(&'static [Extension]),
}

impl Element {
    /// An element that may be absent.
    pub(super) const fn optional(name: &'static str, kind: Kind) -> Self {
        Element { name, path: name, required: false, many: false, kind }
    }

    /// An element that must be there.
    pub(super) const fn required(name: &'static str, kind: Kind) -> Self {
        Element { required: true, ..Element::optional(name, kind) }
    }

    /// The same element, repeating: an array.
    pub(super) const fn many(self) -> Self {
        Element { many: true, ..self }
    }

    /// The same element as a choice of types, called so in FHIRPath.
    pub(super) const fn choice_of(self, path: &'static str) -> Self {
        Element { path, ..self }
    }
}

impl Extension {
    /// An extension that may be there once.
    pub(super) const fn optional(url: &'static str, content: Content) -> Self {
        Extension { url, required: false, many: false, content }
    }

    /// An extension that must be there, once.
    pub(super) const fn required(url: &'static str, content: Content) -> Self {
        Extension { required: true, ..Extension::optional(url, content) }
    }

    /// The same extension, any number of times.
    pub(super) const fn many(self) -> Self {
        Extension { many: true, ..self }
    }
}

/// Checks the members of an object against tables.
pub(super) fn members(object: &Value, path: &str, tables: &[&[Element]], findings: &mut Findings<'_>) {
    for element in tables.iter().copied().flatten() {
        let path = format!("{path}.{}", element.path);
        match object.get(element.name) {
            None if element.required => {
                findings.error(IssueCode::Required, &path, "", format!("expected {}, found none", element.expected()));
            }
            None => {}
            Some(value) => element.check(value, &path, findings),
        }
        if let Kind::Extension(known) = &element.kind {
            count_extensions(object, known, &path, findings);
        }
    }
}

impl Element {
    fn check(&self, value: &Value, path: &str, findings: &mut Findings<'_>) {
        if !self.many {
            return self.check_one(value, path, findings);
        }
        let Value::Array(items) = value else {
            return wrong_type(&self.expected(), value, path, findings);
        };
        if items.is_empty() {
            let code = if self.required { IssueCode::Required } else { IssueCode::Structure };
            findings.error(code, path, "", format!("expected {}, found an empty array", self.expected()));
        }
        for (at, item) in items.iter().enumerate() {
            // A primitive may be null where only its extensions are sent, in an array beside this one.
            if !(item.is_null() && matches!(self.kind, Kind::Text)) {
                self.check_one(item, &format!("{path}[{at}]"), findings);
            }
        }
    }

    fn check_one(&self, value: &Value, path: &str, findings: &mut Findings<'_>) {
        check_value(&self.kind, value, path, findings);
        if let Kind::Reference(_) = self.kind
            && self.required
            && value.is_object()
        {
            references::check_names_something(value, path, findings);
        }
    }

    fn expected(&self) -> String {
        let one = self.kind.noun();
        if self.many { format!("an array with {one} in each place") } else { one }
    }
}

impl Kind {
    fn noun(&self) -> String {
        match self {
            Kind::Text | Kind::Id => "text".to_owned(),
            Kind::Boolean => "true or false".to_owned(),
            Kind::Code(codes) => format!("one of the codes {}", codes.join(", ")),
            Kind::Fixed(code) => format!("the code '{code}'"),
            Kind::Date(DateRule::Any | DateRule::DateOnly) => "a date".to_owned(),
            Kind::Date(DateRule::FullDate | DateRule::Happened) => "a full date".to_owned(),
            Kind::Period(_) => "a Period object".to_owned(),
            Kind::Reference([]) => "a Reference object".to_owned(),
            Kind::Reference(types) => format!("a Reference object (to {})", types.join(" or ")),
            Kind::Concept(_) => "a CodeableConcept object".to_owned(),
            Kind::Object(_) => "an object".to_owned(),
            Kind::Extension(_) => "an Extension object".to_owned(),
        }
    }
}

fn wrong_type(expected: &str, value: &Value, path: &str, findings: &mut Findings<'_>) {
    findings.error(IssueCode::Structure, path, "", format!("expected {expected}, found {}", json_type(value)));
}

fn check_value(kind: &Kind, value: &Value, path: &str, findings: &mut Findings<'_>) {
    match (kind, value) {
        (Kind::Boolean, Value::Bool(_)) => {}
        (Kind::Text | Kind::Id | Kind::Code(_) | Kind::Fixed(_) | Kind::Date(_), Value::String(text)) => {
            check_text(kind, text, path, findings);
        }
        (Kind::Period(_) | Kind::Reference(_) | Kind::Concept(_) | Kind::Object(_) | Kind::Extension(_), Value::Object(object)) => {
            if object.is_empty() {
                return findings.error(IssueCode::Structure, path, "", format!("expected {}, found an empty one", kind.noun()));
            }
            check_object(kind, value, path, findings);
        }
        _ => wrong_type(&kind.noun(), value, path, findings),
    }
}

fn check_text(kind: &Kind, text: &str, path: &str, findings: &mut Findings<'_>) {
    match kind {
        Kind::Date(rule) => dates::check(text, *rule, path, findings),
        Kind::Code(codes) if !codes.contains(&text) => {
            findings.error(IssueCode::CodeInvalid, path, "", format!("expected {}, found {}", kind.noun(), quoted(text)));
        }
        Kind::Fixed(code) if *code != text => {
            findings.error(IssueCode::Value, path, "", format!("expected {}, found {}", kind.noun(), quoted(text)));
        }
        Kind::Id if Id::parse(text).is_none() => {
            let what = "expected 1 to 64 letters, digits, hyphens or points, found another text";
            findings.error(IssueCode::Value, path, "", what);
        }
        _ if text.is_empty() => findings.error(IssueCode::Value, path, "", "expected text, found empty text"),
        _ => {}
    }
}

fn check_object(kind: &Kind, value: &Value, path: &str, findings: &mut Findings<'_>) {
    match kind {
        Kind::Period(ends) => {
            members(value, path, &[ends], findings);
            dates::check_order(value, path, findings);
        }
        Kind::Reference(types) => {
            members(value, path, &[super::elements::REFERENCE], findings);
            references::check_type(value, types, path, findings);
        }
        Kind::Concept(binding) => {
            members(value, path, &[super::elements::CODEABLE_CONCEPT], findings);
            if let Some(binding) = binding {
                binding.check(value, path, findings);
            }
        }
        Kind::Extension(known) => check_extension(value, known, path, findings),
        Kind::Object(elements) => members(value, path, &[elements], findings),
        Kind::Text | Kind::Id | Kind::Boolean | Kind::Code(_) | Kind::Fixed(_) | Kind::Date(_) => {}
    }
}

impl Binding {
    fn check(&self, concept: &Value, path: &str, findings: &mut Findings<'_>) {
        let mut of_system = 0;
        for (at, coding) in concept["coding"].as_array().into_iter().flatten().enumerate() {
            if coding["system"].as_str() != Some(self.system) {
                continue;
            }
            of_system += 1;
            let code = coding["code"].as_str().unwrap_or("");
            if !self.codes.contains(&code) {
                let what = format!("expected one of {} of the system {}, found {}", self.codes.join(", "), self.system, quoted(code));
                findings.error(IssueCode::CodeInvalid, &format!("{path}.coding[{at}].code"), "", what);
            }
        }
        if of_system == 0 && self.strength == Strength::Required {
            let what = format!("expected a coding of the system {} with one of {}, found none", self.system, self.codes.join(", "));
            findings.error(IssueCode::CodeInvalid, path, "", what);
        }
    }
}

fn check_extension(extension: &Value, known: &'static [Extension], path: &str, findings: &mut Findings<'_>) {
    let url = extension["url"].as_str();
    if url.is_none_or(str::is_empty) {
        let what = "expected the address of the extension, found none";
        return findings.error(IssueCode::Required, &format!("{path}.url"), "", what);
    }
    match known.iter().find(|known| Some(known.url) == url).map(|known| &known.content) {
        // Anyone may add extensions, but those of the profiles are all known: one that is misspelt, or stands at another type, would
        // be passed over, and with it the postponement or group that it was to tell.
        None if url.is_some_and(is_of_the_profiles) => {
            let here: Vec<_> = known.iter().map(|known| known.url).collect();
            let here = if here.is_empty() {
                "none of this server's own extensions here".to_owned()
            } else {
                format!("one of {} here", here.join(", "))
            };
            findings.error(IssueCode::Extension, &format!("{path}.url"), "", format!("expected {here}, found another"));
        }
        None => {}
        Some(Content::Value(key, kind)) => match extension.get(key) {
            Some(value) => check_value(kind, value, &format!("{path}.value"), findings),
            None => {
                let what = format!("expected {key} ({}), found {}", kind.noun(), other_value(extension));
                findings.error(IssueCode::Required, &format!("{path}.value"), "", what);
            }
        },
        Some(Content::Nested(parts)) => {
            let part = [Element::required("extension", Kind::Extension(parts)).many()];
            members(extension, path, &[&part], findings);
        }
    }
}

fn is_of_the_profiles(url: &str) -> bool {
    url.strip_prefix(names::CANONICAL_BASE).is_some_and(|below| below.starts_with('/'))
}

fn other_value(extension: &Value) -> &'static str {
    let has = |object: &serde_json::Map<String, Value>| object.keys().any(|key| key.starts_with("value"));
    if extension.as_object().is_some_and(has) { "a value of another type" } else { "none" }
}

/// Checks how often each known extension is there.
fn count_extensions(element: &Value, known: &[Extension], path: &str, findings: &mut Findings<'_>) {
    for extension in known {
        match view::extensions(element, extension.url).count() {
            0 if extension.required => {
                findings.error(IssueCode::Required, path, "", format!("expected the extension '{}', found none", extension.url));
            }
            count if count > 1 && !extension.many => {
                findings.error(IssueCode::Structure, path, "", format!("expected the extension '{}' once, found {count}", extension.url));
            }
            _ => {}
        }
    }
}
