//! Making a server ready from a data folder: what it is started with is read, its store is opened,
//! and what was missed is made up for.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::Notify;

use super::clock::ServerClock;
use super::delivery::DeliverySetup;
use super::exit_error::ExitError;
use super::practices::{OpenedPractices, PracticeFile};
use super::reindex::{finish_index, open_store};
use super::{added_packages, machine, packages, upstreams};
use crate::config::{IntakeDraft, OnDuplicatePatients, References, ServeOptions};
use crate::fhir::Resource;
use crate::http::LazyDownload;
use crate::intake::IntakeOptions;
use crate::interactions::capabilities::statement;
use crate::interactions::upkeep::{calendar, definitions, derivation};
use crate::interactions::{DuplicatePatients, Failure, ReferencePolicy, Server, ServerParts};
use crate::storage::embedded::StoreOptions;
use crate::upstream::{FhirClient, Upstream};
use crate::validation::Validator;

/// A server with its clock, made ready from a data folder.
pub(super) struct ReadyServer {
    /// Takes connections already: whoever connects before the server serves waits.
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) server: Arc<Server>,
    pub(super) clock: ServerClock,
    pub(super) calendar: Arc<Notify>,
    /// The file of the table of general practices, if there is one.
    pub(super) practices: Option<PracticeFile>,
    pub(super) download: Arc<LazyDownload>,
    /// The thread that makes the index anew, if that is still to be done.
    pub(super) indexing: Option<JoinHandle<()>>,
    pub(super) delivery: DeliverySetup,
    /// The servers to read.
    pub(super) upstreams: Vec<(Upstream, FhirClient)>,
}

impl ReadyServer {
    /// Makes a server ready.
    ///
    /// # Errors
    /// Options that are wrong, a port that is in use, a data folder that cannot be used.
    pub(super) fn prepare(options: &ServeOptions) -> Result<Self, ExitError> {
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
        let (_, last) = store
            .last_commit()
            .map_err(|error| ExitError::failed(error.to_string()))?;
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
            clock: ServerClock::begin(common.clock, last),
            calendar,
            practices: practices.file,
            download: Arc::new(packages::download()),
            indexing: index_if_due(&server)?,
            delivery,
            upstreams,
            server,
        };
        ready.catch_up_when_indexed(&definitions)?;
        Ok(ready)
    }

    /// Waits until the index is made anew, if that is still to be done.
    pub(super) fn wait_for_index(&mut self) {
        if let Some(indexing) = self.indexing.take() {
            // Its panic was told already.
            let _ = indexing.join();
        }
    }

    /// Catches up; where that depends on entries that are not made yet, whoever connects waits.
    fn catch_up_when_indexed(&mut self, definitions: &[Resource]) -> Result<(), ExitError> {
        match self.catch_up(definitions) {
            Err(failure) if failure.is_of_index() => {
                tracing::info!("the server serves as soon as the search index is made");
                self.wait_for_index();
                Ok(self.catch_up(definitions)?)
            }
            done => Ok(done?),
        }
    }

    /// Stores the definitions, makes up for the days missed, and derives everyone's rights anew if they
    /// were derived by something else.
    fn catch_up(&self, definitions: &[Resource]) -> Result<(), Failure> {
        let context = self.clock.context();
        definitions::install(&self.server, &context, definitions.to_vec())?;
        let mut last = None;
        let done = calendar::run(&self.server, &context, |day, done| {
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
        let done = derivation::bring_up_to_date(&self.server, &context)?;
        if done.persons > 0 {
            tracing::info!(
                persons = done.persons,
                versions = done.versions,
                "derived all rights anew, by the rules and codes of this start"
            );
        }
        Ok(())
    }
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
