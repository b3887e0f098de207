//! What a client can do, one file per FHIR interaction, and the steps that each takes: gather,
//! decide, commit, answer.
//!
//! Nothing here knows HTTP, an engine or the clock: the time and new ids come with each request as
//! a [`Context`].

pub mod address;
mod batch;
pub mod binding;
pub mod calendar;
pub mod content;
mod context;
pub mod create;
pub mod definitions;
pub mod delete;
pub mod deliveries;
pub mod derivation;
mod entry;
pub mod everything;
pub mod examples;
pub mod export;
pub mod failure;
pub mod feed;
mod followers;
pub mod history;
mod identify;
mod includes;
pub mod meta;
pub mod overview;
pub mod page_token;
pub mod patch;
pub mod persons;
pub mod read;
pub mod references;
mod referrers;
pub mod reindex;
pub mod retention;
pub mod rights;
pub mod search;
mod subscription_check;
pub mod subscription_events;
pub mod subscription_listeners;
pub mod subscription_status;
pub mod subset;
pub mod transaction;
mod turns;
pub mod update;
pub mod validate;
pub mod webhook_secret;
pub mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use jiff::civil::Date;

use crate::deadlines::{GroupTable, Rules};
use crate::fhir::{Id, ResourceKey, copenhagen_date};
use crate::storage::Store;
use crate::subscriptions::EndpointPolicy;
use crate::validation::Validator;

pub use crate::storage::{HistoryQuery, HistoryScope, Method, Position, StoredVersion};
pub use crate::subscriptions::names as subscription_names;
pub use context::{Context, Principal};
pub use failure::Failure;
pub use references::ReferencePolicy;

/// How many Subscriptions a server has at most, unless it is told otherwise.
pub const SUBSCRIPTIONS_MAX: usize = 10_000;

/// What every interaction works with.
pub struct Server {
    /// The durable state.
    pub store: Arc<dyn Store>,
    /// The rules in force.
    pub rules: Rules,
    /// Which codes belong to which target group.
    pub groups: GroupTable,
    /// What resources are held against.
    pub validator: Arc<Validator>,
    /// The base of this server's own addresses, as `http://127.0.0.1:8080/fhir`.
    pub base_url: String,
    /// What is said to references to what is not stored.
    pub references: ReferencePolicy,
    /// Where a Subscription may have notifications sent.
    pub endpoints: EndpointPolicy,
    /// How many Subscriptions there may be.
    subscriptions_max: usize,
    /// The greatest day, as days since year 0, for which the calendar step was begun.
    calendar_day: AtomicI64,
    /// Who may commit when.
    turns: turns::Turns,
    /// What batches work with besides the threads of their requests.
    batch_threads: batch::BatchThreads,
    /// Set when the server stops: what it does besides requests, and can go on with at the next
    /// start, ends.
    pub is_stopping: AtomicBool,
    /// Who must be told of what.
    followers: followers::Followers,
    /// The tokens by which websockets are bound.
    bindings: binding::Bindings,
    /// What delivers notifications.
    delivery: deliveries::Delivery,
    /// How many events were written since the start.
    events_written: AtomicU64,
    /// Who waits for what happens to a subscription.
    listeners: Arc<subscription_listeners::SubscriptionListeners>,
    /// Called when a commit set a timer on a day whose calendar step was begun already.
    wake_calendar: Box<dyn Fn() + Send + Sync>,
    /// Called with each Subscription that was written or has a new event, after the commit.
    wake_delivery: Box<dyn Fn(&Id) + Send + Sync>,
}

