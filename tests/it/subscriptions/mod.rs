//! Subscriptions: what is accepted, what is told, and that nothing is missed.

#![allow(clippy::unwrap_used)]

mod delivery;
pub(crate) mod shape;
