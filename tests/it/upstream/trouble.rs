//! Servers that misbehave, and stops at the wrong moment: nothing is lost, nothing doubled, and
//! nothing goes where it should not.

use std::time::Duration;

use serde_json::{Value, json};

use super::relay::{Asked, Relay, Told};
use super::{ReadingServer, row, source};
use crate::support::people;

/// Makes a server to be read with six diagnoses, two on a page.
fn paged() -> (Relay, Value) {
    let relay = source();
    for at in 1..6 {
        relay
            .behind()
            .put_ok(&people::copd(&format!("c{at}"), "p", "2027-02-20"));
    }
    let mut upstream = row(&relay, &json!([{ "search": "Condition" }]));
    upstream["page"] = json!(2);
    upstream["overlap"] = json!(0);
    (relay, upstream)
}

/// Changes the address of a link.
fn turned(told: &mut Told, relation: &str, address: &str) {
    let mut page: Value = serde_json::from_str(&told.body).unwrap();
    for link in page["link"].as_array_mut().unwrap() {
        if link["relation"] == relation {
            link["url"] = json!(address);
        }
    }
    told.body = page.to_string();
}

fn is_page(asked: &Asked) -> bool {
    asked.target.starts_with("/fhir/Condition?")
}

#[test]
fn whatever_a_server_does_wrong_is_told_and_once_it_behaves_everything_is_read() {
    type Misbehave = fn(&Relay);
    let cases: [(&str, &str, Misbehave); 10] = [
        ("too many requests", "it answered 429", |relay| {
            relay.answer(|_| Some(Told::of(429, "").with("Retry-After", "7")));
        }),
        ("an error", "it answered 500", |relay| {
            relay.answer(|_| Some(Told::of(500, "")));
        }),
        ("a redirect", "it answered 302", |relay| {
            relay.answer(|_| Some(Told::of(302, "").with("Location", "http://127.0.0.1:1/")));
        }),
        (
            "nothing there",
            "it answered 404 to what is read",
            |relay| {
                relay.answer(|_| Some(Told::of(404, "")));
            },
        ),
        ("no token", "it answered 401", |relay| {
            relay.answer(|_| Some(Told::of(401, "")));
        }),
        ("no Bundle", "its answer is no Bundle", |relay| {
            relay.answer(|_| Some(Told::of(200, "{\"resourceType\":\"Patient\"}")));
        }),
        ("no JSON", "its answer is no JSON", |relay| {
            relay.answer(|_| Some(Told::of(200, "<html>")));
        }),
        ("half an answer", "before its answer was whole", |relay| {
            relay.change(|_, told| told.is_cut = true);
        }),
        ("pages in a circle", "its pages lead back", |relay| {
            relay.change(|asked, told| {
                if is_page(asked) {
                    turned(told, "next", &asked.target.clone());
                }
            });
        }),
        ("pages elsewhere", "another server than its base", |relay| {
            relay.change(|asked, told| {
                if is_page(asked) {
                    turned(told, "next", "http://127.0.0.2:1/fhir/Condition?page=2");
                }
            });
        }),
    ];
    let reading = ReadingServer::new();
    for (name, expected, misbehave) in cases {
        let (relay, mut upstream) = paged();
        upstream["name"] = json!(name.replace(' ', "-"));
        let poller = reading.poller(&upstream, None);
        misbehave(&relay);
        let pause = reading.runtime.block_on(poller.round());
        let outlook = poller.account.outlook();
        let (trouble, _) = outlook.trouble.clone().expect(name);
        assert!(trouble.contains(expected), "{name}: {trouble}");
        assert_eq!((outlook.errors, outlook.failures), (1, 1), "{name}");
        assert_eq!(outlook.whole, None, "{name}");
        assert_eq!(
            pause >= Duration::from_secs(7),
            expected.contains("429"),
            "{name}"
        );
        relay.behave();
        let outlook = reading.round(&poller);
        assert_eq!((outlook.errors, outlook.failures), (1, 0), "{name}");
        let read = outlook.taken[0] + outlook.left_out.get("known-already").copied().unwrap_or(0);
        assert_eq!((read, outlook.refused), (8, 0), "{name}: {outlook:?}");
    }
}

#[test]
fn a_search_goes_on_at_the_page_that_failed_also_after_a_stop() {
    let (relay, upstream) = paged();
    let reading = ReadingServer::new();
    let mut pages = 0;
    relay.change(move |asked, told| {
        pages += usize::from(is_page(asked));
        if pages > 2 {
            *told = Told::of(503, "");
        }
    });
    let poller = reading.poller(&upstream, None);
    reading.round(&poller);
    assert_eq!(reading.total("Condition"), 4);
    drop(poller);
    let reading = reading.restart();
    relay.behave();
    relay.asked();
    let poller = reading.poller(&upstream, None);
    let outlook = reading.round(&poller);
    let first = relay.asked().remove(0).target;
    assert!(
        first.contains("_lastUpdated=ge2027-03-01T08:00:00Z"),
        "{first}"
    );
    assert_eq!(reading.total("Condition"), 6);
    assert_eq!(
        outlook.taken[1], 0,
        "nothing was written twice: {outlook:?}"
    );
}

