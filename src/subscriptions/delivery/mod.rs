//! Delivery of notifications by rest-hook: the only part of subscriptions with effects. It runs
//! beside the requests and never inside one.
//!
//! `deliverer` runs a task for each Subscription (`worker`), which sleeps until a commit concerns
//! it or something of its own is due; `progress` finds out from the store what that is, and
//! `message` writes it. `client` sends, `cursors` stores how far each subscription is, `pace` says
//! when a failed attempt is repeated, `delivery_signals` wakes the workers, `state` and `figures`
//! show it all to the operator.
//!
//! One endpoint does not wait for another: a message holds a permit only while it is prepared, and
//! then one of its own host's.

mod client;
mod cursors;
mod deliverer;
mod delivery_signals;
mod figures;
mod message;
mod pace;
mod progress;
mod seen;
mod shared;
mod state;
mod worker;
mod world;

pub(crate) use client::connections;
pub use client::{Client, Lookup};
pub use deliverer::{Deliverer, ReplayRefused};
pub use delivery_signals::DeliverySignals;
pub use figures::{DeliveryFailures, Figures, LATENCY_BOUNDS_S, SubscriptionView};
pub use pace::{Pace, RETRY_AFTER_MAX, retry_after};
pub use world::{SetStatus, World};
