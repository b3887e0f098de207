//! The name that an address below the base has (<https://hl7.org/fhir/R4/http.html#summary>), on the wire and in a Bundle's entries alike.

use percent_encoding::percent_decode_str;

use super::Failure;
use super::catalogue::{self, AddressForm, Declaration, Types, Verb};
use super::scopes::{ExportFile, Subject};
use crate::fhir::held::{not_held, why_only_read};
use crate::fhir::{Id, ResourceKey, ResourceType, Version};
use crate::search::compartment;

/// The thing that the path of an address names.
#[derive(Clone)]
pub enum Address {
    /// The base itself: where Bundles are sent.
    System,
    /// `metadata`
    Metadata,
    /// `_history`
    SystemHistory,
    /// `_search`
    SystemSearch,
    /// `Condition`
    Type(ResourceType),
    /// `Condition/_search`
    TypeSearch(ResourceType),
    /// `Condition/_history`
    TypeHistory(ResourceType),
    /// `Condition/7`
    Instance(ResourceKey),
    /// `Condition/7/_history`
    InstanceHistory(ResourceKey),
    /// `Condition/7/_history/3`
    Version(ResourceKey, Version),
    /// `Patient/7/Condition`, or `Patient/7/*` for all types that the compartment has
    Compartment(ResourceKey, Option<ResourceType>),
    /// `Patient/7/Condition/_search`, or `Patient/7/*/_search`
    CompartmentSearch(ResourceKey, Option<ResourceType>),
    /// `$name`, `Condition/$name`, `Condition/7/$name`, `Condition/7/_history/3/$name`
    Operation(&'static Declaration, Subject),
    /// `_jobs/7`: the status of what is answered later.
    Job(Id),
    /// `_jobs/7/Condition.ndjson`
    JobFile(Id, ExportFile),
    /// `_websocket`: where subscribers listen.
    Websocket,
}

impl Address {
    /// Reads the path of an address, relative to the base, without its query. One slash at its end
    /// is passed over.
    ///
    /// # Errors
    /// `NotFound`: this server has nothing there.
    pub fn read(path: &str) -> Result<Self, Failure> {
        let decoded = |part| {
            percent_decode_str(part)
                .decode_utf8()
                .map_err(|_| nothing())
        };
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path
            .strip_suffix('/')
            .filter(|path| !path.is_empty())
            .unwrap_or(path);
        let parts = path
            .split('/')
            .map(decoded)
            .collect::<Result<Vec<_>, _>>()?;
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        match parts.as_slice() {
            [""] => Ok(Address::System),
            ["metadata"] => Ok(Address::Metadata),
            ["_history"] => Ok(Address::SystemHistory),
            ["_search"] => Ok(Address::SystemSearch),
            ["_websocket"] => Ok(Address::Websocket),
            ["_jobs", id] => Ok(Address::Job(Id::parse(id).ok_or_else(nothing)?)),
            ["_jobs", id, file] => {
                let named = Id::parse(id).zip(ExportFile::parse(file));
                named
                    .map(|(id, file)| Address::JobFile(id, file))
                    .ok_or_else(nothing)
            }
            [name] if name.starts_with('$') => operation(name, Subject::System),
            [resource_type, below @ ..] => {
                let resource_type = resource_type
                    .parse()
                    .map_err(|_| Failure::not_found(not_held(resource_type)))?;
                Address::read_below(resource_type, below)
            }
            [] => Err(nothing()),
        }
    }

    /// Reads what follows a type.
    fn read_below(resource_type: ResourceType, parts: &[&str]) -> Result<Self, Failure> {
        // `.` and `..` have the form of an id, but mean another address to everything on the way
        // here.
        let key = |text: &str| {
            Id::parse(text)
                .filter(|id| !matches!(id.as_str(), "." | ".."))
                .map(|id| ResourceKey::new(resource_type, id))
                .ok_or_else(nothing)
        };
        let version = |text: &str| Version::parse(text).ok_or_else(nothing);
        match parts {
            [] => Ok(Address::Type(resource_type)),
            ["_search"] => Ok(Address::TypeSearch(resource_type)),
            ["_history"] => Ok(Address::TypeHistory(resource_type)),
            [name] if name.starts_with('$') => operation(name, Subject::Type(resource_type)),
            [id] => Ok(Address::Instance(key(id)?)),
            [id, "_history"] => Ok(Address::InstanceHistory(key(id)?)),
            [id, "_history", number] => Ok(Address::Version(key(id)?, version(number)?)),
            [id, "_history", number, name] if name.starts_with('$') => {
                operation(name, Subject::Version(key(id)?, version(number)?))
            }
            [id, name] if name.starts_with('$') => operation(name, Subject::Instance(key(id)?)),
            [id, within] if resource_type == ResourceType::Patient => {
                Ok(Address::Compartment(key(id)?, compartment_type(within)?))
            }
            [id, within, "_search"] if resource_type == ResourceType::Patient => Ok(
                Address::CompartmentSearch(key(id)?, compartment_type(within)?),
            ),
            _ => Err(nothing()),
        }
    }

    /// Returns the resource that is named, if one is.
    pub fn key(&self) -> Option<&ResourceKey> {
        match self {
            Address::Instance(key)
            | Address::InstanceHistory(key)
            | Address::Version(key, _)
            | Address::Compartment(key, _)
            | Address::CompartmentSearch(key, _) => Some(key),
            Address::Operation(_, subject) => subject.key(),
            Address::System
            | Address::Metadata
            | Address::SystemHistory
            | Address::SystemSearch
            | Address::Type(_)
            | Address::TypeSearch(_)
            | Address::TypeHistory(_)
            | Address::Job(_)
            | Address::JobFile(..)
            | Address::Websocket => None,
        }
    }

