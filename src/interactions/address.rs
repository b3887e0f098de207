//! What an address below the base names (<https://hl7.org/fhir/R4/http.html#summary>), on the wire and in a Bundle's entries alike.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::Failure;
use super::scopes::{ExportFile, ExportScope, LabelChange, MetaScope};
use crate::fhir::key::Origin;
use crate::fhir::{Id, IssueCode, Resource, ResourceKey, ResourceType, Version, view};
use crate::search::compartment;

/// How many parameters a request may have: each that is wrong is a finding of its own.
pub const PARAMETERS_MAX: usize = 1_000;

/// What the path of an address names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// The base itself: where Bundles are sent.
    System,
    /// `metadata`
    Metadata,
    /// `_history`
    SystemHistory,
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
    /// `Condition/$validate`
    TypeValidate(ResourceType),
    /// `Condition/7/$validate`
    Validate(ResourceKey),
    /// `Patient/7/$rights`
    Rights(ResourceKey),
    /// `_search`
    SystemSearch,
    /// `Patient/7/Condition`, or `Patient/7/*` for all types that the compartment has
    Compartment(ResourceKey, Option<ResourceType>),
    /// `Patient/7/Condition/_search`, or `Patient/7/*/_search`
    CompartmentSearch(ResourceKey, Option<ResourceType>),
    /// `Patient/7/$everything`
    Everything(ResourceKey),
    /// `Subscription/$status`
    SubscriptionStatuses,
    /// `Subscription/7/$status`
    SubscriptionStatus(ResourceKey),
    /// `Subscription/7/$events`
    SubscriptionEvents(ResourceKey),
    /// `Subscription/7/$webhook-secret`
    WebhookSecret(ResourceKey),
    /// `$meta`, `Condition/$meta`, `Condition/7/$meta`, `Condition/7/_history/3/$meta`
    Meta(MetaScope),
    /// `Condition/7/$meta-add` and `Condition/7/$meta-delete`
    MetaChange(ResourceKey, LabelChange),
    /// `$export` and `Patient/$export`
    Export(ExportScope),
    /// `$reindex`
    Reindex,
    /// `_jobs/7`: the status of what is answered later.
    Job(Id),
    /// `_jobs/7/Condition.ndjson`
    JobFile(Id, ExportFile),
    /// `Subscription/$get-ws-binding-token`, or of one Subscription
    BindingToken(Option<ResourceKey>),
    /// `Subscription/7/$resend`
    Resend(ResourceKey),
    /// `_websocket`: where subscribers listen.
    Websocket,
}

impl Address {
    /// The resource that is named, if one is.
    pub fn key(&self) -> Option<&ResourceKey> {
        match self {
            Address::Instance(key)
            | Address::InstanceHistory(key)
            | Address::Version(key, _)
            | Address::Validate(key)
            | Address::Compartment(key, _)
            | Address::CompartmentSearch(key, _)
            | Address::Everything(key)
            | Address::SubscriptionStatus(key)
            | Address::SubscriptionEvents(key)
            | Address::Meta(MetaScope::Instance(key) | MetaScope::Version(key, _))
            | Address::MetaChange(key, _)
            | Address::BindingToken(Some(key))
            | Address::Resend(key)
            | Address::WebhookSecret(key)
            | Address::Rights(key) => Some(key),
            Address::System
            | Address::Metadata
            | Address::SystemHistory
            | Address::SystemSearch
            | Address::Type(_)
            | Address::TypeSearch(_)
            | Address::TypeHistory(_)
            | Address::TypeValidate(_)
            | Address::SubscriptionStatuses
            | Address::Meta(MetaScope::System | MetaScope::Type(_))
            | Address::Export(_)
            | Address::Reindex
            | Address::Job(_)
            | Address::JobFile(..)
            | Address::BindingToken(None)
            | Address::Websocket => None,
        }
    }

