//! The one writer: it takes all commits that wait, and at most one step of making the index anew,
//! builds one batch of them, syncs once, and answers them all.
//!
//! After the first error nothing is acknowledged any more, and nothing is tried again.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use super::folder::Watermark;
use super::held_versions::HeldVersions;
use super::kv::{Kv, Table};
use super::prepared::PreparedCommit;
use super::record::StoreState;
use super::reindex::{IndexState, ReindexStep};
use super::staging::CommitGroup;
use crate::storage::{ChangeSet, CommitError, Committed, StoreError};

/// The number of commits with which a group is closed …
const GROUP_COMMITS_MAX: usize = 256;
/// … or the number of bytes that their bodies and index entries have then.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The number of commits that can wait before the next one blocks.
const WAITING_MAX: usize = 1_024;
/// The interval at which a commit that waits asks whether the engine is still there.
const HEALTH_INTERVAL: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 2_000 });

/// The number of damaged records that are remembered.
const DAMAGE_MAX: usize = 1_000;

/// The state that the writer and the readers share.
pub(super) struct StoreCore {
    pub(super) kv: Box<dyn Kv>,
    /// The state that readers see: everything up to it is synced.
    state: Mutex<StoreState>,
    index: Mutex<IndexState>,
    /// Last versions of the state that readers see.
    pub(super) held: HeldVersions,
    failure: OnceLock<StoreError>,
    /// Calls to make when the store fails.
    on_failure: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    /// The damage, as far as it was met.
    damage: Mutex<BTreeSet<String>>,
    /// The number of requests that wait for the writer.
    waiting: AtomicUsize,
}

impl StoreCore {
    pub(super) fn new(
        kv: Box<dyn Kv>,
        state: StoreState,
        index: IndexState,
        held: HeldVersions,
    ) -> Self {
        StoreCore {
            kv,
            state: Mutex::new(state),
            index: Mutex::new(index),
            held,
            failure: OnceLock::new(),
            on_failure: Mutex::default(),
            damage: Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Locks what is known of the index.
    pub(super) fn index(&self) -> MutexGuard<'_, IndexState> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the state that readers see.
    pub(super) fn state(&self) -> StoreState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, state: StoreState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Returns the first error, if there was one.
    pub(super) fn failure(&self) -> Option<&StoreError> {
        self.failure.get()
    }

    /// Remembers the error if it is the first one, makes the calls that wait for it, and gives the
    /// first one back.
    pub(super) fn fail(&self, error: StoreError) -> StoreError {
        let first = self.failure.get_or_init(|| error).clone();
        // Not while the list is locked: a call may ask for another one.
        let calls = std::mem::take(&mut *self.calls());
        calls.into_iter().for_each(|call| call());
        first
    }

    /// Judges an error of reading: records that are damaged by themselves are noted, and anything else
    /// is the failure of the store.
    pub(super) fn judge(&self, error: StoreError) -> StoreError {
        if !error.is_local {
            return self.fail(error);
        }
        let mut damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        if damage.len() < DAMAGE_MAX && damage.insert(error.text.clone()) {
            tracing::error!("damaged: {}", self.placed(&error.text));
        }
        error
    }

    /// Adds to words that name a table the folder or file in which it is.
    pub(super) fn placed(&self, text: &str) -> String {
        let named = |table: &Table| text.contains(&format!("'{}'", table.name()));
        let table = Table::ALL.into_iter().find(named);
        match table.and_then(|table| self.kv.place(table)) {
            Some(place) => format!("{text} (below {})", place.display()),
            None => text.to_owned(),
        }
    }

    /// Returns what is damaged, as far as it was met.
    pub(super) fn damage(&self) -> Vec<String> {
        let damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        damage.iter().cloned().collect()
    }

    /// Returns the number of requests that wait for the writer.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Makes the call once the store fails; now, if it has failed.
    pub(super) fn on_failure(&self, call: Box<dyn FnOnce() + Send>) {
        let mut calls = self.calls();
        if self.failure.get().is_none() {
            calls.push(call);
            return;
        }
        drop(calls);
        call();
    }

    fn calls(&self) -> MutexGuard<'_, Vec<Box<dyn FnOnce() + Send>>> {
        self.on_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request on its way to the writer, with the place where its answer goes.
enum WriteRequest {
    Commit(PreparedCommit, SyncSender<Result<Committed, CommitError>>),
    Mend(ReindexStep, SyncSender<Result<(), StoreError>>),
}

/// The way to the writer. Dropping it ends the writer, after everything that waits was written.
pub(super) struct StoreWriter {
    requests: Option<SyncSender<WriteRequest>>,
    thread: Option<thread::JoinHandle<()>>,
    shared: Arc<StoreCore>,
}

impl StoreWriter {
    /// Starts the writer.
    pub(super) fn start(shared: Arc<StoreCore>, watermark: Watermark) -> std::io::Result<Self> {
        let (requests, waiting) = sync_channel(WAITING_MAX);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn({
                let shared = shared.clone();
                move || {
                    let run = catch_unwind(AssertUnwindSafe(|| {
                        write_groups(&shared, &waiting, &watermark)
                    }));
                    if run.is_err() {
                        shared.fail(StoreError::unusable(
                            "the writer of the store panicked".to_owned(),
                        ));
                    }
                }
            })?;
        Ok(StoreWriter {
            requests: Some(requests),
            thread: Some(thread),
            shared,
        })
    }

    /// Waits until the commit is synced, or refused.
    pub(super) fn commit(&self, changes: ChangeSet) -> Result<Committed, CommitError> {
        let commit = PreparedCommit::of(changes);
        self.ask(|answer| WriteRequest::Commit(commit, answer))
    }

    /// Waits until a step of making the index anew is synced.
    pub(super) fn mend(&self, step: ReindexStep) -> Result<(), StoreError> {
        self.ask(|answer| WriteRequest::Mend(step, answer))
    }

    fn ask<T, E: From<StoreError>>(
        &self,
        request: impl FnOnce(SyncSender<Result<T, E>>) -> WriteRequest,
    ) -> Result<T, E> {
        if let Some(failure) = self.shared.failure() {
            return Err(failure.clone().into());
        }
        let (answer, answered) = sync_channel(1);
        let gone = || {
            E::from(self.shared.fail(StoreError::unusable(
                "the writer of the store ended".to_owned(),
            )))
        };
        let requests = self.requests.as_ref().ok_or_else(gone)?;
        let _counted = WaitingCount::begin(&self.shared.waiting);
        requests.send(request(answer)).map_err(|_| gone())?;
        loop {
            match answered.recv_timeout(HEALTH_INTERVAL) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                // An engine whose background work failed can hold the writer for ever.
                Err(RecvTimeoutError::Timeout) => self
                    .shared
                    .kv
                    .health()
                    .map_err(|error| self.shared.fail(error))?,
            }
        }
    }
}

/// A request that waits: counted until this goes.
struct WaitingCount<'a>(&'a AtomicUsize);

impl<'a> WaitingCount<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        WaitingCount(count)
    }
}

