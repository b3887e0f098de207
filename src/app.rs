//! Wiring and lifetime: the only place that reads the clock, makes ids or names an engine.

use std::io::{IsTerminal, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::config::{
    Command, CprInUrl, DEMO_CLOCK, DemoOptions, LogFormat, References, ReindexOptions,
    ServeOptions, SubscriptionOptions,
};
use crate::demo::Population;
use crate::fhir::{Id, Issue, Resource, ResourceType, copenhagen_date, start_of_day};
use crate::http::cors::Origins;
use crate::http::{LazyDownload, Wire, listen, router, statement};
use crate::interactions::upkeep::reindex::{ReindexFrom, Reindexed, Wish};
use crate::interactions::upkeep::{
    calendar, definitions, derivation, reindex, retention, subscription_status,
};
use crate::interactions::{Context, Failure, ReferencePolicy, Server, ServerParts, transaction};
use crate::packages;
use crate::search::SearchQuery;
use crate::storage::Store;
use crate::storage::embedded::{EmbeddedStore, Engine, OpenError, StoreOptions};
use crate::subscriptions::EndpointPolicy;
use crate::subscriptions::delivery::{Client, Deliverer, DeliverySignals, Pace};
use crate::validate_command;

/// Why the program ends with an error: one line.
#[derive(Debug)]
pub struct Stop {
    /// What is wrong, and what to do.
    pub text: String,
    /// True if the options are wrong (exit code 2).
    pub is_usage: bool,
}

impl Stop {
    /// Something cannot be done.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Stop {
            text: text.into(),
            is_usage: false,
        }
    }

    /// The options are wrong.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Stop {
            text: text.into(),
            is_usage: true,
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        let texts: Vec<_> = failure
            .issues()
            .into_iter()
            .filter(Issue::refuses)
            .map(|issue| issue.text)
            .collect();
        Stop::failed(texts.join("; "))
    }
}

/// The server's clock: the system's, shifted so that it began at an instant: that of `--clock`, or
/// of the store's last commit if that is later.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    shift: SignedDuration,
}

impl Clock {
    /// A clock that shows `start` now.
    pub fn starting_at(start: Timestamp) -> Self {
        Clock {
            shift: start.duration_since(Timestamp::now()),
        }
    }

    /// The clock that was asked for, or the system's; it begins no earlier than the last commit.
    fn begin(asked: Option<Timestamp>, last_commit: Option<Timestamp>) -> Self {
        let start = asked.unwrap_or_else(Timestamp::now);
        match (last_commit.filter(|last| *last > start), asked) {
            (Some(last), _) => {
                tracing::warn!(
                    "the clock ({start}) is behind the last commit of the data folder: it starts at {last}"
                );
                Clock::starting_at(last)
            }
            (None, Some(asked)) => Clock::starting_at(asked),
            (None, None) => Clock {
                shift: SignedDuration::ZERO,
            },
        }
    }

    /// The instant that the clock shows.
    pub fn now(self) -> Timestamp {
        Timestamp::now()
            .checked_add(self.shift)
            .unwrap_or(Timestamp::MAX)
    }

    /// The time and ids of a request that arrives now.
    pub fn context(self) -> Context {
        Context::new(self.now(), Arc::new(|| Id::from(uuid::Uuid::new_v4())))
    }
}

