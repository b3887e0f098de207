//! A sentence for each type: what it stands for here, and what it needs.

use crate::fhir::ResourceType;
use crate::fhir::held::why_only_read;

/// Says of a type what it is for and what a resource of it needs.
pub fn of_type(resource_type: ResourceType) -> String {
    use ResourceType as T;
    let needs = match resource_type {
        T::Patient => {
            "The person whom deadlines belong to. It needs an identifier (a CPR number has the system \
             urn:oid:1.2.208.176.1.2), and should name the person's general practice in generalPractitioner: \
             that practice's plans and referrals count."
        }
        T::Organization => {
            "A general practice, a municipality or another party. It needs an identifier of SOR \
             (urn:oid:1.2.208.176.1.1), KOMBIT (https://kombit.dk/sts/organisation) or CVR (http://cvr.dk); a \
             general practice is known by its ydernummer besides (urn:oid:1.2.208.176.1.4)."
        }
        T::Condition => {
            "A diagnosis. It needs verificationStatus, category, subject, recordedDate, and a code of one of the \
             target groups or the extension kp-target-group."
        }
        T::CarePlan => {
            "A treatment plan. It needs status, intent (plan), category (treatment-plan), subject, addresses (the \
             diagnoses), created (the day on which it was agreed) and author (the practice); when revoked, the \
             extension kp-status-reason. With the category prevention-offer it is what is planned in an offer, \
             never a treatment plan: it needs status, intent (plan), subject and author (who gives the offer)."
        }
        T::ServiceRequest => {
            "A referral to a prevention offer. It needs status, intent (order), code, subject, authoredOn, \
             requester (the practice), and a reasonReference or reasonCode; when revoked or on hold, the extension \
             request-statusReason."
        }
        T::Encounter => {
            "A contact of a prevention offer. It needs status, class, type, subject, period with its start, and \
             basedOn (the referral), or KL's extension BasedOnCarePlanExtension with the plan of the offer."
        }
        T::Appointment => {
            "A booked first session of a prevention offer. It needs status, start, basedOn (the referral) and \
             participant, of which one is the person, each with a status; it should say when it was created."
        }
        T::Practitioner | T::PractitionerRole | T::HealthcareService => {
            "As R4 has it, with nothing that must be there."
        }
        T::Goal => "As R4 has it. It needs lifecycleStatus, description and subject.",
        T::CareTeam => "As R4 has it. It should name its subject.",
        T::Subscription => {
            "A wish to be told when a right changes, as Subscriptions R5 Backport has it. It needs status, reason, \
             criteria (the topic) and channel."
        }
        T::Task
        | T::Provenance
        | T::AuditEvent
        | T::PlanDefinition
        | T::StructureDefinition
        | T::ValueSet
        | T::CodeSystem
        | T::SearchParameter
        | T::OperationDefinition
        | T::CapabilityStatement => return only_read(resource_type),
    };
    needs.to_owned()
}

fn only_read(resource_type: ResourceType) -> String {
    why_only_read(resource_type).map_or_else(String::new, |why| format!("{why}."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::Value;

    use super::*;
    use crate::fhir::key::Origin;
    use crate::fhir::names;
    use crate::fhir::view::items;
    use crate::schema::guide::FOLDER;

    /// Returns the elements that the profile of the guide for a type requires.
    fn required(resource_type: ResourceType) -> Vec<String> {
        let of_profile = |url: &&str| required_by(url.rsplit('/').next().unwrap());
        names::profiles_of(resource_type)
            .iter()
            .flat_map(of_profile)
            .collect()
    }

    fn required_by(id: &str) -> Vec<String> {
        let file = FOLDER.get_file(format!("StructureDefinition-{id}.json"));
        let profile: Value = serde_json::from_str(file.unwrap().contents_utf8().unwrap()).unwrap();
        let elements = items(&profile["snapshot"]["element"]).filter(|element| {
            let id = element["id"].as_str().unwrap();
            id.matches('.').count() == 1 && !id.contains(':') && element["min"] != 0
        });
        let last = |element: &Value| {
            let id = element["id"].as_str().unwrap();
            id.rsplit('.').next().unwrap().to_owned()
        };
        elements.map(last).collect()
    }

    #[test]
    fn all_that_a_profile_requires_is_said() {
        let mut said = 0;
        for held in ResourceType::ALL {
            let told = of_type(*held);
            assert!(told.ends_with('.'), "{held}: {told}");
            if held.origin() != Origin::Clients {
                continue;
            }
            for element in required(*held) {
                assert!(told.contains(&element), "{held}: {element}: {told}");
                said += 1;
            }
        }
        assert!(said > 20, "{said}");
    }
}
