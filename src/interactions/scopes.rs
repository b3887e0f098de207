//! The scopes of operations that the path of an address names.

use crate::fhir::{ResourceKey, ResourceType, Version};

pub use crate::patch::LabelChange;

/// The scope of an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportScope {
    /// Everything that is stored.
    System,
    /// Patients, and what is about one (<https://hl7.org/fhir/R4/compartmentdefinition-patient.html>).
    Patients,
}

impl ExportScope {
    /// Returns the types that belong to it.
    pub(super) fn types(self) -> &'static [ResourceType] {
        use ResourceType as T;
        match self {
            ExportScope::System => ResourceType::ALL,
            ExportScope::Patients => &[
                T::Patient,
                T::Condition,
                T::CarePlan,
                T::ServiceRequest,
                T::Encounter,
                T::Appointment,
                T::Goal,
                T::CareTeam,
                T::Task,
            ],
        }
    }
}

/// One file of an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportFile {
    /// The resources of a type, one a line.
    Resources(ResourceType),
    /// The deletions of a type, a line each: a transaction Bundle with one DELETE.
    Deleted(ResourceType),
}

impl ExportFile {
    /// Returns the name of the file: `Condition.ndjson`, `Condition.deleted.ndjson`.
    pub fn name(self) -> String {
        match self {
            ExportFile::Resources(resource_type) => format!("{resource_type}.ndjson"),
            ExportFile::Deleted(resource_type) => format!("{resource_type}.deleted.ndjson"),
        }
    }

    /// Reads the name of a file.
    pub fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".ndjson")?;
        match stem.strip_suffix(".deleted") {
            Some(resource_type) => resource_type.parse().ok().map(ExportFile::Deleted),
            None => stem.parse().ok().map(ExportFile::Resources),
        }
    }

    /// Returns the type that a line of it has.
    pub fn line_type(self) -> &'static str {
        match self {
            ExportFile::Resources(resource_type) => resource_type.as_str(),
            ExportFile::Deleted(_) => "Bundle",
        }
    }

    pub(super) fn resource_type(self) -> ResourceType {
        match self {
            ExportFile::Resources(resource_type) | ExportFile::Deleted(resource_type) => {
                resource_type
            }
        }
    }
}

/// The subject of an operation, which stands before its name in the address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// The whole system.
    System,
    /// All resources of a type.
    Type(ResourceType),
    /// A resource.
    Instance(ResourceKey),
    /// A version of a resource.
    Version(ResourceKey, Version),
}

impl Subject {
    /// Returns the resource that is named, if one is.
    pub fn key(&self) -> Option<&ResourceKey> {
        match self {
            Subject::System | Subject::Type(_) => None,
            Subject::Instance(key) | Subject::Version(key, _) => Some(key),
        }
    }

    /// Returns the type that is named, if one is.
    pub fn resource_type(&self) -> Option<ResourceType> {
        match self {
            Subject::System => None,
            Subject::Type(resource_type) => Some(*resource_type),
            Subject::Instance(key) | Subject::Version(key, _) => Some(key.resource_type),
        }
    }
}
