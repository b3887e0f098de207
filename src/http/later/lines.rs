//! The lines of an export's file, on their way to the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::http::body_parts::{BodyParts, Broken, NextPart};
use crate::http::packer::Packer;
use crate::interactions::export::Export;
use crate::interactions::scopes::ExportFile;
use crate::interactions::{Context, Position, Server};

/// The origin of an export's files.
pub(super) struct Source {
    pub(super) server: Arc<Server>,
    pub(super) context: Context,
    pub(super) export: Export,
    /// Limits how many files are read at once.
    pub(super) readers: Arc<Semaphore>,
    /// Set when nobody wants the export any more.
    pub(super) is_cancelled: AtomicBool,
}

/// The lines of a file as a body, a page for each part.
pub(super) type FileLines = BodyParts<FileCursor>;

/// A part of the body, and where it goes on.
type FilePart = (Vec<u8>, Option<FileCursor>);

/// The place in a file where its body goes on.
pub(super) struct FileCursor {
    source: Arc<Source>,
    file: ExportFile,
    from: Option<Position>,
    packer: Option<Packer>,
}

impl BodyParts<FileCursor> {
    /// Returns the lines of that file, from its beginning.
    pub(super) fn of(source: Arc<Source>, file: ExportFile, is_packed: bool) -> Self {
        BodyParts::Before(Box::new(FileCursor {
            source,
            file,
            from: None,
            packer: is_packed.then(Packer::default),
        }))
    }
}

impl FileCursor {
    async fn read(self) -> Result<FilePart, Broken> {
        let permit = Arc::clone(&self.source.readers)
            .acquire_owned()
            .await
            .map_err(|_| Broken("the server stops".into()))?;
        let work = spawn_blocking(move || {
            let _held_until_read = permit;
            self.read_page()
        });
        work.await
            .map_err(|_| Broken("the reader panicked".into()))?
    }

    fn read_page(mut self) -> Result<FilePart, Broken> {
        let source = &self.source;
        if source.is_cancelled.load(Ordering::SeqCst) {
            return Err(Broken("its job was deleted".into()));
        }
        let page = source
            .export
            .page(&source.server, &source.context, self.file, self.from)
            .map_err(|failure| Broken(format!("{failure:?}")))?;
        self.from = page.next;
        let has_ended = page.next.is_none();
        let bytes = match self.packer.take() {
            None => page.lines,
            Some(packer) => {
                let (ready, packer) = packer
                    .part(&page.lines, has_ended)
                    .map_err(|error| Broken(error.to_string()))?;
                self.packer = packer;
                ready
            }
        };
        Ok((bytes, (!has_ended).then_some(self)))
    }
}

impl NextPart for FileCursor {
    async fn next_part(self) -> Result<FilePart, Broken> {
        self.read().await
    }

    fn length(&self) -> Option<u64> {
        None
    }
}
