//! The data folder of an embedded store: who may open it, what is refused and in which words, and
//! what damage is noticed.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use frist::fhir::{ResourceType, Version};
use frist::search::{Clause, SearchQuery};
use frist::storage::embedded::{EmbeddedStore, Engine, OpenError, StoreOptions};
use frist::storage::{
    Commits, Indexing, Marks, Position, ReindexFrom, Resources, SearchError, StoredVersion, Upkeep,
    Wish,
};

use crate::power_loss::copy;
use crate::store_contract::words::{by_token, commit, delete, key, put, token};

/// Each of these on each engine.
macro_rules! on_each_engine {
    ($($test:ident),+ $(,)?) => {
        mod fjall {
            $(#[test] fn $test() { super::$test(super::Engine::Fjall); })+
        }
        #[cfg(feature = "sled")]
        mod sled {
            $(#[test] fn $test() { super::$test(super::Engine::Sled); })+
        }
    };
}

on_each_engine![
    a_folder_in_use_is_refused_until_it_is_let_go,
    another_engine_and_another_layout_are_refused,
    what_is_no_store_is_left_alone,
    what_cannot_be_written_is_refused,
    a_store_of_an_older_layout_is_read_and_then_of_this_one,
    a_store_whose_making_was_cut_short_is_made_again,
    lost_records_are_noticed,
    a_flipped_bit_is_refused_or_harmless,
];

fn open(path: &Path, engine: Engine) -> Result<EmbeddedStore, OpenError> {
    EmbeddedStore::open(
        path,
        engine,
        StoreOptions {
            cache_bytes: 8 << 20,
        },
    )
}

/// Returns the error, which must be one line that names the folder.
fn refused(path: &Path, engine: Engine) -> OpenError {
    let error = open(path, engine).map(|_| ()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(path.to_str().unwrap()) && !text.contains('\n') && text.contains(": "),
        "{text}"
    );
    error
}

fn fill(store: &EmbeddedStore, from: u64, until: u64) {
    for number in from..until {
        let entries = vec![
            token("number", "", &number.to_string()),
            token("kind", "", "task"),
        ];
        commit(store, put(&key(&format!("Task/{number}")), None, entries));
    }
}

fn marker(path: &Path) -> PathBuf {
    path.join("frist-store.json")
}

fn edit_marker(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(marker(path)).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(marker(path), text.replace(from, to)).unwrap();
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_tree(&path, &target)
        } else {
            copy(&path, &target)
        }
    }
}

fn a_folder_in_use_is_refused_until_it_is_let_go(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on the way");
    for round in 0..5 {
        let store = open(&path, engine).unwrap();
        assert_eq!(refused(&path, engine), OpenError::Locked(path.clone()));
        fill(&store, round, round + 1);
        assert_eq!(store.failure(), None);
    }
}

