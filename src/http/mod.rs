//! The wire: routes, headers, status codes, and the bodies of answers. Never a rule, never an
//! engine.

mod answer;
mod bulk;
mod bundle;
mod capability;
pub mod cors;
mod deliveries;
mod encoding;
mod error;
mod head_clock;
mod jobs;
mod later;
pub mod listen;
mod metrics;
mod negotiation;
mod openapi;
mod operations;
mod page;
mod pretty;
mod reindex;
mod routes;
mod service;
mod sight;
mod subscriptions;
mod websocket;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

use tokio::sync::Semaphore;

use crate::interactions::{Context, Server};

pub use capability::statement;
pub use service::router;

/// How many requests may be worked on at once; more are turned away with 503.
const REQUESTS_MAX: usize = 512;
/// How many requests with a body may be received or worked on at once, which bounds the memory that
/// bodies take.
const BODIES_MAX: usize = 512;

/// A file to be downloaded as it is.
#[derive(Debug)]
pub struct Download {
    /// The name under which a client should keep it.
    pub file_name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A file that is made when it is first asked for: few clients ask, and every start would wait for
/// it.
pub type LazyDownload = LazyLock<Download>;

/// What every request is answered from.
pub struct Wire {
    server: Arc<Server>,
    context: Box<dyn Fn() -> Context + Send + Sync>,
    ready: AtomicBool,
    permits: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    metrics: metrics::Metrics,
    package: Arc<LazyDownload>,
    origins: cors::Origins,
    jobs: jobs::Jobs,
    takes_cpr_in_addresses: AtomicBool,
    listeners: websocket::Listeners,
}

impl Wire {
    /// Takes the server, the source of each request's time and ids, and the guide's package. Not
    /// ready until [`Wire::set_ready`].
    pub fn new(
        server: Arc<Server>,
        context: Box<dyn Fn() -> Context + Send + Sync>,
        package: Arc<LazyDownload>,
    ) -> Arc<Self> {
        Wire::shared_with(cors::Origins::default(), server, context, package)
    }

    /// As [`Wire::new`], for pages of these origins too.
    pub fn shared_with(
        origins: cors::Origins,
        server: Arc<Server>,
        context: Box<dyn Fn() -> Context + Send + Sync>,
        package: Arc<LazyDownload>,
    ) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(REQUESTS_MAX));
        let bodies = Arc::new(Semaphore::new(BODIES_MAX));
        let (ready, metrics) = (AtomicBool::new(false), metrics::Metrics::default());
        let (jobs, takes_cpr_in_addresses) = (jobs::Jobs::default(), AtomicBool::new(false));
        let listeners = websocket::Listeners::default();
        Arc::new(Wire {
            server,
            context,
            ready,
            permits,
            bodies,
            metrics,
            package,
            origins,
            jobs,
            takes_cpr_in_addresses,
            listeners,
        })
    }

    /// Says whether a request may have a CPR number in its address. It is refused until this allows
    /// it: addresses stand in the logs and histories of all that is on the way.
    pub fn take_cpr_in_addresses(&self, takes: bool) {
        self.takes_cpr_in_addresses
            .store(takes, std::sync::atomic::Ordering::SeqCst);
    }

    /// Says whether `/readyz` answers that requests are welcome.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, std::sync::atomic::Ordering::SeqCst);
    }

    /// Tells all who listen over a websocket that the server stops, and waits a moment until they
    /// have heard it.
    pub async fn leave(&self) {
        self.listeners.leave().await;
    }
}
