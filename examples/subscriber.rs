//! A subscriber to start from: it receives every change of a right, and misses none.
//!
//! ```text
//! cargo run --example subscriber -- --server http://127.0.0.1:8080/fhir --filter 'Task?business-status=overdue'
//! ```
//!
//! It asks the server for a Subscription, and then
//! 1. checks the signature of each message and its time (<https://www.standardwebhooks.com/>):
//!    anyone who finds the address could write to it;
//! 2. answers at once, and works afterwards: a server that waits sends nothing further;
//! 3. does nothing twice: an event that comes again has the same number;
//! 4. sees by the numbers what it missed, and asks `$events` for it;
//! 5. keeps the number of the last event that it dealt with in a file: after a stop, at whatever
//!    moment, it goes on from there;
//! 6. asks `$status` now and then: whether the last events are missing, which no later number
//!    shows, and whether the Subscription is in error.
//!
//! Put your own work with an event into [`deal_with`].

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Router, serve};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{RequestBuilder, Url};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const TOPIC: &str = "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status";
const BACKPORT: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";
/// The greatest difference between the time of a message and this machine's clock.
const TOLERANCE_SECONDS: u64 = 300;
/// The most messages that wait to be worked on. One more is answered with 503: the server sends it
/// again.
const WAITING_MAX: usize = 1_000;
/// The most bytes of a message.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The pause before the server is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest time that the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Receives notifications of changes of rights from a Frist server, prints a line for each event,
/// and misses none.
#[derive(Parser)]
#[command(name = "subscriber")]
struct Options {
    /// The base of the FHIR server; it need not be up yet
    #[arg(long, default_value = "http://127.0.0.1:8080/fhir")]
    server: Url,
    /// The id of the Subscription; it is created if it is not there
    #[arg(long, default_value = "example", value_parser = fhir_id)]
    subscription: String,
    /// The filter of events, such as 'Task?business-status=overdue'; without it, all events come
    #[arg(long)]
    filter: Option<String>,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:9090")]
    listen: SocketAddr,
    /// The address by which the server reaches this program, if it is another one (https, through
    /// a proxy) than that of --listen
    #[arg(long)]
    endpoint: Option<Url>,
    /// The file that keeps the number of the last event that was dealt with
    #[arg(long, default_value = "subscriber-state.json")]
    state: PathBuf,
    /// The seconds between two queries for the status of the Subscription
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    look_every: u64,
    /// Ignore the difference between the time of a message and this machine's clock: for a server
    /// with a clock of its own (--clock)
    #[arg(long)]
    rehearsal: bool,
}

fn fhir_id(text: &str) -> Result<String, &'static str> {
    let is_id = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    if is_id {
        Ok(text.to_owned())
    } else {
        Err("expected up to 64 letters, digits, '-' and '.'")
    }
}

/// Deals with an event. Put your own work here: for example, read the Task and call the practice.
///
/// It is called for each event, in order and once. If the program is killed after it and before the
/// number is in the file, it is called once more after the start: do only work that may be done
/// twice, or write the number in the same transaction as the results of your work.
fn deal_with(event: &Event) {
    say(&format!(
        "event {}: {} at {}",
        event.number, event.focus, event.at
    ));
}

/// Writes a line to the standard output; if nobody reads it any more, that is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes a line to the standard error.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// An event, as a notification or `$events` tells it.
struct Event {
    /// Its number: they count up by one from 1.
    number: u64,
    /// The instant of the change.
    at: String,
    /// The Task that changed, as `Task/7`: no name and no CPR number.
    focus: String,
}

/// A notification, or an answer to `$events` or `$status`: a Bundle that begins with a Parameters
/// resource.
struct Message {
    /// `handshake`, `event-notification`, `heartbeat`, `query-status` or `query-event`.
    kind: String,
    /// The status of the Subscription: `requested`, `active`, `error` or `off`.
    status: String,
    /// The error of the Subscription, if it has one.
    error: String,
    /// The number of its last event, whether or not it is in this message.
    count: u64,
    events: Vec<Event>,
}

