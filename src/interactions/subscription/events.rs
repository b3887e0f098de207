//! `$status` and `$events`: how subscriptions stand, and their events of the past
//! (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/OperationDefinition-backport-subscription-events.html>).
//!
//! Events come from the store and nowhere else, so that whoever missed a message finds it here.
//! What is too old to be there is said to be: an answer has every event that was asked for, or says
//! how to ask for the rest, or is none.

use serde_json::Value;

use crate::fhir::{Id, Issue, IssueCode, Resource, ResourceKey, ResourceType};
use crate::interactions::address::parameters_in;
use crate::interactions::stored::parse_stored;
use crate::interactions::{Context, Failure, Server, read};
use crate::search::SearchQuery;
use crate::storage::{Event, StoredVersion, Stream};
use crate::subscriptions::delivery::missed;
use crate::subscriptions::notification::{self, About, NotificationType, NotifiedEvent};
use crate::subscriptions::{Channel, PayloadContent, Status, Subscription};

/// How many events an answer has at most.
pub const EVENTS_MAX: usize = 1_000;
/// How many bytes of Tasks an answer has at most, but for the first one.
const CONTENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How often the events are read anew after they changed while they were read.
const ATTEMPTS_MAX: usize = 100;

/// How some subscriptions stand.
pub struct Statuses {
    /// The path that was asked, below the base.
    pub path: String,
    /// What was asked, as it was applied.
    pub applied: Vec<(String, String)>,
    /// A Parameters resource for each.
    pub statuses: Vec<Value>,
}

/// A subscription with its events in figures, as of one moment.
struct Known {
    stored: StoredVersion,
    status: Status,
    content: PayloadContent,
    error: Option<String>,
    stream: Stream,
}

impl Known {
    fn of(server: &Server, stored: StoredVersion) -> Result<Self, Failure> {
        let value = parse_stored(&stored.key, stored.body.as_deref().unwrap_or_default())?;
        let stream = server.store.stream(&stored.key.id)?;
        // One that another version of this program accepted and this one cannot honour is told of
        // nothing: it stands as it says.
        let (status, content, missed) = match Subscription::read(&value, &server.base_url) {
            // Of a websocket nothing is known to be delivered, and what is too old may have been.
            Ok(Subscription {
                status,
                content,
                channel: Channel::Websocket,
                ..
            }) => (status, content, None),
            Ok(Subscription {
                status,
                content,
                channel: Channel::RestHook { .. },
                ..
            }) => (status, content, missed(&stream)),
            Err(_) => (
                value["status"]
                    .as_str()
                    .and_then(Status::from_code)
                    .unwrap_or(Status::Error),
                PayloadContent::Empty,
                None,
            ),
        };
        let errors: Vec<_> = value["error"]
            .as_str()
            .map(str::to_owned)
            .into_iter()
            .chain(missed)
            .collect();
        let error = Some(errors.join("; ")).filter(|error| !error.is_empty());
        Ok(Known {
            stored,
            status,
            content,
            error,
            stream,
        })
    }

    fn about<'a>(&'a self, server: &'a Server) -> About<'a> {
        About {
            base_url: &server.base_url,
            id: &self.stored.key.id,
            status: self.status,
            content: self.content,
            life: self.stream.life,
            events_since_start: self.stream.last,
            error: self.error.as_deref(),
        }
    }

    /// True if nothing was written, begun or forgotten since.
    fn still_is(&self, server: &Server) -> Result<bool, Failure> {
        let stream = server.store.stream(&self.stored.key.id)?;
        let version = server
            .store
            .read(&self.stored.key)?
            .map(|stored| stored.version);
        Ok((stream.life, stream.forgotten, version)
            == (
                self.stream.life,
                self.stream.forgotten,
                Some(self.stored.version),
            ))
    }
}

/// How one subscription stands. Parameters are passed over, as the definition of the operation
/// says.
///
/// # Errors
/// `NotFound` or `Gone` for the Subscription.
pub fn status(
    server: &Server,
    context: &Context,
    subscription: &ResourceKey,
) -> Result<Statuses, Failure> {
    let known = Known::of(server, read::read(server, context, subscription)?)?;
    let statuses = vec![notification::status(
        &known.about(server),
        NotificationType::QueryStatus,
        &[],
    )];
    Ok(Statuses {
        path: format!("{subscription}/$status"),
        applied: Vec::new(),
        statuses,
    })
}

