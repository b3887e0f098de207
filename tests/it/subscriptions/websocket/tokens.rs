//! Listeners that are let in: their tokens, and the pages that they come from.

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{
    URL, clinic, connect, connect_with, converse, hear, hear_end, say, subscription, token,
};

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
