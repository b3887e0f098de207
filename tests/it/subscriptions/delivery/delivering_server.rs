//! A server that delivers, for a test: the real write path and store, and a running clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use frist::fhir::{Id, Resource, ResourceKey, ResourceType};
use frist::http::{Wire, WireOptions, router};
use frist::interactions::change::ChangeTarget;
use frist::interactions::condition::Condition;
use frist::interactions::upkeep::subscription_status;
use frist::interactions::{Context, Failure, Server, ServerParts, Written, delete, update};
use frist::storage::embedded::{EmbeddedStore, Engine, StoreOptions};
use frist::storage::{Store, Stream};
use frist::subscriptions::EndpointPolicy;
use frist::subscriptions::delivery::{Client, Deliverer, DeliverySignals, Lookup, Pace};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::support::facade::{BASE, guide_validator};
use crate::support::people;
use crate::support::surrounded::{Around, Surrounded};

/// Quick enough for a test, and patient enough for a busy machine.
pub(crate) const QUICK: Pace = Pace {
    first_retry: Duration::from_millis(5),
    longest_retry: Duration::from_millis(40),
    retry_window: Duration::from_secs(600),
    answer_timeout: Duration::from_secs(60),
    after_panic: Duration::from_millis(5),
    retrying_max: 256,
};

/// The ids of the Patients.
const PERSONS: [&str; 4] = ["p", "p1", "p2", "p3"];

/// Gives up at the first failure.
pub(crate) const ONCE: Pace = Pace {
    retry_window: Duration::ZERO,
    ..QUICK
};

/// The server.
pub(crate) struct DeliveringServer {
    folder: TempDir,
    shift: Arc<Mutex<SignedDuration>>,
    ids: Arc<AtomicU64>,
    running: Option<Running>,
}

struct Running {
    server: Arc<Server>,
    signals: Arc<DeliverySignals>,
    deliverer: Option<Arc<Deliverer>>,
    runtime: tokio::runtime::Runtime,
}

/// The options of a server.
pub(crate) struct Setup {
    pub(crate) pace: Pace,
    pub(crate) policy: EndpointPolicy,
    pub(crate) lookup: Option<Lookup>,
    /// Certificates that are trusted (PEM).
    pub(crate) authorities: Option<Vec<u8>>,
    /// The disturbance around the store, if there is one.
    pub(crate) around: Option<Arc<dyn Around>>,
    /// Called whenever delivery looks at the clock.
    pub(crate) at_each_look: Arc<dyn Fn() + Send + Sync>,
}

impl Default for Setup {
    fn default() -> Self {
        let policy = EndpointPolicy {
            http_loopback: true,
            ..EndpointPolicy::default()
        };
        Setup {
            pace: QUICK,
            policy,
            lookup: None,
            authorities: None,
            around: None,
            at_each_look: Arc::new(|| {}),
        }
    }
}

impl DeliveringServer {
    pub(crate) fn new() -> Self {
        DeliveringServer::with(Setup::default())
    }

    pub(crate) fn at(pace: Pace) -> Self {
        DeliveringServer::with(Setup {
            pace,
            ..Setup::default()
        })
    }

    /// Makes a server with a practice and [`PERSONS`].
    pub(crate) fn with(setup: Setup) -> Self {
        let mut server = DeliveringServer {
            folder: tempfile::tempdir().unwrap(),
            shift: Arc::default(),
            ids: Arc::new(AtomicU64::new(1)),
            running: None,
        };
        server.set_clock("2027-03-01T08:00:00Z");
        server.start(setup);
        server.put(&people::practice("gp"));
        for (at, person) in PERSONS.iter().enumerate() {
            let mut patient = people::patient(person);
            patient["identifier"][0]["value"] = json!(format!("040544000{}", at + 1));
            server.put(&patient);
        }
        server
    }

