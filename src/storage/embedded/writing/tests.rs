//! The writer over an engine that hangs, fails and panics when it is told to.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, RwLock};

use jiff::Timestamp;

use super::super::folder::Folder;
use super::super::kv::{Batch, Direction, KeyRange, KeyValues, Kv, KvRead, Table};
use super::super::reading::ViewReader;
use super::super::record::StoreState;
use super::super::reindex::IndexState;
use super::{StoreCore, StoreWriter, WriteRequest};
use crate::storage::{
    ChangeSet, CommitError, Committed, Guard, Position, Precondition, StoreError,
};

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

    fn range(&self, _: Table, _: KeyRange, _: Direction) -> KeyValues<'_> {
        Box::new(std::iter::empty())
    }
}

fn broken() -> StoreError {
    StoreError("the disk is gone".to_owned())
}

fn start(
    before_apply: BeforeApply,
    health: Result<(), StoreError>,
) -> (StoreWriter, Arc<AtomicUsize>) {
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
    let shared = StoreCore::new(Box::new(kv), StoreState::default(), IndexState::default());
    (
        StoreWriter::start(Arc::new(shared), watermark).unwrap(),
        applied,
    )
}

/// Makes a commit that moves that guard, if it was not moved before.
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
fn send(writer: &StoreWriter, changes: ChangeSet) -> Receiver<Result<Committed, CommitError>> {
    let (answer, answered) = sync_channel(1);
    writer
        .requests
        .as_ref()
        .unwrap()
        .send(WriteRequest::Commit(changes, answer))
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
        ViewReader(&*view).guard_position(&Guard("c".to_owned())),
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

#[test]
fn whoever_waits_for_a_failure_is_called_once_also_after_it() {
    let (writer, _) = start(Box::new(|_| Err(broken())), Ok(()));
    let (call, called) = sync_channel(4);
    let caller = || {
        let call = call.clone();
        Box::new(move || call.send(()).unwrap())
    };
    writer.shared.on_failure(caller());
    assert!(called.try_recv().is_err(), "nothing has failed yet");
    for _ in 0..2 {
        assert!(writer.commit(touch("a")).is_err());
    }
    assert!(called.try_recv().is_ok() && called.try_recv().is_err());
    writer.shared.on_failure(caller());
    assert!(called.try_recv().is_ok());
}
