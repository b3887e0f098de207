//! Intake: what Danish systems really send, and what is made of it (`profiles/intake.md`). A pure
//! function: a foreign Bundle and what is stored of the parties that it names in; proposed content
//! of our own types and a report, entry by entry, out. Knows no store, no address and no clock.
//!
//! In reading order: the words, the foreign Bundle and its recognition, what it states about whom,
//! what must be known for the conversion, one file for each format, and the report.
//!
//! A format is a file with two functions, `statement` and `convert`, and a row in `formats.rs`.

mod condition_list;
mod content;
mod context;
mod conversion;
mod foreign;
mod formats;
mod fut;
mod hospital_notification;
mod identity;
mod kl_119;
mod known;
mod organization;
mod person;
mod provenance;
mod recognition;
mod referral_codes;
mod referral_draft;
mod referral_keys;
mod refusal;
mod report;
mod same_diagnosis;
mod statement;
mod words;

pub use context::{IntakeContext, IntakeOptions, RefusedContent};
pub use conversion::{Conversion, Proposal};
pub use foreign::ForeignBundle;
pub use formats::{convert, understand};
pub use known::{KnownParties, KnownResource, WantedParties};
pub use provenance::{intake_provenance, intake_provenance_id};
pub use recognition::IntakeFormat;
pub use refusal::{IntakeRefusal, RefusalKey};
pub use report::{EntryReport, IntakeReport, Stands};
pub use statement::Statement;
pub use words::{IntakeOutcome, IntakeReason};
