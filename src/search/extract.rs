//! From a resource to its index entries: the parameters' expressions are evaluated, and what they
//! find is read by kind (<https://hl7.org/fhir/R4/search.html#ptypes>).

use serde_json::Value;

use super::entry::{IndexEntry, IndexValue};
use super::number::ScaledNumber;
use super::parameters::{Parameter, ParameterKind, definitions, parameters_of};
use crate::fhir::{FhirDate, Reference, ResourceType, names, reference, view};
use crate::fhirpath::{Environment, Expression, Item, Model, Node};

/// The entries under which a server finds every resource that names another one: all local
/// references in it.
pub const REFERS_TO: &str = "_ref";

/// Goes up with every change here by which the same resource gets other entries: stored entries are
/// then made anew.
const READING: u32 = 3;

/// For each parameter of a type, and for what finds references, a mark of all by which its entries
/// are made.
pub(super) fn index_marks(resource_type: ResourceType) -> impl Iterator<Item = (String, String)> {
    let text_of = |kind: ParameterKind, expression: &Expression| {
        format!("{} {}", kind.as_str(), expression.text())
    };
    let parameters = parameters_of(resource_type).map(move |parameter| {
        let own = parameter
            .expressions
            .iter()
            .map(|expression| text_of(parameter.kind, expression));
        let parts = parameter
            .components
            .iter()
            .map(|component| text_of(component.kind, &component.expression));
        (parameter.code.to_owned(), mark(own.chain(parts)))
    });
    parameters.chain([(REFERS_TO.to_owned(), mark([]))])
}

/// A short name for texts that say how entries are made.
pub(super) fn mark(texts: impl IntoIterator<Item = String>) -> String {
    let texts: Vec<_> = texts.into_iter().collect();
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, texts.join("\n").as_bytes())
        .simple()
        .to_string();
    format!("{READING}/{}", &id[..16])
}

/// What a resource is found by.
pub fn index_entries(resource_type: ResourceType, resource: &Value) -> Vec<IndexEntry> {
    let model = definitions();
    let focus = Node {
        value: Some(resource),
        extras: None,
        type_id: model.type_named(resource_type.as_str()),
    };
    let resolve = |address: &str| {
        type_in(address)
            .and_then(|name| model.type_named(name))
            .map(stand_in)
    };
    let environment = Environment {
        model,
        resource: focus,
        root_resource: focus,
        extension: None,
        now: None,
        resolve: &resolve,
        member_of: &|_, _| None,
        conforms_to: &|_, _| None,
    };
    let mut entries = Vec::new();
    for parameter in parameters_of(resource_type) {
        for expression in &parameter.expressions {
            // Data on which an expression has no result is found by nothing.
            for item in expression.evaluate(focus, &environment).unwrap_or_default() {
                let mut reading = EntryCollector {
                    model,
                    code: parameter.code,
                    entries: &mut entries,
                };
                match (parameter.kind, &item) {
                    (ParameterKind::Composite, Item::Node(node)) => {
                        reading.composite(parameter, *node, &environment)
                    }
                    _ => reading.item(parameter.kind, &item),
                }
            }
        }
    }
    reference::for_each("", resource, &mut |_, element| {
        if let Reference::Local(key, _) = Reference::read(element) {
            entries.push(IndexEntry::new(
                REFERS_TO,
                IndexValue::Reference(key.to_string()),
            ));
        }
    });
    entries.sort();
    entries.dedup();
    entries
}

/// What `resolve()` gives: nothing is read, but the type of what is named stands in its address.
fn stand_in<'a>(type_id: crate::fhirpath::TypeId) -> Node<'a> {
    Node {
        value: None,
        extras: None,
        type_id: Some(type_id),
    }
}

/// The type in `Patient/7`, `https://elsewhere.dk/fhir/Patient/7` or `Patient/7/_history/2`.
fn type_in(address: &str) -> Option<&str> {
    let current = address
        .split_once("/_history/")
        .map_or(address, |(current, _)| current);
    let mut parts = current.rsplit('/');
    parts.next()?;
    parts
        .next()
        .filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase()))
}

/// The system that is meant: the known typo of the ydernummer system is read as the right one.
pub(super) fn one_system(system: &str) -> &str {
    if names::is_ydernummer_system(system) {
        names::YDERNUMMER
    } else {
        system
    }
}

/// The reading of what one parameter found.
struct EntryCollector<'r> {
    model: &'r dyn Model,
    code: &'r str,
    entries: &'r mut Vec<IndexEntry>,
}

