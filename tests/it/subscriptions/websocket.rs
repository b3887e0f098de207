//! Listening over a websocket, with a real client on a connection in memory whose buffers are small
//! and whose time is the test's.

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

/// A server with a practice, one person, and the websocket subscription `s`.
fn clinic() -> Arc<Facade> {
    let facade = Facade::at(NOW);
    for resource in [practice("gp"), patient("p"), subscription("s", "id-only")] {
        facade.put_ok(&resource);
    }
    Arc::new(facade)
}

/// The diagnosis of a person who has none yet.
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

/// A client that listens to `s`, after its handshake.
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

/// The next Bundle, which is as the guide has it.
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

/// A part of the status that leads a Bundle.
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

#[test]
fn what_ends_a_subscription_ends_its_websocket() {
    let facade = clinic();
    converse(async {
        let mut client = bound(&facade).await;
        let mut off = subscription("s", "id-only");
        off["status"] = "off".into();
        elsewhere(&facade, move |facade| facade.put_ok(&off)).await;
        assert_eq!(
            hear_end(&mut client).await,
            (1000, "Subscription/s: the Subscription is off".to_owned())
        );

        elsewhere(&facade, |facade| {
            facade.put_ok(&subscription("s", "id-only"))
        })
        .await;
        let mut client = bound(&facade).await;
        elsewhere(&facade, |facade| {
            facade.send("DELETE", "Subscription/s", &[], axum::body::Body::empty())
        })
        .await;
        assert_eq!(
            hear_end(&mut client).await,
            (
                1000,
                "Subscription/s: the Subscription was deleted".to_owned()
            )
        );

        let mut ending = subscription("s", "id-only");
        ending["end"] = "2027-03-01T10:00:00+01:00".into();
        elsewhere(&facade, move |facade| facade.put_ok(&ending)).await;
        let mut client = bound(&facade).await;
        facade.set_clock("2027-03-01T10:00:00+01:00");
        assert_eq!(
            hear_end(&mut client).await,
            (
                1000,
                "Subscription/s: the Subscription has ended".to_owned()
            )
        );

        elsewhere(&facade, |facade| {
            facade.put_ok(&subscription("s", "id-only"))
        })
        .await;
        let mut client = bound(&facade).await;
        let leaving = facade.wire().leave();
        let ((), (code, _)) = tokio::join!(leaving, hear_end(&mut client));
        assert_eq!(code, 1001);
    });
}

#[test]
fn who_is_saying_something_at_the_end_learns_why_it_ends() {
    let facade = clinic();
    converse(async {
        let mut client = bound(&facade).await;
        elsewhere(&facade, |facade| {
            facade.send("DELETE", "Subscription/s", &[], axum::body::Body::empty())
        })
        .await;
        // The server has said its last word by then.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        client.send(Message::Ping("x".into())).await.unwrap();
        assert_eq!(
            hear_end(&mut client).await,
            (
                1000,
                "Subscription/s: the Subscription was deleted".to_owned()
            )
        );
    });
}

#[test]
fn a_listener_goes_on_through_what_is_written_until_the_channel_is_another() {
    let facade = clinic();
    converse(async {
        let mut client = bound(&facade).await;
        elsewhere(&facade, |facade| {
            facade.put_ok(&diagnosis_of_another(facade, 1))
        })
        .await;
        assert_eq!(number(&hear(&mut client).await), 1);
        // Written back with another telephone number, then asked for anew with other filters, and
        // then for more to be told.
        let changes: [fn(&mut Value); 3] = [
            |stored| stored["contact"] = json!([{ "system": "phone", "value": "1" }]),
            |stored| {
                let url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria";
                stored["_criteria"] = json!({ "extension": [{ "url": url, "valueString": "Task?code=treatment-plan" }] });
            },
            |stored| stored["channel"] = subscription("s", "full-resource")["channel"].clone(),
        ];
        for (number_before, change) in (1..).zip(changes) {
            let happened = elsewhere(&facade, move |facade| {
                let mut stored = facade.get("Subscription/s").json();
                change(&mut stored);
                facade.put_ok(&stored);
                facade.put_ok(&diagnosis_of_another(facade, number_before + 1));
            });
            happened.await;
            let event = hear(&mut client).await;
            assert_eq!(number(&event), number_before as u64 + 1);
            assert_eq!(
                event["entry"][1]["resource"].is_object(),
                number_before == 3
            );
        }
        let mut posted = subscription("s", "id-only");
        posted["channel"]["type"] = "rest-hook".into();
        posted["channel"]["endpoint"] = "https://ehr.test/hook".into();
        elsewhere(&facade, move |facade| facade.put_ok(&posted)).await;
        assert_eq!(
            hear_end(&mut client).await,
            (
                1000,
                "Subscription/s: the Subscription has another channel".to_owned()
            )
        );
    });
}

