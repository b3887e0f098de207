//! Bounds the length of functions and files, and says how a file opens.

use super::source;
use super::{Source, expect_none, file, sources};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_AIM: usize = 374;

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

#[test]
fn a_long_function_is_found() {
    let body = |lines: usize| format!("fn f() {{\n{}}}", "x();\n".repeat(lines - 2));
    assert_eq!(
        long_functions("src", &file("a.rs", &body(FUNCTION_LINES_MAX))),
        [""; 0]
    );
    assert_eq!(
        long_functions("src", &file("a.rs", &body(FUNCTION_LINES_MAX + 1))),
        ["src/a.rs:1: f has 71 lines"]
    );
}
