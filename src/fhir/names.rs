//! Canonical addresses and identifier systems (fhir-profiles, sections 1 and 2), each in one place.

use super::ResourceType;

/// Builds an address below the canonical base at compile time; the base stands here and in the
/// packages' sources.
macro_rules! base {
    ($path:literal) => {
        concat!("https://kronikerpakker.dk/fhir", $path)
    };
}

/// The canonical base of the guide: a placeholder until an authority adopts it.
pub const CANONICAL_BASE: &str = base!("");

/// The ydernummer, *the* identifier of a general practice.
pub const YDERNUMMER: &str = "urn:oid:1.2.208.176.1.4";
/// The ydernummer system as one platform writes it, by a typo: read as the same.
pub const YDERNUMMER_TYPO: &str = "urn:oid.1.2.208.176.1.4";
/// The number of a unit of the health services (SOR).
pub const SOR: &str = "urn:oid:1.2.208.176.1.1";
/// SNOMED CT.
pub const SNOMED_CT: &str = "http://snomed.info/sct";
/// The SNOMED CT code of the type that SOR gives a general practice.
pub const GENERAL_PRACTICE: &str = "394761003";
/// The CPR number of a person.
pub const CPR: &str = "urn:oid:1.2.208.176.1.2";
/// The national replacement for a CPR number.
pub const X_ECPR: &str = "urn:oid:1.2.208.176.1.6.1.1";
/// The replacements that organizations give: this system, and those below it.
pub const D_ECPR: &str = "urn:oid:1.2.208.176.1.6.1.3";
/// The number of an organization in KOMBIT's register.
pub const KOMBIT: &str = "https://kombit.dk/sts/organisation";
/// The CVR number of an organization.
pub const CVR: &str = "http://cvr.dk";
/// The system of identifiers that are addresses.
pub const URI_SYSTEM: &str = "urn:ietf:rfc:3986";

/// Extension: the date on which the diagnosis was made.
pub const CONDITION_ASSERTED_DATE: &str =
    "http://hl7.org/fhir/StructureDefinition/condition-assertedDate";
/// Extension: why a referral was revoked or put on hold.
pub const REQUEST_STATUS_REASON: &str =
    "http://hl7.org/fhir/StructureDefinition/request-statusReason";
/// Extension: the target group of a Condition or a Task.
pub const EXT_TARGET_GROUP: &str = base!("/StructureDefinition/kp-target-group");
/// Extension: a period in which the start or the plan was postponed.
pub const EXT_POSTPONEMENT: &str = base!("/StructureDefinition/kp-postponement");
/// Extension: why a CarePlan has its status.
pub const EXT_STATUS_REASON: &str = base!("/StructureDefinition/kp-status-reason");
/// Extension: the parameters of a rule.
pub const EXT_RULE_PARAMETERS: &str = base!("/StructureDefinition/kp-rule-parameters");
/// Extension: the day a referral was received.
pub const EXT_RECEIVED: &str = base!("/StructureDefinition/kp-received");

/// Extension: what a right that is still owed can expect of the bookings.
pub const EXT_FORECAST: &str = base!("/StructureDefinition/kp-forecast");
/// Extension of KL: the plan that an Encounter belongs to.
pub const KL_BASED_ON_CAREPLAN: &str =
    "http://fhir.kl.dk/prevention/StructureDefinition/BasedOnCarePlanExtension";
/// Extension of KL: the referral that a plan belongs to.
pub const KL_BASED_ON_SERVICE_REQUEST: &str =
    "http://fhir.kl.dk/prevention/StructureDefinition/BasedOnServiceRequestExtension";

/// Code system: the target groups.
pub const CS_TARGET_GROUP: &str = base!("/CodeSystem/kp-target-group");
/// Code system: the rights.
pub const CS_RIGHT: &str = base!("/CodeSystem/kp-right");
/// Code system: the categories of plans.
pub const CS_CAREPLAN_CATEGORY: &str = base!("/CodeSystem/kp-careplan-category");
/// Code system: the deadline status of a right.
pub const CS_RIGHT_STATUS: &str = base!("/CodeSystem/kp-right-status");
/// Code system: the inputs of a rights Task.
pub const CS_RIGHT_INPUT: &str = base!("/CodeSystem/kp-right-input");
/// Code system: reasons of a status.
pub const CS_STATUS_REASON: &str = base!("/CodeSystem/kp-status-reason");
/// Code system: the kinds of referral.
pub const CS_REFERRAL_KIND: &str = base!("/CodeSystem/kp-referral-kind");
/// Code system: the formats of an intake.
pub const CS_INTAKE: &str = base!("/CodeSystem/kp-intake");
/// Code system: the outcomes of the entries of an intake.
pub const CS_INTAKE_OUTCOME: &str = base!("/CodeSystem/kp-intake-outcome");
/// Code system: the reasons of these outcomes.
pub const CS_INTAKE_REASON: &str = base!("/CodeSystem/kp-intake-reason");
/// Code system: prevention offers.
pub const CS_PREVENTION_OFFER: &str = base!("/CodeSystem/kp-prevention-offer");

