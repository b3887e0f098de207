//! Keeps docstrings in plain English: they begin with a verb or with a noun, never with a relative
//! clause.

use super::{Source, expect_none, file, sources};

/// The openings of clauses without a noun, which a reader has to turn around.
const TURNED_AROUND: &[&str] = &[
    "What", "That", "Whether", "Those", "Which", "How", "Who", "Whom", "Whose", "Where", "Why",
];

/// Returns the first lines of docstrings, each with its number and the code below the docstring.
fn docstrings(text: &str) -> Vec<(usize, &str, &str)> {
    let doc =
        |line: &str| line.trim_start().starts_with("///") || line.trim_start().starts_with("//!");
    let lines: Vec<&str> = text.lines().collect();
    let begins = |at: &usize| doc(lines[*at]) && (*at == 0 || !doc(lines[at - 1]));
    let starts = (0..lines.len()).filter(begins);
    let told = |at: usize| {
        let is_code = |line: &&&str| !doc(line) && !line.trim_start().starts_with("#[");
        let below = lines[at..]
            .iter()
            .find(is_code)
            .map_or("", |line| line.trim());
        (at + 1, lines[at].trim_start()[3..].trim(), below)
    };
    starts.map(told).collect()
}

fn first_word(text: &str) -> &str {
    text.split_whitespace()
        .next()
        .unwrap_or("")
        .trim_end_matches([',', '.', ':', ';'])
}

fn turned_around(folder: &str, file: &Source) -> Vec<String> {
    let found = docstrings(&file.text);
    let found = found
        .into_iter()
        .filter(|(_, text, _)| TURNED_AROUND.contains(&first_word(text)));
    found
        .map(|(line, text, _)| format!("{folder}/{}:{line}: {text}", file.path))
        .collect()
}

#[test]
fn docstrings_begin_with_a_verb_or_a_noun() {
    let mut offenders = Vec::new();
    for folder in ["src", "tests"] {
        offenders.extend(
            sources(folder)
                .iter()
                .flat_map(|file| turned_around(folder, file)),
        );
    }
    expect_none(
        offenders,
        "docstrings that begin with a relative clause (say what it does, or what it is):",
    );
}

/// Returns the functions whose docstring does not begin with a verb in the third person.
fn without_a_verb(file: &Source) -> Vec<String> {
    let is_function = |code: &str| {
        let code = code.trim_start_matches("pub ").trim_start_matches("const ");
        let code = code.strip_prefix("pub(").map_or(code, |rest| {
            rest.split_once(") ").map_or("", |(_, rest)| rest)
        });
        code.trim_start_matches("const ")
            .trim_start_matches("async ")
            .starts_with("fn ")
    };
    let is_verb = |word: &str| {
        word.starts_with(char::is_uppercase)
            && word.ends_with('s')
            && !["This", "Its", "Ids", "As"].contains(&word)
    };
    let found = docstrings(&file.text);
    let found = found
        .into_iter()
        .filter(|(_, text, code)| is_function(code) && !is_verb(first_word(text)));
    found
        .map(|(line, text, _)| format!("src/{}:{line}: {text}", file.path))
        .collect()
}

#[test]
fn docstrings_of_functions_begin_with_a_verb() {
    let offenders = sources("src").iter().flat_map(without_a_verb).collect();
    expect_none(
        offenders,
        "functions whose docstring does not say what they do (\"Returns …\", \"Reads …\"):",
    );
}

#[test]
fn openings_are_found() {
    let text = "//! What it owns.\n\n/// Reads it.\n/// What it reads is old.\n#[test]\nfn f() {}\n    /// How, it says.\n";
    assert_eq!(turned_around("src", &file("a.rs", text)).len(), 2);
    let text = "/// Returns it.\npub fn a() {}\n/// The name.\n#[must_use]\npub(super) const fn b() {}\n/// The name.\npub name: u8,\n/// A name.\nasync fn c() {}";
    let found = without_a_verb(&file("a.rs", text));
    assert_eq!(found, ["src/a.rs:3: The name.", "src/a.rs:8: A name."]);
}
