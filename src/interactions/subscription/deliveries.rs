//! The delivery of notifications as an operator sees it, and the operation by which events are sent
//! again (`$resend`).

use jiff::Timestamp;

use crate::fhir::{Id, Issue, IssueCode, ResourceKey, ResourceType};
use crate::interactions::{Context, Failure, Server, read};
use crate::subscriptions::delivery::ReplayRefused;
use crate::subscriptions::{Channel, Standing};

pub use crate::storage::Stream;
pub use crate::subscriptions::Status;
pub use crate::subscriptions::delivery::{
    DeliveryFailures, Figures, LATENCY_BOUNDS_S, SubscriptionView,
};

/// All statuses, those first that an operator looks for.
pub const STATUSES: [Status; 4] = [
    Status::Error,
    Status::Requested,
    Status::Active,
    Status::Off,
];

/// One subscription with what is still to be delivered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivered {
    /// The state of its delivery.
    pub view: SubscriptionView,
    /// The number of events that wait to be delivered; to a websocket, none does.
    pub waiting: u64,
    /// The number of events that were forgotten before they were delivered, of those that its
    /// subscriber has not been told of yet.
    pub missed: u64,
}

/// The parts of a Subscription that say where it is delivered.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Particulars {
    /// The scheme and host of its endpoint: what else stands in the address may be a secret. None
    /// for a websocket.
    pub endpoint: Option<String>,
    /// The reason why it is in error.
    pub error: Option<String>,
}

/// Returns the state of each subscription, and the counts since the start; none if nothing is
/// delivered here.
///
/// # Errors
/// Of the store.
pub fn deliveries(
    server: &Server,
    context: &Context,
) -> Result<Option<(Vec<Delivered>, Figures)>, Failure> {
    let Some(deliverer) = server.deliverer() else {
        return Ok(None);
    };
    let views = deliverer.overview()?.into_iter().map(|view| {
        let missed = view
            .stream
            .missed()
            .map_or(0, |missed| missed.count() as u64);
        let waiting = view.stream.waiting();
        // With thousands of them, only those that are behind are read.
        let is_sent_to =
            missed + waiting > 0 && particulars(server, context, &view.id)?.endpoint.is_some();
        let (waiting, missed) = if is_sent_to {
            (waiting, missed)
        } else {
            (0, 0)
        };
        Ok(Delivered {
            view,
            waiting,
            missed,
        })
    });
    Ok(Some((
        views.collect::<Result<_, Failure>>()?,
        deliverer.figures(),
    )))
}

/// Returns how many events wait, and since when the oldest of them does. An event for one that is
/// off is wanted by nobody at present.
pub fn queue(all: &[Delivered]) -> (u64, Option<Timestamp>) {
    let behind = || {
        all.iter()
            .filter(|one| one.waiting > 0 && one.view.status != Status::Off)
    };
    (
        behind().map(|one| one.waiting).sum(),
        behind().filter_map(|one| one.view.oldest_undelivered).min(),
    )
}

/// Reads where a Subscription is delivered.
///
/// # Errors
/// Of the store.
pub fn particulars(server: &Server, _context: &Context, id: &Id) -> Result<Particulars, Failure> {
    let key = ResourceKey::new(ResourceType::Subscription, id.clone());
    let stored = server.store.read(&key)?;
    let standing = match &stored {
        Some(stored) => Standing::read(stored, &server.base_url)?,
        None => None,
    };
    let Some(Standing { channel, error, .. }) = standing else {
        return Ok(Particulars::default());
    };
    let endpoint = match channel {
        Some(Channel::RestHook { endpoint, .. }) => Some(
            url::Url::parse(&endpoint)
                .map(|endpoint| endpoint.origin().ascii_serialization())
                .unwrap_or_default(),
        ),
        Some(Channel::Websocket) | None => None,
    };
    Ok(Particulars { endpoint, error })
}

/// Sends events again that were delivered, from one number to another, both included.
///
/// # Errors
/// `BadRequest` for parameters that are not understood, `NotFound` or `Gone` for the Subscription,
/// `Unprocessable` for what cannot be sent again now.
pub fn resend(
    server: &Server,
    context: &Context,
    subscription: &ResourceKey,
    (since, until): (u64, u64),
) -> Result<(), Failure> {
    read::read(server, context, subscription)?;
    let refused =
        |why: String| Failure::Unprocessable(vec![Issue::error(IssueCode::BusinessRule, "", why)]);
    let deliverer = server.deliverer().ok_or_else(|| {
        refused("this server does not deliver notifications at present".to_owned())
    })?;
    if !context.takes_effect() {
        return Err(Failure::Busy);
    }
    match deliverer.replay(&subscription.id, since, until) {
        Ok(()) => Ok(()),
        Err(ReplayRefused::Store(error)) => Err(error.into()),
        Err(refusal) => Err(refused(refusal.to_string())),
    }
}
