//! Reading other FHIR servers: a second server of the test, behind a relay that can misbehave.
#![allow(clippy::unwrap_used)]

mod exports;
mod misled;
mod notifications;
pub(crate) mod relay;
mod taking;
mod tokens;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use frist::subscriptions::delivery::Pace;
use frist::upstream::{FhirClient, Outlook, Poller, PollerParts, read};
use serde_json::{Value, json};

use crate::support::facade::Facade;
use crate::support::people;
use relay::Relay;

const NOW: &str = "2027-03-01T08:00:00Z";

/// Quick enough for a test.
const QUICK: Pace = Pace {
    first_retry: Duration::from_millis(5),
    longest_retry: Duration::from_millis(40),
    retry_window: Duration::ZERO,
    answer_timeout: Duration::from_secs(60),
    after_panic: Duration::from_millis(5),
    retrying_max: 1,
};

/// A server that reads others.
struct ReadingServer {
    facade: Arc<Facade>,
    runtime: tokio::runtime::Runtime,
}

impl ReadingServer {
    fn new() -> Self {
        ReadingServer::of(Facade::at(NOW))
    }

    fn of(facade: Facade) -> Self {
        ReadingServer {
            facade: Arc::new(facade),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    /// Makes the poller of an upstream.
    fn poller(&self, upstream: &Value, key: Option<&str>) -> Poller {
        let file = json!({ "upstreams": [upstream] }).to_string();
        let upstream = read(file.as_bytes()).unwrap().remove(0);
        let client = FhirClient::new(&upstream, key.map(str::as_bytes), None).unwrap();
        let facade = Arc::clone(&self.facade);
        Poller::new(PollerParts {
            upstream,
            client,
            server: Arc::clone(self.facade.server()),
            now: Arc::new(move || facade.context()),
            pace: QUICK,
        })
    }

    /// Reads once what is new.
    fn round(&self, poller: &Poller) -> Outlook {
        self.runtime.block_on(poller.round());
        poller.account.outlook()
    }

    /// Stops the server and starts it again from its folder, as a kill would.
    fn restart(self) -> Self {
        self.restart_at(NOW)
    }

    /// Does the same at a later instant.
    fn restart_at(self, now: &str) -> Self {
        let ReadingServer { facade, runtime } = self;
        drop(runtime);
        let facade = Arc::into_inner(facade).expect("a poller still holds the server");
        ReadingServer::of(facade.restart(now))
    }

    /// Returns how many versions there are of everything.
    fn versions(&self) -> u64 {
        let (position, _) = self.facade.store().last_commit().unwrap();
        position.0
    }

    /// Returns the total of a search.
    fn total(&self, query: &str) -> u64 {
        let reply = self.facade.get(query);
        reply.json()["total"]
            .as_u64()
            .unwrap_or_else(|| panic!("{query}: {}", reply.text))
    }
}

/// Makes a server to be read, with a practice, a person and a diagnosis.
fn source() -> Relay {
    let facade = Facade::at(NOW);
    facade.put_ok(&people::practice("gp"));
    facade.put_ok(&people::patient("p"));
    facade.put_ok(&people::copd("c", "p", "2027-02-20"));
    Relay::before(facade)
}

/// Makes the row of a server in the file, which reads this.
fn row(relay: &Relay, readings: &Value) -> Value {
    json!({ "name": "ehr", "base": relay.base, "read": readings })
}

#[test]
fn the_page_and_the_metrics_tell_how_it_stands_and_nothing_of_a_person() {
    let relay = source();
    let reading = ReadingServer::new();
    let poller = reading.poller(&row(&relay, &json!([{ "search": "Condition" }])), None);
    let account = Arc::clone(&poller.account);
    // Ten minutes after its start nothing was read; twenty after it, all; ten later it is asked.
    let lag = |now: &str| account.outlook().lag_s(now.parse().unwrap());
    assert_eq!(lag("2027-03-01T08:10:00Z"), 600.0);
    reading.facade.advance("2027-03-01T08:20:00Z");
    reading.round(&poller);
    let shown = Facade::at("2027-03-01T08:30:00Z").reading(vec![Arc::clone(&account)]);
    let metrics = shown.get("/metrics").text;
    for line in [
        "frist_upstream_lag_seconds{upstream=\"ehr\"} 600.000",
        "frist_upstream_taken_total{upstream=\"ehr\",outcome=\"created\"} 3",
        "frist_upstream_refused_total{upstream=\"ehr\"} 0",
        "frist_upstream_errors_total{upstream=\"ehr\"} 0",
        "frist_upstream_failing{upstream=\"ehr\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let page = shown.get("/").text;
    assert!(
        page.contains("<code>Condition</code>: 2027-03-01 08:00:00"),
        "{page}"
    );
    assert!(!page.contains("0405440001") && !metrics.contains("0405440001"));
}
