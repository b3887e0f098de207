//! The canonical addresses of the Subscriptions R5 Backport guide, version 1.1.0, and of the topic,
//! each in one place.

/// Builds an address of the backport guide at compile time.
macro_rules! backport {
    ($path:literal) => {
        concat!("http://hl7.org/fhir/uv/subscriptions-backport/", $path)
    };
}

/// The only topic: a rights Task was created, or its deadline status or its forecast changed.
pub const TOPIC: &str = "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status";

/// Profile of a Subscription.
pub const PROFILE_SUBSCRIPTION: &str = backport!("StructureDefinition/backport-subscription");
/// Profile of a notification.
pub const PROFILE_NOTIFICATION: &str =
    backport!("StructureDefinition/backport-subscription-notification-r4");
/// Profile of the first resource of a notification.
pub const PROFILE_STATUS: &str = backport!("StructureDefinition/backport-subscription-status-r4");

/// Extension of `criteria`: a filter.
pub const EXT_FILTER_CRITERIA: &str = backport!("StructureDefinition/backport-filter-criteria");
/// Extension of `channel.payload`: the detail of a notification.
pub const EXT_PAYLOAD_CONTENT: &str = backport!("StructureDefinition/backport-payload-content");
/// Extension of `channel`: the seconds of silence after which a heartbeat is sent.
pub const EXT_HEARTBEAT_PERIOD: &str = backport!("StructureDefinition/backport-heartbeat-period");
/// Extension of `channel`: the seconds that an endpoint has to answer.
pub const EXT_TIMEOUT: &str = backport!("StructureDefinition/backport-timeout");
/// Extension of `channel`: the most events of one notification.
pub const EXT_MAX_COUNT: &str = backport!("StructureDefinition/backport-max-count");

/// Extension of a CapabilityStatement: a topic that can be subscribed to.
pub const EXT_CAPABILITY_TOPIC: &str =
    backport!("StructureDefinition/capabilitystatement-subscriptiontopic-canonical");
/// The CapabilityStatement that a server for R4 instantiates.
pub const CAPABILITY_SERVER: &str =
    backport!("CapabilityStatement/backport-subscription-server-r4");
/// Operation `$status`.
pub const OPERATION_STATUS: &str = backport!("OperationDefinition/backport-subscription-status");
/// Operation `$events`.
pub const OPERATION_EVENTS: &str = backport!("OperationDefinition/backport-subscription-events");
/// Operation `$get-ws-binding-token`.
pub const OPERATION_BINDING_TOKEN: &str =
    backport!("OperationDefinition/backport-subscription-get-ws-binding-token");

/// Operation `$resend`, of version 1.2.0 of the guide.
pub const OPERATION_RESEND: &str = backport!("OperationDefinition/backport-subscription-resend");

/// The prefix of the guide's extensions.
pub const EXTENSIONS_BACKPORT: &str = backport!("StructureDefinition/");
/// The extensions of the guide that are honoured, and the element that each stands on.
pub const EXTENSIONS: &[(&str, &str)] = &[
    (EXT_FILTER_CRITERIA, "Subscription.criteria"),
    (EXT_PAYLOAD_CONTENT, "Subscription.channel.payload"),
    (EXT_HEARTBEAT_PERIOD, "Subscription.channel"),
    (EXT_TIMEOUT, "Subscription.channel"),
    (EXT_MAX_COUNT, "Subscription.channel"),
];

/// Tells whether an extension puts an element of another version of FHIR into an R4 resource
/// (<https://hl7.org/fhir/versions.html#extensions>), as
/// `http://hl7.org/fhir/5.0/StructureDefinition/extension-Subscription.topic` does. Every address
/// below a version counts, but for 4.0, which is R4.
pub fn is_of_another_version(url: &str) -> bool {
    let version = url
        .strip_prefix("http://hl7.org/fhir/")
        .and_then(|rest| rest.split('/').next())
        .filter(|version| *version != "4.0")
        .and_then(|version| version.split_once('.'));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    version.is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}
