//! The house rules that a program can see: who may know whom, what stands in one place only, how
//! files open, how long functions are.
//!
//! `EDGES` and the lists below it are the rules; `ARCHITECTURE.md` shows the same table to readers,
//! and a test compares the two. A new edge is a design decision: change both, and say why in the
//! commit.

mod source;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use source::Token;

/// Which modules each module may name, besides itself.
const EDGES: &[(&str, &[&str])] = &[
    ("fhir", &[]),
    ("fhirpath", &["fhir"]),
    ("schema", &["fhir", "fhirpath"]),
    ("validation", &["fhir", "fhirpath", "schema"]),
    ("patch", &["fhir", "fhirpath", "schema"]),
    ("deadlines", &["fhir"]),
    ("search", &["fhir", "fhirpath", "schema"]),
    ("storage", &["fhir", "search"]),
    ("auth", &["fhir"]),
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
        ],
    ),
    ("subscriptions", &["fhir", "search", "storage"]),
    ("http", &["interactions", "auth", "search", "fhir"]),
    ("demo", &["fhir"]),
];

/// The modules that wire the others together, and may name all of them.
const WIRING: &[&str] = &[
    "lib",
    "main",
    "app",
    "config",
    "packages",
    "validate_command",
];

/// Crates that belong to the wire.
const WIRE_CRATES: &[&str] = &["axum", "hyper", "hyper_util", "http_body_util", "tower"];
/// Where the wire is.
const WIRE_MODULES: &[&str] = &["http", "app", "main"];

/// Crates of which each has a bounded number of files below one folder: crate, folder, files.
const CONFINED_CRATES: &[(&str, &str, usize)] = &[
    ("fjall", "storage/", 1),
    ("sled", "storage/", 1),
    ("reqwest", "", 2),
];

/// Modules without I/O, and what none of them may name.
const PURE_MODULES: &[&str] = &[
    "fhir",
    "fhirpath",
    "schema",
    "validation",
    "patch",
    "deadlines",
    "search",
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

/// Where `now` is read, and where new ids are made: everything else takes them as values.
const CLOCK_MODULES: &[&str] = &["app"];
/// Where a duration may be measured, which is not the time of day.
const STOPWATCH_MODULES: &[&str] = &["app", "http", "main", "subscriptions"];

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_AIM: usize = 400;

/// One source file.
struct Source {
    /// Its path below `src/` or `tests/`.
    path: String,
    text: String,
}

impl Source {
    /// The top module it belongs to, as `storage`, or `main` for the program.
    fn module(&self) -> &str {
        self.path
            .split('/')
            .next()
            .unwrap_or("")
            .trim_end_matches(".rs")
    }

    /// How many modules deep its items are: 0 for the root, 1 for `storage/mod.rs`, 2 for
    /// `storage/log.rs`.
    fn depth(&self) -> usize {
        match self.path.as_str() {
            "lib.rs" | "main.rs" => 0,
            path => path.matches('/').count() + usize::from(!path.ends_with("mod.rs")),
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder, in order; what git ignores is left out.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a folder that can be listed").path())
        .collect();
    paths.sort();
    let ignored = |path: &PathBuf| {
        [
            ".git",
            "target",
            "frist-data",
            "frist-demo-data",
            "midnight-data",
        ]
        .iter()
        .any(|name| path.ends_with(name))
    };
    let visible = paths.into_iter().filter(|path| !ignored(path));
    visible
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// The Rust files below `src/` or `tests/`.
fn sources(folder: &str) -> Vec<Source> {
    let top = root().join(folder);
    let paths = files_below(&top)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let read = |path: PathBuf| Source {
        path: path
            .strip_prefix(&top)
            .expect("it is below")
            .to_string_lossy()
            .replace('\\', "/"),
        text: fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display())),
    };
    let sources: Vec<_> = paths.map(read).collect();
    assert!(!sources.is_empty(), "no Rust files found below {folder}/");
    sources
}

fn expect_none(offenders: Vec<String>, rule: &str) {
    assert!(
        offenders.is_empty(),
        "{rule}\n  {}\n",
        offenders.join("\n  ")
    );
}

/// Collects what `rule` finds in every file of `src/`.
fn in_sources(rule: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    sources("src").iter().flat_map(rule).collect()
}

/// The top module that a path names, if it names one: by `crate::`, or by enough `super::` to reach
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
        "edges that the module table (EDGES in tests/it/tidy.rs, ARCHITECTURE.md) does not allow:",
    );
}

/// The lines on which the file names an external crate.
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
        "the crates of the wire belong to src/http and src/app.rs:",
    );
}

/// What is wrong with the files (each with the crates it names) for one confined crate.
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