#[test]
fn a_token_is_good_once_for_a_minute_and_for_its_subscriptions() {
    let facade = clinic();
    converse(async {
        let good = token(&facade, "Subscription/s/$get-ws-binding-token").await;
        let mut client = connect(&facade).await;
        say(&mut client, format!("bind-with-token {good}")).await;
        hear(&mut client).await;
        for (is_old, later) in [
            (false, "2027-03-01T09:00:59+01:00"),
            (true, "2027-03-01T09:01:59+01:00"),
        ] {
            let mut other = connect(&facade).await;
            let token = if is_old {
                token(&facade, "Subscription/s/$get-ws-binding-token").await
            } else {
                good.clone()
            };
            facade.set_clock(later);
            say(&mut other, format!("bind-with-token {token}")).await;
            let (code, why) = hear_end(&mut other).await;
            assert_eq!(code, 1008);
            assert!(!why.contains(&token), "{why}");
        }
    });
}

#[test]
fn a_token_is_given_for_what_can_be_listened_to() {
    let facade = clinic();
    let mut hook = subscription("hook", "id-only");
    hook["channel"]["type"] = "rest-hook".into();
    hook["channel"]["endpoint"] = "https://ehr.test/hook".into();
    let mut off = subscription("off", "id-only");
    off["status"] = "off".into();
    facade.put_ok(&hook);
    facade.put_ok(&off);
    let ask = |path: &str| facade.get(&format!("Subscription/{path}"));
    for (path, status) in [
        ("s/$get-ws-binding-token", 200),
        // At an instance the parameter is ignored.
        ("s/$get-ws-binding-token?id=nothing", 200),
        ("$get-ws-binding-token?id=s&id=s", 200),
        ("$get-ws-binding-token", 400),
        ("$get-ws-binding-token?id=a/b", 400),
        ("$get-ws-binding-token?id=s&status=active", 400),
        ("$get-ws-binding-token?id=s&id=nothing", 404),
        ("nothing/$get-ws-binding-token", 404),
        ("hook/$get-ws-binding-token", 422),
        ("off/$get-ws-binding-token", 422),
    ] {
        assert_eq!(
            ask(path).status.as_u16(),
            status,
            "{path}: {}",
            ask(path).text
        );
    }
    let many: String = (0..101).map(|number| format!("id=s{number}&")).collect();
    assert_eq!(ask(&format!("$get-ws-binding-token?{many}")).status, 400);
    let sent =
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "id", "valueId": "s" }] });
    let reply = facade.send(
        "POST",
        "Subscription/$get-ws-binding-token",
        &[],
        sent.to_string(),
    );
    assert_eq!(reply.status, 200, "{}", reply.text);
    let parameters = reply.json()["parameter"].clone();
    let named = |name: &str| {
        parameters
            .as_array()
            .unwrap()
            .iter()
            .find(|parameter| parameter["name"] == name)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(named("websocket-url")["valueUrl"], URL);
    assert_eq!(named("subscription")["valueString"], "s");
    assert_eq!(
        named("expiration")["valueDateTime"],
        "2027-03-01T08:01:00.000000Z"
    );
}

