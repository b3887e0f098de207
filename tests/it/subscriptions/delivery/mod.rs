//! Delivery by rest-hook, to real endpoints on this machine: in order, at least once, and never anything missed.

pub(crate) mod endpoint;
mod life;
mod operator;
mod road;
mod safety;
mod station;
mod trouble;
