//! Serving, until the program is asked to stop or the store fails.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::clock::ServerClock;
use super::delivery::DeliverySetup;
use super::exit_error::ExitError;
use super::log::say;
use super::machine;
use super::practices::keep_practices;
use super::ready::ReadyServer;
use super::upkeep::{keep_calendar, keep_events};
use super::upstreams;
use crate::config::{CprInUrl, ServeOptions};
use crate::fhir::copenhagen_date;
use crate::http::cors::Origins;
use crate::http::forwarded::TrustedProxies;
use crate::http::{Wire, WireOptions, listen, router};
use crate::interactions::Server;
use crate::interactions::upkeep::subscription_status;
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
            ..WireOptions::plain(Box::new(move || clock.context()), ready.download)
        },
    );
    let calendar = tokio::spawn(keep_calendar(Arc::clone(&server), clock, ready.calendar));
    let deliverer = start_delivery(ready.delivery, &server, clock);
    let retention = tokio::spawn(keep_events(
        Arc::clone(&server),
        move || clock.context(),
        options.common.event_retention_days,
    ));
    let mut reading = JoinSet::new();
    for poller in pollers {
        reading.spawn(poller.keep_reading());
    }
    let practices = tokio::spawn(keep_practices(
        Arc::clone(&server),
        move || clock.context(),
        ready.practices,
    ));
    wire.set_ready(true);
    greet(&server, &options.data, clock, ready.address);
    let stop = async {
        stopped(&*server.store).await;
        wire.set_ready(false);
        wire.leave().await;
    };
    let routes = router(Arc::clone(&wire));
    listen::serve(listener, bounds.connections_max, routes, stop).await;
    // What a round had not written is read again at the next start.
    reading.shutdown().await;
    calendar.abort();
    practices.abort();
    if let Some(deliverer) = Arc::into_inner(deliverer) {
        deliverer.stop().await;
    }
    retention.abort();
    server.is_stopping.store(true, Ordering::SeqCst);
    if let Some(indexing) = ready.indexing {
        // It ends after the step that it is at; its panic was told already.
        let _ = tokio::task::spawn_blocking(|| indexing.join()).await;
    }
    match server.store.failure() {
        Some(error) => Err(ExitError::failed(error.to_string())),
        None => {
            say(format_args!("Stopped."));
            Ok(())
        }
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
    say(format_args!(
        "Frist serves FHIR R4 at {} from {}",
        server.base_url,
        data.display()
    ));
    say(format_args!(
        "  today in Copenhagen   {}",
        copenhagen_date(clock.now())
    ));
    say(format_args!("  what to try           http://{address}/"));
    say(format_args!(
        "  no one is asked who they are: this is for trying out on one machine, never a deployment"
    ));
}

/// Waits until the program is asked to stop, or the store has failed.
async fn stopped(store: &dyn Store) {
    let interrupt = tokio::signal::ctrl_c();
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    let failure = Arc::new(Notify::new());
    let failing = Arc::clone(&failure);
    store.on_failure(Box::new(move || failing.notify_one()));
    tokio::select! {
        _ = interrupt => {}
        () = terminate => {}
        () = failure.notified() => {}
    }
}