impl Drop for WaitingCount<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for StoreWriter {
    fn drop(&mut self) {
        drop(self.requests.take());
        let thread = self.thread.take();
        if let Some(thread) =
            thread.filter(|thread| self.shared.failure().is_none() || thread.is_finished())
        {
            // Its panic was already made known as the store's failure.
            let _ = thread.join();
        }
    }
}

fn write_groups(shared: &StoreCore, waiting: &Receiver<WriteRequest>, watermark: &Watermark) {
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

/// Collects all that wait, within the bounds of a group.
fn gather(first: WriteRequest, waiting: &Receiver<WriteRequest>) -> Vec<WriteRequest> {
    let mut bytes = first.size_bytes();
    let mut requests = vec![first];
    while requests.len() < GROUP_COMMITS_MAX && bytes < GROUP_BYTES_MAX {
        let Ok(request) = waiting.try_recv() else {
            break;
        };
        bytes += request.size_bytes();
        requests.push(request);
    }
    requests
}

impl WriteRequest {
    fn size_bytes(&self) -> usize {
        match self {
            WriteRequest::Commit(commit, _) => commit.changes.size_bytes(),
            // Whoever mends waits for the answer before the next step.
            WriteRequest::Mend(..) => 0,
        }
    }
}

/// An answer that is ready for whoever asked, who may have gone.
type PendingAnswer = Box<dyn FnOnce()>;

fn answer_of<T: 'static>(to: SyncSender<T>, result: T) -> PendingAnswer {
    Box::new(move || drop(to.send(result)))
}

/// Writes what holds of the group, and answers all of it. After an error nobody is answered: the
/// answers' channels close, and whoever waits finds the failure.
fn write_group(shared: &StoreCore, requests: Vec<WriteRequest>) -> Result<(), StoreError> {
    let mut answers: Vec<PendingAnswer> = Vec::with_capacity(requests.len());
    let mut changes_something = false;
    let (batch, state, written) = {
        let view = shared.kv.view();
        let mut group = CommitGroup::new(&*view, shared.state());
        for request in requests {
            match request {
                WriteRequest::Commit(commit, answer) => {
                    // Looked at here and nowhere later: what is taken is written or refused, and its
                    // answer is awaited.
                    let result = if commit.changes.takes_effect() {
                        group.add(commit)
                    } else {
                        Err(CommitError::GivenUp)
                    };
                    let result = match result {
                        // It alone needs what is damaged, and the group is as it was.
                        Err(CommitError::Store(error)) if error.is_local => {
                            Err(CommitError::Store(shared.judge(error)))
                        }
                        Err(CommitError::Store(error)) => return Err(shared.fail(error)),
                        other => other,
                    };
                    changes_something |= result.is_ok();
                    answers.push(answer_of(answer, result));
                }
                WriteRequest::Mend(step, answer) => {
                    let result = match group.mend(&step) {
                        Err(error) if error.is_local => Err(shared.judge(error)),
                        Err(error) => return Err(shared.fail(error)),
                        Ok(()) => Ok(()),
                    };
                    changes_something |= result.is_ok();
                    answers.push(answer_of(answer, result));
                }
            }
        }
        group.finish()
    };
    if changes_something {
        // The failure must be known before the channels close.
        shared.kv.apply(batch).map_err(|error| shared.fail(error))?;
        // Before anybody can read of the new state.
        shared.held.forget(&written, state.position);
        shared.publish(state);
    }
    answers.into_iter().for_each(|answer| answer());
    Ok(())
}

#[cfg(test)]
mod tests;