/// Does what the command line asks for, until it is done or stopped; answers the program's exit
/// code.
///
/// # Errors
/// One line that says what is wrong.
pub fn run(command: Command) -> Result<ExitCode, Stop> {
    match command {
        Command::Serve(options) => {
            start_log(options.common.log_format)?;
            let ready = prepare(&options)?;
            block_on(serve(options, ready))?;
        }
        Command::Demo(options) => {
            start_log(options.common.log_format)?;
            let demo_start = DEMO_CLOCK
                .parse()
                .map_err(|_| Stop::failed("the demonstration's clock is no instant"))?;
            let DemoOptions {
                listen,
                data,
                patients,
                seed,
                mut common,
            } = options;
            common.clock.get_or_insert(demo_start);
            // A demonstration has its subscribers on the same machine.
            common.subscriptions.subscription_http_loopback = true;
            let options = ServeOptions {
                listen,
                data,
                common,
            };
            let mut ready = prepare(&options)?;
            ready.wait_for_index();
            fill(&ready, patients, seed)?;
            block_on(serve(options, ready))?;
        }
        Command::Reindex(options) => {
            start_log(options.log_format)?;
            reindex_folder(&options)?;
        }
        Command::Validate(options) => {
            let is_valid = validate_command::run(&options, copenhagen_date(Timestamp::now()))?;
            return Ok(if is_valid {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn start_log(format: LogFormat) -> Result<(), Stop> {
    // What a panic says could quote what was sent: only where it happened is logged.
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => tracing::error!("panicked at {}:{}", place.file(), place.line()),
        None => tracing::error!("panicked"),
    }));
    let filter = log_filter(&std::env::var("FRIST_LOG").unwrap_or_default())?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    // A second start in the same process keeps the first one's log.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    Ok(())
}

/// What is logged; a filter that cannot be read must not hide what the operator wants to see.
fn log_filter(wanted: &str) -> Result<tracing_subscriber::EnvFilter, Stop> {
    let wanted = if wanted.is_empty() { "info" } else { wanted };
    tracing_subscriber::EnvFilter::try_new(wanted).map_err(|error| {
        Stop::usage(format!(
            "FRIST_LOG: expected what to log, such as warn or frist=debug: {error}"
        ))
    })
}

fn block_on(work: impl Future<Output = Result<(), Stop>>) -> Result<(), Stop> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| Stop::failed(format!("the threads cannot be started: {error}")))?;
    let done = runtime.block_on(work);
    // Work that is still not done, as a long step of the calendar, is cut off: what it had not
    // committed is made up for at the next start.
    runtime.shutdown_timeout(CUT_OFF_AFTER);
    done
}

/// How long the end of the program waits for work that was begun and has no client any more.
const CUT_OFF_AFTER: Duration = Duration::from_secs(5);

/// A server with its clock, made ready from a data folder.
struct Ready {
    /// Whoever connects before the server serves waits.
    listener: std::net::TcpListener,
    address: SocketAddr,
    server: Arc<Server>,
    store: Arc<dyn Store>,
    clock: Clock,
    calendar: Arc<Notify>,
    download: Arc<LazyDownload>,
    /// What makes the index anew, if that is still to be done.
    indexing: Option<JoinHandle<()>>,
    delivery: Delivery,
}

impl Ready {
    /// Waits until the index is made anew, if that is still to be done.
    fn wait_for_index(&mut self) {
        if let Some(indexing) = self.indexing.take() {
            // Its panic was told already.
            let _ = indexing.join();
        }
    }
}

/// What delivery begins with.
struct Delivery {
    client: Client,
    pace: Pace,
    signals: Arc<DeliverySignals>,
}

impl Delivery {
    /// Reads the options; answers where notifications may be sent, too.
    fn prepare(options: &SubscriptionOptions) -> Result<(Self, EndpointPolicy), Stop> {
        let policy = EndpointPolicy {
            http_loopback: options.subscription_http_loopback,
            allowed: options.subscription_allow.clone(),
        };
        let wrong = |why: String| match &options.subscription_ca {
            Some(path) => Stop::usage(format!("--subscription-ca {}: {why}", path.display())),
            None => Stop::failed(why),
        };
        let authorities = options
            .subscription_ca
            .as_ref()
            .map(std::fs::read)
            .transpose()
            .map_err(|error| wrong(error.to_string()))?;
        let client = Client::new(policy.clone(), authorities.as_deref()).map_err(wrong)?;
        let retry_window =
            Duration::from_secs(options.subscription_retry_window.saturating_mul(60));
        let pace = Pace {
            retry_window,
            ..Pace::default()
        };
        Ok((
            Delivery {
                client,
                pace,
                signals: Arc::default(),
            },
            policy,
        ))
    }
}

