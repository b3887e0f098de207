//! `$export`, answered later (<https://hl7.org/fhir/uv/bulkdata/STU2/export.html>): its kick-off, how far it is, and its files.
//!
//! An export is a job that counts the lines of each file, so that its status can tell them. The
//! files are read from the store while they are sent.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{HeaderName, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::jobs::{JobBounds, Work, locked};
use super::lines::{FileLines, Source};
use crate::fhir::dates::format_instant;
use crate::fhir::{Id, counted};
use crate::http::answer::Answer;
use crate::http::bundle::address;
use crate::http::call::Call;
use crate::http::error::Refusal;
use crate::http::media::PLAIN_JSON;
use crate::http::{Wire, encoding};
use crate::interactions::Failure;
use crate::interactions::export::Export;
use crate::interactions::scopes::ExportFile;

/// The media type of the files.
const NDJSON: &str = "application/fhir+ndjson";

/// The bounds on exports and what is counted for them.
const BOUNDS: JobBounds = JobBounds {
    kind: "export",
    jobs_max: 16,
    lifetime: SignedDuration::from_hours(6),
};

/// The files that have a line, and how many each has.
type Counts = Vec<(ExportFile, u64)>;

/// An export as a job.
struct Exporting {
    /// The address by which it was asked for.
    request: String,
    source: Arc<Source>,
    /// The number of lines that were counted so far.
    counted: AtomicU64,
    progress: Mutex<ExportProgress>,
}

/// The progress of an export.
enum ExportProgress {
    Running,
    Done(Counts),
    Failed,
}

/// Begins an export: 202, and where its status is.
pub(in crate::http) fn begin(wire: &Wire, call: &Call, export: Export) -> Result<Answer, Refusal> {
    let server = &wire.server;
    let work = Arc::new(Exporting {
        request: address(call.base_url(server), export.path(), &call.query),
        source: Arc::new(Source {
            server: Arc::clone(server),
            context: call.context.clone(),
            export,
            readers: Arc::clone(&wire.jobs.readers),
            is_cancelled: AtomicBool::new(false),
        }),
        counted: AtomicU64::new(0),
        progress: Mutex::new(ExportProgress::Running),
    });
    let answer = wire
        .jobs
        .begin(call.base_url(server), call, Arc::clone(&work) as _)?;
    let counters = Arc::clone(&wire.jobs.counters);
    tokio::spawn(async move {
        // One after the other; nobody closes it.
        let _turn = counters.acquire_owned().await;
        let counting = Arc::clone(&work);
        let progress = match spawn_blocking(move || counting.count()).await {
            Ok(Ok(files)) => ExportProgress::Done(files),
            Ok(Err(failure)) => {
                tracing::error!("an export failed: {failure:?}");
                ExportProgress::Failed
            }
            Err(_) => {
                tracing::error!("an export panicked");
                ExportProgress::Failed
            }
        };
        *locked(&work.progress) = progress;
    });
    Ok(answer)
}

impl Exporting {
    /// Counts the lines of each file, until the job is cancelled.
    fn count(&self) -> Result<Counts, Failure> {
        let mut files = Vec::new();
        let source = &self.source;
        for file in source.export.files() {
            let (mut lines, mut from) = (0, None);
            loop {
                if source.is_cancelled.load(Ordering::SeqCst) {
                    return Ok(Vec::new());
                }
                let page = source
                    .export
                    .page(&source.server, &source.context, file, from)?;
                lines += page.count;
                self.counted.fetch_add(page.count, Ordering::Relaxed);
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

    fn manifest(&self, id: &Id, files: &[(ExportFile, u64)]) -> Value {
        let base_url = self.source.server.base_of(&self.source.context);
        let told = |wanted: fn(&ExportFile) -> bool| -> Vec<Value> {
            let files = files.iter().filter(|(file, _)| wanted(file));
            let entry = |(file, count): &(ExportFile, u64)| json!({ "type": file.line_type(), "url": format!("{base_url}/_jobs/{id}/{}", file.name()), "count": count });
            files.map(entry).collect()
        };
        json!({
            "transactionTime": format_instant(self.source.export.transaction_time),
            "request": self.request,
            "requiresAccessToken": false,
            "output": told(|file| matches!(file, ExportFile::Resources(_))),
            "deleted": told(|file| matches!(file, ExportFile::Deleted(_))),
            "error": [],
        })
    }
}

impl Work for Exporting {
    fn bounds(&self) -> &'static JobBounds {
        &BOUNDS
    }

    /// Returns its manifest when it is done.
    fn status(&self, id: &Id) -> Result<Answer, Refusal> {
        Ok(match &*locked(&self.progress) {
            ExportProgress::Running => {
                let progress = self.counted.load(Ordering::Relaxed);
                let progress = format!("{} counted", counted(progress, "resource"));
                Answer::empty(StatusCode::ACCEPTED)
                    .with(HeaderName::from_static("x-progress"), progress)
            }
            ExportProgress::Done(files) => {
                Answer::text(PLAIN_JSON, self.manifest(id, files).to_string())
            }
            ExportProgress::Failed => return Err(Refusal::JobFailed),
        })
    }

    fn cancel(&self) {
        self.source.is_cancelled.store(true, Ordering::SeqCst);
    }

    fn file(self: Arc<Self>, call: &Call, file: ExportFile) -> Result<Answer, Refusal> {
        let is_there = matches!(&*locked(&self.progress), ExportProgress::Done(files) if files.iter().any(|(known, _)| *known == file));
        if !is_there {
            let text = "this job has no such file: its status tells which it has";
            return Err(Failure::not_found(text).into());
        }
        let is_packed = encoding::takes_gzip(&call.headers);
        let lines = FileLines::of(Arc::clone(&self.source), file, is_packed);
        let answer = Answer::stream(NDJSON, Body::new(lines));
        Ok(if is_packed {
            answer.with(header::CONTENT_ENCODING, "gzip")
        } else {
            answer
        })
    }
}
