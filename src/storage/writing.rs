//! The one writer: it takes all commits that wait, builds one batch of them, syncs once, and answers them all.
//!
//! After the first error nothing is acknowledged any more, and nothing is tried again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use super::folder::Watermark;
use super::kv::Kv;
use super::record::State;
use super::staging::Group;
use super::{ChangeSet, CommitError, Committed, StoreError};

/// A group is closed when it has so many commits …
const GROUP_COMMITS_MAX: usize = 256;
/// … or when their bodies have so many bytes.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// So many commits can wait before the next one blocks.
const WAITING_MAX: usize = 1_024;
/// How often a commit that waits asks whether the engine is still there.
const HEALTH_INTERVAL: Duration = Duration::from_secs(2);

/// What the writer and the readers share.
pub(super) struct Shared {
    pub(super) kv: Box<dyn Kv>,
    /// What readers see: everything up to it is synced.
    state: Mutex<State>,
    failure: OnceLock<StoreError>,
}

impl Shared {
    pub(super) fn new(kv: Box<dyn Kv>, state: State) -> Self {
        Shared { kv, state: Mutex::new(state), failure: OnceLock::new() }
    }

    /// The state that readers see.
    pub(super) fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// The first error, if there was one.
    pub(super) fn failure(&self) -> Option<&StoreError> {
        self.failure.get()
    }

    /// Remembers the error if it is the first one, and gives the first one back.
    pub(super) fn fail(&self, error: StoreError) -> StoreError {
        self.failure.get_or_init(|| error).clone()
    }
}

/// One commit on its way to the writer.
struct Request {
    changes: ChangeSet,
    answer: SyncSender<Result<Committed, CommitError>>,
}

/// The way to the writer. Dropping it ends the writer, after what waits was written.
pub(super) struct Writer {
    requests: Option<SyncSender<Request>>,
    thread: Option<thread::JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Writer {
    /// Starts the writer.
    pub(super) fn start(shared: Arc<Shared>, watermark: Watermark) -> std::io::Result<Self> {
        let (requests, waiting) = sync_channel(WAITING_MAX);
        let thread = thread::Builder::new().name("store-writer".to_owned()).spawn({
            let shared = shared.clone();
            move || {
                let run = catch_unwind(AssertUnwindSafe(|| write_groups(&shared, &waiting, &watermark)));
                if run.is_err() {
                    shared.fail(StoreError("the writer of the store panicked".to_owned()));
                }
            }
        })?;
        Ok(Writer { requests: Some(requests), thread: Some(thread), shared })
    }

    /// Waits until the commit is synced, or refused.
    pub(super) fn commit(&self, changes: ChangeSet) -> Result<Committed, CommitError> {
        if let Some(failure) = self.shared.failure() {
            return Err(failure.clone().into());
        }
        let (answer, answered) = sync_channel(1);
        let gone = || CommitError::Store(self.shared.fail(StoreError("the writer of the store ended".to_owned())));
        let requests = self.requests.as_ref().ok_or_else(gone)?;
        requests.send(Request { changes, answer }).map_err(|_| gone())?;
        loop {
            match answered.recv_timeout(HEALTH_INTERVAL) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                // An engine whose background work failed can hold the writer for ever.
                Err(RecvTimeoutError::Timeout) => self.shared.kv.health().map_err(|error| self.shared.fail(error))?,
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.requests.take());
        let thread = self.thread.take();
        if let Some(thread) = thread.filter(|thread| self.shared.failure().is_none() || thread.is_finished()) {
            // Its panic was already made known as the store's failure.
            let _ = thread.join();
        }
    }
}

fn write_groups(shared: &Shared, waiting: &Receiver<Request>, watermark: &Watermark) {
    while let Ok(first) = waiting.recv() {
        if shared.failure().is_some() {
            return;
        }
        let requests = gather(first, waiting);
        match write_group(shared, requests) {
            Ok(()) => watermark.raise(shared.state().instant),
            Err(error) => {
                shared.fail(error);
                return;
            }
        }
    }
    watermark.close(shared.state().instant);
}

/// All commits that wait, within the bounds of a group.
fn gather(first: Request, waiting: &Receiver<Request>) -> Vec<Request> {
    let mut bytes = body_bytes(&first.changes);
    let mut requests = vec![first];
    while requests.len() < GROUP_COMMITS_MAX && bytes < GROUP_BYTES_MAX {
        let Ok(request) = waiting.try_recv() else { break };
        bytes += body_bytes(&request.changes);
        requests.push(request);
    }
    requests
}

fn body_bytes(changes: &ChangeSet) -> usize {
    changes.writes.iter().filter_map(|write| write.content.as_ref()).map(|content| content.body.size_bytes()).sum()
}

/// Writes what holds of the group, and answers all of it. After an error nobody is answered: the answers' channels close,
/// and whoever waits finds the failure.
fn write_group(shared: &Shared, requests: Vec<Request>) -> Result<(), StoreError> {
    let mut answers = Vec::with_capacity(requests.len());
    let (batch, state) = {
        let view = shared.kv.view();
        let mut group = Group::new(&*view, shared.state());
        for Request { changes, answer } in requests {
            let result = group.add(changes);
            if let Err(CommitError::Store(error)) = result {
                shared.fail(error.clone());
                return Err(error);
            }
            answers.push((answer, result));
        }
        group.finish()
    };
    if answers.iter().any(|(_, result)| result.is_ok()) {
        // The failure must be known before the channels close.
        shared.kv.apply(batch).map_err(|error| shared.fail(error))?;
        shared.publish(state);
    }
    for (answer, result) in answers {
        // Whoever asked may have gone.
        let _ = answer.send(result);
    }
    Ok(())
}
