//! The guide's package can be downloaded, and a client of packages finds in it what the server
//! serves.

use std::collections::BTreeMap;
use std::io::Read;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;

use super::{NOW, expect};
use crate::support::facade::Facade;

/// Asks for the package; the body as it came.
fn ask(facade: &Facade, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::get("/package.tgz");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    facade.send_for_bytes(request.body(Body::empty()).unwrap())
}

/// Returns the files of a package, by path; each must be as every packing makes it.
fn files(bytes: &[u8]) -> BTreeMap<String, Value> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(bytes))
        .entries()
        .unwrap()
    {
        let mut entry = entry.unwrap();
        assert_eq!(
            (
                entry.header().mtime().unwrap(),
                entry.header().uid().unwrap()
            ),
            (0, 0)
        );
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert!(
            files
                .insert(path, serde_json::from_str(&text).unwrap())
                .is_none()
        );
    }
    files
}

#[test]
fn the_package_holds_every_definition_that_the_server_serves() {
    let facade = Facade::at(NOW);
    let (_, definitions) = frist::app::packages::rules_and_definitions(None).unwrap();
    facade.install(
        &definitions
            .iter()
            .map(|definition| definition.value().clone())
            .collect::<Vec<_>>(),
    );
    let (status, headers, bytes) = ask(&facade, &[]);
    assert_eq!(
        (status, headers["content-type"].to_str().unwrap()),
        (StatusCode::OK, "application/gzip")
    );
    let files = files(&bytes);
    let description = &files["package/package.json"];
    assert_eq!(description["name"], "dk.kronikerpakker.fhir");
    assert_eq!(description["fhirVersions"], serde_json::json!(["4.0.1"]));
    let name = format!(
        "attachment; filename=\"dk.kronikerpakker.fhir-{}.tgz\"",
        description["version"].as_str().unwrap()
    );
    assert_eq!(headers["content-disposition"].to_str().unwrap(), name);
    let mut served = 0;
    for kind in [
        "StructureDefinition",
        "ValueSet",
        "CodeSystem",
        "SearchParameter",
        "OperationDefinition",
        "PlanDefinition",
    ] {
        for stored in facade.search_all(kind) {
            let url = stored["url"].as_str().unwrap();
            let packed: Vec<_> = files
                .values()
                .filter(|file| file["url"] == url && file["version"] == stored["version"])
                .collect();
            assert_eq!(packed.len(), 1, "{url}");
            assert_eq!(
                (&packed[0]["id"], &packed[0]["resourceType"]),
                (&stored["id"], &stored["resourceType"])
            );
            assert!(
                facade
                    .search_all(&format!("{kind}?url={url}"))
                    .contains(&stored),
                "{url}"
            );
            served += 1;
        }
    }
    assert!(served >= 25, "{served}");
}

#[test]
fn the_index_tells_what_each_file_is() {
    let (_, _, bytes) = ask(&Facade::at(NOW), &[]);
    let files = files(&bytes);
    let index = &files["package/.index.json"];
    assert_eq!(index["index-version"], 2);
    let entries = index["files"].as_array().unwrap();
    for entry in entries {
        let file = &files[&format!("package/{}", entry["filename"].as_str().unwrap())];
        for (member, told) in entry
            .as_object()
            .unwrap()
            .iter()
            .filter(|(member, _)| *member != "filename")
        {
            assert_eq!(&file[member], told, "{entry}");
        }
        assert!(
            file["resourceType"].is_string() && entry["resourceType"].is_string(),
            "{entry}"
        );
    }
    let beside = files
        .keys()
        .filter(|path| path.matches('/').count() == 1)
        .count();
    assert_eq!(
        entries.len(),
        beside - 2,
        "all but the index and package.json are in the index"
    );
}

#[test]
fn the_package_is_the_same_bytes_each_time_and_is_not_sent_twice() {
    let facade = Facade::at(NOW);
    let (_, headers, bytes) = ask(&facade, &[]);
    assert_eq!(bytes, frist::app::packages::download().bytes);
    let etag = headers["etag"].to_str().unwrap();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    for known in [
        etag.to_owned(),
        format!("\"other\", {etag}"),
        format!("W/{etag}"),
        "*".to_owned(),
    ] {
        let (status, headers, body) = ask(&facade, &[("if-none-match", &known)]);
        assert_eq!(
            (status, headers["etag"].to_str().unwrap(), body.len()),
            (StatusCode::NOT_MODIFIED, etag, 0),
            "{known}"
        );
    }
    assert_eq!(
        ask(&facade, &[("if-none-match", "\"other\"")]).0,
        StatusCode::OK
    );
    let head = facade.send("HEAD", "/package.tgz", &[], Body::empty());
    assert_eq!(
        (head.status, head.header("content-length"), head.text.len()),
        (StatusCode::OK, bytes.len().to_string().as_str(), 0)
    );
    let post = facade.send("POST", "/package.tgz", &[], Body::empty());
    expect(&post, 405);
    assert_eq!(post.header("allow"), "GET, HEAD, OPTIONS");
}
