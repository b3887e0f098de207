//! The operations (<https://hl7.org/fhir/R4/operations.html>), a row each.

use super::answers;
use super::declaration::{
    AddressForm as Form, AnswerTime, BundleUse, Declaration, Execution, Listing,
    ParameterDeclaration, ParameterReading, Role, Types, ValueKind,
};
use super::row::{ASK, NEVER_BY_HEAD, OPERATION, POST, VERBOSITY, optional, repeated, required};
use crate::fhir::{Id, ResourceType as T, names};
use crate::interactions::outcome::Outcome;
use crate::interactions::scopes::{ExportScope, LabelChange};
use crate::interactions::subscription::{binding, status, webhook_secret};
use crate::interactions::{meta, subscription_names};

/// The operations on Subscriptions have this type alone.
const OF_SUBSCRIPTIONS: Types = Types::Only(&[T::Subscription]);
/// The operations on Patients have this type alone.
const OF_PATIENTS: Types = Types::Only(&[T::Patient]);

/// The words about a new version of labels.
const NEW_VERSION: &str = "Makes a new version, which is validated as any other; versions of the past are never changed. If-Match counts.";

/// The parameter of a change of labels.
const LABELS: &[ParameterDeclaration] = &[required(
    "meta",
    ValueKind::Meta,
    "The labels to add or to remove.",
)];

/// The parameters of an export.
const OF_EXPORT: &[ParameterDeclaration] = &[
    repeated(
        "_type",
        ValueKind::TypeList,
        "The types that are wanted, parted by commas.",
    ),
    optional("_since", ValueKind::Instant, "Only what changed since."),
    optional(
        "_outputFormat",
        ValueKind::Code(&["application/fhir+ndjson", "application/ndjson", "ndjson"]),
        "The format of the files.",
    ),
];

/// An export, of the system or of all patients.
const EXPORT: Declaration = Declaration {
    name: "export",
    parameters: OF_EXPORT,
    changes_state: true,
    answered: AnswerTime::Later,
    in_bundle: BundleUse::Refused(
        "an export is answered later, by files, and is no entry of a Bundle: ask for it by itself, with 'Prefer: respond-async'",
    ),
    ..OPERATION
};

