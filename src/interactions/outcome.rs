//! The outcome of a request that was carried out, before it is written as an answer or as an entry
//! of a Bundle.

use std::sync::Arc;

use serde_json::Value;

use super::export::Export;
use super::history::HistoryAnswer;
use super::meta::Labelled;
use super::rights::PatientRights;
use super::search::SearchAnswer;
use super::subscription::binding::BindingToken;
use super::subscription::status::Statuses;
use super::{Failure, Written};
use crate::fhir::Issue;
use crate::storage::StoredVersion;

/// The outcome of a request.
pub enum Outcome {
    /// The version that was read.
    Found(StoredVersion),
    /// The version that was asked for, which the client has already.
    NotModified(StoredVersion),
    /// A page of a search.
    Searched(SearchAnswer),
    /// A page of a history.
    Past(HistoryAnswer),
    /// The CapabilityStatement, as text.
    Capabilities(Arc<str>),
    /// A change.
    Written(Written),
    /// Labels, in use or of a version.
    Labels(Labelled),
    /// The rights of a person.
    Rights(PatientRights),
    /// The state of subscriptions.
    Statuses(Statuses),
    /// Events of the past, as a notification.
    Notification(Vec<u8>),
    /// The findings of a check.
    Findings(Vec<Issue>),
    /// The secret of a subscription, which is kept nowhere on the way.
    Secret(Value),
    /// The report of an intake, as a Parameters resource.
    TakenIn(Value),
    /// A token for a websocket.
    Token(BindingToken),
    /// The events from one number to another are sent again.
    Resent {
        /// The first of them.
        since: u64,
        /// The last of them.
        until: u64,
    },
    /// An export whose state is fixed, and whose files are to be counted.
    Export(Export),
    /// A Bundle, entry by entry.
    Bundle(BundleKind, Vec<EntryAnswer>),
}

/// The two kinds of Bundles that are carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BundleKind {
    /// Entry by entry.
    Batch,
    /// All or nothing.
    Transaction,
}

/// The answer to one entry of a Bundle.
pub struct EntryAnswer {
    /// The parameters of its address that say how the answer is written.
    pub general: Vec<(String, String)>,
    /// Its outcome; it failed if it was not carried out: any of a batch, and of a transaction what
    /// could no longer be read after its commit.
    pub outcome: Result<Outcome, Failure>,
}

impl Outcome {
    /// Returns about how many bytes were found for it.
    pub(super) fn found_bytes(&self) -> usize {
        let of_values = |values: &[Value]| {
            let lengths = values.iter().map(|value| value.to_string().len());
            lengths.sum()
        };
        match self {
            Outcome::Found(version) => body_bytes([version]),
            Outcome::Searched(found) => body_bytes(found.found()),
            Outcome::Past(page) => body_bytes(page.versions.iter().map(|past| &past.version)),
            Outcome::Capabilities(statement) => statement.len(),
            Outcome::Secret(made) | Outcome::TakenIn(made) => made.to_string().len(),
            Outcome::Labels(labelled) => labelled.meta.to_string().len(),
            Outcome::Rights(rights) => of_values(&rights.tasks),
            Outcome::Statuses(found) => of_values(&found.statuses),
            Outcome::Notification(bundle) => bundle.len(),
            Outcome::Findings(issues) => issues.iter().map(|issue| issue.text.len()).sum(),
            Outcome::NotModified(_)
            | Outcome::Written(_)
            | Outcome::Token(_)
            | Outcome::Resent { .. }
            | Outcome::Export(_)
            | Outcome::Bundle(..) => 0,
        }
    }
}

fn body_bytes<'a>(versions: impl IntoIterator<Item = &'a StoredVersion>) -> usize {
    let bodies = versions
        .into_iter()
        .filter_map(|version| version.body.as_ref());
    bodies.map(Vec::len).sum()
}
