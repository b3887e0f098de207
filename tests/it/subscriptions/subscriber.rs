//! The subscriber of the examples: notifications that are lost, doubled and out of order, against the real `$events`.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::subscription;
use crate::support::facade::Facade;
use crate::support::people::{copd, patient, practice};

#[path = "../../../examples/subscriber.rs"]
#[allow(dead_code, unreachable_pub)]
mod example;

use example::{Receiver, Server, endpoint, work};

const SECRET: &[u8] = b"the secret of the test";

/// A server with a subscription `s`.
fn clinic() -> Facade {
    let facade = Facade::at("2027-03-01T09:00:00+01:00");
    facade.put_ok(&practice("gp"));
    facade.put_ok(&subscription("s"));
    facade
}

/// Makes the event of that number.
fn happens(facade: &Facade, number: u64) {
    let person = format!("p{number}");
    facade.put_ok(&patient(&person));
    facade.put_ok(&copd(&format!("c{number}"), &person, "2027-02-20"));
}

/// The message with that event, signed as at that time.
fn message(facade: &Facade, number: u64, seconds: u64, secret: &[u8]) -> Request<Body> {
    let body = facade.get(&format!("Subscription/s/$events?eventsSinceNumber={number}&eventsUntilNumber={number}")).text;
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.update(format!("m{number}.{seconds}.{body}").as_bytes());
    let signature = format!("v1,bm90IHRoaXMgb25l v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let request = Request::post("/").header("webhook-id", format!("m{number}")).header("webhook-timestamp", seconds);
    request.header("webhook-signature", signature).body(Body::from(body)).unwrap()
}

#[test]
fn each_event_is_dealt_with_once_and_in_order_whatever_comes() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let facade = clinic();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("last");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dealt_with = Arc::new(Mutex::new(Vec::new()));
    let begin = |waiting| {
        let (dealt_with, server, state) = (Arc::clone(&dealt_with), served(&runtime, &facade), state.clone());
        runtime.spawn(work(server, state, waiting, move |event| dealt_with.lock().unwrap().push(event.number)))
    };
    let (sender, waiting) = mpsc::channel(10);
    let working = begin(waiting);
    let endpoint = endpoint(Receiver { secret: Arc::new(SECRET.to_vec()), is_rehearsal: false, waiting: sender });
    let post = |request: Request<Body>| runtime.block_on(endpoint.clone().oneshot(request)).unwrap().status().as_u16();
    happens(&facade, 1);
    assert_eq!(post(message(&facade, 1, now, b"another secret")), 401);
    assert_eq!(post(message(&facade, 1, now - 3_600, SECRET)), 401);
    assert_eq!(post(message(&facade, 1, now, SECRET)), 200);
    // It is at work; what it asks for from now on is what it finds missing.
    while dealt_with.lock().unwrap().is_empty() {
        std::thread::yield_now();
    }
    (2..=5).for_each(|number| happens(&facade, number));
    for number in [1, 3, 2, 3, 5] {
        assert_eq!(post(message(&facade, number, now, SECRET)), 200);
    }
    drop(endpoint);
    runtime.block_on(working).unwrap().unwrap();
    assert_eq!(*dealt_with.lock().unwrap(), [1, 2, 3, 4, 5]);
    assert_eq!(std::fs::read_to_string(&state).unwrap(), "5");
    // What happens while it does not run, it asks for at its start.
    happens(&facade, 6);
    let (_, closed) = mpsc::channel(1);
    runtime.block_on(begin(closed)).unwrap().unwrap();
    assert_eq!(*dealt_with.lock().unwrap(), [1, 2, 3, 4, 5, 6]);
}

/// The server on an address of its own, as a subscriber sees it.
fn served(runtime: &tokio::runtime::Runtime, facade: &Facade) -> Server {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let subscription = format!("http://{}/fhir/Subscription/s", listener.local_addr().unwrap());
    runtime.spawn(frist::http::listen::serve(listener, facade.router(), std::future::pending()));
    Server { http: reqwest::Client::new(), subscription }
}