    /// Starts it, with what its folder holds.
    pub(crate) fn start(&mut self, setup: Setup) {
        assert!(self.running.is_none(), "it runs already");
        let store = EmbeddedStore::open(
            self.folder.path().join("data"),
            Engine::Fjall,
            StoreOptions::default(),
        )
        .unwrap();
        let store: Arc<dyn Store> = match setup.around {
            Some(around) => Arc::new(Surrounded {
                store: Arc::new(store),
                around,
            }),
            None => Arc::new(store),
        };
        let signals = Arc::new(DeliverySignals::default());
        let woken = Arc::clone(&signals);
        let server = Arc::new(Server::new(ServerParts {
            endpoints: setup.policy.clone(),
            wake_delivery: Box::new(move |id| woken.wake(id)),
            ..ServerParts::shipped(store, guide_validator(), BASE.into())
        }));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let client = match setup.lookup {
            Some(lookup) => {
                Client::resolving_by(setup.policy, setup.authorities.as_deref(), lookup)
            }
            None => Client::new(setup.policy, setup.authorities.as_deref()),
        };
        let (shift, ids, at_each_look) = (
            Arc::clone(&self.shift),
            Arc::clone(&self.ids),
            setup.at_each_look,
        );
        let look = move || {
            at_each_look();
            context(&shift, &ids)
        };
        let world = subscription_status::world(Arc::clone(&server), Arc::new(look));
        let deliverer = {
            let _within = runtime.enter();
            Arc::new(Deliverer::start(
                world,
                client.unwrap(),
                setup.pace,
                Arc::clone(&signals),
            ))
        };
        server.set_deliverer(&deliverer);
        self.running = Some(Running {
            server,
            signals,
            deliverer: Some(deliverer),
            runtime,
        });
    }

    /// Stops it as an operator does.
    pub(crate) fn stop(&mut self) {
        let Running {
            server,
            deliverer,
            runtime,
            ..
        } = self.running.take().unwrap();
        runtime.block_on(Arc::into_inner(deliverer.unwrap()).unwrap().stop());
        drop(runtime);
        assert_eq!(
            Arc::strong_count(&server),
            1,
            "something still holds the server"
        );
    }