    /// Returns the declaration of what is asked for there by that method, if anything is.
    pub fn declared(&self, verb: Verb) -> Option<&'static Declaration> {
        match (self, self.form()) {
            (Address::Operation(declared, _), (form, _)) => {
                Some(*declared).filter(|declared| declared.has(form, verb))
            }
            (_, (form, resource_type)) => catalogue::at(form, resource_type, verb),
        }
    }

    /// Returns the methods that the address has, in the order of `Allow`.
    pub fn verbs(&self) -> Vec<Verb> {
        Verb::ALL
            .into_iter()
            .filter(|verb| self.declared(*verb).is_some())
            .collect()
    }

    /// Returns the methods as `Allow` has them.
    pub fn allow(&self) -> String {
        let verbs = self.verbs().into_iter().map(Verb::as_str);
        verbs.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
    }

    /// Says to another method which ones there are, and why a type has none that writes.
    pub fn not_allowed(&self) -> String {
        let text = format!("this address allows {}", self.allow());
        let (form, resource_type) = self.form();
        let is_written_at = matches!(form, AddressForm::Type | AddressForm::Instance);
        match resource_type
            .filter(|_| is_written_at)
            .and_then(why_only_read)
        {
            Some(why) => format!("{text}: {why}"),
            None => text,
        }
    }

    /// Returns the form of the address, and the type that it names if it names one.
    fn form(&self) -> (AddressForm, Option<ResourceType>) {
        match self {
            Address::System => (AddressForm::System, None),
            Address::Metadata => (AddressForm::Metadata, None),
            Address::SystemHistory => (AddressForm::SystemHistory, None),
            Address::SystemSearch => (AddressForm::SystemSearch, None),
            Address::Type(named) => (AddressForm::Type, Some(*named)),
            Address::TypeSearch(named) => (AddressForm::TypeSearch, Some(*named)),
            Address::TypeHistory(named) => (AddressForm::TypeHistory, Some(*named)),
            Address::Instance(key) => (AddressForm::Instance, Some(key.resource_type)),
            Address::InstanceHistory(key) => {
                (AddressForm::InstanceHistory, Some(key.resource_type))
            }
            Address::Version(key, _) => (AddressForm::Version, Some(key.resource_type)),
            Address::Compartment(..) => (AddressForm::Compartment, None),
            Address::CompartmentSearch(..) => (AddressForm::CompartmentSearch, None),
            Address::Operation(_, subject) => (form_of(subject), subject.resource_type()),
            Address::Job(_) => (AddressForm::Job, None),
            Address::JobFile(..) => (AddressForm::JobFile, None),
            Address::Websocket => (AddressForm::Websocket, None),
        }
    }
}

fn nothing() -> Failure {
    Failure::not_found("this server has nothing at this address")
}

fn form_of(subject: &Subject) -> AddressForm {
    match subject {
        Subject::System => AddressForm::OfSystem,
        Subject::Type(_) => AddressForm::OfType,
        Subject::Instance(_) => AddressForm::OfInstance,
        Subject::Version(..) => AddressForm::OfVersion,
    }
}

fn operation(name: &str, subject: Subject) -> Result<Address, Failure> {
    let name = name.trim_start_matches('$');
    match catalogue::named(name, form_of(&subject), subject.resource_type()) {
        Some(declared) => Ok(Address::Operation(declared, subject)),
        None => Err(Failure::not_found(no_such_operation(name, &subject))),
    }
}

/// Says that an operation is not there, which are, and at which other place one of that name is.
fn no_such_operation(name: &str, subject: &Subject) -> String {
    let (form, named) = (form_of(subject), subject.resource_type());
    let there: Vec<_> = catalogue::operations_at(form, named)
        .map(|known| format!("${known}"))
        .collect();
    let there = if there.is_empty() {
        "none".to_owned()
    } else {
        there.join(", ")
    };
    let forms = [
        (AddressForm::OfSystem, "[base]/$"),
        (AddressForm::OfType, "[base]/[type]/$"),
        (AddressForm::OfInstance, "[base]/[type]/[id]/$"),
        (
            AddressForm::OfVersion,
            "[base]/[type]/[id]/_history/[vid]/$",
        ),
    ];
    let of_form = |(other, before): &(AddressForm, &str)| {
        let named = named.filter(|_| *other != AddressForm::OfSystem);
        catalogue::named(name, *other, named).map(|declared| match declared.types {
            Types::Only([only]) => before.replace("[type]", only.as_str()) + declared.name,
            Types::All | Types::OfClients | Types::Only(_) => format!("{before}{}", declared.name),
        })
    };
    let elsewhere: Vec<_> = forms.iter().filter_map(of_form).collect();
    let mut text = format!("no such operation here; there are {there}");
    if !elsewhere.is_empty() {
        text = format!(
            "{text}. This one is asked for at {}",
            elsewhere.join(" or ")
        );
    }
    text
}

/// Reads the type that is searched in the compartment of a Patient; none for all.
fn compartment_type(text: &str) -> Result<Option<ResourceType>, Failure> {
    let within = compartment::types();
    match text {
        "*" => Ok(None),
        _ => match text.parse().ok().filter(|found| within.contains(found)) {
            Some(found) => Ok(Some(found)),
            None => {
                let within: Vec<_> = within.iter().map(|held| held.as_str()).collect();
                let text = format!(
                    "this server has nothing at this address; the compartment of a Patient has {}",
                    within.join(", ")
                );
                Err(Failure::not_found(text))
            }
        },
    }
}
