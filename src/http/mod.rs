//! The wire: routes, headers, status codes, and the bodies of answers. Never a rule, never an
//! engine.

mod allow;
mod answer;
mod bundle;
mod call;
mod capability;
pub mod cors;
mod dashboard;
mod encoding;
mod error;
mod head_clock;
mod later;
pub mod listen;
mod listener;
mod listeners;
mod media;
mod metrics;
mod negotiation;
mod openapi;
mod operations;
mod paths;
mod pretty;
mod reading;
mod redaction;
mod routes;
mod service;
mod subscriptions;
mod websocket;
mod wire;
mod writing;

pub use capability::statement;
pub use service::router;
pub use wire::{Download, LazyDownload, Wire, WireOptions};
