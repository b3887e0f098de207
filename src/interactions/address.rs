//! What an address below the base names (<https://hl7.org/fhir/R4/http.html#summary>), on the wire and in a Bundle's entries alike.

use super::Failure;
use crate::fhir::{Id, ResourceKey, ResourceType, Version};

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
    /// `Patient/7/$rights`
    Rights(ResourceKey),
}

impl Address {
    /// Reads the path of an address, relative to the base, without its query.
    ///
    /// # Errors
    /// `NotFound`: this server has nothing there.
    pub fn read(path: &str) -> Result<Self, Failure> {
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        let nothing = || Failure::NotFound("this server has nothing at this address".into());
        match parts.as_slice() {
            [""] => return Ok(Address::System),
            ["metadata"] => return Ok(Address::Metadata),
            ["_history"] => return Ok(Address::SystemHistory),
            _ => {}
        }
        let resource_type: ResourceType =
            parts[0].parse().map_err(|_| Failure::NotFound("this server does not hold the type that the address names".into()))?;
        let key = |id: &str| Id::parse(id).map(|id| ResourceKey::new(resource_type, id)).ok_or_else(nothing);
        match parts[1..] {
            [] => Ok(Address::Type(resource_type)),
            ["_search"] => Ok(Address::TypeSearch(resource_type)),
            ["_history"] => Ok(Address::TypeHistory(resource_type)),
            [id] => Ok(Address::Instance(key(id)?)),
            [id, "_history"] => Ok(Address::InstanceHistory(key(id)?)),
            [id, "_history", version] => Ok(Address::Version(key(id)?, Version::parse(version).ok_or_else(nothing)?)),
            [id, "$rights"] if resource_type == ResourceType::Patient => Ok(Address::Rights(key(id)?)),
            _ => Err(nothing()),
        }
    }
}
