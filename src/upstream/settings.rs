//! The servers that are read: how Frist proves who it is, what it asks for, and what becomes of that.
//! Pure.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use url::{Host, Url};

use crate::fhir::{Id, ResourceType};

/// A server that is read.
#[derive(Clone, PartialEq, Debug)]
pub struct Upstream {
    /// Its name in metrics, logs and bookmarks.
    pub name: Id,
    /// The base of its addresses.
    pub base: Url,
    /// The way in which Frist says who it is; none to a server that does not ask.
    pub auth: Option<UpstreamAuth>,
    /// A file of certificates (PEM) to trust besides those of this machine.
    pub authorities: Option<PathBuf>,
    /// The things that are read, in this order.
    pub readings: Vec<Reading>,
    /// The things that the server is to notify of, so that it is read at once.
    pub notified: Option<Notified>,
    /// The way in which it is taken.
    pub taken_as: TakenAs,
    /// The ids under which it is kept.
    pub ids: Ids,
    /// The meaning of a deletion there.
    pub deletions: Deletions,
    /// The pause between two rounds.
    pub every: Duration,
    /// The time by which each round reads back: what was committed there late is not missed.
    pub overlap: Duration,
    /// The instant before which nothing is read.
    pub from: Option<Timestamp>,
    /// The resources in a page that are asked for.
    pub page: u64,
}

/// Credentials by which a token is had (SMART Backend Services): a signed assertion, no password.
#[derive(Clone, PartialEq, Debug)]
pub struct UpstreamAuth {
    /// The id by which the server knows Frist.
    pub client_id: String,
    /// The file with the private key (PEM or JWK).
    pub key: PathBuf,
    /// The id of the key, if the server knows several.
    pub key_id: Option<String>,
    /// The scopes that are asked for.
    pub scope: String,
    /// The token endpoint; by `.well-known/smart-configuration` if it is not given.
    pub token_endpoint: Option<Url>,
}

/// The things that a server is to notify of.
#[derive(Clone, PartialEq, Debug)]
pub struct Notified {
    /// The criteria of the Subscriptions there.
    pub criteria: Vec<String>,
    /// The root of this server's addresses, as that server reaches it.
    pub root: Url,
}

/// One thing that is read of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reading {
    /// A search for what changed.
    Search {
        /// The type.
        resource_type: ResourceType,
        /// Further criteria, as they stand in an address; may be empty.
        criteria: String,
    },
    /// The history of a type, or of everything.
    History(Option<ResourceType>),
    /// A bulk export.
    Export {
        /// The address below the base: `$export`, `Patient/$export`, `Group/7/$export`.
        address: String,
        /// The types.
        types: Vec<ResourceType>,
    },
}

/// The way in which resources that are read are taken.
#[derive(Clone, PartialEq, Debug)]
pub enum TakenAs {
    /// They are in the profiles of this server already.
    None,
    /// The Conditions of each person are taken as a ConditionList of this practice.
    ConditionList {
        /// The identifiers of the practice: system and value.
        practice: Vec<(String, String)>,
    },
    /// They are taken as evidence of the national telemedicine platform.
    Fut,
}

/// The ids under which resources of another server are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ids {
    /// Ids of this server, always the same for one resource of one upstream.
    Mapped,
    /// The ids that they have there: for a server of which this one is a copy.
    Kept,
}

/// The meaning of a deletion in a history or an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deletions {
    /// Nothing: it is counted. A source that means it says `entered-in-error`.
    Keep,
    /// The same here, for what was read from this upstream.
    Follow,
}

impl Upstream {
    /// Returns the base without a slash at its end.
    pub(super) fn base_text(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }
}

impl Reading {
    /// Returns the words by which the reading is known: those of the file.
    pub fn words(&self) -> String {
        match self {
            Reading::Search {
                resource_type,
                criteria,
            } if criteria.is_empty() => resource_type.to_string(),
            Reading::Search {
                resource_type,
                criteria,
            } => format!("{resource_type}?{criteria}"),
            Reading::History(None) => "_history".to_owned(),
            Reading::History(Some(resource_type)) => format!("{resource_type}/_history"),
            Reading::Export { address, types } if types.is_empty() => address.clone(),
            Reading::Export { address, types } => {
                let types: Vec<_> = types.iter().map(|one| one.as_str()).collect();
                format!("{address}?_type={}", types.join(","))
            }
        }
    }
}

/// Tells whether what is sent to an address cannot be read on the way.
pub(super) fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        },
        _ => false,
    }
}

/// Tells whether an address leads to this machine, however it is spelled.
pub(super) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => {
            let inner = address.to_ipv4_mapped();
            address.is_loopback()
                || address.is_unspecified()
                || inner.is_some_and(|inner| inner.is_loopback() || inner.is_unspecified())
        }
        None => false,
    }
}
