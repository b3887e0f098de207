//! The state of the wire: the server and all that is kept beside it while it serves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jiff::Timestamp;

use super::admission::Admission;
use super::cors::Origins;
use super::forwarded::TrustedProxies;
use super::later::Jobs;
use super::listeners::Listeners;
use super::machine_figures::{MachineFigure, ScrubFigures};
use super::metrics::Requests;
use super::wire_bounds::WireBounds;
use crate::interactions::overview::RightCounts;
use crate::interactions::per_base::PerBase;
use crate::interactions::{Context, Server};
use crate::upstream::Account;

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

/// The parts with which a wire serves.
pub struct WireOptions {
    /// Makes the context of each request: its time and its ids.
    pub context: Box<dyn Fn() -> Context + Send + Sync>,
    /// The guide's package, to be downloaded.
    pub package: Arc<LazyDownload>,
    /// The origins whose pages may use the server.
    pub origins: Origins,
    /// The proxies whose word counts on how a client reached the server.
    pub trusted_proxies: TrustedProxies,
    /// True if a request may have a CPR number in its address. Addresses stand in the logs and
    /// histories of all that is on the way.
    pub takes_cpr_in_addresses: bool,
    /// The servers that are read.
    pub upstreams: Vec<Arc<Account>>,
    /// The bounds within which it receives and works.
    pub bounds: WireBounds,
    /// Returns the figures of the process and its machine.
    pub machine: Box<dyn Fn() -> Vec<MachineFigure> + Send + Sync>,
    /// The walk over everything that is stored, in figures.
    pub scrub: Arc<ScrubFigures>,
}

impl WireOptions {
    /// Returns the options that hold if nothing is said: no pages of others, no proxy, and no CPR
    /// number in an address.
    pub fn plain(
        context: Box<dyn Fn() -> Context + Send + Sync>,
        package: Arc<LazyDownload>,
    ) -> Self {
        WireOptions {
            context,
            package,
            origins: Origins::default(),
            trusted_proxies: TrustedProxies::default(),
            takes_cpr_in_addresses: false,
            upstreams: Vec::new(),
            bounds: WireBounds::default(),
            machine: Box::new(Vec::new),
            scrub: Arc::default(),
        }
    }
}

/// The state from which every request is answered.
pub struct Wire {
    pub(super) server: Arc<Server>,
    pub(super) context: Box<dyn Fn() -> Context + Send + Sync>,
    pub(super) ready: AtomicBool,
    pub(super) bounds: WireBounds,
    pub(super) admission: Admission,
    /// The work that the server still does before requests are welcome.
    starting: Mutex<Option<String>>,
    /// The number of rights by right and status, and when they were counted.
    pub(super) rights: Mutex<Option<(Timestamp, RightCounts)>>,
    pub(super) machine: Box<dyn Fn() -> Vec<MachineFigure> + Send + Sync>,
    pub(super) scrub: Arc<ScrubFigures>,
    pub(super) metrics: Requests,
    pub(super) package: Arc<LazyDownload>,
    pub(super) origins: Origins,
    pub(super) trusted_proxies: TrustedProxies,
    /// The OpenAPI document.
    pub(super) openapi: PerBase,
    pub(super) jobs: Jobs,
    pub(super) takes_cpr_in_addresses: bool,
    pub(super) upstreams: Vec<Arc<Account>>,
    pub(super) listeners: Listeners,
}

impl Wire {
    /// Makes a wire to that server. Not ready until [`Wire::set_ready`].
    pub fn new(server: Arc<Server>, options: WireOptions) -> Arc<Self> {
        let WireOptions {
            context,
            package,
            origins,
            trusted_proxies,
            takes_cpr_in_addresses,
            upstreams,
            bounds,
            machine,
            scrub,
        } = options;
        Arc::new(Wire {
            server,
            context,
            ready: AtomicBool::new(false),
            bounds,
            admission: Admission::within(&bounds),
            starting: Mutex::default(),
            rights: Mutex::default(),
            machine,
            scrub,
            metrics: Requests::default(),
            package,
            origins,
            trusted_proxies,
            openapi: PerBase::default(),
            jobs: Jobs::default(),
            takes_cpr_in_addresses,
            upstreams,
            listeners: Listeners::default(),
        })
    }

    /// Sets whether `/readyz` answers that requests are welcome.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::SeqCst);
    }

    /// Returns the figures of the walk over everything that is stored.
    pub fn scrub(&self) -> Arc<ScrubFigures> {
        Arc::clone(&self.scrub)
    }

    /// Says what the server does before requests are welcome: until it says that there is nothing any
    /// more, requests are asked to come again.
    pub fn set_starting(&self, what: Option<&str>) {
        let mut starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        *starting = what.map(str::to_owned);
    }

    /// Returns what the server still does before requests are welcome.
    pub(super) fn starting(&self) -> Option<String> {
        self.starting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Tells all who listen over a websocket that the server stops, and waits a moment until they
    /// have heard it.
    pub async fn leave(&self) {
        self.listeners.leave().await;
    }
}