/// The rows.
pub(super) static ROWS: &[Declaration] = &[
    Declaration {
        name: "validate",
        places: &[(Form::OfType, POST), (Form::OfInstance, ASK)],
        parameters: &[
            optional("resource", ValueKind::Resource, "The resource to check."),
            optional(
                "mode",
                ValueKind::Code(&["create", "update", "delete", "profile"]),
                "For what the resource is checked.",
            ),
            optional(
                "profile",
                ValueKind::Profile,
                "A profile to check against besides.",
            ),
            VERBOSITY,
        ],
        definition: Some("http://hl7.org/fhir/OperationDefinition/Resource-validate"),
        execution: Execution::Answers(answers::validate),
        ..OPERATION
    },
    Declaration {
        name: "meta",
        places: &[
            (Form::OfSystem, ASK),
            (Form::OfType, ASK),
            (Form::OfInstance, ASK),
            (Form::OfVersion, ASK),
        ],
        definition: Some("http://hl7.org/fhir/OperationDefinition/Resource-meta"),
        documentation: Some(
            "At the system and type levels the labels in use, without displays; a profile claimed with its version stands without it too. Also of a \
             version: [type]/[id]/_history/[vid]/$meta.",
        ),
        execution: Execution::Answers(|server, context, request| {
            Ok(Outcome::Labels(meta::meta(
                server,
                context,
                &request.subject,
            )?))
        }),
        ..OPERATION
    },
    Declaration {
        name: "meta-add",
        places: &[(Form::OfInstance, POST)],
        types: Types::OfClients,
        parameters: LABELS,
        definition: Some("http://hl7.org/fhir/OperationDefinition/Resource-meta-add"),
        documentation: Some(NEW_VERSION),
        changes_state: true,
        execution: Execution::Changes {
            action: |request| answers::change_of_labels(request, LabelChange::Add),
            tell: |written| Ok(Outcome::Labels(meta::after(written)?)),
        },
        ..OPERATION
    },
    Declaration {
        name: "meta-delete",
        places: &[(Form::OfInstance, POST)],
        types: Types::OfClients,
        parameters: LABELS,
        definition: Some("http://hl7.org/fhir/OperationDefinition/Resource-meta-delete"),
        documentation: Some(NEW_VERSION),
        changes_state: true,
        execution: Execution::Changes {
            action: |request| answers::change_of_labels(request, LabelChange::Remove),
            tell: |written| Ok(Outcome::Labels(meta::after(written)?)),
        },
        ..OPERATION
    },
    Declaration {
        name: "everything",
        places: &[(Form::OfInstance, ASK)],
        types: OF_PATIENTS,
        parameters: &[
            optional(
                "start",
                ValueKind::Date,
                "Only what is about care on this day or later.",
            ),
            optional(
                "end",
                ValueKind::Date,
                "Only what is about care on this day or earlier.",
            ),
            optional("_since", ValueKind::When, "Only what changed since."),
            repeated(
                "_type",
                ValueKind::TypeList,
                "The types that are wanted, parted by commas.",
            ),
            optional(
                "_count",
                ValueKind::Count,
                "The number of resources that a page has at most.",
            ),
        ],
        reading: ParameterReading::Paged,
        definition: Some("http://hl7.org/fhir/OperationDefinition/Patient-everything"),
        documentation: Some(
            "Of one Patient, not of the type. It has the parameters start, end, _since, _type and _count, by GET and in the Parameters of a POST. start \
             and end ask for when the care was: of a Condition from onset (or when it was known) to abatement, of a CarePlan from creation to the end of \
             its period, of the others the periods and dates that they have; what has none, as the Patient, is always given.",
        ),
        answered: AnswerTime::LaterIfPreferred,
        execution: Execution::Answers(answers::everything),
        ..OPERATION
    },
    Declaration {
        name: "rights",
        places: &[(Form::OfInstance, ASK)],
        types: OF_PATIENTS,
        parameters: &[
            optional(
                "as-of",
                ValueKind::Day,
                "The day to show; today if it is not said.",
            ),
            optional(
                "_reasons",
                ValueKind::Code(&["true", "false"]),
                "Whether an OperationOutcome comes too that says of each diagnosis, referral, plan, contact and booking of the person without effect \
                 why it has none.",
            ),
        ],
        definition: Some(names::OPERATION_RIGHTS),
        execution: Execution::Answers(answers::rights),
        ..OPERATION
    },
    Declaration {
        name: "intake",
        places: &[(Form::OfSystem, POST)],
        parameters: &[
            optional(
                "bundle",
                ValueKind::Resource,
                "The Bundle, of type document, message or collection; it may also be the body itself.",
            ),
            optional(
                "mode",
                ValueKind::Code(&["take", "report"]),
                "take writes what belongs to the packages; report answers the same, and writes nothing.",
            ),
        ],
        definition: Some(names::OPERATION_INTAKE),
        documentation: Some(
            "Takes what other Danish systems send as they send it: a ConditionList of MedCom, a delivery report of KL's gateway for prevention, and what \
             docs/senders.md lists. One transaction; the answer says of every entry what became of it and why. Sent again, it writes nothing.",
        ),
        changes_state: true,
        in_bundle: BundleUse::Refused(
            "$intake is a transaction of its own and is no entry of a Bundle: send the foreign Bundle to it by itself",
        ),
        execution: Execution::Answers(answers::intake),
        ..OPERATION
    },
    Declaration {
        places: &[(Form::OfType, NEVER_BY_HEAD)],
        types: OF_PATIENTS,
        definition: Some("http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export"),
        execution: Execution::Answers(|server, context, request| {
            answers::export_of(server, context, ExportScope::Patients, request)
        }),
        ..EXPORT
    },
    Declaration {
        places: &[(Form::OfSystem, NEVER_BY_HEAD)],
        definition: Some("http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"),
        execution: Execution::Answers(|server, context, request| {
            answers::export_of(server, context, ExportScope::System, request)
        }),
        ..EXPORT
    },
    Declaration {
        name: "reindex",
        places: &[(Form::OfSystem, POST)],
        definition: Some(names::OPERATION_REINDEX),
        documentation: Some(
            "For the operator: no resource is changed. Always answered later; the answer has how much was looked at and mended.",
        ),
        changes_state: true,
        answered: AnswerTime::Later,
        in_bundle: BundleUse::Refused(
            "$reindex is answered later and is no entry of a Bundle: ask for it by itself, with 'Prefer: respond-async'",
        ),
        role: Role::Operator,
        execution: Execution::Wire,
        ..OPERATION
    },
    Declaration {
        name: "status",
        places: &[(Form::OfType, ASK)],
        types: OF_SUBSCRIPTIONS,
        parameters: &[
            repeated(
                "id",
                ValueKind::SubscriptionId,
                "A Subscription to show; repeatable. All if none is named.",
            ),
            repeated(
                "status",
                ValueKind::Code(&["requested", "active", "error", "off"]),
                "A status to show; repeatable. Any if none is named.",
            ),
        ],
        definition: Some(subscription_names::OPERATION_STATUS),
        execution: Execution::Answers(|server, context, request| {
            Ok(Outcome::Statuses(status::statuses(
                server,
                context,
                &request.given.texts,
            )?))
        }),
        ..OPERATION
    },
    Declaration {
        name: "status",
        listing: Listing::Nowhere,
        places: &[(Form::OfInstance, ASK)],
        types: OF_SUBSCRIPTIONS,
        reading: ParameterReading::PassedOver,
        definition: Some(subscription_names::OPERATION_STATUS),
        execution: Execution::Answers(|server, context, request| {
            Ok(Outcome::Statuses(status::status(
                server,
                context,
                request.key()?,
            )?))
        }),
        ..OPERATION
    },
    Declaration {
        name: "events",
        places: &[(Form::OfInstance, ASK)],
        types: OF_SUBSCRIPTIONS,
        parameters: &[
            optional(
                "eventsSinceNumber",
                ValueKind::EventNumber,
                "The number of the first event to tell.",
            ),
            optional(
                "eventsUntilNumber",
                ValueKind::EventNumber,
                "The number of the last event to tell.",
            ),
            optional(
                "content",
                ValueKind::Code(&["empty", "id-only", "full-resource"]),
                "How much to tell of each: empty, id-only or full-resource.",
            ),
        ],
        definition: Some(subscription_names::OPERATION_EVENTS),
        execution: Execution::Answers(answers::events_of),
        ..OPERATION
    },
    Declaration {
        name: "get-ws-binding-token",
        places: &[
            (Form::OfType, NEVER_BY_HEAD),
            (Form::OfInstance, NEVER_BY_HEAD),
        ],
        types: OF_SUBSCRIPTIONS,
        parameters: &[repeated(
            "id",
            ValueKind::SubscriptionId,
            "A Subscription to listen to; repeatable.",
        )],
        definition: Some(subscription_names::OPERATION_BINDING_TOKEN),
        documentation: Some(
            "Of the type with the parameter id. The token is good once and for a minute. Connect to the websocket-url and say bind-with-token and the \
             token: a handshake of each subscription comes, then each event from then on. What was missed comes by $events.",
        ),
        changes_state: true,
        in_bundle: BundleUse::Refused(
            "a token for a websocket is good for a minute and is no entry of a Bundle: ask for it by itself, before you connect",
        ),
        execution: Execution::Answers(|server, context, request| {
            let named = request.given.listed("id").filter_map(Id::parse).collect();
            Ok(Outcome::Token(binding::binding_token(
                server,
                context,
                request.subject.key(),
                named,
            )?))
        }),
        ..OPERATION
    },
    Declaration {
        name: "resend",
        places: &[(Form::OfInstance, POST)],
        types: OF_SUBSCRIPTIONS,
        parameters: &[
            required(
                "eventsSinceNumber",
                ValueKind::EventNumber,
                "The number of the first event to send again.",
            ),
            required(
                "eventsUntilNumber",
                ValueKind::EventNumber,
                "The number of the last event to send again.",
            ),
        ],
        takes_form: true,
        definition: Some(subscription_names::OPERATION_RESEND),
        documentation: Some(
            "For an operator: events that were delivered are sent again to the endpoint, by eventsSinceNumber and eventsUntilNumber, both included and both \
             required. POST only. The definition is that of version 1.2.0 of the guide, as 1.1.0 has none.",
        ),
        changes_state: true,
        in_bundle: BundleUse::Refused(
            "what $resend sends cannot be taken back, and it is no entry of a Bundle: ask for it by itself",
        ),
        role: Role::Operator,
        execution: Execution::Answers(answers::resend),
        ..OPERATION
    },
    Declaration {
        name: "webhook-secret",
        places: &[(Form::OfInstance, ASK)],
        types: OF_SUBSCRIPTIONS,
        definition: Some(names::OPERATION_WEBHOOK_SECRET),
        in_bundle: BundleUse::Refused(
            "a secret is told in an answer that nothing on the way keeps, and is no entry of a Bundle: ask for it by itself",
        ),
        execution: Execution::Answers(|server, context, request| {
            let secret = webhook_secret::webhook_secret(server, context, request.key()?)?;
            Ok(Outcome::Secret(secret))
        }),
        ..OPERATION
    },
];
