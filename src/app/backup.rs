//! `frist backup`, `frist restore` and `frist compact`.

use std::path::{Path, PathBuf};

use super::backup_words::{commit, told};
use super::control;
use super::exit_error::ExitError;
use super::log::say;
use super::offline::{existing, open_existing};
use super::process::size;
use super::progress::counting_bar;
use crate::config::{BackupOptions, CompactOptions, RestoreOptions};
use crate::fhir::counted;
use crate::storage::Upkeep;
use crate::storage::embedded::{EmbeddedStore, OpenError, Restored, StoreOptions, restore};

/// Copies a data folder: by itself, or by the server that uses it.
pub(super) fn back_up(options: &BackupOptions) -> Result<(), ExitError> {
    existing(&options.data)?;
    let to = std::path::absolute(&options.to).unwrap_or_else(|_| options.to.clone());
    if within(&to, &options.data) {
        return Err(ExitError::usage(format!(
            "--to {}: expected a folder outside of the data folder, best on another disk",
            to.display()
        )));
    }
    let opened = EmbeddedStore::open(
        &options.data,
        options.folder.engine,
        StoreOptions::default(),
    );
    let store = match opened {
        Ok(store) => store,
        Err(locked @ OpenError::Locked(_)) => {
            let told = control::ask_to_back_up(&options.data, &to)
                .map_err(|why| ExitError::failed(format!("{locked}; {why}")))?;
            say(format_args!("{told}"));
            return Ok(());
        }
        Err(error) => return Err(ExitError::failed(error.to_string())),
    };
    let mut bar = None;
    let done = store.back_up(&to, &mut |done, about| {
        let bar = bar.get_or_insert_with(|| counting_bar("Copying", about, "records"));
        bar.set_position(done);
    });
    let done = done.map_err(|error| ExitError::failed(error.to_string()))?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    say(format_args!("{}", told(&done, &to)));
    Ok(())
}

/// Tells whether a folder is a data folder, or in it.
fn within(folder: &Path, data: &Path) -> bool {
    std::path::absolute(data).is_ok_and(|data| folder.starts_with(data))
}

/// Makes a data folder from backups.
pub(super) fn restore_folder(options: &RestoreOptions) -> Result<(), ExitError> {
    existing(&options.from)?;
    let data: PathBuf = options.data.clone();
    let mut bar = None;
    let done = restore(
        &options.from,
        &data,
        options.folder.engine,
        &mut |done, all| {
            let bar = bar.get_or_insert_with(|| counting_bar("Restoring", all, "records"));
            bar.set_position(done);
        },
    );
    let Restored {
        position,
        instant,
        records,
    } = done.map_err(|error| ExitError::failed(error.to_string()))?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    say(format_args!(
        "{} holds {} now: restored {}. Check it with frist verify {}.",
        data.display(),
        commit(position, instant),
        counted(records, "record"),
        data.display()
    ));
    Ok(())
}

/// Puts a data folder in order on the disk.
pub(super) fn compact(options: &CompactOptions) -> Result<(), ExitError> {
    let before = size(&options.data);
    let store = open_existing(&options.data, options.folder)?;
    let mut bar = None;
    let done = store.compact(&mut |done, all| {
        let bar = bar.get_or_insert_with(|| counting_bar("Compacting", all as u64, "tables"));
        bar.set_position(done as u64);
    });
    done.map_err(|error| ExitError::failed(error.to_string()))?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    drop(store);
    say(format_args!(
        "Compacted {}: {:.1} MB, {:.1} MB before.",
        options.data.display(),
        size(&options.data) as f64 / 1e6,
        before as f64 / 1e6
    ));
    Ok(())
}
