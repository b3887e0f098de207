//! Servers whose answers would lead astray: dates that are not true, places that move, things that are
//! withheld or broken, and names that two of them use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use frist::upstream::{FhirClient, Poller, PollerParts, read};
use serde_json::{Value, json};

use super::relay::{Asked, Relay, Told};
use super::{QUICK, ReadingServer, row, source};
use crate::support::people;

/// Changes each entry of what a server answers to some questions.
fn entries(relay: &Relay, of: &'static str, change: impl Fn(&mut Value) + Send + 'static) {
    relay.change(move |asked, told| {
        if asked.target.starts_with(of) {
            let mut page: Value = serde_json::from_str(&told.body).unwrap();
            if let Some(all) = page["entry"].as_array_mut() {
                all.iter_mut().for_each(&change);
            }
            told.body = page.to_string();
        }
    });
}

#[test]
fn a_date_that_is_not_yet_moves_no_place_beyond_now() {
    let reading = ReadingServer::new();
    for (at, readings, of) in [
        (0, json!([{ "search": "Condition" }]), "/fhir/Condition?"),
        (
            1,
            json!([{ "history": "Condition" }]),
            "/fhir/Condition/_history",
        ),
    ] {
        let relay = source();
        entries(&relay, of, |entry| {
            if entry["resource"]["id"] == "c" {
                entry["resource"]["meta"]["lastUpdated"] = json!("2999-01-01T00:00:00Z");
            }
        });
        let mut upstream = row(&relay, &readings);
        upstream["name"] = json!(format!("ehr{at}"));
        let poller = reading.poller(&upstream, None);
        reading.round(&poller);
        let before = reading.total("Condition");
        let later = people::copd("later", "p", "2027-02-21");
        relay.behind().put_ok(&later);
        let outlook = reading.round(&poller);
        assert_eq!(
            reading.total("Condition"),
            before + 1,
            "{readings}: {outlook:?}"
        );
        relay.asked();
        reading.round(&poller);
        let asked = relay.asked().remove(0).target;
        assert!(asked.contains("2027-03-01T07:59:00Z"), "{asked}");
    }
}

#[test]
fn another_server_behind_a_name_is_another_server() {
    let (first, second) = (source(), source());
    let mut other = people::patient("p");
    other["identifier"][0]["value"] = json!("0101010001");
    second.behind().put_ok(&other);
    let reading = ReadingServer::new();
    for (relay, persons) in [(&first, 1), (&second, 2), (&first, 2)] {
        let outlook =
            reading.round(&reading.poller(&row(relay, &json!([{ "search": "Condition" }])), None));
        assert_eq!(
            (outlook.trouble.clone(), outlook.refused),
            (None, 0),
            "{outlook:?}"
        );
        assert_eq!(reading.total("Patient"), persons);
        assert_eq!(reading.total("Condition"), persons);
    }
    let mut renamed = row(&first, &json!([{ "search": "Condition" }]));
    renamed["name"] = json!("renamed");
    let before = reading.total("Condition");
    reading.round(&reading.poller(&renamed, None));
    assert_eq!(reading.total("Condition"), before);
}

#[test]
fn an_export_that_is_lost_there_is_given_up_and_begun_anew() {
    let cases: [(&str, u16, bool); 5] = [
        ("the status", 500, false),
        ("the status", 410, false),
        ("a file", 404, true),
        ("a file", 403, true),
        ("a file", 500, true),
    ];
    let reading = ReadingServer::new();
    for (at, (what, status, is_of_file)) in cases.into_iter().enumerate() {
        let relay = source();
        let lost: Arc<std::sync::Mutex<Option<String>>> = Arc::default();
        relay.change(move |asked, told| {
            let is_meant = if is_of_file {
                told.body.starts_with("{\"resourceType\"")
            } else {
                asked.method == "GET" && !asked.target.contains("$export")
            };
            let mut lost = lost.lock().unwrap();
            if is_meant && lost.get_or_insert_with(|| asked.target.clone()) == &asked.target {
                *told = Told::of(status, "");
            }
        });
        let mut upstream = row(
            &relay,
            &json!([{ "export": "system", "types": ["Condition", "Patient"] }]),
        );
        upstream["name"] = json!(format!("ehr{at}"));
        let poller = reading.poller(&upstream, None);
        let outlook = (0..40)
            .map(|_| reading.round(&poller))
            .find(|outlook| outlook.whole.is_some());
        assert!(
            outlook.is_some(),
            "{what} {status}: {:?}",
            poller.account.outlook()
        );
        let begun = relay.asked();
        let begun = begun
            .iter()
            .filter(|asked| asked.target.contains("$export?"));
        assert_eq!(begun.count(), 2, "{what} {status}");
    }
}

