//! The writes that the server makes by itself: at midnight, at a start, and for Subscriptions.

pub mod calendar;
pub mod definitions;
pub mod derivation;
pub mod reindex;
pub mod retention;
pub mod subscription_status;
