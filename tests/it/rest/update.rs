//! update, also as create with the client's id, and what `If-Match` and `If-None-Match` ask of it
//! (<https://hl7.org/fhir/R4/http.html#update>, <https://hl7.org/fhir/R4/http.html#concurrency>).

use axum::body::Body;
use axum::http::Request;

use super::{NOW, changes, expect, organization};
use crate::support::facade::{BASE, Facade, Reply};

fn put_with(facade: &Facade, header: (&str, &str), name: &str) -> Reply {
    facade.send(
        "PUT",
        "Organization/a",
        &[header],
        organization("a", name).to_string(),
    )
}

#[test]
fn update_of_what_is_not_there_creates_it_under_the_clients_id() {
    let facade = Facade::at(NOW);
    let reply = facade.put(&organization("a", "one"));
    expect(&reply, 201);
    assert_eq!(
        reply.header("location"),
        format!("{BASE}/Organization/a/_history/1")
    );
    assert_eq!(reply.header("etag"), "W/\"1\"");
    assert_eq!(
        reply.header("last-modified"),
        "Mon, 01 Mar 2027 08:00:00 GMT"
    );
    assert_eq!(reply.json()["id"], "a");
}

#[test]
fn update_counts_the_versions_up_by_one() {
    let facade = Facade::at(NOW);
    for (version, status) in [(1, 201), (2, 200), (3, 200)] {
        let reply = facade.put(&organization("a", &format!("name {version}")));
        expect(&reply, status);
        assert_eq!(reply.header("etag"), format!("W/\"{version}\""));
        assert_eq!(
            reply.header("location"),
            format!("{BASE}/Organization/a/_history/{version}")
        );
        assert_eq!(reply.json()["meta"]["versionId"], version.to_string());
    }
}

