//! The writes that the server makes by itself, at midnight, at a start, and for Subscriptions, and
//! the looks that precede them.

pub mod calendar;
pub mod definitions;
pub mod derivation;
pub mod lived_time;
pub mod reindex;
pub mod retention;
pub mod rules_change;
pub mod subscription_status;
pub mod verification;
