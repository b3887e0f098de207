//! The subscriber of the examples, as a process beside a server that is one too. What the server
//! sends goes to the test, which hands it on: late, twice, out of order, changed, or not at all.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use super::delivery::endpoint::{Answer, Endpoint, Received};
use crate::support::people::{copd, patient, practice};

/// Longer than anything here takes on a busy machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// The example, built as these tests are: a run of one test alone builds none, and what was built
/// before may be old.
fn example() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // target/debug/deps/it-…
        let profile = std::env::current_exe()
            .unwrap()
            .ancestors()
            .nth(2)
            .unwrap()
            .to_owned();
        let mut build =
            Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
        build.args([
            "build",
            "--quiet",
            "--offline",
            "--message-format=json",
            "--example",
            "subscriber",
        ]);
        build
            .arg("--manifest-path")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        build.arg("--target-dir").arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        if cfg!(feature = "sled") {
            build.args(["--features", "sled"]);
        }
        // What cargo tells a test of its package would make libraries be built anew that look at
        // variables of these names.
        for (name, _) in std::env::vars_os() {
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
                .iter()
                .any(|begin| name.to_string_lossy().starts_with(begin))
            {
                build.env_remove(name);
            }
        }
        let built = build.stderr(Stdio::inherit()).output().unwrap();
        assert!(built.status.success(), "the example cannot be built");
        let told = built
            .stdout
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        told.filter_map(|told| Some(told["executable"].as_str()?.into()))
            .next_back()
            .expect("an executable")
    })
}

