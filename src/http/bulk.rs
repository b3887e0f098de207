//! `$export`, answered later (<https://hl7.org/fhir/uv/bulkdata/STU2/export.html>): its kick-off, how far it is, and its files.
//!
//! An export is a job that counts the lines of each file, so that its status can tell them. The
//! files are read from the store while they are sent.

use std::fmt;
use std::io::Write;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderName, Method, StatusCode, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};

use super::answer::{Answer, PLAIN_JSON};
use super::bundle::address;
use super::error::Refusal;
use super::jobs::{Job, Work, locked};
use super::routes::{Call, sent_resource};
use super::{Wire, encoding, negotiation};
use crate::fhir::dates::format_instant;
use crate::fhir::{Id, IssueCode};
use crate::interactions::export::{self, Export, ExportFile, ExportScope};
use crate::interactions::{self, Failure, Position, Server};

/// The media type of the files.
const NDJSON: &str = "application/fhir+ndjson";

/// An export as a job.
pub(super) struct Exporting {
    /// The address by which it was asked for.
    request: String,
    export: Export,
    /// How many lines were counted so far.
    counted: AtomicU64,
    state: Mutex<State>,
}

/// How far an export is.
enum State {
    Running,
    /// The files that have a line, and how many each has.
    Done(Vec<(ExportFile, u64)>),
    Failed,
}

/// The kick-off of an export: 202, and where its status is.
pub(super) fn export(
    wire: &Wire,
    call: &Call,
    scope: ExportScope,
    path: &str,
) -> Result<Answer, Refusal> {
    if negotiation::preference(&call.headers, "respond-async").is_none() {
        return Err(Failure::bad_request(
            IssueCode::Required,
            "expected 'Prefer: respond-async': an export is answered later",
        )
        .into());
    }
    let (_, lenient) = negotiation::prefer(&call.headers);
    let mut parameters = call.query.clone();
    if call.method == Method::POST && !call.body.is_empty() {
        parameters.extend(export::parameters(&sent_resource(call)?)?);
    }
    let export = export::begin(
        &wire.server,
        &call.context,
        export::read_request(scope, &parameters, lenient)?,
    )?;
    let request = address(&wire.server.base_url, path, &call.query);
    let work = Exporting {
        request,
        export,
        counted: AtomicU64::new(0),
        state: Mutex::new(State::Running),
    };
    let (job, answer) = wire.jobs.begin(wire, call, Work::Export(work))?;
    let (server, context) = (Arc::clone(&wire.server), call.context.clone());
    tokio::spawn(async move {
        let counting = Arc::clone(&job);
        let Ok(work) = job.export() else { return };
        let state = match spawn_blocking(move || count(&server, &context, &counting)).await {
            Ok(Ok(files)) => State::Done(files),
            Ok(Err(failure)) => {
                tracing::error!("an export failed: {failure:?}");
                State::Failed
            }
            Err(_) => {
                tracing::error!("an export panicked");
                State::Failed
            }
        };
        *locked(&work.state) = state;
    });
    Ok(answer)
}

