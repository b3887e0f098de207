//! Subscriptions: what is accepted, what is told, and that nothing is missed.

#![allow(clippy::unwrap_used)]

pub(crate) mod shape;
mod websocket;
