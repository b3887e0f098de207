//! A server over a data folder that nobody serves from: for commands that look and change nothing.

use std::path::Path;
use std::sync::Arc;

use super::added_packages;
use super::clock::ServerClock;
use super::exit_error::ExitError;
use super::practices::OpenedPractices;
use crate::config::FolderOptions;
use crate::deadlines::Rules;
use crate::interactions::{Context, Server, ServerParts};
use crate::storage::Store;
use crate::storage::embedded::{EmbeddedStore, StoreOptions};

/// A server that answers nobody, and the context of the last commit.
pub(super) struct OfflineServer {
    pub(super) server: Arc<Server>,
    pub(super) context: Context,
}

/// Opens the store of a folder that must be there already.
///
/// # Errors
/// If it is no folder of a store, or cannot be opened.
pub(super) fn open_existing(
    data: &Path,
    options: FolderOptions,
) -> Result<Arc<dyn Store>, ExitError> {
    existing(data)?;
    // Without marks: nothing is planned for the index, and nothing is written.
    let store = EmbeddedStore::open(data, options.engine, StoreOptions::default());
    let store = store.map_err(|error| ExitError::failed(error.to_string()))?;
    Ok(Arc::new(store))
}

/// Refuses a folder that is not there.
///
/// # Errors
/// If it is not.
pub(super) fn existing(folder: &Path) -> Result<(), ExitError> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(ExitError::usage(format!(
        "{}: expected a folder that is there",
        folder.display()
    )))
}

impl OfflineServer {
    /// Makes a server over an open store, with these rules and the table of that file.
    ///
    /// # Errors
    /// A table that cannot be read, or a store that cannot be used.
    pub(super) fn over(
        store: Arc<dyn Store>,
        rules: Rules,
        practices: Option<&Path>,
    ) -> Result<Self, ExitError> {
        let practices = OpenedPractices::open(practices)?.table;
        let validator = Arc::new(added_packages::validator(&[])?);
        let last = store
            .last_commit()
            .map_err(|error| ExitError::failed(error.to_string()))?
            .1;
        let base_url = "http://localhost/fhir".to_owned();
        let server = Arc::new(Server::new(ServerParts {
            rules,
            practices,
            ..ServerParts::shipped(store, validator, base_url)
        }));
        let clock = last.map_or_else(|| ServerClock::begin(None, None), ServerClock::starting_at);
        Ok(OfflineServer {
            server,
            context: clock.context(),
        })
    }
}
