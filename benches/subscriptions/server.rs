//! The program itself, as a process of its own, and what is asked of it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::receiver::Receiver;

/// The number of persons that come in one transaction while a server is filled.
const PERSONS_PER_TRANSACTION: usize = 100;
/// The number of transactions that wait at once.
const LOADERS: usize = 8;

/// A server that runs on a folder.
pub(crate) struct Server {
    process: Child,
    base: String,
    http: reqwest::Client,
}

/// The result of a write.
pub(crate) struct Written {
    /// When it was sent, and answered.
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
    /// The instant of the version, by the server's clock.
    pub(crate) instant: Timestamp,
}

impl Server {
    /// Starts the program; its clock shows `clock` as soon as its store is open.
    pub(crate) async fn start(folder: &Path, clock: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new(env!("CARGO_BIN_EXE_frist"))
            .args([
                "serve",
                "--subscription-http-loopback",
                "--clock",
                clock,
                "--listen",
                &format!("127.0.0.1:{port}"),
            ])
            .arg("--data")
            .arg(folder)
            .env("FRIST_LOG", "error")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .tcp_nodelay(true)
            .build()
            .unwrap();
        let server = Server {
            process,
            base: format!("http://127.0.0.1:{port}"),
            http,
        };
        while !server
            .http
            .get(format!("{}/readyz", server.base))
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server
    }

