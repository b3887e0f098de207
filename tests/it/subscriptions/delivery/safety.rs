//! Abuse of a Subscription: it cannot make the server reach what only the server can, or send what
//! only the server may say.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use frist::interactions::Failure;
use frist::subscriptions::EndpointPolicy;
use frist::subscriptions::delivery::Lookup;
use serde_json::{Value, json};

use super::delivering_server::{DeliveringServer, ONCE, Setup, subscription};
use super::endpoint::Endpoint;

/// Returns the expressions of the findings that refuse it.
fn refused(server: &DeliveringServer, subscription: &Value) -> Vec<String> {
    match server.try_put(subscription) {
        Err(Failure::Unprocessable(issues)) => {
            let refusing = issues.into_iter().filter(frist::fhir::Issue::refuses);
            refusing
                .map(|issue| {
                    assert!(!issue.text.contains("a-secret"), "{}", issue.text);
                    issue.expression
                })
                .collect()
        }
        other => panic!("{subscription:#}: {other:?}"),
    }
}

#[test]
fn an_endpoint_that_the_policy_forbids_is_refused_and_not_connected_to() {
    let local = Endpoint::up();
    let port = local.address.port();
    let server = DeliveringServer::with(Setup {
        policy: EndpointPolicy::default(),
        ..Setup::default()
    });
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "[64:ff9b::7f00:1]",
    ] {
        for scheme in ["http", "https"] {
            let forbidden = subscription("s", &format!("{scheme}://{host}:{port}/"));
            assert_eq!(
                refused(&server, &forbidden),
                ["Subscription.channel.endpoint"],
                "{scheme} {host}"
            );
        }
    }
    for endpoint in [
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://a-secret:a-secret@ehr.example.dk/",
        "ftp://ehr.example.dk/",
        "x",
    ] {
        assert_eq!(
            refused(&server, &subscription("s", endpoint)),
            ["Subscription.channel.endpoint"],
            "{endpoint}"
        );
    }
    assert_eq!(local.connections(), 0);
}

#[test]
fn a_header_that_is_not_the_subscribers_is_refused() {
    let server = DeliveringServer::new();
    for header in [
        "Host: a-secret",
        "Content-Length: 1",
        "Transfer-Encoding: chunked",
        "webhook-id: a-secret",
        "X: a-secret\r\nY: z",
        "no name: a-secret",
    ] {
        let mut asked = subscription("s", "https://ehr.example.dk/");
        asked["channel"]["header"] = json!(["X-Fine: 1", header]);
        assert_eq!(
            refused(&server, &asked),
            ["Subscription.channel.header[1]"],
            "{header:?}"
        );
    }
}

/// Makes a server that resolves every name so, and returns the text of the error of a subscription
/// to `https://ehr.example.dk` at that port.
fn error_when_resolved(
    policy: EndpointPolicy,
    port: u16,
    lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
) -> String {
    let lookup: Lookup = Arc::new(lookup);
    let server = DeliveringServer::with(Setup {
        pace: ONCE,
        policy,
        lookup: Some(lookup),
        ..Setup::default()
    });
    server.put(&subscription(
        "s",
        &format!("https://ehr.example.dk:{port}/"),
    ));
    server.until("s", "error")["error"]
        .as_str()
        .unwrap()
        .to_owned()
}

const FORBIDDEN: &str = "the endpoint's name leads to an address that this server may not send to";

#[test]
fn a_name_that_leads_to_a_forbidden_address_is_not_connected_to() {
    let local = Endpoint::up();
    let port = local.address.port();
    for address in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
        "fd00::1",
        "fe80::1",
    ] {
        let address: IpAddr = address.parse().unwrap();
        let error =
            error_when_resolved(EndpointPolicy::default(), port, move |_| Ok(vec![address]));
        assert_eq!(error, FORBIDDEN, "{address}");
    }
    assert_eq!(local.connections(), 0);
}

#[test]
fn a_name_that_changes_its_answer_is_held_against_the_policy_each_time() {
    let local = Endpoint::up();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    // Its first answer is an address that is allowed, as for a check that is made beforehand.
    let lookup: Lookup = Arc::new(move |_| {
        let nth = counted.fetch_add(1, Ordering::SeqCst);
        Ok(vec![if nth == 0 {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            IpAddr::from([127, 0, 0, 2])
        }])
    });
    let policy = EndpointPolicy {
        allowed: vec!["127.0.0.1/32".parse().unwrap()],
        ..EndpointPolicy::default()
    };
    let server = DeliveringServer::with(Setup {
        pace: ONCE,
        policy,
        lookup: Some(lookup),
        ..Setup::default()
    });
    let endpoint = format!("https://ehr.example.dk:{}/", local.address.port());
    for nth in 1..=3 {
        let mut subscription = subscription("s", &endpoint);
        subscription["reason"] = json!(format!("Asked {nth} times"));
        server.put(&subscription);
        assert_eq!(server.until("s", "error")["error"] == FORBIDDEN, nth > 1);
        assert_eq!(
            asked.load(Ordering::SeqCst),
            nth,
            "one answer for each connection"
        );
        assert_eq!(local.connections(), 1);
    }
}

#[test]
fn an_allowed_host_is_connected_to_and_must_still_prove_who_it_is() {
    let local = Endpoint::up();
    let policy = EndpointPolicy {
        allowed: vec!["ehr.example.dk".parse().unwrap()],
        ..EndpointPolicy::default()
    };
    let error = error_when_resolved(policy, local.address.port(), |_| {
        Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
    });
    // It speaks no TLS.
    assert_ne!(error, FORBIDDEN);
    assert_eq!(local.connections(), 1);
    assert_eq!(local.unread().len(), 0);
}

#[test]
fn an_endpoint_is_told_by_https_if_an_authority_vouches_for_its_name() {
    let (endpoint, certificate) = Endpoint::tls();
    let port = endpoint.address.port();
    let setup = |authorities: Option<Vec<u8>>| {
        let policy = EndpointPolicy {
            allowed: vec!["127.0.0.1".parse().unwrap()],
            ..EndpointPolicy::default()
        };
        let lookup: Lookup = Arc::new(|_| Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]));
        Setup {
            pace: ONCE,
            policy,
            lookup: Some(lookup),
            authorities,
            ..Setup::default()
        }
    };
    let mut server = DeliveringServer::with(setup(Some(certificate)));
    server.put(&subscription(
        "s",
        &format!("https://ehr.example.dk:{port}/notified"),
    ));
    endpoint.expect("handshake");
    server.until("s", "active");
    let last = server.change("s");
    assert_eq!(endpoint.numbers_until(last), (1..=last).collect::<Vec<_>>());
    assert_eq!(endpoint.connections(), 1);
    let not_trusted = "there is no trusted TLS connection to the endpoint";
    server.put(&subscription(
        "other",
        &format!("https://other.example.dk:{port}/notified"),
    ));
    assert_eq!(
        server.until("other", "error")["error"],
        not_trusted,
        "the certificate is of another name"
    );
    server.stop();
    server.start(setup(None));
    server.change("s");
    assert_eq!(
        server.until("s", "error")["error"],
        not_trusted,
        "nobody vouches for it"
    );
    assert_eq!(endpoint.unread().len(), 0);
}
