//! The server that every interaction works with: the store, the rules, and what is kept in memory
//! between requests.
//!
//! It knows the types of that memory, never the functions that use it: those stand above.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};

use jiff::civil::Date;

use super::batch_threads::BatchThreads;
use super::context::Context;
use super::duplicate_patients::DuplicatePatients;
use super::long_work::LongWork;
use super::per_base::PerBase;
use super::reference_policy::ReferencePolicy;
use super::subscription::binding_tokens::BindingTokens;
use super::subscription::listeners::SubscriptionListeners;
use super::writing::follower_cache::FollowerCache;
use super::writing::write_turns::WriteTurns;
use crate::deadlines::{GroupTable, PracticeTable, Rules};
use crate::fhir::{Id, OwnBases, copenhagen_date};
use crate::intake::IntakeOptions;
use crate::storage::Store;
use crate::subscriptions::EndpointPolicy;
use crate::subscriptions::delivery::Deliverer;
use crate::validation::Validator;

/// The most Subscriptions that a server has, unless it is told otherwise.
pub const SUBSCRIPTIONS_MAX: usize = 10_000;

/// The parts of which a server is made.
pub struct ServerParts {
    /// The durable state.
    pub store: Arc<dyn Store>,
    /// The rules in force.
    pub rules: Rules,
    /// The target groups of the codes.
    pub groups: GroupTable,
    /// The operator's table of general practices.
    pub practices: PracticeTable,
    /// The validator of resources.
    pub validator: Arc<Validator>,
    /// The base of this server's own addresses, as `http://127.0.0.1:8080/fhir`.
    pub base_url: String,
    /// The answer to references to resources that are not stored.
    pub references: ReferencePolicy,
    /// The answer to a Patient with an identifier that another one has.
    pub duplicate_patients: DuplicatePatients,
    /// The addresses to which a Subscription may have notifications sent.
    pub endpoints: EndpointPolicy,
    /// The choices about what is taken in.
    pub intake: IntakeOptions,
    /// The most Subscriptions that there may be.
    pub subscriptions_max: usize,
    /// The most searches, histories and exports that take long at once.
    pub long_work_max: usize,
    /// Called when a commit set a timer on a day whose calendar step was begun already: the
    /// calendar has work before the next midnight.
    pub wake_calendar: Box<dyn Fn() + Send + Sync>,
    /// Called with each Subscription that was written or has a new event, after the commit and from
    /// any thread.
    pub wake_delivery: Box<dyn Fn(&Id) + Send + Sync>,
}

impl ServerParts {
    /// Returns the parts of a server with the shipped rules and code table and the policies that
    /// hold if nothing is said, which wakes nobody.
    pub fn shipped(store: Arc<dyn Store>, validator: Arc<Validator>, base_url: String) -> Self {
        ServerParts {
            store,
            rules: Rules::shipped().clone(),
            groups: GroupTable::shipped().clone(),
            practices: PracticeTable::default(),
            validator,
            base_url,
            references: ReferencePolicy::default(),
            duplicate_patients: DuplicatePatients::default(),
            endpoints: EndpointPolicy::default(),
            intake: IntakeOptions::default(),
            subscriptions_max: SUBSCRIPTIONS_MAX,
            long_work_max: 1,
            wake_calendar: Box::new(|| {}),
            wake_delivery: Box::new(|_| {}),
        }
    }
}

/// The server, with which every interaction works.
pub struct Server {
    /// The durable state.
    pub store: Arc<dyn Store>,
    /// The rules in force.
    pub rules: Rules,
    /// The target groups of the codes.
    pub groups: GroupTable,
    /// The operator's table of general practices: another one while the server runs, if its file
    /// changes.
    practices: RwLock<Arc<PracticeTable>>,
    /// The validator of resources.
    pub validator: Arc<Validator>,
    /// The base of this server's own addresses, as `http://127.0.0.1:8080/fhir`.
    pub base_url: String,
    /// The answer to references to resources that are not stored.
    pub references: ReferencePolicy,
    /// The answer to a Patient with an identifier that another one has.
    pub duplicate_patients: DuplicatePatients,
    /// The addresses to which a Subscription may have notifications sent.
    pub endpoints: EndpointPolicy,
    /// The choices about what is taken in.
    pub intake: IntakeOptions,
    /// The most Subscriptions that there may be.
    pub(super) subscriptions_max: usize,
    /// The greatest day, as days since year 0, for which the calendar step was begun.
    calendar_day: AtomicI64,
    /// The turns in which writes commit.
    pub(super) turns: WriteTurns,
    /// The threads with which batches work besides those of their requests.
    pub(super) batch_threads: BatchThreads,
    /// The lane for what takes long.
    pub(super) long_work: LongWork,
    /// Set when the server stops: what it does besides requests, and can go on with at the next
    /// start, ends.
    pub is_stopping: AtomicBool,
    /// The subscriptions that must be told of events.
    pub(super) followers: FollowerCache,
    /// The tokens by which websockets are bound.
    pub(super) binding_tokens: BindingTokens,
    /// The delivery of notifications, once it runs.
    deliverer: OnceLock<Weak<Deliverer>>,
    /// The number of events that were written since the start.
    pub(super) events_written: AtomicU64,
    /// The listeners that wait for events of a subscription.
    pub(super) listeners: Arc<SubscriptionListeners>,
    /// The CapabilityStatement, as text.
    pub(super) statements: PerBase,
    wake_calendar: Box<dyn Fn() + Send + Sync>,
    wake_delivery: Box<dyn Fn(&Id) + Send + Sync>,
}