#[test]
fn a_place_that_is_not_trusted_moves_only_at_the_end() {
    let (relay, upstream) = paged();
    let reading = ReadingServer::new();
    let mut pages = 0;
    relay.change(move |asked, told| {
        pages += usize::from(is_page(asked));
        // A server that does not say that it sorted.
        if is_page(asked) {
            turned(told, "self", "Condition");
        }
        if pages > 2 {
            *told = Told::of(503, "");
        }
    });
    let poller = reading.poller(&upstream, None);
    reading.round(&poller);
    drop(poller);
    let reading = reading.restart();
    relay.behave();
    relay.asked();
    let versions = reading.versions();
    let outlook = reading.round(&reading.poller(&upstream, None));
    let first = relay.asked().remove(0).target;
    assert!(!first.contains("_lastUpdated=ge"), "{first}");
    assert_eq!(reading.total("Condition"), 6);
    assert_eq!((outlook.taken[0], outlook.taken[1]), (2, 0), "{outlook:?}");
    assert!(reading.versions() > versions);
}

#[test]
fn another_reading_begins_anew_and_each_has_its_own_place() {
    let (relay, mut upstream) = paged();
    let reading = ReadingServer::new();
    reading.round(&reading.poller(&upstream, None));
    relay.asked();
    upstream["read"] = json!([{ "search": "Condition" }, { "search": "Condition?code=DJ449" }]);
    reading.round(&reading.poller(&upstream, None));
    let first: Vec<_> = relay
        .asked()
        .iter()
        .filter(|asked| is_page(asked) && !asked.target.contains("_page"))
        .map(|asked| asked.target.contains("_lastUpdated=ge"))
        .collect();
    assert_eq!(first, [true, false]);
}

#[test]
fn what_it_is_behind_is_known_also_after_a_stop() {
    let (relay, upstream) = paged();
    let reading = ReadingServer::new();
    reading.round(&reading.poller(&upstream, None));
    let reading = reading.restart_at("2027-03-01T11:00:00Z");
    relay.answer(|_| Some(Told::of(500, "")));
    let poller = reading.poller(&upstream, None);
    let lag = || {
        let now = "2027-03-01T11:00:00Z".parse().unwrap();
        poller.account.outlook().lag_s(now)
    };
    assert_eq!(lag(), 3.0 * 3_600.0, "before anything is asked for");
    reading.round(&poller);
    assert_eq!(lag(), 3.0 * 3_600.0, "after a failure");
    relay.behave();
    reading.round(&poller);
    assert_eq!(lag(), 0.0);
}

#[test]
fn one_reading_that_fails_leaves_the_others_their_pace() {
    let relay = source();
    relay.answer(|asked| {
        let is_odd = asked.target.starts_with("/fhir/Encounter");
        is_odd.then(|| Told::of(404, ""))
    });
    let reading = ReadingServer::new();
    let readings = json!([{ "search": "Encounter" }, { "search": "Condition" }]);
    let mut upstream = row(&relay, &readings);
    upstream["every"] = json!(3_600);
    let poller = reading.poller(&upstream, None);
    for failures in 1..4 {
        let pause = reading.runtime.block_on(poller.round());
        let outlook = poller.account.outlook();
        assert_eq!((outlook.failures, outlook.taken[0]), (failures, 3));
        assert_eq!(outlook.errors, u64::from(failures));
        // The next one is the one that failed.
        assert!(pause < Duration::from_secs(3_600), "{pause:?}");
    }
    relay.behave();
    let pause = reading.runtime.block_on(poller.round());
    assert_eq!(poller.account.outlook().failures, 0);
    assert_eq!(pause, Duration::from_secs(3_600));
}

#[test]
fn other_ids_are_another_reading() {
    let (relay, mut upstream) = paged();
    let reading = ReadingServer::new();
    for (ids, begins_anew, conditions) in [
        ("mapped", true, 6),
        ("mapped", false, 6),
        ("kept", true, 12),
        ("kept", false, 12),
    ] {
        upstream["ids"] = json!(ids);
        relay.asked();
        let outlook = reading.round(&reading.poller(&upstream, None));
        assert_eq!(
            (outlook.trouble.clone(), outlook.refused),
            (None, 0),
            "{ids}"
        );
        let first = relay.asked().into_iter().find(is_page).unwrap().target;
        assert_eq!(
            !first.contains("_lastUpdated=ge"),
            begins_anew,
            "{ids}: {first}"
        );
        assert_eq!(reading.total("Condition"), conditions, "{ids}");
    }
    // What was read under other ids stays; the person is one.
    assert_eq!(reading.facade.get("Condition/c5").status, 200);
    assert_eq!(reading.total("Patient"), 1);
}
