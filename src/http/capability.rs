//! The abilities of this server: one table of interactions that both routes requests and makes the
//! CapabilityStatement, so that it cannot lie.

use serde_json::{Value, json};

use crate::fhir::ResourceType;
use crate::fhir::key::Origin;
use crate::fhir::names;
use crate::interactions::patch::{JSON_PATCH, MERGE_PATCH};
use crate::interactions::{ReferencePolicy, subscription_names};
use crate::search::parameters::{Parameter, ParameterKind, parameters_of};

/// An interaction on a type or on one of its resources.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Interaction {
    Read,
    Vread,
    Update,
    Patch,
    Delete,
    HistoryInstance,
    HistoryType,
    Create,
    SearchType,
}

impl Interaction {
    fn code(self) -> &'static str {
        match self {
            Interaction::Read => "read",
            Interaction::Vread => "vread",
            Interaction::Update => "update",
            Interaction::Patch => "patch",
            Interaction::Delete => "delete",
            Interaction::HistoryInstance => "history-instance",
            Interaction::HistoryType => "history-type",
            Interaction::Create => "create",
            Interaction::SearchType => "search-type",
        }
    }
}

use Interaction as I;

/// Returns what is done to resources of a type.
pub(super) fn interactions_of(resource_type: ResourceType) -> &'static [Interaction] {
    match resource_type.origin() {
        Origin::Clients => &[
            I::Read,
            I::Vread,
            I::Update,
            I::Patch,
            I::Delete,
            I::HistoryInstance,
            I::HistoryType,
            I::Create,
            I::SearchType,
        ],
        Origin::Server | Origin::Definitions => &[
            I::Read,
            I::Vread,
            I::HistoryInstance,
            I::HistoryType,
            I::SearchType,
        ],
    }
}

/// An operation on a type or on one of its resources.
struct Operation {
    name: &'static str,
    definition: &'static str,
    /// The part of the definition that is not done.
    documentation: Option<&'static str>,
}

const VALIDATE: Operation = Operation {
    name: "validate",
    definition: "http://hl7.org/fhir/OperationDefinition/Resource-validate",
    documentation: None,
};
const EVERYTHING: Operation = Operation {
    name: "everything",
    definition: "http://hl7.org/fhir/OperationDefinition/Patient-everything",
    documentation: Some(
        "Of one Patient, not of the type. It has the parameters start, end, _since, _type and _count, by GET and in the Parameters of a POST. start \
         and end ask for when the care was: of a Condition from onset (or when it was known) to abatement, of a CarePlan from creation to the end of \
         its period, of the others the periods and dates that they have; what has none, as the Patient, is always given.",
    ),
};
const EXPORT: Operation = Operation {
    name: "export",
    definition: "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export",
    documentation: None,
};
const PATIENT_EXPORT: Operation = Operation {
    name: "export",
    definition: "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export",
    documentation: None,
};
const BINDING_TOKEN: Operation = Operation {
    name: "get-ws-binding-token",
    definition: subscription_names::OPERATION_BINDING_TOKEN,
    documentation: Some(
        "Of the type with the parameter id. The token is good once and for a minute. Connect to the websocket-url and say bind-with-token and the \
         token: a handshake of each subscription comes, then each event from then on. What was missed comes by $events.",
    ),
};
const RESEND: Operation = Operation {
    name: "resend",
    definition: subscription_names::OPERATION_RESEND,
    documentation: Some(
        "For an operator: events that were delivered are sent again to the endpoint, by eventsSinceNumber and eventsUntilNumber, both included and both \
         required. POST only. The definition is that of version 1.2.0 of the guide, as 1.1.0 has none.",
    ),
};
const META: Operation = Operation {
    name: "meta",
    definition: "http://hl7.org/fhir/OperationDefinition/Resource-meta",
    documentation: Some(
        "At the system and type levels the labels in use, without displays; a profile claimed with its version stands without it too. Also of a \
         version: [type]/[id]/_history/[vid]/$meta.",
    ),
};
const META_ADD: Operation = Operation {
    name: "meta-add",
    definition: "http://hl7.org/fhir/OperationDefinition/Resource-meta-add",
    documentation: Some(
        "Makes a new version, which is validated as any other; versions of the past are never changed. If-Match counts.",
    ),
};
const META_DELETE: Operation = Operation {
    name: "meta-delete",
    definition: "http://hl7.org/fhir/OperationDefinition/Resource-meta-delete",
    documentation: Some(
        "Makes a new version, which is validated as any other; versions of the past are never changed. If-Match counts.",
    ),
};
const REINDEX: Operation = Operation {
    name: "reindex",
    definition: names::OPERATION_REINDEX,
    documentation: Some(
        "For the operator: no resource is changed. Always answered later; the answer has how much was looked at and mended.",
    ),
};
const RIGHTS: Operation = Operation {
    name: "rights",
    definition: names::OPERATION_RIGHTS,
    documentation: None,
};

