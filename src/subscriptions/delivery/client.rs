//! The HTTP client of notifications. It sends a message and judges the answer; the only file here
//! that knows the client's library.
//!
//! It follows no redirect and asks no proxy. Each address that a name resolves to is checked against
//! the policy, and connections go to permitted addresses only. Nothing that is sent or answered is
//! ever logged.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::subscriptions::endpoint::{EndpointPolicy, Refused};

/// The longest time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time for which an idle connection is kept.
const IDLE_MAX: Duration = Duration::from_secs(50);
/// The most bytes of an answer that are read. Nothing in them is needed, but a connection whose
/// answer was read can be used again.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// The most messages on their way to one host at a time: one that is dead holds up no other host,
/// however many subscriptions it has.
const SENDING_PER_HOST_MAX: usize = 128;
/// The most names being resolved at a time: they take threads that the store needs too.
const RESOLVING_MAX: usize = 64;

/// Finds the addresses of a name; may block.
pub type Lookup = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// Sends messages to endpoints.
pub struct Client {
    http: reqwest::Client,
    policy: Arc<EndpointPolicy>,
    hosts: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// A message, ready to be sent.
pub(super) struct Post<'a> {
    /// The headers that the Subscription asks for: secrets.
    pub(super) headers: &'a [(String, String)],
    /// The media type of the message.
    pub(super) content_type: String,
    /// Its id, the seconds of the attempt, its signature.
    pub(super) signed: [String; 3],
    /// The bytes.
    pub(super) body: Vec<u8>,
    /// The time that the endpoint has to answer.
    pub(super) timeout: Duration,
}

/// The way to an endpoint, with a permit for one message.
pub(super) struct Way {
    url: Url,
    _permit: Option<OwnedSemaphorePermit>,
}

/// The headers of [`Post::signed`].
const SIGNED: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

/// A failed attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Trouble {
    /// A description for the subscriber and the operator: no secret, no address, no person.
    pub(super) text: String,
    /// True if another attempt makes no sense: the endpoint says that it is gone, or nothing may be
    /// sent to it.
    pub(super) is_final: bool,
    /// The value of its Retry-After header.
    pub(super) retry_after: Option<String>,
}

impl Trouble {
    fn because(text: &str) -> Self {
        Trouble {
            text: text.to_owned(),
            is_final: false,
            retry_after: None,
        }
    }
}

/// Makes the library's client as everything that this program sends needs it: it follows no redirect,
/// asks no proxy, and trusts the certificates that this machine trusts and those of `authorities`
/// (PEM), which `option` named. `shape` adds what one use needs besides.
///
/// # Errors
/// If the certificates cannot be used.
pub(crate) fn connections(
    authorities: Option<&[u8]>,
    option: &str,
    shape: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, String> {
    // Without an effect if it was done before: there is one provider in the program.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authorities = match authorities {
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem)
            .map_err(|_| "expected certificates in PEM".to_owned())?,
        None => Vec::new(),
    };
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("frist/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_MAX);
        shape(builder)
    };
    if let Ok(http) = builder().tls_certs_merge(authorities.clone()).build() {
        return Ok(http);
    }
    // A machine without certificates of its own, as in a small container: those that were given
    // count alone.
    tracing::warn!(
        "this machine trusts no certificates: only servers whose certificates '{option}' vouches for can be reached"
    );
    builder()
        .tls_certs_only(authorities)
        .build()
        .map_err(|_| "the certificates cannot be used".to_owned())
}

impl Client {
    /// Makes a client for the endpoints that the policy allows, which trusts the certificates that
    /// this machine trusts and those of `authorities` (PEM).
    ///
    /// # Errors
    /// If the certificates cannot be used.
    pub fn new(policy: EndpointPolicy, authorities: Option<&[u8]>) -> Result<Self, String> {
        let lookup: Lookup = Arc::new(|name| {
            Ok((name, 0)
                .to_socket_addrs()?
                .map(|address| address.ip())
                .collect())
        });
        Client::resolving_by(policy, authorities, lookup)
    }

