//! The filters of a subscription, such as `Task?business-status=overdue&owner=Organization/x`, which
//! select its events.
//!
//! A filter is a search on Tasks with few parameters, read and evaluated by the same code as any
//! search.

use super::extensions;
use super::names::EXT_FILTER_CRITERIA;
use crate::fhir::cpr;
use crate::fhir::{Issue, IssueCode, ResourceKey, ResourceType};
use crate::search::{self, Clause, IndexEntry, Row, SearchQuery};

/// The search parameters that a filter may have. Each compares by equality, and several values
/// between commas are joined by "or".
pub const PARAMETERS: &[&str] = &[
    "patient",
    "owner",
    "code",
    "target-group",
    "business-status",
];

/// The element that holds the filters of a Subscription.
const EXPRESSION: &str = "Subscription.criteria.extension";
/// The most filters of a subscription.
pub const FILTERS_MAX: usize = 20;
/// The most characters of a filter.
pub const FILTER_CHARS_MAX: usize = 4_096;

/// All filters of a subscription; without any, every event concerns it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EventFilter {
    queries: Vec<SearchQuery>,
}

/// A Task before or after a change, with the index entries that it is found by.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The Task.
    pub key: &'a ResourceKey,
    /// Its index entries.
    pub entries: &'a [IndexEntry],
}

impl EventFilter {
    /// Reads the extensions of `criteria`. References to resources of this server may be absolute,
    /// below `base_url`.
    ///
    /// # Errors
    /// A finding for each filter that cannot be honoured.
    pub fn read(subscription: &serde_json::Value, base_url: &str) -> Result<Self, Vec<Issue>> {
        let (mut queries, mut issues) = (Vec::new(), Vec::new());
        let filters = extensions::all(&subscription["_criteria"])
            .filter(|(_, extension)| extension["url"] == EXT_FILTER_CRITERIA);
        for (number, (at, extension)) in filters.enumerate() {
            let expression = format!("{EXPRESSION}[{at}].value");
            if number == FILTERS_MAX {
                issues.push(Issue::error(
                    IssueCode::TooCostly,
                    expression,
                    format!("expected at most {FILTERS_MAX} filters"),
                ));
                break;
            }
            match extension["valueString"].as_str() {
                Some(text) => match one(text, base_url, &expression) {
                    Ok(query) => queries.push(query),
                    Err(found) => issues.extend(found),
                },
                None => issues.push(Issue::error(
                    IssueCode::Required,
                    expression,
                    "expected a valueString such as Task?business-status=overdue",
                )),
            }
        }
        if issues.is_empty() {
            Ok(EventFilter { queries })
        } else {
            Err(issues)
        }
    }

    /// Tells whether the change concerns the subscription: the Task meets every filter now, or met
    /// them before, so that a follower of overdue Tasks, say, also learns when one is no longer
    /// overdue.
    pub fn concerns(&self, before: Option<Side<'_>>, after: Side<'_>) -> bool {
        let meets = |side: Side<'_>| {
            // No filter looks at the instant.
            let row = Row {
                key: side.key,
                last_updated: jiff::Timestamp::UNIX_EPOCH,
                entries: side.entries,
            };
            self.queries.iter().all(|query| search::matches(query, row))
        };
        meets(after) || before.is_some_and(meets)
    }

    /// Returns the conditions of each filter, in the order in which they stand.
    pub(super) fn clauses_of_each(&self) -> impl Iterator<Item = &[Clause]> {
        self.queries.iter().map(|query| query.clauses.as_slice())
    }

    /// Returns the conditions, all of which hold for a Task that meets the filter.
    pub(super) fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.queries.iter().flat_map(|query| &query.clauses)
    }
}

/// Reads one filter.
fn one(text: &str, base_url: &str, expression: &str) -> Result<SearchQuery, Vec<Issue>> {
    let unsupported = |what: String| vec![Issue::error(IssueCode::NotSupported, expression, what)];
    if text.chars().count() > FILTER_CHARS_MAX {
        return Err(vec![Issue::error(
            IssueCode::TooLong,
            expression,
            format!("expected at most {FILTER_CHARS_MAX} characters"),
        )]);
    }
    let Some((kind, query)) = text.split_once('?') else {
        return Err(unsupported(
            "expected Task? and parameters, such as Task?business-status=overdue".to_owned(),
        ));
    };
    if kind != ResourceType::Task.as_str() {
        return Err(unsupported(
            "expected a filter on Task: the topic has no other type".to_owned(),
        ));
    }
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let known = |name: &str| {
        PARAMETERS.contains(&name)
            || name
                .strip_suffix(":in")
                .is_some_and(|code| PARAMETERS.contains(&code))
    };
    if pairs.is_empty() || pairs.iter().any(|(name, _)| !known(name)) {
        return Err(unsupported(format!(
            "expected filters by {}, compared by equality (or :in), with commas for several values",
            PARAMETERS.join(", ")
        )));
    }
    let pairs: Vec<(String, String)> = pairs
        .into_iter()
        .map(|(name, value)| (name.trim_end_matches(":in").to_owned(), value))
        .collect();
    if pairs.iter().any(|(_, value)| cpr::holds_cpr_number(value)) {
        let what = "expected no CPR number in a filter: name a person as Patient/[id]";
        return Err(vec![Issue::error(
            IssueCode::BusinessRule,
            expression,
            what,
        )]);
    }
    let parsed = search::parse(ResourceType::Task, &pairs, base_url)
        .map_err(|issues| located(issues, expression))?;
    if parsed.unknown.is_empty() {
        Ok(parsed.query)
    } else {
        Err(located(parsed.unknown, expression))
    }
}

fn located(issues: Vec<Issue>, expression: &str) -> Vec<Issue> {
    issues
        .into_iter()
        .map(|issue| Issue {
            expression: expression.to_owned(),
            ..issue
        })
        .collect()
}
