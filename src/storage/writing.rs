//! The one writer: it takes all commits that wait, and at most one step of making the index anew,
//! builds one batch of them, syncs once, and answers them all.
//!
//! After the first error nothing is acknowledged any more, and nothing is tried again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use super::folder::Watermark;
use super::kv::Kv;
use super::record::State;
use super::reindex::{IndexState, Step};
use super::staging::Group;
use super::{ChangeSet, CommitError, Committed, StoreError};

/// A group is closed when it has so many commits …
const GROUP_COMMITS_MAX: usize = 256;
/// … or when their bodies have so many bytes.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// So many commits can wait before the next one blocks.
const WAITING_MAX: usize = 1_024;
/// How often a commit that waits asks whether the engine is still there.
const HEALTH_INTERVAL: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 2_000 });

/// What the writer and the readers share.
pub(super) struct Shared {
    pub(super) kv: Box<dyn Kv>,
    /// What readers see: everything up to it is synced.
    state: Mutex<State>,
    index: Mutex<IndexState>,
    failure: OnceLock<StoreError>,
}

impl Shared {
    pub(super) fn new(kv: Box<dyn Kv>, state: State, index: IndexState) -> Self {
        Shared {
            kv,
            state: Mutex::new(state),
            index: Mutex::new(index),
            failure: OnceLock::new(),
        }
    }

    /// What is known of the index.
    pub(super) fn index(&self) -> MutexGuard<'_, IndexState> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Something on its way to the writer, and where its answer goes.
enum Request {
    Commit(ChangeSet, SyncSender<Result<Committed, CommitError>>),
    Mend(Step, SyncSender<Result<(), StoreError>>),
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
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn({
                let shared = shared.clone();
                move || {
                    let run = catch_unwind(AssertUnwindSafe(|| {
                        write_groups(&shared, &waiting, &watermark)
                    }));
                    if run.is_err() {
                        shared.fail(StoreError("the writer of the store panicked".to_owned()));
                    }
                }
            })?;
        Ok(Writer {
            requests: Some(requests),
            thread: Some(thread),
            shared,
        })
    }

    /// Waits until the commit is synced, or refused.
    pub(super) fn commit(&self, changes: ChangeSet) -> Result<Committed, CommitError> {
        self.ask(|answer| Request::Commit(changes, answer))
    }

    /// Waits until a step of making the index anew is synced.
    pub(super) fn mend(&self, step: Step) -> Result<(), StoreError> {
        self.ask(|answer| Request::Mend(step, answer))
    }

