//! The search index of a data folder: made anew by `frist reindex`, or beside a server whose
//! definitions are others.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use super::exit_error::ExitError;
use super::log::say;
use crate::config::ReindexOptions;
use crate::fhir::counted;
use crate::interactions::Server;
use crate::interactions::upkeep::reindex::{self, ReindexFrom, Reindexed, Wish};
use crate::storage::Store;
use crate::storage::embedded::{EmbeddedStore, Engine, OpenError, StoreOptions};

/// Opens the store of a data folder, for entries as this program makes them.
pub(super) fn open_store(
    data: &Path,
    engine: Engine,
    options: StoreOptions,
) -> Result<Arc<dyn Store>, ExitError> {
    let opened = EmbeddedStore::open_indexed(data, engine, options, reindex::marks());
    match opened {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(match error {
            OpenError::Locked(_) => ExitError::failed(format!(
                "{error}; a server that runs makes its search index anew when it is sent {REINDEX}"
            )),
            _ => ExitError::failed(error.to_string()),
        }),
    }
}

/// The request by which a running server makes its index anew.
const REINDEX: &str = "POST [base]/$reindex with the header 'Prefer: respond-async'";

/// Makes the search index of a data folder anew, and checks the store.
pub(super) fn reindex_folder(options: &ReindexOptions) -> Result<(), ExitError> {
    if !options.data.is_dir() {
        return Err(ExitError::usage(format!(
            "--data {}: expected the data folder of a store",
            options.data.display()
        )));
    }
    let store = open_store(&options.data, options.engine, StoreOptions::default())?;
    let mut progress = ProgressLog::default();
    let done = reindex::reindex_store(&*store, ReindexFrom::Beginning, &mut |done| {
        progress.note(done);
        Wish::GoOn
    })?;
    let findings = store.verify();
    if !findings.is_empty() {
        return Err(ExitError::failed(findings.join("; ")));
    }
    let Reindexed {
        versions,
        mended,
        foreign,
        ..
    } = done.unwrap_or_default();
    let data = options.data.display();
    say(format_args!(
        "Made the search index of {data} anew: {}, {mended} mended, {} removed.",
        counted(versions, "version"),
        counted(foreign, "foreign key")
    ));
    Ok(())
}

/// A log of how far the index is, with a line now and then.
#[derive(Default)]
struct ProgressLog {
    thousands: u64,
}

impl ProgressLog {
    /// Notes what was done so far.
    fn note(&mut self, done: &Reindexed) {
        let thousands = (done.versions + done.keys) / 100_000;
        if thousands > self.thousands {
            self.thousands = thousands;
            tracing::info!(
                versions = done.versions,
                keys = done.keys,
                "making the search index anew"
            );
        }
    }
}

/// Does what is left to make the index anew, beside everything else: the definitions are others, or
/// the process ended in the middle.
pub(super) fn finish_index(server: &Arc<Server>) -> std::io::Result<JoinHandle<()>> {
    let server = Arc::clone(server);
    tracing::info!(
        "making the search index anew: until that is done, searches by what is defined otherwise now are answered with 503"
    );
    thread::Builder::new()
        .name("reindex".to_owned())
        .spawn(move || {
            let mut progress = ProgressLog::default();
            let watch = &mut |done: &Reindexed| {
                progress.note(done);
                if server.is_stopping.load(Ordering::SeqCst) {
                    Wish::Pause
                } else {
                    Wish::GoOn
                }
            };
            match reindex::reindex_store(&*server.store, ReindexFrom::Rest, watch) {
                Ok(Some(done)) => {
                    tracing::info!(
                        versions = done.versions,
                        mended = done.mended,
                        foreign = done.foreign,
                        "made the search index anew"
                    );
                }
                Ok(None) => tracing::info!(
                    "the search index is not made anew to its end: the next start goes on"
                ),
                Err(failure) => {
                    tracing::error!("the search index cannot be made anew: {failure:?}")
                }
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;

    #[test]
    fn a_folder_in_use_says_how_to_ask_the_server() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = ReindexOptions {
            data: folder.path().into(),
            engine: Engine::Fjall,
            log_format: LogFormat::Text,
        };
        let store =
            open_store(folder.path(), Engine::Fjall, StoreOptions::default()).expect("a store");
        let stop = reindex_folder(&options).expect_err("it is in use");
        assert!(
            stop.text.contains("in use")
                && stop.text.contains("POST [base]/$reindex")
                && !stop.text.contains('\n'),
            "{}",
            stop.text
        );
        drop(store);
        assert!(reindex_folder(&options).is_ok());
    }
}