    /// Reads the path of an address, relative to the base, without its query. One slash at its end
    /// is passed over.
    ///
    /// # Errors
    /// `NotFound`: this server has nothing there.
    pub fn read(path: &str) -> Result<Self, Failure> {
        let nothing = || Failure::not_found("this server has nothing at this address");
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
            [""] => return Ok(Address::System),
            ["metadata"] => return Ok(Address::Metadata),
            ["_history"] => return Ok(Address::SystemHistory),
            ["_search"] => return Ok(Address::SystemSearch),
            ["$meta"] => return Ok(Address::Meta(MetaScope::System)),
            ["$export"] => return Ok(Address::Export(ExportScope::System)),
            ["Patient", "$export"] => return Ok(Address::Export(ExportScope::Patients)),
            ["$reindex"] => return Ok(Address::Reindex),
            ["_websocket"] => return Ok(Address::Websocket),
            ["_jobs", id] => return Ok(Address::Job(Id::parse(id).ok_or_else(nothing)?)),
            ["_jobs", id, file] => {
                let named = Id::parse(id).zip(ExportFile::parse(file));
                return named
                    .map(|(id, file)| Address::JobFile(id, file))
                    .ok_or_else(nothing);
            }
            _ => {}
        }
        let resource_type: ResourceType = parts[0].parse().map_err(|_| {
            Failure::not_found("this server does not hold the type that the address names")
        })?;
        // `.` and `..` have the form of an id, but mean another address to everything on the way
        // here.
        let id = |text: &str| {
            Id::parse(text)
                .filter(|id| !matches!(id.as_str(), "." | ".."))
                .ok_or_else(nothing)
        };
        let key = |text: &str| id(text).map(|id| ResourceKey::new(resource_type, id));
        let is_written = resource_type.origin() == Origin::Clients;
        match parts[1..] {
            [] => Ok(Address::Type(resource_type)),
            ["_search"] => Ok(Address::TypeSearch(resource_type)),
            ["_history"] => Ok(Address::TypeHistory(resource_type)),
            ["$validate"] => Ok(Address::TypeValidate(resource_type)),
            ["$status"] if resource_type == ResourceType::Subscription => {
                Ok(Address::SubscriptionStatuses)
            }
            ["$meta"] => Ok(Address::Meta(MetaScope::Type(resource_type))),
            ["$get-ws-binding-token"] if resource_type == ResourceType::Subscription => {
                Ok(Address::BindingToken(None))
            }
            [id] => Ok(Address::Instance(key(id)?)),
            [id, "_history"] => Ok(Address::InstanceHistory(key(id)?)),
            [id, "_history", version] => Ok(Address::Version(
                key(id)?,
                Version::parse(version).ok_or_else(nothing)?,
            )),
            [id, "_history", version, "$meta"] => Ok(Address::Meta(MetaScope::Version(
                key(id)?,
                Version::parse(version).ok_or_else(nothing)?,
            ))),
            [id, "$validate"] => Ok(Address::Validate(key(id)?)),
            [id, "$meta"] => Ok(Address::Meta(MetaScope::Instance(key(id)?))),
            [id, "$meta-add"] if is_written => Ok(Address::MetaChange(key(id)?, LabelChange::Add)),
            [id, "$meta-delete"] if is_written => {
                Ok(Address::MetaChange(key(id)?, LabelChange::Remove))
            }
            [id, "$resend"] if resource_type == ResourceType::Subscription => {
                Ok(Address::Resend(key(id)?))
            }
            [id, "$get-ws-binding-token"] if resource_type == ResourceType::Subscription => {
                Ok(Address::BindingToken(Some(key(id)?)))
            }
            [id, "$rights"] if resource_type == ResourceType::Patient => {
                Ok(Address::Rights(key(id)?))
            }
            [id, "$everything"] if resource_type == ResourceType::Patient => {
                Ok(Address::Everything(key(id)?))
            }
            [id, "$status"] if resource_type == ResourceType::Subscription => {
                Ok(Address::SubscriptionStatus(key(id)?))
            }
            [id, "$events"] if resource_type == ResourceType::Subscription => {
                Ok(Address::SubscriptionEvents(key(id)?))
            }
            [id, "$webhook-secret"] if resource_type == ResourceType::Subscription => {
                Ok(Address::WebhookSecret(key(id)?))
            }
            [id, within] if resource_type == ResourceType::Patient => {
                Ok(Address::Compartment(key(id)?, compartment_type(within)?))
            }
            [id, within, "_search"] if resource_type == ResourceType::Patient => Ok(
                Address::CompartmentSearch(key(id)?, compartment_type(within)?),
            ),
            _ => Err(nothing()),
        }
    }
}

/// The type that is searched in the compartment of a Patient; none for all.
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

/// The names and values of a query, percent-decoded.
///
/// # Errors
/// `BadRequest` if they are not UTF-8, since what cannot be read must not be passed over, or more
/// than [`PARAMETERS_MAX`].
pub fn query_pairs(query: &str) -> Result<Vec<(String, String)>, Failure> {
    let given = || query.split('&').filter(|pair| !pair.is_empty());
    if given().nth(PARAMETERS_MAX).is_some() {
        return Err(too_many_parameters());
    }
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8()
            .map(Into::into)
    };
    let pairs = given().map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, decode(value)?))
    });
    let wrong = |_: std::str::Utf8Error| {
        Failure::bad_request(
            IssueCode::Value,
            "expected the parameters in percent-encoded UTF-8",
        )
    };
    pairs.collect::<Result<_, _>>().map_err(wrong)
}

/// What to say to more parameters than are read.
pub(super) fn too_many_parameters() -> Failure {
    Failure::bad_request(
        IssueCode::TooCostly,
        format!("expected at most {PARAMETERS_MAX} parameters"),
    )
}

/// The parameters in a Parameters resource, as they would stand in a query; `value` reads what the
/// operation takes of each.
///
/// # Errors
/// `BadRequest` if it is no Parameters resource, or one with more parameters than are read.
pub(super) fn parameters_in(
    sent: &Resource,
    value: impl Fn(&Value) -> String,
) -> Result<Vec<(String, String)>, Failure> {
    if sent.type_name() != "Parameters" {
        return Err(Failure::bad_request(
            IssueCode::Invalid,
            "expected a Parameters resource",
        ));
    }
    let items = || view::items(&sent.value()["parameter"]);
    if items().nth(PARAMETERS_MAX).is_some() {
        return Err(too_many_parameters());
    }
    Ok(items()
        .map(|item| {
            (
                item["name"].as_str().unwrap_or_default().to_owned(),
                value(item),
            )
        })
        .collect())
}

/// The criteria of a conditional create, which clients write alone, after the type, or as the whole
/// address of a search.
///
/// # Errors
/// As [`query_pairs`].
pub fn criteria(resource_type: ResourceType, text: &str) -> Result<Vec<(String, String)>, Failure> {
    let text = text.trim();
    let of_type = text.split_once('?').filter(|(before, _)| {
        // By which name this server was reached is of no importance, but a value may have a
        // question mark too.
        let is_address = before.starts_with("http://") || before.starts_with("https://");
        let named = before
            .rsplit_once('/')
            .filter(|_| is_address)
            .map_or(*before, |(_, named)| named);
        before.is_empty() || named == resource_type.as_str()
    });
    query_pairs(of_type.map_or(text, |(_, criteria)| criteria))
}
