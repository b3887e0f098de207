//! Large pages in XML: written while they are sent, and the same pages.

use std::io::Read;

use axum::body::{Body, HttpBody};
use axum::http::Request;
use frist::schema::Definitions;
use frist::xml::read;
use serde_json::Value;

use super::{clinic, organization};
use crate::support::facade::Facade;

/// A server with Organizations whose page is large, and a Bundle of them that is not.
fn filled() -> Facade {
    let facade = clinic();
    let all: Vec<_> = (0..40)
        .map(|at| organization(&format!("o{at}"), &"ø".repeat(4_000)))
        .collect();
    let reply = facade.transaction(&all.iter().collect::<Vec<_>>());
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
    facade
}

fn json_of(xml: &str) -> Value {
    let json = read(&Definitions::core(), xml.as_bytes());
    json.unwrap().parse().unwrap()
}

#[test]
fn a_large_page_in_xml_is_the_page_in_json() {
    let facade = filled();
    for path in [
        "Organization?_count=100",
        "Organization/_history?_count=100",
        "_history?_count=100",
        "Organization?_count=100&_pretty=true",
        // Not large.
        "Organization?_count=3",
    ] {
        let accept = [("accept", "application/fhir+xml")];
        let in_xml = facade.send("GET", path, &accept, Body::empty());
        assert_eq!(in_xml.status.as_u16(), 200, "{path}");
        assert_eq!(
            in_xml.header("content-type"),
            "application/fhir+xml; charset=utf-8"
        );
        assert_eq!(json_of(&in_xml.text), facade.get(path).json(), "{path}");
        let head = facade.send("HEAD", path, &accept, Body::empty());
        assert_eq!(
            head.header("content-length"),
            in_xml.text.len().to_string(),
            "{path}"
        );
        let request = Request::get(format!("/fhir/{path}"))
            .header("accept", "application/fhir+xml")
            .header("accept-encoding", "gzip");
        let (_, headers, packed) = facade.send_for_bytes(request.body(Body::empty()).unwrap());
        assert_eq!(headers["content-encoding"], "gzip", "{path}");
        let mut unpacked = String::new();
        let mut decoder = flate2::read::GzDecoder::new(packed.as_slice());
        decoder.read_to_string(&mut unpacked).unwrap();
        assert!(unpacked == in_xml.text, "{path}");
    }
}

#[test]
fn a_large_page_comes_in_parts_and_says_how_long_it_is() {
    use tower::ServiceExt;

    let facade = filled();
    for (path, is_large) in [
        ("Organization?_count=100", true),
        ("Organization?_count=3", false),
        ("Organization/o1", false),
    ] {
        let request = Request::get(format!("/fhir/{path}"))
            .header("accept", "application/fhir+xml")
            .body(Body::empty())
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let (length, frames) = runtime.block_on(async {
            let response = facade.router().oneshot(request).await.unwrap();
            let mut body = response.into_body();
            let length = body.size_hint().exact();
            let mut frames = Vec::new();
            let mut next = async || {
                std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context))
                    .await
            };
            while let Some(frame) = next().await {
                frames.push(frame.unwrap().into_data().unwrap().len());
            }
            (length, frames)
        });
        let sum: usize = frames.iter().sum();
        assert_eq!(length, Some(sum as u64), "{path}");
        assert_eq!(frames.len() > 1, is_large, "{path}: {frames:?}");
        let part = 64 * 1024;
        assert!(
            frames.iter().all(|frame| *frame < 2 * part) || !is_large,
            "{path}: {frames:?}"
        );
    }
}
