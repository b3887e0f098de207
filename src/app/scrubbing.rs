//! The keeper that reads everything in the store again and again, so that damage is met before
//! somebody needs what is damaged.

use std::sync::Arc;
use std::time::Duration;

use super::clock::ServerClock;
use crate::http::ScrubFigures;
use crate::interactions::Server;

/// The pause between two steps: a machine that serves has better things to do.
const STEP_PAUSE: Duration = Duration::from_millis(500);
/// The pause between two rounds.
const ROUND_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Scrubs until the store fails.
pub(super) async fn keep_scrubbing(
    server: Arc<Server>,
    clock: ServerClock,
    figures: Arc<ScrubFigures>,
) {
    let mut place = None;
    loop {
        tokio::time::sleep(STEP_PAUSE).await;
        let (server, from) = (Arc::clone(&server), place.take());
        let step = tokio::task::spawn_blocking(move || server.store.scrub(from)).await;
        let Ok(Ok((next, records))) = step else {
            // The failure of the store ends the server.
            return;
        };
        figures.count(records);
        if next.is_none() {
            figures.finish(clock.now());
            tokio::time::sleep(ROUND_PAUSE).await;
        }
        place = next;
    }
}
