//! Endpoints in trouble: each is tried again until it acknowledges, in order, and none holds up
//! another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::delivering_server::{DeliveringServer, ONCE, QUICK, Setup, subscription};
use super::endpoint::{Answer, Endpoint, Gate};
use crate::support::surrounded::Around;
use frist::storage::Event;
use frist::subscriptions::Status;
use frist::subscriptions::delivery::{Pace, ReplayRefused};

/// Makes a server with an active subscription `s` to that endpoint, whose handshake was read.
fn active(pace: Pace, endpoint: &Endpoint) -> DeliveringServer {
    let server = DeliveringServer::at(pace);
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    endpoint.expect("handshake");
    server
}

/// Fails some times as told, and then acknowledges: what came is the same message each time, and
/// then what follows it.
fn comes_again_after(times: usize, failing: impl Fn(usize) -> Answer + Send + 'static) {
    let endpoint = Endpoint::up();
    let server = active(QUICK, &endpoint);
    let mut count = 0;
    endpoint.answer(move |_| {
        count += 1;
        if count <= times {
            failing(count)
        } else {
            Answer::Status(200)
        }
    });
    let last = server.change("s").max(server.change("s"));
    let first = endpoint.expect("event-notification");
    assert_eq!(first.numbers(), [1]);
    for _ in 0..times {
        let again = endpoint.expect("event-notification");
        assert_eq!((again.numbers(), again.id()), (first.numbers(), first.id()));
    }
    if last > 1 {
        assert_eq!(endpoint.numbers_until(last), (2..=last).collect::<Vec<_>>());
    }
    assert_eq!(server.subscription("s")["status"], "active");
    let figures = server.deliverer().figures();
    assert_eq!(figures.failed, times as u64);
}

#[test]
fn an_endpoint_that_fails_gets_the_same_message_again() {
    comes_again_after(4, |_| Answer::Status(500));
}

#[test]
fn an_answer_that_breaks_off_is_no_acknowledgement() {
    comes_again_after(2, |_| Answer::Broken);
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Endpoint::up();
    let elsewhere = format!("location: {}", other.url());
    comes_again_after(2, move |nth| {
        Answer::With(if nth == 1 { 307 } else { 302 }, elsewhere.clone())
    });
    assert_eq!((other.connections(), other.unread().len()), (0, 0));
}

#[test]
fn an_endpoint_that_asks_for_a_pause_gets_it() {
    let endpoint = Endpoint::up();
    let server = active(QUICK, &endpoint);
    endpoint.answer(|_| Answer::With(429, "retry-after: 3000".to_owned()));
    server.change("s");
    endpoint.expect("event-notification");
    let next = loop {
        let view = server.deliverer().overview().unwrap().remove(0);
        if let Some(next) = view.failures.next_attempt {
            assert_eq!(
                (view.failures.attempts, view.failures.last.unwrap().0),
                (1, "the endpoint answered 429".to_owned())
            );
            break next;
        }
        std::thread::yield_now();
    };
    let seconds = next.duration_since(server.context().now).as_secs();
    assert!((2_000..=3_000).contains(&seconds), "{seconds}");
    // A client that writes its subscription anew does not wait for that.
    endpoint.answer(|_| Answer::Status(200));
    server.put(&subscription("s", &endpoint.url()));
    endpoint.expect("handshake");
    assert_eq!(endpoint.expect("event-notification").numbers(), [1]);
}

#[test]
fn an_endpoint_that_is_gone_is_not_tried_again() {
    let endpoint = Endpoint::up();
    let server = active(QUICK, &endpoint);
    endpoint.answer(|_| Answer::Status(410));
    server.change("s");
    assert_eq!(
        server.until("s", "error")["error"],
        "the endpoint answered 410"
    );
    assert_eq!(endpoint.unread().len(), 1);
}

