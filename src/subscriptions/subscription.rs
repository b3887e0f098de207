//! A Subscription as the server follows it: read from the resource, with everything in it that cannot be honoured
//! (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/StructureDefinition-backport-subscription.html>).

use jiff::Timestamp;
use serde_json::Value;

use super::Filter;
use super::names::{CROSS_VERSION_PREFIXES, EXT_HEARTBEAT_PERIOD, EXT_MAX_COUNT, EXT_PAYLOAD_CONTENT, EXT_TIMEOUT, TOPIC};
use crate::fhir::{Issue, IssueCode, view};

/// How a subscription stands (<https://hl7.org/fhir/R4/valueset-subscription-status.html>).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// The client asked for it: a handshake is due.
    Requested,
    /// The endpoint answered the handshake: events are sent.
    Active,
    /// The endpoint cannot be reached: events are kept, and sent once the client asks for the subscription again.
    Error,
    /// The client does not want it, or its time is over: there are no events.
    Off,
}

impl Status {
    /// The FHIR code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Requested => "requested",
            Status::Active => "active",
            Status::Error => "error",
            Status::Off => "off",
        }
    }

    /// The status with that code.
    pub fn from_code(code: &str) -> Option<Self> {
        [Status::Requested, Status::Active, Status::Error, Status::Off].into_iter().find(|status| status.as_str() == code)
    }
}

/// How much a notification tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// That something happened.
    Empty,
    /// What it happened to.
    IdOnly,
    /// The Task as it was at the event.
    FullResource,
}

impl Content {
    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Content::Empty => "empty",
            Content::IdOnly => "id-only",
            Content::FullResource => "full-resource",
        }
    }

    /// The content with that code.
    pub fn from_code(code: &str) -> Option<Self> {
        [Content::Empty, Content::IdOnly, Content::FullResource].into_iter().find(|content| content.as_str() == code)
    }
}

/// Where notifications go.
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

/// What is asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct Subscription {
    /// How it stands.
    pub status: Status,
    /// Which events concern it.
    pub filter: Filter,
    /// Where notifications go.
    pub channel: Channel,
    /// The media type in which they are sent.
    pub media_type: &'static str,
    /// How much they tell.
    pub content: Content,
    /// Seconds of silence after which a heartbeat is sent.
    pub heartbeat_s: Option<u32>,
    /// Seconds that the endpoint has to answer.
    pub timeout_s: Option<u32>,
    /// How many events one notification may carry.
    pub max_count: u32,
    /// When it ends.
    pub end: Option<Timestamp>,
}

/// The media types of a notification.
const PAYLOADS: &[&str] = &["application/fhir+json", "application/json"];

impl Subscription {
    /// Reads a Subscription. References in filters may be below `base_url`.
    ///
    /// # Errors
    /// A finding for each element that cannot be honoured.
    pub fn read(resource: &Value, base_url: &str) -> Result<Self, Vec<Issue>> {
        let mut issues = Vec::new();
        let mut refuse = |expression: &str, code: IssueCode, text: String| issues.push(Issue::error(code, expression, text));
        if resource["criteria"].as_str() != Some(TOPIC) {
            refuse("Subscription.criteria", IssueCode::NotSupported, format!("expected the topic {TOPIC}"));
        }
        for expression in cross_version_extensions(resource, "Subscription") {
            refuse(
                &expression,
                IssueCode::NotSupported,
                "expected no extension of another version of FHIR: say it as the backport guide does".into(),
            );
        }
        let status = resource["status"].as_str().and_then(Status::from_code);
        if status.is_none() {
            refuse("Subscription.status", IssueCode::Value, "expected requested or off".into());
        }
        let channel = read_channel(&resource["channel"], &mut refuse);
        let media_type = read_media_type(&resource["channel"], &mut refuse);
        let content = read_content(&resource["channel"], &mut refuse);
        let mut number = |url: &str, member: &str| -> Option<u32> {
            let value = view::extensions(&resource["channel"], url).next()?.get(member)?.as_u64();
            let number = value.and_then(|value| u32::try_from(value).ok()).filter(|number| *number > 0);
            if number.is_none() {
                refuse("Subscription.channel.extension.value", IssueCode::Value, format!("expected {member} greater than 0 in {url}"));
            }
            number
        };
        let heartbeat_s = number(EXT_HEARTBEAT_PERIOD, "valueUnsignedInt");
        let timeout_s = number(EXT_TIMEOUT, "valueUnsignedInt");
        let max_count = number(EXT_MAX_COUNT, "valuePositiveInt").unwrap_or(1);
        let end = resource["end"].as_str().and_then(|end| end.parse().ok());
        let filter = Filter::read(resource, base_url).unwrap_or_else(|found| {
            issues.extend(found);
            Filter::default()
        });
        match (status, channel, media_type, content) {
            (Some(status), Some(channel), Some(media_type), Some(content)) if issues.is_empty() => {
                Ok(Subscription { status, filter, channel, media_type, content, heartbeat_s, timeout_s, max_count, end })
            }
            _ => Err(issues),
        }
    }
}