fn prepare(options: &ServeOptions) -> Result<Ready, Stop> {
    if !options.listen.ip().is_loopback() {
        return Err(Stop::usage(format!(
            "--listen {}: expected a loopback address such as 127.0.0.1:8080, because everyone who can reach the server is let in",
            options.listen
        )));
    }
    let common = &options.common;
    let (rules, mut definitions) = packages::rules_and_definitions(common.rules.as_deref())?;
    let download = Arc::new(packages::download());
    let validator = Arc::new(packages::validator(&packages::read(&common.package)?)?);
    if !common.package.is_empty() {
        packages::not_checked(&validator)
            .iter()
            .for_each(|what| tracing::warn!("{what}"));
    }
    let (delivery, endpoints) = Delivery::prepare(&common.subscriptions)?;
    let (listener, address) = bind(options.listen)?;
    let store_options = StoreOptions {
        cache_bytes: common.cache_mb.saturating_mul(1024 * 1024),
    };
    let store = open_store(&options.data, common.engine, store_options)?;
    let (_, last) = store
        .last_commit()
        .map_err(|error| Stop::failed(error.to_string()))?;
    let clock = Clock::begin(common.clock, last);
    let calendar = Arc::new(Notify::new());
    let wake = Arc::clone(&calendar);
    let base_url = match &common.base_url {
        Some(base_url) => base_url.trim_end_matches('/').to_owned(),
        None => format!("http://{address}/fhir"),
    };
    let references = match common.references {
        References::Later => ReferencePolicy::Later,
        References::Strict => ReferencePolicy::Strict,
    };
    definitions.push(Resource::made(statement(&base_url, references)));
    let woken = Arc::clone(&delivery.signals);
    let server = Arc::new(Server::new(ServerParts {
        rules,
        references,
        endpoints,
        wake_calendar: Box::new(move || wake.notify_one()),
        wake_delivery: Box::new(move |id| woken.wake(id)),
        ..ServerParts::shipped(Arc::clone(&store), validator, base_url)
    }));
    let indexing = if store.is_reindex_due() {
        Some(finish_index(&server))
    } else {
        None
    };
    let indexing = indexing
        .transpose()
        .map_err(|error| Stop::failed(format!("the threads cannot be started: {error}")))?;
    let mut ready = Ready {
        listener,
        address,
        server,
        store,
        clock,
        calendar,
        download,
        indexing,
        delivery,
    };
    match catch_up(&ready, &definitions) {
        Err(failure) if failure.is_of_index() => {
            // Without what is found by that nothing can be derived: whoever connects waits.
            tracing::info!("the server serves as soon as the search index is made");
            ready.wait_for_index();
            catch_up(&ready, &definitions)?;
        }
        done => done?,
    }
    Ok(ready)
}

/// Opens the store of a data folder, for entries as this program makes them.
fn open_store(data: &Path, engine: Engine, options: StoreOptions) -> Result<Arc<dyn Store>, Stop> {
    let opened = EmbeddedStore::open_indexed(data, engine, options, reindex::marks());
    match opened {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(match error {
            OpenError::Locked(_) => Stop::failed(format!(
                "{error}; a server that runs makes its search index anew when it is sent {REINDEX}"
            )),
            _ => Stop::failed(error.to_string()),
        }),
    }
}

/// How a running server is asked to make its index anew.
const REINDEX: &str = "POST [base]/$reindex with the header 'Prefer: respond-async'";

/// Makes the search index of a data folder anew, and checks the store.
fn reindex_folder(options: &ReindexOptions) -> Result<(), Stop> {
    if !options.data.is_dir() {
        return Err(Stop::usage(format!(
            "--data {}: expected the data folder of a store",
            options.data.display()
        )));
    }
    let store = open_store(&options.data, options.engine, StoreOptions::default())?;
    let mut told = Told::default();
    let done = reindex::reindex_store(&*store, ReindexFrom::Beginning, &mut |done| {
        told.tell(done);
        Wish::GoOn
    })?;
    let findings = store.verify();
    if !findings.is_empty() {
        return Err(Stop::failed(findings.join("; ")));
    }
    let Reindexed {
        versions,
        mended,
        foreign,
        ..
    } = done.unwrap_or_default();
    let data = options.data.display();
    say(format_args!(
        "Made the search index of {data} anew: {versions} versions, {mended} mended, {foreign} foreign keys removed."
    ));
    Ok(())
}

/// Tells in the log how far the index is, not at every step.
#[derive(Default)]
struct Told {
    thousands: u64,
}

impl Told {
    fn tell(&mut self, done: &Reindexed) {
        let thousands = (done.versions + done.keys) / 100_000;
        if thousands > self.thousands {
            self.thousands = thousands;
            tracing::info!(
                versions = done.versions,
                keys = done.keys,
                "making the search index anew"
            );
        }
    }
}

/// Does what is left to make the index anew, beside everything else: the definitions are others, or
/// the process ended in the middle.
fn finish_index(server: &Arc<Server>) -> std::io::Result<JoinHandle<()>> {
    let server = Arc::clone(server);
    tracing::info!(
        "making the search index anew: until that is done, searches by what is defined otherwise now are answered with 503"
    );
    thread::Builder::new()
        .name("reindex".to_owned())
        .spawn(move || {
            let mut told = Told::default();
            let watch = &mut |done: &Reindexed| {
                told.tell(done);
                if server.is_stopping.load(Ordering::SeqCst) {
                    Wish::Pause
                } else {
                    Wish::GoOn
                }
            };
            match reindex::reindex_store(&*server.store, ReindexFrom::Rest, watch) {
                Ok(Some(done)) => {
                    tracing::info!(
                        versions = done.versions,
                        mended = done.mended,
                        foreign = done.foreign,
                        "made the search index anew"
                    );
                }
                Ok(None) => tracing::info!(
                    "the search index is not made anew to its end: the next start goes on"
                ),
                Err(failure) => {
                    tracing::error!("the search index cannot be made anew: {failure:?}")
                }
            }
        })
}

