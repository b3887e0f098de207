//! How far each subscription was delivered, on the disk: one task writes what all workers note in
//! one commit, so that a thousand subscriptions do not sync a thousand times. What an operator
//! asked to be sent again goes the same way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::World;
use super::figures::Desk;
use crate::fhir::Id;
use crate::storage::{ChangeSet, StreamChange};

/// How far one subscription was delivered, as [`crate::storage::Stream`] counts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Cursor {
    /// Of which life.
    pub(super) life: u64,
    /// The last event that was acknowledged.
    pub(super) delivered: u64,
    /// The last event that was put into a message.
    pub(super) sent: u64,
}

/// How long a cursor that nobody waits for may be kept from the disk. What is lost by a stop
/// meanwhile is sent again, as the same message.
const PAUSE: Duration = Duration::from_millis(50);
/// The most notes that wait: who notes more, waits with them.
const NOTES_MAX: usize = 1_024;

/// What is noted, and who waits for it to be on the disk.
struct Note {
    what: What,
    done: Option<oneshot::Sender<()>>,
}

enum What {
    /// How far a subscription is delivered.
    Cursor(Id, Cursor),
    /// That what is to be sent again of it changed. It is read from the desk when it is written:
    /// who notes it first is not always written first.
    Resends(Id, Arc<Desk>),
    /// Nothing: what was noted before is waited for.
    Before,
}

/// The store takes no cursor: it has failed.
#[derive(Debug)]
pub(super) struct NotRecorded;

/// Where workers note how far they are.
#[derive(Clone)]
pub(super) struct Cursors {
    notes: mpsc::Sender<Note>,
}

impl Cursors {
    /// The place for notes, and the work that writes them.
    pub(super) fn new(world: Arc<World>) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (notes, received) = mpsc::channel(NOTES_MAX);
        (Cursors { notes }, keep(world, received))
    }

    /// Notes a cursor, which will be written soon.
    pub(super) async fn note(&self, subscription: &Id, cursor: Cursor) {
        // Without a writer everything is about to stop.
        let _ = self
            .notes
            .send(Note {
                what: What::Cursor(subscription.clone(), cursor),
                done: None,
            })
            .await;
    }

    /// Notes that fewer events are to be sent again than lay on that desk.
    pub(super) async fn note_resends(&self, subscription: &Id, desk: &Arc<Desk>) {
        let _ = self
            .notes
            .send(Note {
                what: What::Resends(subscription.clone(), Arc::clone(desk)),
                done: None,
            })
            .await;
    }

    /// Notes which events are to be sent again; blocks until that is on the disk.
    pub(super) fn record_resends(
        &self,
        subscription: &Id,
        desk: &Arc<Desk>,
    ) -> Result<(), NotRecorded> {
        let (done, is_done) = oneshot::channel();
        let note = Note {
            what: What::Resends(subscription.clone(), Arc::clone(desk)),
            done: Some(done),
        };
        self.notes.blocking_send(note).map_err(|_| NotRecorded)?;
        is_done.blocking_recv().map_err(|_| NotRecorded)
    }

    /// Notes a cursor; done when it is on the disk.
    pub(super) async fn record(
        &self,
        subscription: &Id,
        cursor: Cursor,
    ) -> Result<(), NotRecorded> {
        self.wait_for(What::Cursor(subscription.clone(), cursor))
            .await
    }

    /// Done when all that was noted before is on the disk.
    pub(super) async fn flush(&self) -> Result<(), NotRecorded> {
        self.wait_for(What::Before).await
    }

    async fn wait_for(&self, what: What) -> Result<(), NotRecorded> {
        let (done, is_done) = oneshot::channel();
        self.notes
            .send(Note {
                what,
                done: Some(done),
            })
            .await
            .map_err(|_| NotRecorded)?;
        is_done.await.map_err(|_| NotRecorded)
    }
}

/// Writes what is noted, all that is there at once.
async fn keep(world: Arc<World>, mut received: mpsc::Receiver<Note>) {
    while let Some(first) = received.recv().await {
        let (mut noted, mut waiting) = (Noted::default(), Vec::new());
        let mut take = |note: Note| {
            match note.what {
                What::Cursor(subscription, cursor) => {
                    drop(noted.cursors.insert(subscription, cursor))
                }
                What::Resends(subscription, desk) => drop(noted.desks.insert(subscription, desk)),
                What::Before => {}
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
        let committed = tokio::task::spawn_blocking(move || commit(&world, noted)).await;
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

/// What one commit writes.
#[derive(Default)]
struct Noted {
    cursors: BTreeMap<Id, Cursor>,
    desks: BTreeMap<Id, Arc<Desk>>,
}

fn commit(world: &World, Noted { cursors, desks }: Noted) -> Result<(), String> {
    let cursor = |(
        subscription,
        Cursor {
            life,
            delivered,
            sent,
        },
    )| StreamChange::Cursor {
        subscription,
        life,
        delivered,
        sent,
    };
    let resends = |(subscription, desk): (Id, Arc<Desk>)| {
        let desk = desk.lock();
        Some(StreamChange::Resends {
            subscription,
            life: desk.life?,
            ranges: desk.replays.iter().copied().collect(),
        })
    };
    let streams: Vec<_> = cursors
        .into_iter()
        .map(cursor)
        .chain(desks.into_iter().filter_map(resends))
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
