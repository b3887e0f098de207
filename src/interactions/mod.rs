//! The interactions: everything that a client can do, one file for each FHIR interaction, and the
//! steps that each takes: gather, decide, commit, answer.
//!
//! Nothing here knows HTTP, an engine or the clock: the time and new ids come with each request as
//! a [`Context`].
//!
//! The FHIR interactions and operations stand at the top; `writing` is the inside of the write
//! path,
//! `upkeep` what the server does by itself, `subscription` what is asked about subscriptions.

pub mod address;
mod allowance;
mod alone;
mod batch;
mod batch_threads;
mod bundle_entry;
pub mod capabilities;
pub mod catalogue;
pub mod change;
pub mod condition;
mod context;
pub mod create;
pub mod delete;
mod duplicate_patients;
mod entry_needs;
pub mod envelope;
pub mod everything;
pub mod examples;
pub mod export;
pub mod extents;
pub mod failure;
mod foresight;
pub mod history;
mod history_total;
mod includes;
pub mod intake;
mod intake_known;
mod long_work;
pub mod meta;
pub mod outcome;
pub mod overview;
pub mod page_token;
mod passed_over;
pub mod patch;
pub mod per_base;
pub mod perform;
pub mod query;
pub mod read;
mod reference_policy;
pub mod request;
pub mod rights;
pub mod rights_told;
pub mod scopes;
pub mod search;
mod server;
mod stored;
pub mod subscription;
pub mod subset;
pub mod transaction;
pub mod update;
pub mod upkeep;
pub mod validate;
pub mod writing;
mod written;

pub use crate::storage::{HistoryQuery, HistoryScope, Method, Position, StoredVersion};
pub use crate::subscriptions::names as subscription_names;
pub use context::{Context, Principal};
pub use duplicate_patients::DuplicatePatients;
pub use failure::Failure;
pub use reference_policy::ReferencePolicy;
pub use server::{SUBSCRIPTIONS_MAX, Server, ServerParts};
pub use written::{Effect, Written};
