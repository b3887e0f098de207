//! The store itself: how it is opened, and how one view of it is read.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::engine::{Engine, StoreOptions, open_engine};
use super::folder::Folder;
use super::held_versions::HeldVersions;
use super::keys::STATE;
use super::kv::{Batch, Kv, Table};
use super::open_error::OpenError;
use super::reading::ViewReader;
use super::record::{Record, StoreState};
use super::reindex;
use super::reindex::IndexState;
use super::seal::seal;
use super::writing::{StoreCore, StoreWriter};
use crate::storage::{Marks, Position, ReindexFrom, SECRET_BYTES, StoreError};

/// The part of the cache in which last versions are held, ready to be answered.
const HELD_PART: u64 = 4;

/// A store in a folder of this machine. Dropping it writes what still waits and lets go of the
/// folder.
pub struct EmbeddedStore {
    // In the order in which they must go: the writer ends, the engine closes, the lock goes.
    pub(super) writer: StoreWriter,
    pub(super) shared: Arc<StoreCore>,
    pub(super) secret: [u8; SECRET_BYTES],
    pub(super) is_reindexing: AtomicBool,
    _folder: Folder,
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore")
            .field("folder", &self._folder.path())
            .finish_non_exhaustive()
    }
}

impl EmbeddedStore {
    /// Opens the store in that folder, or makes one if the folder is empty or not there.
    ///
    /// # Errors
    /// Why the folder cannot be used; its text is one line for the console.
    pub fn open(
        path: impl AsRef<Path>,
        engine: Engine,
        options: StoreOptions,
    ) -> Result<Self, OpenError> {
        EmbeddedStore::make(path.as_ref(), engine, options, None)
    }

    /// Opens the store for a program that makes index entries by these definitions from now on. If
    /// those that are stored were made by others, searches that depend on the difference are
    /// refused until [`Upkeep::reindex`](crate::storage::Upkeep) has done the rest.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`].
    pub fn open_indexed(
        path: impl AsRef<Path>,
        engine: Engine,
        options: StoreOptions,
        marks: &Marks,
    ) -> Result<Self, OpenError> {
        EmbeddedStore::make(path.as_ref(), engine, options, Some(marks))
    }

    fn make(
        path: &Path,
        engine: Engine,
        options: StoreOptions,
        marks: Option<&Marks>,
    ) -> Result<Self, OpenError> {
        let mut folder = Folder::open(path, engine.as_str())?;
        if !folder.is_complete() && folder.engine_path().exists() {
            // The making of the store was cut short: nothing was ever acknowledged from it.
            fs::remove_dir_all(folder.engine_path()).map_err(|error| folder.unwritable(&error))?;
        }
        // One bound for both: what is held here, the engine need not have.
        let held_bytes = options.cache_bytes / HELD_PART;
        let of_engine = StoreOptions {
            cache_bytes: options.cache_bytes - held_bytes,
        };
        let kv = open_engine(engine, &folder.engine_path(), of_engine)
            .map_err(|why| folder.corrupt(why))?;
        let state = match ViewReader(&*kv.view())
            .state()
            .map_err(|error| folder.corrupt(error.text))?
        {
            Some(state) => state,
            None if folder.is_complete() => return Err(folder.corrupt("its records are missing")),
            None => make_state(&*kv, &folder)?,
        };
        let watermark = folder.watermark(state.instant)?;
        let secret = folder.secret()?;
        folder.sync_names()?;
        if !folder.is_complete() {
            folder.complete()?;
        }
        let index = marks.map_or_else(
            || Ok(IndexState::default()),
            |marks| plan_index(&*kv, marks, state.position),
        );
        let index = index.map_err(|error| folder.corrupt(error.text))?;
        let shared = Arc::new(StoreCore::new(
            kv,
            state,
            index,
            HeldVersions::of_bytes(held_bytes),
        ));
        let writer = StoreWriter::start(shared.clone(), watermark)
            .map_err(|error| folder.unwritable(&error))?;
        Ok(EmbeddedStore {
            writer,
            shared,
            secret,
            is_reindexing: AtomicBool::new(false),
            _folder: folder,
        })
    }

    /// Reads in one view, for the state after the last acknowledged commit.
    pub(super) fn read_state<R>(
        &self,
        read: impl FnOnce(ViewReader<'_>, Position) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        if let Some(failure) = self.shared.failure() {
            return Err(failure.clone());
        }
        // The position first: the view is then of this state or a later one, and what is later is
        // left out by position.
        let position = self.shared.state().position;
        let view = self.shared.kv.view();
        read(ViewReader(&*view), position).map_err(|error| self.shared.judge(error))
    }
}

/// Plans the work on the index, and notes it before anything is written by these definitions.
fn plan_index(kv: &dyn Kv, marks: &Marks, last: Position) -> Result<IndexState, StoreError> {
    let (index, step) = reindex::plan(&*kv.view(), marks, ReindexFrom::Rest, last)?;
    if !step.is_empty() {
        let batch = step.changes(&*kv.view())?;
        kv.apply(batch)?;
    }
    Ok(index)
}

/// Writes the first record of a new store.
fn make_state(kv: &dyn Kv, folder: &Folder) -> Result<StoreState, OpenError> {
    let mut batch = Batch::default();
    batch.put(
        Table::Meta,
        STATE.to_vec(),
        seal(Table::Meta, STATE, StoreState::default().encode()),
    );
    kv.apply(batch)
        .map_err(|error| OpenError::NotWritable(folder.path().to_owned(), error.text))?;
    Ok(StoreState::default())
}

#[cfg(test)]
mod tests;
