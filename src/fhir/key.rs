//! The name of a resource: its type, id and version (<https://hl7.org/fhir/R4/resource.html#id>).

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

            /// Returns the FHIR name, as it stands in `resourceType` and in URLs.
            pub const fn as_str(self) -> &'static str {
                match self { $(ResourceType::$name => stringify!($name)),+ }
            }

            /// Returns the stable number of the type in stored keys.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// Returns the type with that stable number, if there is one.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(ResourceType::$name),)+ _ => None }
            }
        }

        impl FromStr for ResourceType {
            type Err = UnknownType;
            fn from_str(text: &str) -> Result<Self, UnknownType> {
                match text {
                    $(stringify!($name) => Ok(ResourceType::$name),)+
                    _ => Err(UnknownType),
                }
            }
        }
    };
}

resource_types! {
    Patient = 1, Practitioner = 2, PractitionerRole = 3, Organization = 4, HealthcareService = 5,
    Condition = 6, CarePlan = 7, ServiceRequest = 8, Encounter = 9, Appointment = 23, Goal = 10, CareTeam = 11,
    Subscription = 12, Task = 13, Provenance = 14, AuditEvent = 15,
    PlanDefinition = 16, StructureDefinition = 17, ValueSet = 18, CodeSystem = 19,
    SearchParameter = 20, OperationDefinition = 21, CapabilityStatement = 22,
}

/// The party that may write a type (fhir-profiles, section 5).
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
    /// Returns the party that may write this type.
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
            | T::Appointment
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

impl ResourceType {
    /// Tells whether any resource of this type is ever stored: nothing writes AuditEvents yet.
    pub const fn is_filled(self) -> bool {
        !matches!(self, ResourceType::AuditEvent)
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
    /// Reads an id, if the text has the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        fits.then(|| Id(text.to_owned()))
    }

    /// Returns the id as text.
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
    /// Makes the key of that type and id.
    pub fn new(resource_type: ResourceType, id: Id) -> Self {
        ResourceKey { resource_type, id }
    }

    /// Reads the key written as `Condition/7`, if the text is one of a held type.
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
    /// Returns the version that follows `previous`; the first one if there is none.
    pub fn after(previous: Option<Version>) -> Version {
        Version(previous.map_or(1, |Version(number)| number + 1))
    }

    /// Reads the version in a `versionId` or an ETag's value, if the text is the number of one.
    pub fn parse(text: &str) -> Option<Self> {
        let plain =
            !text.is_empty() && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse().ok().map(Version)).flatten()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