impl Server {
    /// Makes a server of its parts.
    pub fn new(parts: ServerParts) -> Self {
        let ServerParts {
            store,
            rules,
            groups,
            practices,
            validator,
            base_url,
            references,
            duplicate_patients,
            endpoints,
            intake,
            subscriptions_max,
            long_work_max,
            wake_calendar,
            wake_delivery,
        } = parts;
        Server {
            store,
            rules,
            groups,
            practices: RwLock::new(Arc::new(practices)),
            validator,
            base_url,
            references,
            duplicate_patients,
            endpoints,
            intake,
            subscriptions_max,
            calendar_day: AtomicI64::new(i64::MIN),
            turns: WriteTurns::default(),
            batch_threads: BatchThreads::default(),
            long_work: LongWork::at_most(long_work_max),
            is_stopping: AtomicBool::new(false),
            followers: FollowerCache::default(),
            binding_tokens: BindingTokens::default(),
            deliverer: OnceLock::new(),
            events_written: AtomicU64::new(0),
            listeners: Arc::default(),
            statements: PerBase::default(),
            wake_calendar,
            wake_delivery,
        }
    }

    /// Returns the operator's table of general practices, as it is now.
    pub fn practices(&self) -> Arc<PracticeTable> {
        let practices = self.practices.read();
        Arc::clone(&practices.unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another table of general practices in the place of the one before.
    pub(super) fn set_practices(&self, table: PracticeTable) {
        let practices = self.practices.write();
        *practices.unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }

    /// Says who delivers: without effect a second time.
    pub fn set_deliverer(&self, deliverer: &Arc<Deliverer>) {
        let _ = self.deliverer.set(Arc::downgrade(deliverer));
    }

    /// Returns who delivers; none before that is said, and after its end.
    pub(super) fn deliverer(&self) -> Option<Arc<Deliverer>> {
        self.deliverer.get().and_then(Weak::upgrade)
    }

    /// Returns the base of the addresses that an answer gives: the one by which the client reached
    /// this server.
    pub fn base_of<'a>(&'a self, context: &'a Context) -> &'a str {
        context.reached_by.as_deref().unwrap_or(&self.base_url)
    }

    /// Returns the bases below which an address of a request names something that is stored here.
    pub fn bases<'a>(&'a self, context: &'a Context) -> OwnBases<'a> {
        OwnBases::new(&self.base_url, context.reached_by.as_deref())
    }

    /// Returns the day that live answers and writes are for: today in Copenhagen, and never a day
    /// before that of a commit or of a calendar step that was begun, however long a request waited
    /// and wherever the clock went.
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

    /// Returns the day of the last calendar step that was begun; none before the first.
    pub(super) fn calendar_day(&self) -> Option<Date> {
        let begun = self.calendar_day.load(Ordering::SeqCst);
        (begun > i64::MIN).then(|| day_of_number(begun)).flatten()
    }

    /// Notes that the calendar step of that day begins.
    pub(super) fn begin_calendar_day(&self, day: Date) {
        self.calendar_day
            .fetch_max(day_number(day), Ordering::SeqCst);
    }

    /// Wakes the calendar if a timer was set on a day that it may have passed already.
    pub(super) fn timer_was_set(&self, day: Date) {
        if day_number(day) <= self.calendar_day.load(Ordering::SeqCst) {
            (self.wake_calendar)();
        }
    }

    /// Tells whoever waits for these subscriptions that something was committed: so many events
    /// among it.
    pub(super) fn committed<'a>(
        &self,
        events: usize,
        subscriptions: impl IntoIterator<Item = &'a Id>,
    ) {
        self.events_written
            .fetch_add(events as u64, Ordering::Relaxed);
        for subscription in subscriptions {
            (self.wake_delivery)(subscription);
            self.listeners.wake(subscription);
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