impl Operation {
    fn statement(&self) -> Value {
        let mut statement = json!({ "name": self.name, "definition": self.definition });
        if let Some(documentation) = self.documentation {
            statement["documentation"] = Value::from(documentation);
        }
        statement
    }
}

const STATUS: Operation = Operation {
    name: "status",
    definition: subscription_names::OPERATION_STATUS,
    documentation: None,
};
const EVENTS: Operation = Operation {
    name: "events",
    definition: subscription_names::OPERATION_EVENTS,
    documentation: None,
};
const WEBHOOK_SECRET: Operation = Operation {
    name: "webhook-secret",
    definition: names::OPERATION_WEBHOOK_SECRET,
    documentation: None,
};

/// Returns the operations on resources of a type.
fn operations_of(resource_type: ResourceType) -> &'static [Operation] {
    match resource_type.origin() {
        _ if resource_type == ResourceType::Patient => &[
            VALIDATE,
            META,
            META_ADD,
            META_DELETE,
            EVERYTHING,
            RIGHTS,
            PATIENT_EXPORT,
        ],
        _ if resource_type == ResourceType::Subscription => &[
            VALIDATE,
            META,
            META_ADD,
            META_DELETE,
            STATUS,
            EVENTS,
            BINDING_TOKEN,
            RESEND,
            WEBHOOK_SECRET,
        ],
        Origin::Clients => &[VALIDATE, META, META_ADD, META_DELETE],
        Origin::Server | Origin::Definitions => &[VALIDATE, META],
    }
}

/// The ability for which R4 has no element.
const ASYNCHRONOUS: &str = "Prefer: respond-async is honoured for searches, histories, $everything, and batch and transaction Bundles: 202, and at \
     Content-Location the status, then a Bundle of type batch-response with one entry. $export and $reindex are always answered so. All else is answered at once.";

/// The day of the last change of what this program can do.
const DATE: &str = "2026-11-22";

/// The CapabilityStatement (<https://hl7.org/fhir/R4/capabilitystatement.html>) of a server with that base and policy: the answer to `metadata`, and
/// a definition to be read like the others.
pub fn statement(base_url: &str, references: ReferencePolicy) -> Value {
    let resources: Vec<_> = ResourceType::ALL
        .iter()
        .map(|resource_type| resource(*resource_type, references))
        .collect();
    json!({
        "resourceType": "CapabilityStatement",
        "id": "frist",
        "url": format!("{}/CapabilityStatement/frist", names::CANONICAL_BASE),
        "version": env!("CARGO_PKG_VERSION"),
        "name": "Frist",
        "title": "Frist: the rights of people in package pathways",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "instantiates": ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data", subscription_names::CAPABILITY_SERVER],
        "software": { "name": "Frist", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "Frist", "url": base_url },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "patchFormat": [JSON_PATCH, MERGE_PATCH, "application/fhir+json"],
        "rest": [{
            "mode": "server",
            "documentation": ASYNCHRONOUS,
            "resource": resources,
            "interaction": [{ "code": "transaction" }, { "code": "batch" }, { "code": "history-system" }, { "code": "search-system" }],
            "compartment": ["http://hl7.org/fhir/CompartmentDefinition/patient"],
            "operation": [EXPORT.statement(), META.statement(), REINDEX.statement()],
        }],
    })
}

