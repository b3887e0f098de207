//! Making a server ready from a data folder: what it is started with is read, its store is opened,
//! and what was missed is made up for.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::Notify;

use super::catching_up::CatchUp;
use super::clock::ServerClock;
use super::clock_guard::{self, AskedClock, FolderPast};
use super::delivery::DeliverySetup;
use super::exit_error::ExitError;
use super::practices::{OpenedPractices, PracticeFile};
use super::reindex::{finish_index, open_store};
use super::rules_guard::{self, NotReady};
use super::{added_packages, machine, packages, process, upstreams};
use crate::config::{IntakeDraft, OnDuplicatePatients, References, ServeOptions};
use crate::fhir::Resource;
use crate::http::LazyDownload;
use crate::intake::IntakeOptions;
use crate::interactions::capabilities::statement;
use crate::interactions::upkeep::lived_time::LivedTime;
use crate::interactions::{DuplicatePatients, ReferencePolicy, Server, ServerParts};
use crate::storage::embedded::StoreOptions;
use crate::storage::{Store, StoreError};
use crate::upstream::{FhirClient, Upstream};
use crate::validation::Validator;

/// A server with its clock, made ready from a data folder.
pub(super) struct ReadyServer {
    /// Takes connections already: whoever connects before the server answers waits.
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) server: Arc<Server>,
    pub(super) clock: ServerClock,
    pub(super) calendar: Arc<Notify>,
    /// The file of the table of general practices, if there is one.
    pub(super) practices: Option<PracticeFile>,
    pub(super) download: Arc<LazyDownload>,
    /// The work that is to be done before requests are welcome.
    pub(super) to_do: CatchUp,
    /// True if that was done already.
    pub(super) is_caught_up: bool,
    pub(super) delivery: DeliverySetup,
    /// The servers to read.
    pub(super) upstreams: Vec<(Upstream, FhirClient)>,
}

impl ReadyServer {
    /// Makes a server ready.
    ///
    /// # Errors
    /// Options that are wrong, a port that is in use, a data folder that cannot be used.
    pub(super) fn prepare(options: &ServeOptions, asked: AskedClock) -> Result<Self, ExitError> {
        if !options.listen.ip().is_loopback() {
            return Err(ExitError::usage(format!(
                "--listen {}: expected a loopback address such as 127.0.0.1:8080, because everyone who can reach the server is let in",
                options.listen
            )));
        }
        let common = &options.common;
        let (rules, mut definitions) = packages::rules_and_definitions(common.rules.as_deref())?;
        let practices = OpenedPractices::open(common.practices.as_deref())?;
        let validator = validator(&common.package)?;
        let upstreams = upstreams::prepare(common.upstream.as_deref())?;
        let (delivery, endpoints) = DeliverySetup::read(&common.subscriptions)?;
        let (listener, address) = bind(options.listen)?;
        let store_options = StoreOptions {
            cache_bytes: common.machine.cache_bytes(machine::memory_bytes()),
        };
        let store = open_store(&options.data, common.engine, store_options)?;
        process::find_room(&options.data)?;
        let clock = guarded_clock(&*store, options, asked)?;
        let base_url = match &common.base_url {
            Some(base_url) => base_url.trim_end_matches('/').to_owned(),
            None => format!("http://{address}/fhir"),
        };
        let references = match common.references {
            References::Later => ReferencePolicy::Later,
            References::Strict => ReferencePolicy::Strict,
        };
        definitions.push(Resource::made(statement(&base_url, references)));
        let calendar = Arc::new(Notify::new());
        let (wake, woken) = (Arc::clone(&calendar), Arc::clone(&delivery.signals));
        let server = Arc::new(Server::new(ServerParts {
            rules,
            practices: practices.table,
            intake: IntakeOptions {
                takes_referral_draft: common.intake_draft.contains(&IntakeDraft::Referral),
            },
            references,
            duplicate_patients: match common.duplicate_patients {
                OnDuplicatePatients::Warn => DuplicatePatients::Warn,
                OnDuplicatePatients::Refuse => DuplicatePatients::Refuse,
            },
            endpoints,
            long_work_max: machine::long_work_max(),
            wake_calendar: Box::new(move || wake.notify_one()),
            wake_delivery: Box::new(move |id| woken.wake(id)),
            ..ServerParts::shipped(Arc::clone(&store), validator, base_url)
        }));
        let mut ready = ReadyServer {
            listener,
            address,
            clock,
            calendar,
            practices: practices.file,
            download: Arc::new(packages::download()),
            to_do: CatchUp {
                server: Arc::clone(&server),
                clock,
                definitions,
                indexing: index_if_due(&server)?,
            },
            is_caught_up: false,
            delivery,
            upstreams,
            server,
        };
        ready.guard_rules(common.accept.accept_rules)?;
        Ok(ready)
    }

    /// Refuses rules that differ from those of the folder, unless they are meant; waits for the index
    /// where that is needed.
    fn guard_rules(&mut self, is_accepted: bool) -> Result<(), ExitError> {
        let (server, context) = (Arc::clone(&self.server), self.clock.context());
        match rules_guard::guard(&server, &context, is_accepted) {
            Err(NotReady::Failed(failure)) if failure.is_of_index() => {
                tracing::info!("the rules are compared as soon as the search index is made");
                self.to_do.wait_for_index();
                Ok(rules_guard::guard(&server, &context, is_accepted)?)
            }
            done => Ok(done?),
        }
    }
}

/// Starts the clock that was asked for, if it fits the folder, and notes in which time that lives.
fn guarded_clock(
    store: &dyn Store,
    options: &ServeOptions,
    asked: AskedClock,
) -> Result<ServerClock, ExitError> {
    let failed = |error: StoreError| ExitError::failed(error.to_string());
    let (_, last) = store.last_commit().map_err(failed)?;
    let past = FolderPast {
        lived: LivedTime::of(store).map_err(failed)?,
        last,
    };
    let is_accepted = options.common.accept.accept_clock;
    let now = ServerClock::now_of_system();
    let lives = clock_guard::judge(&options.data, past, asked, now, is_accepted)?;
    let clock = ServerClock::begin(asked.instant(), last);
    lives.note(store, clock.now()).map_err(failed)?;
    Ok(clock)
}

/// Reads the packages, and makes the validator of them.
fn validator(paths: &[PathBuf]) -> Result<Arc<Validator>, ExitError> {
    let packages = added_packages::read(paths)?;
    let validator = added_packages::validator(&packages)?;
    if !paths.is_empty() {
        added_packages::not_checked(&validator, &packages)
            .iter()
            .for_each(|what| tracing::warn!("{what}"));
    }
    Ok(Arc::new(validator))
}

/// Begins to make the index anew, if that is to be done.
fn index_if_due(server: &Arc<Server>) -> Result<Option<JoinHandle<()>>, ExitError> {
    if !server.store.is_reindex_due() {
        return Ok(None);
    }
    finish_index(server)
        .map(Some)
        .map_err(|error| ExitError::failed(format!("the threads cannot be started: {error}")))
}

/// Takes the address to listen on; with port 0 a free one, which the answer tells.
fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), ExitError> {
    let bound = TcpListener::bind(listen).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => ExitError::failed(format!(
            "{listen} is in use by another program: choose another with --listen"
        )),
        _ => ExitError::failed(format!("cannot listen on {listen}: {error}")),
    })
}
