//! Words about the types that the server holds: what is meant by a name that is none of them, and
//! why some are only read.

use super::key::{Origin, ResourceType};

/// Says of the name of a type that no server holds it, and which types are held. The name is the
/// sender's, and is not repeated.
pub fn not_held(name: &str) -> String {
    let begins = "this server does not hold the type that is named";
    match meant(name) {
        Some(meant) => format!("{begins}: did you mean {meant}? A type is written as in FHIR"),
        None => format!(
            "{begins}; clients write {}, and read {} too",
            names(|held| held.origin() == Origin::Clients),
            names(|held| held.origin() != Origin::Clients && held.is_filled()),
        ),
    }
}

/// Returns the type that a name most likely stands for: that of another case, or of several.
fn meant(name: &str) -> Option<ResourceType> {
    let name: String = name
        .chars()
        .filter(|letter| !matches!(letter, '-' | '_' | ' '))
        .collect();
    let is_it = |held: &ResourceType| {
        let held = held.as_str();
        let several = held.strip_suffix('y').map(|stem| format!("{stem}ies"));
        let several = several.unwrap_or_else(|| format!("{held}s"));
        name.eq_ignore_ascii_case(held) || name.eq_ignore_ascii_case(&several)
    };
    ResourceType::ALL.iter().copied().find(is_it)
}

fn names(is_told: impl Fn(&ResourceType) -> bool) -> String {
    let told = ResourceType::ALL.iter().filter(|held| is_told(held));
    let told: Vec<_> = told.map(|held| held.as_str()).collect();
    told.join(", ")
}

/// Says why clients do not write resources of a type, and what they do instead; none if they write
/// it.
pub fn why_only_read(resource_type: ResourceType) -> Option<String> {
    use ResourceType as T;
    let why = match (resource_type, resource_type.origin()) {
        (_, Origin::Clients) => return None,
        (T::Task, _) => {
            "is made by the server and only read: it follows from the Conditions, CarePlans, ServiceRequests, \
             Encounters and Appointments of a Patient; send those"
        }
        (T::Provenance, _) => {
            "is made by the server and only read: it says from which versions a Task was computed, or from which Bundle \
             a resource was taken in"
        }
        (_, Origin::Server) => "is made by the server and only read",
        (T::PlanDefinition, _) => {
            "is only read: rules come with the program, or by the option --rules when it starts"
        }
        (_, Origin::Definitions) => "is only read: definitions come with the program",
    };
    Some(format!("{resource_type} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_another_form_is_understood_and_not_taken() {
        for (name, expected) in [
            ("patient", Some(ResourceType::Patient)),
            ("PATIENTS", Some(ResourceType::Patient)),
            ("care-plan", Some(ResourceType::CarePlan)),
            ("careTeam", Some(ResourceType::CareTeam)),
            ("service_requests", Some(ResourceType::ServiceRequest)),
            ("Patient ", Some(ResourceType::Patient)),
            ("Observation", None),
            ("0703579000", None),
            ("", None),
        ] {
            assert_eq!(meant(name), expected, "{name}");
            let told = not_held(name);
            match expected {
                Some(meant) => assert!(told.contains(&format!("did you mean {meant}?")), "{told}"),
                None => assert!(told.contains("Patient, Practitioner, "), "{told}"),
            }
            assert!(!told.contains("0703579000"), "{told}");
        }
    }

    #[test]
    fn each_type_that_is_only_read_says_why() {
        for held in ResourceType::ALL {
            let is_read = held.origin() != Origin::Clients;
            assert_eq!(why_only_read(*held).is_some(), is_read, "{held}");
        }
    }
}
