//! The files that the arguments name.

use std::path::{Path, PathBuf};

/// The file name that stands for standard input.
pub(super) const STANDARD_INPUT: &str = "-";

/// A file to read, or why it cannot be.
pub(super) struct InputFile {
    pub(super) path: PathBuf,
    pub(super) problem: Option<String>,
}

/// Finds the files that a path names: itself, or what lies below it, in order.
pub(super) fn find(path: &Path, inputs: &mut Vec<InputFile>) {
    let unreadable = |problem: String| InputFile {
        path: path.to_owned(),
        problem: Some(problem),
    };
    if path.as_os_str() == STANDARD_INPUT || !path.is_dir() {
        return inputs.push(InputFile {
            path: path.to_owned(),
            problem: None,
        });
    }
    let known = inputs.len();
    find_below(path, inputs);
    if inputs.len() == known {
        inputs.push(unreadable(
            "expected files *.json, *.ndjson or *.xml in this folder, found none".into(),
        ));
    }
}

fn find_below(folder: &Path, inputs: &mut Vec<InputFile>) {
    let listing =
        std::fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut entries = match listing {
        Ok(entries) => entries,
        Err(error) => {
            return inputs.push(InputFile {
                path: folder.to_owned(),
                problem: Some(error.to_string()),
            });
        }
    };
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Not what a link names: it may lead back to here.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find_below(&entry.path(), inputs);
        } else if [".json", ".ndjson", ".xml"]
            .iter()
            .any(|kind| name.ends_with(kind))
            && !name.starts_with('.')
            && name != "package.json"
        {
            inputs.push(InputFile {
                path: entry.path(),
                problem: None,
            });
        }
    }
}
