//! `$reindex`, answered later: its kick-off, and how far it is. The work itself is
//! `interactions::reindex`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use axum::http::{HeaderName, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::jobs::{JobBounds, Work, locked};
use crate::fhir::{Id, counted};
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::error::Refusal;
use crate::http::{Wire, bundle};
use crate::interactions::upkeep::reindex;
use crate::interactions::upkeep::reindex::{ReindexFrom, Reindexed, Wish};
use crate::interactions::{Context, Failure, Server, overview};

/// The bounds on `$reindex`.
const BOUNDS: JobBounds = JobBounds {
    kind: "$reindex",
    jobs_max: 16,
    lifetime: SignedDuration::from_hours(6),
};

/// A `$reindex` as a job.
struct Reindexing {
    server: Arc<Server>,
    context: Context,
    is_cancelled: AtomicBool,
    done: Mutex<Reindexed>,
    progress: Mutex<ReindexProgress>,
}

/// The progress of a `$reindex`.
enum ReindexProgress {
    Running,
    Done,
    /// It failed, or the server stops.
    Ended,
}

/// Begins it: 202, and where the status is, as soon as the first step is done.
pub(in crate::http) fn begin(wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
    let work = Arc::new(Reindexing {
        server: Arc::clone(&wire.server),
        context: call.context.clone(),
        is_cancelled: AtomicBool::new(false),
        done: Mutex::default(),
        progress: Mutex::new(ReindexProgress::Running),
    });
    let (began, begins) = sync_channel(1);
    let (running, task) = (Arc::clone(&work), Arc::clone(&work));
    tokio::spawn(async move {
        if spawn_blocking(move || running.run(&began)).await.is_err() {
            tracing::error!("$reindex panicked");
            *locked(&task.progress) = ReindexProgress::Ended;
        }
    });
    begins.recv().map_err(|_| Refusal::Bug)??;
    let begun = wire
        .jobs
        .begin(call.base_url(&wire.server), call, Arc::clone(&work) as _);
    if begun.is_err() {
        work.cancel();
    }
    begun
}

impl Reindexing {
    /// Does it all, and says that it began, or why it did not.
    fn run(&self, began: &SyncSender<Result<(), Failure>>) {
        let server = &self.server;
        let watch = &mut |done: &Reindexed| {
            *locked(&self.done) = *done;
            // Only the first one is waited for.
            let _ = began.try_send(Ok(()));
            match (
                self.is_cancelled.load(Ordering::SeqCst),
                server.is_stopping.load(Ordering::SeqCst),
            ) {
                (true, _) => Wish::GiveUp,
                (_, true) => Wish::Pause,
                _ => Wish::GoOn,
            }
        };
        let progress = match reindex::reindex(server, &self.context, ReindexFrom::Beginning, watch)
        {
            Ok(Some(_)) => ReindexProgress::Done,
            Ok(None) => ReindexProgress::Ended,
            Err(failure) => {
                if began.try_send(Err(failure.clone())).is_err() {
                    tracing::error!("$reindex failed: {failure:?}");
                }
                ReindexProgress::Ended
            }
        };
        *locked(&self.progress) = progress;
    }
}

impl Work for Reindexing {
    fn bounds(&self) -> &'static JobBounds {
        &BOUNDS
    }

    /// Returns how much was looked at and mended when it is done.
    fn status(&self, _id: &Id) -> Result<Answer, Refusal> {
        let done = *locked(&self.done);
        match &*locked(&self.progress) {
            ReindexProgress::Running => {
                let changes = overview::changes(&self.server, &self.context)?;
                let progress = format!(
                    "{} of {} and {} looked at",
                    done.versions,
                    counted(changes, "version"),
                    counted(done.keys, "key")
                );
                Ok(Answer::empty(StatusCode::ACCEPTED)
                    .with(HeaderName::from_static("x-progress"), progress))
            }
            ReindexProgress::Done => Ok(Answer::fhir(
                StatusCode::OK,
                bundle::later(&Answer::made(&told(done))),
            )),
            ReindexProgress::Ended => Err(Refusal::JobFailed),
        }
    }

    fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
    }
}

fn told(done: Reindexed) -> Value {
    let Reindexed {
        versions,
        mended,
        keys,
        foreign,
    } = done;
    let counts = [
        ("versions", versions),
        ("mended", mended),
        ("keys", keys),
        ("foreign", foreign),
    ];
    let parameters = counts.map(|(name, count)| json!({ "name": name, "valueInteger": count }));
    json!({ "resourceType": "Parameters", "parameter": parameters })
}