/// Profile of a Patient.
pub const PROFILE_PATIENT: &str = base!("/StructureDefinition/kp-patient");
/// Profile of an Organization.
pub const PROFILE_ORGANIZATION: &str = base!("/StructureDefinition/kp-organization");
/// Profile of a Condition.
pub const PROFILE_CONDITION: &str = base!("/StructureDefinition/kp-condition");
/// Profile of a treatment plan.
pub const PROFILE_CAREPLAN: &str = base!("/StructureDefinition/kp-careplan");
/// Profile of the plan of a prevention offer.
pub const PROFILE_OFFER_PLAN: &str = base!("/StructureDefinition/kp-offer-plan");
/// Profile of a referral.
pub const PROFILE_REFERRAL: &str = base!("/StructureDefinition/kp-referral");
/// Profile of the start of a prevention offer.
pub const PROFILE_OFFER_ENCOUNTER: &str = base!("/StructureDefinition/kp-offer-encounter");
/// Profile of a booked first session.
pub const PROFILE_APPOINTMENT: &str = base!("/StructureDefinition/kp-appointment");
/// Profile of a rights Task.
pub const PROFILE_RIGHT_TASK: &str = base!("/StructureDefinition/kp-right-task");
/// Profile of a rule.
pub const PROFILE_RULE: &str = base!("/StructureDefinition/kp-rule");

/// Operation: the rights of a person.
pub const OPERATION_RIGHTS: &str = base!("/OperationDefinition/Patient-rights");
/// Operation: what another system sends is taken.
pub const OPERATION_INTAKE: &str = base!("/OperationDefinition/System-intake");
/// Operation `$webhook-secret`.
pub const OPERATION_WEBHOOK_SECRET: &str =
    base!("/OperationDefinition/Subscription-webhook-secret");

/// Operation: the search index is made anew.
pub const OPERATION_REINDEX: &str = base!("/OperationDefinition/System-reindex");

/// HL7's task codes, of which a rights Task has `fulfill`.
pub const TASK_CODE: &str = "http://hl7.org/fhir/CodeSystem/task-code";
/// HL7's verification statuses of a Condition.
pub const CONDITION_VER_STATUS: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";

/// Returns the profiles of the guide of which resources of a type are checked against one or made
/// by one: more than one where it depends on what the resource says.
pub fn profiles_of(resource_type: ResourceType) -> &'static [&'static str] {
    match resource_type {
        ResourceType::Patient => &[PROFILE_PATIENT],
        ResourceType::Organization => &[PROFILE_ORGANIZATION],
        ResourceType::Condition => &[PROFILE_CONDITION],
        ResourceType::CarePlan => &[PROFILE_CAREPLAN, PROFILE_OFFER_PLAN],
        ResourceType::ServiceRequest => &[PROFILE_REFERRAL],
        ResourceType::Encounter => &[PROFILE_OFFER_ENCOUNTER],
        ResourceType::Appointment => &[PROFILE_APPOINTMENT],
        ResourceType::Task => &[PROFILE_RIGHT_TASK],
        ResourceType::PlanDefinition => &[PROFILE_RULE],
        ResourceType::Practitioner
        | ResourceType::PractitionerRole
        | ResourceType::HealthcareService
        | ResourceType::Goal
        | ResourceType::CareTeam
        | ResourceType::Subscription
        | ResourceType::Provenance
        | ResourceType::AuditEvent
        | ResourceType::StructureDefinition
        | ResourceType::ValueSet
        | ResourceType::CodeSystem
        | ResourceType::SearchParameter
        | ResourceType::OperationDefinition
        | ResourceType::CapabilityStatement => &[],
    }
}

/// Tells whether it is the ydernummer system, also as it is commonly mistyped.
pub fn is_ydernummer_system(system: &str) -> bool {
    system == YDERNUMMER || system == YDERNUMMER_TYPO
}

/// Tells whether it is a system of replacements for CPR numbers.
pub fn is_ecpr_system(system: &str) -> bool {
    let is_d_ecpr = system
        .strip_prefix(D_ECPR)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    system == X_ECPR || is_d_ecpr
}
