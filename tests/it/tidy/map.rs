//! Keeps the documents true: the README is a page, the guides stand in its table, every link leads
//! somewhere, and the map in `ARCHITECTURE.md` shows every folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The most bytes that README.md may have: a front door, not a manual.
const README_BYTES_MAX: usize = 8_192;

/// The documents whose links are followed, besides the guides.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "conformance/clients/README.md",
    "findings/README.md",
];

/// The beginnings of paths in this project, where a document names one.
const OWN_PATHS: &[&str] = &[
    ".ci/",
    "benches/",
    "conformance/",
    "docs/",
    "examples/",
    "fuzz/",
    "profiles/",
    "src/",
    "tests/",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Lists the names in a folder, in order: of its folders, or of its files.
fn names_in(folder: &Path, is_folder: bool) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry that can be read"))
        .filter(|entry| entry.path().is_dir() == is_folder)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Lists the guides, as `docs/sending.md`.
fn guides() -> Vec<String> {
    let names = names_in(&root().join("docs"), false);
    names
        .iter()
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect()
}

/// Returns the lines of a document outside its blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_block = false;
    text.lines().filter(move |line| {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
            return false;
        }
        !is_block
    })
}

/// Returns a line without the text between backquotes.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Returns the targets of the links in a document.
fn links(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for line in prose(text) {
        for rest in line.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                targets.push(target.to_owned());
            }
        }
    }
    targets
}

/// Returns the paths of this project that a document names as code; one that stands for several,
/// as `src/**` or `NAME.rs`, is left out.
fn paths(text: &str) -> Vec<&str> {
    let code = prose(text).flat_map(|line| line.split('`').skip(1).step_by(2));
    let words = code.filter_map(|code| code.split_whitespace().next());
    words
        .filter(|word| OWN_PATHS.iter().any(|own| word.starts_with(own)))
        .filter(|word| !word.contains(['*', '…', '{', '[']) && !word.contains("NAME"))
        .collect()
}

/// Returns the anchors of a document's headings, as the forge makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut times = BTreeMap::<String, usize>::new();
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let slug: String = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect();
            let time = times.entry(slug.clone()).or_default();
            *time += 1;
            match *time {
                1 => slug,
                time => format!("{slug}-{}", time - 1),
            }
        })
        .collect()
}

/// Returns a path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

/// Says what is wrong with a link, if anything is.
fn broken(document: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = Path::new(document).parent().unwrap_or(Path::new(""));
    let file = match path {
        "" => PathBuf::from(document),
        path => normal(&folder.join(path)),
    };
    let full = root().join(&file);
    if !full.exists() {
        return Some(format!("{document}: ({target}): no such file"));
    }
    let has_anchor = || fs::read_to_string(&full).is_ok_and(|text| anchors(&text).contains(anchor));
    (!anchor.is_empty() && !has_anchor())
        .then(|| format!("{document}: ({target}): no such heading"))
}

/// Returns the folders in the first column of the map, as `src/fhir`.
fn mapped(text: &str) -> BTreeSet<String> {
    let map = text
        .lines()
        .skip_while(|line| *line != "## The map")
        .skip(1)
        .take_while(|line| !line.starts_with("## "));
    map.filter(|line| line.starts_with("| `"))
        .filter_map(|line| line.split('`').nth(1))
        .filter_map(|path| path.strip_suffix('/'))
        .map(str::to_owned)
        .collect()
}

/// Lists the folders that git leaves out, by the names in `.gitignore` that begin with a slash.
fn ignored() -> BTreeSet<String> {
    let text = read(".gitignore");
    let names = text.lines().filter_map(|line| line.strip_prefix('/'));
    names
        .map(str::to_owned)
        .chain([".git".to_owned()])
        .collect()
}

/// Collects a folder of the project and all folders below it.
fn collect_folders(path: &str, into: &mut BTreeSet<String>) {
    into.insert(path.to_owned());
    for name in names_in(&root().join(path), true) {
        collect_folders(&format!("{path}/{name}"), into);
    }
}

#[test]
fn the_readme_is_a_page() {
    let bytes = read("README.md").len();
    assert!(
        bytes <= README_BYTES_MAX,
        "README.md has {bytes} bytes, at most {README_BYTES_MAX}: what is more belongs to docs/"
    );
}