/// Takes the address to listen on; with port 0 a free one, which the answer tells.
fn bind(listen: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr), Stop> {
    let bound = std::net::TcpListener::bind(listen).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Stop::failed(format!(
            "{listen} is in use by another program: choose another with --listen"
        )),
        _ => Stop::failed(format!("cannot listen on {listen}: {error}")),
    })
}

/// Stores the definitions, makes up for the days missed, and derives everyone's rights anew if they
/// were derived by something else.
fn catch_up(ready: &Ready, definitions: &[Resource]) -> Result<(), Failure> {
    let context = ready.clock.context();
    definitions::install(&ready.server, &context, definitions.to_vec())?;
    let mut last = None;
    let done = calendar::run(&ready.server, &context, |day, done| {
        if last.replace(day) != Some(day) {
            tracing::debug!(%day, persons = done.persons, "making up for days missed");
        }
    })?;
    if done.persons > 0 {
        tracing::info!(
            persons = done.persons,
            versions = done.versions,
            "made up for the days missed"
        );
    }
    let done = derivation::bring_up_to_date(&ready.server, &context)?;
    if done.persons > 0 {
        tracing::info!(
            persons = done.persons,
            versions = done.versions,
            "derived all rights anew, by the rules and codes of this start"
        );
    }
    Ok(())
}

