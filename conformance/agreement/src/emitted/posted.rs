//! The messages that subscribers get unasked: those that are posted to an endpoint, and those that
//! come over a websocket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::Message;

use super::requests::{condition, patient};
use super::server::Server;

/// Longer than a message takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The contents that a message can have.
const CONTENTS: &[&str] = &["empty", "id-only", "full-resource"];
/// The path of an endpoint that acknowledges nothing.
const REFUSING: &str = "refusing";

/// Subscribes in every way, makes something happen, and hands on a name and each message.
pub(crate) fn collect(server: &Server, mut take: impl FnMut(&str, &str)) -> Result<(), String> {
    let (endpoint, messages) = listen().map_err(|error| format!("no endpoint: {error}"))?;
    for content in CONTENTS {
        put(
            server,
            &subscription(
                content,
                &json!({ "type": "rest-hook", "endpoint": format!("{endpoint}/{content}") }),
                content,
            ),
        )?;
        put(
            server,
            &subscription(
                &format!("listened-{content}"),
                &json!({ "type": "websocket" }),
                content,
            ),
        )?;
    }
    put(
        server,
        &subscription(
            REFUSING,
            &json!({ "type": "rest-hook", "endpoint": format!("{endpoint}/{REFUSING}") }),
            "id-only",
        ),
    )?;
    let mut missing: Vec<String> = CONTENTS
        .iter()
        .flat_map(|content| ["handshake", "heartbeat"].map(|kind| format!("{content}/{kind}")))
        .collect();
    missing.push(format!("{REFUSING}/handshake"));
    await_all(&messages, missing, &mut take)?;
    let mut websocket = bind(server)?;
    for _ in CONTENTS {
        hear(&mut websocket, "handshake", &mut take)?;
    }
    let mut person = patient();
    (person["id"], person["identifier"][0]["value"]) = (json!("notified"), json!("0703579001"));
    let mut diagnosis = condition("notified", "2033-02-20");
    diagnosis["subject"]["reference"] = json!("Patient/notified");
    put(server, &person)?;
    put(server, &diagnosis)?;
    await_all(
        &messages,
        CONTENTS
            .iter()
            .map(|content| format!("{content}/event-notification"))
            .collect(),
        &mut take,
    )?;
    for _ in CONTENTS {
        hear(&mut websocket, "event-notification", &mut take)?;
    }
    for id in CONTENTS.iter().chain([&REFUSING]) {
        for (what, path) in [
            ("subscription", format!("/Subscription/{id}")),
            ("status", format!("/Subscription/{id}/$status")),
        ] {
            take(
                &format!("notification/{id}/{what}"),
                &server.ask("GET", &path, &[], "")?.body,
            );
        }
    }
    Ok(())
}

/// Makes a Subscription with a heartbeat, as its profile has it.
fn subscription(id: &str, channel: &Value, content: &str) -> Value {
    let guide = |name: &str| {
        format!("http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/{name}")
    };
    let mut subscription = json!({ "resourceType": "Subscription", "id": id, "meta": { "profile": [guide("backport-subscription")] },
        "status": "requested", "reason": "To be told", "end": "2040-01-01T00:00:00Z", "criteria": "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status",
        "_criteria": { "extension": [{ "url": guide("backport-filter-criteria"), "valueString": "Task?patient=Patient/notified" }] },
        "channel": channel });
    let channel = &mut subscription["channel"];
    channel["payload"] = json!("application/fhir+json");
    channel["_payload"] = json!({ "extension": [{ "url": guide("backport-payload-content"), "valueCode": content }] });
    channel["extension"] = json!([{ "url": guide("backport-heartbeat-period"), "valueUnsignedInt": 1 },
        { "url": guide("backport-timeout"), "valueUnsignedInt": 60 }, { "url": guide("backport-max-count"), "valuePositiveInt": 10 }]);
    subscription
}

fn put(server: &Server, resource: &Value) -> Result<(), String> {
    let path = format!(
        "/{}/{}",
        resource["resourceType"].as_str().unwrap_or_default(),
        resource["id"].as_str().unwrap_or_default()
    );
    let answer = server.ask("PUT", &path, &[], &resource.to_string())?;
    if answer.status == 201 {
        Ok(())
    } else {
        Err(format!("PUT {path}: {} {}", answer.status, answer.body))
    }
}

