//! Many subscriptions: dead and slow endpoints hold up no other, and a worker with a bug comes
//! back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use super::delivering_server::{DeliveringServer, QUICK, Setup, subscription};
use super::endpoint::{Answer, Endpoint, Gate, Received};
use frist::subscriptions::delivery::Pace;

const GOOD: usize = 100;

#[test]
fn a_hundred_good_endpoints_get_everything_beside_a_dead_and_a_slow_one() {
    let (good, slow, dead) = (Endpoint::up(), Endpoint::up(), Endpoint::up());
    let server = DeliveringServer::new();
    server.put(&subscription("slow", &slow.url()));
    server.put(&subscription("dead", &dead.url()));
    server.until("slow", "active");
    server.until("dead", "active");
    let ids: Vec<String> = (0..GOOD).map(|number| format!("good{number}")).collect();
    for id in &ids {
        server.put(&subscription(id, &format!("http://{}/{id}", good.address)));
    }
    ids.iter().for_each(|id| drop(server.until(id, "active")));
    dead.go_down();
    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    slow.answer(move |_| Answer::Held(Arc::clone(&held)));
    let last = (0..3).map(|_| server.change("slow")).max().unwrap();
    let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    while told.values().map(Vec::len).sum::<usize>() < GOOD * usize::try_from(last).unwrap() {
        let message = good.next();
        if message.kind() == "event-notification" {
            told.entry(message.path.clone())
                .or_default()
                .extend(message.numbers());
        }
    }
    assert_eq!(told.len(), GOOD);
    assert!(
        told.values()
            .all(|numbers| numbers.iter().copied().eq(1..=last)),
        "{told:?}"
    );
    slow.expect("handshake");
    assert_eq!(slow.expect("event-notification").numbers(), [1]);
    assert_eq!(slow.unread().len(), 0, "one message at a time");
    gate.open();
    assert_eq!(slow.numbers_until(last), (2..=last).collect::<Vec<_>>());
}

#[test]
fn so_many_dead_endpoints_are_tried_again_at_a_time_and_the_good_ones_do_not_wait_behind_them() {
    let pace = Pace {
        retrying_max: 2,
        ..QUICK
    };
    let server = DeliveringServer::with(Setup {
        pace,
        ..Setup::default()
    });
    let (gate, hanging) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
    let dead: Vec<_> = (1..=4)
        .map(|host| {
            let (gate, hanging, mut events) = (Arc::clone(&gate), Arc::clone(&hanging), 0);
            Endpoint::at(
                format!("127.0.0.{host}:0").parse().unwrap(),
                move |message| {
                    events += usize::from(message.kind() == "event-notification");
                    match events {
                        0 => Answer::Status(200),
                        1 => Answer::Status(500),
                        _ => {
                            hanging.fetch_add(1, Ordering::SeqCst);
                            Answer::Held(Arc::clone(&gate))
                        }
                    }
                },
            )
        })
        .collect();
    let good = Endpoint::up();
    server.put(&subscription("good", &good.url()));
    server.until("good", "active");
    good.expect("handshake");
    for (number, endpoint) in dead.iter().enumerate() {
        server.put(&subscription(&format!("dead{number}"), &endpoint.url()));
        server.until(&format!("dead{number}"), "active");
        endpoint.expect("handshake");
    }
    let mut last = server.change("good");
    for endpoint in &dead {
        assert_eq!(endpoint.expect("event-notification").numbers(), [1]);
    }
    while hanging.load(Ordering::SeqCst) < 2 {
        std::thread::yield_now();
    }
    for _ in 0..6 {
        last = server.change("good");
    }
    assert_eq!(good.numbers_until(last), (1..=last).collect::<Vec<_>>());
    assert_eq!(
        hanging.load(Ordering::SeqCst),
        2,
        "the others wait for a turn"
    );
    gate.open();
    for endpoint in &dead {
        assert_eq!(endpoint.numbers_until(last), (1..=last).collect::<Vec<_>>());
    }
}

#[test]
fn so_many_messages_are_on_their_way_to_one_host_at_a_time_and_another_host_does_not_wait_behind_them()
 {
    const PER_HOST: usize = 128;
    let (gate, hanging) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
    let (held, counted) = (Arc::clone(&gate), Arc::clone(&hanging));
    let busy = Endpoint::at("127.0.0.1:0".parse().unwrap(), move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Answer::Held(Arc::clone(&held))
    });
    let good = Endpoint::at("127.0.0.2:0".parse().unwrap(), |_| Answer::Status(200));
    let server = DeliveringServer::new();
    let ids: Vec<String> = (0..PER_HOST + 3)
        .map(|number| format!("many{number}"))
        .collect();
    for id in &ids {
        server.put(&subscription(id, &busy.url()));
    }
    while hanging.load(Ordering::SeqCst) < PER_HOST {
        std::thread::yield_now();
    }
    server.put(&subscription("good", &good.url()));
    server.until("good", "active");
    let last = server.change("good");
    good.expect("handshake");
    assert_eq!(good.numbers_until(last), (1..=last).collect::<Vec<_>>());
    assert_eq!(
        hanging.load(Ordering::SeqCst),
        PER_HOST,
        "the others wait for a turn"
    );
    gate.open();
    ids.iter().for_each(|id| drop(server.until(id, "active")));
}

#[test]
fn a_worker_that_panics_begins_anew_and_nothing_is_missed() {
    let looks = Arc::new(AtomicI64::new(i64::MAX));
    let counted = Arc::clone(&looks);
    let at_each_look = move || {
        let look = counted.fetch_sub(1, Ordering::SeqCst);
        assert!(look != 1, "this bug is meant");
    };
    let (server, endpoint) = (
        DeliveringServer::with(Setup {
            at_each_look: Arc::new(at_each_look),
            ..Setup::default()
        }),
        Endpoint::up(),
    );
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    endpoint.expect("handshake");
    let (mut told, mut last) = (BTreeMap::new(), 0);
    let take = |told: &mut BTreeMap<u64, String>, message: Received| {
        assert_eq!(message.kind(), "event-notification");
        let [number] = message.numbers()[..] else {
            panic!("{:?}", message.numbers())
        };
        assert!(number <= told.len() as u64 + 1, "a gap before {number}");
        let id = told.entry(number).or_insert_with(|| message.id());
        assert_eq!(*id, message.id());
    };
    // At each place where the clock is looked at: as a message is made, as it is signed, as its
    // answer is noted. The writer of cursors looks at it too; if the bug meets that one, nothing is
    // told again.
    for place in [1, 2, 3, 1, 2, 3] {
        looks.store(place, Ordering::SeqCst);
        last = server.change("s");
        while told.len() < usize::try_from(last).unwrap() {
            take(&mut told, endpoint.next());
        }
        while looks.load(Ordering::SeqCst) > 0 {
            let unread = endpoint.unread().into_iter();
            unread.for_each(|message| take(&mut told, message));
            std::thread::yield_now();
        }
    }
    assert_eq!(told.len(), usize::try_from(last).unwrap());
}
