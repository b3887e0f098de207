//! Listening over a websocket, with a real client on a connection in memory whose buffers are small
//! and whose time is the test's.

mod ends;
mod tokens;

use std::sync::Arc;

use frist::fhir::Id;
use frist::subscriptions::notification::bundle_id;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::shape;
use crate::support::facade::{BASE, Facade};
use crate::support::people::{copd, patient, practice};

const NOW: &str = "2027-03-01T09:00:00+01:00";
/// The address at which clients listen, as the server tells it.
const URL: &str = "ws://frist.test/fhir/_websocket";
/// The unread bytes that the connection holds.
const BUFFER_BYTES: usize = 4 * 1024;

type Client = WebSocketStream<DuplexStream>;

fn subscription(id: &str, content: &str) -> Value {
    json!({
        "resourceType": "Subscription", "id": id, "status": "requested", "reason": "Prøve",
        "criteria": "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status",
        "channel": {
            "type": "websocket", "payload": "application/fhir+json",
            "_payload": { "extension": [{
                "url": "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content",
                "valueCode": content
            }] }
        }
    })
}

/// Makes a server with a practice, one person, and the websocket subscription `s`.
fn clinic() -> Arc<Facade> {
    let facade = Facade::at(NOW);
    for resource in [practice("gp"), patient("p"), subscription("s", "id-only")] {
        facade.put_ok(&resource);
    }
    Arc::new(facade)
}

/// Returns the diagnosis of a person who has none yet.
fn diagnosis_of_another(facade: &Facade, number: usize) -> Value {
    let person = format!("p{number}");
    facade.put_ok(&patient(&person));
    copd(&format!("c{number}"), &person, "2027-02-20")
}

/// Runs a conversation in a time that passes when everybody waits.
fn converse(conversation: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(conversation);
}

/// Does something to the server as another client would.
async fn elsewhere<T: Send + 'static>(
    facade: &Arc<Facade>,
    work: impl FnOnce(&Facade) -> T + Send + 'static,
) -> T {
    let facade = Arc::clone(facade);
    tokio::task::spawn_blocking(move || work(&facade))
        .await
        .unwrap()
}

async fn connect_with(facade: &Facade, origin: Option<&'static str>) -> Result<Client, Error> {
    let (near, far) = tokio::io::duplex(BUFFER_BYTES);
    let service = TowerToHyperService::new(facade.router());
    tokio::spawn(async move {
        let _ = auto::Builder::new(TokioExecutor::new())
            .serve_connection_with_upgrades(TokioIo::new(far), service)
            .await;
    });
    let mut request = URL.into_client_request().unwrap();
    if let Some(origin) = origin {
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
    }
    client_async(request, near).await.map(|(client, _)| client)
}

async fn connect(facade: &Facade) -> Client {
    connect_with(facade, None).await.unwrap()
}

async fn token(facade: &Arc<Facade>, path: &'static str) -> String {
    let reply = elsewhere(facade, move |facade| facade.get(path)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let parameters = reply.json()["parameter"].as_array().unwrap().clone();
    parameters
        .iter()
        .find(|parameter| parameter["name"] == "token")
        .unwrap()["valueString"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn say(client: &mut Client, text: impl Into<String>) {
    client.send(Message::text(text.into())).await.unwrap();
}

/// Makes a client that listens to `s`, after its handshake.
async fn bound(facade: &Arc<Facade>) -> Client {
    let mut client = connect(facade).await;
    say(
        &mut client,
        format!(
            "bind-with-token {}",
            token(facade, "Subscription/s/$get-ws-binding-token").await
        ),
    )
    .await;
    assert_eq!(kind(&hear(&mut client).await), "handshake");
    client
}

/// Returns the next Bundle, which is as the guide has it.
async fn hear(client: &mut Client) -> Value {
    loop {
        match client.next().await {
            Some(Ok(Message::Text(text))) => {
                let bundle = serde_json::from_str(&text).unwrap();
                assert_eq!(shape::unfit_notification(&bundle), [""; 0], "{bundle:#}");
                return bundle;
            }
            Some(Ok(Message::Ping(_))) => {}
            other => panic!("expected a Bundle, found {other:?}"),
        }
    }
}

/// Returns the code and reason with which the server closes.
async fn hear_end(client: &mut Client) -> (u16, String) {
    loop {
        match client.next().await {
            Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                return (code.into(), reason.to_string());
            }
            Some(Ok(Message::Ping(_))) => {}
            other => panic!("expected the end, found {other:?}"),
        }
    }
}

/// Returns a part of the status that leads a Bundle.
fn said<'a>(bundle: &'a Value, name: &str) -> &'a Value {
    let parameters = bundle["entry"][0]["resource"]["parameter"]
        .as_array()
        .unwrap();
    parameters
        .iter()
        .find(|parameter| parameter["name"] == name)
        .unwrap_or(&Value::Null)
}

fn kind(bundle: &Value) -> &str {
    said(bundle, "type")["valueCode"].as_str().unwrap()
}

fn since_start(bundle: &Value) -> &str {
    said(bundle, "events-since-subscription-start")["valueString"]
        .as_str()
        .unwrap()
}

