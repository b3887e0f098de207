//! Which elements of each type are checked, and what they must be: the base definition of R4, tightened by the package profiles
//! (fhir-profiles, section 1). Only data stands here; the order is that of the definitions, and findings come in it.

use super::codes;
use super::dates::DateRule::{Any, DateOnly, FullDate, Happened};
use super::shape::Strength::{Known, Required};
use super::shape::{Binding, Content, Element, Extension, Kind};
use crate::fhir::names;

type Table = &'static [Element];

/// The tables of a type; no more than what all resources have for one that clients do not write.
pub(super) fn of(resource_type: &str) -> &'static [Table] {
    match resource_type {
        "Patient" => &[RESOURCE, PLAIN, PATIENT],
        "Practitioner" => &[RESOURCE, PLAIN, PRACTITIONER],
        "PractitionerRole" => &[RESOURCE, PLAIN, PRACTITIONER_ROLE],
        "Organization" => &[RESOURCE, PLAIN, ORGANIZATION],
        "HealthcareService" => &[RESOURCE, PLAIN, HEALTHCARE_SERVICE],
        "Condition" => &[RESOURCE, CONDITION],
        "CarePlan" => &[RESOURCE, CARE_PLAN],
        "ServiceRequest" => &[RESOURCE, REFERRAL],
        "Encounter" => &[RESOURCE, PLAIN, OFFER_ENCOUNTER],
        "Goal" => &[RESOURCE, PLAIN, GOAL],
        "CareTeam" => &[RESOURCE, PLAIN, CARE_TEAM],
        "Subscription" => &[RESOURCE, PLAIN, SUBSCRIPTION],
        _ => &[RESOURCE],
    }
}

const fn text(name: &'static str) -> Element {
    Element::optional(name, Kind::Text)
}

