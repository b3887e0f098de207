//! The pages for people: no person is on them, and no secret.

mod html;
mod page;
mod subscriptions;
mod upstreams;

pub(super) use page::page;
