//! history of a resource, a type or everything (<https://hl7.org/fhir/R4/http.html#history>).

use super::{Failure, Server};
use crate::storage::{HistoryPage, HistoryQuery, HistoryScope};

/// One page of past versions, newest first.
///
/// # Errors
/// `NotFound` for the history of a resource that never was.
pub fn history(server: &Server, query: &HistoryQuery) -> Result<HistoryPage, Failure> {
    if let HistoryScope::Instance(key) = &query.scope
        && server.store.read(key)?.is_none()
    {
        return Err(Failure::not_found(format!("there is no {} with this id", key.resource_type)));
    }
    Ok(server.store.history(query)?)
}
