//! The end of fjall's journal after a loss of power.
//!
//! A batch is written, then synced, and only then acknowledged. If the power fails before the sync
//! is over, some of its sectors are on the disk and others are not. fjall discards a last batch
//! without an end; but if the end came to the disk and something before it did not, fjall takes the
//! journal for damaged and opens nothing. Such a batch was never acknowledged, so it is cut off here
//! before fjall looks. What is cut off is kept beside the journal. A broken batch with whole ones
//! after it is no torn end: that is damage, and it is said so.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

/// The bytes of a journal that are read at once.
const PIECE_BYTES: usize = 1 << 20;
/// The bytes with which the end of a batch ends.
const TRAILER: &[u8] = b"FJL\x03";

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const START_BYTES: usize = 13;
const ITEM_HEAD_BYTES: usize = 21;
const END_BYTES: usize = 13;
const CLEAR_BYTES: usize = 9;

/// Cuts a torn last batch off the journal that fjall would go on with; tells how many bytes.
///
/// # Errors
/// If a file cannot be read or written, or a batch is broken and whole ones follow.
pub(super) fn cut_torn_end(folder: &Path) -> io::Result<Option<u64>> {
    let Some(path) = newest_journal(folder)? else {
        return Ok(None);
    };
    let mut journal = Journal {
        file: File::open(&path)?,
        bytes: Vec::new(),
    };
    let mut whole = 0;
    while let Some(end) = journal.batch_end(whole)? {
        whole = end;
    }
    // Beyond its last batch a journal is empty, or has zeros that were set aside.
    if journal.at(whole, 1)?.is_none_or(|tag| tag == [0]) {
        return Ok(None);
    }
    journal.read_all()?;
    if let Some(next) = journal.whole_batch_after(whole)? {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "{}: the batch at byte {whole} is broken, and a whole one follows at {next}",
                path.display()
            ),
        ));
    }
    let torn = without_zeros(journal.bytes.get(whole..).unwrap_or_default());
    keep(&path.with_extension("torn"), torn)?;
    let file = OpenOptions::new().write(true).open(&path)?;
    file.set_len(whole as u64)?;
    file.sync_all()?;
    Ok(Some(torn.len() as u64))
}

/// Returns where each batch of the newest journal ends, and its path.
#[cfg(test)]
pub(super) fn batch_ends(folder: &Path) -> io::Result<(PathBuf, Vec<usize>)> {
    let path = newest_journal(folder)?.unwrap_or_default();
    let (file, bytes) = (File::open(&path)?, Vec::new());
    let (mut journal, mut ends) = (Journal { file, bytes }, Vec::new());
    while let Some(end) = journal.batch_end(ends.last().copied().unwrap_or(0))? {
        ends.push(end);
    }
    Ok((path, ends))
}

/// Returns the journal with the highest number: the only one that may end in the middle.
fn newest_journal(folder: &Path) -> io::Result<Option<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut newest: Option<(u64, PathBuf)> = None;
    for entry in entries {
        let path = entry?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse().ok());
        if let Some(number) = number
            && newest.as_ref().is_none_or(|(other, _)| *other < number)
        {
            newest = Some((number, path));
        }
    }
    Ok(newest.map(|(_, path)| path))
}

/// Keeps what is cut off, for whoever wants to know what it was.
fn keep(path: &Path, torn: &[u8]) -> io::Result<()> {
    fs::write(path, torn)?;
    File::open(path)?.sync_all()
}

/// Returns the bytes without the zeros at their end, which were set aside.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    let last = bytes.iter().rposition(|byte| *byte != 0);
    bytes.get(..=last.unwrap_or(0)).unwrap_or_default()
}

/// A journal, read as far as was asked for.
struct Journal {
    file: File,
    bytes: Vec<u8>,
}

impl Journal {
    /// Returns so many bytes from a place on, or none if there are fewer.
    fn at(&mut self, begin: usize, length: usize) -> io::Result<Option<&[u8]>> {
        let Some(end) = begin.checked_add(length) else {
            return Ok(None);
        };
        while self.bytes.len() < end {
            let piece = (&self.file)
                .take(PIECE_BYTES as u64)
                .read_to_end(&mut self.bytes)?;
            if piece == 0 {
                return Ok(None);
            }
        }
        Ok(self.bytes.get(begin..end))
    }

    fn read_all(&mut self) -> io::Result<()> {
        (&self.file).read_to_end(&mut self.bytes).map(|_| ())
    }

    /// Reads a number, least byte first.
    fn number(&mut self, begin: usize, length: usize) -> io::Result<Option<u64>> {
        let bytes = self.at(begin, length)?;
        Ok(bytes.map(|bytes| {
            bytes
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte))
        }))
    }

    /// Returns where the whole batch that begins there ends; none if there is no whole one.
    fn batch_end(&mut self, begin: usize) -> io::Result<Option<usize>> {
        if self.number(begin, 1)? != Some(u64::from(START)) {
            return Ok(None);
        }
        let Some(items) = self.number(begin + 1, 4)? else {
            return Ok(None);
        };
        let (first, mut at) = (begin + START_BYTES, begin + START_BYTES);
        for _ in 0..items {
            match self.part_end(at)? {
                Some(end) => at = end,
                None => return Ok(None),
            }
        }
        let Some(parts) = self.at(first, at - first)? else {
            return Ok(None);
        };
        let mut checksum = Xxh3::new();
        checksum.update(parts);
        let checksum = checksum.digest();
        let is_end = self.number(at, 1)? == Some(u64::from(END))
            && self.number(at + 1, 8)? == Some(checksum)
            && self.at(at + 9, TRAILER.len())? == Some(TRAILER);
        Ok(is_end.then_some(at + END_BYTES))
    }

    /// Returns where the item or the clearing that begins there ends.
    fn part_end(&mut self, begin: usize) -> io::Result<Option<usize>> {
        let length = match self.number(begin, 1)?.map(u8::try_from) {
            Some(Ok(CLEAR)) => CLEAR_BYTES,
            Some(Ok(ITEM)) => {
                let (key, value) = (self.number(begin + 11, 2)?, self.number(begin + 17, 4)?);
                let (Some(key), Some(value)) = (key, value) else {
                    return Ok(None);
                };
                let body = usize::try_from(key + value).unwrap_or(usize::MAX);
                ITEM_HEAD_BYTES.saturating_add(body)
            }
            _ => return Ok(None),
        };
        Ok(self.at(begin, length)?.map(|_| begin + length))
    }

    /// Returns where the first whole batch behind a broken one begins: a batch begins where the
    /// trailer of the one before ends.
    fn whole_batch_after(&mut self, broken: usize) -> io::Result<Option<usize>> {
        let mut from = broken;
        while let Some(found) = self.bytes.get(from..).and_then(|rest| {
            rest.windows(TRAILER.len())
                .position(|bytes| bytes == TRAILER)
        }) {
            let next = from + found + TRAILER.len();
            if self.batch_end(next)?.is_some() {
                return Ok(Some(next));
            }
            from = next;
        }
        Ok(None)
    }
}
