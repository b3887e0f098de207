//! capabilities (<https://hl7.org/fhir/R4/http.html#capabilities>): the CapabilityStatement, made of the catalogue by which
//! requests are let in, so that it cannot lie.

use serde_json::{Value, json};

use super::catalogue::{
    self, AddressForm, AnswerTime, BundleUse, Declaration, Listing, documentation,
};
use super::{ReferencePolicy, subscription_names};
use crate::fhir::ResourceType;
use crate::fhir::key::Origin;
use crate::fhir::names;
use crate::patch::{JSON_PATCH, MERGE_PATCH};
use crate::search::parameters::{Parameter, ParameterKind, parameters_of};

/// The changes of each version, newest first.
const CHANGELOG: &str = include_str!("../../CHANGELOG.md");

/// Returns the day of the last change of what this program can do: that of the first heading.
fn date() -> &'static str {
    let heading = CHANGELOG.lines().find(|line| line.starts_with("## "));
    let day = heading.and_then(|heading| heading.rsplit_once(' '));
    day.map_or("", |(_, day)| day)
}

/// Returns the CapabilityStatement (<https://hl7.org/fhir/R4/capabilitystatement.html>) of a server with that base and policy: the answer to
/// `metadata`, and a definition to be read like the others.
pub fn statement(base_url: &str, references: ReferencePolicy) -> Value {
    let resources: Vec<_> = announced()
        .map(|resource_type| resource(resource_type, references))
        .collect();
    let of_system = listed(Listing::OfSystem).map(|declared| json!({ "code": declared.name }));
    let operations = listed(Listing::Operation)
        .filter(|declared| declared.is_at(AddressForm::OfSystem))
        .map(operation);
    json!({
        "resourceType": "CapabilityStatement",
        "id": "frist",
        "url": format!("{}/CapabilityStatement/frist", names::CANONICAL_BASE),
        "version": env!("CARGO_PKG_VERSION"),
        "name": "Frist",
        "title": "Frist: the rights of people in package pathways",
        "status": "active",
        "date": date(),
        "kind": "instance",
        "instantiates": ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data", subscription_names::CAPABILITY_SERVER],
        "software": { "name": "Frist", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "Frist", "url": base_url },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json", "application/fhir+xml", "xml"],
        "patchFormat": [JSON_PATCH, MERGE_PATCH, "application/fhir+json", "application/fhir+xml"],
        "rest": [{
            "mode": "server",
            "documentation": format!("{} {}", asynchronous(), in_bundles()),
            "resource": resources,
            "interaction": of_system.collect::<Vec<_>>(),
            "compartment": ["http://hl7.org/fhir/CompartmentDefinition/patient"],
            "operation": operations.collect::<Vec<_>>(),
        }],
    })
}

/// Returns the types that there is anything of.
fn announced() -> impl Iterator<Item = ResourceType> {
    let all = ResourceType::ALL.iter().copied();
    all.filter(|held| held.is_filled())
}

fn listed(listing: Listing) -> impl Iterator<Item = &'static Declaration> {
    catalogue::all().filter(move |declared| declared.listing == listing)
}

/// Tells which operations are always answered later, and what may be: R4 has no element for it.
fn asynchronous() -> String {
    let always = listed(Listing::Operation)
        .filter(|declared| declared.answered == AnswerTime::Later)
        .map(|declared| format!("${}", declared.name));
    let mut always: Vec<_> = always.collect();
    always.dedup();
    format!(
        "Prefer: respond-async is honoured for searches, histories, $everything, and batch and transaction Bundles: 202, and at \
         Content-Location the status, then a Bundle of type batch-response with one entry. {} are always answered so. All else is answered at once.",
        always.join(" and ")
    )
}

