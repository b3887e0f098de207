//! `$reindex`, answered later: its kick-off, and how far it is. What is done is
//! `interactions::reindex`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use axum::http::{HeaderName, StatusCode};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::answer::Answer;
use super::error::Refusal;
use super::jobs::{Work, locked};
use super::routes::{Call, no_parameters, sent_resource};
use super::{Wire, bundle, negotiation};
use crate::fhir::IssueCode;
use crate::interactions::reindex::{self, ReindexFrom, Reindexed, Wish};
use crate::interactions::{Context, Failure, Server, overview};

/// A `$reindex` as a job.
pub(super) struct Reindexing {
    is_cancelled: AtomicBool,
    done: Mutex<Reindexed>,
    state: Mutex<State>,
}

/// How far it is.
enum State {
    Running,
    Done,
    /// It failed, or the server stops.
    Ended,
}

/// The kick-off: 202, and where the status is, as soon as the first step is done.
pub(super) fn begin(wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
    if negotiation::preference(&call.headers, "respond-async").is_none() {
        return Err(Failure::bad_request(
            IssueCode::Required,
            "expected 'Prefer: respond-async': $reindex is answered later",
        )
        .into());
    }
    let mut parameters = call.query.clone();
    if !call.body.is_empty() {
        parameters.extend(reindex::parameters(&sent_resource(call)?)?);
    }
    no_parameters(call, &parameters)?;
    let work = Reindexing {
        is_cancelled: AtomicBool::new(false),
        done: Mutex::default(),
        state: Mutex::new(State::Running),
    };
    let work = Arc::new(work);
    let (began, begins) = sync_channel(1);
    let (server, running) = (Arc::clone(&wire.server), Arc::clone(&work));
    let context = call.context.clone();
    let task = Arc::clone(&work);
    tokio::spawn(async move {
        if spawn_blocking(move || running.run(&server, &context, &began))
            .await
            .is_err()
        {
            tracing::error!("$reindex panicked");
            *locked(&task.state) = State::Ended;
        }
    });
    begins.recv().map_err(|_| Refusal::Bug)??;
    match wire
        .jobs
        .begin(wire, call, Work::Reindex(Arc::clone(&work)))
    {
        Ok((_, answer)) => Ok(answer),
        Err(refusal) => {
            work.cancel();
            Err(refusal)
        }
    }
}

impl Reindexing {
    /// Ends it before its next step.
    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
    }

    /// Does it all, and says that it began, or why it did not.
    fn run(&self, server: &Server, context: &Context, began: &SyncSender<Result<(), Failure>>) {
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
        let state = match reindex::reindex(server, context, ReindexFrom::Beginning, watch) {
            Ok(Some(_)) => State::Done,
            Ok(None) => State::Ended,
            Err(failure) => {
                if began.try_send(Err(failure.clone())).is_err() {
                    tracing::error!("$reindex failed: {failure:?}");
                }
                State::Ended
            }
        };
        *locked(&self.state) = state;
    }

    /// How far it is: what it did when it is done.
    pub(super) fn status(&self, wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
        let done = *locked(&self.done);
        match &*locked(&self.state) {
            State::Running => {
                let changes = overview::changes(&wire.server, &call.context)?;
                let progress = format!(
                    "{} of {changes} versions and {} keys looked at",
                    done.versions, done.keys
                );
                Ok(Answer::empty(StatusCode::ACCEPTED)
                    .with(HeaderName::from_static("x-progress"), progress))
            }
            State::Done => Ok(Answer::fhir(
                StatusCode::OK,
                bundle::later(&Answer::made(&told(done))),
            )),
            State::Ended => Err(Refusal::JobFailed),
        }
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
