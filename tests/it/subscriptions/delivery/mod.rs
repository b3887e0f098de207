//! Delivery by rest-hook, to real endpoints on this machine: in order, at least once, and never
//! anything missed.

pub(crate) mod delivering_server;
pub(crate) mod endpoint;
mod in_order;
mod lifecycle;
mod many_subscriptions;
mod missed;
mod operator;
mod safety;
mod trouble;
mod written_back;
