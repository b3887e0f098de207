//! Delivery by rest-hook, to real endpoints on this machine: in order, at least once, and never
//! anything missed.

mod crowd;
pub(crate) mod endpoint;
mod life;
mod missed;
mod operator;
mod road;
mod safety;
pub(crate) mod station;
mod trouble;
mod written_back;