#[test]
fn the_same_content_again_writes_nothing_and_answers_200_with_the_same_etag() {
    let facade = Facade::at(NOW);
    let first = facade.put(&organization("a", "one"));
    let before = changes(&facade);
    facade.set_clock("2027-03-02T09:00:00+01:00");
    let mut reordered = organization("a", "one");
    let name = reordered
        .as_object_mut()
        .unwrap()
        .shift_remove("name")
        .unwrap();
    reordered["name"] = name;
    for (what, sent) in [
        ("as sent", organization("a", "one")),
        ("as answered", first.json()),
        ("in another order", reordered),
    ] {
        let reply = facade.put(&sent);
        expect(&reply, 200);
        assert_eq!(reply.text, first.text, "{what}");
        for name in ["etag", "last-modified"] {
            assert_eq!(reply.header(name), first.header(name), "{what}");
        }
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn update_needs_the_id_and_the_type_of_its_address() {
    let facade = Facade::at(NOW);
    let mut no_id = organization("a", "one");
    no_id.as_object_mut().unwrap().shift_remove("id");
    let mut number = organization("a", "one");
    number["id"] = 7.into();
    let mut other_type = organization("a", "one");
    other_type["resourceType"] = "Practitioner".into();
    for (sent, expression) in [
        (no_id, "Organization.id"),
        (organization("b", "one"), "Organization.id"),
        (number, "Organization.id"),
        (other_type, "Practitioner"),
    ] {
        let reply = facade.send("PUT", "Organization/a", &[], sent.to_string());
        expect(&reply, 400);
        assert_eq!(reply.issues(), [format!("error invalid {expression}")]);
    }
    assert_eq!(changes(&facade), 0);
}

#[test]
fn an_id_like_a_cpr_number_is_refused() {
    let facade = Facade::at(NOW);
    for id in ["0405440001", "040544-0001"] {
        let reply = facade.put(&organization(id, "one"));
        expect(&reply, 422);
        assert_eq!(reply.issues(), ["error business-rule Organization.id"]);
        assert!(!reply.text.contains(id));
        expect(&facade.transaction(&[&organization(id, "one")]), 422);
    }
    assert_eq!(changes(&facade), 0);
    expect(&facade.put(&organization("4005440001", "one")), 201);
}

#[test]
fn if_match_writes_only_over_the_version_that_it_names() {
    let facade = Facade::at(NOW);
    expect(
        &put_with(&facade, ("if-match", "W/\"1\""), "no such resource yet"),
        412,
    );
    facade.put_ok(&organization("a", "one"));
    facade.put_ok(&organization("a", "two"));
    let before = changes(&facade);
    for (etag, status) in [
        ("W/\"1\"", 412),
        ("W/\"3\"", 412),
        ("W/\"02\"", 400),
        ("W/\"\"", 400),
        ("2", 400),
        ("garbage", 400),
        ("", 400),
        ("W/\"1\", W/\"3\"", 412),
        ("W/\"1\" W/\"2\"", 400),
        ("*, W/\"2\"", 400),
        ("W/\"99999999999999999999\"", 400),
    ] {
        expect(&put_with(&facade, ("if-match", etag), "three"), status);
        assert_eq!(changes(&facade), before, "{etag}");
    }
    let reply = put_with(&facade, ("if-match", "W/\"2\""), "three");
    expect(&reply, 200);
    assert_eq!(reply.header("etag"), "W/\"3\"");
    expect(&put_with(&facade, ("if-match", "\"3\""), "four"), 200);
}

#[test]
fn a_stale_if_match_is_refused_even_if_the_content_is_the_same() {
    let facade = Facade::at(NOW);
    facade.put_ok(&organization("a", "one"));
    facade.put_ok(&organization("a", "two"));
    expect(&put_with(&facade, ("if-match", "W/\"1\""), "two"), 412);
}

#[test]
fn if_none_match_star_writes_only_what_is_not_there() {
    let facade = Facade::at(NOW);
    expect(&put_with(&facade, ("if-none-match", "*"), "one"), 201);
    expect(&put_with(&facade, ("if-none-match", "*"), "two"), 412);
    expect(&put_with(&facade, ("if-none-match", "W/\"1\""), "two"), 412);
    expect(&put_with(&facade, ("if-none-match", "1"), "two"), 400);
    assert_eq!(changes(&facade), 1);
    expect(
        &facade.send("DELETE", "Organization/a", &[], Body::empty()),
        204,
    );
    let reply = put_with(&facade, ("if-none-match", "*"), "three");
    expect(&reply, 201);
    assert_eq!(reply.header("etag"), "W/\"3\"");
}

#[test]
fn a_condition_that_cannot_be_read_is_never_passed_over() {
    let facade = Facade::at(NOW);
    facade.put_ok(&organization("a", "one"));
    let request =
        || Request::put("/fhir/Organization/a").header("content-type", "application/fhir+json");
    for request in [
        request().header("if-match", b"W/\"1\xff\"".as_slice()),
        request()
            .header("if-match", "W/\"1\"")
            .header("if-match", "7"),
        request().header("if-none-match", b"\xff".as_slice()),
    ] {
        let request = request
            .body(Body::from(organization("a", "two").to_string()))
            .unwrap();
        expect(&facade.send_request(request), 400);
    }
    assert_eq!(facade.get("Organization/a").json()["name"], "one");
}

#[test]
fn of_many_writers_with_one_if_match_exactly_one_writes() {
    let facade = Facade::at(NOW);
    facade.put_ok(&organization("a", "one"));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let write = |number: usize| {
            put_with(
                &facade,
                ("if-match", "W/\"1\""),
                &format!("writer {number}"),
            )
            .status
            .as_u16()
        };
        let writers: Vec<_> = (0..16)
            .map(|number| scope.spawn(move || write(number)))
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 412).count(),
        15,
        "{statuses:?}"
    );
    assert_eq!(facade.get("Organization/a").header("etag"), "W/\"2\"");
}
