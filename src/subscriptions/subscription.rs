//! A Subscription as the server follows it: read from the resource, with everything in it that
//! cannot be honoured (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/StructureDefinition-backport-subscription.html>).

use jiff::Timestamp;
use serde_json::Value;

use super::EventFilter;
use super::names::{EXT_HEARTBEAT_PERIOD, EXT_MAX_COUNT, EXT_PAYLOAD_CONTENT, EXT_TIMEOUT, TOPIC};
use super::{channel_headers, extensions, filter_words};
use crate::fhir::{Issue, IssueCode};

/// The status of a subscription (<https://hl7.org/fhir/R4/valueset-subscription-status.html>).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// The client asked for it: a handshake is due.
    Requested,
    /// The endpoint answered the handshake: events are sent.
    Active,
    /// The endpoint cannot be reached: events are kept, and sent once the client asks for the
    /// subscription again.
    Error,
    /// The client does not want it any more, or it has ended: there are no events.
    Off,
}

impl Status {
    /// Returns the FHIR code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Requested => "requested",
            Status::Active => "active",
            Status::Error => "error",
            Status::Off => "off",
        }
    }

    /// Returns the status with that code.
    pub fn from_code(code: &str) -> Option<Self> {
        [
            Status::Requested,
            Status::Active,
            Status::Error,
            Status::Off,
        ]
        .into_iter()
        .find(|status| status.as_str() == code)
    }
}

/// The detail of a notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PayloadContent {
    /// Only the fact that something happened.
    Empty,
    /// The address of the Task that it happened to.
    IdOnly,
    /// The Task as it was at the event.
    FullResource,
}

impl PayloadContent {
    /// Returns the code.
    pub const fn as_str(self) -> &'static str {
        match self {
            PayloadContent::Empty => "empty",
            PayloadContent::IdOnly => "id-only",
            PayloadContent::FullResource => "full-resource",
        }
    }

    /// Returns the content with that code.
    pub fn from_code(code: &str) -> Option<Self> {
        [
            PayloadContent::Empty,
            PayloadContent::IdOnly,
            PayloadContent::FullResource,
        ]
        .into_iter()
        .find(|content| content.as_str() == code)
    }
}

/// The channel of notifications.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Channel {
    /// They are posted to an address.
    RestHook {
        /// The address, as it stands.
        endpoint: String,
        /// Names and values of headers to send along.
        headers: Vec<(String, String)>,
    },
    /// The subscriber connects and listens.
    Websocket,
}

/// A Subscription that can be honoured.
#[derive(Clone, PartialEq, Debug)]
pub struct Subscription {
    /// Its status.
    pub status: Status,
    /// The filter that selects its events.
    pub filter: EventFilter,
    /// The channel of its notifications.
    pub channel: Channel,
    /// The media type in which they are sent.
    pub media_type: &'static str,
    /// The detail of its notifications.
    pub content: PayloadContent,
    /// Seconds of silence after which a heartbeat is sent.
    pub heartbeat_s: Option<u32>,
    /// Seconds that the endpoint has to answer.
    pub timeout_s: Option<u32>,
    /// The most events of one notification: at most [`MESSAGE_EVENTS_MAX`], even if the client would
    /// take more.
    pub max_count: u32,
    /// Its end.
    pub end: Option<Timestamp>,
}

/// The media types of a notification.
const PAYLOADS: &[&str] = &["application/fhir+json", "application/json"];
/// The longest silence between heartbeats, in seconds: a year.
const HEARTBEAT_S_MAX: u32 = 31_536_000;
/// The longest time that an endpoint may ask for to answer, in seconds.
const TIMEOUT_S_MAX: u32 = 300;
/// The most events of one notification, whatever a Subscription asks for.
pub const MESSAGE_EVENTS_MAX: u32 = 1_000;

impl Subscription {
    /// Reads a Subscription. References in filters may be below `base_url`.
    ///
    /// # Errors
    /// A finding for each element that cannot be honoured, all of them at once.
    pub fn read(resource: &Value, base_url: &str) -> Result<Self, Vec<Issue>> {
        let mut found = extensions::misplaced(resource);
        let mut refuse = |expression: &str, code: IssueCode, text: String| {
            found.push(Issue::error(code, expression, text))
        };
        if resource["criteria"].as_str() != Some(TOPIC) {
            let text = format!(
                "expected the topic {TOPIC}; filters stand in the extension backport-filter-criteria of this element"
            );
            refuse("Subscription.criteria", IssueCode::NotSupported, text);
        }
        let status = resource["status"].as_str().and_then(Status::from_code);
        if status.is_none() {
            refuse(
                "Subscription.status",
                IssueCode::Value,
                "expected requested or off".into(),
            );
        }
        let end = resource["end"].as_str().map(str::parse::<Timestamp>);
        if matches!(end, Some(Err(_))) {
            refuse(
                "Subscription.end",
                IssueCode::Value,
                "expected an instant such as 2027-12-31T23:59:59+01:00".into(),
            );
        }
        let channel = read_channel(&resource["channel"], &mut refuse);
        let media_type = read_media_type(&resource["channel"], &mut refuse);
        let content = read_content(&resource["channel"], &mut refuse);
        let mut number =
            |url, member, max| read_number(&resource["channel"], url, (member, max), &mut refuse);
        let heartbeat_s = number(EXT_HEARTBEAT_PERIOD, "valueUnsignedInt", HEARTBEAT_S_MAX);
        let timeout_s = number(EXT_TIMEOUT, "valueUnsignedInt", TIMEOUT_S_MAX);
        let max_count = number(EXT_MAX_COUNT, "valuePositiveInt", u32::MAX)
            .map_or(1, |count| count.min(MESSAGE_EVENTS_MAX));
        let filter = EventFilter::read(resource, base_url).unwrap_or_else(|wrong| {
            found.extend(wrong);
            EventFilter::default()
        });
        match (status, channel, media_type, content) {
            (Some(status), Some(channel), Some(media_type), Some(content)) if found.is_empty() => {
                let end = end.and_then(Result::ok);
                Ok(Subscription {
                    status,
                    filter,
                    channel,
                    media_type,
                    content,
                    heartbeat_s,
                    timeout_s,
                    max_count,
                    end,
                })
            }
            _ => Err(found),
        }
    }