#[test]
fn a_handshake_that_is_not_acknowledged_is_an_error() {
    let endpoint = Endpoint::answering(|_| Answer::Status(403));
    let server = DeliveringServer::new();
    server.put(&subscription("s", &endpoint.url()));
    assert_eq!(
        server.until("s", "error")["error"],
        "the endpoint answered 403"
    );
    endpoint.go_down();
    let mut again = subscription("s", &endpoint.url());
    again["reason"] = "Asked again".into();
    server.put(&again);
    assert_eq!(
        server.until("s", "error")["error"],
        "there is no connection to the endpoint"
    );
}

#[test]
fn an_endpoint_that_went_down_gets_everything_once_it_is_up() {
    let endpoint = Endpoint::up();
    let address = endpoint.address;
    let server = active(QUICK, &endpoint);
    drop(endpoint);
    let last = (0..4).map(|_| server.change("s")).max().unwrap();
    let endpoint = loop {
        // The port is free again once the last one has let it go.
        if std::net::TcpListener::bind(address).is_ok() {
            break Endpoint::at(address, |_| Answer::Status(200));
        }
    };
    assert_eq!(endpoint.numbers_until(last), (1..=last).collect::<Vec<_>>());
}

#[test]
fn a_slow_endpoint_and_a_dead_one_hold_up_no_other() {
    let (slow, good, dead) = (Endpoint::up(), Endpoint::up(), Endpoint::up());
    let server = active(QUICK, &slow);
    for (id, endpoint) in [("good", &good), ("dead", &dead)] {
        server.put(&subscription(id, &endpoint.url()));
        server.until(id, "active");
    }
    dead.go_down();
    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    slow.answer(move |_| Answer::Held(Arc::clone(&held)));
    good.expect("handshake");
    let last = (0..5).map(|_| server.change("good")).max().unwrap();
    assert_eq!(good.numbers_until(last), (1..=last).collect::<Vec<_>>());
    assert_eq!(slow.expect("event-notification").numbers(), [1]);
    assert_eq!(slow.unread().len(), 0, "one message at a time");
    gate.open();
    assert_eq!(slow.numbers_until(last), (2..=last).collect::<Vec<_>>());
}

#[test]
fn what_an_operator_asked_for_is_sent_again_after_whatever_stop() {
    let endpoint = Endpoint::up();
    let mut server = active(QUICK, &endpoint);
    let mut last = 0;
    while last < 6 {
        last = server.change("s");
    }
    assert_eq!(endpoint.numbers_until(last), (1..=last).collect::<Vec<_>>());
    while server.deliverer().overview().unwrap()[0].stream.delivered < last {}
    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    endpoint.answer(move |_| Answer::Held(Arc::clone(&held)));
    let id = frist::fhir::Id::parse("s").unwrap();
    server.deliverer().replay(&id, 2, 5).unwrap();
    server.deliverer().replay(&id, 1, 1).unwrap();
    assert_eq!(endpoint.expect("event-notification").numbers(), [2]);
    server.crash();
    gate.open();
    let held = Arc::new(Gate::default());
    let at_four = Arc::clone(&held);
    endpoint.answer(move |message| {
        if message.numbers() == [4] {
            Answer::Held(Arc::clone(&at_four))
        } else {
            Answer::Status(200)
        }
    });
    server.start(Setup::default());
    for number in [2, 3, 4] {
        assert_eq!(endpoint.expect("event-notification").numbers(), [number]);
    }
    // An orderly stop writes down how far that is.
    server.stop();
    held.open();
    endpoint.answer(|_| Answer::Status(200));
    server.start(Setup::default());
    let new = server.change("s");
    for number in [4, 5, 1].into_iter().chain(last + 1..=new) {
        assert_eq!(endpoint.expect("event-notification").numbers(), [number]);
    }
    server.stop();
    server.start(Setup::default());
    assert_eq!(server.as_server().store.resends(&id).unwrap(), []);
}

