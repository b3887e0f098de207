//! `$export`: everything, or everything about patients, as it was after one commit
//! (<https://hl7.org/fhir/uv/bulkdata/STU2/export.html>).
//!
//! Nothing is copied for it. Each change has its place in the log and each commit its own instant,
//! so what was current at the instant of a commit is read page by page from the history of each
//! type, also much later, while others write.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::scopes::{ExportFile, ExportScope};
use super::stored::parse_stored;
use super::writing::pending::person_of;
use super::{Context, Failure, Server};
use crate::fhir::{Issue, IssueCode, ResourceType};
use crate::storage::{HistoryQuery, HistoryScope, Position, StoreError, StoredVersion};

/// The number of changes that are read at once: a resource may be as large as a request.
const PAGE_CHANGES: usize = 16;
/// An export as a client asks for it.
#[derive(Clone, PartialEq, Debug)]
pub struct ExportRequest {
    /// The scope.
    pub scope: ExportScope,
    /// The types that are wanted.
    pub types: Vec<ResourceType>,
    /// Only what changed after this instant, deletions included.
    pub since: Option<Timestamp>,
}

/// The state that will be exported: it never changes, whatever is written meanwhile.
#[derive(Clone, PartialEq, Debug)]
pub struct Export {
    request: ExportRequest,
    /// The last change that is part of it.
    position: Position,
    /// The instant of the commit after which it shows the state.
    pub transaction_time: Timestamp,
}

/// A part of a file.
#[derive(Debug)]
pub struct ExportPage {
    /// Whole lines.
    pub lines: Vec<u8>,
    /// The number of lines.
    pub count: u64,
    /// The beginning of the next page; none if this was the last one.
    pub next: Option<Position>,
}

/// Reads which types are wanted, each text a list; types that the export does not have are passed
/// over if `lenient`.
///
/// # Errors
/// `BadRequest` with every type that it does not have.
pub fn asked_types<'a>(
    scope: ExportScope,
    lists: impl Iterator<Item = &'a str>,
    lenient: bool,
) -> Result<Vec<ResourceType>, Failure> {
    let (mut types, mut wrong, mut is_named) = (Vec::new(), Vec::new(), false);
    for named in lists.flat_map(|list| list.split(',')).map(str::trim) {
        is_named = true;
        let named = named.parse().ok();
        match named.filter(|named| scope.types().contains(named)) {
            Some(named) if types.contains(&named) => {}
            Some(named) => types.push(named),
            None if lenient => {}
            None => {
                let known: Vec<_> = scope.types().iter().map(|known| known.as_str()).collect();
                let text = format!(
                    "_type: expected types that this export has, parted by commas: {}",
                    known.join(", ")
                );
                wrong.push(Issue::error(IssueCode::NotSupported, "", text));
            }
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::BadRequest(wrong));
    }
    Ok(if is_named {
        types
    } else {
        scope.types().to_vec()
    })
}

/// Fixes the state that will be exported: the latest one.
///
/// # Errors
/// Of the store.
pub fn begin(
    server: &Server,
    context: &Context,
    request: ExportRequest,
) -> Result<Export, Failure> {
    let (position, instant) = server.store.last_commit()?;
    Ok(Export {
        request,
        position,
        transaction_time: instant.unwrap_or(context.now),
    })
}

impl Export {
    /// Returns the path at which it was asked for.
    pub fn path(&self) -> &'static str {
        match self.request.scope {
            ExportScope::System => "$export",
            ExportScope::Patients => "Patient/$export",
        }
    }

    /// Returns the files that it may have; one without a line need not be told of.
    pub fn files(&self) -> Vec<ExportFile> {
        let resources = self
            .request
            .types
            .iter()
            .copied()
            .map(ExportFile::Resources);
        // A first export has nothing to take back.
        let deleted = self
            .request
            .types
            .iter()
            .copied()
            .filter(|_| self.request.since.is_some())
            .map(ExportFile::Deleted);
        resources.chain(deleted).collect()
    }

    /// Reads the lines of a file, newest change first, from where the page before ended.
    ///
    /// # Errors
    /// Of the store.
    pub fn page(
        &self,
        server: &Server,
        context: &Context,
        file: ExportFile,
        from: Option<Position>,
    ) -> Result<ExportPage, Failure> {
        let query = HistoryQuery {
            scope: HistoryScope::Type(file.resource_type()),
            since: self.request.since.map(just_after),
            at: Some((self.transaction_time, just_after(self.transaction_time))),
            before: Some(from.unwrap_or(Position(self.position.0.saturating_add(1)))),
            count: PAGE_CHANGES,
        };
        let _turn = server.long_work.turn(context)?;
        let page = server.store.history(&query)?;
        let mut lines = Vec::new();
        let mut count = 0;
        for version in &page.versions {
            let before = lines.len();
            match (file, &version.body) {
                (ExportFile::Resources(_), Some(body)) if self.has(version)? => {
                    // What was accepted may be of several lines; within a text no line can end.
                    lines.extend(body.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
                }
                (ExportFile::Deleted(_), None) => {
                    lines.extend_from_slice(deletion(version).to_string().as_bytes())
                }
                (ExportFile::Resources(_) | ExportFile::Deleted(_), _) => {}
            }
            if lines.len() > before {
                lines.push(b'\n');
                count += 1;
            }
        }
        Ok(ExportPage {
            lines,
            count,
            next: page.next,
        })
    }

    /// Tells whether the resource belongs to the scope.
    fn has(&self, version: &StoredVersion) -> Result<bool, StoreError> {
        if self.request.scope == ExportScope::System
            || matches!(
                version.key.resource_type,
                ResourceType::Patient | ResourceType::Task
            )
        {
            return Ok(true);
        }
        let body = version.body.as_deref().unwrap_or_default();
        Ok(person_of(&version.key, &parse_stored(&version.key, body)?).is_some())
    }
}

/// Returns the first instant after this one that a commit can have.
fn just_after(instant: Timestamp) -> Timestamp {
    instant
        .checked_add(1.microsecond())
        .unwrap_or(Timestamp::MAX)
}

/// Makes the Bundle that repeats the deletion elsewhere.
fn deletion(version: &StoredVersion) -> Value {
    json!({
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{ "request": { "method": "DELETE", "url": version.key.to_string() } }],
    })
}
