//! The lines of an export's file, on their way to the client.

use std::fmt;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{self, Poll};

use axum::body::{Bytes, HttpBody};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Frame;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};

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

/// The lines of a file as a body. A page is read when the one before was taken, so that a client
/// that is slow holds neither a thread nor more memory than for a page.
pub(super) enum FileLines {
    /// The next page is not yet read.
    Before(Box<FileCursor>),
    /// It is being read.
    Reading(JoinHandle<Result<FilePart, Broken>>),
    /// There is none.
    Ended,
}

/// A part of the body, and where it goes on.
type FilePart = (Vec<u8>, Option<Box<FileCursor>>);

/// The place in a file where its body goes on.
pub(super) struct FileCursor {
    source: Arc<Source>,
    file: ExportFile,
    from: Option<Position>,
    packer: Option<GzEncoder<Vec<u8>>>,
}

impl FileLines {
    /// Returns the lines of that file, from its beginning.
    pub(super) fn of(source: Arc<Source>, file: ExportFile, is_packed: bool) -> Self {
        FileLines::Before(Box::new(FileCursor {
            source,
            file,
            from: None,
            packer: is_packed.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
        }))
    }
}

/// The file cannot be sent to its end: the connection is cut off, so that nobody takes a part for
/// the whole.
#[derive(Debug)]
pub(super) struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file of an export was cut off: {}", self.0)
    }
}

impl std::error::Error for Broken {}

impl FileCursor {
    async fn read(self: Box<Self>) -> Result<FilePart, Broken> {
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

    fn read_page(mut self: Box<Self>) -> Result<FilePart, Broken> {
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
            Some(packer) => self
                .packed(packer, &page.lines, has_ended)
                .map_err(|error| Broken(error.to_string()))?,
        };
        Ok((bytes, (!has_ended).then_some(self)))
    }

    /// Returns as much of the compressed lines as is ready.
    fn packed(
        &mut self,
        mut packer: GzEncoder<Vec<u8>>,
        lines: &[u8],
        has_ended: bool,
    ) -> std::io::Result<Vec<u8>> {
        packer.write_all(lines)?;
        if has_ended {
            return packer.finish();
        }
        let ready = std::mem::take(packer.get_mut());
        self.packer = Some(packer);
        Ok(ready)
    }
}

impl HttpBody for FileLines {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            match std::mem::replace(&mut *self, FileLines::Ended) {
                FileLines::Ended => return Poll::Ready(None),
                FileLines::Before(cursor) => {
                    *self = FileLines::Reading(tokio::spawn(cursor.read()))
                }
                FileLines::Reading(mut reading) => match Pin::new(&mut reading).poll(context) {
                    Poll::Pending => {
                        *self = FileLines::Reading(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(Ok((bytes, next)))) => {
                        *self = next.map_or(FileLines::Ended, FileLines::Before);
                        if !bytes.is_empty() {
                            return Poll::Ready(Some(Ok(Frame::data(bytes.into()))));
                        }
                    }
                    Poll::Ready(Ok(Err(broken))) => return Poll::Ready(Some(Err(broken))),
                    Poll::Ready(Err(_)) => {
                        return Poll::Ready(Some(Err(Broken("the reader panicked".into()))));
                    }
                },
            }
        }
    }
}
