//! `$events`: the events of the past
//! (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/OperationDefinition-backport-subscription-events.html>).
//!
//! Events come from the store and nowhere else, so that whoever missed a message finds it here.
//! What is too old to be there is said to be: an answer has every event that was asked for, or says
//! how to ask for the rest, or is none.

use super::status::SubscriptionSnapshot;
use crate::fhir::{Issue, IssueCode, ResourceKey};
use crate::interactions::{Context, Failure, Server, read};
use crate::storage::Event;
use crate::subscriptions::PayloadContent;
use crate::subscriptions::notification::{self, About, NotificationType, NotifiedEvent};

/// The most events of an answer.
pub const EVENTS_MAX: usize = 1_000;
/// The most bytes of Tasks in an answer, but for the first one.
const CONTENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most times that events are read anew after they changed while they were read.
const ATTEMPTS_MAX: usize = 100;

/// The events that a client asks for.
#[derive(Clone, Copy, Default)]
pub struct EventsRequest {
    /// The first event, if it is said.
    pub since: Option<u64>,
    /// The last one, if it is said.
    pub until: Option<u64>,
    /// The content that is told of each, if it is said.
    pub content: Option<PayloadContent>,
}

/// Answers the events of a subscription as a notification: a Bundle, ready to be sent.
///
/// # Errors
/// `NotFound` or `Gone` for the Subscription, `BadRequest` for parameters that are not understood,
/// `Unprocessable` for events that are not kept any more.
pub fn events(
    server: &Server,
    context: &Context,
    subscription: &ResourceKey,
    asked: &EventsRequest,
) -> Result<Vec<u8>, Failure> {
    if asked
        .since
        .zip(asked.until)
        .is_some_and(|(since, until)| since > until)
    {
        let text = "eventsUntilNumber: expected a number not less than eventsSinceNumber";
        return Err(Failure::bad_request(IssueCode::Value, text));
    }
    for _ in 0..ATTEMPTS_MAX {
        let stored = read::read(server, context, subscription)?;
        let known = SubscriptionSnapshot::read(server, stored)?;
        let first = asked.since.unwrap_or(1).max(1);
        let last = asked.until.unwrap_or(u64::MAX).min(known.stream.last);
        let kept_from = known.stream.forgotten + 1;
        if first < kept_from && asked.until.is_none_or(|until| first <= until) {
            return Err(forgotten(kept_from));
        }
        let count = usize::try_from(last.saturating_add(1).saturating_sub(first))
            .unwrap_or(EVENTS_MAX)
            .min(EVENTS_MAX);
        let events = if count == 0 {
            Vec::new()
        } else {
            server.store.events(&subscription.id, first - 1, count)?
        };
        let about = known.about(server);
        let content = asked.content.unwrap_or(about.content);
        let resources = contents(server, &events, content)?;
        if !known.is_current(server)? {
            continue;
        }
        let told: Vec<_> = events
            .iter()
            .zip(&resources)
            .map(|(event, resource)| NotifiedEvent {
                event,
                resource: resource.as_deref(),
            })
            .collect();
        let next = told
            .last()
            .map(|told| told.event.number + 1)
            .filter(|next| *next <= last);
        let links = links(server, subscription, asked, first, next);
        return Ok(notification::linked_bundle(
            &About { content, ..about },
            NotificationType::QueryEvent,
            &told,
            (context.now, &links),
        ));
    }
    Err(Failure::Busy)
}

/// Reads the stored bytes of the Tasks of events, if they are told: of as many events as an answer
/// has room for.
fn contents(
    server: &Server,
    events: &[Event],
    content: PayloadContent,
) -> Result<Vec<Option<Vec<u8>>>, Failure> {
    let (mut contents, mut bytes) = (Vec::new(), 0);
    for event in events {
        let body = match content {
            PayloadContent::FullResource => server
                .store
                .read_version(&event.focus, event.version)?
                .and_then(|version| version.body),
            PayloadContent::Empty | PayloadContent::IdOnly => None,
        };
        bytes += body.as_ref().map_or(0, Vec::len);
        if bytes > CONTENT_BYTES_MAX && !contents.is_empty() {
            break;
        }
        contents.push(body);
    }
    Ok(contents)
}

/// Returns the links of an answer: to itself, and to the events that follow.
fn links(
    server: &Server,
    subscription: &ResourceKey,
    asked: &EventsRequest,
    first: u64,
    next: Option<u64>,
) -> Vec<(&'static str, String)> {
    let address = |since: u64| {
        let mut address = format!(
            "{}/{subscription}/$events?eventsSinceNumber={since}",
            server.base_url
        );
        if let Some(until) = asked.until {
            address.push_str(&format!("&eventsUntilNumber={until}"));
        }
        if let Some(content) = asked.content {
            address.push_str(&format!("&content={}", content.as_str()));
        }
        address
    };
    std::iter::once(("self", address(first)))
        .chain(next.map(|next| ("next", address(next))))
        .collect()
}

/// Refuses events that are too old to be kept.
fn forgotten(kept_from: u64) -> Failure {
    let text = format!(
        "events before number {kept_from} are no longer kept: what they told is in the history of the Tasks; ask with \
         eventsSinceNumber={kept_from} for those that are"
    );
    Failure::Unprocessable(vec![parameter_issue(IssueCode::Deleted, &text)])
}

fn parameter_issue(code: IssueCode, text: &str) -> Issue {
    Issue::error(code, "", text.to_owned())
}
