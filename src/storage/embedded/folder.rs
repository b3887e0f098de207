//! The data folder: who may use it, what it says of itself, and whether it still holds all that was
//! acknowledged.
//!
//! | file | what |
//! |---|---|
//! | `frist-store.json` | engine, layout version, whether the store was completely made |
//! | `lock` | locked by the one process that uses the folder |
//! | `acknowledged` | the instant of the last acknowledged commit, written after its sync and not synced itself: the store can never be behind it |
//! | `secret` | bytes by chance, readable by its owner alone: whoever knows them can make paging links that this server takes for its own |
//! | a folder named as the engine | the engine's own files |

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::open_error::{LAYOUT, LAYOUT_OLDEST, OpenError};
use crate::storage::SECRET_BYTES;

const MARKER: &str = "frist-store.json";
const MARKER_MADE: &str = "frist-store.json.new";
const LOCK: &str = "lock";
const ACKNOWLEDGED: &str = "acknowledged";
const SECRET: &str = "secret";
const SECRET_MADE: &str = "secret.new";

/// A data folder that this process has locked. Dropping it ends the lock.
pub(super) struct Folder {
    path: PathBuf,
    engine: &'static str,
    complete: bool,
    _lock: File,
}

impl Folder {
    /// Locks the folder for that engine; makes it if it is not there.
    pub(super) fn open(path: &Path, engine: &'static str) -> Result<Self, OpenError> {
        let path = std::path::absolute(path).map_err(|error| unwritable(path, &error))?;
        let failed = |error: io::Error| unwritable(&path, &error);
        create_folder(&path).map_err(failed)?;
        let foreign = is_foreign(&path).map_err(failed)?;
        if foreign {
            return Err(OpenError::NotAStore(path));
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked(path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let marker = read_marker(&path)?;
        let is_of_this_layout = marker
            .as_ref()
            .is_some_and(|marker| marker.layout == LAYOUT);
        let complete = match marker {
            Some(marker) => marker.check(&path, engine)?,
            None => false,
        };
        let folder = Folder {
            path,
            engine,
            complete,
            _lock: lock,
        };
        if !complete || !is_of_this_layout {
            folder.write_marker(complete)?;
        }
        Ok(folder)
    }

    /// Returns the path of the data folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder in which the engine keeps its files.
    pub(super) fn engine_path(&self) -> PathBuf {
        self.path.join(self.engine)
    }

    /// Tells whether the store was completely made at some time: then its state must be there.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Syncs the names of all that the engine made: engines make folders whose names they do not
    /// sync.
    pub(super) fn sync_names(&self) -> Result<(), OpenError> {
        sync_folders(&self.path).map_err(|error| self.unwritable(&error))
    }

    /// Notes that the store was completely made.
    pub(super) fn complete(&mut self) -> Result<(), OpenError> {
        self.write_marker(true)?;
        self.complete = true;
        Ok(())
    }

    /// Makes the error of an engine that could not open its files.
    pub(super) fn corrupt(&self, what: impl fmt::Display) -> OpenError {
        OpenError::Corrupt(self.path.clone(), what.to_string())
    }

    /// Makes the error of a file that could not be used.
    pub(super) fn unwritable(&self, error: &io::Error) -> OpenError {
        unwritable(&self.path, error)
    }

    /// Tests that the store is not behind what it has acknowledged, and notes from now on what it
    /// acknowledges.
    pub(super) fn watermark(&self, instant: Option<Timestamp>) -> Result<Watermark, OpenError> {
        let failed = |error: io::Error| self.unwritable(&error);
        let path = self.path.join(ACKNOWLEDGED);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed)?;
        let watermark = Watermark { file };
        match watermark.read() {
            Some(acknowledged_us)
                if instant.is_none_or(|instant| instant.as_microsecond() < acknowledged_us) =>
            {
                Err(self.corrupt("commits that were acknowledged are missing"))
            }
            Some(_) | None => Ok(watermark),
        }
    }

    /// Reads the secret of the folder, which is made now if there is none; without it the links
    /// that were given out before are refused.
    pub(super) fn secret(&self) -> Result<[u8; SECRET_BYTES], OpenError> {
        let failed = |error: io::Error| self.unwritable(&error);
        let (path, made) = (self.path.join(SECRET), self.path.join(SECRET_MADE));
        match fs::read(&path) {
            Ok(bytes) => {
                return bytes
                    .try_into()
                    .map_err(|_| self.corrupt(format!("{SECRET} has not {SECRET_BYTES} bytes")));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)
            .map_err(|error| failed(io::Error::other(error.to_string())))?;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&made)
            .map_err(failed)?;
        file.write_all(&secret)
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        fs::rename(&made, &path)
            .and_then(|()| sync_folder(&self.path))
            .map_err(failed)?;
        Ok(secret)
    }

    fn write_marker(&self, complete: bool) -> Result<(), OpenError> {
        let failed = |error: io::Error| self.unwritable(&error);
        let marker = json!({ "store": "frist", "engine": self.engine, "layout": LAYOUT, "complete": complete });
        let (path, made) = (self.path.join(MARKER), self.path.join(MARKER_MADE));
        let mut file = File::create(&made).map_err(failed)?;
        file.write_all(format!("{marker}\n").as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        fs::rename(&made, &path)
            .and_then(|()| sync_folder(&self.path))
            .map_err(failed)
    }
}

/// A note of what the store has acknowledged, so that a loss which the engine does not notice is
/// noticed.
pub(super) struct Watermark {
    file: File,
}

impl Watermark {
    /// Notes the instant of the last acknowledged commit. It is a help, not a promise: it may fail
    /// without harm.
    pub(super) fn raise(&self, instant: Option<Timestamp>) {
        let Some(instant) = instant else { return };
        let number = instant.as_microsecond().to_be_bytes();
        let mut bytes = number.to_vec();
        bytes.extend_from_slice(&xxh3_64(&number).to_be_bytes());
        let _ = self.file.write_all_at(&bytes, 0);
    }

    /// Notes it at the end, and syncs it.
    pub(super) fn close(&self, instant: Option<Timestamp>) {
        self.raise(instant);
        let _ = self.file.sync_data();
    }

    fn read(&self) -> Option<i64> {
        let mut bytes = [0; 16];
        self.file.read_exact_at(&mut bytes, 0).ok()?;
        let (number, checksum) = bytes.split_at(8);
        (xxh3_64(number).to_be_bytes() == checksum).then_some(())?;
        Some(i64::from_be_bytes(*number.first_chunk()?))
    }
}

/// Syncs a folder, so that the names in it are on the disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Syncs a folder and all folders in it.
fn sync_folders(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync_folder(path)
}

/// Makes the folder, for its user alone, and those above it that are missing, and syncs their names.
fn create_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|folder| !folder.is_dir())
        .collect();
    if let Some(above) = path.parent() {
        fs::create_dir_all(above)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    missing
        .into_iter()
        .filter_map(Path::parent)
        .try_for_each(sync_folder)
}

/// Tells whether there is something that no store left.
fn is_foreign(path: &Path) -> io::Result<bool> {
    let names = fs::read_dir(path)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    let ours = |name: &std::ffi::OsString| [LOCK, MARKER_MADE].iter().any(|own| name == own);
    Ok(!names.iter().any(|name| name == MARKER) && !names.iter().all(ours))
}

/// The marker of a folder: what it says of itself.
struct Marker {
    engine: String,
    layout: u64,
    complete: bool,
}

impl Marker {
    /// Tells whether the store was completely made.
    fn check(self, path: &Path, engine: &str) -> Result<bool, OpenError> {
        if self.engine != engine {
            return Err(OpenError::OtherEngine(
                path.to_owned(),
                self.engine,
                engine.to_owned(),
            ));
        }
        Ok(self.complete)
    }
}

fn read_marker(path: &Path) -> Result<Option<Marker>, OpenError> {
    let bytes = match fs::read(path.join(MARKER)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unwritable(path, &error)),
    };
    let marker: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    // First of all: what else a marker of another layout says is not known here.
    if let Some(layout) = marker["layout"]
        .as_u64()
        .filter(|layout| !(LAYOUT_OLDEST..=LAYOUT).contains(layout))
    {
        return Err(OpenError::UnknownLayout(path.to_owned(), layout));
    }
    match (
        marker["engine"].as_str(),
        marker["layout"].as_u64(),
        marker["complete"].as_bool(),
    ) {
        (Some(engine), Some(layout), Some(complete)) => Ok(Some(Marker {
            engine: engine.to_owned(),
            layout,
            complete,
        })),
        _ => Err(OpenError::Corrupt(
            path.to_owned(),
            format!("{MARKER} cannot be read"),
        )),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> OpenError {
    OpenError::NotWritable(path.to_owned(), error.to_string())
}