#[test]
fn an_operator_sends_a_range_again() {
    let endpoint = Endpoint::up();
    let server = active(ONCE, &endpoint);
    let last = (0..3).map(|_| server.change("s")).max().unwrap();
    let mut sent = Vec::new();
    while sent.len() < usize::try_from(last).unwrap() {
        sent.push(endpoint.expect("event-notification"));
    }
    let id = frist::fhir::Id::parse("s").unwrap();
    loop {
        let view = server.deliverer().overview().unwrap().remove(0);
        if view.stream.delivered == last {
            assert_eq!(
                (
                    view.stream.last,
                    view.oldest_undelivered,
                    view.failures.attempts,
                    view.failures.last
                ),
                (last, None, 0, None)
            );
            break;
        }
    }
    assert_eq!(
        server
            .deliverer()
            .replay(&id, 0, 1)
            .unwrap_err()
            .to_string(),
        format!("expected numbers from 1 to {last}: of events that are kept, and were delivered")
    );
    assert!(server.deliverer().replay(&id, 1, last + 1).is_err());
    server.deliverer().replay(&id, 2, last).unwrap();
    for before in &sent[1..] {
        let again = endpoint.expect("event-notification");
        assert_eq!(
            (again.numbers(), again.id()),
            (before.numbers(), before.id())
        );
    }
    let figures = server.deliverer().figures();
    assert_eq!(
        (
            figures.delivered_events,
            figures.latencies.iter().sum::<u64>()
        ),
        (last, last)
    );
}

#[test]
fn an_operator_sees_what_is_wrong() {
    let endpoint = Endpoint::up();
    let server = active(ONCE, &endpoint);
    let id = frist::fhir::Id::parse("s").unwrap();
    let last = server.change("s");
    endpoint.numbers_until(last);
    while server.deliverer().overview().unwrap()[0].stream.delivered < last {
        std::thread::yield_now();
    }
    endpoint.answer(|_| Answer::Status(500));
    server.change("s");
    let view = loop {
        let view = server.deliverer().overview().unwrap().remove(0);
        if view.status == Status::Error {
            break view;
        }
        std::thread::yield_now();
    };
    assert_eq!(
        (
            view.stream.delivered,
            view.failures.attempts,
            view.failures.last.unwrap().0
        ),
        (last, 1, "the endpoint answered 500".to_owned())
    );
    assert!(view.oldest_undelivered.is_some() && view.stream.last > last);
    assert!(matches!(
        server.deliverer().replay(&id, 1, 1),
        Err(ReplayRefused::NotActive)
    ));
}

/// A store that does not find any event for a while.
#[derive(Default)]
struct Losing {
    is_on: AtomicBool,
    readings: AtomicUsize,
}

impl Around for Losing {
    fn events(&self, found: Vec<Event>) -> Vec<Event> {
        if !self.is_on.load(Ordering::SeqCst) {
            return found;
        }
        self.readings.fetch_add(1, Ordering::SeqCst);
        Vec::new()
    }
}

#[test]
fn an_event_that_the_store_does_not_find_is_looked_for_after_a_pause_and_not_passed_over() {
    let losing = Arc::new(Losing::default());
    let server = DeliveringServer::with(Setup {
        around: Some(losing.clone()),
        ..Setup::default()
    });
    let endpoint = Endpoint::up();
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    endpoint.expect("handshake");
    losing.is_on.store(true, Ordering::SeqCst);
    let last = server.change("s");
    while losing.readings.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    // Without a pause there would be thousands.
    std::thread::sleep(Duration::from_millis(300));
    let readings = losing.readings.load(Ordering::SeqCst);
    assert!(readings <= 3, "{readings} readings");
    losing.is_on.store(false, Ordering::SeqCst);
    assert_eq!(endpoint.numbers_until(last), (1..=last).collect::<Vec<_>>());
    assert_eq!(server.subscription("s")["status"], "active");
}