fn number(bundle: &Value) -> u64 {
    assert_eq!(kind(bundle), "event-notification");
    said(bundle, "notification-event")["part"][0]["valueString"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Checks the first event of the Subscription `s`: it names a Task, and tells nothing of the person.
fn check_first_event(first: &Value) {
    // The same message, under the same id, as a rest-hook has.
    let id = Id::parse("s").unwrap();
    assert_eq!(first["id"], bundle_id(BASE, &id, 1, 1, 1).to_string());
    let focus = said(first, "notification-event")["part"]
        .as_array()
        .unwrap()
        .iter()
        .find(|part| part["name"] == "focus")
        .unwrap()
        .clone();
    let task = focus["valueReference"]["reference"]
        .as_str()
        .unwrap()
        .strip_prefix(BASE)
        .unwrap()
        .to_owned();
    assert!(task.starts_with("/Task/"), "{task}");
    assert_eq!(
        first["entry"][1]["resource"],
        Value::Null,
        "nothing of the person"
    );
}

#[test]
fn a_listener_hears_a_handshake_and_then_each_event() {
    let facade = clinic();
    converse(async {
        let mut client = connect(&facade).await;
        say(
            &mut client,
            format!(
                "bind-with-token {}",
                token(&facade, "Subscription/s/$get-ws-binding-token").await
            ),
        )
        .await;
        let handshake = hear(&mut client).await;
        assert_eq!(
            (
                kind(&handshake),
                since_start(&handshake),
                &handshake["type"]
            ),
            ("handshake", "0", &json!("history"))
        );
        elsewhere(&facade, |facade| {
            facade.put_ok(&copd("c", "p", "2027-02-01"))
        })
        .await;
        let first = hear(&mut client).await;
        assert_eq!(
            (
                number(&first),
                since_start(&first),
                said(&first, "status")["valueCode"].as_str()
            ),
            (1, "1", Some("active"))
        );
        check_first_event(&first);
        // The calendar's changes too.
        let written = elsewhere(&facade, |facade| {
            facade.advance("2027-03-10T00:00:00+01:00")
        })
        .await;
        assert!(written > 0);
        let mut numbers = vec![number(&hear(&mut client).await)];
        let written = elsewhere(&facade, |facade| {
            facade.advance("2027-04-10T00:00:00+02:00")
        })
        .await;
        if written > 0 {
            numbers.push(number(&hear(&mut client).await));
        }
        assert!(
            numbers.iter().copied().eq(2..2 + numbers.len() as u64),
            "{numbers:?}"
        );
    });
}

#[test]
fn who_comes_later_learns_by_the_number_what_was_missed() {
    let facade = clinic();
    converse(async {
        elsewhere(&facade, |facade| {
            facade.put_ok(&copd("c", "p", "2027-02-20"))
        })
        .await;
        let mut client = connect(&facade).await;
        let token = token(&facade, "Subscription/$get-ws-binding-token?id=s").await;
        say(&mut client, format!("bind-with-token: {token}")).await;
        let handshake = hear(&mut client).await;
        assert_eq!(
            (kind(&handshake), since_start(&handshake)),
            ("handshake", "1")
        );
        elsewhere(&facade, |facade| {
            facade.send("DELETE", "Condition/c", &[], axum::body::Body::empty())
        })
        .await;
        elsewhere(&facade, |facade| {
            facade.put_ok(&copd("d", "p", "2027-02-21"))
        })
        .await;
        assert!(
            number(&hear(&mut client).await) == 2,
            "what was missed is not told again"
        );
    });
}

#[test]
fn one_websocket_listens_to_several_subscriptions() {
    let facade = clinic();
    converse(async {
        elsewhere(&facade, |facade| {
            facade.put_ok(&subscription("t", "full-resource"))
        })
        .await;
        let mut client = bound(&facade).await;
        say(
            &mut client,
            format!(
                "bind-with-token {}",
                token(&facade, "Subscription/$get-ws-binding-token?id=t&id=s").await
            ),
        )
        .await;
        let handshake = hear(&mut client).await;
        let of = |bundle: &Value| {
            said(bundle, "subscription")["valueReference"]["reference"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            (kind(&handshake), of(&handshake)),
            ("handshake", format!("{BASE}/Subscription/t"))
        );
        elsewhere(&facade, |facade| {
            facade.put_ok(&copd("c", "p", "2027-02-20"))
        })
        .await;
        let (first, second) = (hear(&mut client).await, hear(&mut client).await);
        let mut told = [of(&first), of(&second)];
        told.sort();
        assert_eq!(
            told,
            [
                format!("{BASE}/Subscription/s"),
                format!("{BASE}/Subscription/t")
            ]
        );
        let full = if of(&first).ends_with("/t") {
            first
        } else {
            second
        };
        assert_eq!(full["entry"][1]["resource"]["resourceType"], "Task");
    });
}

#[test]
fn a_listener_hears_that_nothing_happens_if_it_wants_to() {
    let facade = clinic();
    converse(async {
        let mut subscription = subscription("s", "id-only");
        subscription["channel"]["extension"] = json!([{
            "url": "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-heartbeat-period", "valueUnsignedInt": 20
        }]);
        elsewhere(&facade, move |facade| facade.put_ok(&subscription)).await;
        let mut client = bound(&facade).await;
        let begun = tokio::time::Instant::now();
        for beat in 1..=6 {
            let heartbeat = hear(&mut client).await;
            assert_eq!(
                (kind(&heartbeat), since_start(&heartbeat)),
                ("heartbeat", "0")
            );
            assert!(begun.elapsed().as_secs() >= 20 * beat);
        }
    });
}
