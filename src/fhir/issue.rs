//! A finding about a client's data, and the OperationOutcome that carries findings
//! (<https://hl7.org/fhir/R4/operationoutcome.html>).

use std::borrow::Cow;

use serde_json::{Value, json};

/// The most findings that are told at once: a body of a few megabytes can have a wrong value every
/// other byte.
pub const ISSUES_MAX: usize = 1_000;

/// The severity of a finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Processing stopped.
    Fatal,
    /// The content is refused.
    Error,
    /// Accepted, but the sender should look at it.
    Warning,
    /// Nothing to do.
    Information,
}

impl Severity {
    /// Returns the FHIR code.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Fatal => "fatal",
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "information",
        }
    }
}

macro_rules! issue_codes {
    ($($name:ident = $code:literal),+ $(,)?) => {
        /// The kind of a finding (<https://hl7.org/fhir/R4/valueset-issue-type.html>).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum IssueCode {
            $(#[doc = concat!("`", $code, "`")] $name),+
        }

        impl IssueCode {
            /// Returns the FHIR code.
            pub fn as_str(self) -> &'static str {
                match self { $(IssueCode::$name => $code),+ }
            }
        }
    };
}

issue_codes! {
    Invalid = "invalid", Structure = "structure", Required = "required", Value = "value",
    Invariant = "invariant", Processing = "processing", NotSupported = "not-supported",
    Duplicate = "duplicate", MultipleMatches = "multiple-matches", NotFound = "not-found",
    Deleted = "deleted", TooLong = "too-long", CodeInvalid = "code-invalid",
    Extension = "extension",
    TooCostly = "too-costly", BusinessRule = "business-rule", Conflict = "conflict",
    Transient = "transient", Exception = "exception", Informational = "informational",
    Timeout = "timeout",
    Throttled = "throttled",
}

/// One finding: where, what was expected, what came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issue {
    /// The severity.
    pub severity: Severity,
    /// The kind of finding.
    pub code: IssueCode,
    /// FHIRPath of the element concerned, as `Condition.code.coding[1].system`; empty if none is.
    pub expression: String,
    /// The key of the rule that found it, as `kp-sr-2`, or of an invariant of a package; empty if
    /// it has none.
    pub rule: Cow<'static, str>,
    /// Plain English: what was expected and what came. Never a CPR number or a name.
    pub text: String,
}

impl Issue {
    /// Makes an error at `expression`.
    pub fn error(code: IssueCode, expression: impl Into<String>, text: impl Into<String>) -> Self {
        Issue {
            severity: Severity::Error,
            code,
            expression: expression.into(),
            rule: Cow::Borrowed(""),
            text: text.into(),
        }
    }

    /// Makes a warning at `expression`.
    pub fn warning(
        code: IssueCode,
        expression: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Issue {
            severity: Severity::Warning,
            ..Issue::error(code, expression, text)
        }
    }

    /// Makes an information at `expression`.
    pub fn information(expression: impl Into<String>, text: impl Into<String>) -> Self {
        Issue {
            severity: Severity::Information,
            ..Issue::error(IssueCode::Informational, expression, text)
        }
    }

    /// Returns the same finding, naming the rule that made it.
    pub fn by_rule(mut self, rule: impl Into<Cow<'static, str>>) -> Self {
        self.rule = rule.into();
        self
    }

    /// Tells whether the finding refuses the content.
    pub fn refuses(&self) -> bool {
        matches!(self.severity, Severity::Fatal | Severity::Error)
    }

    fn to_json(&self) -> Value {
        let mut details = json!({});
        if !self.rule.is_empty() {
            let system = format!("{}/CodeSystem/kp-finding", super::names::CANONICAL_BASE);
            details["coding"] = json!([{ "system": system, "code": self.rule }]);
        }
        details["text"] = Value::from(self.text.as_str());
        let (severity, code) = (self.severity.as_str(), self.code.as_str());
        let mut issue = json!({ "severity": severity, "code": code, "details": details });
        if !self.expression.is_empty() {
            issue["expression"] = json!([self.expression]);
        }
        // For clients that show nothing else, as HAPI FHIR's.
        issue["diagnostics"] = Value::from(self.sentence());
        issue
    }

    /// Writes in one sentence the place, what was expected and what was found.
    fn sentence(&self) -> String {
        if self.expression.is_empty() || self.text.starts_with(&self.expression) {
            self.text.clone()
        } else {
            format!("{}: {}", self.expression, self.text)
        }
    }
}

/// Returns findings in the order in which they are told: those that refuse the content, warnings,
/// what is only good to know; since many clients show the first one alone.
pub fn in_order<'a>(issues: impl IntoIterator<Item = &'a Issue>) -> Vec<&'a Issue> {
    let mut told: Vec<_> = issues.into_iter().collect();
    told.sort_by_key(|issue| match issue.severity {
        Severity::Fatal | Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Information => 2,
    });
    told
}

/// Builds the OperationOutcome that carries these findings in the order of [`in_order`]; one that
/// says "all well" if there are none. Of more than [`ISSUES_MAX`] it has the first ones, and says that there are more.
pub fn operation_outcome(issues: &[Issue]) -> Value {
    let told = in_order(issues).into_iter().take(ISSUES_MAX);
    let mut told: Vec<_> = told.map(Issue::to_json).collect();
    if issues.is_empty() {
        told.push(Issue::information("", "All OK").to_json());
    }
    if issues.len() > ISSUES_MAX {
        told.push(Issue::information("", "there are more findings like these").to_json());
    }
    json!({ "resourceType": "OperationOutcome", "issue": told })
}
