//! Examples for readers who do not know FHIR: for each type a resource that a write accepts, taken
//! from the guide where it has one.

use serde_json::{Value, json};

use crate::fhir::ResourceType;
use crate::fhir::key::Origin;
use crate::schema::guide::FOLDER;

/// Returns an example of a resource that clients write, with the id under which it would be known;
/// none for a type that has none.
///
/// They belong together: all of them are accepted in one transaction, and by themselves once the
/// guide's examples are stored.
pub fn example(resource_type: ResourceType) -> Option<Value> {
    use ResourceType as T;
    if resource_type.origin() != Origin::Clients {
        return None;
    }
    let subject = json!({ "reference": "Patient/person-small" });
    match resource_type {
        T::Practitioner => Some(
            json!({ "resourceType": "Practitioner", "id": "example", "name": [{ "text": "Læge Holm" }] }),
        ),
        T::PractitionerRole => {
            let organization = json!({ "reference": "Organization/practice-small" });
            Some(
                json!({ "resourceType": "PractitionerRole", "id": "example", "organization": organization }),
            )
        }
        T::HealthcareService => Some(
            json!({ "resourceType": "HealthcareService", "id": "example", "name": "Rygestop" }),
        ),
        T::Goal => {
            let text = json!({ "text": "Gå en tur hver dag" });
            Some(
                json!({ "resourceType": "Goal", "id": "example", "lifecycleStatus": "active", "description": text, "subject": subject }),
            )
        }
        T::CareTeam => Some(
            json!({ "resourceType": "CareTeam", "id": "example", "status": "active", "subject": subject }),
        ),
        _ => of_guide(resource_type),
    }
}

/// Returns the id of a definition of the guide that every server has; none for another type.
pub fn known_id(resource_type: ResourceType) -> Option<&'static str> {
    if resource_type.origin() != Origin::Definitions {
        return None;
    }
    let files = FOLDER
        .files()
        .filter_map(|file| file.path().file_stem()?.to_str());
    files
        .filter_map(|name| name.split_once('-'))
        .find(|(kind, _)| *kind == resource_type.as_str())
        .map(|(_, id)| id)
}

/// Returns the smallest example of the guide.
fn of_guide(resource_type: ResourceType) -> Option<Value> {
    let is_it = |name: &str| {
        name.starts_with(&format!("{resource_type}-")) && name.ends_with("-small.json")
    };
    let files = FOLDER
        .get_dir("example")
        .into_iter()
        .flat_map(include_dir::Dir::files);
    let file = files.into_iter().find(|file| {
        file.path()
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(is_it)
    })?;
    serde_json::from_str(file.contents_utf8()?).ok()
}
