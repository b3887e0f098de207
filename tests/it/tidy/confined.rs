//! Keeps in one place what belongs in one place: the wire, the engines, the HTTP client, the clock,
//! new ids, and effects.

use super::source::{self, Token};
use super::{Source, expect_none, file, in_sources, sources};

/// Crates that belong to the wire.
const WIRE_CRATES: &[&str] = &["axum", "hyper", "hyper_util", "http_body_util", "tower"];
/// The modules that may name them.
const WIRE_MODULES: &[&str] = &["http", "app", "main"];

/// Crates of which each has a bounded number of files below one folder: crate, folder, files.
const CONFINED_CRATES: &[(&str, &str, usize)] = &[
    ("fjall", "storage/embedded/", 1),
    ("sled", "storage/embedded/", 1),
    ("reqwest", "", 2),
];

/// Modules without I/O, and what none of them may name.
const PURE_MODULES: &[&str] = &[
    "fhir",
    "fhirpath",
    "schema",
    "validation",
    "xml",
    "patch",
    "deadlines",
    "search",
    "intake",
    "demo",
];
const EFFECTS: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "tokio",
];

/// The modules that read `now` and make new ids: everything else takes them as values.
const CLOCK_MODULES: &[&str] = &["app"];
/// The modules that may measure a duration, which is not the time of day.
const STOPWATCH_MODULES: &[&str] = &["app", "http", "main", "subscriptions", "upstream"];

/// Returns the lines on which the file names an external crate.
fn lines_naming(tokens: &[Token<'_>], krate: &str) -> Vec<usize> {
    let own = source::declared_modules(tokens);
    let names = |path: &source::Path<'_>| {
        path.segments[0] == krate && (path.is_absolute || !own.contains(krate))
    };
    source::paths(tokens)
        .iter()
        .filter(|path| names(path))
        .map(|path| path.line)
        .collect()
}

fn wire_outside_http(file: &Source) -> Vec<String> {
    if WIRE_MODULES.contains(&file.module()) {
        return Vec::new();
    }
    let tokens = source::tokens(&file.text);
    let found = WIRE_CRATES.iter().flat_map(|krate| {
        lines_naming(&tokens, krate)
            .into_iter()
            .map(move |line| (line, krate))
    });
    found
        .map(|(line, krate)| format!("src/{}:{line}: {krate}", file.path))
        .collect()
}

#[test]
fn the_wire_is_named_only_in_http_and_app() {
    expect_none(
        in_sources(wire_outside_http),
        "the crates of the wire belong to src/http and src/app:",
    );
}

/// Returns the offences of the files that name one confined crate.
fn unconfined(naming: &[&str], (krate, folder, files_max): (&str, &str, usize)) -> Vec<String> {
    let outside = naming.iter().filter(|path| !path.starts_with(folder));
    let mut found: Vec<_> = outside
        .map(|path| format!("src/{path}: {krate} is named outside of src/{folder}"))
        .collect();
    if naming.len() > files_max {
        found.push(format!(
            "{krate} is named in {} files, at most {files_max} may: {}",
            naming.len(),
            naming.join(", ")
        ));
    }
    found
}

#[test]
fn engines_and_the_http_client_stay_in_their_files() {
    let sources = sources("src");
    let naming = |krate| {
        let names = |file: &&Source| !lines_naming(&source::tokens(&file.text), krate).is_empty();
        sources
            .iter()
            .filter(names)
            .map(|file| file.path.as_str())
            .collect::<Vec<_>>()
    };
    let offenders = CONFINED_CRATES
        .iter()
        .flat_map(|rule| unconfined(&naming(rule.0), *rule))
        .collect();
    expect_none(offenders, "crates that must stay where they are:");
}

