//! The recognition of a foreign Bundle (intake, section 2): the first row that matches decides.

use serde_json::Value;

use super::context::IntakeOptions;
use super::foreign::{ForeignBundle, profiles_of};
use super::refusal::{IntakeRefusal, RefusalKey};
use crate::fhir::view::{has_coding, without_version};

const CONDITION_LIST: &str =
    "http://medcomfhir.dk/ig/conditionlist/StructureDefinition/medcom-conditionlist-";
const MEDCOM: &str = "http://medcomfhir.dk/";
const KL_119: &str =
    "http://fhir.kl.dk/prevention/StructureDefinition/klgateway-119-delivery-report";
const KL_REHAB: &str = "http://fhir.kl.dk/rehab/";
const FUT: &str = "http://ehealth.sundhed.dk/fhir/StructureDefinition/ehealth-";
const REFERRAL_EVENTS: &str =
    "http://medcomehmi.dk/ig/dk-medcom-ref-lm/CodeSystem/ehmi-message-event-cs";
const MEDCOM_EVENTS: &str =
    "http://medcomfhir.dk/ig/terminology/CodeSystem/medcom-messaging-eventCodes";

/// A format that is taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IntakeFormat {
    /// A ConditionList of MedCom.
    ConditionList,
    /// A delivery report of KL's gateway for prevention (§ 119).
    Kl119,
    /// Resources of the national infrastructure for telemedicine: evidence only.
    Fut,
    /// A message of MedCom's draft for referrals.
    Referral,
    /// A hospital notification of MedCom.
    HospitalNotification,
}

impl IntakeFormat {
    /// Every one.
    pub const ALL: &'static [IntakeFormat] = &[
        IntakeFormat::ConditionList,
        IntakeFormat::Kl119,
        IntakeFormat::Fut,
        IntakeFormat::Referral,
        IntakeFormat::HospitalNotification,
    ];

    /// Returns the code, of the code system `kp-intake`.
    pub const fn code(self) -> &'static str {
        match self {
            IntakeFormat::ConditionList => "conditionlist",
            IntakeFormat::Kl119 => "kl-119",
            IntakeFormat::Fut => "fut",
            IntakeFormat::Referral => "referral",
            IntakeFormat::HospitalNotification => "hospital-notification",
        }
    }

    /// Returns the guide and the version by which it is read.
    pub const fn guide(self) -> &'static str {
        match self {
            IntakeFormat::ConditionList => "MedCom ConditionList 1.0.1",
            IntakeFormat::Kl119 => "KL Gateway Prevention 2.1.0",
            IntakeFormat::Fut => "eHealth Infrastructure 8.0.0",
            IntakeFormat::Referral => "DK MedCom Referral LM 0.1.0 (draft)",
            IntakeFormat::HospitalNotification => "MedCom HospitalNotification 3.0.2",
        }
    }
}

/// Recognises the format of a Bundle.
///
/// # Errors
/// `format-unknown`, `format-not-taken`, `format-draft`.
pub(super) fn recognise(
    bundle: &ForeignBundle<'_>,
    options: IntakeOptions,
) -> Result<IntakeFormat, IntakeRefusal> {
    let not_taken = |what: &str| Err(IntakeRefusal::of(RefusalKey::FormatNotTaken).about(what));
    match bundle.value["type"].as_str() {
        Some("document") => {
            let composition = bundle.entries.first().map(|entry| entry.resource);
            if is_condition_list(bundle.value, composition.unwrap_or(&Value::Null)) {
                return Ok(IntakeFormat::ConditionList);
            }
            if claims(bundle, MEDCOM) {
                return not_taken("another document of MedCom");
            }
        }
        Some("collection") => {
            let of_bundle = |profile: &str| profiles_of(bundle.value).any(|own| own == profile);
            if of_bundle(KL_119) {
                return Ok(IntakeFormat::Kl119);
            }
            if profiles_of(bundle.value).any(|own| own.starts_with(KL_REHAB)) {
                return not_taken("a report of KL's gateway for rehabilitation");
            }
            let entries = bundle.entries.iter().map(|entry| entry.resource);
            if entries
                .flat_map(profiles_of)
                .any(|own| own.starts_with(FUT))
            {
                return Ok(IntakeFormat::Fut);
            }
        }
        Some("message") => {
            let header = bundle.entries.first().map(|entry| entry.resource);
            let event = &header.unwrap_or(&Value::Null)["eventCoding"];
            match without_version(event["system"].as_str().unwrap_or_default()) {
                REFERRAL_EVENTS if options.takes_referral_draft => {
                    return Ok(IntakeFormat::Referral);
                }
                REFERRAL_EVENTS => return Err(IntakeRefusal::of(RefusalKey::FormatDraft)),
                MEDCOM_EVENTS if event["code"] == "hospital-notification-message" => {
                    return Ok(IntakeFormat::HospitalNotification);
                }
                MEDCOM_EVENTS => return not_taken("another message of MedCom"),
                _ => {}
            }
        }
        _ => {}
    }
    Err(IntakeRefusal::of(RefusalKey::FormatUnknown))
}

fn is_condition_list(bundle: &Value, composition: &Value) -> bool {
    let claims = |resource| profiles_of(resource).any(|own| own.starts_with(CONDITION_LIST));
    has_coding(&composition["type"], "http://loinc.org", "11450-4")
        && (claims(bundle) || claims(composition))
}

fn claims(bundle: &ForeignBundle<'_>, base: &str) -> bool {
    bundle.profiles().any(|profile| profile.starts_with(base))
}