/// Readings of a clock and makings of random ids outside of their module.
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
        "take the time or the id as an argument; only src/app.rs reads the clock and makes ids:",
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
fn every_source_file_opens_with_what_it_owns() {
    let mut offenders = Vec::new();
    for folder in ["src", "tests"] {
        let silent = sources(folder)
            .into_iter()
            .filter(|file| !file.text.starts_with("//! "));
        offenders.extend(silent.map(|file| format!("{folder}/{}", file.path)));
    }
    expect_none(
        offenders,
        "these files do not open with `//!` and a sentence:",
    );
}

fn long_functions(folder: &str, file: &Source) -> Vec<String> {
    let tokens = source::tokens(&file.text);
    let long = source::functions(&tokens)
        .into_iter()
        .filter(|function| function.lines > FUNCTION_LINES_MAX);
    long.map(|function| {
        format!(
            "{folder}/{}:{}: {} has {} lines",
            file.path, function.line, function.name, function.lines
        )
    })
    .collect()
}

#[test]
fn functions_fit_on_a_screen() {
    let mut offenders = Vec::new();
    for folder in ["src", "tests"] {
        offenders.extend(
            sources(folder)
                .iter()
                .flat_map(|file| long_functions(folder, file)),
        );
    }
    expect_none(
        offenders,
        &format!("functions of more than {FUNCTION_LINES_MAX} lines (look for the missing noun):"),
    );
}

#[test]
fn nine_files_of_ten_are_short() {
    let sources: Vec<_> = ["src", "tests"].into_iter().flat_map(sources).collect();
    let long = sources
        .iter()
        .filter(|file| file.text.lines().count() >= FILE_LINES_AIM);
    let long: Vec<_> = long
        .map(|file| format!("{} has {} lines", file.path, file.text.lines().count()))
        .collect();
    if long.len() * 10 > sources.len() {
        expect_none(
            long,
            &format!(
                "of {} files more than one in ten has {FILE_LINES_AIM} lines or more:",
                sources.len()
            ),
        );
    }
}

/// Paths that mean something on one machine only, in pieces, so that this file does not contain
/// them.
fn machine_paths() -> Vec<String> {
    [
        ["/wor", "k/"],
        ["/roo", "t/"],
        ["/hom", "e/"],
        ["../sha", "red"],
    ]
    .map(|[a, b]| format!("{a}{b}"))
    .to_vec()
}

/// The lines of a text file that name a place on one machine.
fn machine_lines(path: &str, text: &str) -> Vec<String> {
    let places = machine_paths();
    let begins =
        |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || "._-/}".contains(c));
    let names = |line: &str| {
        places
            .iter()
            .any(|place| line.match_indices(place).any(|(at, _)| begins(&line[..at])))
    };
    let found = text.lines().enumerate().filter(|(_, line)| names(line));
    found
        .map(|(at, line)| {
            format!(
                "{path}:{}: {}",
                at + 1,
                line.trim().chars().take(120).collect::<String>()
            )
        })
        .collect()
}

#[test]
fn nothing_depends_on_the_machine_it_was_made_on() {
    let mut offenders = Vec::new();
    for file in files_below(root()) {
        let path = file
            .strip_prefix(root())
            .expect("it is below")
            .to_string_lossy()
            .into_owned();
        // `.ci/run` alone may look for the package of national examples beside the project; it
        // works without.
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        offenders.extend(
            machine_lines(&path, &text)
                .into_iter()
                .filter(|line| !line.starts_with(".ci/run:") || !line.contains("dk.core")),
        );
    }
    expect_none(offenders, "paths that exist on one machine only:");
}

/// The rows of the module table in `ARCHITECTURE.md`: a module and what it may use.
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
        "the module table of ARCHITECTURE.md and EDGES in tests/it/tidy.rs differ:",
    );
}

/// The rules themselves, on small sources that break them.
mod each_rule_finds_what_it_forbids {
    use super::*;

    fn file(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
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
            ("app.rs", "use crate::storage::Store;"),
        ] {
            assert_eq!(wrong_edges(&file(path, text)), [""; 0], "{text}");
        }
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
        assert_eq!(unconfined(&["app.rs"], ("fjall", "storage/", 1)).len(), 1);
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
            assert_eq!(hidden_inputs(&file("app.rs", text)), [""; 0], "{text}");
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

    #[test]
    fn long_functions_and_machine_paths() {
        let body = |lines: usize| format!("fn f() {{\n{}}}", "x();\n".repeat(lines - 2));
        assert_eq!(
            long_functions("src", &file("a.rs", &body(FUNCTION_LINES_MAX))),
            [""; 0]
        );
        assert_eq!(
            long_functions("src", &file("a.rs", &body(FUNCTION_LINES_MAX + 1))),
            ["src/a.rs:1: f has 71 lines"]
        );
        for place in machine_paths() {
            assert_eq!(
                machine_lines("a", &format!("x\ny \"{place}z\"")).len(),
                1,
                "{place}"
            );
            assert_eq!(
                machine_lines("a", &format!("https://a.org{place}")),
                [""; 0],
                "{place}"
            );
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
}
