//! The house rules that a program can see, one file each; every rule is proved on a small source
//! that breaks it.

mod circles;
mod confined;
mod context;
mod docstrings;
mod lengths;
mod machine;
mod map;
mod modules;
mod names;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
struct Source {
    /// Its path below `src/` or `tests/`.
    path: String,
    text: String,
}

impl Source {
    /// Returns the top module it belongs to, as `storage`, or `main` for the program.
    fn module(&self) -> &str {
        self.path
            .split('/')
            .next()
            .unwrap_or("")
            .trim_end_matches(".rs")
    }

    /// Counts how many modules deep its items are: 0 for the root, 1 for `storage/mod.rs`, 2 for
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

/// Lists all files below a folder, in order; what git ignores is left out.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a folder that can be listed").path())
        .collect();
    paths.sort();
    let ignored = |path: &PathBuf| {
        [".git", "target", "frist-data", "frist-demo-data"]
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

/// Reads the Rust files below `src/` or `tests/`.
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

/// Makes a source of a text, to prove a rule on.
fn file(path: &str, text: &str) -> Source {
    Source {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}
