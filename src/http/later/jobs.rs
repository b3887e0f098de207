//! The jobs of a server: their status and their end.
//!
//! To ask for the status of a job changes nothing, however often. Jobs are known to this process
//! only: after a restart they are gone, and what they had committed stays.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use crate::fhir::Id;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::error::Refusal;
use crate::http::media::{PREFERENCE_APPLIED, http_date};
use crate::interactions::scopes::ExportFile;
use crate::interactions::{Context, Failure, Principal};

/// The most bytes of bodies and answers that are kept when another request is taken.
const KEPT_BYTES_MAX: usize = 128 * 1024 * 1024;
/// The most files of exports that are read from the store at once, and the most exports that are
/// counted; more wait for their turn.
const READERS_MAX: usize = 1;
/// The most requests answered later that are worked on at once; more wait for their turn.
const WORKERS_MAX: usize = 4;

/// A piece of work that is answered later.
pub(in crate::http) trait Work: Send + Sync {
    /// Returns the bounds on how many of its kind are kept, and for how long.
    fn bounds(&self) -> &'static JobBounds;

    /// Returns how far it is (202), or its answer; `id` is that of its job.
    ///
    /// # Errors
    /// `JobFailed`
    fn status(&self, id: &Id) -> Result<Answer, Refusal>;

    /// Ends it before its next step: nobody will ask for its answer any more.
    fn cancel(&self);

    /// Returns how many bytes are kept for it.
    fn kept_bytes(&self) -> usize {
        0
    }

    /// Answers with one of its files.
    ///
    /// # Errors
    /// `NotFound` if it has no such file.
    fn file(self: Arc<Self>, _call: &Call, _file: ExportFile) -> Result<Answer, Refusal> {
        let text = "this job has no files: its status has the answer";
        Err(Failure::not_found(text).into())
    }
}

/// The bounds on jobs of one kind.
#[derive(PartialEq, Eq)]
pub(in crate::http) struct JobBounds {
    /// The name of the kind.
    pub(super) kind: &'static str,
    /// The most that there may be, those that are done and not yet deleted included.
    pub(super) jobs_max: usize,
    /// The time for which each is kept after it was asked for.
    pub(super) lifetime: SignedDuration,
}

/// The jobs of a server.
pub(in crate::http) struct Jobs {
    all: Mutex<BTreeMap<Id, Arc<Job>>>,
    pub(super) readers: Arc<Semaphore>,
    pub(super) counters: Arc<Semaphore>,
    pub(super) workers: Arc<Semaphore>,
}

/// A piece of work, kept until a certain time.
struct Job {
    expires: Timestamp,
    /// The principal that asked for it, and alone may know of it.
    principal: Principal,
    work: Arc<dyn Work>,
}

impl Default for Jobs {
    fn default() -> Self {
        Jobs {
            all: Mutex::default(),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            counters: Arc::new(Semaphore::new(READERS_MAX)),
            workers: Arc::new(Semaphore::new(WORKERS_MAX)),
        }
    }
}

impl Jobs {
    /// Keeps a new job; returns what the client is told: 202, and where its status is.
    ///
    /// # Errors
    /// `TooManyJobs`; `Busy` if nobody waits for it any more.
    pub(super) fn begin(
        &self,
        base_url: &str,
        call: &Call,
        work: Arc<dyn Work>,
    ) -> Result<Answer, Refusal> {
        let (now, bounds) = (call.context.now, work.bounds());
        let expires = now.checked_add(bounds.lifetime).unwrap_or(Timestamp::MAX);
        let job = Arc::new(Job {
            expires,
            principal: call.context.principal.clone(),
            work,
        });
        let id = (call.context.new_id)();
        let mut all = self.kept(now);
        let like_it = all.values().filter(|kept| kept.work.bounds() == bounds);
        let kept_bytes: usize = all
            .values()
            .chain([&job])
            .map(|kept| kept.work.kept_bytes())
            .sum();
        if like_it.count() >= bounds.jobs_max
            || kept_bytes > KEPT_BYTES_MAX && job.work.kept_bytes() > 0
        {
            return Err(Refusal::TooManyJobs);
        }
        if !call.context.takes_effect() {
            return Err(Failure::Busy.into());
        }
        all.insert(id.clone(), job);
        let answer = Answer::empty(StatusCode::ACCEPTED)
            .with(header::CONTENT_LOCATION, format!("{base_url}/_jobs/{id}"));
        Ok(answer.with(PREFERENCE_APPLIED, "respond-async"))
    }

    /// Answers with the status of a job.
    ///
    /// # Errors
    /// `NotFound` if there is none, `JobFailed`.
    pub(in crate::http) fn status(&self, context: &Context, id: &Id) -> Result<Answer, Refusal> {
        let job = self.get(context, id)?;
        let answer = job.work.status(id)?;
        let answer = if answer.status() == StatusCode::ACCEPTED {
            answer.with(header::RETRY_AFTER, "1")
        } else {
            answer
        };
        Ok(answer.with(header::EXPIRES, http_date(job.expires)))
    }

    /// Ends a job, and forgets it.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub(in crate::http) fn end(&self, context: &Context, id: &Id) -> Result<Answer, Refusal> {
        self.get(context, id)?.work.cancel();
        self.kept(context.now).remove(id);
        Ok(Answer::empty(StatusCode::ACCEPTED))
    }

    /// Answers with a file of a job.
    ///
    /// # Errors
    /// `NotFound` if there is no such job, or none with that file.
    pub(in crate::http) fn file(
        &self,
        call: &Call,
        id: &Id,
        file: ExportFile,
    ) -> Result<Answer, Refusal> {
        let job = self.get(&call.context, id)?;
        Arc::clone(&job.work).file(call, file)
    }

    fn get(&self, context: &Context, id: &Id) -> Result<Arc<Job>, Failure> {
        let known = self.kept(context.now).get(id).cloned();
        let own = known.filter(|job| job.principal == context.principal);
        own.ok_or_else(|| {
            Failure::not_found(
                "there is no such job: it expired, was deleted, or ended with the process",
            )
        })
    }

    /// Returns all jobs that are not too old.
    fn kept(&self, now: Timestamp) -> MutexGuard<'_, BTreeMap<Id, Arc<Job>>> {
        let mut all = locked(&self.all);
        all.retain(|_, job| {
            let is_kept = now < job.expires;
            if !is_kept {
                job.work.cancel();
            }
            is_kept
        });
        all
    }
}

/// Returns the content of a mutex: what a panic left is as good as what came before it.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
