//! Serving, until the program is asked to stop or the store fails.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use super::catching_up::CatchUp;
use super::clock::ServerClock;
use super::control;
use super::delivery::DeliverySetup;
use super::exit_error::ExitError;
use super::log::announce;
use super::machine;
use super::practices::keep_practices;
use super::process;
use super::ready::ReadyServer;
use super::scrubbing::keep_scrubbing;
use super::upkeep::{keep_calendar, keep_events};
use super::upstreams;
use crate::config::{CprInUrl, ServeOptions};
use crate::fhir::copenhagen_date;
use crate::http::cors::Origins;
use crate::http::forwarded::TrustedProxies;
use crate::http::{MachineFigure, Wire, WireOptions, listen, router};
use crate::interactions::upkeep::subscription_status;
use crate::interactions::{Server, overview};
use crate::storage::Store;
use crate::subscriptions::delivery::Deliverer;

/// The time that the end of the program waits for work that was begun and has no client any more.
const CUT_OFF_AFTER: Duration = Duration::from_secs(5);
/// The time for which a thread that has nothing to do is kept.
const THREAD_KEPT: Duration = Duration::from_secs(4);

/// Serves until the program is asked to stop.
///
/// # Errors
/// If the store failed, or nothing can be served at all.
pub(super) fn run(options: ServeOptions, ready: ReadyServer) -> Result<(), ExitError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // A thread that has done heavy work gives its memory back when it ends.
        .thread_keep_alive(THREAD_KEPT)
        .build();
    let runtime = runtime
        .map_err(|error| ExitError::failed(format!("the threads cannot be started: {error}")))?;
    let done = runtime.block_on(serve(options, ready));
    // Work that is still not done, as a long step of the calendar, is cut off: what it had not
    // committed is made up for at the next start.
    runtime.shutdown_timeout(CUT_OFF_AFTER);
    done
}

async fn serve(options: ServeOptions, ready: ReadyServer) -> Result<(), ExitError> {
    let listener = TcpListener::from_std(ready.listener)
        .map_err(|error| ExitError::failed(format!("cannot listen: {error}")))?;
    let (server, clock) = (ready.server, ready.clock);
    let bounds = machine::bounds(&options.common.machine);
    let pollers = upstreams::pollers(ready.upstreams, &server, clock);
    let accounts = pollers.iter().map(|poller| Arc::clone(&poller.account));
    let wire = Wire::new(
        Arc::clone(&server),
        WireOptions {
            origins: Origins::new(options.common.cors_origin),
            trusted_proxies: TrustedProxies::new(options.common.trusted_proxy),
            takes_cpr_in_addresses: options.common.cpr_in_url == CprInUrl::Allow,
            upstreams: accounts.collect(),
            bounds,
            machine: process_figures(&options.data),
            ..WireOptions::plain(Box::new(move || clock.context()), ready.download)
        },
    );
    let stopped = stopped(&*server.store);
    tokio::pin!(stopped);
    if !ready.is_caught_up {
        wire.set_starting(Some("starting"));
    }
    let listening = AcceptLoop::begin(listener, bounds.connections_max, &wire);
    let caught_up = tokio::select! {
        caught_up = catch_up(ready.to_do, ready.is_caught_up, Arc::clone(&wire)) => caught_up.map(Some),
        () = &mut stopped => Ok(None),
    };
    let to_do = match caught_up {
        Ok(Some(to_do)) => to_do,
        ended => {
            server.is_stopping.store(true, Ordering::SeqCst);
            listening.end(&wire).await;
            return ended.and_then(|_| outcome(&*server.store));
        }
    };
    let calendar = tokio::spawn(keep_calendar(Arc::clone(&server), clock, ready.calendar));
    let deliverer = start_delivery(ready.delivery, &server, clock);
    let mut keepers = keepers(&wire, &server, clock, options.common.event_retention_days);
    let mut reading = JoinSet::new();
    for poller in pollers {
        reading.spawn(poller.keep_reading());
    }
    keepers.spawn(keep_practices(
        Arc::clone(&server),
        move || clock.context(),
        ready.practices,
    ));
    let control = control::listen(&options.data, &server.store);
    wire.set_starting(None);
    wire.set_ready(true);
    greet(&server, &options.data, clock, ready.address);
    stopped.await;
    listening.end(&wire).await;
    drop(control);
    // What a round had not written is read again at the next start.
    reading.shutdown().await;
    calendar.abort();
    keepers.abort_all();
    if let Some(deliverer) = Arc::into_inner(deliverer) {
        deliverer.stop().await;
    }
    server.is_stopping.store(true, Ordering::SeqCst);
    if let Some(indexing) = to_do.indexing {
        // It ends after the step that it is at; its panic was told already.
        let _ = tokio::task::spawn_blocking(|| indexing.join()).await;
    }
    outcome(&*server.store)
}

