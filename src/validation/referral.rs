//! The rules of kp-referral that a table cannot say.

use serde_json::Value;

use super::findings::Findings;
use super::slices::DIAGNOSIS_CODINGS;
use crate::fhir::{IssueCode, names, view};

const REASON_RULE: &str = "kp-sr-1";
const STATUS_REASON_RULE: &str = "kp-sr-2";

pub(super) fn check(referral: &Value, findings: &mut Findings<'_>) {
    let has_any = |name: &str| view::items(&referral[name]).next().is_some();
    if !has_any("reasonReference") && !has_any("reasonCode") {
        let what = "expected a reasonReference to the diagnosis or a reasonCode, found neither; add one";
        findings.error(IssueCode::Invariant, "ServiceRequest", REASON_RULE, what);
    }
    let status = referral["status"].as_str().filter(|status| matches!(*status, "revoked" | "on-hold"));
    if let Some(status) = status.filter(|_| view::extensions(referral, names::REQUEST_STATUS_REASON).next().is_none()) {
        let what =
            format!("expected the reason why the status is '{status}', found none; add the extension {}", names::REQUEST_STATUS_REASON);
        findings.error(IssueCode::Invariant, "ServiceRequest", STATUS_REASON_RULE, what);
    }
    for (at, reason) in referral["reasonCode"].as_array().into_iter().flatten().enumerate() {
        for slice in DIAGNOSIS_CODINGS {
            slice.check_at_most_once(&reason["coding"], &format!("ServiceRequest.reasonCode[{at}].coding"), findings);
        }
    }
    check_occurrence(referral, findings);
}

fn check_occurrence(referral: &Value, findings: &mut Findings<'_>) {
    let path = "ServiceRequest.occurrence";
    if referral.get("occurrenceTiming").is_some() {
        findings.error(IssueCode::Structure, path, "", "expected occurrencePeriod or occurrenceDateTime, found occurrenceTiming");
    }
    if referral.get("occurrencePeriod").is_some() && referral.get("occurrenceDateTime").is_some() {
        findings.error(IssueCode::Structure, path, "", "expected occurrencePeriod or occurrenceDateTime, found both");
    }
}
