//! Bundles of answers, written around the stored bytes so that each resource stays as it was
//! accepted.

mod bodies;
mod pages;
mod response;
mod writer;

pub(super) use bodies::{body_of, version_of};
pub(super) use pages::address;
pub(super) use response::{effect_status, later, response};
