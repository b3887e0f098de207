//! From an element that a parameter finds to the values of its index entries, by the kind of the
//! parameter (<https://hl7.org/fhir/R4/search.html#ptypes>).

use serde_json::Value;

use super::codings::{coding, coding_system, identifier_system};
use super::date_spans::outer_span;
use super::entry::{IndexEntry, IndexValue};
use super::number::ScaledNumber;
use super::parameters::{Parameter, ParameterKind};
use crate::fhir::{Reference, view};
use crate::fhirpath::{Environment, Item, Model, Node};

/// The system of the codes of currencies.
const CURRENCIES: &str = "urn:iso:std:iso:4217";

/// Collects the index entries of the elements that one parameter finds.
pub(super) struct EntryCollector<'r> {
    pub(super) model: &'r dyn Model,
    /// The parameter's code.
    pub(super) code: &'r str,
    pub(super) entries: &'r mut Vec<IndexEntry>,
}

impl EntryCollector<'_> {
    fn push(&mut self, value: IndexValue) {
        self.entries.push(IndexEntry::new(self.code, value));
    }

    fn push_for(&mut self, modifier: &str, value: IndexValue) {
        self.entries
            .push(IndexEntry::new(format!("{}:{modifier}", self.code), value));
    }

    /// Adds the entries of one element or value, read as a value of this kind.
    pub(super) fn item(&mut self, kind: ParameterKind, item: &Item<'_>) {
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
            ParameterKind::Uri if type_name == "canonical" => {
                self.canonical(value, IndexValue::Uri)
            }
            ParameterKind::Uri => self.address(value, IndexValue::Uri),
            ParameterKind::Reference => self.reference(value),
            ParameterKind::Number | ParameterKind::Quantity => self.quantity(value),
            // A composite is read by its components, which see the element.
            ParameterKind::Composite => {}
        }
    }

    /// Adds a code without a system.
    fn push_code(&mut self, code: &str) {
        self.push(IndexValue::Token {
            system: String::new(),
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
            Value::String(code) => self.push_code(code),
            Value::Bool(truth) => self.push_code(if *truth { "true" } else { "false" }),
            Value::Number(number) => self.push_code(number.as_str()),
            Value::Object(_) => match type_name {
                "Identifier" => self.identifier(value),
                "ContactPoint" => value["value"]
                    .as_str()
                    .into_iter()
                    .for_each(|code| self.push_code(code)),
                "Coding" => self.coding(value),
                _ => {
                    view::items(&value["coding"]).for_each(|coding| self.coding(coding));
                    self.push_name(&value["text"]);
                }
            },
            Value::Null | Value::Array(_) => {}
        }
    }

    fn coding(&mut self, element: &Value) {
        if let Some(code) = element["code"].as_str() {
            let (system, code) = coding(element["system"].as_str().unwrap_or(""), code);
            self.push(IndexValue::Token { system, code });
        }
        self.push_name(&element["display"]);
    }

    fn identifier(&mut self, identifier: &Value) {
        let Some(value) = identifier["value"].as_str() else {
            return;
        };
        self.push(IndexValue::Token {
            system: identifier_system(identifier["system"].as_str().unwrap_or("")).to_owned(),
            code: value.to_owned(),
        });
        let kind = &identifier["type"];
        self.push_name(&kind["text"]);
        for coding in view::items(&kind["coding"]) {
            if let Some(code) = coding["code"].as_str() {
                let system = coding_system(coding["system"].as_str().unwrap_or(""));
                self.push_for(
                    "of-type",
                    IndexValue::Token {
                        system: system.to_owned(),
                        code: format!("{code}|{value}"),
                    },
                );
            }
        }
    }

    fn date(&mut self, value: &Value) {
        if let Some((from_us, until_us)) = outer_span(value) {
            self.push(IndexValue::Date { from_us, until_us });
        }
    }

    /// Adds a text, or all texts of a HumanName or an Address.
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
        std::iter::once(value)
            .chain(inner)
            .filter_map(Value::as_str)
            .for_each(|text| self.push(IndexValue::Text(text.to_owned())));
    }

    /// Adds an address as it stands.
    fn address(&mut self, value: &Value, entry: impl Fn(String) -> IndexValue) {
        if let Some(address) = value.as_str() {
            self.push(entry(address.to_owned()));
        }
    }

    /// Adds the address of a definition as it stands, and without its version.
    fn canonical(&mut self, value: &Value, entry: impl Fn(String) -> IndexValue) {
        let Some(address) = value.as_str() else {
            return;
        };
        self.push(entry(address.to_owned()));
        let bare = view::without_version(address);
        if bare != address {
            self.push(entry(bare.to_owned()));
        }
    }

    fn reference(&mut self, value: &Value) {
        if value.is_string() {
            return self.canonical(value, IndexValue::Reference);
        }
        match Reference::read(value) {
            Reference::Local(key, _) => self.push(IndexValue::Reference(key.to_string())),
            Reference::External(address)
            | Reference::Urn(address)
            | Reference::Conditional(address) => {
                self.push(IndexValue::Reference(address.to_owned()));
            }
            // It is found only by its own anchor; and the element is not missing.
            Reference::Contained(anchor) => self.push(IndexValue::Reference(format!("#{anchor}"))),
            Reference::Logical(..) | Reference::None => {}
        }
        for (system, code) in view::identifiers(value) {
            self.push_for(
                "identifier",
                IndexValue::Token {
                    system: identifier_system(system).to_owned(),
                    code: code.to_owned(),
                },
            );
        }
    }

    /// Adds a number, a Quantity (by code and by unit), a Money or a Range.
    fn quantity(&mut self, value: &Value) {
        if let Some(number) = number(value) {
            return self.push_quantity(number.exact_span(), "", "");
        }
        if let Some(number) = number(&value["value"]) {
            let (from, until) = number.exact_span();
            let span = match value["comparator"].as_str() {
                Some("<") => (i128::MIN, from),
                Some("<=") => (i128::MIN, until),
                Some(">") => (until, i128::MAX),
                Some(">=") => (from, i128::MAX),
                _ => (from, until),
            };
            return match value.get("currency") {
                Some(currency) => {
                    self.push_quantity(span, CURRENCIES, currency.as_str().unwrap_or(""))
                }
                None => self.push_by_unit(span, value),
            };
        }
        let (low, high) = (&value["low"], &value["high"]);
        let (least, greatest) = (number(&low["value"]), number(&high["value"]));
        if least.is_none() && greatest.is_none() {
            return;
        }
        let span = (
            least.map_or(i128::MIN, |least| least.scaled),
            greatest.map_or(i128::MAX, |greatest| greatest.exact_span().1),
        );
        self.push_by_unit(span, if least.is_some() { low } else { high });
    }

    /// Adds a span of numbers by the code of its unit, and by the unit in words if that differs.
    fn push_by_unit(&mut self, span: (i128, i128), quantity: &Value) {
        let text = |key: &str| quantity[key].as_str().unwrap_or("");
        let (code, unit) = (text("code"), text("unit"));
        self.push_quantity(span, text("system"), code);
        if quantity.get("unit").is_some() && unit != code {
            self.push_quantity(span, "", unit);
        }
    }

    fn push_quantity(&mut self, (from, until): (i128, i128), system: &str, code: &str) {
        self.push(IndexValue::Quantity {
            from,
            until,
            system: system.to_owned(),
            code: code.to_owned(),
        });
    }

    /// Adds every way to take one value of each component below an element.
    pub(super) fn composite<'a>(
        &mut self,
        parameter: &'a Parameter,
        element: Node<'a>,
        environment: &Environment<'a>,
    ) {
        let mut ways = vec![Vec::new()];
        for component in &parameter.components {
            let mut found = Vec::new();
            let mut collector = EntryCollector {
                model: self.model,
                code: self.code,
                entries: &mut found,
            };
            for item in component.expression.items(element, environment) {
                collector.item(component.kind, &item);
            }
            found.retain(|entry| entry.parameter == self.code);
            let longer = |way: Vec<IndexValue>| {
                let values = found.iter().map(|entry| &entry.value);
                values
                    .map(|value| [&way[..], std::slice::from_ref(value)].concat())
                    .collect::<Vec<_>>()
            };
            ways = ways.into_iter().flat_map(longer).collect();
        }
        ways.into_iter()
            .for_each(|way| self.push(IndexValue::Composite(way)));
    }
}

fn number(value: &Value) -> Option<ScaledNumber> {
    match value {
        Value::Number(number) => ScaledNumber::parse(number.as_str()),
        _ => None,
    }
}
