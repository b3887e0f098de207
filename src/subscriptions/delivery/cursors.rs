//! The positions of delivery on the disk: one task writes what all workers note in one commit, so
//! that a thousand subscriptions do not sync a thousand times. The events that an operator asks to
//! send again are written in the same way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::state::SharedState;
use super::world::World;
use crate::fhir::Id;
use crate::storage::{ChangeSet, StreamChange};

/// The position of delivery of one subscription, as [`crate::storage::Stream`] counts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct DeliveryCursor {
    /// The life that the numbers belong to.
    pub(super) life: u64,
    /// The last event that was acknowledged.
    pub(super) delivered: u64,
    /// The last event that was put into a message.
    pub(super) sent: u64,
}

/// The longest time before a cursor that nobody waits for is on the disk. If it is lost by a stop
/// meanwhile, its events are sent again, as the same message.
const PAUSE: Duration = Duration::from_millis(50);
/// The most notes that wait: a worker that notes more, waits with them.
const NOTES_MAX: usize = 1_024;

/// A change to write, and the sender to tell when it is on the disk.
struct Note {
    change: NotedChange,
    done: Option<oneshot::Sender<()>>,
}

/// A change to write.
enum NotedChange {
    /// The position of a subscription.
    Cursor(Id, DeliveryCursor),
    /// The events to send again, read from the state at the moment of writing, since notes are not
    /// always written in the order in which they were made.
    Resends(Id, Arc<SharedState>),
    /// Nothing new: the sender waits for the notes before.
    Flush,
}

/// The failure of the store to take a cursor.
#[derive(Debug)]
pub(super) struct NotRecorded;

/// The place where workers note their positions.
#[derive(Clone)]
pub(super) struct Cursors {
    notes: mpsc::Sender<Note>,
}

impl Cursors {
    /// Makes the place for notes, and the work that writes them.
    pub(super) fn new(world: Arc<World>) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (notes, received) = mpsc::channel(NOTES_MAX);
        (Cursors { notes }, keep(world, received))
    }

    /// Notes a cursor, to be written soon.
    pub(super) async fn note(&self, subscription: &Id, cursor: DeliveryCursor) {
        // Without a writer everything is about to stop.
        let _ = self
            .notes
            .send(Note {
                change: NotedChange::Cursor(subscription.clone(), cursor),
                done: None,
            })
            .await;
    }

    /// Notes that there are fewer events to send again than before.
    pub(super) async fn note_resends(&self, subscription: &Id, state: &Arc<SharedState>) {
        let _ = self
            .notes
            .send(Note {
                change: NotedChange::Resends(subscription.clone(), Arc::clone(state)),
                done: None,
            })
            .await;
    }

    /// Notes new events to send again; blocks until that is on the disk.
    pub(super) fn record_resends(
        &self,
        subscription: &Id,
        state: &Arc<SharedState>,
    ) -> Result<(), NotRecorded> {
        let (done, is_done) = oneshot::channel();
        let note = Note {
            change: NotedChange::Resends(subscription.clone(), Arc::clone(state)),
            done: Some(done),
        };
        self.notes.blocking_send(note).map_err(|_| NotRecorded)?;
        is_done.blocking_recv().map_err(|_| NotRecorded)
    }

    /// Notes a cursor and waits until it is on the disk.
    pub(super) async fn record(
        &self,
        subscription: &Id,
        cursor: DeliveryCursor,
    ) -> Result<(), NotRecorded> {
        self.wait_for(NotedChange::Cursor(subscription.clone(), cursor))
            .await
    }

    /// Waits until everything that was noted before is on the disk.
    pub(super) async fn flush(&self) -> Result<(), NotRecorded> {
        self.wait_for(NotedChange::Flush).await
    }

    async fn wait_for(&self, change: NotedChange) -> Result<(), NotRecorded> {
        let (done, is_done) = oneshot::channel();
        self.notes
            .send(Note {
                change,
                done: Some(done),
            })
            .await
            .map_err(|_| NotRecorded)?;
        is_done.await.map_err(|_| NotRecorded)
    }
}

/// Writes the notes, all that are there in one commit.
async fn keep(world: Arc<World>, mut received: mpsc::Receiver<Note>) {
    while let Some(first) = received.recv().await {
        let (mut pending, mut waiting) = (PendingChanges::default(), Vec::new());
        let mut take = |note: Note| {
            match note.change {
                NotedChange::Cursor(subscription, cursor) => {
                    pending.cursors.insert(subscription, cursor);
                }
                NotedChange::Resends(subscription, state) => {
                    pending.resends.insert(subscription, state);
                }
                NotedChange::Flush => {}
            }
            waiting.extend(note.done);
            !waiting.is_empty()
        };
        let mut is_urgent = take(first);
        let pause = tokio::time::sleep(PAUSE);
        tokio::pin!(pause);
        while !is_urgent {
            tokio::select! {
                () = &mut pause => break,
                note = received.recv() => match note {
                    Some(note) => is_urgent = take(note),
                    None => break,
                },
            }
        }
        while let Ok(note) = received.try_recv() {
            take(note);
        }
        let world = Arc::clone(&world);
        let committed = tokio::task::spawn_blocking(move || commit(&world, pending)).await;
        match committed {
            Ok(Ok(())) => waiting
                .into_iter()
                .for_each(|done| done.send(()).unwrap_or_default()),
            // Those who wait learn it by being let go.
            Ok(Err(error)) => {
                tracing::error!("the cursors of subscriptions cannot be written: {error}")
            }
            Err(panic) => tracing::error!("the writer of cursors panicked: {panic}"),
        }
    }
}

/// The changes of one commit.
#[derive(Default)]
struct PendingChanges {
    cursors: BTreeMap<Id, DeliveryCursor>,
    resends: BTreeMap<Id, Arc<SharedState>>,
}

fn commit(world: &World, pending: PendingChanges) -> Result<(), String> {
    let cursor = |(subscription, cursor): (Id, DeliveryCursor)| StreamChange::Cursor {
        subscription,
        life: cursor.life,
        delivered: cursor.delivered,
        sent: cursor.sent,
    };
    let resends = |(subscription, state): (Id, Arc<SharedState>)| {
        let state = state.lock();
        Some(StreamChange::Resends {
            subscription,
            life: state.life?,
            ranges: state.replays.iter().cloned().collect(),
        })
    };
    let cursors = pending.cursors.into_iter().map(cursor);
    let streams: Vec<_> = cursors
        .chain(pending.resends.into_iter().filter_map(resends))
        .collect();
    if streams.is_empty() {
        return Ok(());
    }
    let changes = ChangeSet {
        streams,
        ..ChangeSet::at((world.now)())
    };
    world
        .store
        .commit(changes)
        .map(drop)
        .map_err(|error| format!("{error:?}"))
}