    /// Stops it as an operator does.
    pub(crate) fn stop(mut self) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert!(self.process.wait().unwrap().success());
    }

    pub(crate) async fn get(&self, path: &str) -> String {
        let answer = self
            .http
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap();
        assert!(
            answer.status().is_success(),
            "GET {path}: {}",
            answer.status()
        );
        answer.text().await.unwrap()
    }

    pub(crate) async fn put(&self, resource: &Value) -> Written {
        let path = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        let sent = Instant::now();
        let request = self
            .http
            .put(format!("{}/fhir/{path}", self.base))
            .header("content-type", "application/fhir+json");
        let answer = request.body(resource.to_string()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        let answered = Instant::now();
        assert!(status.is_success(), "PUT {path}: {status} {text}");
        let stored: Value = serde_json::from_str(&text).unwrap();
        Written {
            sent,
            answered,
            instant: stored["meta"]["lastUpdated"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap(),
        }
    }

    async fn transaction(&self, resources: Vec<Value>) {
        let entry = |resource: Value| {
            let url = format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap(),
                resource["id"].as_str().unwrap()
            );
            json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
        };
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": resources.into_iter().map(entry).collect::<Vec<_>>() });
        let request = self
            .http
            .post(format!("{}/fhir", self.base))
            .header("content-type", "application/fhir+json");
        let answer = request
            .header("prefer", "return=minimal")
            .body(bundle.to_string())
            .send()
            .await
            .unwrap();
        let status = answer.status();
        assert!(
            status.is_success(),
            "{status} {}",
            answer.text().await.unwrap()
        );
    }

    /// Fills it: persons of practices in turn, each with a diagnosis of that day.
    pub(crate) async fn load(&self, persons: usize, practices: usize, recorded: &str) {
        let start = Instant::now();
        let all: Vec<_> = (0..practices).map(practice).collect();
        for some in all.chunks(PERSONS_PER_TRANSACTION) {
            self.transaction(some.to_vec()).await;
        }
        let (next, count) = (
            AtomicUsize::new(0),
            persons.div_ceil(PERSONS_PER_TRANSACTION),
        );
        let one = || async {
            loop {
                let at = next.fetch_add(1, Ordering::SeqCst);
                if at >= count {
                    return;
                }
                let some =
                    at * PERSONS_PER_TRANSACTION..persons.min((at + 1) * PERSONS_PER_TRANSACTION);
                self.transaction(
                    some.flat_map(|person| {
                        [
                            patient(person, practices),
                            condition(person, recorded, "confirmed"),
                        ]
                    })
                    .collect(),
                )
                .await;
                if (at + 1).is_multiple_of(100) {
                    eprintln!(
                        "  {} persons after {:.0} s",
                        (at + 1) * PERSONS_PER_TRANSACTION,
                        start.elapsed().as_secs_f64()
                    );
                }
            }
        };
        let _: Vec<()> = futures_util::future::join_all((0..LOADERS).map(|_| one())).await;
    }

    /// Makes a subscription to each endpoint, with those filters, and waits until all are active.
    pub(crate) async fn subscribe(
        &self,
        receiver: &Receiver,
        filters: &[Option<String>],
        max_count: u32,
    ) {
        let all: Vec<_> = filters.iter().enumerate().collect();
        for some in all.chunks(LOADERS) {
            let put = |(number, filter): &(usize, &Option<String>)| {
                let subscription = subscription(
                    *number,
                    &receiver.endpoint(*number),
                    filter.as_deref(),
                    max_count,
                );
                async move { self.put(&subscription).await }
            };
            futures_util::future::join_all(some.iter().map(put)).await;
        }
        while receiver.messages() < filters.len() as u64 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        loop {
            let found: Value = serde_json::from_str(
                &self
                    .get("/fhir/Subscription?status=active&_summary=count")
                    .await,
            )
            .unwrap();
            if found["total"] == filters.len() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Reads the number of events that were written since it was started.
    pub(crate) async fn events_written(&self) -> u64 {
        let text = self.get("/metrics").await;
        let line = text
            .lines()
            .find(|line| line.starts_with(EVENTS_WRITTEN))
            .unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Reads a figure of the process from the system, in megabytes.
    pub(crate) fn memory_mb(&self, what: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(what)).unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            / 1_000
    }

    /// Lets the greatest memory be that of now.
    pub(crate) fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5").unwrap();
    }

    /// Returns the seconds that the process computed.
    pub(crate) fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let figures: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        // In hundredths of a second on Linux, for any process.
        (figures[11].parse::<f64>().unwrap() + figures[12].parse::<f64>().unwrap()) / 100.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that was stopped has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const EVENTS_WRITTEN: &str = "frist_subscription_events_total ";

/// Returns the id of a practice.
pub(crate) fn practice_id(number: usize) -> String {
    format!("practice-{number}")
}

fn practice(number: usize) -> Value {
    json!({
        "resourceType": "Organization", "id": practice_id(number), "name": "Lægehuset",
        "identifier": [
            { "system": "urn:oid:1.2.208.176.1.1", "value": "99000010016005" },
            { "system": "urn:oid:1.2.208.176.1.4", "value": format!("{:06}", 900_000 + number) },
        ],
    })
}

/// Makes a person of one of so many practices.
pub(crate) fn patient(number: usize, practices: usize) -> Value {
    json!({
        "resourceType": "Patient", "id": format!("person-{number}"), "name": [{ "use": "official", "family": "Prøve", "given": ["Nr"] }],
        "identifier": [{ "system": "urn:oid:1.2.208.176.1.2", "value": format!("{:02}0544{:04}", 4 + number / 10_000 % 20, number % 10_000) }],
        "generalPractitioner": [{ "reference": format!("Organization/{}", practice_id(number % practices)) }],
    })
}

/// Returns the diagnosis of a person: confirmed, or refuted.
pub(crate) fn condition(person: usize, recorded: &str, verified: &str) -> Value {
    let coding = |system: &str, code: &str| json!([{ "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }]);
    json!({
        "resourceType": "Condition", "id": format!("condition-{person}"), "recordedDate": recorded,
        "verificationStatus": { "coding": coding("condition-ver-status", verified) },
        "category": [{ "coding": coding("condition-category", "problem-list-item") }],
        "code": { "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DJ449" }] },
        "subject": { "reference": format!("Patient/person-{person}") },
    })
}

fn subscription(number: usize, endpoint: &str, filter: Option<&str>, max_count: u32) -> Value {
    let extension = |name: &str| {
        format!("http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-{name}")
    };
    let mut subscription = json!({
        "resourceType": "Subscription", "id": format!("s-{number}"), "status": "requested", "reason": "Rights that change",
        "criteria": "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status",
        "channel": { "type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json" },
    });
    if max_count > 1 {
        subscription["channel"]["extension"] =
            json!([{ "url": extension("max-count"), "valuePositiveInt": max_count }]);
    }
    if let Some(filter) = filter {
        subscription["_criteria"] = json!({ "extension": [{ "url": extension("filter-criteria"), "valueString": filter }] });
    }
    subscription
}
