//! The subscriber of the examples, as a process beside a server that is one too. What the server
//! sends goes to the test, which hands it on: late, twice, out of order, changed, or not at all.

mod program;
mod scene;

use std::net::TcpListener;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use program::{Program, example};
use scene::Scene;

use super::delivery::endpoint::{Answer, Endpoint};

#[test]
fn each_event_is_dealt_with_once_and_in_order_whatever_comes() {
    let scene = Scene::new();
    let (subscriber, address) = scene.subscriber(&["--rehearsal", "--look-every", "3600"]);
    let handshake = scene.relay.expect("handshake");
    subscriber.expect(&["the Subscription is active"]);
    assert_eq!(scene.hand(&address, &handshake), 200);
    subscriber.expect(&["handshake: "]);
    let messages: Vec<_> = (1..=5)
        .map(|number| {
            scene.happens(number);
            scene.relay.expect("event-notification")
        })
        .collect();
    let hand = |number: usize| scene.hand(&address, &messages[number - 1]);
    assert_eq!(hand(1), 200);
    subscriber.expect(&["event 1: Task/"]);
    // The gap is filled from $events.
    assert_eq!(hand(4), 200);
    subscriber.expect(&[
        "events 2 to 3 are missing",
        "event 2: Task/",
        "event 3: Task/",
        "event 4: Task/",
    ]);
    // What came before is acknowledged, and that is all.
    assert_eq!([hand(2), hand(4), hand(1), hand(5)], [200; 4]);
    subscriber.expect(&["event 5: Task/"]);
    scene.until_kept(5);
    let (code, rest) = subscriber.interrupt();
    assert_eq!((code, rest), (Some(0), Vec::new()));
}

#[test]
fn nothing_is_taken_that_the_server_did_not_sign() {
    let scene = Scene::new();
    let (subscriber, address) = scene.subscriber(&["--rehearsal", "--look-every", "3600"]);
    let (message, other) = scene.first_event(&subscriber);
    let right = message.header("webhook-signature").to_owned();
    let wrong = format!("v1,{}", STANDARD.encode([7; 32]));
    for (body, signature) in [
        (message.body.as_slice(), wrong.as_str()),
        (other.as_bytes(), &right),
        (&message.body, ""),
        (&message.body, "v1,"),
        (&message.body, "v1,???"),
        (&message.body, &right.replace("v1,", "v1a,")),
        (&message.body, &right[..right.len() - 4]),
    ] {
        assert_eq!(
            scene.hand_on(&address, &message, body, signature),
            401,
            "{signature}"
        );
        subscriber.expect(&["a message was refused: its signature"]);
    }
    assert_eq!(
        scene
            .http
            .send(scene.http.client.post(&address).body(message.body.clone()))
            .0,
        401
    );
    subscriber.expect(&["a message was refused: it is not signed"]);
    // One of several signatures is enough.
    assert_eq!(
        scene.hand_on(
            &address,
            &message,
            &message.body,
            &format!("{wrong} v2,x {right}")
        ),
        200
    );
    subscriber.expect(&["event 1: Task/"]);
}

#[test]
fn a_signed_message_that_is_no_notification_does_no_harm() {
    let scene = Scene::new();
    let (subscriber, address) = scene.subscriber(&["--rehearsal", "--look-every", "3600"]);
    let (message, other) = scene.first_event(&subscriber);
    for body in [
        "nonsense",
        "{}",
        "[]",
        &other.replace("\"7\"", "\"seven\""),
        &other
            .replace("notification-event", "x")
            .replace("type", "y"),
    ] {
        assert_eq!(
            scene.hand_on(
                &address,
                &message,
                body.as_bytes(),
                &scene.signed(&message, body.as_bytes())
            ),
            400,
            "{body}"
        );
        subscriber.expect(&["a message was refused: this program does not know"]);
    }
    let zero = other.replace("\"7\"", "\"0\"");
    assert_eq!(
        scene.hand_on(
            &address,
            &message,
            zero.as_bytes(),
            &scene.signed(&message, zero.as_bytes())
        ),
        200
    );
    let right = message.header("webhook-signature").to_owned();
    assert_eq!(
        scene.hand_on(&address, &message, &message.body, &right),
        200
    );
    subscriber.expect(&["event 1: Task/"]);
}

#[test]
fn a_message_that_comes_again_much_later_is_refused() {
    let scene = Scene::new();
    let (strict, address) = scene.subscriber(&["--subscription", "strict", "--look-every", "3600"]);
    let handshake = scene.relay.expect("handshake");
    assert_eq!(scene.hand(&address, &handshake), 401);
    strict.until("a message was refused: its time");
}

