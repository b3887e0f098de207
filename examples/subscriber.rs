//! A subscriber to start from: it is told of every change of a right, and misses none.
//!
//! ```text
//! cargo run --example subscriber -- --server http://127.0.0.1:8080/fhir --filter 'Task?business-status=overdue'
//! ```
//!
//! It asks the server for a Subscription, and then for each notification
//! 1. checks the signature and its time (<https://www.standardwebhooks.com/>): whoever finds the address could write to it;
//! 2. answers at once, and works afterwards: a server that waits sends nothing further;
//! 3. does nothing twice: what comes again has the same number;
//! 4. sees by the numbers what it missed, and asks `$events` for it;
//! 5. remembers the number of the last event that it dealt with, in a file: after a stop it goes on from there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Router, serve};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const TOPIC: &str = "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status";
const BACKPORT: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";
/// How far the time of a message may be from this machine's clock.
const TOLERANCE: Duration = Duration::from_secs(300);
/// How many messages may wait to be worked on. One more is answered with 503: the server sends it again.
const WAITING_MAX: usize = 1_000;
/// The pause before `$events` is asked again after it was not answered.
const PAUSE: Duration = Duration::from_secs(1);

type Problem = Box<dyn std::error::Error + Send + Sync>;

/// Receives notifications of changes of rights.
#[derive(Parser)]
struct Options {
    /// The base of the FHIR server.
    #[arg(long, default_value = "http://127.0.0.1:8080/fhir")]
    server: String,
    /// The id of the Subscription; it is created if it is not there.
    #[arg(long, default_value = "example")]
    subscription: String,
    /// What to be told of, such as Task?business-status=overdue; everything if it is not said.
    #[arg(long)]
    filter: Option<String>,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9090")]
    listen: String,
    /// The file that remembers the number of the last event.
    #[arg(long, default_value = "subscriber-last-event")]
    state: PathBuf,
    /// The server has a clock of its own (--clock): the time of a message is not held against this machine's.
    #[arg(long)]
    rehearsal: bool,
}

/// One event, as a notification or `$events` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number: they count up by one from 1.
    pub number: u64,
    /// Which Task changed.
    pub focus: String,
}

/// The other side: where to ask for what was missed.
#[derive(Clone)]
pub struct Server {
    /// The HTTP client.
    pub http: reqwest::Client,
    /// The address of the Subscription.
    pub subscription: String,
}

impl Server {
    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value, Problem> {
        let answer = request.header("accept", "application/fhir+json").send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    }

    /// Asks for the Subscription: off at first, so that the secret is known before the first message comes; answers the secret.
    async fn subscribe(&self, id: &str, endpoint: &str, filter: Option<&str>) -> Result<Vec<u8>, Problem> {
        let mut resource = json!({
            "resourceType": "Subscription", "id": id, "status": "off", "reason": "Changes of rights", "criteria": TOPIC,
            "channel": { "type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json",
                "_payload": { "extension": [{ "url": format!("{BACKPORT}/backport-payload-content"), "valueCode": "id-only" }] } } });
        if let Some(filter) = filter {
            resource["_criteria"] =
                json!({ "extension": [{ "url": format!("{BACKPORT}/backport-filter-criteria"), "valueString": filter }] });
        }
        let put = |resource: &Value| {
            let request = self.http.put(&self.subscription).header("content-type", "application/fhir+json");
            self.ask(request.body(resource.to_string()))
        };
        if self.http.get(&self.subscription).send().await?.status() != reqwest::StatusCode::OK {
            put(&resource).await?;
        }
        let told = self.ask(self.http.get(format!("{}/$webhook-secret", self.subscription))).await?;
        let secret = told["parameter"][0]["valueString"].as_str().and_then(|secret| secret.strip_prefix("whsec_")).unwrap_or_default();
        resource["status"] = "requested".into();
        put(&resource).await?;
        Ok(STANDARD.decode(secret)?)
    }

    /// The events from one number to another; to the last one if none is said. They come in pages.
    async fn events(&self, since: u64, until: Option<u64>) -> Result<Vec<Event>, Problem> {
        let mut found: Vec<Event> = Vec::new();
        loop {
            let since = found.last().map_or(since, |event| event.number + 1);
            let until_text = until.map(|until| format!("&eventsUntilNumber={until}")).unwrap_or_default();
            let address = format!("{}/$events?eventsSinceNumber={since}&content=id-only{until_text}", self.subscription);
            let page = events_in(&self.ask(self.http.get(address)).await?);
            let is_last = page.is_empty() || until.is_some_and(|until| page.last().is_some_and(|event| event.number >= until));
            found.extend(page);
            if is_last {
                return Ok(found);
            }
        }
    }
}

/// The parameters that lead a notification.
fn parameters(bundle: &Value) -> impl Iterator<Item = &Value> {
    bundle["entry"][0]["resource"]["parameter"].as_array().into_iter().flatten()
}

/// The events in a notification.
fn events_in(bundle: &Value) -> Vec<Event> {
    let events = parameters(bundle).filter(|parameter| parameter["name"] == "notification-event");
    let part = |event: &Value, name: &str| event["part"].as_array().into_iter().flatten().find(|part| part["name"] == name).cloned();
    let read = |event: &Value| {
        let number = part(event, "event-number")?["valueString"].as_str()?.parse().ok()?;
        let focus = part(event, "focus").and_then(|focus| Some(focus["valueReference"]["reference"].as_str()?.to_owned()));
        Some(Event { number, focus: focus.unwrap_or_default() })
    };
    events.filter_map(read).collect()
}

