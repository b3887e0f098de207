//! What is answered later (<https://hl7.org/fhir/R4/async.html>): the jobs of a server, their status and their end.
//!
//! A job is an export (`bulk`), a request that the client does not want to wait for (`later`), or a
//! `$reindex` (`reindex`). To ask for its status changes nothing, however often. Jobs are known to
//! this process only: after a restart they are gone, and what they had committed stays.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{Method, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use super::answer::{Answer, http_date};
use super::error::Refusal;
use super::negotiation::PREFERENCE_APPLIED;
use super::routes::Call;
use super::{Wire, bulk, later, reindex};
use crate::fhir::Id;
use crate::interactions::{Failure, Principal};

/// How many exports there may be, those that are done and not yet deleted included; and how many of
/// `$reindex`.
const EXPORTS_MAX: usize = 16;
/// How long each of these is kept after it was asked for.
const EXPORT_LIFETIME: SignedDuration = SignedDuration::from_hours(6);
/// How many requests that are answered later there may be, likewise.
const REQUESTS_MAX: usize = 64;
/// How long such a request and its answer are kept after it was asked for.
const REQUEST_LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// How many bytes of bodies and answers are kept when another request is taken.
const KEPT_BYTES_MAX: usize = 128 * 1024 * 1024;
/// How many files of exports are read from the store at once; more are read in turn.
const READERS_MAX: usize = 8;
/// How many requests that are answered later are worked on at once; more wait for their turn.
const WORKERS_MAX: usize = 4;

/// The jobs of a server.
pub(super) struct Jobs {
    all: Mutex<BTreeMap<Id, Arc<Job>>>,
    pub(super) readers: Arc<Semaphore>,
    pub(super) workers: Arc<Semaphore>,
}

/// What is answered later.
pub(super) struct Job {
    /// Who asked for it, and alone may know of it.
    principal: Principal,
    expires: Timestamp,
    is_cancelled: AtomicBool,
    pub(super) work: Work,
}

/// What a job does.
pub(super) enum Work {
    /// It counts what will be exported.
    Export(bulk::Exporting),
    /// It answers a request.
    Request(later::Request),
    /// It makes the search index anew.
    Reindex(Arc<reindex::Reindexing>),
}

impl Default for Jobs {
    fn default() -> Self {
        let (readers, workers) = (
            Arc::new(Semaphore::new(READERS_MAX)),
            Arc::new(Semaphore::new(WORKERS_MAX)),
        );
        Jobs {
            all: Mutex::default(),
            readers,
            workers,
        }
    }
}

impl Job {
    /// True if nobody will ask for its answer any more.
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::SeqCst)
    }

    fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
        match &self.work {
            // It looks by itself, before each page.
            Work::Export(_) => {}
            Work::Request(request) => request.context.abandon(),
            Work::Reindex(work) => work.cancel(),
        }
    }

    /// The export that it is.
    ///
    /// # Errors
    /// `NotFound` if it is none: it has no files.
    pub(super) fn export(&self) -> Result<&bulk::Exporting, Failure> {
        match &self.work {
            Work::Export(export) => Ok(export),
            Work::Request(_) | Work::Reindex(_) => Err(Failure::not_found(
                "this job has no files: its status has the answer",
            )),
        }
    }

    fn kept_bytes(&self) -> usize {
        match &self.work {
            Work::Export(_) | Work::Reindex(_) => 0,
            Work::Request(request) => request.kept_bytes(),
        }
    }
}

impl Jobs {
    /// All jobs that are not too old.
    fn kept(&self, now: Timestamp) -> MutexGuard<'_, BTreeMap<Id, Arc<Job>>> {
        let mut all = locked(&self.all);
        all.retain(|_, job| {
            let is_kept = now < job.expires;
            if !is_kept {
                job.cancel();
            }
            is_kept
        });
        all
    }

    /// The job of that id, if the same principal asked for it.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub(super) fn get(&self, call: &Call, id: &Id) -> Result<Arc<Job>, Failure> {
        let known = self.kept(call.context.now).get(id).cloned();
        let own = known.filter(|job| job.principal == call.context.principal);
        own.ok_or_else(|| {
            Failure::not_found(
                "there is no such job: it expired, was deleted, or ended with the process",
            )
        })
    }

    /// Keeps a new job; answers it, and what the client is told: 202, and where its status is.
    ///
    /// # Errors
    /// `TooManyJobs`
    pub(super) fn begin(
        &self,
        wire: &Wire,
        call: &Call,
        work: Work,
    ) -> Result<(Arc<Job>, Answer), Refusal> {
        let (lifetime, most) = match work {
            Work::Export(_) | Work::Reindex(_) => (EXPORT_LIFETIME, EXPORTS_MAX),
            Work::Request(_) => (REQUEST_LIFETIME, REQUESTS_MAX),
        };
        let expires = call
            .context
            .now
            .checked_add(lifetime)
            .unwrap_or(Timestamp::MAX);
        let job = Arc::new(Job {
            principal: call.context.principal.clone(),
            expires,
            is_cancelled: AtomicBool::new(false),
            work,
        });
        let id = (call.context.new_id)();
        let mut all = self.kept(call.context.now);
        let like_it = all
            .values()
            .filter(|kept| discriminant(&kept.work) == discriminant(&job.work));
        let kept_bytes: usize = all
            .values()
            .chain([&job])
            .map(|kept| kept.kept_bytes())
            .sum();
        if like_it.count() >= most || kept_bytes > KEPT_BYTES_MAX && job.kept_bytes() > 0 {
            return Err(Refusal::TooManyJobs);
        }
        all.insert(id.clone(), Arc::clone(&job));
        drop(all);
        let answer = Answer::empty(StatusCode::ACCEPTED).with(
            header::CONTENT_LOCATION,
            format!("{}/_jobs/{id}", wire.server.base_url),
        );
        Ok((job, answer.with(PREFERENCE_APPLIED, "respond-async")))
    }
}

/// The content of a mutex: what a panic left is as good as what came before it.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The status of a job, or its end.
pub(super) fn status(wire: &Wire, call: &Call, id: &Id) -> Result<Answer, Refusal> {
    let job = wire.jobs.get(call, id)?;
    if call.method == Method::DELETE {
        job.cancel();
        wire.jobs.kept(call.context.now).remove(id);
        return Ok(Answer::empty(StatusCode::ACCEPTED));
    }
    let answer = match &job.work {
        Work::Export(export) => bulk::status(wire, id, export)?,
        Work::Request(request) => request.status()?,
        Work::Reindex(work) => work.status(wire, call)?,
    };
    let answer = if answer.status() == StatusCode::ACCEPTED {
        answer.with(header::RETRY_AFTER, "1")
    } else {
        answer
    };
    Ok(answer.with(header::EXPIRES, http_date(job.expires)))
}