/// Returns what tells the figures of the process and its folder.
fn process_figures(data: &Path) -> Box<dyn Fn() -> Vec<MachineFigure> + Send + Sync> {
    let data = data.to_owned();
    Box::new(move || process::figures(&data))
}

/// Starts what is kept up beside requests until the server stops.
fn keepers(wire: &Wire, server: &Arc<Server>, clock: ServerClock, days: u16) -> JoinSet<()> {
    let mut keepers = JoinSet::new();
    keepers.spawn(keep_events(
        Arc::clone(server),
        move || clock.context(),
        days,
    ));
    keepers.spawn(keep_scrubbing(Arc::clone(server), clock, wire.scrub()));
    keepers.spawn(hang_ups());
    keepers
}

/// Returns how serving ended.
fn outcome(store: &dyn Store) -> Result<(), ExitError> {
    match store.failure() {
        Some(error) => Err(ExitError::failed(error.to_string())),
        None => {
            announce(format_args!("Stopped."));
            Ok(())
        }
    }
}

/// The connections, which are taken from before the server is ready.
struct AcceptLoop {
    task: JoinHandle<()>,
    stop: Arc<Notify>,
}

impl AcceptLoop {
    fn begin(listener: TcpListener, connections_max: usize, wire: &Arc<Wire>) -> Self {
        let stop = Arc::new(Notify::new());
        let asked = Arc::clone(&stop);
        let router = router(Arc::clone(wire));
        let task = tokio::spawn(async move {
            listen::serve(listener, connections_max, router, asked.notified()).await;
        });
        AcceptLoop { task, stop }
    }

    /// Takes no new connection, and lets what was begun come to its end.
    async fn end(self, wire: &Wire) {
        wire.set_ready(false);
        wire.leave().await;
        self.stop.notify_one();
        // Its panic was told already.
        let _ = self.task.await;
    }
}

/// Catches up, unless that is done, while connections are taken already, and tells whoever asks how far it is.
async fn catch_up(
    mut to_do: CatchUp,
    is_done: bool,
    wire: Arc<Wire>,
) -> Result<CatchUp, ExitError> {
    if is_done {
        return Ok(to_do);
    }
    let work = tokio::task::spawn_blocking(move || {
        let done = to_do.run(&|what| wire.set_starting(Some(what)));
        done.map(|()| to_do)
    });
    work.await.unwrap_or_else(|_| {
        Err(ExitError::failed(
            "the start panicked; where, is in the log",
        ))
    })
}

/// Passes over SIGHUP, by which other programs are told to open their files anew: the log goes to
/// standard error, and tables are read again when they change.
async fn hang_ups() {
    let Ok(mut signals) = signal(SignalKind::hangup()) else {
        return;
    };
    while signals.recv().await.is_some() {
        tracing::info!("SIGHUP: there is nothing to open anew");
    }
}

/// Starts the delivery of notifications, and lets the server know of it.
fn start_delivery(
    setup: DeliverySetup,
    server: &Arc<Server>,
    clock: ServerClock,
) -> Arc<Deliverer> {
    let world = subscription_status::world(Arc::clone(server), Arc::new(move || clock.context()));
    let deliverer = Deliverer::start(world, setup.client, setup.pace, setup.signals);
    let deliverer = Arc::new(deliverer);
    server.set_deliverer(&deliverer);
    deliverer
}

/// Tells whoever started the program what it serves, and where.
fn greet(server: &Server, data: &Path, clock: ServerClock, address: SocketAddr) {
    announce(format_args!(
        "Frist serves FHIR R4 at {} from {}",
        server.base_url,
        data.display()
    ));
    announce(format_args!(
        "  today in Copenhagen   {}",
        copenhagen_date(clock.now())
    ));
    let rules = overview::rules_in_force(server, &clock.context());
    let versions: BTreeSet<&str> = rules.iter().map(|rule| rule.version.as_str()).collect();
    let versions: Vec<&str> = versions.into_iter().collect();
    announce(format_args!(
        "  rules in force        {} of version {}",
        rules.len(),
        versions.join(", ")
    ));
    announce(format_args!("  what to try           http://{address}/"));
    announce(format_args!(
        "  no one is asked who they are: this is for trying out on one machine, never a deployment"
    ));
}

/// Returns what comes when the program is asked to stop, or when the store has failed. It can be asked
/// from now on, also before anybody waits.
fn stopped(store: &dyn Store) -> impl Future<Output = ()> + use<> {
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    let failure = Arc::new(Notify::new());
    let failing = Arc::clone(&failure);
    store.on_failure(Box::new(move || failing.notify_one()));
    async move {
        tokio::select! {
            () = received(interrupt) => {}
            () = received(terminate) => {}
            () = failure.notified() => {}
        }
    }
}

/// Waits for a signal; for ever, if it cannot be heard.
async fn received(listening: io::Result<Signal>) {
    match listening {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}