    /// Returns the findings about a Subscription that a client writes at that instant: all those of
    /// [`Subscription::read`], and those about an end that has passed already and filters that no
    /// event meets.
    pub fn findings(resource: &Value, base_url: &str, now: Timestamp) -> Vec<Issue> {
        match Subscription::read(resource, base_url) {
            Ok(read) if read.status != Status::Off && read.end.is_some_and(|end| end <= now) => {
                let text =
                    "expected an end that is still to come: a subscription that has ended is 'off'";
                vec![Issue::error(
                    IssueCode::BusinessRule,
                    "Subscription.end",
                    text,
                )]
            }
            Ok(read) => {
                let mut found = filter_words::findings(resource, &read.filter);
                found.extend(channel_headers::without_colon(&resource["channel"]));
                found
            }
            Err(found) => found,
        }
    }
}

impl Channel {
    /// Reads the channel of a Subscription, whatever is wrong with the rest; none if this server
    /// does not offer it.
    pub fn of(resource: &Value) -> Option<Self> {
        read_channel(&resource["channel"], &mut |_, _, _| {})
    }
}

/// A receiver of findings: the element, the kind, and what was expected.
type Refuse<'a> = dyn FnMut(&str, IssueCode, String) + 'a;

fn read_channel(channel: &Value, refuse: &mut Refuse<'_>) -> Option<Channel> {
    match channel["type"].as_str() {
        Some("rest-hook") => {
            let Some(endpoint) = channel["endpoint"].as_str() else {
                let text = "expected the address to which notifications are posted, such as https://ehr.example.dk/hooks/frist";
                refuse(
                    "Subscription.channel.endpoint",
                    IssueCode::Required,
                    text.into(),
                );
                return None;
            };
            let headers = channel["header"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(|header| {
                    let (name, value) = header.split_once(':').unwrap_or((header, ""));
                    (name.trim().to_owned(), value.trim().to_owned())
                });
            Some(Channel::RestHook {
                endpoint: endpoint.to_owned(),
                headers: headers.collect(),
            })
        }
        Some("websocket") => {
            for element in ["endpoint", "header"]
                .into_iter()
                .filter(|element| !channel[*element].is_null())
            {
                let text = "expected none for a websocket: the subscriber connects to this server";
                refuse(
                    &format!("Subscription.channel.{element}"),
                    IssueCode::NotSupported,
                    text.into(),
                );
            }
            Some(Channel::Websocket)
        }
        _ => {
            refuse(
                "Subscription.channel.type",
                IssueCode::NotSupported,
                "expected rest-hook or websocket".into(),
            );
            None
        }
    }
}

fn read_media_type(channel: &Value, refuse: &mut Refuse<'_>) -> Option<&'static str> {
    let Some(payload) = channel["payload"].as_str() else {
        let text = format!(
            "expected the media type of notifications, {}",
            PAYLOADS.join(" or ")
        );
        refuse("Subscription.channel.payload", IssueCode::Required, text);
        return None;
    };
    let mut parts = payload.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let known = PAYLOADS
        .iter()
        .copied()
        .find(|known| known.eq_ignore_ascii_case(media_type));
    let is_other = |parameter: &str| match parameter.split_once('=') {
        Some((name, version)) if name.eq_ignore_ascii_case("fhirVersion") => {
            !matches!(version, "4.0" | "4.0.1")
        }
        Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
            !charset.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    let known = known.filter(|_| !parts.any(is_other));
    if known.is_none() {
        let text = format!(
            "expected {}: notifications are JSON of FHIR 4.0 in UTF-8, and not sent as XML",
            PAYLOADS.join(" or ")
        );
        refuse(
            "Subscription.channel.payload",
            IssueCode::NotSupported,
            text,
        );
    }
    known
}

fn read_content(channel: &Value, refuse: &mut Refuse<'_>) -> Option<PayloadContent> {
    let Some((at, extension)) = extensions::first(&channel["_payload"], EXT_PAYLOAD_CONTENT) else {
        return Some(PayloadContent::IdOnly);
    };
    let content = extension["valueCode"]
        .as_str()
        .and_then(PayloadContent::from_code);
    if content.is_none() {
        let expression = format!("Subscription.channel.payload.extension[{at}].value");
        refuse(
            &expression,
            IssueCode::NotSupported,
            "expected valueCode empty, id-only or full-resource".into(),
        );
    }
    content
}

/// Reads the number of an extension of the channel, from 1 to a greatest one.
fn read_number(
    channel: &Value,
    url: &str,
    (member, max): (&str, u32),
    refuse: &mut Refuse<'_>,
) -> Option<u32> {
    let (at, extension) = extensions::first(channel, url)?;
    let number = extension[member]
        .as_u64()
        .and_then(|number| u32::try_from(number).ok());
    let number = number.filter(|number| (1..=max).contains(number));
    if number.is_none() {
        let most = if max == u32::MAX {
            String::new()
        } else {
            format!(", at most {max}")
        };
        let expression = format!("Subscription.channel.extension[{at}].value");
        refuse(
            &expression,
            IssueCode::Value,
            format!("expected {member} greater than 0{most}"),
        );
    }
    number
}
