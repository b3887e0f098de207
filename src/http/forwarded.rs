//! The address by which a client reached this server, as a proxy in front of it tells
//! (`Forwarded`, <https://www.rfc-editor.org/rfc/rfc7239>, and the older `X-Forwarded-*`).
//!
//! Anyone can send such headers: only those of a proxy that the operator trusts are read, of several
//! values the last one, which that proxy wrote itself. Whatever is not plainly an address is passed
//! over as a whole, since links are made of it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use super::header_text::joined;

/// The longest host and the longest prefix that are taken.
const TEXT_BYTES_MAX: usize = 253;

/// A network of proxies whose word counts: `127.0.0.1`, `10.20.0.0/16`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrustedProxy(IpNet);

impl FromStr for TrustedProxy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = text.parse().ok();
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        network
            .or_else(address)
            .map(TrustedProxy)
            .ok_or("expected an address such as 127.0.0.1, or a network such as 10.20.0.0/16")
    }
}

/// The proxies in front of this server.
#[derive(Clone, Default, Debug)]
pub struct TrustedProxies(Vec<TrustedProxy>);

impl TrustedProxies {
    /// Takes the proxies of these networks.
    pub fn new(proxies: Vec<TrustedProxy>) -> Self {
        TrustedProxies(proxies)
    }

    /// Tells whether that is the address of one of them.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mut trusted = self.0.iter();
        trusted.any(|TrustedProxy(network)| network.contains(&address))
    }

    /// Returns the base by which the client reached the server, if a trusted proxy tells it: that of
    /// the server's own configuration with what the proxy says of it.
    pub(super) fn base_of(
        &self,
        peer: Option<SocketAddr>,
        headers: &HeaderMap,
        configured: &str,
    ) -> Option<String> {
        if !self.trusts(peer?.ip()) {
            return None;
        }
        told(headers)?.applied_to(configured)
    }
}

/// The part of an address that a proxy tells; nothing where it says nothing.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Told {
    scheme: Option<String>,
    host: Option<String>,
    prefix: Option<String>,
}

impl Told {
    /// Returns the base with what is told of it.
    fn applied_to(&self, configured: &str) -> Option<String> {
        let (scheme, rest) = configured.split_once("://")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let scheme = self.scheme.as_deref().unwrap_or(scheme);
        let host = self.host.as_deref().unwrap_or(host);
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(usual).unwrap_or(host);
        Some(match &self.prefix {
            Some(prefix) => format!("{scheme}://{host}{prefix}/fhir"),
            None => format!("{scheme}://{host}{path}"),
        })
    }
}

/// Reads what a proxy tells; none if it tells nothing, anything that is malformed, or one thing by
/// the one header and another by the other, of which it then wrote only one.
fn told(headers: &HeaderMap) -> Option<Told> {
    let (standard, older) = (by_standard(headers)?, by_older(headers)?);
    let contradict = |one: &Option<String>, other: &Option<String>| {
        one.is_some() && other.is_some() && one != other
    };
    if contradict(&standard.scheme, &older.scheme) || contradict(&standard.host, &older.host) {
        return None;
    }
    let together = Told {
        scheme: standard.scheme.or(older.scheme),
        host: standard.host.or(older.host),
        prefix: older.prefix,
    };
    (together != Told::default()).then_some(together)
}

/// Reads `Forwarded`.
fn by_standard(headers: &HeaderMap) -> Option<Told> {
    let mut told = Told::default();
    let list = joined(headers, header::FORWARDED).unwrap_or_default();
    let Some(last) = split_unquoted(&list, ',').pop() else {
        return Some(told);
    };
    for pair in split_unquoted(last, ';') {
        let (name, value) = pair.split_once('=')?;
        let value = value.trim();
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?,
            None => value,
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "proto" => told.scheme = Some(scheme(value)?),
            "host" => told.host = Some(host(value)?),
            _ => {}
        }
    }
    Some(told)
}

/// Splits at each separator that stands in no quotes.
fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    let parts = text.split(move |c| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    });
    parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

