//! The rules of kp-condition that a table cannot say.

use serde_json::Value;

use super::findings::Findings;
use super::slices::DIAGNOSIS_CODINGS;
use super::{Context, codes};
use crate::fhir::{IssueCode, names, view};

const GROUP_RULE: &str = "kp-group-1";

pub(super) fn check(condition: &Value, context: &Context<'_>, findings: &mut Findings<'_>) {
    for slice in DIAGNOSIS_CODINGS {
        slice.check_at_most_once(&condition["code"]["coding"], "Condition.code.coding", findings);
    }
    // The extension decides alone, and has findings of its own if it is not as it should be.
    let by_extension = view::extensions(condition, names::EXT_TARGET_GROUP).next().is_some();
    if !by_extension && !(context.has_target_group)(condition) {
        let what = format!(
            "expected a diagnosis of one of the target groups, found none of them; add a coding of SKS, ICD-10, ICPC-2 or SNOMED CT \
             that stands for one, or the extension {} with one of {} of the system {} (the way to say low-back-pain and \
             complex-multimorbidity)",
            names::EXT_TARGET_GROUP,
            codes::TARGET_GROUP.join(", "),
            names::CS_TARGET_GROUP,
        );
        findings.error(IssueCode::BusinessRule, "Condition.code", GROUP_RULE, what);
    }
}
