//! What a resource claims about itself: `meta.profile`.
//!
//! Profiles of others are left to those who have loaded them; only ours are known here.

use serde_json::Value;

use super::findings::Findings;
use crate::fhir::{IssueCode, names, view};

/// The ids of our profiles and the types they are for.
const PROFILES: &[(&str, &str)] = &[
    ("kp-patient", "Patient"),
    ("kp-organization", "Organization"),
    ("kp-condition", "Condition"),
    ("kp-careplan", "CarePlan"),
    ("kp-referral", "ServiceRequest"),
    ("kp-offer-encounter", "Encounter"),
    ("kp-right-task", "Task"),
    ("kp-rule", "PlanDefinition"),
];

pub(super) fn check(resource: &Value, kind: &str, findings: &mut Findings<'_>) {
    for (at, claimed) in resource["meta"]["profile"].as_array().into_iter().flatten().enumerate() {
        let path = format!("{kind}.meta.profile[{at}]");
        let address = view::without_version(claimed.as_str().unwrap_or(""));
        let Some(below) = address.strip_prefix(names::CANONICAL_BASE).and_then(|below| below.strip_prefix('/')) else {
            continue;
        };
        let id = below.strip_prefix("StructureDefinition/").unwrap_or("");
        match PROFILES.iter().find(|(profile, _)| *profile == id) {
            None => {
                let what = "expected a profile that the guide has, found an unknown one; the resource is not checked against it";
                findings.warning(IssueCode::NotSupported, &path, what);
            }
            Some((_, of)) if *of != kind => {
                findings.error(IssueCode::Structure, &path, "", format!("expected a profile of this type, found one of {of}"));
            }
            Some(_) => {}
        }
    }
}