fn another_engine_and_another_layout_are_refused(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    drop(open(path, engine).unwrap());
    for other in Engine::ALL.iter().filter(|other| **other != engine) {
        assert_eq!(
            refused(path, *other),
            OpenError::OtherEngine(path.into(), engine.to_string(), other.to_string())
        );
    }
    edit_marker(path, engine.as_str(), "stone");
    assert_eq!(
        refused(path, engine),
        OpenError::OtherEngine(path.into(), "stone".into(), engine.to_string())
    );
    edit_marker(path, "stone", engine.as_str());
    let told: serde_json::Value = serde_json::from_slice(&fs::read(marker(path)).unwrap()).unwrap();
    let known = told["layout"].as_u64().unwrap();
    let next = known + 1;
    edit_marker(
        path,
        &format!("\"layout\":{known}"),
        &format!("\"layout\":{next}"),
    );
    let kept = fs::read(marker(path)).unwrap();
    let newer = refused(path, engine);
    assert_eq!(newer, OpenError::UnknownLayout(path.into(), next));
    assert!(
        newer.to_string().contains(&format!(
            "was made by a newer program (layout {next}, this one knows {known}): "
        )),
        "{newer}"
    );
    assert_eq!(
        fs::read(marker(path)).unwrap(),
        kept,
        "what is not known is left alone"
    );
    // Nothing else is expected of a marker that is not known.
    fs::write(marker(path), r#"{"layout":0,"engines":["stone"]}"#).unwrap();
    let older = refused(path, engine);
    assert!(
        older.to_string().contains(&format!(
            "was made by an older program (layout 0, this one knows {known}): "
        )),
        "{older}"
    );
    fs::write(marker(path), "{").unwrap();
    assert!(matches!(refused(path, engine), OpenError::Corrupt(..)));
    assert_eq!(
        "stone"
            .parse::<Engine>()
            .unwrap_err()
            .to_string()
            .lines()
            .count(),
        1
    );
    assert_eq!(engine.as_str().parse(), Ok(engine));
}

fn what_is_no_store_is_left_alone(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    assert_eq!(
        refused(folder.path(), engine),
        OpenError::NotAStore(folder.path().into())
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

fn what_cannot_be_written_is_refused(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        assert!(matches!(refused(&path, engine), OpenError::NotWritable(..)));
    }
}

fn a_store_of_an_older_layout_is_read_and_then_of_this_one(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    fill(&open(folder.path(), engine).unwrap(), 0, 2);
    let layout = || {
        serde_json::from_slice::<serde_json::Value>(&fs::read(marker(folder.path())).unwrap())
            .unwrap()["layout"]
            .clone()
    };
    assert_eq!(layout(), 3);
    for older in [1, 2] {
        edit_marker(
            folder.path(),
            "\"layout\":3",
            &format!("\"layout\":{older}"),
        );
        let store = open(folder.path(), engine).unwrap();
        assert_eq!(
            layout(),
            3,
            "an older program that was started now would miss what this one keeps"
        );
        assert_eq!(store.last_commit().unwrap().0, Position(2));
        assert_eq!(store.verify(), Vec::<String>::new());
    }
}

fn a_store_whose_making_was_cut_short_is_made_again(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), engine).unwrap());
    let engine_folder = folder.path().join(engine.as_str());
    edit_marker(folder.path(), "\"complete\":true", "\"complete\":false");
    for name in fs::read_dir(&engine_folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
    {
        fs::write(name, "").unwrap();
    }
    let store = open(folder.path(), engine).unwrap();
    fill(&store, 0, 1);
    drop(store);
    assert_eq!(
        open(folder.path(), engine)
            .unwrap()
            .last_commit()
            .unwrap()
            .0,
        Position(1)
    );
}

/// Tries an older copy of the records under a newer note of what was acknowledged, and no records
/// at all.
fn lost_records_are_noticed(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let (path, earlier) = (folder.path().join("store"), folder.path().join("earlier"));
    fill(&open(&path, engine).unwrap(), 0, 3);
    copy_tree(&path, &earlier);
    assert_eq!(
        open(&earlier, engine).unwrap().last_commit().unwrap().0,
        Position(3)
    );
    fill(&open(&path, engine).unwrap(), 3, 4);
    fs::copy(path.join("acknowledged"), earlier.join("acknowledged")).unwrap();
    assert!(matches!(refused(&earlier, engine), OpenError::Corrupt(..)));
    fs::remove_dir_all(path.join(engine.as_str())).unwrap();
    assert!(matches!(refused(&path, engine), OpenError::Corrupt(..)));
}

/// Returns everything that the store says.
fn tell(store: &EmbeddedStore) -> Result<Vec<Option<StoredVersion>>, SearchError> {
    let mut told = Vec::new();
    for change in store.changes_after(Position(0), usize::MAX)? {
        told.push(store.read_version(&change.key, change.version)?);
    }
    for clauses in [
        vec![],
        vec![by_token("kind", "task")],
        vec![by_token("number", "7")],
    ] {
        told.extend(
            store
                .search(&SearchQuery::all(ResourceType::Task, clauses), None)?
                .matches
                .into_iter()
                .map(Some),
        );
    }
    Ok(told)
}

fn a_flipped_bit_is_refused_or_harmless(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path, engine).unwrap();
    fill(&store, 0, 40);
    let expected = tell(&store).unwrap();
    drop(store);
    let written = written_bytes(&path.join(engine.as_str()));
    let (mut refused, mut harmless) = (0, 0);
    // An arithmetic sequence spreads the flips over everything that was written.
    for trial in 0..30 {
        let (file, at) = &written[(trial * 7_919_777 + 1_234) % written.len()];
        let damaged = folder.path().join(trial.to_string());
        copy_tree(&path, &damaged);
        let file = fs::File::options()
            .read(true)
            .write(true)
            .open(damaged.join(file.strip_prefix(&path).unwrap()))
            .unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, *at).unwrap();
        byte[0] ^= 1 << (trial % 8);
        file.write_all_at(&byte, *at).unwrap();
        // Engines panic on some damage, which is no wrong answer.
        let told = catch_unwind(AssertUnwindSafe(|| {
            open(&damaged, engine)
                .ok()
                .and_then(|store| tell(&store).ok())
        }));
        match told.ok().flatten() {
            Some(told) => {
                assert!(told == expected, "wrong without a word after trial {trial}");
                harmless += 1;
            }
            None => refused += 1,
        }
    }
    assert!(
        refused > 0,
        "all of {harmless} flips did no harm: was anything flipped?"
    );
}