/// Reads the `X-Forwarded-*` headers.
fn by_older(headers: &HeaderMap) -> Option<Told> {
    let last = |name| {
        let list = joined(headers, HeaderName::from_static(name))?;
        list.rsplit(',').next().map(|last| last.trim().to_owned())
    };
    let mut told = Told::default();
    if let Some(value) = last("x-forwarded-proto") {
        told.scheme = Some(scheme(&value)?);
    }
    if let Some(value) = last("x-forwarded-host") {
        let host = host(&value)?;
        told.host = Some(match last("x-forwarded-port") {
            Some(port) if !has_port(&host) => format!("{host}:{}", self::port(&port)?),
            Some(_) | None => host,
        });
    }
    if let Some(value) = last("x-forwarded-prefix") {
        told.prefix = Some(prefix(&value)?);
    }
    Some(told)
}

fn scheme(text: &str) -> Option<String> {
    let scheme = text.to_ascii_lowercase();
    ["http", "https"]
        .contains(&scheme.as_str())
        .then_some(scheme)
}

/// Reads a host: a name or an address, perhaps with a port.
fn host(text: &str) -> Option<String> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    if let Some(port) = port {
        self::port(port)?;
    }
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(is_inner)
    };
    let is_host = match name.strip_prefix('[') {
        Some(address) => address.strip_suffix(']')?.parse::<Ipv6Addr>().is_ok(),
        None => name.len() <= TEXT_BYTES_MAX && name.split('.').all(is_label),
    };
    is_host.then(|| text.to_ascii_lowercase())
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':')
        .is_some_and(|(_, port)| !port.ends_with(']'))
}

fn port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_number)
}