impl Message {
    /// Reads a message; none if it is something else, rather than half of it.
    fn read(bundle: &Value) -> Option<Message> {
        let parameters = bundle["entry"][0]["resource"]["parameter"].as_array()?;
        let found = |name: &str| named(parameters, name);
        let events = parameters
            .iter()
            .filter(|parameter| parameter["name"] == "notification-event");
        Some(Message {
            kind: found("type")?["valueCode"].as_str()?.to_owned(),
            status: found("status")?["valueCode"].as_str()?.to_owned(),
            error: found("error")
                .and_then(|error| error["valueCodeableConcept"]["text"].as_str())
                .unwrap_or_default()
                .to_owned(),
            count: found("events-since-subscription-start")?["valueString"]
                .as_str()?
                .parse()
                .ok()?,
            events: events.map(Event::read).collect::<Option<_>>()?,
        })
    }
}

impl Event {
    fn read(parameter: &Value) -> Option<Event> {
        let part = |name: &str| named(parameter["part"].as_array()?, name);
        let focus = part("focus")
            .and_then(|focus| focus["valueReference"]["reference"].as_str())
            .unwrap_or_default();
        // The last two steps of the address: type and id.
        let from = focus.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
        Some(Event {
            number: part("event-number")?["valueString"]
                .as_str()?
                .parse()
                .ok()?,
            at: part("timestamp")
                .and_then(|at| at["valueInstant"].as_str())
                .unwrap_or_default()
                .to_owned(),
            focus: focus[from..].to_owned(),
        })
    }
}

fn named<'a>(parameters: &'a [Value], name: &str) -> Option<&'a Value> {
    parameters
        .iter()
        .find(|parameter| parameter["name"] == name)
}

/// The reason why the server did not answer a request.
enum Problem {
    /// It may do so in a while.
    Later(String),
    /// It will not, however often it is asked.
    Never(String),
}

/// The other side.
struct Server {
    http: reqwest::Client,
    /// The address of the Subscription.
    subscription: String,
}

impl Server {
    async fn ask(&self, request: RequestBuilder) -> Result<Value, Problem> {
        let later = |error: reqwest::Error| {
            Problem::Later(format!(
                "{} cannot be reached: {}",
                self.subscription,
                error.without_url()
            ))
        };
        let answer = request
            .header("accept", "application/fhir+json")
            .send()
            .await
            .map_err(later)?;
        let status = answer.status();
        let body = serde_json::from_slice::<Value>(&answer.bytes().await.map_err(later)?)
            .unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        // An OperationOutcome says in words what is wrong.
        let issues = body["issue"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|issue| issue["severity"] == "error");
        let texts: Vec<_> = issues
            .filter_map(|issue| {
                issue["details"]["text"]
                    .as_str()
                    .or(issue["diagnostics"].as_str())
            })
            .collect();
        let text = if texts.is_empty() {
            "is --server the base of a FHIR server?".to_owned()
        } else {
            texts.join("; ")
        };
        let text = format!("{} answered {status}: {text}", self.subscription);
        let comes_right = status.is_server_error() || [408, 409, 429].contains(&status.as_u16());
        Err(if comes_right {
            Problem::Later(text)
        } else {
            Problem::Never(text)
        })
    }

    async fn put(&self, subscription: &Value, status: &str) -> Result<Value, Problem> {
        let mut resource = subscription.clone();
        resource["status"] = status.into();
        self.ask(
            self.http
                .put(&self.subscription)
                .header("content-type", "application/fhir+json")
                .body(resource.to_string()),
        )
        .await
    }

