//! The commands that look at a folder while no server uses it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{copy, entries, invented, run};

/// Returns every file below a folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let below = |path: PathBuf| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    };
    entries(folder).into_iter().flat_map(below).collect()
}

/// Overwrites a byte of a word of a file, wherever it stands; returns whether it stands there.
fn overwrite(file: &Path, word: &str) -> bool {
    let bytes = fs::read(file).unwrap();
    let at = bytes
        .windows(word.len())
        .rposition(|found| found == word.as_bytes());
    if let Some(at) = at {
        let file = fs::File::options().write(true).open(file).unwrap();
        file.write_all_at(b"~", at as u64).unwrap();
    }
    at.is_some()
}

#[test]
fn a_whole_folder_is_verified_and_a_damaged_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    invented(&data);
    let (code, told, said) = run(&["verify", data.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{told}{said}");
    for part in [
        "is whole and complete to commit ",
        "the rights of 4 persons computed again",
    ] {
        assert!(told.contains(part), "{told}");
    }
    let damaged = folder.path().join("damaged");
    copy(&data, &damaged);
    let hit = files(&damaged.join("fjall"))
        .iter()
        .filter(|file| overwrite(file, "mellitus"))
        .count()
        + files(&damaged.join("fjall"))
            .iter()
            .filter(|file| overwrite(file, "generalPractitioner"))
            .count();
    assert!(hit > 0, "something was damaged");
    let (code, told, said) = run(&["verify", damaged.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{told}{said}");
    let (code, _, said) = run(&["verify", folder.path().join("none").to_str().unwrap()]);
    assert_eq!(code, Some(2), "{said}");
}

/// Returns the number of resources of a type that a server of the folder finds, and stops it.
fn count(data: &Path, of: &str) -> String {
    let serving = super::Serving::start(&["demo", "--data", data.to_str().unwrap()]);
    let (status, text) = super::get(&format!("{}/{of}?_count=0", serving.base));
    assert_eq!(status, 200, "{text}");
    serving.stop();
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    found["total"].to_string()
}

#[test]
fn a_backup_of_a_running_server_is_restored_with_all_that_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let [data, copies, again] = ["data", "copies", "again"].map(|name| folder.path().join(name));
    let [of, to] = [&data, &copies].map(|path| path.to_str().unwrap());
    let back_up = || run(&["backup", "--data", of, "--to", to]);
    let serving = super::Serving::start(&["demo", "--patients", "3", "--data", of]);
    let (code, told, said) = back_up();
    assert_eq!(code, Some(0), "{told}{said}");
    assert!(told.contains("copied everything"), "{told}");
    // Then something more, while it runs.
    let patient = r#"{"resourceType":"Patient","id":"later","identifier":[{"system":"urn:oid:1.2.208.176.1.2","value":"0405440001"}]}"#;
    let (status, text) = super::put(&format!("{}/Patient/later", serving.base), patient);
    assert_eq!(status, 201, "{text}");
    let (code, told, said) = back_up();
    assert_eq!(code, Some(0), "{told}{said}");
    assert!(told.contains("copied what came after commit "), "{told}");
    serving.stop();
    // Once more while nobody serves: there is nothing new but that somebody stopped.
    let (code, last, said) = back_up();
    assert_eq!(code, Some(0), "{last}{said}");

    let restore = |from: &Path, to: &Path| {
        run(&[
            "restore",
            "--from",
            from.to_str().unwrap(),
            "--data",
            to.to_str().unwrap(),
        ])
    };
    let (code, told, said) = restore(&copies, &again);
    assert_eq!(code, Some(0), "{told}{said}");
    let (code, verified, said) = run(&["verify", again.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{verified}{said}");
    let commit = |text: &str| {
        text.split("commit ")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        commit(&verified),
        commit(&told),
        "the restored folder holds what the backup says"
    );
    assert_eq!(count(&again, "Patient"), "4");
    assert_eq!(count(&again, "Task"), count(&data, "Task"));
    let (code, _, said) = restore(&copies, &again);
    assert_eq!(code, Some(1), "it holds a store already: {said}");

    // Backups of one store are none of another, and a damaged one restores nothing.
    let (code, _, said) = run(&["backup", "--data", again.to_str().unwrap(), "--to", of]);
    assert_eq!(code, Some(1), "{said}");
    let segment = entries(&copies)
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "segment"));
    assert!(overwrite(&segment.unwrap(), "generalPractitioner"));
    let (code, _, said) = restore(&copies, &folder.path().join("none"));
    assert_eq!(code, Some(1));
    assert!(said.contains("does not fit"), "{said}");
    assert!(!folder.path().join("none").exists(), "nothing was written");
    let (code, told, said) = run(&["compact", "--data", of]);
    assert_eq!(code, Some(0), "{told}{said}");
    assert_eq!(run(&["verify", of]).0, Some(0));
}