/// Reads the path before the server's own: none of its parts leads elsewhere.
fn prefix(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.is_empty() {
        return Some(String::new());
    }
    let is_part = |part: &str| {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !matches!(part, "" | "." | "..") && part.bytes().all(is_safe)
    };
    let is_path = text.len() <= TEXT_BYTES_MAX && text.strip_prefix('/')?.split('/').all(is_part);
    is_path.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURED: &str = "http://127.0.0.1:8080/fhir";

    fn base(peer: &str, sent: &[(&'static str, &str)]) -> Option<String> {
        let proxies = ["127.0.0.1", "10.20.0.0/16", "fd00::/8"];
        let proxies = proxies
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect();
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            let value = axum::http::HeaderValue::from_bytes(value.as_bytes());
            headers.append(HeaderName::from_static(name), value.expect("a header"));
        }
        TrustedProxies::new(proxies).base_of(peer.parse().ok(), &headers, CONFIGURED)
    }

    #[test]
    fn a_trusted_proxy_tells_the_address_and_nobody_else_does() {
        let sent = [("forwarded", "proto=https;host=frist.example.dk")];
        for (peer, is_trusted) in [
            ("127.0.0.1:9", true),
            ("[::ffff:127.0.0.1]:9", true),
            ("10.20.3.4:9", true),
            ("[fd00::7]:9", true),
            ("127.0.0.2:9", false),
            ("10.21.0.1:9", false),
            ("[::1]:9", false),
            ("nobody", false),
        ] {
            let expected = is_trusted.then(|| "https://frist.example.dk/fhir".to_owned());
            assert_eq!(base(peer, &sent), expected, "{peer}");
        }
        for wrong in ["", "*", "localhost", "10.0.0.0/33", "10.0.0.0/8 "] {
            assert!(wrong.parse::<TrustedProxy>().is_err(), "{wrong}");
        }
    }

    /// The headers that a proxy sends, and the base that they make.
    const TOLD: &[(&[(&str, &str)], &str)] = &[
        (&[("forwarded", "host=a.dk")], "http://a.dk/fhir"),
        (
            &[("forwarded", "proto=https")],
            "https://127.0.0.1:8080/fhir",
        ),
        (
            &[(
                "forwarded",
                "for=1.2.3.4;Proto=HTTPS;by=x;Host=\"A.dk:8443\"",
            )],
            "https://a.dk:8443/fhir",
        ),
        (
            &[(
                "forwarded",
                "host=evil.example, for=\"[::1]\";host=a.dk;proto=https",
            )],
            "https://a.dk/fhir",
        ),
        (
            &[
                ("forwarded", "host=evil.example"),
                ("forwarded", "host=a.dk"),
            ],
            "http://a.dk/fhir",
        ),
        (
            &[("forwarded", "host=\"[2001:db8::1]:8443\";proto=https")],
            "https://[2001:db8::1]:8443/fhir",
        ),
        (
            &[("x-forwarded-proto", "https"), ("x-forwarded-host", "a.dk")],
            "https://a.dk/fhir",
        ),
        (
            &[
                ("x-forwarded-proto", "http, https"),
                ("x-forwarded-host", "evil.example, a.dk"),
            ],
            "https://a.dk/fhir",
        ),
        (
            &[
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "a.dk"),
                ("x-forwarded-port", "8443"),
            ],
            "https://a.dk:8443/fhir",
        ),
        (
            &[
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "a.dk"),
                ("x-forwarded-port", "443"),
            ],
            "https://a.dk/fhir",
        ),
        (
            &[("x-forwarded-host", "a.dk:81"), ("x-forwarded-port", "82")],
            "http://a.dk:81/fhir",
        ),
        (
            &[
                ("x-forwarded-host", "a.dk"),
                ("x-forwarded-prefix", "/frist/"),
            ],
            "http://a.dk/frist/fhir",
        ),
        (&[("x-forwarded-prefix", "/")], "http://127.0.0.1:8080/fhir"),
        (
            &[
                ("forwarded", "host=a.dk"),
                ("x-forwarded-host", "a.dk"),
                ("x-forwarded-proto", "https"),
            ],
            "https://a.dk/fhir",
        ),
    ];

    #[test]
    fn what_the_proxy_says_makes_the_base() {
        for (sent, expected) in TOLD {
            let found = base("127.0.0.1:9", sent);
            assert_eq!(found.as_deref(), Some(*expected), "{sent:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_passed_over_as_a_whole() {
        let https = ("x-forwarded-proto", "https");
        for sent in [
            [].as_slice(),
            &[("x-forwarded-for", "1.2.3.4")],
            &[("forwarded", "for=1.2.3.4")],
            &[("forwarded", "")],
            &[("forwarded", "proto=gopher;host=a.dk")],
            &[("forwarded", "proto=https;host")],
            &[("forwarded", "proto=https;host=\"a.dk")],
            &[https, ("x-forwarded-host", "")],
            &[https, ("x-forwarded-host", "a b")],
            &[https, ("x-forwarded-host", "a.dk/evil")],
            &[https, ("x-forwarded-host", "a.dk?x")],
            &[https, ("x-forwarded-host", "a.dk#x")],
            &[https, ("x-forwarded-host", "u@a.dk")],
            &[https, ("x-forwarded-host", "a.dk\"><script>")],
            &[https, ("x-forwarded-host", "a..dk")],
            &[https, ("x-forwarded-host", "æ.dk")],
            &[https, ("x-forwarded-host", "a.dk:0")],
            &[https, ("x-forwarded-host", "a.dk:99999")],
            &[https, ("x-forwarded-host", "a.dk:+1")],
            &[https, ("x-forwarded-host", "[::1")],
            &[https, ("x-forwarded-host", "[nothing]")],
            &[
                https,
                ("x-forwarded-host", "a.dk"),
                ("x-forwarded-port", "x"),
            ],
            &[https, ("x-forwarded-prefix", "frist")],
            &[https, ("x-forwarded-prefix", "//evil.example")],
            &[https, ("x-forwarded-prefix", "/../x")],
            &[https, ("x-forwarded-prefix", "/a?b")],
            &[("forwarded", "host=a.dk"), ("x-forwarded-host", "b.dk")],
            &[("forwarded", "proto=http"), https],
        ] {
            assert_eq!(base("127.0.0.1:9", sent), None, "{sent:?}");
        }
    }
}
