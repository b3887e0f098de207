//! The file of the table of general practices: read at the start, and again whenever it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::exit_error::ExitError;
use crate::deadlines::PracticeTable;
use crate::fhir::counted;
use crate::interactions::upkeep::derivation;
use crate::interactions::{Context, Server};

/// The pause between two looks at whether the file has changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The file of the table of general practices.
pub struct PracticeFile {
    path: PathBuf,
    /// The time and size of the file when it was last read; none if it could not be looked at.
    seen: Option<FileStamp>,
}

/// The time and size by which a change of a file is noticed.
type FileStamp = (SystemTime, u64);

/// The table and its file, with which the program is started.
pub(super) struct OpenedPractices {
    /// The table; an empty one if there is no file.
    pub(super) table: PracticeTable,
    /// The file, if there is one.
    pub(super) file: Option<PracticeFile>,
}

impl OpenedPractices {
    /// Reads the file of the option, if it is given.
    ///
    /// # Errors
    /// If it cannot be read, or any line of it is wrong: all of them are told.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, ExitError> {
        let Some(path) = path else {
            return Ok(OpenedPractices {
                table: PracticeTable::default(),
                file: None,
            });
        };
        let (file, table) = PracticeFile::open(path)?;
        Ok(OpenedPractices {
            table,
            file: Some(file),
        })
    }
}

impl PracticeFile {
    /// Reads the file.
    ///
    /// # Errors
    /// If it cannot be read, or any line of it is wrong: all of them are told.
    pub fn open(path: &Path) -> Result<(Self, PracticeTable), ExitError> {
        let seen = stamp(path);
        let table = read(path).map_err(|what| ExitError::usage(format!("--practices {what}")))?;
        let path = path.to_owned();
        Ok((PracticeFile { path, seen }, table))
    }

    /// Reads the file again if it has changed since it was last read.
    ///
    /// # Errors
    /// What is wrong with it; not again until it changes once more.
    pub fn changed(&mut self) -> Result<Option<PracticeTable>, String> {
        let now = stamp(&self.path);
        if now == self.seen {
            return Ok(None);
        }
        self.seen = now;
        read(&self.path).map(Some)
    }
}

fn stamp(path: &Path) -> Option<FileStamp> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

fn read(path: &Path) -> Result<PracticeTable, String> {
    let name = path.display();
    let text = std::fs::read(path).map_err(|error| format!("{name}: {error}"))?;
    PracticeTable::parse(&text).map_err(|wrong| format!("{name}: {}", wrong.join("; ")))
}

/// Puts the table in force again and again, whenever the file changes. One that is wrong changes
/// nothing: the table before stays. Does nothing without a file. `context` reads the server's clock.
pub(super) async fn keep_practices(
    server: Arc<Server>,
    context: impl Fn() -> Context,
    file: Option<PracticeFile>,
) {
    let Some(mut file) = file else { return };
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let (server, context) = (Arc::clone(&server), context());
        let look = tokio::task::spawn_blocking(move || {
            reload(&server, &context, &mut file);
            file
        });
        match look.await {
            Ok(looked) => file = looked,
            Err(panic) => {
                tracing::error!("the table of practices is not read any more: {panic}");
                return;
            }
        }
    }
}

/// Puts the table in force if the file has changed, and says so in the log.
pub fn reload(server: &Server, context: &Context, file: &mut PracticeFile) {
    let table = match file.changed() {
        Ok(None) => return,
        Ok(Some(table)) => table,
        Err(what) => {
            tracing::error!(
                "the table of practices stays as it was, because the file is wrong: {what}"
            );
            return;
        }
    };
    let units = counted(table.units(), "unit");
    match derivation::replace_practices(server, context, table) {
        Ok(done) => tracing::info!(
            persons = done.persons,
            versions = done.versions,
            "the table of practices was read again, with {units}"
        ),
        Err(failure) => {
            file.seen = None;
            tracing::error!(
                "the table of practices was read again, and not all rights could be derived by it yet; it is tried \
                 again: {failure:?}"
            );
        }
    }
}