    /// Returns the secret of the Subscription. A new one is off at first, so that its secret is
    /// known before the first message comes.
    async fn secret(&self, subscription: &Value) -> Result<Vec<u8>, Problem> {
        let told = match self
            .ask(
                self.http
                    .get(format!("{}/$webhook-secret", self.subscription)),
            )
            .await
        {
            // It is not there. If there is another reason, this tells.
            Err(Problem::Never(_)) => {
                self.put(subscription, "off").await?;
                self.ask(
                    self.http
                        .get(format!("{}/$webhook-secret", self.subscription)),
                )
                .await?
            }
            told => told?,
        };
        let secret = told["parameter"][0]["valueString"]
            .as_str()
            .and_then(|secret| secret.strip_prefix("whsec_"));
        let secret = secret
            .and_then(|secret| STANDARD.decode(secret).ok())
            .filter(|secret| !secret.is_empty());
        secret.ok_or_else(|| Problem::Never(format!("{} tells no secret", self.subscription)))
    }

    /// Fetches a Bundle that leads with a status, and the address where it goes on.
    async fn message(&self, address: &str) -> Result<(Message, Option<String>), Problem> {
        let bundle = self.ask(self.http.get(address)).await?;
        let message = Message::read(&bundle).ok_or_else(|| {
            Problem::Never(format!("{address} answered something else than a status"))
        })?;
        let mut links = bundle["link"].as_array().into_iter().flatten();
        let next = links
            .find(|link| link["relation"] == "next")
            .and_then(|link| link["url"].as_str());
        Ok((message, next.map(str::to_owned)))
    }
}

/// Asks until there is an answer, however long the server is away.
async fn patiently<T, F: Future<Output = Result<T, Problem>>>(
    ask: impl Fn() -> F,
) -> Result<T, String> {
    let mut told = String::new();
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(Problem::Never(text)) => return Err(text),
            Err(Problem::Later(text)) if text != told => {
                complain(&format!("{text}; asking again until it answers"));
                told = text;
            }
            Err(Problem::Later(_)) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The receiver of messages.
struct Receiver {
    /// The key that checks signatures.
    secret: Vec<u8>,
    is_rehearsal: bool,
    /// The queue of messages to be worked on.
    waiting: mpsc::Sender<Message>,
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    if let Err(why) = receiver.check_signature(&headers, &body) {
        complain(&format!("a message was refused: {why}"));
        return StatusCode::UNAUTHORIZED;
    }
    let Some(message) = serde_json::from_slice(&body)
        .ok()
        .as_ref()
        .and_then(Message::read)
    else {
        complain("a message was refused: this program does not know its form");
        return StatusCode::BAD_REQUEST;
    };
    if message.kind == "handshake" {
        say("handshake: the server knows this endpoint");
    }
    receiver
        .waiting
        .try_send(message)
        .map_or(StatusCode::SERVICE_UNAVAILABLE, |()| StatusCode::OK)
}

impl Receiver {
    /// Checks that the server signed this message a moment ago. There may be several signatures, as
    /// while a secret is changed: one must be right.
    fn check_signature(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), &'static str> {
        let header = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .ok_or("it is not signed")
        };
        let (id, sent, signatures) = (
            header("webhook-id")?,
            header("webhook-timestamp")?,
            header("webhook-signature")?,
        );
        let is_right = |signature: &str| {
            let signature = STANDARD.decode(signature).ok()?;
            let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
            mac.update(format!("{id}.{sent}.").as_bytes());
            mac.update(body);
            // Compared in constant time.
            mac.verify_slice(&signature).ok()
        };
        if !signatures
            .split(' ')
            .filter_map(|one| one.strip_prefix("v1,"))
            .any(|one| is_right(one).is_some())
        {
            return Err("its signature is not that of the server");
        }
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let is_now = sent
            .parse::<u64>()
            .is_ok_and(|sent| sent.abs_diff(now) <= TOLERANCE_SECONDS);
        if is_now || self.is_rehearsal {
            return Ok(());
        }
        Err(
            "its time is more than five minutes from this machine's (is the server started with --clock? then --rehearsal helps)",
        )
    }
}

