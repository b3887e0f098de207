//! A store whose power goes off at a chosen commit: just before it, so that it never was, or just
//! after it, so that it is on the disk and nobody learns it.
//!
//! Commits are atomic, and what is acknowledged is on the disk (`tests/it/power_loss.rs` holds the
//! engines to that, events among it). So whatever ends the process, what it leaves behind is the
//! commits up to one of them; and what the power does not cut here is not worth cutting.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use frist::fhir::ResourceType;
use frist::storage::{ChangeSet, CommitError, Committed, Store, StoreError, StreamChange};
use jiff::Timestamp;

use crate::support::surrounded::Around;

/// Longer than anything here takes on a busy machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A kind of commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Commit {
    /// Somebody is told of a change of a right: by a client or by the calendar.
    Told,
    /// A Subscription is written with that status.
    Status(&'static str),
    /// A Subscription is deleted.
    Deletion,
    /// It is written down which events go together in a message.
    Batch,
    /// It is written down how far somebody was delivered.
    Cursor,
}

impl Commit {
    fn is(self, changes: &ChangeSet) -> bool {
        let mut subscriptions = changes
            .writes
            .iter()
            .filter(|write| write.key.resource_type == ResourceType::Subscription);
        let mut cursors = changes.streams.iter().filter_map(|change| match change {
            StreamChange::Cursor {
                delivered, sent, ..
            } => Some(delivered < sent),
            StreamChange::Begin(_) | StreamChange::Resends { .. } | StreamChange::Forget { .. } => {
                None
            }
        });
        match self {
            Commit::Told => !changes.events.is_empty(),
            Commit::Status(status) => subscriptions.any(|write| {
                let body = write
                    .content
                    .as_ref()
                    .map(|content| content.body.clone().at(Timestamp::UNIX_EPOCH))
                    .unwrap_or_default();
                String::from_utf8(body)
                    .unwrap()
                    .contains(&format!("\"status\":\"{status}\""))
            }),
            Commit::Deletion => subscriptions.any(|write| write.content.is_none()),
            Commit::Batch => cursors.any(|is_batch| is_batch),
            Commit::Cursor => cursors.any(|is_batch| !is_batch),
        }
    }
}

/// On which side of a commit the power goes off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Before,
    After,
}

/// The power of a machine.
#[derive(Default)]
pub(crate) struct Power {
    state: Mutex<State>,
    went_off: Condvar,
}

#[derive(Default)]
struct State {
    is_off: bool,
    cut_at: Option<(Commit, Side)>,
}

impl Power {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Lets it go off at the next commit of that kind.
    pub(crate) fn cut_at(&self, commit: Commit, side: Side) {
        self.state().cut_at = Some((commit, side));
    }

    /// Lets it go off now.
    pub(crate) fn cut(&self) {
        self.state().is_off = true;
        self.went_off.notify_all();
    }

    /// Lets it be on again.
    pub(crate) fn restore(&self) {
        *self.state() = State::default();
    }

    pub(crate) fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// Waits until it is off.
    pub(crate) fn until_off(&self) {
        let (state, waited) = self
            .went_off
            .wait_timeout_while(self.state(), PATIENCE, |state| !state.is_off)
            .unwrap();
        assert!(
            !waited.timed_out(),
            "the power never went off: {:?}",
            state.cut_at
        );
    }
}

impl Around for Power {
    fn before(&self) -> Result<(), StoreError> {
        if self.is_off() {
            Err(StoreError::unusable("the power is off".to_owned()))
        } else {
            Ok(())
        }
    }

    fn commit(&self, store: &dyn Store, changes: ChangeSet) -> Result<Committed, CommitError> {
        self.before()?;
        let side = self
            .state()
            .cut_at
            .filter(|(commit, _)| commit.is(&changes))
            .map(|(_, side)| side);
        if side == Some(Side::Before) {
            self.cut();
            self.before()?;
        }
        let committed = store.commit(changes)?;
        if side == Some(Side::After) {
            self.cut();
        }
        // Whoever waited for a commit while the power went off learns nothing of it.
        self.before().map_err(CommitError::from).map(|()| committed)
    }
}
