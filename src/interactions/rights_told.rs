//! The effect of a write on rights, as it is told: the Tasks that changed, or why none did.

use crate::deadlines::{Explanation, TaskEffect, undone};
use crate::fhir::{Issue, IssueCode, ResourceKey};

/// The most changes of Tasks that one answer tells one by one.
const TASKS_TOLD_MAX: usize = 50;

/// The effect of the write of one resource on rights.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RightsTold {
    /// The changes of Tasks.
    pub tasks: Vec<TaskEffect>,
    /// The reasons why the resource has no effect.
    pub reasons: Vec<Explanation>,
    /// The things that the sender should know of the Patient that it is about.
    pub notices: Vec<Explanation>,
    /// True if it is something that rights follow from, it has an effect, and the write changed
    /// nothing of that.
    pub is_as_before: bool,
}

impl RightsTold {
    /// Tells of it in findings about the resource.
    pub fn issues(&self, key: &ResourceKey) -> Vec<Issue> {
        let told = self.tasks.iter().take(TASKS_TOLD_MAX);
        let mut issues: Vec<Issue> = told
            .map(|task| Issue::warning(IssueCode::Informational, "", task.text.clone()))
            .collect();
        if let Some(more) = self.tasks.len().checked_sub(TASKS_TOLD_MAX + 1) {
            let text = format!("changes {} rights more", more + 1);
            issues.push(Issue::warning(IssueCode::Informational, "", text));
        }
        let undone = undone(key.resource_type);
        issues.extend(self.reasons.iter().map(|reason| {
            let text = format!("{undone}: {}", reason.text);
            Issue::warning(IssueCode::BusinessRule, reason.expression, text)
        }));
        if self.is_as_before {
            let text = "changes no right: the rights that follow from it stand as they were";
            issues.push(Issue::warning(IssueCode::Informational, "", text));
        }
        issues.extend(self.notices.iter().map(|notice| {
            Issue::warning(
                IssueCode::BusinessRule,
                notice.expression,
                notice.text.clone(),
            )
        }));
        issues
    }

    /// Tells of it in short, as the items of a list (<https://www.rfc-editor.org/rfc/rfc9651#name-lists>):
    /// each Task with what became of it, else `none` with the reason.
    pub fn items(&self) -> Vec<String> {
        let told = self.tasks.iter().take(TASKS_TOLD_MAX).map(|task| {
            format!(
                "\"Task/{}\";effect={};status={};business-status={}",
                task.id, task.word, task.status, task.business_status
            )
        });
        let mut items: Vec<String> = told.collect();
        let notices = self.notices.iter();
        let reasons = self
            .reasons
            .iter()
            .map(|reason| format!("none;reason={}", reason.code));
        items.extend(reasons.filter(|_| self.tasks.is_empty()));
        if self.is_as_before {
            items.push("none;reason=as-before".to_owned());
        }
        items.extend(notices.map(|notice| format!("notice;reason={}", notice.code)));
        if self.tasks.len() > TASKS_TOLD_MAX {
            items.push(format!("more;tasks={}", self.tasks.len() - TASKS_TOLD_MAX));
        }
        items
    }
}