#[test]
fn who_does_not_say_a_token_is_not_listened_to_for_long() {
    let facade = clinic();
    converse(async {
        let mut silent = connect(&facade).await;
        assert_eq!(
            hear_end(&mut silent).await,
            (
                1008,
                "expected bind-with-token and a token within 10 s".to_owned()
            )
        );
        for message in [
            Message::text("hello"),
            Message::text("bind-with-token"),
            Message::text("bind-with-token x"),
            Message::binary("x"),
        ] {
            let mut client = connect(&facade).await;
            client.send(message.clone()).await.unwrap();
            assert_eq!(hear_end(&mut client).await.0, 1008, "{message:?}");
        }
        let mut loud = connect(&facade).await;
        let _ = loud.send(Message::text("x".repeat(1025))).await;
        assert!(!matches!(loud.next().await, Some(Ok(Message::Text(_)))));
    });
}

#[test]
fn a_listener_that_does_not_keep_up_is_let_go_and_others_are_not_held_up() {
    let facade = clinic();
    converse(async {
        elsewhere(&facade, |facade| {
            facade.put_ok(&subscription("s", "full-resource"))
        })
        .await;
        let mut slow = bound(&facade).await;
        let mut quick = bound(&facade).await;
        let mut heard = 0;
        // More than the connection holds.
        for number in 1..=6 {
            elsewhere(&facade, move |facade| {
                facade.put_ok(&diagnosis_of_another(facade, number))
            })
            .await;
            heard += hear(&mut quick).await.to_string().len();
        }
        assert!(heard > 2 * BUFFER_BYTES, "{heard}");
        // The time passes that it may take to hear a message.
        tokio::time::sleep(std::time::Duration::from_secs(15)).await;
        let mut numbers = Vec::new();
        let end = loop {
            match slow.next().await {
                Some(Ok(Message::Text(text))) => {
                    numbers.push(number(&serde_json::from_str(&text).unwrap()))
                }
                Some(Ok(Message::Ping(_))) => {}
                other => break other,
            }
        };
        assert!(numbers.len() < 6, "{numbers:?}");
        assert!(!matches!(end, Some(Ok(Message::Text(_)))), "{end:?}");
        elsewhere(&facade, |facade| {
            facade.put_ok(&diagnosis_of_another(facade, 7))
        })
        .await;
        assert_eq!(number(&hear(&mut quick).await), 7);
    });
}

#[test]
fn the_address_is_for_websockets_and_for_no_foreign_page() {
    let facade = clinic();
    let reply = facade.get("_websocket");
    assert_eq!(
        (reply.status.as_u16(), reply.header("upgrade")),
        (426, "websocket")
    );
    let reply = facade.send("POST", "_websocket", &[], "");
    assert_eq!(
        (reply.status.as_u16(), reply.header("allow")),
        (405, "GET, OPTIONS")
    );
    converse(async {
        for (origin, status) in [("https://evil.example", 403), ("null", 403)] {
            match connect_with(&facade, Some(origin)).await {
                Err(Error::Http(response)) => assert_eq!(response.status(), status, "{origin}"),
                other => panic!("{origin}: {:?}", other.is_ok()),
            }
        }
        assert!(
            connect_with(&facade, Some("http://frist.test"))
                .await
                .is_ok()
        );
    });
}

#[test]
fn so_many_may_listen_and_no_more() {
    let facade = clinic();
    converse(async {
        let mut clients = Vec::new();
        let refused = loop {
            match connect_with(&facade, None).await {
                Ok(client) => clients.push(client),
                Err(Error::Http(response)) => break response.status(),
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!((clients.len(), refused.as_u16()), (1_024, 503));
        clients.pop();
        // The place is free when the server has seen that the client is gone.
        while elsewhere(&facade, |facade| facade.get("/metrics"))
            .await
            .text
            .contains("frist_listeners 1024\n")
        {}
        assert!(connect_with(&facade, None).await.is_ok());
    });
}