/// Tells what may be an entry of a Bundle.
fn in_bundles() -> String {
    let refused = listed(Listing::Operation)
        .filter(|declared| declared.in_bundle != BundleUse::Entry)
        .map(|declared| format!("${}", declared.name));
    let mut refused: Vec<_> = refused.collect();
    refused.dedup();
    format!(
        "All that can be asked for by itself may be an entry of a batch or transaction, with the status that it has by itself, but for {}, \
         another Bundle, jobs and websockets. An entry that searches by POST has its parameters in its address, in a Parameters resource, or in both. \
         Findings of severity information are told to writes and checks with _verbose=true, and otherwise left out.",
        refused.join(", ")
    )
}

fn resource(resource_type: ResourceType, references: ReferencePolicy) -> Value {
    let interactions = listed(Listing::OfType)
        .filter(|declared| declared.is_of(Some(resource_type)))
        .map(|declared| json!({ "code": declared.name }));
    let operations = listed(Listing::Operation).filter(|declared| {
        declared.is_of(Some(resource_type))
            && (declared.is_at(AddressForm::OfType) || declared.is_at(AddressForm::OfInstance))
    });
    let by_clients = resource_type.origin() == Origin::Clients;
    let mut resource = json!({ "type": resource_type.as_str() });
    let profiles = names::profiles_of(resource_type);
    if !profiles.is_empty() {
        resource["supportedProfile"] = json!(profiles);
    }
    // All resources of the type fit it: none does where there are several.
    if let [profile] = profiles {
        resource["profile"] = Value::from(*profile);
    }
    if resource_type == ResourceType::Subscription {
        let topic = json!({ "url": subscription_names::EXT_CAPABILITY_TOPIC, "valueCanonical": subscription_names::TOPIC });
        resource["extension"] = json!([topic]);
        resource["supportedProfile"] = json!([subscription_names::PROFILE_SUBSCRIPTION]);
    }
    resource["documentation"] = Value::from(documentation::of_type(resource_type));
    resource["interaction"] = interactions.collect();
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
    }
    resource["referencePolicy"] = match (resource_type.origin(), references) {
        (Origin::Clients, ReferencePolicy::Later) => json!(["literal", "logical", "resolves"]),
        (Origin::Clients, ReferencePolicy::Strict) => {
            json!(["literal", "logical", "resolves", "enforced"])
        }
        // A Task names what is stored, and by an identifier what was named so.
        (Origin::Server, _) => json!(["literal", "logical"]),
        (Origin::Definitions, _) => json!(["literal"]),
    };
    resource["conditionalRead"] = Value::from("full-support");
    resource["searchInclude"] = Value::from(includes(resource_type));
    let reverse: Vec<_> = announced()
        .flat_map(|source| reverse_includes(source, resource_type))
        .collect();
    if !reverse.is_empty() {
        resource["searchRevInclude"] = Value::from(reverse);
    }
    resource["searchParam"] = search_parameters(resource_type);
    resource["operation"] = operations.map(operation).collect();
    resource
}

fn operation(declared: &Declaration) -> Value {
    let mut operation = json!({ "name": declared.name, "definition": declared.definition });
    if let Some(documentation) = declared.documentation {
        operation["documentation"] = Value::from(documentation);
    }
    operation
}

/// Returns the parameters by which resources of a type are searched for.
fn search_parameters(resource_type: ResourceType) -> Value {
    const COMMON: [(&str, &str, &str); 2] = [
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
        let kind = parameter.kind.as_str();
        (parameter.code, kind, parameter.definition)
    });
    COMMON
        .into_iter()
        .chain(own)
        .map(search_parameter)
        .collect()
}

/// Returns the includes that the resources of a type can be asked for.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::FhirDate;

    #[test]
    fn the_changelog_begins_with_this_version_and_a_day() {
        assert!(matches!(FhirDate::parse(date()), Some(FhirDate::Day(_))));
        let version = format!("## [{}] ", env!("CARGO_PKG_VERSION"));
        let first = CHANGELOG.lines().find(|line| line.starts_with("## "));
        assert!(first.is_some_and(|heading| heading.starts_with(&version)));
    }
}