    /// Does the same as [`Client::new`], with another way to find addresses.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn resolving_by(
        policy: EndpointPolicy,
        authorities: Option<&[u8]>,
        lookup: Lookup,
    ) -> Result<Self, String> {
        let policy = Arc::new(policy);
        let http = connections(authorities, "--subscription-ca", |builder| {
            builder.dns_resolver(Arc::new(PermittedResolver {
                policy: Arc::clone(&policy),
                lookup: Arc::clone(&lookup),
                permits: Arc::new(Semaphore::new(RESOLVING_MAX)),
            }))
        })?;
        Ok(Client {
            http,
            policy,
            hosts: Mutex::default(),
        })
    }

    /// Waits for a permit of the endpoint's host.
    ///
    /// # Errors
    /// If nothing may be sent there.
    pub(super) async fn way(&self, endpoint: &str) -> Result<Way, Trouble> {
        // As it stands it will be refused each time, until the operator or the client changes
        // something.
        let refused = |_| Trouble {
            is_final: true,
            ..Trouble::because("the endpoint's address is none that this server may send to")
        };
        let url = self.policy.check(endpoint).map_err(refused)?;
        let host = self.host(&format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        ));
        // It is never closed.
        Ok(Way {
            url,
            _permit: host.acquire_owned().await.ok(),
        })
    }

    /// Sends a message once.
    ///
    /// # Errors
    /// If it was not acknowledged.
    pub(super) async fn post(&self, way: Way, post: Post<'_>) -> Result<(), Trouble> {
        let mut request = self
            .http
            .post(way.url.clone())
            .timeout(post.timeout)
            .header(CONTENT_TYPE, post.content_type)
            .body(post.body);
        for (name, value) in post.headers {
            let (Ok(name), Ok(mut value)) =
                (name.parse::<HeaderName>(), value.parse::<HeaderValue>())
            else {
                return Err(Trouble::because("a header of the channel cannot be sent"));
            };
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        for (name, value) in SIGNED.into_iter().zip(post.signed) {
            request = request.header(name, value);
        }
        let mut answer = request.send().await.map_err(|error| trouble(&error))?;
        let status = answer.status();
        if !status.is_success() {
            let retry_after = answer
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned);
            let text = format!("the endpoint answered {}", status.as_u16());
            return Err(Trouble {
                text,
                is_final: status == reqwest::StatusCode::GONE,
                retry_after,
            });
        }
        let mut read = 0;
        while let Some(bytes) = answer.chunk().await.map_err(|error| trouble(&error))? {
            read += bytes.len();
            if read > ANSWER_BYTES_MAX {
                break;
            }
        }
        Ok(())
    }

    /// Returns the permits of a host.
    fn host(&self, authority: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(authority).and_then(Weak::upgrade) {
            return host;
        }
        hosts.retain(|_, host| host.strong_count() > 0);
        let host = Arc::new(Semaphore::new(SENDING_PER_HOST_MAX));
        hosts.insert(authority.to_owned(), Arc::downgrade(&host));
        host
    }
}

/// Describes the error in words that repeat nothing of the request.
fn trouble(error: &reqwest::Error) -> Trouble {
    let mut source: Option<&(dyn Error + 'static)> = error.source();
    let (mut is_refused, mut is_tls) = (false, false);
    while let Some(cause) = source {
        is_refused |= cause.is::<Refused>();
        is_tls |= cause.is::<rustls::Error>();
        // What an I/O error wraps is the cause itself; it tells the cause's cause only.
        source = match cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    Trouble::because(match () {
        () if is_refused => {
            "the endpoint's name leads to an address that this server may not send to"
        }
        () if is_tls => "there is no trusted TLS connection to the endpoint",
        () if error.is_timeout() => "the endpoint did not answer in time",
        () if error.is_connect() => "there is no connection to the endpoint",
        () => "the endpoint ended the connection before its answer was whole",
    })
}

/// A resolver of names that passes on only the addresses which the policy permits.
struct PermittedResolver {
    policy: Arc<EndpointPolicy>,
    lookup: Lookup,
    permits: Arc<Semaphore>,
}

impl Resolve for PermittedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookup, permits) = (
            Arc::clone(&self.policy),
            Arc::clone(&self.lookup),
            Arc::clone(&self.permits),
        );
        Box::pin(async move {
            let permit = permits.acquire_owned().await?;
            let name = name.as_str().to_owned();
            // The permit belongs to the thread: it is busy until the answer comes, whether or not
            // anyone waits for it.
            let resolved = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                let found = lookup(&name)?;
                Ok::<_, io::Error>(
                    found
                        .into_iter()
                        .filter(|address| policy.permits(&name, *address))
                        .collect::<Vec<_>>(),
                )
            });
            let permitted = resolved.await??;
            if permitted.is_empty() {
                return Err(Refused("no permitted address".to_owned()).into());
            }
            let addresses: Addrs = Box::new(
                permitted
                    .into_iter()
                    .map(|address| SocketAddr::new(address, 0)),
            );
            Ok(addresses)
        })
    }
}
