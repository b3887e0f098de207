//! The search parameters of each held type: one table, from which resources are indexed, queries are read and the
//! CapabilityStatement is made.

use serde_json::Value;

use super::entry::{IndexEntry, IndexValue};
use crate::fhir::{FhirDate, Reference, ResourceType, names, reference, view};

use ResourceType as T;

/// The kind of a parameter, which decides how its values are read (<https://hl7.org/fhir/R4/search.html#ptypes>).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Codes, identifiers, booleans.
    Token,
    /// References to other resources.
    Reference,
    /// Dates and periods.
    Date,
    /// Addresses.
    Uri,
}

impl Kind {
    /// The FHIR code.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Token => "token",
            Kind::Reference => "reference",
            Kind::Date => "date",
            Kind::Uri => "uri",
        }
    }
}

/// Where a parameter's values stand in a resource.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Below these elements; arrays are gone through.
    Elements(&'static [&'static str]),
    /// In the value of the extension with this address.
    Extension(&'static str),
}

/// One search parameter of some types.
#[derive(Debug)]
pub struct Parameter {
    /// The name in a query.
    pub code: &'static str,
    /// How its values are read.
    pub kind: Kind,
    /// The types that have it.
    pub types: &'static [ResourceType],
    /// The types that a reference may name; empty for the other kinds.
    pub targets: &'static [ResourceType],
    definition: &'static str,
    /// The system of its codes, where they are an element of type `code` and so carry none; else empty.
    pub system: &'static str,
    place: Place,
}

macro_rules! hl7 {
    ($id:literal) => {
        concat!("http://hl7.org/fhir/SearchParameter/", $id)
    };
}
macro_rules! ours {
    ($id:literal) => {
        concat!("https://kronikerpakker.dk/fhir/SearchParameter/", $id)
    };
}

impl Parameter {
    /// The canonical address of its definition for one of its types.
    pub fn definition_for(&self, resource_type: ResourceType) -> String {
        if self.definition == OWN { format!("{}{resource_type}-{}", hl7!(""), self.code) } else { self.definition.to_owned() }
    }
}

const fn token(code: &'static str, types: &'static [T], path: &'static [&'static str], definition: &'static str) -> Parameter {
    Parameter { code, kind: Kind::Token, types, targets: &[], definition, system: "", place: Place::Elements(path) }
}

const fn status(types: &'static [T], system: &'static str, definition: &'static str) -> Parameter {
    Parameter { system, ..token("status", types, &["status"], definition) }
}

const fn reference_to(
    code: &'static str,
    types: &'static [T],
    path: &'static [&'static str],
    targets: &'static [T],
    definition: &'static str,
) -> Parameter {
    Parameter { code, kind: Kind::Reference, types, targets, definition, system: "", place: Place::Elements(path) }
}

const fn uri(code: &'static str, types: &'static [T], path: &'static [&'static str], definition: &'static str) -> Parameter {
    Parameter { kind: Kind::Uri, ..token(code, types, path, definition) }
}

/// The definition is R4's own of the type: `Task-owner`.
const OWN: &str = "";
const CONFORMANCE: &[T] =
    &[T::StructureDefinition, T::ValueSet, T::CodeSystem, T::SearchParameter, T::OperationDefinition, T::CapabilityStatement];
const CLINICAL: &[T] = &[T::Condition, T::CarePlan, T::ServiceRequest, T::Encounter, T::Goal, T::CareTeam];
const PERSON: &[T] = &[T::Patient];