const fn reference(name: &'static str, types: &'static [&'static str]) -> Element {
    Element::optional(name, Kind::Reference(types))
}

const fn must_refer(name: &'static str, types: &'static [&'static str]) -> Element {
    Element::required(name, Kind::Reference(types))
}

const fn concept(name: &'static str) -> Element {
    Element::optional(name, Kind::Concept(None))
}

const fn identifiers() -> Element {
    Element::optional("identifier", Kind::Object(IDENTIFIER)).many()
}

const fn extensions(known: &'static [Extension]) -> Element {
    Element::optional("extension", Kind::Extension(known)).many()
}

const fn bound(system: &'static str, codes: &'static [&'static str], strength: super::shape::Strength) -> Kind {
    Kind::Concept(Some(Binding { system, codes, strength }))
}

/// Every resource.
const RESOURCE: Table = &[Element::optional("id", Kind::Id), Element::optional("meta", Kind::Object(META))];
const META: Table = &[text("profile").many()];

// Data types, as far as they are read.
const IDENTIFIER: Table = &[text("use"), Element::optional("type", Kind::Concept(None)), text("system"), text("value")];
const CODING: Table = &[text("system"), text("version"), text("code"), text("display")];
pub(super) const CODEABLE_CONCEPT: Table = &[Element::optional("coding", Kind::Object(CODING)).many(), text("text")];
pub(super) const REFERENCE: Table =
    &[text("reference"), text("type"), Element::optional("identifier", Kind::Object(IDENTIFIER)), text("display")];
const HUMAN_NAME: Table = &[Element::optional("use", Kind::Code(codes::NAME_USE)), text("text"), text("family"), text("given").many()];
const PERIOD: Table = &[Element::optional("start", Kind::Date(Any)), Element::optional("end", Kind::Date(Any))];
const PERIOD_OF_DAYS: Table = &[Element::optional("start", Kind::Date(FullDate)), Element::optional("end", Kind::Date(FullDate))];
const PERIOD_FROM_DAY: Table = &[Element::required("start", Kind::Date(FullDate)), Element::optional("end", Kind::Date(FullDate))];
const PERIOD_OF_ENCOUNTER: Table = &[Element::required("start", Kind::Date(FullDate)), Element::optional("end", Kind::Date(Any))];

// Extensions.
const POSTPONEMENT: Extension = Extension::optional(
    names::EXT_POSTPONEMENT,
    Content::Nested(&[
        Extension::required("period", Content::Value("valuePeriod", Kind::Period(PERIOD_FROM_DAY))),
        Extension::required("reason", Content::Value("valueCode", Kind::Code(codes::POSTPONEMENT_REASON))),
    ]),
)
.many();
const TARGET_GROUP: Extension = Extension::optional(
    names::EXT_TARGET_GROUP,
    Content::Value("valueCodeableConcept", bound(names::CS_TARGET_GROUP, codes::TARGET_GROUP, Required)),
)
.many();
const ASSERTED_DATE: Extension = Extension::optional(names::CONDITION_ASSERTED_DATE, Content::Value("valueDateTime", Kind::Date(Happened)));
const STATUS_REASON: Extension = Extension::optional(
    names::EXT_STATUS_REASON,
    Content::Value("valueCodeableConcept", bound(names::CS_STATUS_REASON, codes::STATUS_REASON, Required)),
);
const REQUEST_STATUS_REASON: Extension = Extension::optional(
    names::REQUEST_STATUS_REASON,
    Content::Value("valueCodeableConcept", bound(names::CS_STATUS_REASON, codes::STATUS_REASON, Known)),
);
const RECEIVED: Extension = Extension::optional(names::EXT_RECEIVED, Content::Value("valueDate", Kind::Date(DateOnly)));

/// Types without an extension that is read.
const PLAIN: Table = &[extensions(&[])];

const PATIENT: Table = &[
    Element::required("identifier", Kind::Object(IDENTIFIER)).many(),
    Element::optional("active", Kind::Boolean),
    Element::optional("name", Kind::Object(HUMAN_NAME)).many(),
    Element::optional("birthDate", Kind::Date(DateOnly)),
    Element::optional("deceasedBoolean", Kind::Boolean).choice_of("deceased"),
    Element::optional("deceasedDateTime", Kind::Date(Happened)).choice_of("deceased"),
    reference("generalPractitioner", &["Organization", "Practitioner", "PractitionerRole"]).many(),
    reference("managingOrganization", &["Organization"]),
];

const PRACTITIONER: Table = &[
    identifiers(),
    Element::optional("active", Kind::Boolean),
    Element::optional("name", Kind::Object(HUMAN_NAME)).many(),
    Element::optional("qualification", Kind::Object(&[Element::required("code", Kind::Concept(None))])).many(),
];

const PRACTITIONER_ROLE: Table = &[
    identifiers(),
    Element::optional("active", Kind::Boolean),
    Element::optional("period", Kind::Period(PERIOD)),
    reference("practitioner", &["Practitioner"]),
    reference("organization", &["Organization"]),
    concept("code").many(),
    concept("specialty").many(),
    reference("location", &["Location"]).many(),
    reference("healthcareService", &["HealthcareService"]).many(),
];

const ORGANIZATION: Table = &[
    Element::required("identifier", Kind::Object(IDENTIFIER)).many(),
    Element::optional("active", Kind::Boolean),
    concept("type").many(),
    text("name"),
    reference("partOf", &["Organization"]),
];

const HEALTHCARE_SERVICE: Table = &[
    identifiers(),
    Element::optional("active", Kind::Boolean),
    reference("providedBy", &["Organization"]),
    concept("category").many(),
    concept("type").many(),
    text("name"),
];

const CONDITION: Table = &[
    extensions(&[ASSERTED_DATE, TARGET_GROUP, POSTPONEMENT]),
    identifiers(),
    concept("clinicalStatus"),
    Element::required("verificationStatus", bound(names::CONDITION_VER_STATUS, codes::VERIFICATION_STATUS, Required)),
    Element::required("category", Kind::Concept(None)).many(),
    Element::required("code", Kind::Concept(None)),
    must_refer("subject", &["Patient"]),
    reference("encounter", &["Encounter"]),
    Element::required("recordedDate", Kind::Date(Happened)),
    reference("recorder", &["Practitioner", "PractitionerRole", "Patient", "RelatedPerson"]),
    reference("asserter", &["Practitioner", "PractitionerRole"]),
];

const CARE_PLAN: Table = &[
    extensions(&[STATUS_REASON]),
    identifiers(),
    Element::required("status", Kind::Code(codes::REQUEST_STATUS)),
    Element::required("intent", Kind::Fixed("plan")),
    Element::required("category", bound(names::CS_CAREPLAN_CATEGORY, codes::CAREPLAN_CATEGORY, Known)).many(),
    must_refer("subject", &["Patient"]),
    reference("encounter", &["Encounter"]),
    Element::optional("period", Kind::Period(PERIOD)),
    Element::required("created", Kind::Date(Happened)),
    must_refer("author", &["Organization", "PractitionerRole"]),
    must_refer("addresses", &["Condition"]).many(),
    reference("goal", &["Goal"]).many(),
];

const REFERRAL: Table = &[
    extensions(&[REQUEST_STATUS_REASON, RECEIVED, POSTPONEMENT]),
    identifiers(),
    reference("basedOn", &["CarePlan", "ServiceRequest", "MedicationRequest"]).many(),
    reference("replaces", &["ServiceRequest"]).many(),
    Element::required("status", Kind::Code(codes::REQUEST_STATUS)),
    Element::required("intent", Kind::Fixed("order")),
    concept("category").many(),
    Element::optional("priority", Kind::Code(codes::REFERRAL_PRIORITY)),
    Element::required("code", Kind::Concept(None)),
    must_refer("subject", &["Patient"]),
    reference("encounter", &["Encounter"]),
    Element::optional("occurrenceDateTime", Kind::Date(FullDate)).choice_of("occurrence"),
    Element::optional("occurrencePeriod", Kind::Period(PERIOD_OF_DAYS)).choice_of("occurrence"),
    Element::required("authoredOn", Kind::Date(Happened)),
    must_refer("requester", &["Organization", "PractitionerRole"]),
    reference(
        "performer",
        &["Practitioner", "PractitionerRole", "Organization", "CareTeam", "HealthcareService", "Patient", "Device", "RelatedPerson"],
    )
    .many(),
    concept("reasonCode").many(),
    reference("reasonReference", &["Condition", "Observation", "DiagnosticReport", "DocumentReference"]).many(),
];

const OFFER_ENCOUNTER: Table = &[
    identifiers(),
    Element::required("status", Kind::Code(codes::ENCOUNTER_STATUS)),
    Element::required("class", Kind::Object(CODING)),
    Element::required("type", bound(names::CS_PREVENTION_OFFER, codes::PREVENTION_OFFER, Known)).many(),
    must_refer("subject", &["Patient"]),
    must_refer("basedOn", &["ServiceRequest"]).many(),
    Element::required("period", Kind::Period(PERIOD_OF_ENCOUNTER)),
    reference("serviceProvider", &["Organization"]),
];

const GOAL: Table = &[
    identifiers(),
    Element::required("lifecycleStatus", Kind::Code(codes::GOAL_STATUS)),
    Element::required("description", Kind::Concept(None)),
    must_refer("subject", &["Patient", "Group", "Organization"]),
    Element::optional("startDate", Kind::Date(DateOnly)).choice_of("start"),
    Element::optional("statusDate", Kind::Date(DateOnly)),
];

const CARE_TEAM: Table = &[
    identifiers(),
    Element::optional("status", Kind::Code(codes::CARE_TEAM_STATUS)),
    concept("category").many(),
    text("name"),
    reference("subject", &["Patient", "Group"]),
    reference("encounter", &["Encounter"]),
    Element::optional("period", Kind::Period(PERIOD)),
];

const SUBSCRIPTION: Table = &[
    Element::required("status", Kind::Code(codes::SUBSCRIPTION_STATUS)),
    Element::required("reason", Kind::Text),
    Element::required("criteria", Kind::Text),
    Element::required("channel", Kind::Object(CHANNEL)),
];
const CHANNEL: Table =
    &[Element::required("type", Kind::Code(codes::CHANNEL_TYPE)), text("endpoint"), text("payload"), text("header").many()];
