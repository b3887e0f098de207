//! The codes that a check knows: our own code systems, and the required ones of R4.
//!
//! Our own stand as CodeSystem resources in `profiles/package/` too, with displays and definitions; a test holds them equal.

use crate::fhir::names;

/// Our code systems that a check reads: address and codes, as the CodeSystem resources list them.
pub const CODE_SYSTEMS: &[(&str, &[&str])] = &[
    (names::CS_TARGET_GROUP, TARGET_GROUP),
    (names::CS_CAREPLAN_CATEGORY, CAREPLAN_CATEGORY),
    (names::CS_STATUS_REASON, STATUS_REASON),
    (names::CS_PREVENTION_OFFER, PREVENTION_OFFER),
];

pub(super) const TARGET_GROUP: &[&str] = &["copd", "low-back-pain", "type-2-diabetes", "heart-disease", "complex-multimorbidity"];
pub(super) const CAREPLAN_CATEGORY: &[&str] = &["treatment-plan"];
pub(super) const STATUS_REASON: &[&str] = &[
    "superseded",
    "ended",
    "abandoned",
    "patient-declined",
    "patient-postponed",
    "clinical",
    "transferred",
    "no-longer-needed",
    "sent-in-error",
];
pub(super) const PREVENTION_OFFER: &[&str] =
    &["clarifying-conversation", "disease-management", "physical-activity", "nutrition", "nicotine-cessation", "alcohol-conversation"];

/// <https://hl7.org/fhir/R4/valueset-request-status.html>
pub(super) const REQUEST_STATUS: &[&str] = &["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"];
/// <https://hl7.org/fhir/R4/valueset-encounter-status.html>
pub(super) const ENCOUNTER_STATUS: &[&str] =
    &["planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error", "unknown"];
/// <https://hl7.org/fhir/R4/valueset-condition-ver-status.html>
pub(super) const VERIFICATION_STATUS: &[&str] = &["unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"];
/// <https://hl7.org/fhir/R4/valueset-goal-status.html>
pub(super) const GOAL_STATUS: &[&str] =
    &["proposed", "planned", "accepted", "active", "on-hold", "completed", "cancelled", "entered-in-error", "rejected"];
/// <https://hl7.org/fhir/R4/valueset-care-team-status.html>
pub(super) const CARE_TEAM_STATUS: &[&str] = &["proposed", "active", "suspended", "inactive", "entered-in-error"];
/// The two statuses that a client can ask for: the server itself sets `active` and `error`
/// (<https://hl7.org/fhir/R4/subscription.html>).
pub(super) const SUBSCRIPTION_STATUS: &[&str] = &["requested", "off"];
/// <https://hl7.org/fhir/R4/valueset-subscription-channel-type.html>
pub(super) const CHANNEL_TYPE: &[&str] = &["rest-hook", "websocket", "email", "sms", "message"];
/// The two priorities that a referral can have (kp-referral).
pub(super) const REFERRAL_PRIORITY: &[&str] = &["routine", "asap"];
/// Why something was postponed (kp-postponement).
pub(super) const POSTPONEMENT_REASON: &[&str] = &["patient", "clinical"];
/// <https://hl7.org/fhir/R4/valueset-name-use.html>
pub(super) const NAME_USE: &[&str] = &["usual", "official", "temp", "nickname", "anonymous", "old", "maiden"];