/// How all subscriptions stand, or those with one of the ids and one of the statuses that are
/// named.
///
/// # Errors
/// `BadRequest` for parameters that are not understood.
pub fn statuses(
    server: &Server,
    _context: &Context,
    parameters: &[(String, String)],
) -> Result<Statuses, Failure> {
    let (mut ids, mut wanted, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (name, text) in parameters
        .iter()
        .flat_map(|(name, text)| text.split(',').map(move |text| (name, text)))
    {
        match name.as_str() {
            "id" => match Id::parse(text) {
                Some(id) => ids.push(id),
                None => wrong.push(parameter_issue(
                    IssueCode::Value,
                    "id: expected the id of a Subscription",
                )),
            },
            "status" => match Status::from_code(text) {
                Some(status) => wanted.push(status),
                None => wrong.push(parameter_issue(
                    IssueCode::CodeInvalid,
                    "status: expected requested, active, error or off",
                )),
            },
            _ => wrong.push(parameter_issue(
                IssueCode::NotSupported,
                "$status has no such parameter; it has id and status",
            )),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::BadRequest(wrong));
    }
    let mut statuses = Vec::new();
    for stored in server
        .store
        .search(
            &SearchQuery::all(ResourceType::Subscription, Vec::new()),
            None,
        )?
        .matches
    {
        if !ids.is_empty() && !ids.contains(&stored.key.id) {
            continue;
        }
        let known = Known::of(server, stored)?;
        if wanted.is_empty() || wanted.contains(&known.status) {
            statuses.push(notification::status(
                &known.about(server),
                NotificationType::QueryStatus,
                &[],
            ));
        }
    }
    Ok(Statuses {
        path: "Subscription/$status".to_owned(),
        applied: parameters.to_vec(),
        statuses,
    })
}

/// What `$events` is asked for.
struct Asked {
    /// The first event, if it is said.
    since: Option<u64>,
    /// The last one, if it is said.
    until: Option<u64>,
    /// How much to tell, if it is said.
    content: Option<PayloadContent>,
}

/// The events of a subscription as a notification: a Bundle, ready to be sent.
///
/// # Errors
/// `NotFound` or `Gone` for the Subscription, `BadRequest` for parameters that are not understood,
/// `Unprocessable` for events that are not kept any more.
pub fn events(
    server: &Server,
    context: &Context,
    subscription: &ResourceKey,
    parameters: &[(String, String)],
) -> Result<Vec<u8>, Failure> {
    let asked = asked(parameters)?;
    for _ in 0..ATTEMPTS_MAX {
        let mut known = Known::of(server, read::read(server, context, subscription)?)?;
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
        known.content = asked.content.unwrap_or(known.content);
        let resources = contents(server, &events, known.content)?;
        if !known.still_is(server)? {
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
        let links = links(server, subscription, &asked, first, next);
        return Ok(notification::linked_bundle(
            &known.about(server),
            NotificationType::QueryEvent,
            &told,
            (context.now, &links),
        ));
    }
    Err(Failure::Busy)
}

/// The stored bytes of what the events are about, if they are told: of as many events as an answer
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

/// The links of an answer: what it is, and where it goes on.
fn links(
    server: &Server,
    subscription: &ResourceKey,
    asked: &Asked,
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

/// What to say to who asks for what is too old.
fn forgotten(kept_from: u64) -> Failure {
    let text = format!(
        "events before number {kept_from} are not kept any more: what they told is in the history of the Tasks; ask with \
         eventsSinceNumber={kept_from} for those that are"
    );
    Failure::Unprocessable(vec![parameter_issue(IssueCode::Deleted, &text)])
}

fn parameter_issue(code: IssueCode, text: &str) -> Issue {
    Issue::error(code, "", text.to_owned())
}

fn asked(parameters: &[(String, String)]) -> Result<Asked, Failure> {
    let mut asked = Asked {
        since: None,
        until: None,
        content: None,
    };
    let mut wrong = Vec::new();
    for (name, text) in parameters {
        let number = || {
            text.parse::<u64>()
                .ok()
                .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let is_read = match name.as_str() {
            "eventsSinceNumber" => set(&mut asked.since, number()),
            "eventsUntilNumber" => set(&mut asked.until, number()),
            "content" => set(&mut asked.content, PayloadContent::from_code(text)),
            _ => Err(
                "$events has no such parameter; it has eventsSinceNumber, eventsUntilNumber and content",
            ),
        };
        if let Err(text) = is_read {
            let is_known = matches!(
                name.as_str(),
                "eventsSinceNumber" | "eventsUntilNumber" | "content"
            );
            let text = if is_known {
                format!("{name}: {text}")
            } else {
                text.to_owned()
            };
            wrong.push(parameter_issue(
                if is_known {
                    IssueCode::Value
                } else {
                    IssueCode::NotSupported
                },
                &text,
            ));
        }
    }
    if asked
        .since
        .zip(asked.until)
        .is_some_and(|(since, until)| since > until)
    {
        wrong.push(parameter_issue(
            IssueCode::Value,
            "eventsUntilNumber: expected a number not less than eventsSinceNumber",
        ));
    }
    if wrong.is_empty() {
        Ok(asked)
    } else {
        Err(Failure::BadRequest(wrong))
    }
}

/// Sets what was not set yet.
fn set<T>(place: &mut Option<T>, value: Option<T>) -> Result<(), &'static str> {
    match (place.is_some(), value) {
        (true, _) => Err("expected once, found twice"),
        (false, None) => Err(
            "expected the number of an event, such as 12; for content empty, id-only or full-resource",
        ),
        (false, value) => {
            *place = value;
            Ok(())
        }
    }
}

/// The parameters in a Parameters resource, as they would stand in a query.
///
/// # Errors
/// `BadRequest` if it is no Parameters resource, or one with more parameters than are read.
pub fn parameters(sent: &Resource) -> Result<Vec<(String, String)>, Failure> {
    parameters_in(sent, |item| {
        let text = ["valueString", "valueId", "valueCode"]
            .iter()
            .find_map(|member| item[*member].as_str());
        let number = || {
            ["valueInteger", "valueUnsignedInt", "valuePositiveInt"]
                .iter()
                .find_map(|member| item[*member].as_u64())
        };
        text.map_or_else(
            || {
                number()
                    .map(|number| number.to_string())
                    .unwrap_or_default()
            },
            str::to_owned,
        )
    })
}