/// Who receives: what signatures are checked with, and where messages wait to be worked on.
#[derive(Clone)]
pub struct Receiver {
    /// The secret, without `whsec_` and decoded.
    pub secret: Arc<Vec<u8>>,
    /// True if the time of a message is not held against this machine's clock.
    pub is_rehearsal: bool,
    /// Where messages wait.
    pub waiting: mpsc::Sender<Vec<Event>>,
}

/// The endpoint.
pub fn endpoint(receiver: Receiver) -> Router {
    Router::new().route("/", post(receive)).layer(DefaultBodyLimit::max(32 * 1024 * 1024)).with_state(receiver)
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !is_signed(&receiver, &headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(bundle) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    // A handshake or a heartbeat has no events, and wants the answer only.
    match events_in(&bundle) {
        events if events.is_empty() => StatusCode::OK,
        events => receiver.waiting.try_send(events).map_or(StatusCode::SERVICE_UNAVAILABLE, |()| StatusCode::OK),
    }
}

/// True if the server signed this message, a moment ago.
fn is_signed(receiver: &Receiver, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, sent) = (header("webhook-id"), header("webhook-timestamp"));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let is_now = sent.parse::<u64>().is_ok_and(|sent| sent.abs_diff(now) <= TOLERANCE.as_secs());
    let signatures = header("webhook-signature").split(' ').filter_map(|one| one.strip_prefix("v1,"));
    let is_right = |signature: &str| {
        let (Ok(mut mac), Ok(signature)) = (Hmac::<Sha256>::new_from_slice(&receiver.secret), STANDARD.decode(signature)) else {
            return false;
        };
        mac.update(format!("{id}.{sent}.").as_bytes());
        mac.update(body);
        // Compared in a time that tells nothing.
        mac.verify_slice(&signature).is_ok()
    };
    (is_now || receiver.is_rehearsal) && signatures.into_iter().any(is_right)
}

/// Works on what waits, until nobody sends any more. `deal_with` gets each event once and in order; it should be safe to repeat, since a stop may come
/// between it and the file.
pub async fn work(
    server: Server,
    state: PathBuf,
    mut waiting: mpsc::Receiver<Vec<Event>>,
    mut deal_with: impl FnMut(&Event),
) -> Result<(), Problem> {
    let mut last = last_event(&state)?;
    let mut done = |event: &Event| {
        deal_with(event);
        remember(&state, event.number).map(|()| event.number)
    };
    // What came while this was not running, or was answered and then forgotten by a stop.
    for event in missed(&server, last + 1, None).await? {
        last = done(&event)?;
    }
    while let Some(events) = waiting.recv().await {
        for event in events {
            if event.number > last + 1 {
                eprintln!("events {} to {} did not come: asking for them", last + 1, event.number - 1);
                for event in missed(&server, last + 1, Some(event.number - 1)).await? {
                    last = done(&event)?;
                }
            }
            // Otherwise it came before.
            if event.number == last + 1 {
                last = done(&event)?;
            }
        }
    }
    Ok(())
}

/// The events that were missed, however long it takes to learn them.
async fn missed(server: &Server, since: u64, until: Option<u64>) -> Result<Vec<Event>, Problem> {
    loop {
        match server.events(since, until).await {
            Ok(events) => return Ok(events),
            // Asking again would not help: what is so old is in the history of the Tasks alone. Read it, and write the number into the file.
            Err(problem) if refuses(&problem) => return Err(format!("events from {since} on are not to be had: {problem}").into()),
            Err(problem) => eprintln!("$events could not be read, and is asked again: {problem}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn refuses(problem: &Problem) -> bool {
    problem.downcast_ref::<reqwest::Error>().and_then(reqwest::Error::status).is_some_and(|status| status.is_client_error())
}

/// The number in the file; 0 if there is no file yet.
fn last_event(state: &Path) -> Result<u64, Problem> {
    match std::fs::read_to_string(state) {
        Ok(text) => Ok(text.trim().parse()?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Writes the number beside the file and puts it in its place, so that there is always a whole one.
fn remember(state: &Path, number: u64) -> Result<(), Problem> {
    let beside = state.with_extension("new");
    std::fs::write(&beside, number.to_string())?;
    std::fs::rename(&beside, state)?;
    Ok(())
}

/// One line for the log: which Task, nobody's name.
fn line(event: &Event) -> String {
    let mut line = format!("event {}", event.number);
    if let Some((_, id)) = event.focus.rsplit_once('/') {
        let _ = write!(line, ": Task/{id}");
    }
    line
}

#[tokio::main(flavor = "current_thread")]
#[allow(dead_code, reason = "the tests have a main function of their own")]
async fn main() -> Result<(), Problem> {
    let options = Options::parse();
    // The client is built with TLS, and wants to know whose.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind(&options.listen).await?;
    let subscription = format!("{}/Subscription/{}", options.server.trim_end_matches('/'), options.subscription);
    let server = Server { http: reqwest::Client::new(), subscription };
    let address = format!("http://{}/", listener.local_addr()?);
    let secret = server.subscribe(&options.subscription, &address, options.filter.as_deref()).await?;
    let (sender, waiting) = mpsc::channel(WAITING_MAX);
    let receiver = Receiver { secret: Arc::new(secret), is_rehearsal: options.rehearsal, waiting: sender };
    println!("listening for {} at {address}", server.subscription);
    let working = work(server, options.state, waiting, |event| println!("{}", line(event)));
    tokio::select! {
        ended = serve(listener, endpoint(receiver)) => ended?,
        ended = working => ended?,
    }
    Ok(())
}
