//! How far each subscription was delivered, on the disk: one task writes what all workers note in one commit, so that a thousand subscriptions do not sync
//! a thousand times.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::World;
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

/// How long a cursor that nobody waits for may be kept from the disk. What is lost by a stop meanwhile is sent again, as the same message.
const PAUSE: Duration = Duration::from_millis(50);
/// The most notes that wait: who notes more, waits with them.
const NOTES_MAX: usize = 1_024;

/// What is noted: a cursor, and who waits for it to be on the disk.
struct Note {
    cursor: Option<(Id, Cursor)>,
    done: Option<oneshot::Sender<()>>,
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
        let _ = self.notes.send(Note { cursor: Some((subscription.clone(), cursor)), done: None }).await;
    }

    /// Notes a cursor; done when it is on the disk.
    pub(super) async fn record(&self, subscription: &Id, cursor: Cursor) -> Result<(), NotRecorded> {
        self.wait_for(Some((subscription.clone(), cursor))).await
    }

    /// Done when all that was noted before is on the disk.
    pub(super) async fn flush(&self) -> Result<(), NotRecorded> {
        self.wait_for(None).await
    }

    async fn wait_for(&self, cursor: Option<(Id, Cursor)>) -> Result<(), NotRecorded> {
        let (done, is_done) = oneshot::channel();
        self.notes.send(Note { cursor, done: Some(done) }).await.map_err(|_| NotRecorded)?;
        is_done.await.map_err(|_| NotRecorded)
    }
}

/// Writes what is noted, all that is there at once.
async fn keep(world: Arc<World>, mut received: mpsc::Receiver<Note>) {
    while let Some(first) = received.recv().await {
        let (mut cursors, mut waiting) = (BTreeMap::new(), Vec::new());
        let mut take = |note: Note| {
            cursors.extend(note.cursor);
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
        let committed = tokio::task::spawn_blocking(move || commit(&world, cursors)).await;
        match committed {
            Ok(Ok(())) => waiting.into_iter().for_each(|done| done.send(()).unwrap_or_default()),
            // Those who wait learn it by being let go.
            Ok(Err(error)) => tracing::error!("the cursors of subscriptions cannot be written: {error}"),
            Err(panic) => tracing::error!("the writer of cursors panicked: {panic}"),
        }
    }
}

fn commit(world: &World, cursors: BTreeMap<Id, Cursor>) -> Result<(), String> {
    if cursors.is_empty() {
        return Ok(());
    }
    let change = |(subscription, Cursor { life, delivered, sent })| StreamChange::Cursor { subscription, life, delivered, sent };
    let changes = ChangeSet { streams: cursors.into_iter().map(change).collect(), ..ChangeSet::at((world.now)()) };
    world.store.commit(changes).map(drop).map_err(|error| format!("{error:?}"))
}