/// Counts the lines of each file, until the job is cancelled.
fn count(
    server: &Server,
    context: &interactions::Context,
    job: &Job,
) -> Result<Vec<(ExportFile, u64)>, Failure> {
    let mut files = Vec::new();
    let work = job.export()?;
    for file in work.export.files() {
        let (mut lines, mut from) = (0, None);
        loop {
            if job.is_cancelled() {
                return Ok(Vec::new());
            }
            let page = work.export.page(server, context, file, from)?;
            lines += page.count;
            work.counted.fetch_add(page.count, Ordering::Relaxed);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        if lines > 0 {
            files.push((file, lines));
        }
    }
    Ok(files)
}

/// How far an export is: its manifest when it is done.
pub(super) fn status(wire: &Wire, id: &Id, work: &Exporting) -> Result<Answer, Refusal> {
    Ok(match &*locked(&work.state) {
        State::Running => {
            let progress = format!("{} resources counted", work.counted.load(Ordering::Relaxed));
            Answer::empty(StatusCode::ACCEPTED)
                .with(HeaderName::from_static("x-progress"), progress)
        }
        State::Done(files) => Answer::text(
            PLAIN_JSON,
            manifest(&wire.server.base_url, id, work, files).to_string(),
        ),
        State::Failed => return Err(Refusal::JobFailed),
    })
}

fn manifest(base_url: &str, id: &Id, work: &Exporting, files: &[(ExportFile, u64)]) -> Value {
    let told = |wanted: fn(&ExportFile) -> bool| -> Vec<Value> {
        let files = files.iter().filter(|(file, _)| wanted(file));
        let entry = |(file, count): &(ExportFile, u64)| json!({ "type": file.line_type(), "url": format!("{base_url}/_jobs/{id}/{}", file.name()), "count": count });
        files.map(entry).collect()
    };
    json!({
        "transactionTime": format_instant(work.export.transaction_time),
        "request": work.request,
        "requiresAccessToken": false,
        "output": told(|file| matches!(file, ExportFile::Resources(_))),
        "deleted": told(|file| matches!(file, ExportFile::Deleted(_))),
        "error": [],
    })
}

/// A file of a job that is done.
pub(super) fn file(wire: &Wire, call: &Call, id: &Id, file: ExportFile) -> Result<Answer, Refusal> {
    let job = wire.jobs.get(call, id)?;
    if !matches!(&*locked(&job.export()?.state), State::Done(files) if files.iter().any(|(known, _)| *known == file))
    {
        return Err(
            Failure::not_found("this job has no such file: its status tells which it has").into(),
        );
    }
    let packer = encoding::takes_gzip(&call.headers)
        .then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    let is_packed = packer.is_some();
    let (server, readers) = (Arc::clone(&wire.server), Arc::clone(&wire.jobs.readers));
    let lines = Lines::Before(Box::new(Cursor {
        server,
        context: call.context.clone(),
        readers,
        job,
        file,
        from: None,
        packer,
    }));
    let answer = Answer::stream(NDJSON, Body::new(lines));
    Ok(if is_packed {
        answer.with(header::CONTENT_ENCODING, "gzip")
    } else {
        answer
    })
}

/// The lines of a file as a body. A page is read when the one before was taken, so that a client
/// that is slow holds neither a thread nor more memory than for a page.
enum Lines {
    /// The next page is not yet read.
    Before(Box<Cursor>),
    /// It is being read.
    Reading(JoinHandle<Result<Page, Broken>>),
    /// There is none.
    Ended,
}

/// A part of the body, and where it goes on.
type Page = (Vec<u8>, Option<Box<Cursor>>);

/// Where a body is.
struct Cursor {
    server: Arc<Server>,
    context: interactions::Context,
    readers: Arc<Semaphore>,
    job: Arc<Job>,
    file: ExportFile,
    from: Option<Position>,
    packer: Option<GzEncoder<Vec<u8>>>,
}

/// The file cannot be sent to its end: the connection is cut off, so that nobody takes a part for
/// the whole.
#[derive(Debug)]
struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file of an export was cut off: {}", self.0)
    }
}

impl std::error::Error for Broken {}

impl Cursor {
    async fn read(self: Box<Self>) -> Result<Page, Broken> {
        let permit = Arc::clone(&self.readers)
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

    fn read_page(mut self: Box<Self>) -> Result<Page, Broken> {
        if self.job.is_cancelled() {
            return Err(Broken("its job was deleted".into()));
        }
        let work = self
            .job
            .export()
            .map_err(|failure| Broken(format!("{failure:?}")))?;
        let page = work
            .export
            .page(&self.server, &self.context, self.file, self.from)
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

    /// What is ready of the compressed lines.
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

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            match std::mem::replace(&mut *self, Lines::Ended) {
                Lines::Ended => return Poll::Ready(None),
                Lines::Before(cursor) => *self = Lines::Reading(tokio::spawn(cursor.read())),
                Lines::Reading(mut reading) => match Pin::new(&mut reading).poll(context) {
                    Poll::Pending => {
                        *self = Lines::Reading(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(Ok((bytes, next)))) => {
                        *self = next.map_or(Lines::Ended, Lines::Before);
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
