//! The rules of kp-careplan that a table cannot say.

use serde_json::Value;

use super::codes;
use super::findings::Findings;
use crate::fhir::{IssueCode, names, view};

const REVOKED_RULE: &str = "kp-cp-1";

pub(super) fn check(plan: &Value, findings: &mut Findings<'_>) {
    let categories = &plan["category"];
    let is_array = categories.as_array().is_some_and(|categories| !categories.is_empty());
    if is_array && !codes::CAREPLAN_CATEGORY.iter().any(|code| view::has_coding(categories, names::CS_CAREPLAN_CATEGORY, code)) {
        let what = format!("expected a coding treatment-plan of the system {}, found none", names::CS_CAREPLAN_CATEGORY);
        findings.error(IssueCode::CodeInvalid, "CarePlan.category", "", what);
    }
    let explained = view::extensions(plan, names::EXT_STATUS_REASON).next().is_some();
    if plan["status"].as_str() == Some("revoked") && !explained {
        let what = format!(
            "expected the reason why the plan is revoked, found none; add the extension {} with one of {}",
            names::EXT_STATUS_REASON,
            codes::STATUS_REASON.join(", "),
        );
        findings.error(IssueCode::Invariant, "CarePlan", REVOKED_RULE, what);
    }
}
