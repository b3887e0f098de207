//! Where notifications may be sent: https to the public internet, and nothing that a Subscription
//! could use to reach what only this server can.
//!
//! Pure: the address in a Subscription is judged as it stands when it is written, and each address
//! that its name resolves to when it is connected to (`delivery::client`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

use super::Channel;
use crate::fhir::{Issue, IssueCode};

/// The name that every machine has for itself.
const LOCALHOST: &str = "localhost";

/// Where the address stands.
const ENDPOINT: &str = "Subscription.channel.endpoint";

/// The most characters of an address.
const ENDPOINT_CHARS_MAX: usize = 2_048;
/// The most headers of a channel, and the most characters of one.
const HEADERS_MAX: usize = 32;
const HEADER_CHARS_MAX: usize = 4_096;

/// Headers that belong to the connection, to the message or to its signature: a Subscription cannot
/// set them.
const HEADERS_OF_THE_SERVER: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// What the names of further ones begin with.
const HEADER_PREFIXES_OF_THE_SERVER: &[&str] = &["proxy-", "webhook-"];

/// IPv4 addresses that are not of the public internet (<https://www.iana.org/assignments/iana-ipv4-special-registry>), and the one at which
/// a large cloud answers its virtual machines.
const NOT_PUBLIC_V4: &[Ipv4Net] = &[
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([168, 63, 129, 16], 32),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// The part of IPv6 that is given out (<https://www.iana.org/assignments/ipv6-unicast-address-assignments>).
const GIVEN_OUT_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// What in it is not of the public internet: protocol assignments with Teredo, documentation, 6to4
/// (which carries an IPv4 address), documentation again.
const NOT_PUBLIC_V6: &[Ipv6Net] = &[
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];
/// Addresses that stand for an IPv4 address behind a translator (RFC 6052).
const TRANSLATED_V4: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

const fn v4([a, b, c, d]: [u8; 4], bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), bits)
}

/// What an operator lets notifications be sent to, although it is not of the public internet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Allowed {
    /// This host, whatever its name resolves to.
    Host(String),
    /// All addresses of this network.
    Network(IpNet),
}

impl std::str::FromStr for Allowed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Allowed::Network(network));
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Allowed::Network(address.into()));
        }
        match Host::parse(text) {
            Ok(Host::Domain(name)) => Ok(Allowed::Host(name)),
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => {
                Err("expected a host such as hooks.region.dk, or a network such as 10.20.0.0/16")
            }
        }
    }
}

/// Where notifications may be sent.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct EndpointPolicy {
    /// True if they may be sent to this machine itself, also without TLS: for trying out.
    pub http_loopback: bool,
    /// What is allowed besides the public internet.
    pub allowed: Vec<Allowed>,
}