/// The progress of the work, in a file.
struct Progress {
    file: PathBuf,
    /// The Subscription that the number belongs to: one that is created again under the same id has
    /// another secret, and counts from 1 again.
    of: String,
    /// The number of the last event that was dealt with.
    last: u64,
}

impl Progress {
    fn open(file: PathBuf, secret: &[u8]) -> Result<Self, String> {
        let of = STANDARD.encode(Sha256::digest(secret));
        let cannot = |why: &str| format!("{}: {why}", file.display());
        let last = match std::fs::read(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(cannot(&error.to_string())),
            Ok(bytes) => {
                let kept = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
                let last = kept["last"].as_u64().ok_or_else(|| {
                    cannot("expected what this program wrote, {\"last\": NUMBER, \"of\": …}")
                })?;
                if kept["of"] == of.as_str() { last } else { 0 }
            }
        };
        Ok(Progress { file, of, last })
    }

    /// Deals with the next event, and notes it: what was dealt with before is passed over.
    fn deal(&mut self, event: &Event) -> Result<(), String> {
        if event.number <= self.last {
            return Ok(());
        }
        if event.number > self.last + 1 {
            return Err(format!(
                "event {} is not available, although the server should keep it",
                self.last + 1
            ));
        }
        deal_with(event);
        self.last = event.number;
        self.write()
            .map_err(|error| format!("{}: {error}", self.file.display()))
    }

    /// Beside the file, to the disk and then in its place, so that there is always a whole one.
    fn write(&self) -> std::io::Result<()> {
        let beside = self.file.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(
            json!({ "last": self.last, "of": self.of })
                .to_string()
                .as_bytes(),
        )?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.file)
    }
}

/// Works on what waits.
async fn work(
    server: &Server,
    mut progress: Progress,
    mut waiting: mpsc::Receiver<Message>,
) -> Result<(), String> {
    while let Some(message) = waiting.recv().await {
        for event in &message.events {
            catch_up(server, &mut progress, event.number.saturating_sub(1)).await?;
            progress.deal(event)?;
        }
        // A handshake, a heartbeat and `$status` tell how many there should be by now.
        if message.events.is_empty() {
            catch_up(server, &mut progress, message.count).await?;
        }
    }
    Ok(())
}

/// Asks for the events up to that number that did not come. The answer has pages.
async fn catch_up(server: &Server, progress: &mut Progress, until: u64) -> Result<(), String> {
    if progress.last >= until {
        return Ok(());
    }
    let first = progress.last + 1;
    let missing = if first == until {
        format!("event {until} is missing")
    } else {
        format!("events {first} to {until} are missing")
    };
    say(&format!("{missing}: asking for what was missed"));
    let asked = format!(
        "{}/$events?eventsSinceNumber={first}&eventsUntilNumber={until}&content=id-only",
        server.subscription
    );
    let mut next = Some(asked);
    while let Some(address) = next {
        // Refused (422) if that is too old to be kept: then it is in the history of the Tasks
        // alone. Read that, and set the number in the file.
        let (message, link) = patiently(|| server.message(&address)).await?;
        for event in &message.events {
            progress.deal(event)?;
        }
        next = link;
    }
    if progress.last < until {
        return Err(format!(
            "event {} is not available, although the server should keep it",
            progress.last + 1
        ));
    }
    Ok(())
}

/// Queries the status of the Subscription. Its numbers never go down; if they do, they count other
/// events than before.
async fn standing(server: &Server, count: &mut u64) -> Result<Message, String> {
    let address = format!("{}/$status", server.subscription);
    let (standing, _) = patiently(|| server.message(&address)).await?;
    if standing.count < *count {
        return Err(format!(
            "the server counts {} events of {}, after {count}: an older state of it was restored. What changed since then is in the Tasks: search them, \
             and start again without the file of --state",
            standing.count, server.subscription
        ));
    }
    *count = standing.count;
    Ok(standing)
}