    fn ask<T, E: From<StoreError>>(
        &self,
        request: impl FnOnce(SyncSender<Result<T, E>>) -> Request,
    ) -> Result<T, E> {
        if let Some(failure) = self.shared.failure() {
            return Err(failure.clone().into());
        }
        let (answer, answered) = sync_channel(1);
        let gone = || {
            E::from(
                self.shared
                    .fail(StoreError("the writer of the store ended".to_owned())),
            )
        };
        let requests = self.requests.as_ref().ok_or_else(gone)?;
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

impl Drop for Writer {
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

/// All that wait, within the bounds of a group.
fn gather(first: Request, waiting: &Receiver<Request>) -> Vec<Request> {
    let mut bytes = first.body_bytes();
    let mut requests = vec![first];
    while requests.len() < GROUP_COMMITS_MAX && bytes < GROUP_BYTES_MAX {
        let Ok(request) = waiting.try_recv() else {
            break;
        };
        bytes += request.body_bytes();
        requests.push(request);
    }
    requests
}

impl Request {
    fn body_bytes(&self) -> usize {
        match self {
            Request::Commit(changes, _) => changes
                .writes
                .iter()
                .filter_map(|write| write.content.as_ref())
                .map(|content| content.body.size_bytes())
                .sum(),
            // Whoever mends waits for the answer before the next step.
            Request::Mend(..) => 0,
        }
    }
}

/// Gives an answer to whoever asked, who may have gone.
type Answer = Box<dyn FnOnce()>;

fn answer_of<T: 'static>(to: SyncSender<T>, result: T) -> Answer {
    Box::new(move || drop(to.send(result)))
}

/// Writes what holds of the group, and answers all of it. After an error nobody is answered: the
/// answers' channels close, and whoever waits finds the failure.
fn write_group(shared: &Shared, requests: Vec<Request>) -> Result<(), StoreError> {
    let mut answers: Vec<Answer> = Vec::with_capacity(requests.len());
    let mut changes_something = false;
    let (batch, state) = {
        let view = shared.kv.view();
        let mut group = Group::new(&*view, shared.state());
        for request in requests {
            match request {
                Request::Commit(changes, answer) => {
                    let result = group.add(changes);
                    if let Err(CommitError::Store(error)) = result {
                        return Err(shared.fail(error));
                    }
                    changes_something |= result.is_ok();
                    answers.push(answer_of(answer, result));
                }
                Request::Mend(step, answer) => {
                    group.mend(&step).map_err(|error| shared.fail(error))?;
                    changes_something = true;
                    answers.push(answer_of(answer, Ok(())));
                }
            }
        }
        group.finish()
    };
    if changes_something {
        // The failure must be known before the channels close.
        shared.kv.apply(batch).map_err(|error| shared.fail(error))?;
        shared.publish(state);
    }
    answers.into_iter().for_each(|answer| answer());
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;
    use std::sync::RwLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use jiff::Timestamp;

    use super::super::folder::Folder;
    use super::super::kv::{Batch, Direction, KeyRange, KvRead, Pairs, Table};
    use super::super::reading::Reader;
    use super::super::{Guard, Position, Precondition};
    use super::*;

    type Kept = BTreeMap<(Table, Vec<u8>), Vec<u8>>;
    type BeforeApply = Box<dyn Fn(usize) -> Result<(), StoreError> + Send + Sync>;

    /// An engine in memory, whose writes can be held up, fail or panic.
    struct Scripted {
        pairs: RwLock<Kept>,
        applied: Arc<AtomicUsize>,
        before_apply: BeforeApply,
        health: Result<(), StoreError>,
    }

    impl Kv for Scripted {
        fn view(&self) -> Box<dyn KvRead + '_> {
            Box::new(self)
        }

        fn apply(&self, batch: Batch) -> Result<(), StoreError> {
            (self.before_apply)(self.applied.fetch_add(1, Ordering::SeqCst))?;
            let mut pairs = self.pairs.write().unwrap();
            for (table, key, value) in batch.into_changes() {
                match value {
                    Some(value) => pairs.insert((table, key), value),
                    None => pairs.remove(&(table, key)),
                };
            }
            Ok(())
        }

        fn health(&self) -> Result<(), StoreError> {
            self.health.clone()
        }
    }

    impl KvRead for &Scripted {
        fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self
                .pairs
                .read()
                .unwrap()
                .get(&(table, key.to_vec()))
                .cloned())
        }

