//! Keeps paths of one machine out of the project.

use std::fs;

use super::{expect_none, files_below, root};

/// Lists the beginnings of paths that mean something on one machine only, in pieces, so that this file does not contain
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

/// Returns the lines of a text file that name a place on one machine.
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

#[test]
fn a_path_of_one_machine_is_found() {
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
