//! The subscriptions of clients, as they and an operator ask about them.

pub mod binding;
pub(super) mod binding_tokens;
pub mod deliveries;
pub mod events;
pub mod feed;
pub(super) mod listeners;
pub mod status;
pub mod webhook_secret;
