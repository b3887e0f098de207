//! Bulk exports of another server.

use serde_json::{Value, json};

use super::relay::{Relay, Told};
use super::{ReadingServer, row, source};
use crate::support::people;
use frist::upstream::{Outlook, Poller};

/// Makes rounds until everything is read, or one fails.
fn rounds(reading: &ReadingServer, poller: &Poller) -> Outlook {
    loop {
        let outlook = reading.round(poller);
        if outlook.whole.is_some() || outlook.failures > 0 {
            return outlook;
        }
    }
}

fn upstream(relay: &Relay) -> Value {
    let mut upstream = row(
        relay,
        &json!([{ "export": "system", "types": ["Patient", "Organization", "Condition"] }]),
    );
    upstream["overlap"] = json!(0);
    upstream
}

#[test]
fn an_export_is_read_and_the_next_one_begins_where_it_was_made() {
    let relay = source();
    let reading = ReadingServer::new();
    let poller = reading.poller(&upstream(&relay), None);
    let outlook = rounds(&reading, &poller);
    assert_eq!(
        (outlook.taken[0], &outlook.trouble),
        (3, &None),
        "{outlook:?}"
    );
    let asked = relay.asked();
    assert!(
        asked[0]
            .target
            .starts_with("/fhir/$export?_type=Patient,Organization,Condition"),
        "{asked:?}"
    );
    assert!(!asked[0].target.contains("_since"));
    assert_eq!(
        asked.last().unwrap().method,
        "DELETE",
        "it is not needed any more"
    );
    relay
        .behind()
        .put_ok(&people::copd("later", "p", "2027-02-21"));
    let versions = reading.versions();
    // The first round of the next export only asks for it.
    reading.round(&poller);
    while reading.versions() == versions {
        reading.round(&poller);
    }
    assert!(
        relay.asked()[0]
            .target
            .contains("_since=2027-03-01T08:00:00Z")
    );
    assert_eq!(reading.total("Condition"), 2);
}

#[test]
fn an_export_under_way_is_not_asked_for_twice_by_a_stop() {
    let relay = source();
    let reading = ReadingServer::new();
    let poller = reading.poller(&upstream(&relay), None);
    reading.round(&poller);
    drop(poller);
    let reading = reading.restart();
    rounds(&reading, &reading.poller(&upstream(&relay), None));
    let begun = relay.asked();
    let begun = begun
        .iter()
        .filter(|asked| asked.target.contains("$export?"));
    assert_eq!((begun.count(), reading.total("Condition")), (1, 1));
}

#[test]
fn an_export_that_goes_wrong_is_told_and_asked_for_again() {
    type Misbehave = fn(&Relay);
    let cases: [(&str, Misbehave); 5] = [
        ("a file of its export ends within a line", |relay| {
            relay.change(|_, told| {
                if told.body.starts_with("{\"resourceType\"") {
                    told.body.truncate(told.body.trim_end().len() - 1);
                }
            });
        }),
        ("before its answer was whole", |relay| {
            relay.change(|_, told| told.is_cut = told.body.starts_with("{\"resourceType\""));
        }),
        ("another server than its base", |relay| {
            relay.change(|_, told| {
                if told.body.contains("transactionTime") {
                    told.body = told.body.replace("http://127.0.0.1", "http://127.0.0.2");
                }
            });
        }),
        ("its export was answered with 404", |relay| {
            relay.answer(|asked| (!asked.target.contains("$export")).then(|| Told::of(404, "")));
        }),
        ("it answered 429", |relay| {
            relay.answer(|_| Some(Told::of(429, "").with("Retry-After", "0")));
        }),
    ];
    let reading = ReadingServer::new();
    for (at, (expected, misbehave)) in cases.into_iter().enumerate() {
        let relay = source();
        let mut upstream = upstream(&relay);
        upstream["name"] = json!(format!("ehr{at}"));
        let poller = reading.poller(&upstream, None);
        misbehave(&relay);
        let outlook = rounds(&reading, &poller);
        let (trouble, _) = outlook.trouble.clone().expect(expected);
        assert!(trouble.contains(expected), "{expected}: {trouble}");
        relay.behave();
        let outlook = loop {
            let outlook = reading.round(&poller);
            if outlook.whole.is_some() {
                break outlook;
            }
        };
        assert_eq!((outlook.failures, outlook.refused), (0, 0), "{expected}");
        assert_eq!(reading.total("Condition"), at as u64 + 1, "{expected}");
    }
}
