//! Holds the edges between modules: who may know whom.
//!
//! `EDGES` is the rule; `ARCHITECTURE.md` shows the same table to readers, and a test compares the
//! two. A new edge is a design decision: change both, and say why in the commit.

use std::collections::BTreeMap;
use std::fs;

use super::source;
use super::{Source, expect_none, file, in_sources, root, sources};

/// The modules that each module may name, besides itself.
const EDGES: &[(&str, &[&str])] = &[
    ("fhir", &[]),
    ("fhirpath", &["fhir"]),
    ("schema", &["fhir", "fhirpath"]),
    ("validation", &["fhir", "fhirpath", "schema"]),
    ("xml", &["fhir", "fhirpath", "schema"]),
    ("patch", &["fhir", "fhirpath", "schema"]),
    ("deadlines", &["fhir"]),
    ("search", &["fhir", "fhirpath", "schema"]),
    ("storage", &["fhir", "search"]),
    ("auth", &["fhir"]),
    ("intake", &["fhir", "deadlines"]),
    (
        "interactions",
        &[
            "fhir",
            "schema",
            "validation",
            "patch",
            "deadlines",
            "search",
            "storage",
            "subscriptions",
            "auth",
            "intake",
        ],
    ),
    ("subscriptions", &["fhir", "search", "storage"]),
    (
        "upstream",
        &["fhir", "storage", "interactions", "subscriptions", "intake"],
    ),
    (
        "http",
        &["interactions", "auth", "search", "fhir", "xml", "upstream"],
    ),
    ("demo", &["fhir"]),
];

/// The modules that wire the others together, and may name all of them.
const WIRING: &[&str] = &["lib", "main", "app", "config"];

/// Returns the top module that a path names, if it names one: by `crate::`, or by enough `super::` to reach
/// the root.
fn target_module<'a>(path: &source::Path<'a>, file_depth: usize) -> Option<&'a str> {
    let segments = if path.segments.first() == Some(&"self") {
        &path.segments[1..]
    } else {
        &path.segments[..]
    };
    if segments.first() == Some(&"crate") {
        return Some(segments.get(1).copied().unwrap_or("crate"));
    }
    let up = segments
        .iter()
        .take_while(|segment| **segment == "super")
        .count();
    (up > 0 && up == file_depth + path.inline_depth)
        .then(|| segments.get(up).copied().unwrap_or("super"))
}

fn wrong_edges(file: &Source) -> Vec<String> {
    let module = file.module();
    if WIRING.contains(&module) {
        return Vec::new();
    }
    let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == module) else {
        return vec![format!(
            "src/{}: the module '{module}' is not in the table",
            file.path
        )];
    };
    let tokens = source::tokens(&file.text);
    let paths = source::paths(&tokens);
    let edges = paths
        .iter()
        .filter_map(|path| Some((path.line, target_module(path, file.depth())?)));
    let wrong = edges.filter(|(_, target)| *target != module && !allowed.contains(target));
    wrong
        .map(|(line, target)| format!("src/{}:{line}: {module} -> {target}", file.path))
        .collect()
}

#[test]
fn modules_name_only_the_modules_that_the_table_allows() {
    expect_none(
        in_sources(wrong_edges),
        "edges that the module table (EDGES in tests/it/tidy/modules.rs, ARCHITECTURE.md) does not allow:",
    );
}

/// Reads the rows of the module table in `ARCHITECTURE.md`: a module and what it may use.
fn table_for_readers(text: &str) -> BTreeMap<String, Vec<String>> {
    let names = |cell: &str| {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let table = text
        .lines()
        .skip_while(|line| !line.starts_with("| module |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = table.map(|line| line.trim_matches('|').split('|').collect::<Vec<_>>());
    cells
        .flat_map(|row| {
            names(row[0])
                .into_iter()
                .map(|module| (module, names(row[2])))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_map_for_readers_shows_the_table_that_is_guarded() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let shown = table_for_readers(&text);
    let mut offenders = Vec::new();
    for (module, allowed) in EDGES {
        let Some(row) = shown.get(*module) else {
            continue;
        };
        if row.iter().map(String::as_str).ne(allowed.iter().copied()) {
            offenders.push(format!(
                "{module}: ARCHITECTURE.md says {row:?}, the guard says {allowed:?}"
            ));
        }
    }
    let sources = sources("src");
    let missing = sources
        .iter()
        .map(Source::module)
        .filter(|module| *module != "lib" && !shown.contains_key(*module));
    offenders.extend(missing.map(|module| format!("{module}: no row in ARCHITECTURE.md")));
    offenders.dedup();
    expect_none(
        offenders,
        "the module table of ARCHITECTURE.md and EDGES in tests/it/tidy/modules.rs differ:",
    );
}

#[test]
fn edges() {
    for (path, text, expected) in [
        (
            "fhir/key.rs",
            "use crate::storage::Store;",
            "fhir -> storage",
        ),
        (
            "deadlines/mod.rs",
            "fn f(s: &dyn crate::storage::Store) {}",
            "deadlines -> storage",
        ),
        (
            "storage/mod.rs",
            "use crate::{fhir::Id, http::Failure};",
            "storage -> http",
        ),
        ("search/mod.rs", "use super::storage;", "search -> storage"),
        (
            "search/query.rs",
            "use super::super::storage;",
            "search -> storage",
        ),
        (
            "search/query.rs",
            "mod tests { use super::super::super::storage; }",
            "search -> storage",
        ),
        ("fhir/key.rs", "use crate as everything;", "fhir -> crate"),
        ("fhir/key.rs", "use crate::*;", "fhir -> *"),
        ("helpers.rs", "", "the module 'helpers' is not in the table"),
    ] {
        let found = wrong_edges(&file(path, text));
        assert!(
            found.len() == 1 && found[0].ends_with(expected),
            "{path}: {text}: {found:?}"
        );
    }
    for (path, text) in [
        (
            "storage/mod.rs",
            "use crate::{fhir::Id, search::IndexEntry}; // crate::http",
        ),
        (
            "search/query.rs",
            "use super::entry; mod tests { use super::*; use super::super::matching; }",
        ),
        (
            "http/error.rs",
            "/// [`crate::storage`]\nuse crate::interactions::Failure;",
        ),
        ("app/mod.rs", "use crate::storage::Store;"),
    ] {
        assert_eq!(wrong_edges(&file(path, text)), [""; 0], "{text}");
    }
}

#[test]
fn the_readers_table() {
    let text = "x\n| module | owns | may use | never |\n|---|---|---|---|\n| `a`, `b` | `x` | `fhir`, `c` | d |\n| `e` | | nothing | |\n\n| `z` |";
    let shown = table_for_readers(text);
    assert_eq!(shown.keys().collect::<Vec<_>>(), ["a", "b", "e"]);
    assert_eq!(shown["a"], ["fhir", "c"]);
    assert_eq!(shown["e"], [""; 0]);
}