        fn range(&self, _: Table, _: KeyRange, _: Direction) -> Pairs<'_> {
            Box::new(std::iter::empty())
        }
    }

    fn broken() -> StoreError {
        StoreError("the disk is gone".to_owned())
    }

    fn start(
        before_apply: BeforeApply,
        health: Result<(), StoreError>,
    ) -> (Writer, Arc<AtomicUsize>) {
        let applied = Arc::new(AtomicUsize::new(0));
        let kv = Scripted {
            pairs: RwLock::default(),
            applied: applied.clone(),
            before_apply,
            health,
        };
        let folder = tempfile::tempdir().unwrap();
        let watermark = Folder::open(folder.path(), "none")
            .unwrap()
            .watermark(None)
            .unwrap();
        let shared = Shared::new(Box::new(kv), State::default(), IndexState::default());
        (Writer::start(Arc::new(shared), watermark).unwrap(), applied)
    }

    /// A commit that moves that guard, if it was not moved before.
    fn touch(guard: &str) -> ChangeSet {
        let guard = Guard(guard.to_owned());
        let preconditions = vec![Precondition::Unmoved(guard.clone(), Position(0))];
        ChangeSet {
            preconditions,
            touches: vec![guard],
            ..ChangeSet::at(Timestamp::UNIX_EPOCH)
        }
    }

    /// Puts the commit in the queue without waiting for its answer.
    fn send(writer: &Writer, changes: ChangeSet) -> Receiver<Result<Committed, CommitError>> {
        let (answer, answered) = sync_channel(1);
        writer
            .requests
            .as_ref()
            .unwrap()
            .send(Request::Commit(changes, answer))
            .unwrap();
        answered
    }

    #[test]
    fn commits_that_wait_share_one_sync_and_only_those_that_fail_are_refused() {
        let (started, has_started) = sync_channel(1);
        let (release, released) = sync_channel::<()>(0);
        let released = Mutex::new(released);
        let hold_first = move |number| {
            if number == 0 {
                started.send(()).unwrap();
                released.lock().unwrap().recv().unwrap();
            }
            Ok(())
        };
        let (writer, applied) = start(Box::new(hold_first), Ok(()));
        let first = send(&writer, touch("first"));
        has_started.recv().unwrap();
        let waiting: Vec<_> = ["a", "b", "a", "first", "c"]
            .map(|guard| send(&writer, touch(guard)))
            .into_iter()
            .collect();
        release.send(()).unwrap();

        assert_eq!(first.recv().unwrap().unwrap().position, Position(1));
        let answers: Vec<_> = waiting
            .iter()
            .map(|answered| answered.recv().unwrap())
            .collect();
        let positions: Vec<_> = answers
            .iter()
            .map(|answer| answer.as_ref().map(|committed| committed.position.0).ok())
            .collect();
        assert_eq!(positions, [Some(2), Some(3), None, None, Some(4)]);
        assert_eq!(answers[2], Err(CommitError::FactsMoved));
        assert_eq!(applied.load(Ordering::SeqCst), 2);
        let view = writer.shared.kv.view();
        assert_eq!(
            Reader(&*view).guard_position(&Guard("c".to_owned())),
            Ok(Position(4))
        );
    }

    #[test]
    fn after_the_first_error_nothing_is_tried_again() {
        let (writer, applied) = start(
            Box::new(|number| if number == 0 { Ok(()) } else { Err(broken()) }),
            Ok(()),
        );
        assert!(writer.commit(touch("a")).is_ok());
        for guard in ["b", "c"] {
            assert_eq!(
                writer.commit(touch(guard)),
                Err(CommitError::Store(broken()))
            );
        }
        assert_eq!(writer.shared.failure(), Some(&broken()));
        assert_eq!(
            writer.shared.state().position,
            Position(1),
            "what failed is not seen"
        );
        assert_eq!(applied.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_panic_of_the_writer_leaves_nobody_waiting() {
        let (writer, _) = start(Box::new(|_| panic!("a bug in the engine")), Ok(()));
        for guard in ["a", "b"] {
            assert!(matches!(
                writer.commit(touch(guard)),
                Err(CommitError::Store(_))
            ));
        }
        assert!(writer.shared.failure().is_some());
    }

    #[test]
    fn an_engine_that_gave_up_leaves_nobody_waiting() {
        let (hold, held) = sync_channel::<()>(0);
        let held = Mutex::new(held);
        let never = move |_| held.lock().unwrap().recv().map_err(|_| broken());
        let (writer, _) = start(Box::new(never), Err(broken()));
        assert_eq!(writer.commit(touch("a")), Err(CommitError::Store(broken())));
        // Nor does the end of the store wait for it.
        drop(writer);
        drop(hold);
    }
}
