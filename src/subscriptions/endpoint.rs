//! The endpoints to which notifications may be sent: https to the public internet, and nothing that
//! only this server can reach.
//!
//! Pure: the address in a Subscription is judged as it stands when the Subscription is written, and
//! each address that its name resolves to when a connection is made (`delivery::client`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use url::{Host, Url};

use super::Channel;
use super::channel_headers;
use super::public_addresses::is_public;
use crate::fhir::{Issue, IssueCode};

/// The name that every machine has for itself.
const LOCALHOST: &str = "localhost";

/// The element that holds the address.
const ENDPOINT: &str = "Subscription.channel.endpoint";

/// The most characters of an address.
const ENDPOINT_CHARS_MAX: usize = 2_048;

/// A destination that the operator allows although it is not on the public internet.
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

/// The policy for the endpoints of notifications.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct EndpointPolicy {
    /// True if they may be sent to this machine itself, also without TLS: for trying things out.
    pub http_loopback: bool,
    /// The destinations allowed besides the public internet.
    pub allowed: Vec<Allowed>,
}

/// The reason why an address is refused, as a client may read it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl EndpointPolicy {
    /// Returns the findings that forbid a channel. No name is resolved.
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
        issues.extend(channel_headers::findings(headers));
        issues
    }

    /// Parses an address, and checks whether notifications may be sent there, as far as can be seen
    /// without resolving its name.
    ///
    /// # Errors
    /// If they may not.
    pub fn check(&self, endpoint: &str) -> Result<Url, Refused> {
        let refused = |why: &str| Err(Refused(why.to_owned()));
        if endpoint.len() > ENDPOINT_CHARS_MAX {
            return refused("expected an address of at most 2048 characters");
        }
        // A parser of addresses drops these silently, but the address must be checked as it stands.
        if endpoint
            .chars()
            .any(|c| c.is_control() || c.is_whitespace())
        {
            return refused("expected an address without spaces and control characters");
        }
        // Nor does it insist on a host: it takes the first part of the path.
        let host = endpoint.split_once("://").map_or("", |(_, rest)| rest);
        if host.is_empty() || host.starts_with(['/', '\\', '?', '#']) {
            return refused(
                "expected an address with a host, such as https://ehr.example.dk/notified",
            );
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

    /// Tells whether notifications may be sent to that address, to which the name of a host resolves
    /// (no name if the address itself was given).
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

    /// Spellings of addresses that are not on the public internet.
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
            "https:///ehr.example.dk/notified",
            "https:ehr.example.dk/notified",
            "https:/ehr.example.dk/notified",
            "https://?a",
            "https://\\ehr.example.dk/",
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
}
