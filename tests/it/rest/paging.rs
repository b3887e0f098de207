//! Paging: the pages of one search join without a gap or a repeat, whatever is written meanwhile.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use serde_json::Value;

use super::{NOW, expect, organization};
use crate::support::facade::{Facade, link};

/// Makes a server with the Organizations `o00` to `o<count - 1>`.
fn server(count: usize) -> Facade {
    let facade = Facade::at(NOW);
    let all: Vec<Value> = (0..count)
        .map(|number| organization(&format!("o{number:02}"), "before"))
        .collect();
    expect(&facade.transaction(&all.iter().collect::<Vec<_>>()), 200);
    facade
}

/// Follows the next links; `between` happens after each page. Answers the ids and names.
fn walk(facade: &Facade, first: &str, mut between: impl FnMut(usize)) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    let mut next = Some(first.to_owned());
    let mut pages = 0;
    while let Some(page) = next {
        let reply = facade.get(&page);
        expect(&reply, 200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        seen.extend(
            reply
                .resources()
                .iter()
                .map(|resource| (text(&resource["id"]), text(&resource["name"]))),
        );
        next = link(&reply.json(), "next");
        pages += 1;
        between(pages);
    }
    seen
}

fn all_as_before(count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|number| (format!("o{number:02}"), "before".to_owned()))
        .collect()
}

#[test]
fn pages_show_the_state_of_the_first_one_whatever_is_written_between_them() {
    let facade = server(23);
    for (search, is_descending) in [
        ("Organization?_count=5", false),
        ("Organization?_count=5&_sort=-_id", true),
    ] {
        let seen = walk(&facade, search, |page| {
            facade.put_ok(&organization(&format!("o{page:02}"), "after"));
            facade.put_ok(&organization(&format!("o{:02}", 22 - page), "after"));
            facade.put_ok(&organization(&format!("o{page:02}x"), "new"));
            facade.send(
                "DELETE",
                &format!("Organization/o{:02}", 10 + page),
                &[],
                Body::empty(),
            );
        });
        let mut expected = all_as_before(23);
        if is_descending {
            expected.reverse();
        }
        assert_eq!(seen, expected, "{search}");
        // As it was, for the next round.
        for resource in facade.search_all("Organization") {
            let id = resource["id"].as_str().unwrap();
            if id.ends_with('x') {
                facade.send("DELETE", &format!("Organization/{id}"), &[], Body::empty());
            }
        }
        for (id, name) in all_as_before(23) {
            facade.put_ok(&organization(&id, &name));
        }
    }
}

#[test]
fn pages_join_while_other_threads_create_update_and_delete() {
    let facade = server(30);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (facade, done) = (&facade, &done);
            scope.spawn(move || {
                for round in 0.. {
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                    let id = format!("o{:02}", (round * 7 + writer) % 30);
                    match round % 3 {
                        0 => drop(facade.put(&organization(&id, &format!("{writer} in {round}")))),
                        1 => drop(facade.put(&organization(&format!("n{writer}-{round}"), "new"))),
                        _ => drop(facade.send(
                            "DELETE",
                            &format!("Organization/{id}"),
                            &[],
                            Body::empty(),
                        )),
                    }
                }
            });
        }
        for _ in 0..5 {
            let whole = facade.get("Organization?_count=4");
            let total = whole.json()["total"].as_u64().unwrap() as usize;
            let first = link(&whole.json(), "next").unwrap();
            let mut ids: Vec<_> = whole
                .resources()
                .iter()
                .map(|resource| resource["id"].as_str().unwrap().to_owned())
                .collect();
            ids.extend(walk(&facade, &first, |_| {}).into_iter().map(|(id, _)| id));
            assert_eq!(ids.len(), total, "as many as the first page said");
            let distinct: BTreeSet<_> = ids.iter().collect();
            assert_eq!(distinct.len(), total, "none twice");
            assert!(ids.is_sorted(), "in order");
        }
        done.store(true, Ordering::SeqCst);
    });
}

#[test]
fn links_lead_forth_and_back() {
    let facade = server(7);
    let first = facade.get("Organization?_count=3").json();
    assert_eq!(link(&first, "previous"), None);
    let second = facade.get(&link(&first, "next").unwrap()).json();
    let third = facade.get(&link(&second, "next").unwrap()).json();
    assert_eq!(link(&third, "next"), None);
    assert_eq!(
        [&first, &second, &third].map(|page| page["total"].as_u64().unwrap()),
        [7, 7, 7]
    );
    assert_eq!(
        [&first, &second, &third].map(|page| page["entry"].as_array().unwrap().len()),
        [3, 3, 1]
    );
    let back = facade.get(&link(&third, "previous").unwrap()).json();
    assert_eq!(back["entry"], second["entry"]);
    let again = facade.get(&link(&second, "self").unwrap()).json();
    assert_eq!(again["entry"], second["entry"]);
    assert_eq!(
        facade.get(&link(&second, "previous").unwrap()).json()["entry"],
        first["entry"]
    );
}

#[test]
fn a_token_that_no_link_has_is_refused() {
    let facade = server(3);
    for token in [
        "",
        "x",
        "1",
        "1.",
        ".1",
        "1.x",
        "x.1",
        "-1.1",
        "1.-1",
        "99999.1",
        "3.99999",
        "3.3",
        "18446744073709551616.0",
        "3.18446744073709551615",
        "3.18446744073709551616",
        "3.1.1",
        "%00",
        "3.1%00",
        "3%2E1&_page=3.1",
        "3.1",
    ] {
        expect(
            &facade.get(&format!("Organization?_count=1&_page={token}")),
            400,
        );
    }
}
