//! The files of a backup: segments of records, each with what was committed after the one before, and
//! the list of them. Independent of the engine.
//!
//! | file | what |
//! |---|---|
//! | `frist-backup.json` | the segments in order, each with its span of positions, length and checksum |
//! | `*.segment` | records: table (1 byte), length of key and of value (4 bytes each, greatest first), key, value with its checksum |

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use xxhash_rust::xxh3::Xxh3;

use super::kv::Table;
use super::open_error::LAYOUT;
use super::seal::{seal, unseal};
use crate::storage::{BackupError, Position};

const LIST: &str = "frist-backup.json";
const LIST_MADE: &str = "frist-backup.json.new";
/// The number of this form of the files.
const FORM: u64 = 1;
/// No record has a longer key or value.
const LENGTH_MAX: usize = 256 * 1024 * 1024;

/// One segment, as the list has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    pub(super) file: String,
    /// The position up to which the segments before it reach.
    pub(super) since: Position,
    pub(super) position: Position,
    pub(super) instant: Option<Timestamp>,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) checksum: u64,
}

/// The list of what is in a folder of backups.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct BackupList {
    pub(super) segments: Vec<Segment>,
    /// A mark of the last change that they hold, which tells the stores apart.
    pub(super) last_change: Option<(Position, u64)>,
    /// A mark of the definitions by which index entries were made.
    pub(super) made_by: u64,
}

impl BackupList {
    /// Reads the list of a folder; an empty one if there is nothing in it.
    ///
    /// # Errors
    /// If there is something else, or the list is of another program.
    pub(super) fn read(folder: &Path) -> Result<Self, BackupError> {
        let name = folder.join(LIST);
        let bytes = match fs::read(&name) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut files = fs::read_dir(folder).map_err(|error| unusable(folder, &error))?;
                return if files.next().is_none() {
                    Ok(BackupList::default())
                } else {
                    Err(unfit(folder, "it is not empty and holds no backup"))
                };
            }
            Err(error) => return Err(unusable(&name, &error)),
        };
        let told: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if told["form"] != FORM || told["layout"] != LAYOUT {
            return Err(unfit(
                folder,
                "it was made by another version of the program",
            ));
        }
        BackupList::of_json(&told).ok_or_else(|| unfit(folder, "its list cannot be read"))
    }

    fn of_json(told: &Value) -> Option<Self> {
        let segments = told["segments"].as_array()?.iter().map(|one| {
            Some(Segment {
                file: one["file"].as_str()?.to_owned(),
                since: Position(one["since"].as_u64()?),
                position: Position(one["position"].as_u64()?),
                instant: match one["instant"].as_str() {
                    Some(text) => Some(text.parse().ok()?),
                    None => None,
                },
                records: one["records"].as_u64()?,
                bytes: one["bytes"].as_u64()?,
                checksum: one["checksum"].as_u64()?,
            })
        });
        let last = &told["lastChange"];
        Some(BackupList {
            segments: segments.collect::<Option<_>>()?,
            last_change: last["position"]
                .as_u64()
                .map(Position)
                .zip(last["mark"].as_u64()),
            made_by: told["madeBy"].as_u64()?,
        })
    }

    /// Writes the list, so that it is on the disk whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let segments: Vec<Value> = self
            .segments
            .iter()
            .map(|one| {
                json!({ "file": one.file, "since": one.since.0, "position": one.position.0,
                "instant": one.instant.map(|instant| instant.to_string()),
                "records": one.records, "bytes": one.bytes, "checksum": one.checksum })
            })
            .collect();
        let last = self
            .last_change
            .map(|(position, mark)| json!({ "position": position.0, "mark": mark }));
        let told = json!({ "backup": "frist", "form": FORM, "layout": LAYOUT, "madeBy": self.made_by,
            "lastChange": last, "segments": segments });
        let made = folder.join(LIST_MADE);
        let text = serde_json::to_vec_pretty(&told).unwrap_or_default();
        let written = File::create(&made).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&made, folder.join(LIST))?;
            File::open(folder)?.sync_all()
        });
        written.map_err(|error| unusable(folder, &error))
    }
}