#[test]
fn after_a_stop_of_any_kind_it_goes_on_where_it_was() {
    let scene = Scene::new();
    let options = ["--rehearsal", "--look-every", "3600"];
    let (mut subscriber, address) = scene.subscriber(&options);
    scene.relay.expect("handshake");
    scene.happens(1);
    let message = scene.relay.expect("event-notification");
    assert_eq!(scene.hand(&address, &message), 200);
    subscriber.until("event 1: ");
    scene.until_kept(1);
    subscriber.child.kill().unwrap();
    // More than one answer of $events has; acknowledged by whoever has its address now.
    for from in [0, 400, 800] {
        scene.happen(from..from + 400);
    }
    let (subscriber, _) = scene.subscriber(&options);
    subscriber.expect(&["events 2 to 1201 are missing"]);
    for number in 2..=1_201 {
        subscriber.expect(&[&format!("event {number}: Task/")]);
    }
    subscriber.expect(&["the Subscription is active"]);
    assert_eq!(subscriber.interrupt().0, Some(0));
    // Another Subscription under the same id: its events count from 1.
    scene.http.send(
        scene
            .http
            .client
            .delete(format!("{}/Subscription/example", scene.base)),
    );
    let (subscriber, _) = scene.subscriber(&options);
    subscriber.expect(&["the Subscription is active"]);
    scene.happens(2);
    assert_eq!(subscriber.interrupt().0, Some(0));
    let (subscriber, _) = scene.subscriber(&options);
    subscriber.expect(&["event 1 is missing", "event 1: Task/"]);
    scene.until_kept(1);
    drop(subscriber);
    // A server that counts fewer events than were dealt with is not what it was.
    let kept = std::fs::read_to_string(scene.state())
        .unwrap()
        .replace(":1,", ":9,");
    std::fs::write(scene.state(), kept).unwrap();
    let (subscriber, _) = scene.subscriber(&options);
    let (code, lines) = subscriber.end();
    assert!(
        code == Some(1) && lines[0].contains("counts 1 events of") && lines[0].contains("after 9"),
        "{code:?} {lines:?}"
    );
}

#[test]
fn it_waits_for_a_server_and_asks_again_when_it_listens() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let folder = tempfile::tempdir().unwrap();
    let relay = Endpoint::answering(|_| Answer::Status(500));
    let mut command = Command::new(example());
    command.args([
        "--server",
        &format!("http://{free}/fhir/"),
        "--listen",
        "127.0.0.1:0",
        "--endpoint",
        &relay.url(),
        "--look-every",
        "1",
    ]);
    let subscriber = Program::start(command.arg("--state").arg(folder.path().join("state.json")));
    subscriber.expect_in_any_order(&[
        "listening at ",
        &format!("http://{free}/fhir/Subscription/example cannot be reached"),
    ]);
    let _scene = Scene::at(&free, tempfile::tempdir().unwrap());
    // A server that is on its way may be told of first.
    subscriber
        .until("the Subscription was in error (the endpoint answered 500): asking for it again");
    relay.expect("handshake");
    relay.expect("handshake");
    relay.answer(|_| Answer::Status(200));
    subscriber.until("the Subscription is active");
    assert_eq!(subscriber.interrupt().0, Some(0));
}

#[test]
fn what_cannot_be_is_said_in_a_line_or_two() {
    let scene = Scene::new();
    for (options, code, said) in [
        (["--help", "", ""].as_slice(), 0, "--rehearsal"),
        (&["--nonsense"], 2, "--nonsense"),
        (&["--look-every", "0"], 2, "--look-every"),
        (&["--subscription", "a/b"], 2, "expected up to 64 letters"),
        (
            &["--filter", "Task?colour=red"],
            1,
            "expected filters by patient",
        ),
        (
            &[
                "--subscription",
                "other",
                "--filter",
                "Task?patient=Patient/p&patient=Patient/q&x=y",
            ],
            1,
            "422",
        ),
    ] {
        let options: Vec<_> = options
            .iter()
            .copied()
            .filter(|option| !option.is_empty())
            .collect();
        let (ended, lines) = Program::start(&mut scene.command(&options)).end();
        assert!(
            ended == Some(code) && lines.iter().any(|line| line.contains(said)),
            "{options:?}: {ended:?} {lines:#?}"
        );
        assert!(
            !lines.iter().any(|line| line.contains("panicked")),
            "{lines:?}"
        );
    }
    std::fs::write(scene.state(), "nonsense").unwrap();
    let (code, lines) = Program::start(&mut scene.command(&[])).end();
    assert!(
        code == Some(1)
            && lines
                .iter()
                .any(|line| line.contains("expected what this program wrote")),
        "{code:?} {lines:?}"
    );
    assert!(
        scene
            .server
            .lines
            .try_iter()
            .all(|line| !line.contains("panicked"))
    );
}
