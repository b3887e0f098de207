//! The types of resources that facts are read from, with the elements that are read
//! (deadline-rules, section 3). This is the only list of them: whoever gathers facts asks here. A
//! new type of fact is one row of this table; the compiler then asks `PersonFacts::read` how to
//! read it.

use crate::fhir::ResourceType;

macro_rules! fact_types {
    ($($name:ident { practices: [$($practice:literal),*], others: [$($other:literal),*] })+) => {
        /// A type of resource that says something about a person's rights.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum FactType {
            $($name),+
        }

        /// The types of resources about a person that say something about the person's rights, in
        /// addition to the Patient.
        pub const FACT_TYPES: &[ResourceType] = &[$(ResourceType::$name),+];

        impl FactType {
            /// Returns the fact type of a resource type, if it is one.
            pub(super) const fn of(resource_type: ResourceType) -> Option<FactType> {
                match resource_type {
                    $(ResourceType::$name => Some(FactType::$name),)+
                    _ => None,
                }
            }

            const fn practice_elements(self) -> &'static [&'static str] {
                match self {
                    $(FactType::$name => &[$($practice),*]),+
                }
            }

            const fn elements_read(self) -> &'static [&'static str] {
                match self {
                    $(FactType::$name => &["resourceType", $($practice,)* $($other),*]),+
                }
            }
        }
    };
}

fact_types! {
    Condition {
        practices: ["recorder", "asserter"],
        others: ["extension", "verificationStatus", "recordedDate", "code"]
    }
    CarePlan {
        practices: ["author"],
        others: ["extension", "category", "status", "created", "addresses", "basedOn"]
    }
    ServiceRequest {
        practices: ["requester", "performer"],
        others: [
            "extension", "category", "status", "authoredOn", "replaces", "reasonReference",
            "reasonCode", "occurrencePeriod", "occurrenceDateTime"
        ]
    }
    Encounter {
        practices: [],
        others: ["extension", "status", "class", "type", "period", "basedOn"]
    }
    Appointment {
        practices: [],
        others: ["status", "serviceType", "created", "start", "basedOn", "participant"]
    }
}

/// Returns the elements of a resource that can name a practice the facts depend on.
pub(super) const fn practice_elements(resource_type: ResourceType) -> &'static [&'static str] {
    match resource_type {
        ResourceType::Patient => &["generalPractitioner"],
        ResourceType::PractitionerRole => &["organization"],
        _ => match FactType::of(resource_type) {
            Some(fact_type) => fact_type.practice_elements(),
            None => &[],
        },
    }
}

/// Returns the elements at the top of a resource that facts are read from, and no other: a content
/// that holds only these gives the same facts as the whole. Empty for a type that says nothing.
pub const fn elements_read(resource_type: ResourceType) -> &'static [&'static str] {
    match resource_type {
        ResourceType::Patient => &[
            "resourceType",
            "generalPractitioner",
            "deceasedBoolean",
            "deceasedDateTime",
            "active",
            "link",
        ],
        ResourceType::Organization => &["resourceType", "identifier", "type"],
        ResourceType::PractitionerRole => &["resourceType", "organization"],
        _ => match FactType::of(resource_type) {
            Some(fact_type) => fact_type.elements_read(),
            None => &[],
        },
    }
}
