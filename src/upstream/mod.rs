//! Reading other FHIR servers, for senders that cannot push: what each of them has is asked for
//! again and again, and written here by the one write path.
//!
//! `settings` says what is read (`settings_file` reads it), `credentials` and `fhir_client` ask for it (the only I/O to the
//! outside), `answers` understands what comes, `taking` writes it, a `round` joins them, and a
//! `poller` repeats the rounds. The place that was reached is a bookmark of the store, moved after
//! what it stands for was written; what is read twice writes nothing. Nothing here reads the clock
//! or decides a right.

mod account;
mod again;
mod answers;
mod assertion;
mod bundles;
mod conversion;
mod credentials;
mod export;
mod fhir_client;
mod identities;
mod jwk;
mod notified;
mod place;
mod poller;
mod round;
mod settings;
mod settings_file;
mod taking;
mod turns;
mod walk;

pub use account::{Account, Outlook, TAKEN};
pub use fhir_client::FhirClient;
pub use notified::notified_path;
pub use poller::{Poller, PollerParts};
pub use settings::{Deletions, Ids, Notified, Reading, TakenAs, Upstream, UpstreamAuth};
pub use settings_file::read;