/// Returns the type of a notification; empty if it is none.
fn kind(bundle: &Value) -> String {
    let mut parameters = bundle["entry"][0]["resource"]["parameter"]
        .as_array()
        .into_iter()
        .flatten();
    parameters
        .find(|parameter| parameter["name"] == "type")
        .and_then(|parameter| parameter["valueCode"].as_str())
        .unwrap_or_default()
        .to_owned()
}

/// Waits until these messages came; hands on the first of each. What else comes is passed over.
fn await_all(
    messages: &Receiver<(String, String)>,
    mut missing: Vec<String>,
    take: &mut impl FnMut(&str, &str),
) -> Result<(), String> {
    let began = Instant::now();
    while !missing.is_empty() {
        let left = PATIENCE.saturating_sub(began.elapsed());
        let (path, body) = messages
            .recv_timeout(left)
            .map_err(|_| format!("these messages did not come: {}", missing.join(", ")))?;
        let bundle: Value =
            serde_json::from_str(&body).map_err(|error| format!("{path}: {error}"))?;
        let name = format!("{path}/{}", kind(&bundle));
        if let Some(at) = missing.iter().position(|missing| *missing == name) {
            missing.remove(at);
            take(&format!("notification/{name}"), &body);
        }
    }
    Ok(())
}

/// Makes an endpoint on this machine: its address, and path and body of what comes.
fn listen() -> std::io::Result<(String, Receiver<(String, String)>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (address, (tell, received)) = (format!("http://{}", listener.local_addr()?), channel());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tell = tell.clone();
            // A connection that breaks is the server's end.
            thread::spawn(move || drop(serve(stream, &tell)));
        }
    });
    Ok((address, received))
}

fn serve(stream: TcpStream, tell: &Sender<(String, String)>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let path = first
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .trim_start_matches('/')
            .to_owned();
        let status = if path == REFUSING {
            "500 Internal Server Error"
        } else {
            "200 OK"
        };
        let _ = tell.send((path, String::from_utf8_lossy(&body).into_owned()));
        reader
            .get_mut()
            .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes())?;
    }
}

type Websocket = tungstenite::WebSocket<TcpStream>;

/// Makes a websocket that listens to all subscriptions that have one.
fn bind(server: &Server) -> Result<Websocket, String> {
    let ids: Vec<_> = CONTENTS
        .iter()
        .map(|content| format!("id=listened-{content}"))
        .collect();
    let answer = server.ask(
        "GET",
        &format!("/Subscription/$get-ws-binding-token?{}", ids.join("&")),
        &[],
        "",
    )?;
    let told: Value = serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
    let parameter = |name: &str, member: &str| {
        let mut parameters = told["parameter"].as_array().into_iter().flatten();
        let found = parameters
            .find(|parameter| parameter["name"] == name)
            .and_then(|parameter| parameter[member].as_str());
        found
            .map(str::to_owned)
            .ok_or_else(|| format!("no {name} in {}", answer.body))
    };
    let failed = |error: &dyn std::fmt::Display| format!("no websocket: {error}");
    let stream = TcpStream::connect(server.address()).map_err(|error| failed(&error))?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(|error| failed(&error))?;
    let (mut websocket, _) = tungstenite::client(parameter("websocket-url", "valueUrl")?, stream)
        .map_err(|error| failed(&error))?;
    let text = format!("bind-with-token {}", parameter("token", "valueString")?);
    websocket
        .send(Message::text(text))
        .map_err(|error| failed(&error))?;
    Ok(websocket)
}

/// Returns the next message of that type; heartbeats come in between.
fn hear(
    websocket: &mut Websocket,
    expected: &str,
    take: &mut impl FnMut(&str, &str),
) -> Result<(), String> {
    loop {
        let Message::Text(text) = websocket
            .read()
            .map_err(|error| format!("no {expected} came over the websocket: {error}"))?
        else {
            continue;
        };
        let bundle: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        if kind(&bundle) == expected {
            let subscription =
                bundle["entry"][0]["resource"]["parameter"][0]["valueReference"]["reference"]
                    .as_str()
                    .unwrap_or_default();
            let id = subscription.rsplit('/').next().unwrap_or_default();
            take(&format!("notification/{id}/{expected}"), &text);
            return Ok(());
        }
    }
}
