//! The interactions of FHIR (<https://hl7.org/fhir/R4/http.html>), and the addresses of the wire beside them.

use super::declaration::{
    AddressForm as Form, AnswerTime, BundleUse, Declaration, Execution, Listing,
    ParameterDeclaration, ParameterReading, Role, Types, ValueKind, Verb,
};
use super::row::{INTERACTION, LOOK, POST, VERBOSITY, optional};

/// The parameters of a history.
const OF_HISTORY: &[ParameterDeclaration] = &[
    optional(
        "_count",
        ValueKind::Count,
        "The number of versions that a page has at most.",
    ),
    optional("_since", ValueKind::When, "Only versions since then."),
    optional(
        "_at",
        ValueKind::When,
        "Only versions that were current then.",
    ),
    optional(
        "_sort",
        ValueKind::Code(&["-_lastUpdated"]),
        "The order, of which there is one.",
    ),
];

/// A Bundle that is carried out, itself no entry of another one.
const BUNDLE: Declaration = Declaration {
    listing: Listing::OfSystem,
    parameters: &[VERBOSITY],
    changes_state: true,
    answered: AnswerTime::LaterIfPreferred,
    in_bundle: BundleUse::Refused(
        "a Bundle is no entry of another one: put its entries into this one",
    ),
    ..INTERACTION
};

/// A job, which is known under an address of its own and stands in no Bundle.
const JOB: Declaration = Declaration {
    listing: Listing::Nowhere,
    in_bundle: BundleUse::Refused(
        "a job is no entry of a Bundle: ask for its status and its files by themselves",
    ),
    execution: Execution::Wire,
    ..INTERACTION
};

/// The rows, in the order in which the CapabilityStatement lists them.
pub(super) static ROWS: &[Declaration] = &[
    Declaration {
        name: "read",
        places: &[(Form::Instance, LOOK)],
        ..INTERACTION
    },
    Declaration {
        name: "vread",
        places: &[(Form::Version, LOOK)],
        ..INTERACTION
    },
    Declaration {
        name: "update",
        places: &[(Form::Instance, &[Verb::Put]), (Form::Type, &[Verb::Put])],
        types: Types::OfClients,
        parameters: &[VERBOSITY],
        changes_state: true,
        ..INTERACTION
    },
    Declaration {
        name: "patch",
        places: &[
            (Form::Instance, &[Verb::Patch]),
            (Form::Type, &[Verb::Patch]),
        ],
        types: Types::OfClients,
        parameters: &[VERBOSITY],
        changes_state: true,
        ..INTERACTION
    },
    Declaration {
        name: "delete",
        places: &[
            (Form::Instance, &[Verb::Delete]),
            (Form::Type, &[Verb::Delete]),
        ],
        types: Types::OfClients,
        changes_state: true,
        ..INTERACTION
    },
    Declaration {
        name: "history-instance",
        places: &[(Form::InstanceHistory, LOOK)],
        parameters: OF_HISTORY,
        reading: ParameterReading::Paged,
        answered: AnswerTime::LaterIfPreferred,
        ..INTERACTION
    },
    Declaration {
        name: "history-type",
        places: &[(Form::TypeHistory, LOOK)],
        parameters: OF_HISTORY,
        reading: ParameterReading::Paged,
        answered: AnswerTime::LaterIfPreferred,
        ..INTERACTION
    },
    Declaration {
        name: "create",
        places: &[(Form::Type, POST)],
        types: Types::OfClients,
        parameters: &[VERBOSITY],
        changes_state: true,
        ..INTERACTION
    },
    Declaration {
        name: "search-type",
        places: &[(Form::Type, LOOK), (Form::TypeSearch, POST)],
        reading: ParameterReading::Paged,
        answered: AnswerTime::LaterIfPreferred,
        ..INTERACTION
    },
    Declaration {
        name: "search-compartment",
        listing: Listing::Nowhere,
        places: &[(Form::Compartment, LOOK), (Form::CompartmentSearch, POST)],
        reading: ParameterReading::Paged,
        answered: AnswerTime::LaterIfPreferred,
        ..INTERACTION
    },
    Declaration {
        name: "transaction",
        places: &[(Form::System, POST)],
        ..BUNDLE
    },
    Declaration {
        // Sent to the same address; which of the two it is stands in the Bundle.
        name: "batch",
        ..BUNDLE
    },
    Declaration {
        name: "history-system",
        listing: Listing::OfSystem,
        places: &[(Form::SystemHistory, LOOK)],
        parameters: OF_HISTORY,
        reading: ParameterReading::Paged,
        answered: AnswerTime::LaterIfPreferred,
        ..INTERACTION
    },
    Declaration {
        name: "search-system",
        listing: Listing::OfSystem,
        places: &[(Form::System, LOOK), (Form::SystemSearch, POST)],
        reading: ParameterReading::Paged,
        answered: AnswerTime::LaterIfPreferred,
        ..INTERACTION
    },
    Declaration {
        name: "capabilities",
        listing: Listing::Nowhere,
        places: &[(Form::Metadata, LOOK)],
        role: Role::Anyone,
        ..INTERACTION
    },
    Declaration {
        name: "job",
        places: &[(Form::Job, &[Verb::Get, Verb::Head, Verb::Delete])],
        changes_state: true,
        ..JOB
    },
    Declaration {
        name: "job-file",
        places: &[(Form::JobFile, LOOK)],
        ..JOB
    },
    Declaration {
        name: "websocket",
        listing: Listing::Nowhere,
        places: &[(Form::Websocket, &[Verb::Get])],
        in_bundle: BundleUse::Refused(
            "a websocket is no entry of a Bundle: connect to its address by itself",
        ),
        role: Role::Anyone,
        execution: Execution::Wire,
        ..INTERACTION
    },
];
