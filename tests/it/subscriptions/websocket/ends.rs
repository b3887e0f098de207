//! Ends of a websocket, and what it goes on through.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{
    BUFFER_BYTES, bound, clinic, connect_with, converse, diagnosis_of_another, elsewhere, hear,
    hear_end, number, subscription,
};

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