impl Channel {
    /// The channel of a Subscription, whatever is wrong with the rest; none if it is not one that is offered.
    pub fn of(resource: &Value) -> Option<Self> {
        read_channel(&resource["channel"], &mut |_, _, _| {})
    }
}

/// Notes a finding: where, of which kind, and what was expected.
type Refuse<'a> = dyn FnMut(&str, IssueCode, String) + 'a;

fn read_channel(channel: &Value, refuse: &mut Refuse<'_>) -> Option<Channel> {
    match channel["type"].as_str() {
        Some("rest-hook") => {
            let Some(endpoint) = channel["endpoint"].as_str() else {
                refuse(
                    "Subscription.channel.endpoint",
                    IssueCode::Required,
                    "expected the address to which notifications are posted".into(),
                );
                return None;
            };
            let headers = channel["header"].as_array().into_iter().flatten().filter_map(Value::as_str).map(|header| {
                let (name, value) = header.split_once(':').unwrap_or((header, ""));
                (name.trim().to_owned(), value.trim().to_owned())
            });
            Some(Channel::RestHook { endpoint: endpoint.to_owned(), headers: headers.collect() })
        }
        Some("websocket") => Some(Channel::Websocket),
        _ => {
            refuse("Subscription.channel.type", IssueCode::NotSupported, "expected rest-hook or websocket".into());
            None
        }
    }
}

fn read_media_type(channel: &Value, refuse: &mut Refuse<'_>) -> Option<&'static str> {
    let payload = channel["payload"].as_str().unwrap_or_default();
    let media_type = payload.split(';').next().unwrap_or_default().trim();
    let known = PAYLOADS.iter().copied().find(|known| *known == media_type);
    if known.is_none() {
        refuse("Subscription.channel.payload", IssueCode::NotSupported, format!("expected one of {}", PAYLOADS.join(", ")));
    }
    known
}

fn read_content(channel: &Value, refuse: &mut Refuse<'_>) -> Option<Content> {
    let code = view::extensions(&channel["_payload"], EXT_PAYLOAD_CONTENT).next().and_then(|extension| extension["valueCode"].as_str());
    let content = code.map_or(Some(Content::IdOnly), Content::from_code);
    if content.is_none() {
        let text = "expected empty, id-only or full-resource".to_owned();
        refuse("Subscription.channel.payload.extension.value", IssueCode::NotSupported, text);
    }
    content
}

/// Where extensions of another version of FHIR stand.
fn cross_version_extensions(value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let is_foreign =
                    name == "url" && member.as_str().is_some_and(|url| CROSS_VERSION_PREFIXES.iter().any(|prefix| url.starts_with(prefix)));
                if is_foreign {
                    found.push(at.to_owned());
                }
                found.extend(cross_version_extensions(member, &format!("{at}.{}", name.trim_start_matches('_'))));
            }
        }
        Value::Array(items) => {
            found.extend(items.iter().enumerate().flat_map(|(index, item)| cross_version_extensions(item, &format!("{at}[{index}]"))));
        }
        _ => {}
    }
    found
}