impl EntryCollector<'_> {
    fn push(&mut self, value: IndexValue) {
        self.entries.push(IndexEntry::new(self.code, value));
    }

    fn push_for(&mut self, modifier: &str, value: IndexValue) {
        self.entries
            .push(IndexEntry::new(format!("{}:{modifier}", self.code), value));
    }

    fn item(&mut self, kind: ParameterKind, item: &Item<'_>) {
        let (value, type_name) = match item {
            Item::Node(Node {
                value: Some(value),
                type_id,
                ..
            }) => (
                *value,
                type_id.map_or("", |type_id| self.model.name(type_id)),
            ),
            Item::Node(Node { value: None, .. }) => return,
            Item::Value(value) => (value, ""),
        };
        match kind {
            ParameterKind::Token => self.token(value, type_name),
            ParameterKind::Date => self.date(value),
            ParameterKind::String => self.text(value, type_name),
            ParameterKind::Uri => self.address(value, type_name == "canonical", IndexValue::Uri),
            ParameterKind::Reference => self.reference(value),
            ParameterKind::Number | ParameterKind::Quantity => self.quantity(value),
            // A composite is read by its components, which see the element.
            ParameterKind::Composite => {}
        }
    }

    fn push_token(&mut self, system: Option<&str>, code: &str) {
        self.push(IndexValue::Token {
            system: one_system(system.unwrap_or("")).to_owned(),
            code: code.to_owned(),
        });
    }

    fn push_name(&mut self, name: &Value) {
        if let Some(name) = name.as_str() {
            self.push_for("text", IndexValue::Text(name.to_owned()));
        }
    }

    fn token(&mut self, value: &Value, type_name: &str) {
        match value {
            Value::String(code) => self.push_token(None, code),
            Value::Bool(truth) => self.push_token(None, if *truth { "true" } else { "false" }),
            Value::Number(number) => self.push_token(None, &number.to_string()),
            Value::Object(_) => match type_name {
                "Identifier" => self.identifier(value),
                "ContactPoint" => value["value"]
                    .as_str()
                    .into_iter()
                    .for_each(|code| self.push_token(None, code)),
                "Coding" => self.coding(value),
                _ => {
                    view::items(&value["coding"]).for_each(|coding| self.coding(coding));
                    self.push_name(&value["text"]);
                }
            },
            Value::Null | Value::Array(_) => {}
        }
    }

    fn coding(&mut self, coding: &Value) {
        if let Some(code) = coding["code"].as_str() {
            self.push_token(coding["system"].as_str(), code);
        }
        self.push_name(&coding["display"]);
    }

    fn identifier(&mut self, identifier: &Value) {
        let Some(value) = identifier["value"].as_str() else {
            return;
        };
        self.push_token(identifier["system"].as_str(), value);
        let kind = &identifier["type"];
        self.push_name(&kind["text"]);
        for coding in view::items(&kind["coding"]) {
            if let Some(code) = coding["code"].as_str() {
                let system = coding["system"].as_str().unwrap_or("").to_owned();
                self.push_for(
                    "of-type",
                    IndexValue::Token {
                        system,
                        code: format!("{code}|{value}"),
                    },
                );
            }
        }
    }

    /// A date, a Period, or the outer limits of a Timing.
    fn date(&mut self, value: &Value) {
        let spans = match value {
            Value::String(_) => vec![span(value)],
            Value::Object(_) if value.get("start").is_some() || value.get("end").is_some() => {
                vec![Some(period(value))]
            }
            Value::Object(_) => {
                let events = view::items(&value["event"]).map(span);
                let bounds = value["repeat"].get("boundsPeriod").map(period);
                let spans: Vec<_> = events.chain([bounds]).flatten().collect();
                let outer = spans
                    .iter()
                    .map(|span| span.0)
                    .min()
                    .zip(spans.iter().map(|span| span.1).max());
                vec![outer]
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => vec![],
        };
        spans
            .into_iter()
            .flatten()
            .for_each(|(from_us, until_us)| self.push(IndexValue::Date { from_us, until_us }));
    }

    /// A text, or all texts of a HumanName or an Address.
    fn text(&mut self, value: &Value, type_name: &str) {
        let parts: &[&str] = match type_name {
            "HumanName" => &["text", "family", "given", "prefix", "suffix"],
            "Address" => &[
                "text",
                "line",
                "city",
                "district",
                "state",
                "postalCode",
                "country",
            ],
            _ => &[],
        };
        let inner = parts.iter().flat_map(|part| view::items(&value[*part]));
        let texts: Vec<_> = std::iter::once(value)
            .chain(inner)
            .filter_map(Value::as_str)
            .collect();
        texts
            .into_iter()
            .for_each(|text| self.push(IndexValue::Text(text.to_owned())));
    }

    /// An address as it stands, and one of a definition also without its version.
    fn address(&mut self, value: &Value, is_canonical: bool, entry: impl Fn(String) -> IndexValue) {
        let Some(address) = value.as_str() else {
            return;
        };
        self.push(entry(address.to_owned()));
        let bare = view::without_version(address);
        if is_canonical && bare != address {
            self.push(entry(bare.to_owned()));
        }
    }

    fn reference(&mut self, value: &Value) {
        if value.is_string() {
            return self.address(value, true, IndexValue::Reference);
        }
        match Reference::read(value) {
            Reference::Local(key, _) => self.push(IndexValue::Reference(key.to_string())),
            Reference::External(address)
            | Reference::Urn(address)
            | Reference::Conditional(address) => {
                self.push(IndexValue::Reference(address.to_owned()));
            }
            // It can be asked for by what it says itself alone; and the element is not missing.
            Reference::Contained(anchor) => self.push(IndexValue::Reference(format!("#{anchor}"))),
            Reference::Logical(..) | Reference::None => {}
        }
        for (system, code) in view::identifiers(value) {
            self.push_for(
                "identifier",
                IndexValue::Token {
                    system: one_system(system).to_owned(),
                    code: code.to_owned(),
                },
            );
        }
    }

    /// A number, a Quantity (by code and by unit), a Money or a Range.
    fn quantity(&mut self, value: &Value) {
        let text = |key: &str| value[key].as_str().unwrap_or("").to_owned();
        if let Some(decimal) = number(value) {
            let (from, until) = decimal.exact_span();
            return self.push(IndexValue::Quantity {
                from,
                until,
                system: String::new(),
                code: String::new(),
            });
        }
        let units = |part: &Value| {
            let of = |key: &str| part[key].as_str().unwrap_or("").to_owned();
            let mut units = vec![(of("system"), of("code"))];
            if part.get("unit").is_some() && of("unit") != of("code") {
                units.push((String::new(), of("unit")));
            }
            units
        };
        let (span, units) = if let Some(decimal) = number(&value["value"]) {
            let (from, until) = decimal.exact_span();
            let span = match value["comparator"].as_str() {
                Some("<") => (i128::MIN, from),
                Some("<=") => (i128::MIN, until),
                Some(">") => (until, i128::MAX),
                Some(">=") => (from, i128::MAX),
                _ => (from, until),
            };
            let currency = value
                .get("currency")
                .map(|_| vec![("urn:iso:std:iso:4217".to_owned(), text("currency"))]);
            (span, currency.unwrap_or_else(|| units(value)))
        } else {
            let end = |key: &str| number(&value[key]["value"]);
            let (low, high) = (end("low"), end("high"));
            if low.is_none() && high.is_none() {
                return;
            }
            let span = (
                low.map_or(i128::MIN, |low| low.scaled),
                high.map_or(i128::MAX, |high| high.exact_span().1),
            );
            (
                span,
                units(if low.is_some() {
                    &value["low"]
                } else {
                    &value["high"]
                }),
            )
        };
        for (system, code) in units {
            self.push(IndexValue::Quantity {
                from: span.0,
                until: span.1,
                system,
                code,
            });
        }
    }

    /// Every way to take one value of each component below an element.
    fn composite<'a>(
        &mut self,
        parameter: &'a Parameter,
        element: Node<'a>,
        environment: &Environment<'a>,
    ) {
        let mut ways = vec![Vec::new()];
        for component in &parameter.components {
            let mut found = Vec::new();
            for item in component
                .expression
                .evaluate(element, environment)
                .unwrap_or_default()
            {
                EntryCollector {
                    model: self.model,
                    code: self.code,
                    entries: &mut found,
                }
                .item(component.kind, &item);
            }
            found.retain(|entry| entry.parameter == self.code);
            let longer = |way: &Vec<IndexValue>| {
                let way = way.clone();
                found
                    .iter()
                    .map(move |entry| [&way[..], std::slice::from_ref(&entry.value)].concat())
                    .collect::<Vec<_>>()
            };
            ways = ways.iter().flat_map(longer).collect();
        }
        ways.into_iter()
            .for_each(|way| self.push(IndexValue::Composite(way)));
    }
}

fn number(value: &Value) -> Option<ScaledNumber> {
    if value.is_number() {
        ScaledNumber::parse(&value.to_string())
    } else {
        None
    }
}

pub(super) fn span(date: &Value) -> Option<(i64, i64)> {
    date.as_str()
        .and_then(FhirDate::parse)
        .map(FhirDate::range_us)
}

/// A period is open where it does not say.
pub(super) fn period(period: &Value) -> (i64, i64) {
    (
        span(&period["start"]).map_or(i64::MIN, |start| start.0),
        span(&period["end"]).map_or(i64::MAX, |end| end.1),
    )
}
