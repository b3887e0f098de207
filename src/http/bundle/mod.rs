//! Bundles of answers, written around the stored bytes so that each resource stays as it was
//! accepted.

mod pages;
mod response;
mod writer;

pub(super) use pages::{address, history, rights, searchset, statuses};
pub(super) use response::{effect_status, later, response};