/// A program that runs, with what it prints.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let outputs: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for output in outputs {
            let sender = sender.clone();
            thread::spawn(move || {
                BufReader::new(output)
                    .lines()
                    .map_while(Result::ok)
                    .try_for_each(|line| sender.send(line))
            });
        }
        Program { child, lines }
    }

    /// The next line.
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line comes")
    }

    /// The next lines begin so.
    fn expect(&self, lines: &[&str]) {
        for expected in lines {
            let line = self.line();
            assert!(
                line.starts_with(expected),
                "expected {expected}…, found {line}"
            );
        }
    }

    /// Waits for a line that begins so; answers what follows in it.
    fn until(&self, begin: &str) -> String {
        loop {
            if let Some(rest) = self.line().strip_prefix(begin) {
                return rest.to_owned();
            }
        }
    }

    /// Its exit code after Ctrl-C, and the lines that were not looked at.
    fn interrupt(self) -> (Option<i32>, Vec<String>) {
        let sent = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        self.end()
    }

    /// Its exit code when it ends, and the lines that were not looked at.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => {
                    return (self.child.wait().unwrap().code(), lines);
                }
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {lines:#?}"),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Posts, gets and puts.
struct Http {
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Http {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        // Between two requests the subscriber may take longer than the server keeps a silent
        // connection: each request has one of its own.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0);
        Http {
            client: client.build().unwrap(),
            runtime,
        }
    }

    fn send(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        self.runtime.block_on(async {
            let answer = request.timeout(PATIENCE).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }
}

/// A server, an endpoint of the test that takes what it sends, and a place for the subscriber's
/// file.
struct Scene {
    folder: tempfile::TempDir,
    http: Http,
    server: Program,
    base: String,
    relay: Endpoint,
}

impl Scene {
    fn new() -> Self {
        Scene::at("127.0.0.1:0", tempfile::tempdir().unwrap())
    }

    fn at(address: &str, folder: tempfile::TempDir) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_frist"));
        command.args([
            "serve",
            "--listen",
            address,
            "--clock",
            "2027-03-01T09:00:00+01:00",
            "--subscription-http-loopback",
            "--data",
        ]);
        let server = Program::start(
            command
                .arg(folder.path().join("data"))
                .env("FRIST_LOG", "error"),
        );
        let base = server
            .until("Frist serves FHIR R4 at ")
            .split(' ')
            .next()
            .unwrap()
            .to_owned();
        let scene = Scene {
            folder,
            http: Http::new(),
            server,
            base,
            relay: Endpoint::up(),
        };
        scene.put(&practice("gp"));
        scene
    }

    fn put(&self, resource: &Value) {
        let path = format!(
            "{}/{}/{}",
            self.base,
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        let request = self
            .http
            .client
            .put(path)
            .header("content-type", "application/fhir+json")
            .body(resource.to_string());
        let (status, text) = self.http.send(request);
        assert!(status < 300, "{text}");
    }

    /// Makes the event of that number.
    fn happens(&self, number: u64) {
        let person = format!("p{number}");
        self.put(&patient(&person));
        self.put(&copd(&format!("c{number}"), &person, "2027-02-20"));
    }

    /// Lets an event happen and returns its message, as it was sent and with another number; the
    /// subscriber has not got it yet.
    fn first_event(&self, subscriber: &Program) -> (Received, String) {
        self.relay.expect("handshake");
        subscriber.expect(&["the Subscription is active"]);
        self.happens(1);
        let message = self.relay.expect("event-notification");
        let other = String::from_utf8(message.body.clone())
            .unwrap()
            .replace("valueString\":\"1\"", "valueString\":\"7\"");
        assert_ne!(other.as_bytes(), message.body);
        (message, other)
    }

    /// Makes an event for each of these numbers, by one write.
    fn happen(&self, numbers: std::ops::Range<u64>) {
        let entry = |resource: Value| {
            let url = format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap(),
                resource["id"].as_str().unwrap()
            );
            json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
        };
        let person = |number: u64| format!("q{number}");
        let entries = numbers.flat_map(|number| {
            [
                entry(patient(&person(number))),
                entry(copd(&format!("d{number}"), &person(number), "2027-02-20")),
            ]
        });
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries.collect::<Vec<_>>() });
        let request = self
            .http
            .client
            .post(&self.base)
            .header("content-type", "application/fhir+json")
            .body(bundle.to_string());
        let (status, text) = self.http.send(request);
        assert_eq!(
            status,
            200,
            "{}",
            text.chars().take(500).collect::<String>()
        );
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new(example());
        command
            .args([
                "--server",
                &self.base,
                "--listen",
                "127.0.0.1:0",
                "--endpoint",
                &self.relay.url(),
                "--state",
            ])
            .arg(self.state());
        command.args(options);
        command
    }

    /// Starts the subscriber; answers it, and the address at which it listens.
    fn subscriber(&self, options: &[&str]) -> (Program, String) {
        let subscriber = Program::start(&mut self.command(options));
        let address = subscriber
            .until("listening at ")
            .split(' ')
            .next()
            .unwrap()
            .to_owned();
        (subscriber, format!("http://{address}/"))
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state.json")
    }

    /// Waits until that number is in the file: it comes there after the line of its event.
    fn until_kept(&self, number: u64) {
        let kept = || {
            serde_json::from_slice::<Value>(&std::fs::read(self.state()).unwrap_or_default())
                .unwrap_or_default()["last"]
                .as_u64()
        };
        for _ in 0..PATIENCE.as_millis() {
            if kept() == Some(number) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("{number} never came into the file, {:?} is there", kept());
    }

    /// Hands a message on, with these bytes and that signature; answers the status.
    fn hand_on(&self, address: &str, message: &Received, body: &[u8], signature: &str) -> u16 {
        let mut request = self
            .http
            .client
            .post(address)
            .body(body.to_vec())
            .header("webhook-signature", signature);
        for name in ["webhook-id", "webhook-timestamp", "content-type"] {
            request = request.header(name, message.header(name));
        }
        self.http.send(request).0
    }

    /// Hands a message on as it came.
    fn hand(&self, address: &str, message: &Received) -> u16 {
        self.hand_on(
            address,
            message,
            &message.body,
            message.header("webhook-signature"),
        )
    }

    /// The signature of that body in the place of a message's.
    fn signed(&self, message: &Received, body: &[u8]) -> String {
        let (status, text) = self.http.send(self.http.client.get(format!(
            "{}/Subscription/example/$webhook-secret",
            self.base
        )));
        assert_eq!(status, 200, "{text}");
        let told: Value = serde_json::from_str(&text).unwrap();
        let secret = told["parameter"][0]["valueString"]
            .as_str()
            .unwrap()
            .strip_prefix("whsec_")
            .unwrap();
        let mut mac =
            Hmac::<sha2::Sha256>::new_from_slice(&STANDARD.decode(secret).unwrap()).unwrap();
        mac.update(format!("{}.{}.", message.id(), message.header("webhook-timestamp")).as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

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
    subscriber.expect(&[
        "listening at ",
        &format!("http://{free}/fhir/Subscription/example cannot be reached"),
    ]);
    let _scene = Scene::at(&free, tempfile::tempdir().unwrap());
    subscriber.expect(&[
        "the Subscription was in error (the endpoint answered 500): asking for it again",
    ]);
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
