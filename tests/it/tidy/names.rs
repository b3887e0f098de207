//! Keeps one name for one idea: a type's name stands for one type in the whole of `src/`.

use std::collections::BTreeMap;

use super::source::{tokens, without_tests};
use super::{Source, expect_none, file, sources};

/// The names that several types may share, since each is private to its file or is the word of its
/// field.
const SHARED: &[&str] = &[];

/// Returns the names of the types that a file defines outside of its tests.
fn defined(source: &Source) -> Vec<String> {
    let all = tokens(&source.text);
    let tokens = without_tests(&all);
    let mut depth = 0_usize;
    let mut found = Vec::new();
    for pair in tokens.windows(2) {
        match pair[0].text {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "struct" | "enum" | "trait" | "union" => found.push(pair[1].text),
            // Deeper it belongs to a trait.
            "type" if depth == 0 => found.push(pair[1].text),
            _ => {}
        }
    }
    let is_name = |name: &&str| name.starts_with(char::is_uppercase);
    found
        .into_iter()
        .filter(is_name)
        .map(str::to_owned)
        .collect()
}

/// Returns the names that are defined more than once, with the files.
fn shared(sources: &[Source]) -> BTreeMap<String, Vec<&str>> {
    let mut files: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in sources {
        for name in defined(source) {
            files.entry(name).or_default().push(&source.path);
        }
    }
    files.retain(|_, files| files.len() > 1);
    files
}

#[test]
fn a_name_stands_for_one_type() {
    let sources = sources("src");
    let shared = shared(&sources);
    let told = |(name, files): (&String, &Vec<&str>)| format!("{name}: {}", files.join(", "));
    let unexpected = shared
        .iter()
        .filter(|(name, _)| !SHARED.contains(&name.as_str()));
    expect_none(
        unexpected.map(told).collect(),
        "names that stand for several types:",
    );
    let gone = SHARED.iter().filter(|name| !shared.contains_key(**name));
    expect_none(
        gone.map(|name| (*name).to_owned()).collect(),
        "names in SHARED that are shared no more:",
    );
}

#[test]
fn types_are_found_wherever_they_are_defined() {
    let files = [
        file(
            "a.rs",
            "pub struct A<T>(T); trait B { type D; } fn f() { enum C {} } type E = u8;",
        ),
        file(
            "b.rs",
            "enum A {} struct B; struct C; impl X for Y { type D = u8; } type E = u8;",
        ),
        file(
            "c.rs",
            "macro_rules! m { ($n:ident) => { struct $n; } } #[cfg(test)] mod t { struct A; }",
        ),
    ];
    let shared = shared(&files);
    assert_eq!(shared.keys().collect::<Vec<_>>(), ["A", "B", "C", "E"]);
    assert_eq!(shared["A"], ["a.rs", "b.rs"]);
}
