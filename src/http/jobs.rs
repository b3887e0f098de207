//! What is answered before it is done (<https://hl7.org/fhir/R4/async.html>): `$export`, its status, its files, and its end
//! (<https://hl7.org/fhir/uv/bulkdata/STU2/export.html>).
//!
//! A job is a few numbers: which commit it shows, and how many lines each of its files has. The files are read from the store while they are
//! sent. Jobs are known to this process only: after a restart they are gone, and an export has to be asked for again.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderName, Method, StatusCode, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Frame;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};

use super::answer::{Answer, PLAIN_JSON, http_date};
use super::bundle::address;
use super::error::Refusal;
use super::routes::{Call, sent_resource};
use super::{Wire, encoding, negotiation};
use crate::fhir::dates::format_instant;
use crate::fhir::{Id, IssueCode};
use crate::interactions::export::{self, Export, ExportFile, ExportScope};
use crate::interactions::{Failure, Position, Server};

/// How many jobs there may be, those that are done and not yet deleted included.
const JOBS_MAX: usize = 16;
/// How long a job is kept after it was asked for.
const LIFETIME: SignedDuration = SignedDuration::from_hours(6);
/// How many files are read from the store at once; more are read in turn.
const READERS_MAX: usize = 8;
/// The media type of the files.
const NDJSON: &str = "application/fhir+ndjson";

/// The jobs of a server.
pub(super) struct Jobs {
    all: Mutex<BTreeMap<Id, Arc<Job>>>,
    readers: Arc<Semaphore>,
}

/// One export.
struct Job {
    /// The address by which it was asked for.
    request: String,
    export: Export,
    expires: Timestamp,
    is_cancelled: AtomicBool,
    /// How many lines were counted so far.
    counted: AtomicU64,
    state: Mutex<State>,
}

/// How far a job is.
enum State {
    Running,
    /// The files that have a line, and how many each has.
    Done(Vec<(ExportFile, u64)>),
    Failed,
}

impl Default for Jobs {
    fn default() -> Self {
        Jobs { all: Mutex::default(), readers: Arc::new(Semaphore::new(READERS_MAX)) }
    }
}

impl Jobs {
    /// All jobs that are not too old.
    fn kept(&self, now: Timestamp) -> MutexGuard<'_, BTreeMap<Id, Arc<Job>>> {
        let mut all = locked(&self.all);
        all.retain(|_, job| {
            let is_kept = now < job.expires;
            job.is_cancelled.fetch_or(!is_kept, Ordering::SeqCst);
            is_kept
        });
        all
    }

    fn get(&self, call: &Call, id: &Id) -> Result<Arc<Job>, Failure> {
        let known = self.kept(call.moment.now).get(id).cloned();
        known.ok_or_else(|| Failure::not_found("there is no such job: it expired, was deleted, or ended with the process"))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The kick-off of an export: 202, and where its status is.
pub(super) fn export(wire: &Wire, call: &Call, scope: ExportScope, path: &str) -> Result<Answer, Refusal> {
    if negotiation::preference(&call.headers, "respond-async").is_none() {
        return Err(Failure::bad_request(IssueCode::Required, "expected 'Prefer: respond-async': an export is answered later").into());
    }
    let (_, lenient) = negotiation::prefer(&call.headers);
    let mut parameters = call.query.clone();
    if call.method == Method::POST && !call.body.is_empty() {
        parameters.extend(export::parameters(&sent_resource(call)?)?);
    }
    let request = export::read_request(scope, &parameters, lenient)?;
    let job = Arc::new(Job {
        request: address(&wire.server.base_url, path, &call.query),
        export: export::begin(&wire.server, &call.moment, request)?,
        expires: call.moment.now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX),
        is_cancelled: AtomicBool::new(false),
        counted: AtomicU64::new(0),
        state: Mutex::new(State::Running),
    });
    let id = (call.moment.new_id)();
    let mut jobs = wire.jobs.kept(call.moment.now);
    if jobs.len() >= JOBS_MAX {
        return Err(Refusal::TooManyJobs);
    }
    jobs.insert(id.clone(), Arc::clone(&job));
    drop(jobs);
    let server = Arc::clone(&wire.server);
    tokio::spawn(async move {
        let counting = Arc::clone(&job);
        let state = match spawn_blocking(move || count(&server, &counting)).await {
            Ok(Ok(files)) => State::Done(files),
            Ok(Err(failure)) => {
                tracing::error!("an export failed: {failure:?}");
                State::Failed
            }
            Err(panic) => {
                tracing::error!("an export panicked: {panic}");
                State::Failed
            }
        };
        *locked(&job.state) = state;
    });
    let status = format!("{}/_jobs/{id}", wire.server.base_url);
    Ok(Answer::empty(StatusCode::ACCEPTED).with(header::CONTENT_LOCATION, status))
}

