//! A server, an endpoint of the test between it and its subscriber, and what happens there.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use super::program::{Http, PATIENCE, Program, example};
use crate::subscriptions::delivery::endpoint::{Endpoint, Received};
use crate::support::people::{copd, patient, practice};

/// A server, an endpoint of the test that takes what it sends, and a place for the subscriber's
/// file.
pub(super) struct Scene {
    pub(super) folder: tempfile::TempDir,
    pub(super) http: Http,
    pub(super) server: Program,
    pub(super) base: String,
    pub(super) relay: Endpoint,
}

impl Scene {
    pub(super) fn new() -> Self {
        Scene::at("127.0.0.1:0", tempfile::tempdir().unwrap())
    }

    pub(super) fn at(address: &str, folder: tempfile::TempDir) -> Self {
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

    pub(super) fn put(&self, resource: &Value) {
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
    pub(super) fn happens(&self, number: u64) {
        let person = format!("p{number}");
        self.put(&patient(&person));
        self.put(&copd(&format!("c{number}"), &person, "2027-02-20"));
    }

    /// Lets an event happen and returns its message, as it was sent and with another number; the
    /// subscriber has not got it yet.
    pub(super) fn first_event(&self, subscriber: &Program) -> (Received, String) {
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
    pub(super) fn happen(&self, numbers: std::ops::Range<u64>) {
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

    pub(super) fn command(&self, options: &[&str]) -> Command {
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
    pub(super) fn subscriber(&self, options: &[&str]) -> (Program, String) {
        let subscriber = Program::start(&mut self.command(options));
        let address = subscriber
            .until("listening at ")
            .split(' ')
            .next()
            .unwrap()
            .to_owned();
        (subscriber, format!("http://{address}/"))
    }

    pub(super) fn state(&self) -> PathBuf {
        self.folder.path().join("state.json")
    }

    /// Waits until that number is in the file: it comes there after the line of its event.
    pub(super) fn until_kept(&self, number: u64) {
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
    pub(super) fn hand_on(
        &self,
        address: &str,
        message: &Received,
        body: &[u8],
        signature: &str,
    ) -> u16 {
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
    pub(super) fn hand(&self, address: &str, message: &Received) -> u16 {
        self.hand_on(
            address,
            message,
            &message.body,
            message.header("webhook-signature"),
        )
    }

    /// Returns the signature of that body in the place of a message's.
    pub(super) fn signed(&self, message: &Received, body: &[u8]) -> String {
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