/// Looks now and then how the Subscription stands. The server never takes it out of `error` by
/// itself, since who did not listen has to know; this one listens, and asks for it again: what
/// happened meanwhile follows.
async fn watch(
    server: &Server,
    subscription: &Value,
    every: Duration,
    mut count: u64,
    waiting: mpsc::Sender<Message>,
) -> Result<(), String> {
    let mut told = String::new();
    loop {
        let standing = standing(server, &mut count).await?;
        // The handshake is under way while it is `requested`: that is over in a moment.
        let pause = if standing.status == "requested" {
            PAUSE
        } else {
            every
        };
        if standing.status == "error" {
            complain(&format!(
                "the Subscription was in error ({}): asking for it again",
                standing.error
            ));
            patiently(|| server.put(subscription, "requested")).await?;
        } else if standing.status != "requested" && standing.status != told {
            say(&format!("the Subscription is {}", standing.status));
        }
        told.clone_from(&standing.status);
        if waiting.send(standing).await.is_err() {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
    }
}

async fn run(options: Options) -> Result<(), String> {
    // The client is built with TLS, and wants to know whose.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .map_err(|error| error.to_string())?;
    let base = options.server.as_str().trim_end_matches('/');
    let server = Server {
        http,
        subscription: format!("{base}/Subscription/{}", options.subscription),
    };
    let cannot_listen = |error: std::io::Error| format!("{}: {error}", options.listen);
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(cannot_listen)?;
    let local = listener.local_addr().map_err(cannot_listen)?;
    let endpoint = options
        .endpoint
        .map_or_else(|| format!("http://{local}/"), String::from);
    let mut subscription = json!({
        "resourceType": "Subscription", "id": options.subscription, "reason": "Changes of rights", "criteria": TOPIC,
        "channel": { "type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json",
            "_payload": { "extension": [{ "url": format!("{BACKPORT}/backport-payload-content"), "valueCode": "id-only" }] } } });
    if let Some(filter) = options.filter {
        subscription["_criteria"] = json!({ "extension": [{ "url": format!("{BACKPORT}/backport-filter-criteria"), "valueString": filter }] });
    }
    say(&format!("listening at {local} for {}", server.subscription));
    let secret = patiently(|| server.secret(&subscription)).await?;
    let mut progress = Progress::open(options.state, &secret)?;
    let (sender, waiting) = mpsc::channel(WAITING_MAX);
    let receiver = Arc::new(Receiver {
        secret,
        is_rehearsal: options.rehearsal,
        waiting: sender.clone(),
    });
    let endpoint = Router::new()
        .route("/", post(receive))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(receiver);
    let working = async {
        // What happened while this did not run; then it is ready for what happens from now on.
        let mut count = progress.last;
        let until = standing(&server, &mut count).await?.count;
        catch_up(&server, &mut progress, until).await?;
        patiently(|| server.put(&subscription, "requested")).await?;
        let every = Duration::from_secs(options.look_every);
        tokio::try_join!(
            work(&server, progress, waiting),
            watch(&server, &subscription, every, count, sender)
        )
    };
    tokio::select! {
        ended = serve(listener, endpoint) => ended.map_err(|error| error.to_string()),
        ended = working => ended.map(|_| ()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Options that cannot be understood end the program with 2.
    let options = Options::parse();
    if options.listen.ip().is_unspecified() && options.endpoint.is_none() {
        let text = "--listen at every address needs --endpoint: by which of them does the server reach this program?";
        Options::command()
            .error(ErrorKind::MissingRequiredArgument, text)
            .exit();
    }
    tokio::select! {
        ended = run(options) => match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(text) => {
                complain(&format!("error: {text}"));
                ExitCode::FAILURE
            }
        },
        _ = tokio::signal::ctrl_c() => ExitCode::SUCCESS,
    }
}