fn resource(resource_type: ResourceType, references: ReferencePolicy) -> Value {
    let interactions: Vec<_> = interactions_of(resource_type)
        .iter()
        .map(|interaction| json!({ "code": interaction.code() }))
        .collect();
    let by_clients = resource_type.origin() == Origin::Clients;
    let common = [
        (
            "_id",
            "token",
            "http://hl7.org/fhir/SearchParameter/Resource-id",
        ),
        (
            "_lastUpdated",
            "date",
            "http://hl7.org/fhir/SearchParameter/Resource-lastUpdated",
        ),
    ];
    let own = parameters_of(resource_type).map(|parameter| {
        (
            parameter.code,
            parameter.kind.as_str(),
            parameter.definition,
        )
    });
    let parameters: Vec<_> = common
        .into_iter()
        .chain(own)
        .map(search_parameter)
        .collect();
    let mut resource = json!({ "type": resource_type.as_str() });
    if let Some(profile) = names::profile_of(resource_type) {
        resource["profile"] = Value::from(profile);
        resource["supportedProfile"] = json!([profile]);
    }
    if resource_type == ResourceType::Subscription {
        let topic = json!({ "url": subscription_names::EXT_CAPABILITY_TOPIC, "valueCanonical": subscription_names::TOPIC });
        resource["extension"] = json!([topic]);
        resource["supportedProfile"] = json!([subscription_names::PROFILE_SUBSCRIPTION]);
    }
    resource["interaction"] = Value::from(interactions);
    resource["versioning"] = Value::from(if by_clients {
        "versioned-update"
    } else {
        "versioned"
    });
    resource["readHistory"] = Value::from(true);
    if by_clients {
        resource["updateCreate"] = Value::from(true);
        resource["conditionalCreate"] = Value::from(true);
        resource["conditionalUpdate"] = Value::from(true);
        resource["conditionalDelete"] = Value::from("single");
        resource["referencePolicy"] = match references {
            ReferencePolicy::Later => json!(["literal", "logical", "resolves"]),
            ReferencePolicy::Strict => json!(["literal", "logical", "resolves", "enforced"]),
        };
    }
    resource["conditionalRead"] = Value::from("full-support");
    resource["searchInclude"] = Value::from(includes(resource_type));
    let reverse: Vec<_> = ResourceType::ALL
        .iter()
        .flat_map(|source| reverse_includes(*source, resource_type))
        .collect();
    if !reverse.is_empty() {
        resource["searchRevInclude"] = Value::from(reverse);
    }
    resource["searchParam"] = Value::from(parameters);
    resource["operation"] = operations_of(resource_type)
        .iter()
        .map(Operation::statement)
        .collect();
    resource
}

/// Returns what the resources of a type can be asked to bring with them.
fn includes(resource_type: ResourceType) -> Vec<String> {
    let named =
        parameters_of(resource_type).filter(|parameter| parameter.kind == ParameterKind::Reference);
    std::iter::once("*".to_owned())
        .chain(named.map(|parameter| format!("{resource_type}:{}", parameter.code)))
        .collect()
}

/// Returns by what resources of `source` come with those of a type that they name.
fn reverse_includes(
    source: ResourceType,
    resource_type: ResourceType,
) -> impl Iterator<Item = String> {
    let names_it = move |parameter: &&Parameter| {
        parameter.kind == ParameterKind::Reference && parameter.targets.contains(&resource_type)
    };
    parameters_of(source)
        .filter(names_it)
        .map(move |parameter| format!("{source}:{}", parameter.code))
}

fn search_parameter((name, kind, definition): (&str, &str, &str)) -> Value {
    let mut parameter = json!({ "name": name, "definition": definition, "type": kind });
    if name == "phonetic" {
        parameter["documentation"] = Value::from(
            "Compared as it is spelled, without regard to case and accents; not by sound.",
        );
    }
    parameter
}
