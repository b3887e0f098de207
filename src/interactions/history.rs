//! history of a resource, a type or everything (<https://hl7.org/fhir/R4/http.html#history>).

use super::{Failure, Server};
use crate::fhir::Version;
use crate::storage::{HistoryQuery, HistoryScope, Position, StoreError, StoredVersion};

/// A version of the past.
#[derive(Debug)]
pub struct PastVersion {
    /// The version.
    pub version: StoredVersion,
    /// True if the resource did not exist before it: it is the first one, or follows a deletion.
    pub is_creation: bool,
}

/// One page of a history.
#[derive(Debug)]
pub struct HistoryAnswer {
    /// The versions, newest first.
    pub versions: Vec<PastVersion>,
    /// `before` of the next page; none if this was the last one.
    pub next: Option<Position>,
}

/// One page of past versions, newest first.
///
/// # Errors
/// `NotFound` for the history of a resource that never was.
pub fn history(server: &Server, query: &HistoryQuery) -> Result<HistoryAnswer, Failure> {
    if let HistoryScope::Instance(key) = &query.scope
        && server.store.read(key)?.is_none()
    {
        return Err(Failure::not_found(format!("there is no {} with this id", key.resource_type)));
    }
    let page = server.store.history(query)?;
    let past = |version| Ok(PastVersion { is_creation: is_creation(server, &version)?, version });
    Ok(HistoryAnswer { versions: page.versions.into_iter().map(past).collect::<Result<_, StoreError>>()?, next: page.next })
}

fn is_creation(server: &Server, version: &StoredVersion) -> Result<bool, StoreError> {
    let Version(number) = version.version;
    if version.body.is_none() || number <= 1 {
        return Ok(version.body.is_some());
    }
    Ok(server.store.read_version(&version.key, Version(number - 1))?.is_some_and(|before| before.body.is_none()))
}