    /// Does the same as [`DeliveringServer::stop`], and returns the folder.
    pub(crate) fn stop_and_keep(mut self) -> TempDir {
        self.stop();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// Stops it without a word: what was not written down is lost.
    pub(crate) fn crash(&mut self) {
        let Running {
            server,
            deliverer,
            runtime,
            ..
        } = self.running.take().unwrap();
        drop(runtime);
        drop(deliverer);
        assert_eq!(
            Arc::strong_count(&server),
            1,
            "something still holds the server"
        );
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn as_server(&self) -> &Server {
        &self.running().server
    }

    pub(crate) fn deliverer(&self) -> &Deliverer {
        self.running().deliverer.as_ref().unwrap()
    }

    /// Sends one request through the wire: its status and its body.
    pub(crate) fn ask(&self, request: Request<Body>) -> (u16, String) {
        let (shift, ids) = (Arc::clone(&self.shift), Arc::clone(&self.ids));
        let package = Arc::new(frist::app::packages::download());
        let wire = Wire::new(
            Arc::clone(&self.running().server),
            WireOptions::plain(Box::new(move || context(&shift, &ids)), package),
        );
        self.running().runtime.block_on(async {
            let (parts, body) = router(wire).oneshot(request).await.unwrap().into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            (
                parts.status.as_u16(),
                String::from_utf8(body.to_vec()).unwrap(),
            )
        })
    }

    /// Sets the clock, which goes on from there.
    pub(crate) fn set_clock(&self, now: &str) {
        *self.shift.lock().unwrap() = now
            .parse::<Timestamp>()
            .unwrap()
            .duration_since(Timestamp::now());
    }

    pub(crate) fn context(&self) -> Context {
        context(&self.shift, &self.ids)
    }

    /// Wakes the worker, as time does.
    pub(crate) fn wake(&self, id: &str) {
        self.running().signals.wake(&Id::parse(id).unwrap());
    }

    /// Sends a PUT, as a client does.
    pub(crate) fn try_put(&self, resource: &Value) -> Result<Written, Failure> {
        let text = |name: &str| resource[name].as_str().unwrap();
        let key = ResourceKey::parse(&format!("{}/{}", text("resourceType"), text("id"))).unwrap();
        let resource = Resource::from_value(resource.clone()).unwrap();
        update::update(
            self.as_server(),
            &self.context(),
            ChangeTarget::Key(key),
            resource,
            Condition::ANY,
        )
    }

    pub(crate) fn put(&self, resource: &Value) -> Written {
        self.try_put(resource)
            .unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    pub(crate) fn delete(&self, id: &str) {
        delete::delete(
            self.as_server(),
            &self.context(),
            ChangeTarget::Key(subscription_key(id)),
            Condition::ANY,
        )
        .unwrap();
    }

    /// Returns the Subscription as it is stored.
    pub(crate) fn subscription(&self, id: &str) -> Value {
        let stored = self
            .as_server()
            .store
            .read(&subscription_key(id))
            .unwrap()
            .unwrap();
        serde_json::from_slice(&stored.body.unwrap()).unwrap()
    }

    /// Waits until the Subscription has that status; answers it.
    pub(crate) fn until(&self, id: &str, status: &str) -> Value {
        for _ in 0..60_000 {
            let subscription = self.subscription(id);
            if subscription["status"] == status {
                return subscription;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("{:#} never became {status}", self.subscription(id));
    }

    pub(crate) fn stream(&self, id: &str) -> Stream {
        self.as_server()
            .store
            .stream(&Id::parse(id).unwrap())
            .unwrap()
    }

    /// Makes a change that is one event or more for a subscription to everything; returns the number
    /// of the last one.
    pub(crate) fn change(&self, subscription: &str) -> u64 {
        self.change_of("p", subscription)
    }

    /// Does the same as [`DeliveringServer::change`], for that person.
    pub(crate) fn change_of(&self, person: &str, subscription: &str) -> u64 {
        let before = self.stream(subscription).last;
        let condition = format!("of-{person}");
        let key = ResourceKey::parse(&format!("Condition/{condition}")).unwrap();
        let stored = self.as_server().store.read(&key).unwrap();
        let was_refuted = stored.is_none_or(|stored| {
            String::from_utf8(stored.body.unwrap())
                .unwrap()
                .contains("refuted")
        });
        let mut condition = people::copd(&condition, person, "2027-02-20");
        condition["verificationStatus"]["coding"][0]["code"] =
            json!(if was_refuted { "confirmed" } else { "refuted" });
        self.put(&condition);
        let after = self.stream(subscription).last;
        assert!(after > before, "no event came of it");
        after
    }
}

impl Drop for DeliveringServer {
    fn drop(&mut self) {
        if self.running.is_some() && !std::thread::panicking() {
            self.stop();
        }
    }
}

pub(crate) fn subscription_key(id: &str) -> ResourceKey {
    ResourceKey::new(ResourceType::Subscription, Id::parse(id).unwrap())
}

fn context(shift: &Mutex<SignedDuration>, ids: &Arc<AtomicU64>) -> Context {
    let ids = Arc::clone(ids);
    let new_id = move || Id::parse(&format!("id-{}", ids.fetch_add(1, Ordering::SeqCst))).unwrap();
    Context::new(
        Timestamp::now()
            .checked_add(*shift.lock().unwrap())
            .unwrap(),
        Arc::new(new_id),
    )
}

/// Returns a Subscription to everything.
pub(crate) fn subscription(id: &str, endpoint: &str) -> Value {
    json!({
        "resourceType": "Subscription", "id": id, "status": "requested", "reason": "Rights that change",
        "criteria": "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status",
        "channel": { "type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json" }
    })
}

/// Returns the same with an extension of the channel.
pub(crate) fn with_channel(
    mut subscription: Value,
    name: &str,
    member: &str,
    value: impl Into<Value>,
) -> Value {
    let url = format!(
        "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-{name}"
    );
    let mut extensions = subscription["channel"]["extension"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    extensions.push(json!({ "url": url, member: value.into() }));
    subscription["channel"]["extension"] = extensions.into();
    subscription
}