/// Counts the lines of each file, until the job is cancelled.
fn count(server: &Server, job: &Job) -> Result<Vec<(ExportFile, u64)>, Failure> {
    let mut files = Vec::new();
    for file in job.export.files() {
        let (mut lines, mut from) = (0, None);
        loop {
            if job.is_cancelled.load(Ordering::SeqCst) {
                return Ok(Vec::new());
            }
            let page = job.export.page(server, file, from)?;
            lines += page.count;
            job.counted.fetch_add(page.count, Ordering::Relaxed);
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

/// The status of a job, or its end.
pub(super) fn status(wire: &Wire, call: &Call, id: &Id) -> Result<Answer, Refusal> {
    let job = wire.jobs.get(call, id)?;
    if call.method == Method::DELETE {
        job.is_cancelled.store(true, Ordering::SeqCst);
        wire.jobs.kept(call.moment.now).remove(id);
        return Ok(Answer::empty(StatusCode::ACCEPTED));
    }
    let answer = match &*locked(&job.state) {
        State::Running => {
            let progress = format!("{} resources counted", job.counted.load(Ordering::Relaxed));
            let answer = Answer::empty(StatusCode::ACCEPTED).with(HeaderName::from_static("x-progress"), progress);
            answer.with(header::RETRY_AFTER, "1")
        }
        State::Done(files) => Answer::text(PLAIN_JSON, manifest(&wire.server.base_url, id, &job, files).to_string()),
        State::Failed => return Err(Refusal::JobFailed),
    };
    Ok(answer.with(header::EXPIRES, http_date(job.expires)))
}

fn manifest(base_url: &str, id: &Id, job: &Job, files: &[(ExportFile, u64)]) -> Value {
    let told = |wanted: fn(&ExportFile) -> bool| -> Vec<Value> {
        let files = files.iter().filter(|(file, _)| wanted(file));
        let entry = |(file, count): &(ExportFile, u64)| json!({ "type": file.line_type(), "url": format!("{base_url}/_jobs/{id}/{}", file.name()), "count": count });
        files.map(entry).collect()
    };
    json!({
        "transactionTime": format_instant(job.export.transaction_time),
        "request": job.request,
        "requiresAccessToken": false,
        "output": told(|file| matches!(file, ExportFile::Resources(_))),
        "deleted": told(|file| matches!(file, ExportFile::Deleted(_))),
        "error": [],
    })
}

/// A file of a job that is done.
pub(super) fn file(wire: &Wire, call: &Call, id: &Id, file: ExportFile) -> Result<Answer, Refusal> {
    let job = wire.jobs.get(call, id)?;
    if !matches!(&*locked(&job.state), State::Done(files) if files.iter().any(|(known, _)| *known == file)) {
        return Err(Failure::not_found("this job has no such file: its status tells which it has").into());
    }
    let packer = encoding::takes_gzip(&call.headers).then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    let is_packed = packer.is_some();
    let (server, readers) = (Arc::clone(&wire.server), Arc::clone(&wire.jobs.readers));
    let lines = Lines::Before(Box::new(Cursor { server, readers, job, file, from: None, packer }));
    let answer = Answer::stream(NDJSON, Body::new(lines));
    Ok(if is_packed { answer.with(header::CONTENT_ENCODING, "gzip") } else { answer })
}

/// The lines of a file as a body. A page is read when the one before was taken, so that a client that is slow holds neither a thread nor
/// more memory than for a page.
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
    readers: Arc<Semaphore>,
    job: Arc<Job>,
    file: ExportFile,
    from: Option<Position>,
    packer: Option<GzEncoder<Vec<u8>>>,
}

/// The file cannot be sent to its end: the connection is cut off, so that nobody takes a part for the whole.
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
        let permit = Arc::clone(&self.readers).acquire_owned().await.map_err(|_| Broken("the server stops".into()))?;
        let work = spawn_blocking(move || {
            let _held_until_read = permit;
            self.read_page()
        });
        work.await.map_err(|panic| Broken(panic.to_string()))?
    }

    fn read_page(mut self: Box<Self>) -> Result<Page, Broken> {
        if self.job.is_cancelled.load(Ordering::SeqCst) {
            return Err(Broken("its job was deleted".into()));
        }
        let page = self.job.export.page(&self.server, self.file, self.from).map_err(|failure| Broken(format!("{failure:?}")))?;
        self.from = page.next;
        let has_ended = page.next.is_none();
        let bytes = match self.packer.take() {
            None => page.lines,
            Some(packer) => self.packed(packer, &page.lines, has_ended).map_err(|error| Broken(error.to_string()))?,
        };
        Ok((bytes, (!has_ended).then_some(self)))
    }

    /// What is ready of the compressed lines.
    fn packed(&mut self, mut packer: GzEncoder<Vec<u8>>, lines: &[u8], has_ended: bool) -> std::io::Result<Vec<u8>> {
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

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
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
                    Poll::Ready(Err(panic)) => return Poll::Ready(Some(Err(Broken(panic.to_string())))),
                },
            }
        }
    }
}
