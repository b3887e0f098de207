//! Frist: a FHIR R4 facade that shows whether the deadline rights of the Danish package pathways
//! are kept.
//!
//! In reading order: the vocabulary, what is checked, what is computed, how it is found and kept,
//! what clients can do, the wire.

pub mod app;
pub mod config;
pub mod deadlines;
pub mod demo;
pub mod fhir;
pub mod fhirpath;
pub mod http;
pub mod intake;
pub mod interactions;
pub mod patch;
pub mod schema;
pub mod search;
pub mod storage;
pub mod subscriptions;
pub mod upstream;
pub mod validation;
pub mod xml;
