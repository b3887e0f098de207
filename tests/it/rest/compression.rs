//! gzip both ways (<https://hl7.org/fhir/R4/http.html#compression>).

use std::io::{Read, Write};

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::{changes, clinic, expect, organization};
use crate::support::facade::{Facade, Reply};

/// The greatest body that is read.
const BOUND: usize = 5 * 1024 * 1024;

fn packed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn send_packed(facade: &Facade, method: &str, path: &str, coding: &str, body: Vec<u8>) -> Reply {
    let media_type = if path.ends_with("_search") {
        "application/x-www-form-urlencoded"
    } else {
        "application/fhir+json"
    };
    facade.send(
        method,
        path,
        &[("content-encoding", coding), ("content-type", media_type)],
        body,
    )
}

/// Returns the answer's headers, and its body as it came.
fn get(facade: &Facade, method: &str, path: &str, accept: &str) -> (HeaderMap, Vec<u8>) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("accept-encoding", accept);
    let (_, headers, body) = facade.send_for_bytes(request.body(Body::empty()).unwrap());
    (headers, body)
}

#[test]
fn a_body_in_gzip_is_the_body_that_it_unpacks_to() {
    let facade = clinic();
    for (id, coding) in [
        ("a", "gzip"),
        ("b", "GZIP"),
        ("c", "x-gzip"),
        ("d", " gzip "),
    ] {
        let sent = organization(id, "x").to_string();
        expect(
            &send_packed(
                &facade,
                "PUT",
                &format!("Organization/{id}"),
                coding,
                packed(sent.as_bytes()),
            ),
            201,
        );
        assert_eq!(
            facade.get(&format!("Organization/{id}")).json()["name"],
            "x"
        );
    }
    let in_two_members = organization("e", "x").to_string();
    let (first, second) = in_two_members.as_bytes().split_at(20);
    expect(
        &send_packed(
            &facade,
            "PUT",
            "Organization/e",
            "gzip",
            [packed(first), packed(second)].concat(),
        ),
        201,
    );
    let found = send_packed(
        &facade,
        "POST",
        "Organization/_search",
        "gzip",
        packed(b"_id=a"),
    );
    assert_eq!(found.json()["total"], 1);
    let bundle = packed(b"{\"resourceType\":\"Bundle\",\"type\":\"batch\"}");
    expect(&send_packed(&facade, "POST", "/fhir", "gzip", bundle), 200);
}

#[test]
fn a_body_that_does_not_unpack_is_400_and_one_beyond_the_bound_413() {
    let facade = clinic();
    let before = changes(&facade);
    let whole = packed(organization("a", "x").to_string().as_bytes());
    let mut altered = whole.clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    let bomb = packed(&vec![b' '; 200 * 1024 * 1024]);
    assert!(bomb.len() < BOUND);
    for (body, status) in [
        (organization("a", "x").to_string().into_bytes(), 400),
        (whole[..whole.len() / 2].to_vec(), 400),
        (altered, 400),
        ([whole.clone(), b"rest".to_vec()].concat(), 400),
        (packed(b""), 400),
        (packed(&vec![b' '; BOUND]), 400),
        (packed(&vec![b' '; BOUND + 1]), 413),
        (bomb, 413),
    ] {
        for (method, path) in [
            ("PUT", "Organization/a"),
            ("POST", "Organization"),
            ("POST", "/fhir"),
        ] {
            expect(
                &send_packed(&facade, method, path, "gzip", body.clone()),
                status,
            );
        }
    }
    for coding in ["br", "deflate", "gzip, gzip", "zstd", "x"] {
        let reply = send_packed(&facade, "PUT", "Organization/a", coding, whole.clone());
        expect(&reply, 415);
        assert_eq!(reply.header("accept-encoding"), "gzip, identity");
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn an_answer_is_compressed_for_whoever_takes_it_and_says_the_same() {
    let facade = clinic();
    let mut large = organization("large", "x");
    large["alias"] = serde_json::json!(vec!["Lægehuset"; 500]);
    let etag = facade.put_ok(&large).header("etag").to_owned();
    for path in [
        "/fhir/Organization/large",
        "/fhir/Organization",
        "/fhir/metadata",
        "/fhir/_history",
        "/fhir/metadata?_pretty=true",
        "/",
    ] {
        let (plain_headers, plain) = get(&facade, "GET", path, "identity");
        assert!(!plain_headers.contains_key("content-encoding"));
        let (headers, body) = get(&facade, "GET", path, "gzip");
        assert_eq!(headers["content-encoding"], "gzip", "{path}");
        assert_eq!(headers["vary"], "Accept, Accept-Encoding");
        assert_eq!(headers["content-type"], plain_headers["content-type"]);
        assert!(
            body.len() * 2 < plain.len(),
            "{path}: {} of {}",
            body.len(),
            plain.len()
        );
        let mut unpacked = Vec::new();
        GzDecoder::new(&body[..])
            .read_to_end(&mut unpacked)
            .unwrap();
        assert!(unpacked == plain, "{path}");
        let (head, nothing) = get(&facade, "HEAD", path, "gzip");
        assert_eq!(
            head["content-length"].to_str().unwrap(),
            body.len().to_string()
        );
        assert_eq!(
            (nothing.len(), &head["content-encoding"]),
            (0, &headers["content-encoding"])
        );
    }
    let (headers, _) = get(&facade, "GET", "/fhir/Organization/large", "gzip");
    assert_eq!(headers["etag"].to_str().unwrap(), etag);
    assert!(
        etag.starts_with("W/"),
        "two encodings of one version have one ETag, so it must be weak"
    );
    let known = [("accept-encoding", "gzip"), ("if-none-match", &*etag)];
    assert_eq!(
        facade
            .send("GET", "Organization/large", &known, Body::empty())
            .status
            .as_u16(),
        304
    );
}

#[test]
fn what_is_small_or_packed_already_is_sent_as_it_is() {
    let facade = clinic();
    for path in [
        "/fhir/Organization/gp",
        "/fhir/Organization/nope",
        "/livez",
        "/package.tgz",
        "/fhir/Patient?_count=0",
    ] {
        let (headers, _) = get(&facade, "GET", path, "gzip");
        assert!(!headers.contains_key("content-encoding"), "{path}");
    }
    for accept in ["br", "gzip;q=0", "identity, gzip;q=0.1", ""] {
        let (headers, _) = get(&facade, "GET", "/fhir/metadata", accept);
        assert!(!headers.contains_key("content-encoding"), "{accept}");
    }
}
