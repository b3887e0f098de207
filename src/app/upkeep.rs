//! The keepers that work beside requests: the calendar step of each day, and the end of old events.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, ToSpan};
use tokio::sync::Notify;

use super::clock::ServerClock;
use crate::fhir::{copenhagen_date, counted, start_of_day};
use crate::interactions::upkeep::{calendar, retention};
use crate::interactions::{Context, Server};

/// The longest sleep between two looks at whether a day has begun: a machine that was suspended is
/// late by no more than this.
const MIDNIGHT_SLEEP_MAX: Duration = Duration::from_secs(60);

/// Makes the calendar step at each midnight in Copenhagen, and when a commit set a timer on a day
/// that has begun.
pub(super) async fn keep_calendar(server: Arc<Server>, clock: ServerClock, wake: Arc<Notify>) {
    loop {
        let step = {
            let server = Arc::clone(&server);
            tokio::task::spawn_blocking(move || calendar::run(&server, &clock.context(), |_, _| {}))
        };
        match step.await {
            Ok(Ok(done)) if done.persons > 0 => {
                tracing::info!(
                    persons = done.persons,
                    versions = done.versions,
                    "the calendar changed rights"
                );
            }
            Ok(Ok(_)) => {}
            Ok(Err(failure)) => tracing::error!("the calendar step failed: {failure:?}"),
            Err(_) => tracing::error!("the calendar step panicked; where, is logged by itself"),
        }
        tokio::select! {
            () = tokio::time::sleep(until_midnight(clock.now())) => {}
            () = wake.notified() => {}
        }
    }
}

/// Forgets the events that are older than that many days: at the start, and when a day has begun in
/// Copenhagen. `context` reads the server's clock.
pub(super) async fn keep_events(server: Arc<Server>, context: impl Fn() -> Context, days: u16) {
    let mut last = None;
    loop {
        let context = context();
        let (now, today) = (context.now, copenhagen_date(context.now));
        if last.replace(today) != Some(today) {
            let before = now
                .checked_sub(SignedDuration::from_hours(24 * i64::from(days)))
                .unwrap_or(Timestamp::MIN);
            let server = Arc::clone(&server);
            match tokio::task::spawn_blocking(move || retention::forget(&server, &context, before))
                .await
            {
                Ok(Ok(0)) => {}
                Ok(Ok(commits)) => {
                    let age = counted(days, "day");
                    tracing::info!(commits, "forgot events that are older than {age}")
                }
                Ok(Err(failure)) => {
                    tracing::error!("old events could not be forgotten: {failure:?}")
                }
                Err(panic) => tracing::error!("forgetting old events panicked: {panic}"),
            }
        }
        tokio::time::sleep(until_midnight(now)).await;
    }
}

/// Returns how long to sleep until the next midnight in Copenhagen, or the next look at whether it has
/// come.
fn until_midnight(now: Timestamp) -> Duration {
    let midnight = copenhagen_date(now)
        .checked_add(1.day())
        .ok()
        .map(start_of_day);
    let until = midnight.and_then(|midnight| Duration::try_from(midnight.duration_since(now)).ok());
    until.map_or(MIDNIGHT_SLEEP_MAX, |until| until.min(MIDNIGHT_SLEEP_MAX))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;

    use serde_json::json;

    use super::super::added_packages;
    use super::super::reindex::open_store;
    use super::*;
    use crate::fhir::{Id, Resource};
    use crate::interactions::{ServerParts, transaction};
    use crate::storage::embedded::{Engine, StoreOptions};

    /// Makes a server with a websocket subscription `s` and one event of it, at that instant.
    fn server_with_an_event(folder: &Path, at: Context) -> Arc<Server> {
        let options = StoreOptions {
            cache_bytes: 1 << 20,
        };
        let store = open_store(folder, Engine::Fjall, options).expect("a store");
        let validator = Arc::new(added_packages::validator(&[]).expect("the packages"));
        let base_url = "http://127.0.0.1/fhir".to_owned();
        let parts = ServerParts::shipped(store, validator, base_url);
        let server = Server::new(parts);
        let condition = |system, code| json!([{ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }] }]);
        let resources = [
            json!({ "resourceType": "Subscription", "id": "s", "status": "requested", "reason": "To see what is forgotten",
                "criteria": "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status",
                "channel": { "type": "websocket", "payload": "application/fhir+json" } }),
            json!({ "resourceType": "Patient", "id": "p", "identifier": [{ "system": "urn:oid:1.2.208.176.1.2", "value": "0405440001" }] }),
            json!({ "resourceType": "Condition", "id": "c", "subject": { "reference": "Patient/p" }, "recordedDate": "2027-02-20",
                "verificationStatus": condition("condition-ver-status", "confirmed")[0],
                "category": condition("condition-category", "problem-list-item"),
                "code": { "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DJ449" }] } }),
        ];
        for resource in resources {
            let url = format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap_or(""),
                resource["id"].as_str().unwrap_or("")
            );
            let entry = json!({ "request": { "method": "PUT", "url": url }, "resource": resource });
            let bundle =
                json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
            transaction::process(
                &server,
                &at,
                &Resource::from_value(bundle).expect("a Bundle"),
            )
            .map(drop)
            .expect("it is written");
        }
        Arc::new(server)
    }

    #[tokio::test(start_paused = true)]
    async fn old_events_are_forgotten_at_the_midnight_that_the_servers_clock_shows() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(Mutex::new(Timestamp::UNIX_EPOCH));
        let set = |to: &str| *clock.lock().expect("the clock") = to.parse().expect("an instant");
        let context = {
            let clock = Arc::clone(&clock);
            move || {
                Context::new(
                    *clock.lock().expect("the clock"),
                    Arc::new(|| Id::from(uuid::Uuid::new_v4())),
                )
            }
        };
        set("2027-03-01T09:00:00Z");
        let server = server_with_an_event(folder.path(), context());
        let kept = || {
            server
                .store
                .events(&Id::parse("s").expect("an id"), 0, 10)
                .expect("events")
                .len()
        };
        assert!(kept() > 0, "there is an event");
        set("2027-03-02T08:00:00Z");
        let keeper = tokio::spawn(keep_events(Arc::clone(&server), context, 1));
        let a_look = || tokio::time::sleep(MIDNIGHT_SLEEP_MAX + Duration::from_secs(1));
        for (now, is_kept) in [
            ("2027-03-02T08:00:00Z", true),
            // Older than a day by now, but no day has begun.
            ("2027-03-02T22:59:59Z", true),
            ("2027-03-02T23:00:01Z", false),
        ] {
            set(now);
            a_look().await;
            assert_eq!(kept() > 0, is_kept, "{now}");
        }
        keeper.abort();
    }
}