/// Finds readings of a clock and makings of random ids outside of their modules.
fn hidden_inputs(file: &Source) -> Vec<String> {
    let tokens = source::tokens(&file.text);
    let mut found = Vec::new();
    for path in source::paths(&tokens) {
        let [.., owner, name] = path.segments[..] else {
            continue;
        };
        let allowed = match (owner, name) {
            ("Instant", "now") => STOPWATCH_MODULES,
            (_, "now" | "now_utc" | "new_v4" | "new_v7" | "now_v7") => CLOCK_MODULES,
            _ => continue,
        };
        if !allowed.contains(&file.module()) {
            found.push(format!("src/{}:{}: {owner}::{name}", file.path, path.line));
        }
    }
    found
}

#[test]
fn time_and_new_ids_are_values_everywhere_but_in_app() {
    expect_none(
        in_sources(hidden_inputs),
        "take the time or the id as an argument; only src/app reads the clock and makes ids:",
    );
}

fn effects(file: &Source) -> Vec<String> {
    if !PURE_MODULES.contains(&file.module()) {
        return Vec::new();
    }
    let tokens = source::tokens(&file.text);
    let named: Vec<_> = source::paths(&tokens)
        .into_iter()
        .map(|path| (path.line, path.segments.join("::")))
        .collect();
    let is_effect = |name: &str| {
        EFFECTS
            .iter()
            .any(|effect| name == *effect || name.starts_with(&format!("{effect}::")))
    };
    named
        .into_iter()
        .filter(|(_, name)| is_effect(name))
        .map(|(line, name)| format!("src/{}:{line}: {name}", file.path))
        .collect()
}

#[test]
fn pure_modules_have_no_effects() {
    expect_none(
        in_sources(effects),
        "these modules compute, and neither read nor write anything outside:",
    );
}

#[test]
fn crates_in_the_wrong_place() {
    let found = wire_outside_http(&file(
        "interactions/create.rs",
        "use axum::http::StatusCode;",
    ));
    assert_eq!(found, ["src/interactions/create.rs:1: axum"]);
    assert_eq!(
        wire_outside_http(&file("http/mod.rs", "use axum::Router;")),
        [""; 0]
    );
    assert_eq!(
        unconfined(&["app/mod.rs"], ("fjall", "storage/", 1)).len(),
        1
    );
    assert_eq!(
        unconfined(&["storage/a.rs", "storage/b.rs"], ("fjall", "storage/", 1)).len(),
        1
    );
    assert_eq!(
        unconfined(&["storage/a.rs"], ("fjall", "storage/", 1)),
        [""; 0]
    );
    assert_eq!(
        lines_naming(&source::tokens("\nuse sled::Db;"), "sled"),
        [2]
    );
    assert_eq!(
        lines_naming(&source::tokens("mod sled; use sled::Engine;"), "sled"),
        [0; 0]
    );
    assert_eq!(
        lines_naming(
            &source::tokens("mod sled; use ::sled::Db; fn f() { ::sled::open() }"),
            "sled"
        ),
        [1, 1]
    );
}

#[test]
fn clocks_ids_and_effects() {
    for (text, count) in [
        ("Timestamp::now()", 1),
        ("let now = jiff::Zoned::now;", 1),
        ("Uuid::new_v4()", 1),
        ("clock.now()", 0),
    ] {
        assert_eq!(
            hidden_inputs(&file("interactions/create.rs", text)).len(),
            count,
            "{text}"
        );
        assert_eq!(
            hidden_inputs(&file("app/clock.rs", text)),
            [""; 0],
            "{text}"
        );
    }
    assert_eq!(
        hidden_inputs(&file("http/mod.rs", "Instant::now(); SystemTime::now()")),
        ["src/http/mod.rs:1: SystemTime::now"]
    );
    assert_eq!(
        effects(&file("search/mod.rs", "use std::{fmt, fs::File};")),
        ["src/search/mod.rs:1: std::fs::File"]
    );
    assert_eq!(effects(&file("storage/mod.rs", "use std::fs;")), [""; 0]);
}