impl Server {
    /// Takes what it works with; `wake_calendar` is called when the calendar has work before the
    /// next midnight.
    pub fn new(
        store: Arc<dyn Store>,
        rules: Rules,
        groups: GroupTable,
        validator: Arc<Validator>,
        base_url: String,
        wake_calendar: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        Server {
            store,
            rules,
            groups,
            validator,
            base_url,
            references: ReferencePolicy::default(),
            endpoints: EndpointPolicy::default(),
            subscriptions_max: SUBSCRIPTIONS_MAX,
            calendar_day: AtomicI64::new(i64::MIN),
            turns: turns::Turns::default(),
            batch_threads: batch::BatchThreads::default(),
            is_stopping: AtomicBool::new(false),
            followers: followers::Followers::default(),
            bindings: binding::Bindings::default(),
            delivery: deliveries::Delivery::default(),
            events_written: AtomicU64::new(0),
            listeners: Arc::default(),
            wake_calendar,
            wake_delivery: Box::new(|_| {}),
        }
    }

    /// The same server, which calls `wake` with the id of each Subscription that was written or has
    /// a new event, after the commit and from any thread.
    pub fn with_delivery(self, wake_delivery: Box<dyn Fn(&Id) + Send + Sync>) -> Self {
        Server {
            wake_delivery,
            ..self
        }
    }

    /// The same server with another policy of where notifications may be sent.
    pub fn with_endpoints(self, endpoints: EndpointPolicy) -> Self {
        Server { endpoints, ..self }
    }

    /// The same server with another bound on how many Subscriptions there are.
    pub fn with_subscriptions_max(self, subscriptions_max: usize) -> Self {
        Server {
            subscriptions_max,
            ..self
        }
    }

    /// The same server with another policy of references.
    pub fn with_references(self, references: ReferencePolicy) -> Self {
        Server { references, ..self }
    }

    /// The day that live answers and writes are for: today in Copenhagen, and never a day before
    /// that of a commit or of a calendar step that was begun, however long a request waited and
    /// wherever the clock went.
    pub fn today(&self, context: &Context) -> Date {
        let mut today = copenhagen_date(context.now);
        // A store that cannot say it has failed, and answers nothing else.
        if let Ok((_, Some(last))) = self.store.last_commit() {
            today = today.max(copenhagen_date(last));
        }
        let begun = self.calendar_day.load(Ordering::SeqCst);
        if day_number(today) >= begun {
            today
        } else {
            day_of_number(begun).unwrap_or(today)
        }
    }

    /// Notes that the calendar step of that day begins.
    fn begin_calendar_day(&self, day: Date) {
        self.calendar_day
            .fetch_max(day_number(day), Ordering::SeqCst);
    }

    /// Wakes the calendar if a timer was set on a day that it may have passed already.
    fn timer_was_set(&self, day: Date) {
        if day_number(day) <= self.calendar_day.load(Ordering::SeqCst) {
            (self.wake_calendar)();
        }
    }
}

const DAY_ZERO: Date = Date::constant(1, 1, 1);

fn day_number(day: Date) -> i64 {
    (day - DAY_ZERO).get_days().into()
}

fn day_of_number(number: i64) -> Option<Date> {
    DAY_ZERO
        .checked_add(jiff::Span::new().try_days(number).ok()?)
        .ok()
}

/// What a write did to its resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The resource is new, or exists again.
    Created,
    /// It has a new version.
    Updated,
    /// It was so already: nothing was written.
    Unchanged,
    /// It is deleted (or was deleted or never there).
    Deleted,
}

/// The answer of a write.
#[derive(Clone, Debug)]
pub struct Written {
    /// The resource.
    pub key: ResourceKey,
    /// What happened.
    pub effect: Effect,
    /// The version that is now the last one; none if the resource never was.
    pub version: Option<StoredVersion>,
    /// Warnings about the content.
    pub issues: Vec<crate::fhir::Issue>,
}

/// Makes one change that a client asks for.
fn write_one(
    server: &Server,
    context: &Context,
    change: write::Change,
) -> Result<Written, Failure> {
    let mut written = write::write(server, context, write::Writer::Client, &[change], false)?;
    written.pop().ok_or(Failure::Busy)
}