#[test]
fn every_guide_stands_in_the_table_of_the_readme() {
    let text = read("README.md");
    let shown: BTreeSet<_> = text
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(links)
        .collect();
    let guides = guides();
    assert!(!guides.is_empty(), "docs/ has no guide");
    let missing: Vec<_> = guides
        .iter()
        .filter(|guide| !shown.contains(*guide))
        .collect();
    assert!(
        missing.is_empty(),
        "guides that README.md does not list: {missing:?}"
    );
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let documents = DOCUMENTS.iter().map(|name| (*name).to_owned());
    let mut offenders = Vec::new();
    for document in documents.chain(guides()) {
        let text: Vec<_> = read(&document).lines().map(prose_line).collect();
        let targets = links(&text.join("\n"));
        offenders.extend(
            targets
                .iter()
                .filter_map(|target| broken(&document, target)),
        );
    }
    assert!(offenders.is_empty(), "links:\n{}", offenders.join("\n"));
}

#[test]
fn every_path_in_the_documents_exists() {
    let documents = DOCUMENTS.iter().map(|name| (*name).to_owned());
    let mut offenders = Vec::new();
    for document in documents.chain(guides()) {
        let text = read(&document);
        let gone = paths(&text)
            .into_iter()
            .filter(|path| !root().join(path).exists());
        offenders.extend(gone.map(|path| format!("{document}: `{path}`")));
    }
    assert!(
        offenders.is_empty(),
        "paths that do not exist:\n{}",
        offenders.join("\n")
    );
}

/// Removes code from a line of prose, so that no link is seen in it; a fence stays as it is.
fn prose_line(line: &str) -> String {
    if line.trim_start().starts_with("```") {
        line.to_owned()
    } else {
        without_code(line)
    }
}

#[test]
fn the_map_shows_every_folder() {
    let ignored = ignored();
    let mut folders: BTreeSet<_> = names_in(root(), true)
        .into_iter()
        .filter(|name| !ignored.contains(name))
        .collect();
    collect_folders("src", &mut folders);
    let mapped = mapped(&read("ARCHITECTURE.md"));
    let missing: Vec<_> = folders.difference(&mapped).collect();
    assert!(
        missing.is_empty(),
        "folders without a line in the map of ARCHITECTURE.md: {missing:?}"
    );
    let gone: Vec<_> = mapped
        .iter()
        .filter(|path| !root().join(path).is_dir())
        .collect();
    assert!(
        gone.is_empty(),
        "folders in the map of ARCHITECTURE.md that do not exist: {gone:?}"
    );
}

/// The rules themselves, on small documents that break them.
mod each_rule_finds_what_it_forbids {
    use super::*;

    #[test]
    fn links_and_anchors() {
        let text = "# A `b`, c\n[x](y.md#z) `[no](code)` [`w`](v)\n```\n[in](block)\n```\n## A b c\n## A b c\n";
        let lines: Vec<_> = text.lines().map(prose_line).collect();
        assert_eq!(links(&lines.join("\n")), ["y.md#z", "v"]);
        let expected = ["a-b-c", "a-b-c-1", "a-b-c-2"].map(str::to_owned);
        assert_eq!(anchors(text), BTreeSet::from(expected));
        for (target, is_broken) in [
            ("../README.md", false),
            ("../README.md#licence", false),
            ("../README.md#no-such-heading", true),
            ("no-such-file.md", true),
            ("https://example.org/nothing", false),
        ] {
            assert_eq!(
                broken("docs/sending.md", target).is_some(),
                is_broken,
                "{target}"
            );
        }
    }

    #[test]
    fn own_paths() {
        let text = "`src/a.rs` src/b.rs `run src/c` `tests/it/ --x` `src/**`\n```\n`src/d`\n```\n";
        assert_eq!(paths(text), ["src/a.rs", "tests/it/"]);
    }

    #[test]
    fn the_map() {
        let text = "## Other\n| `x/` | y |\n## The map\n| `src/a/` | b |\n| `c/` | d |\n## End\n| `e/` | f |\n";
        assert_eq!(
            mapped(text),
            BTreeSet::from(["src/a", "c"].map(str::to_owned))
        );
    }
}