/// Returns the place of every byte that is not zero.
fn written_bytes(path: &Path) -> Vec<(PathBuf, u64)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let of_file = |path: PathBuf| {
        let (bytes, hole) = (fs::read(&path).unwrap(), vec![0; 1 << 12]);
        let pieces = bytes
            .chunks(hole.len())
            .enumerate()
            .filter(|(_, piece)| **piece != hole[..piece.len()]);
        let places = pieces.flat_map(|(number, piece)| {
            (0..piece.len())
                .filter(|at| piece[*at] != 0)
                .map(move |at| number * (1 << 12) + at)
        });
        places
            .map(|at| (path.clone(), at as u64))
            .collect::<Vec<_>>()
    };
    paths
        .into_iter()
        .flat_map(|path| {
            if path.is_dir() {
                written_bytes(&path)
            } else {
                of_file(path)
            }
        })
        .collect()
}

#[test]
fn entries_that_were_made_in_another_way_are_made_anew() {
    for engine in Engine::ALL {
        made_anew(*engine);
    }
}

/// Writes three versions of a Task, and a Goal that is deleted.
fn write_three_and_delete_one(store: &EmbeddedStore) {
    for version in 0..3 {
        commit(
            store,
            put(
                &key("Task/7"),
                (version > 0).then_some(Version(version)),
                vec![token("old", "", &format!("{version}"))],
            ),
        );
    }
    commit(
        store,
        put(&key("Goal/7"), None, vec![token("old", "", "0")]),
    );
    commit(store, delete(&key("Goal/7"), Some(Version(1))));
}

/// Checks that the Task is found by its new entries alone, in each of its versions.
fn expect_found_by_new_entries(store: &EmbeddedStore) {
    let body = store.read(&key("Task/7")).unwrap().unwrap().body.unwrap();
    let found = |clause: Clause, position: u64| {
        store
            .search(
                &SearchQuery::all(ResourceType::Task, vec![clause]),
                Some(Position(position)),
            )
            .unwrap()
            .total
    };
    let first = store
        .read_version(&key("Task/7"), Version(1))
        .unwrap()
        .unwrap()
        .body
        .unwrap();
    assert_eq!(
        (
            found(by_token("old", "2"), 9),
            found(by_token("new", &body.len().to_string()), 9)
        ),
        (0, 1)
    );
    assert_eq!(
        found(by_token("new", &first.len().to_string()), 1),
        1,
        "the past is found by the new entries too"
    );
}

fn made_anew(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        cache_bytes: 8 << 20,
    };
    let store = open(folder.path(), engine).unwrap();
    write_three_and_delete_one(&store);
    let (before, instants) = (tell(&store).unwrap(), store.last_commit());
    drop(store);

    let entries_of =
        |_: ResourceType, body: &[u8]| Some(vec![token("new", "", &body.len().to_string())]);
    // What is as it should be is left alone, unless somebody insists.
    for (mark, from, expected) in [
        ("1", ReindexFrom::Rest, (5, 4)),
        ("1", ReindexFrom::Rest, (0, 0)),
        ("1", ReindexFrom::Beginning, (5, 0)),
        ("2", ReindexFrom::Rest, (5, 1)),
    ] {
        let marks = Marks::from([("Task?new".to_owned(), mark.to_owned())]);
        let store = EmbeddedStore::open_indexed(folder.path(), engine, options, &marks).unwrap();
        let done = store
            .reindex(
                Indexing {
                    marks: &marks,
                    entries_of: &entries_of,
                },
                from,
                &mut |_| Wish::GoOn,
            )
            .unwrap()
            .unwrap();
        assert_eq!((done.versions, done.mended), expected);
        assert_eq!(store.verify(), Vec::<String>::new());
        assert_eq!(
            (&tell(&store).unwrap()[..5], store.last_commit()),
            (&before[..5], instants.clone())
        );
        expect_found_by_new_entries(&store);
    }
}