/// Sends an invented population through the same door as any client's data.
fn fill(ready: &Ready, patients: usize, seed: u64) -> Result<(), Stop> {
    let query = SearchQuery {
        count: 0,
        ..SearchQuery::all(ResourceType::Patient, Vec::new())
    };
    let found = ready
        .store
        .search(&query, None)
        .map_err(|error| Stop::failed(error.to_string()))?
        .total;
    if found > 0 {
        say(format_args!(
            "The data folder holds {found} persons already: nothing is added."
        ));
        return Ok(());
    }
    let population = Population {
        size: patients,
        seed,
        today: copenhagen_date(ready.clock.now()),
    };
    let send = |bundle: Value| {
        let bundle = Resource::from_value(bundle).map_err(|issue| Stop::failed(issue.text))?;
        transaction::process(&ready.server, &ready.clock.context(), &bundle)
            .map(drop)
            .map_err(Stop::from)
    };
    send(Population::organizations())?;
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} persons, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(patients as u64)
        .with_style(style)
        .with_message("Inventing");
    for story in population.persons() {
        for bundle in story.bundles {
            send(bundle)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    say(format_args!("Invented {patients} persons."));
    Ok(())
}

async fn serve(options: ServeOptions, ready: Ready) -> Result<(), Stop> {
    let listener = TcpListener::from_std(ready.listener)
        .map_err(|error| Stop::failed(format!("cannot listen: {error}")))?;
    let address = ready.address;
    let clock = ready.clock;
    let origins = Origins::new(options.common.cors_origin);
    let wire = Wire::shared_with(
        origins,
        Arc::clone(&ready.server),
        Box::new(move || clock.context()),
        ready.download,
    );
    wire.take_cpr_in_addresses(options.common.cpr_in_url == CprInUrl::Allow);
    let calendar = tokio::spawn(keep_calendar(
        Arc::clone(&ready.server),
        clock,
        Arc::clone(&ready.calendar),
    ));
    let world =
        subscription_status::world(Arc::clone(&ready.server), Arc::new(move || clock.context()));
    let Delivery {
        client,
        pace,
        signals,
    } = ready.delivery;
    let deliverer = Arc::new(Deliverer::start(world, client, pace, signals));
    ready.server.set_deliverer(&deliverer);
    let retention = tokio::spawn(keep_events(
        Arc::clone(&ready.server),
        move || clock.context(),
        options.common.event_retention_days,
    ));
    wire.set_ready(true);
    say(format_args!(
        "Frist serves FHIR R4 at {} from {}",
        ready.server.base_url,
        options.data.display()
    ));
    say(format_args!(
        "  today in Copenhagen   {}",
        copenhagen_date(clock.now())
    ));
    say(format_args!("  what to try           http://{address}/"));
    say(format_args!(
        "  no one is asked who they are: this is for trying out on one machine, never a deployment"
    ));
    let store = Arc::clone(&ready.store);
    let stop = async {
        stopped(store).await;
        wire.set_ready(false);
        wire.leave().await;
    };
    listen::serve(listener, router(Arc::clone(&wire)), stop).await;
    calendar.abort();
    if let Some(deliverer) = Arc::into_inner(deliverer) {
        deliverer.stop().await;
    }
    retention.abort();
    ready.server.is_stopping.store(true, Ordering::SeqCst);
    if let Some(indexing) = ready.indexing {
        // It ends after the step that it is at; its panic was told already.
        let _ = tokio::task::spawn_blocking(|| indexing.join()).await;
    }
    match ready.store.failure() {
        Some(error) => Err(Stop::failed(error.to_string())),
        None => {
            say(format_args!("Stopped."));
            Ok(())
        }
    }
}

/// Done when the program is asked to stop, or the store has failed.
async fn stopped(store: Arc<dyn Store>) {
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

/// The longest sleep between two looks at whether a day has begun: a machine that was suspended is
/// late by no more than this.
const MIDNIGHT_SLEEP_MAX: Duration = Duration::from_secs(60);

/// Makes the calendar step at each midnight in Copenhagen, and when a commit set a timer on a day
/// that has begun.
async fn keep_calendar(server: Arc<Server>, clock: Clock, wake: Arc<Notify>) {
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
async fn keep_events(server: Arc<Server>, context: impl Fn() -> Context, days: u16) {
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
                    tracing::info!(commits, "forgot events that are older than {days} days")
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

/// How long to sleep until the next midnight in Copenhagen, or the next look at whether it has
/// come.
fn until_midnight(now: Timestamp) -> Duration {
    let midnight = copenhagen_date(now)
        .checked_add(1.day())
        .ok()
        .map(start_of_day);
    let until = midnight.and_then(|midnight| Duration::try_from(midnight.duration_since(now)).ok());
    until.map_or(MIDNIGHT_SLEEP_MAX, |until| until.min(MIDNIGHT_SLEEP_MAX))
}

/// Tells whoever started the program; a reader who has gone is no reason to stop serving.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;
    use crate::deadlines::{GroupTable, Rules};

    /// A server with a websocket subscription `s` and one event of it, at that instant.
    fn server_with_an_event(folder: &Path, at: Context) -> Arc<Server> {
        let store = EmbeddedStore::open(
            folder,
            Engine::Fjall,
            StoreOptions {
                cache_bytes: 1 << 20,
            },
        )
        .expect("a store");
        let validator = Arc::new(packages::validator(&[]).expect("the packages"));
        let (rules, groups) = (Rules::shipped().clone(), GroupTable::shipped().clone());
        let base_url = "http://127.0.0.1/fhir".to_owned();
        let server = Server::new(ServerParts {
            rules,
            groups,
            ..ServerParts::shipped(Arc::new(store), validator, base_url)
        });
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

    #[test]
    fn the_clock_is_the_systems_unless_another_is_asked_for_or_the_last_commit_is_later() {
        let [early, late] = ["2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z"]
            .map(|text| text.parse::<Timestamp>().expect("an instant"));
        assert_eq!(Clock::begin(None, None).shift, SignedDuration::ZERO);
        assert_eq!(
            Clock::begin(None, Some(early)).shift,
            SignedDuration::ZERO,
            "exactly, however long the store took to open"
        );
        assert!(Clock::begin(None, Some(late)).now() >= late);
        assert!(Clock::begin(Some(late), Some(early)).now() >= late);
        assert!(Clock::begin(Some(early), Some(late)).now() >= late);
        assert!(Clock::begin(Some(early), None).now() < late);
    }

    #[test]
    fn a_folder_in_use_says_how_to_ask_the_server() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = ReindexOptions {
            data: folder.path().into(),
            engine: Engine::Fjall,
            log_format: LogFormat::Text,
        };
        let store =
            open_store(folder.path(), Engine::Fjall, StoreOptions::default()).expect("a store");
        let stop = reindex_folder(&options).expect_err("it is in use");
        assert!(
            stop.text.contains("in use")
                && stop.text.contains("POST [base]/$reindex")
                && !stop.text.contains('\n'),
            "{}",
            stop.text
        );
        drop(store);
        assert!(reindex_folder(&options).is_ok());
    }

    #[test]
    fn a_log_filter_that_cannot_be_read_is_a_usage_error() {
        for wanted in ["", "warn", "frist=debug", "info,frist::http=trace"] {
            assert!(log_filter(wanted).is_ok(), "{wanted}");
        }
        for wanted in ["[[[", "frist=loud", "a=b=c"] {
            assert!(
                log_filter(wanted).is_err_and(|stop| stop.is_usage && !stop.text.contains('\n')),
                "{wanted}"
            );
        }
    }
}