/// Why an address is refused: what a client may be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl EndpointPolicy {
    /// What forbids a channel. No name is resolved.
    pub fn findings(&self, channel: &Channel) -> Vec<Issue> {
        let Channel::RestHook {
            endpoint, headers, ..
        } = channel
        else {
            return Vec::new();
        };
        let mut issues = Vec::new();
        if let Err(Refused(why)) = self.check(endpoint) {
            issues.push(Issue::error(IssueCode::BusinessRule, ENDPOINT, why));
        }
        if headers.len() > HEADERS_MAX {
            let text = format!(
                "expected at most {HEADERS_MAX} headers, found {}",
                headers.len()
            );
            issues.push(Issue::error(
                IssueCode::TooLong,
                "Subscription.channel.header",
                text,
            ));
        }
        for (at, (name, value)) in headers.iter().enumerate() {
            if let Some(expected) = header_refused(name, value) {
                issues.push(Issue::error(
                    IssueCode::BusinessRule,
                    format!("Subscription.channel.header[{at}]"),
                    expected,
                ));
            }
        }
        issues
    }

    /// The address, if notifications may be sent there for all that can be seen of it without
    /// resolving its name.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, endpoint: &str) -> Result<Url, Refused> {
        let refused = |why: &str| Err(Refused(why.to_owned()));
        if endpoint.len() > ENDPOINT_CHARS_MAX {
            return refused("expected an address of at most 2048 characters");
        }
        // A parser of addresses drops these silently; what is checked must be what stands there.
        if endpoint
            .chars()
            .any(|c| c.is_control() || c.is_whitespace())
        {
            return refused("expected an address without spaces and control characters");
        }
        let Ok(url) = Url::parse(endpoint) else {
            return refused("expected an address such as https://ehr.example.dk/notified");
        };
        let Some(host) = url.host() else {
            return refused("expected an address such as https://ehr.example.dk/notified");
        };
        let is_this_machine = match &host {
            Host::Domain(name) => name.trim_end_matches('.') == LOCALHOST,
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => IpAddr::V6(*address).to_canonical().is_loopback(),
        };
        match url.scheme() {
            "https" => {}
            "http" if self.http_loopback && is_this_machine => {}
            _ => return refused("expected https: what is told of people is not sent in the clear"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("expected no name or password in the address: a header can carry them");
        }
        if url.fragment().is_some() {
            return refused("expected no fragment in the address");
        }
        let literal = match host {
            Host::Domain(name) if is_this_machine => (name, Some(IpAddr::V4(Ipv4Addr::LOCALHOST))),
            Host::Domain(name) => (name, None),
            Host::Ipv4(address) => ("", Some(IpAddr::V4(address))),
            Host::Ipv6(address) => ("", Some(IpAddr::V6(address))),
        };
        match literal {
            (name, Some(address)) if !self.permits(name, address) => refused(
                "expected an address on the public internet, or one that this server's operator has allowed",
            ),
            _ => Ok(url),
        }
    }

    /// True if notifications may be sent to that address, to which the name of a host resolves (no
    /// name if the address itself was given).
    pub fn permits(&self, host: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let host = host.trim_end_matches('.');
        // What is sent there may be sent in the clear.
        if host == LOCALHOST && !address.is_loopback() {
            return false;
        }
        let is_allowed = |allowed: &Allowed| match allowed {
            Allowed::Host(name) => name.trim_end_matches('.').eq_ignore_ascii_case(host),
            Allowed::Network(network) => network.contains(&address),
        };
        is_public(address)
            || (self.http_loopback && address.is_loopback())
            || self.allowed.iter().any(is_allowed)
    }
}

/// True if the address is of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4
            .iter()
            .any(|network| network.contains(&address)),
        IpAddr::V6(address) if TRANSLATED_V4.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            is_public(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
        }
        IpAddr::V6(address) => {
            GIVEN_OUT_V6.contains(&address)
                && !NOT_PUBLIC_V6
                    .iter()
                    .any(|network| network.contains(&address))
        }
    }
}