#[test]
fn a_party_that_is_withheld_stops_nothing_and_is_asked_for_again() {
    let reading = ReadingServer::new();
    for (at, (withheld, status)) in [("/fhir/Organization/", 403), ("/fhir/Organization/", 500)]
        .into_iter()
        .enumerate()
    {
        let relay = source();
        relay.answer(move |asked: &Asked| {
            asked
                .target
                .starts_with(withheld)
                .then(|| Told::of(status, ""))
        });
        let mut upstream = row(&relay, &json!([{ "search": "Condition" }]));
        upstream["name"] = json!(format!("ehr{at}"));
        let poller = reading.poller(&upstream, None);
        let outlook = reading.round(&poller);
        assert_eq!(outlook.trouble, None, "{withheld} {status}");
        assert_eq!(
            reading.total("Condition"),
            at as u64 + 1,
            "{withheld} {status}"
        );
        assert!(outlook.left_out.contains_key("withheld"), "{outlook:?}");
        relay.behave();
        reading.round(&poller);
        // The person is known from the first of them, under another name.
        let person = reading.facade.get("Patient").resources();
        assert_eq!(person.len(), 1, "{withheld} {status}");
        let about = format!(
            "Condition?subject=Patient/{}",
            person[0]["id"].as_str().unwrap()
        );
        assert_eq!(reading.total(&about), at as u64 + 1, "{withheld} {status}");
    }
}

/// Answers a search by counting places, as some servers do; after the first page the first resource
/// changes, so that all others move up.
fn by_place(relay: &Relay, instant: fn(usize) -> String) {
    let base = relay.base.clone();
    let mut kept: Vec<(String, String)> =
        (0..6).map(|at| (instant(at), format!("c{at}"))).collect();
    let mut pages = 0;
    relay.answer(move |asked| {
        let (path, query) = asked.target.split_once('?')?;
        if path != "/fhir/Condition" {
            return None;
        }
        let given = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        pages += 1;
        if pages == 2 {
            kept[0].0 = "2027-03-01T07:30:00.000Z".to_owned();
        }
        kept.sort();
        let since = given("_lastUpdated").unwrap_or_default();
        let since = since
            .trim_start_matches("ge")
            .trim_end_matches('Z')
            .to_owned();
        let found: Vec<_> = kept
            .iter()
            .filter(|(at, _)| at.as_str() >= since.as_str())
            .collect();
        let skipped: usize = given("_offset").map_or(0, |text| text.parse().unwrap());
        let page: Vec<_> = found
            .iter()
            .skip(skipped)
            .take(2)
            .map(|(at, id)| {
                let mut copd = people::copd(id, "p", "2027-02-20");
                copd["meta"] = json!({ "lastUpdated": at });
                json!({ "resource": copd })
            })
            .collect();
        let mut link = vec![
            json!({ "relation": "self", "url": format!("{base}/Condition?_sort=_lastUpdated") }),
        ];
        if found.len() > skipped + 2 {
            let next = format!(
                "{base}/Condition?_sort=_lastUpdated&_lastUpdated=ge{since}&_offset={}",
                skipped + 2
            );
            link.push(json!({ "relation": "next", "url": next }));
        }
        let bundle =
            json!({ "resourceType": "Bundle", "type": "searchset", "link": link, "entry": page });
        Some(Told::of(200, &bundle.to_string()))
    });
}

#[test]
fn what_moves_while_it_is_read_makes_nothing_be_missed() {
    let reading = ReadingServer::new();
    type Instants = fn(usize) -> String;
    let cases: [(&str, Instants); 2] = [
        ("seconds", |at| format!("2027-03-01T07:00:0{at}.000Z")),
        ("parts-of-one", |at| format!("2027-03-01T07:00:00.{at}00Z")),
    ];
    for (at, (name, instant)) in cases.into_iter().enumerate() {
        let relay = source();
        by_place(&relay, instant);
        let mut upstream = row(&relay, &json!([{ "search": "Condition" }]));
        upstream["name"] = json!(name);
        upstream["page"] = json!(2);
        let poller = reading.poller(&upstream, None);
        for _ in 0..2 {
            let outlook = reading.round(&poller);
            assert_eq!(outlook.trouble, None, "{name}");
        }
        assert_eq!(reading.total("Condition"), 6 * (at as u64 + 1), "{name}");
    }
}

