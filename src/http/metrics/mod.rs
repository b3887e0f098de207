//! The figures for an operator's monitoring, in Prometheus' text format: never anything of a
//! person.

mod exposition;
mod figures;
mod machine;
mod requests;
mod upstreams;

pub(super) use figures::text;
pub(super) use requests::Requests;
