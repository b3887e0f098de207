//! What a resource is called: its type, id and version (<https://hl7.org/fhir/R4/resource.html#id>).

use std::fmt;
use std::str::FromStr;

macro_rules! resource_types {
    ($($name:ident = $code:literal),+ $(,)?) => {
        /// A resource type that the server holds (fhir-profiles, section 5).
        ///
        /// The number is the type's code in stored keys: never change or reuse one.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum ResourceType {
            $(#[doc = concat!("`", stringify!($name), "`")] $name = $code),+
        }

        impl ResourceType {
            /// Every held type, in the order of the guide.
            pub const ALL: &'static [ResourceType] = &[$(ResourceType::$name),+];

            /// The FHIR name, as it stands in `resourceType` and in URLs.
            pub const fn as_str(self) -> &'static str {
                match self { $(ResourceType::$name => stringify!($name)),+ }
            }

            /// The stable number of the type in stored keys.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The type with that stable number, if there is one.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(ResourceType::$name),)+ _ => None }
            }
        }

        impl FromStr for ResourceType {
            type Err = UnknownType;
            fn from_str(text: &str) -> Result<Self, UnknownType> {
                match text { $(stringify!($name) => Ok(ResourceType::$name),)+ _ => Err(UnknownType) }
            }
        }
    };
}

resource_types! {
    Patient = 1, Practitioner = 2, PractitionerRole = 3, Organization = 4, HealthcareService = 5,
    Condition = 6, CarePlan = 7, ServiceRequest = 8, Encounter = 9, Goal = 10, CareTeam = 11,
    Subscription = 12, Task = 13, Provenance = 14, AuditEvent = 15,
    PlanDefinition = 16, StructureDefinition = 17, ValueSet = 18, CodeSystem = 19,
    SearchParameter = 20, OperationDefinition = 21, CapabilityStatement = 22,
}

/// Who may write a type (fhir-profiles, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Clients create, update and delete it.
    Clients,
    /// The server makes it; clients only read.
    Server,
    /// It comes with the definitions that the server was started with; clients only read.
    Definitions,
}

impl ResourceType {
    /// Who may write this type.
    pub const fn origin(self) -> Origin {
        use ResourceType as T;
        match self {
            T::Patient
            | T::Practitioner
            | T::PractitionerRole
            | T::Organization
            | T::HealthcareService
            | T::Condition
            | T::CarePlan
            | T::ServiceRequest
            | T::Encounter
            | T::Goal
            | T::CareTeam
            | T::Subscription => Origin::Clients,
            T::Task | T::Provenance | T::AuditEvent => Origin::Server,
            T::PlanDefinition
            | T::StructureDefinition
            | T::ValueSet
            | T::CodeSystem
            | T::SearchParameter
            | T::OperationDefinition
            | T::CapabilityStatement => Origin::Definitions,
        }
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no type that the server holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownType;

/// A logical id: 1 to 64 of `A-Z a-z 0-9 - .` (<https://hl7.org/fhir/R4/datatypes.html#id>).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Id(String);

impl Id {
    /// The id, if the text has the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        fits.then(|| Id(text.to_owned()))
    }

    /// True if it could be a CPR number: ten digits that begin with a day and a month, with a
    /// hyphen before the last four or without. Ids stand in addresses and logs, where no CPR
    /// number may be.
    pub fn is_like_cpr(&self) -> bool {
        let digits = match self.0.as_bytes() {
            [date @ .., b'-', _, _, _, _] if date.len() == 6 => self.0.replace('-', ""),
            _ => self.0.clone(),
        };
        let number = |range: std::ops::Range<usize>| {
            digits
                .get(range)
                .and_then(|part| part.parse::<u8>().ok())
                .unwrap_or(0)
        };
        digits.len() == 10
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && (1..=31).contains(&number(0..2))
            && (1..=12).contains(&number(2..4))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<uuid::Uuid> for Id {
    fn from(uuid: uuid::Uuid) -> Self {
        Id(uuid.to_string())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Type and id: the identity of a resource on this server, written `Condition/7`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ResourceKey {
    /// The type.
    pub resource_type: ResourceType,
    /// The logical id.
    pub id: Id,
}

impl ResourceKey {
    /// The key of that type and id.
    pub fn new(resource_type: ResourceType, id: Id) -> Self {
        ResourceKey { resource_type, id }
    }

    /// The key written as `Condition/7`, if the text is one of a held type.
    pub fn parse(text: &str) -> Option<Self> {
        let (resource_type, id) = text.split_once('/')?;
        Some(ResourceKey {
            resource_type: resource_type.parse().ok()?,
            id: Id::parse(id)?,
        })
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource_type, self.id)
    }
}

/// The number of a version of one resource: 1 for the first, up by one each time, a deletion
/// included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(pub u64);

impl Version {
    /// The version that follows `previous`; the first one if there is none.
    pub fn after(previous: Option<Version>) -> Version {
        Version(previous.map_or(1, |Version(number)| number + 1))
    }

    /// The version in a `versionId` or an ETag's value, if the text is the number of one.
    pub fn parse(text: &str) -> Option<Self> {
        let plain =
            !text.is_empty() && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse().ok().map(Version)).flatten()
    }

    /// Reads the ETag of one version: `W/"3"` or `"3"`.
    pub fn from_etag(etag: &str) -> Option<Self> {
        let quoted = etag.trim().strip_prefix("W/").unwrap_or(etag.trim());
        Version::parse(quoted.strip_prefix('"')?.strip_suffix('"')?)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_like_a_cpr_number_is_known() {
        for (id, expected) in [
            ("0405440001", true),
            ("040544-0001", true),
            ("3112999999", true),
            ("3213999999", false),
            ("0405-440001", false),
            ("040544000", false),
            ("04054400012", false),
            ("a405440001", false),
            ("77410", false),
        ] {
            assert_eq!(
                Id::parse(id).is_some_and(|id| id.is_like_cpr()),
                expected,
                "{id}"
            );
        }
    }
}