pub(super) fn unfit(folder: &Path, why: &str) -> BackupError {
    BackupError::Unfit(format!(
        "{}: {why}: choose an empty folder, or that of earlier backups of this store",
        folder.display()
    ))
}

pub(super) fn unusable(path: &Path, error: &io::Error) -> BackupError {
    BackupError::Files(format!("{}: {error}", path.display()))
}

/// A segment that is being written.
pub(super) struct SegmentWriter {
    path: PathBuf,
    out: BufWriter<File>,
    hash: Xxh3,
    pub(super) records: u64,
    pub(super) bytes: u64,
}

impl SegmentWriter {
    pub(super) fn create(path: PathBuf) -> Result<Self, BackupError> {
        let file = File::create(&path).map_err(|error| unusable(&path, &error))?;
        Ok(SegmentWriter {
            path,
            out: BufWriter::with_capacity(1 << 20, file),
            hash: Xxh3::new(),
            records: 0,
            bytes: 0,
        })
    }

    /// Adds a record as the store keeps it, if its checksum fits.
    pub(super) fn add(
        &mut self,
        table: Table,
        key: &[u8],
        sealed: Vec<u8>,
    ) -> Result<(), BackupError> {
        let value = unseal(table, key, sealed)?;
        let sealed = seal(table, key, value);
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        for piece in [
            &[table as u8][..],
            &length(key),
            &length(&sealed),
            key,
            &sealed,
        ] {
            self.hash.update(piece);
            self.bytes += piece.len() as u64;
            let written = self.out.write_all(piece);
            written.map_err(|error| unusable(&self.path, &error))?;
        }
        self.records += 1;
        Ok(())
    }

    /// Ends the segment, and returns its checksum when it is on the disk.
    pub(super) fn finish(mut self) -> Result<u64, BackupError> {
        let synced = self
            .out
            .flush()
            .and_then(|()| self.out.get_ref().sync_all());
        synced.map_err(|error| unusable(&self.path, &error))?;
        Ok(self.hash.digest())
    }
}

/// Reads a segment, and calls `take` with each record, whose checksum fits.
///
/// # Errors
/// If it is not as the list says, or `take` fails.
pub(super) fn read_segment(
    folder: &Path,
    segment: &Segment,
    take: &mut dyn FnMut(Table, Vec<u8>, Vec<u8>) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let path = folder.join(&segment.file);
    let failed = |error: io::Error| unusable(&path, &error);
    let damaged = |what: &str| BackupError::Files(format!("{}: damaged: {what}", path.display()));
    let file = File::open(&path).map_err(failed)?;
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut hash = Xxh3::new();
    let mut left = segment.bytes;
    for _ in 0..segment.records {
        let mut head = [0; 9];
        file.read_exact(&mut head).map_err(failed)?;
        hash.update(&head);
        let [number, a, b, c, d, e, f, g, h] = head;
        let lengths = [[a, b, c, d], [e, f, g, h]].map(|bytes| u32::from_be_bytes(bytes) as usize);
        let table = Table::ALL.into_iter().find(|table| *table as u8 == number);
        let table = table.ok_or_else(|| damaged("a record is of no table"))?;
        if lengths.iter().any(|length| *length > LENGTH_MAX) {
            return Err(damaged("a record has an impossible length"));
        }
        let mut read = |length: usize| -> Result<Vec<u8>, BackupError> {
            let mut bytes = vec![0; length];
            file.read_exact(&mut bytes).map_err(failed)?;
            hash.update(&bytes);
            Ok(bytes)
        };
        let (key, sealed) = (read(lengths[0])?, read(lengths[1])?);
        left = left.saturating_sub(9 + (key.len() + sealed.len()) as u64);
        let value = unseal(table, &key, sealed).map_err(|error| damaged(&error.text))?;
        let sealed = seal(table, &key, value);
        take(table, key, sealed)?;
    }
    let mut rest = [0];
    if left != 0 || hash.digest() != segment.checksum || file.read(&mut rest).map_err(failed)? != 0
    {
        return Err(damaged("it is not as the list of the backup says"));
    }
    Ok(())
}
