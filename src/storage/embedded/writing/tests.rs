//! The writer over an engine that hangs, fails and panics when it is told to.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, RwLock};

use jiff::Timestamp;

use super::super::folder::Folder;
use super::super::held_versions::HeldVersions;
use super::super::kv::{Batch, Direction, KeyRange, KeyValues, Kv, KvRead, Table};
use super::super::prepared::PreparedCommit;
use super::super::reading::ViewReader;
use super::super::record::StoreState;
use super::super::reindex::IndexState;
use super::{GROUP_BYTES_MAX, StoreCore, StoreWriter, WriteRequest, gather};
use crate::fhir::{Id, Resource, ResourceKey, ResourceType, Version};
use crate::search::{IndexEntry, IndexValue};
use crate::storage::{
    Asker, ChangeSet, CommitError, Committed, Guard, Method, Position, Precondition, StoreError,
    StoredContent, Write,
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
    StoreError::unusable("the disk is gone".to_owned())
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
    let shared = StoreCore::new(
        Box::new(kv),
        StoreState::default(),
        IndexState::default(),
        HeldVersions::of_bytes(0),
    );
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
        .send(WriteRequest::Commit(PreparedCommit::of(changes), answer))
        .unwrap();
    answered
}

/// Holds the first group before it is applied: says when that is there, and goes on when released.
fn first_held() -> (BeforeApply, Receiver<()>, SyncSender<()>) {
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
    (Box::new(hold_first), has_started, release)
}

#[test]
fn commits_that_wait_share_one_sync_and_only_those_that_fail_are_refused() {
    let (hold_first, has_started, release) = first_held();
    let (writer, applied) = start(hold_first, Ok(()));
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
fn whoever_gave_up_before_the_writer_came_to_it_finds_nothing_written() {
    let (hold_first, has_started, release) = first_held();
    let (writer, _) = start(hold_first, Ok(()));
    let asked = |guard: &str| {
        let asker = Asker::default();
        let changes = ChangeSet {
            asker: Some(asker.clone()),
            ..touch(guard)
        };
        (send(&writer, changes), asker)
    };
    let (first, of_first) = asked("first");
    has_started.recv().unwrap();
    assert!(!of_first.give_up(), "it is being written");
    let (given_up, of_given_up) = asked("given up");
    let (awaited, of_awaited) = asked("awaited");
    assert!(of_given_up.give_up(), "it only waits");
    release.send(()).unwrap();
    assert!(first.recv().unwrap().is_ok());
    assert_eq!(given_up.recv().unwrap(), Err(CommitError::GivenUp));
    assert!(awaited.recv().unwrap().is_ok() && !of_awaited.give_up());
    let position = |guard: &str| {
        let view = writer.shared.kv.view();
        ViewReader(&*view).guard_position(&Guard(guard.to_owned()))
    };
    assert_eq!(position("given up"), Ok(Position(0)));
    assert_eq!(position("awaited"), Ok(Position(2)));
}

#[test]
fn a_group_is_closed_by_what_is_found_by_as_well_as_by_bodies() {
    let entry = IndexEntry::new("name", IndexValue::Text("x".repeat(1_000)));
    let entries_max = GROUP_BYTES_MAX / entry.size_bytes();
    let commit = |entries: usize| {
        let resource = Resource::parse(br#"{"resourceType":"Patient"}"#).unwrap();
        let id = Id::parse("a").unwrap();
        let content = StoredContent {
            body: resource.stamped(&id, Version(1)),
            entries: vec![entry.clone(); entries],
        };
        let write = Write {
            key: ResourceKey::new(ResourceType::Patient, id),
            previous: None,
            method: Method::Post,
            content: Some(content),
        };
        let changes = ChangeSet {
            writes: vec![write],
            ..ChangeSet::at(Timestamp::UNIX_EPOCH)
        };
        WriteRequest::Commit(PreparedCommit::of(changes), sync_channel(1).0)
    };
    for (entries, expected) in [(1, 4), (entries_max / 2, 3), (entries_max + 1, 1)] {
        let (requests, waiting) = sync_channel(8);
        for _ in 0..3 {
            requests.send(commit(entries)).unwrap();
        }
        let group = gather(commit(entries), &waiting);
        assert_eq!(group.len(), expected, "{entries} entries each");
    }
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