#[test]
fn deletions_are_followed_in_their_place_and_order() {
    for ids in ["mapped", "kept"] {
        let relay = source();
        let mut diagnosis = people::copd("c", "p", "2027-02-20");
        diagnosis["meta"] = json!({ "source": "#theirs" });
        relay.behind().put_ok(&diagnosis);
        relay
            .behind()
            .put_ok(&people::plan("plan", "p", "c", "2027-02-21"));
        let reading = ReadingServer::new();
        let mut upstream = row(&relay, &json!([{ "history": "system" }]));
        upstream["deletions"] = json!("follow");
        upstream["ids"] = json!(ids);
        let poller = reading.poller(&upstream, None);
        reading.round(&poller);
        assert_eq!(
            (reading.total("Condition"), reading.total("CarePlan")),
            (1, 1),
            "{ids}"
        );
        // What is deleted last stands first, and says nothing of its time.
        for gone in ["CarePlan/plan", "Condition/c"] {
            let gone = relay.behind().send("DELETE", gone, &[], Body::empty());
            assert!(gone.status.is_success(), "{}", gone.text);
        }
        entries(&relay, "/fhir/_history", |entry| {
            if entry["request"]["method"] == "DELETE"
                && let Some(response) = entry["response"].as_object_mut()
            {
                response.remove("lastModified");
            }
        });
        for _ in 0..2 {
            let outlook = reading.round(&poller);
            assert_eq!(
                (outlook.taken[3], outlook.refused),
                (2, 0),
                "{ids}: {outlook:?}"
            );
            assert_eq!(
                (reading.total("Condition"), reading.total("CarePlan")),
                (0, 0),
                "{ids}"
            );
        }
    }
}

#[test]
fn a_copy_writes_over_nothing_that_is_not_its_own() {
    let relay = source();
    let reading = ReadingServer::new();
    let mut own = people::copd("c", "own", "2027-01-05");
    own["note"] = json!([{ "text": "of a client" }]);
    for resource in [people::practice("gp"), people::patient("own"), own] {
        reading.facade.put_ok(&resource);
    }
    let mut upstream = row(&relay, &json!([{ "search": "Condition" }]));
    upstream["ids"] = json!("kept");
    let poller = reading.poller(&upstream, None);
    for _ in 0..2 {
        let outlook = reading.round(&poller);
        let refusals: Vec<_> = outlook.refusals.iter().cloned().collect();
        assert_eq!(
            refusals,
            [("Condition/c".to_owned(), "another's".to_owned())]
        );
        assert_eq!(outlook.refused, 1);
        assert_eq!(
            reading.facade.get("Condition/c").json()["recordedDate"],
            "2027-01-05"
        );
    }
}

#[test]
fn a_reader_that_panics_begins_anew() {
    let relay = source();
    let reading = ReadingServer::new();
    let file =
        json!({ "upstreams": [row(&relay, &json!([{ "search": "Condition" }]))] }).to_string();
    let upstream = read(file.as_bytes()).unwrap().remove(0);
    let (facade, asked) = (Arc::clone(&reading.facade), AtomicUsize::new(0));
    let poller = Arc::new(Poller::new(PollerParts {
        client: FhirClient::new(&upstream, None, None).unwrap(),
        upstream,
        server: Arc::clone(reading.facade.server()),
        now: Arc::new(move || {
            // The first is of the account; the second begins a round.
            assert_ne!(
                asked.fetch_add(1, Ordering::SeqCst),
                1,
                "a panic of this test"
            );
            facade.context()
        }),
        pace: QUICK,
    }));
    let account = Arc::clone(&poller.account);
    reading.runtime.block_on(async {
        let running = tokio::spawn(poller.keep_reading());
        while account.outlook().whole.is_none() {
            tokio::task::yield_now().await;
        }
        running.abort();
    });
    assert_eq!(
        (account.outlook().errors, reading.total("Condition")),
        (1, 1)
    );
}
