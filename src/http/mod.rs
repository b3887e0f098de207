//! The wire: routes, headers, status codes, and the bodies of answers. Never a rule, never an
//! engine.

mod admission;
mod allow;
mod answer;
mod arrival;
mod body_parts;
mod bundle;
mod call;
mod connections;
pub mod cors;
mod dashboard;
mod encoding;
mod error;
pub mod forwarded;
mod head_clock;
mod header_text;
mod later;
pub mod listen;
mod listener;
mod listeners;
mod machine_figures;
mod media;
mod memory_pool;
mod metrics;
mod negotiation;
mod openapi;
mod outcomes;
mod package;
mod packer;
mod paths;
mod pretty;
mod redaction;
mod routes;
mod sent;
mod service;
mod websocket;
mod wire;
mod wire_bounds;
mod xml_page;

pub use machine_figures::{MachineFigure, ScrubFigures};
pub use service::router;
pub use wire::{Download, LazyDownload, Wire, WireOptions};
pub use wire_bounds::WireBounds;