/// Every parameter but the common ones `_id` and `_lastUpdated`, which all types have.
#[rustfmt::skip]
pub const PARAMETERS: &[Parameter] = &[
    token("identifier", CLINICAL, &["identifier"], hl7!("clinical-identifier")),
    token(
        "identifier",
        &[
            T::Patient, T::Practitioner, T::PractitionerRole, T::Organization, T::HealthcareService, T::Task, T::PlanDefinition,
        ],
        &["identifier"],
        OWN,
    ),
    status(&[T::CarePlan], "http://hl7.org/fhir/request-status", OWN),
    status(&[T::ServiceRequest], "http://hl7.org/fhir/request-status", OWN),
    status(&[T::Encounter], "http://hl7.org/fhir/encounter-status", OWN),
    status(&[T::CareTeam], "http://hl7.org/fhir/care-team-status", OWN),
    status(&[T::Subscription], "http://hl7.org/fhir/subscription-status", OWN),
    status(&[T::Task], "http://hl7.org/fhir/task-status", OWN),
    status(CONFORMANCE, "http://hl7.org/fhir/publication-status", hl7!("conformance-status")),
    status(&[T::PlanDefinition], "http://hl7.org/fhir/publication-status", OWN),
    reference_to("subject", CLINICAL, &["subject"], PERSON, OWN),
    reference_to("patient", CLINICAL, &["subject"], PERSON, hl7!("clinical-patient")),
    reference_to("subject", &[T::Task], &["for"], PERSON, OWN),
    reference_to("patient", &[T::Task], &["for"], PERSON, OWN),
    token("code", &[T::Condition, T::ServiceRequest], &["code"], hl7!("clinical-code")),
    token("code", &[T::Task], &["code"], OWN),
    reference_to(
        "owner",
        &[T::Task],
        &["owner"],
        &[T::Organization, T::Practitioner, T::PractitionerRole, T::HealthcareService, T::CareTeam],
        OWN,
    ),
    reference_to("focus", &[T::Task], &["focus"], &[T::Condition, T::ServiceRequest], OWN),
    token("business-status", &[T::Task], &["businessStatus"], OWN),
    Parameter {
        code: "due",
        kind: Kind::Date,
        types: &[T::Task],
        targets: &[],
        definition: ours!("Task-due"),
        system: "",
        place: Place::Elements(&["restriction", "period", "end"]),
    },
    Parameter {
        code: "target-group",
        kind: Kind::Token,
        types: &[T::Task],
        targets: &[],
        definition: ours!("Task-target-group"),
        system: "",
        place: Place::Extension(names::EXT_TARGET_GROUP),
    },
    token("right", &[T::Task], &["code"], ours!("Task-right")),
    reference_to("target", &[T::Provenance], &["target"], &[T::Task], OWN),
    uri("url", CONFORMANCE, &["url"], hl7!("conformance-url")),
    uri("url", &[T::PlanDefinition], &["url"], OWN),
    token("version", CONFORMANCE, &["version"], hl7!("conformance-version")),
    token("version", &[T::PlanDefinition], &["version"], OWN),
];

/// The parameters of one type.
pub fn parameters_of(resource_type: ResourceType) -> impl Iterator<Item = &'static Parameter> {
    PARAMETERS.iter().filter(move |parameter| parameter.types.contains(&resource_type))
}

/// The entries under which a server finds every resource that names another one: all local references in it.
pub const REFERS_TO: &str = "_ref";

/// What a resource is found by.
pub fn index_entries(resource_type: ResourceType, resource: &Value) -> Vec<IndexEntry> {
    let mut entries = Vec::new();
    for parameter in parameters_of(resource_type) {
        for value in values_at(parameter.place, resource) {
            read(parameter, value, &mut entries);
        }
    }
    reference::for_each("", resource, &mut |_, element| {
        if let Reference::Local(key, _) = Reference::read(element) {
            entries.push(IndexEntry::new(REFERS_TO, IndexValue::Reference(key.to_string())));
        }
    });
    entries.sort();
    entries.dedup();
    entries
}

fn values_at(place: Place, resource: &Value) -> Vec<&Value> {
    match place {
        Place::Elements(path) => {
            path.iter().fold(vec![resource], |found, name| found.into_iter().flat_map(|value| view::items(&value[*name])).collect())
        }
        Place::Extension(url) => view::extensions(resource, url).map(|extension| &extension["valueCodeableConcept"]).collect(),
    }
}

fn read(parameter: &Parameter, value: &Value, entries: &mut Vec<IndexEntry>) {
    let mut push = |value| entries.push(IndexEntry::new(parameter.code, value));
    match parameter.kind {
        Kind::Token => tokens(value).into_iter().for_each(|(system, code)| push(token_value(system, code))),
        Kind::Date => {
            if let Some(date) = value.as_str().and_then(FhirDate::parse) {
                let (from_us, until_us) = date.range_us();
                push(IndexValue::Date { from_us, until_us });
            }
        }
        Kind::Uri => value.as_str().into_iter().for_each(|address| push(IndexValue::Uri(address.to_owned()))),
        Kind::Reference => {
            match Reference::read(value) {
                Reference::Local(key, _) => push(IndexValue::Reference(key.to_string())),
                Reference::External(address) => push(IndexValue::Reference(address.to_owned())),
                Reference::Contained(_) | Reference::Urn(_) | Reference::Conditional(_) | Reference::Logical(..) | Reference::None => {}
            }
            for (system, code) in view::identifiers(value) {
                entries.push(IndexEntry::new(format!("{}:identifier", parameter.code), token_value(system, code)));
            }
        }
    }
}

/// The (system, code) pairs of a code, Coding, CodeableConcept or Identifier.
fn tokens(value: &Value) -> Vec<(&str, &str)> {
    if let Some(code) = value.as_str() {
        return vec![("", code)];
    }
    if let Some(identifier) = value["value"].as_str() {
        return vec![(value["system"].as_str().unwrap_or(""), identifier)];
    }
    view::codings(value).collect()
}

fn token_value(system: &str, code: &str) -> IndexValue {
    IndexValue::Token { system: one_system(system).to_owned(), code: code.to_owned() }
}

/// The system that is meant: the known typo of the ydernummer system is read as the right one.
pub(super) fn one_system(system: &str) -> &str {
    if names::is_ydernummer_system(system) { names::YDERNUMMER } else { system }
}