/// What is expected of a header instead, if it cannot be sent. Its value is a secret and is never
/// repeated.
fn header_refused(name: &str, value: &str) -> Option<&'static str> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Some("expected a header as 'Name: value'");
    }
    if !value
        .bytes()
        .all(|byte| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic())
    {
        return Some("expected a value of printable ASCII characters in one line");
    }
    if name.len() + value.len() > HEADER_CHARS_MAX {
        return Some("expected at most 4096 characters");
    }
    let name = name.to_ascii_lowercase();
    let is_ours = HEADERS_OF_THE_SERVER.contains(&name.as_str())
        || HEADER_PREFIXES_OF_THE_SERVER
            .iter()
            .any(|prefix| name.starts_with(prefix));
    is_ours.then_some(
        "expected no header that belongs to the connection, the message or its signature",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &[&str] = &[
        "https://ehr.example.dk/notified",
        "https://ehr.example.dk:8443/a?b=c",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://[64:ff9b::808:808]/",
    ];

    /// Spellings of addresses that are not of the public internet.
    const PRIVATE: &[&str] = &[
        "https://127.0.0.1/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://0.0.0.0/",
        "https://0/",
        "https://10.1.2.3/",
        "https://012.1.2.3/",
        "https://172.31.255.255/",
        "https://192.168.0.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://0xA9FEA9FE/",
        "https://168.63.129.16/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::]/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[::7f00:1]/",
        "https://[64:ff9b::a01:203]/",
        "https://[2002:7f00:1::]/",
        "https://[2002:a01:203::1]/",
        "https://[2001:0:1::1]/",
        "https://[2001:db8::1]/",
        "https://[fe80::1]/",
        "https://[fd00:ec2::254]/",
        "https://[ff02::1]/",
    ];

    #[test]
    fn endpoints_on_the_public_internet_are_taken_and_others_refused_however_they_are_spelt() {
        let policy = EndpointPolicy::default();
        for endpoint in PUBLIC {
            assert!(policy.check(endpoint).is_ok(), "{endpoint}");
        }
        let others = [
            "http://ehr.example.dk/",
            "ftp://ehr.example.dk/",
            "urn:x",
            "",
            "https://",
            "https://a:b@ehr.example.dk/",
        ];
        let odd = [
            "https://a@ehr.example.dk/",
            "https://ehr.example.dk/#a",
            "https://ehr.exa\nmple.dk/",
            " https://ehr.example.dk/",
            "//x/",
        ];
        for endpoint in PRIVATE.iter().chain(&others).chain(&odd) {
            assert!(policy.check(endpoint).is_err(), "{endpoint}");
        }
        assert!(
            policy
                .check(&format!(
                    "https://ehr.example.dk/{}",
                    "a".repeat(ENDPOINT_CHARS_MAX)
                ))
                .is_err()
        );
    }

    #[test]
    fn trying_out_opens_this_machine_and_nothing_else() {
        let policy = EndpointPolicy {
            http_loopback: true,
            ..EndpointPolicy::default()
        };
        for endpoint in [
            "http://127.0.0.1:9000/x",
            "http://localhost/",
            "http://[::1]:1/",
            "https://localhost/",
            "http://127.9.9.9/",
        ] {
            assert!(policy.check(endpoint).is_ok(), "{endpoint}");
        }
        for endpoint in [
            "http://10.0.0.1/",
            "http://ehr.example.dk/",
            "http://localhost.example.dk/",
            "https://169.254.169.254/",
            "http://0.0.0.0/",
        ] {
            assert!(policy.check(endpoint).is_err(), "{endpoint}");
        }
    }

    #[test]
    fn an_operator_opens_hosts_and_networks_by_name() {
        let allowed = ["10.20.0.0/16", "Hooks.region.dk", "fd00::/8", "192.168.7.7"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        let policy = EndpointPolicy {
            allowed,
            ..EndpointPolicy::default()
        };
        for endpoint in [
            "https://10.20.3.4/",
            "https://[fd00::5]/",
            "https://192.168.7.7:444/",
            "https://[::ffff:10.20.0.1]/",
        ] {
            assert!(policy.check(endpoint).is_ok(), "{endpoint}");
        }
        for endpoint in [
            "https://10.21.0.1/",
            "http://10.20.3.4/",
            "https://192.168.7.8/",
        ] {
            assert!(policy.check(endpoint).is_err(), "{endpoint}");
        }
        let inside = IpAddr::from([172, 16, 0, 9]);
        assert!(
            policy.permits("hooks.region.dk", inside) && policy.permits("hooks.region.dk.", inside)
        );
        assert!(!policy.permits("other.region.dk", inside) && !policy.permits("", inside));
        for wrong in ["", "10.0.0.0/33", "a b", "https://x"] {
            assert!(wrong.parse::<Allowed>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_that_cannot_be_sent_are_told_without_their_values() {
        for (name, value) in [
            ("Authorization", "Bearer x"),
            ("X-Api-Key", ""),
            ("x_y", "a\tb; c=\"d\""),
        ] {
            assert_eq!(header_refused(name, value), None, "{name}");
        }
        let ours = [
            "Host",
            "content-LENGTH",
            "Transfer-Encoding",
            "Connection",
            "Webhook-Signature",
            "webhook-id",
            "Proxy-Authorization",
            "TE",
        ];
        for name in ours.iter().chain(&["", "a b", "a\r\nb", "æ", "a:b"]) {
            assert!(
                header_refused(name, "secret").is_some_and(|text| !text.contains("secret")),
                "{name}"
            );
        }
        for value in ["a\r\nHost: x", "a\nb", "a\0", "æ"] {
            assert!(header_refused("X", value).is_some(), "{value:?}");
        }
        assert!(header_refused("X", &"a".repeat(HEADER_CHARS_MAX)).is_some());
    }
}
