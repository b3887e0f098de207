//! Acknowledged writes survive the death of the process, and a loss of power as the C source beside
//! models it.
//!
//! Both run this very test binary again as a child that commits as fast as it can and says what was
//! acknowledged.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::UNIX_EPOCH;

use frist::fhir::{Id, ResourceKey, ResourceType, Version};
use frist::search::SearchQuery;
use frist::storage::embedded::{EmbeddedStore, Engine, StoreOptions};
use frist::storage::{
    Calendar, ChangeSet, Commits, EventStreams, Guard, NewEvent, Resources, TimerChange, Upkeep,
};
use jiff::civil::date;
use tempfile::TempDir;

use crate::store_contract::words::{by_token, changes, key, put, put_text, token};

/// The child's folder and engine; set only by a test that starts it.
const CHILD_FOLDER: &str = "FRIST_TEST_CHILD_FOLDER";
const CHILD_ENGINE: &str = "FRIST_TEST_CHILD_ENGINE";
/// So many threads of the child commit.
const THREADS: u64 = 4;

fn open(path: &Path, engine: Engine) -> EmbeddedStore {
    EmbeddedStore::open(
        path,
        engine,
        StoreOptions {
            cache_bytes: 8 << 20,
        },
    )
    .unwrap_or_else(|error| panic!("{error}"))
}

/// Runs as the child, when a test starts this binary again; it is no test by itself.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER).map(PathBuf::from) else {
        return;
    };
    match std::env::var(CHILD_ENGINE).unwrap().parse() {
        Ok(engine) => commit_for_ever(&open(&folder, engine)),
        Err(_) => write_without_a_store(&folder),
    }
}

/// Commits for ever. Each commit makes a Task and a Goal and the next version of its thread's
/// Patient; then it is said so.
fn commit_for_ever(store: &EmbeddedStore) {
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                let first = patient_version(store, thread);
                for number in first.. {
                    store.commit(commit_number(thread, number)).unwrap();
                    say(&format!("acknowledged {thread} {number}"));
                }
            });
        }
    });
}

fn patient_version(store: &EmbeddedStore, thread: u64) -> u64 {
    store
        .read(&key(&format!("Patient/{thread}")))
        .unwrap()
        .map_or(0, |stored| stored.version.0)
}

fn commit_number(thread: u64, number: u64) -> ChangeSet {
    let of_thread = |kind: &str| key(&format!("{kind}/{thread}-{number}"));
    let entries = || {
        vec![
            token("thread", "", &thread.to_string()),
            token("number", "", &number.to_string()),
        ]
    };
    // Large enough that the engines move data out of their journals while the child lives.
    let large = format!(
        r#"{{"resourceType":"Goal","text":"{}"}}"#,
        "x".repeat(400_000)
    );
    let writes = vec![
        put(&of_thread("Task"), None, entries()),
        put_text(&of_thread("Goal"), None, entries(), &large),
        put(
            &key(&format!("Patient/{thread}")),
            (number > 0).then_some(Version(number)),
            entries(),
        ),
    ];
    let timers = vec![TimerChange {
        owner: of_thread("Task"),
        day: Some(date(2027, 3, 1)),
    }];
    let events = vec![NewEvent {
        subscription: subscription_of(thread),
        focus: of_thread("Task"),
    }];
    ChangeSet {
        timers,
        touches: vec![Guard(format!("Patient/{thread}"))],
        events,
        ..changes(writes)
    }
}

fn subscription_of(thread: u64) -> Id {
    Id::parse(&format!("of-{thread}")).unwrap()
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}")
        .and_then(|()| out.flush())
        .unwrap();
}

/// The commits that the child said were acknowledged: for each thread the last one.
type Acknowledged = BTreeMap<u64, u64>;

fn start(
    folder: &Path,
    engine: &str,
    environment: &[(&str, &Path)],
) -> (Child, BufReader<ChildStdout>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "power_loss::child",
        "--nocapture",
        "--test-threads=1",
    ]);
    command
        .env(CHILD_FOLDER, folder)
        .env(CHILD_ENGINE, engine)
        .envs(environment.iter().copied());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

/// Lets a child commit until it has said so often that a commit was acknowledged, then kills it.
fn commit_and_kill(
    folder: &Path,
    engine: Engine,
    commits: usize,
    environment: &[(&str, &Path)],
    acknowledged: &mut Acknowledged,
) {
    let (mut child, out) = start(folder, engine.as_str(), environment);
    let mut said = 0;
    // What it said before it died counts, too.
    for line in out.lines() {
        let line = line.unwrap();
        if let Some((thread, number)) = line
            .strip_prefix("acknowledged ")
            .and_then(|rest| rest.split_once(' '))
        {
            acknowledged.insert(thread.parse().unwrap(), number.parse().unwrap());
            said += 1;
            if said == commits {
                child.kill().unwrap();
            }
        }
    }
    let status = child.wait().unwrap();
    assert!(said >= commits, "the child ended by itself: {status}");
}

/// Checks that everything acknowledged is there, and of everything that is there all parts are.
fn check(store: &EmbeddedStore, acknowledged: &Acknowledged) {
    assert_eq!(store.verify(), Vec::<String>::new());
    for thread in 0..THREADS {
        let kept = patient_version(store, thread);
        let expected = acknowledged.get(&thread).map_or(0, |last| last + 1);
        assert!(
            kept >= expected,
            "of {expected} acknowledged commits of thread {thread} only {kept} are there"
        );
        for kind in [ResourceType::Task, ResourceType::Goal] {
            let query = SearchQuery::all(kind, vec![by_token("thread", &thread.to_string())]);
            let page = store.search(&query, None).unwrap();
            assert_eq!(page.total as u64, kept, "{kind} of thread {thread}");
            assert!(page.matches.iter().all(|stored| {
                stored
                    .body
                    .as_ref()
                    .is_some_and(|body| body.ends_with(b"}"))
            }));
        }
        let numbers: Vec<_> = store
            .events(&subscription_of(thread), 0, usize::MAX)
            .unwrap()
            .iter()
            .map(|event| event.number)
            .collect();
        assert_eq!(
            numbers,
            (1..=kept).collect::<Vec<_>>(),
            "an event is there exactly if its commit is"
        );
        for number in 0..kept {
            let owner = ResourceKey::parse(&format!("Task/{thread}-{number}")).unwrap();
            assert_eq!(store.timer(&owner), Ok(Some(date(2027, 3, 1))));
        }
    }
}

fn a_killed_process_loses_nothing(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::new();
    for commits in [1, 2, 15, 3, 30, 5, 11, 8, 1, 10] {
        commit_and_kill(folder.path(), engine, commits, &[], &mut acknowledged);
        check(&open(folder.path(), engine), &acknowledged);
    }
}

fn a_power_loss_loses_nothing(engine: Engine) {
    let Some(model) = PowerLoss::build() else {
        return;
    };
    for rounds in [&[60][..], &[1], &[25, 20, 3]] {
        let store = model.folder("store");
        let mut acknowledged = Acknowledged::new();
        let mut folder = store;
        for commits in rounds {
            // The folder that came out of the loss before is the one that the next child works in.
            let (kept, next) = (model.folder("kept"), model.folder("shadow"));
            sync_tree(&folder, &kept);
            commit_and_kill(
                &folder,
                engine,
                *commits,
                &model.environment(&folder, &kept),
                &mut acknowledged,
            );
            rebuild(&kept, &identity(&folder), &next);
            folder = next;
            check(&open(&folder, engine), &acknowledged);
        }
    }
}

#[test]
fn fjall_survives_a_kill() {
    a_killed_process_loses_nothing(Engine::Fjall);
}

#[test]
fn fjall_survives_a_power_loss() {
    a_power_loss_loses_nothing(Engine::Fjall);
}

#[cfg(feature = "sled")]
#[test]
fn sled_survives_a_kill() {
    a_killed_process_loses_nothing(Engine::Sled);
}

#[cfg(feature = "sled")]
#[test]
fn sled_survives_a_power_loss() {
    a_power_loss_loses_nothing(Engine::Sled);
}

// ---- The model of a power loss ----

/// The model, built from the C source, and a place for the folders of a test.
struct PowerLoss {
    place: TempDir,
    library: PathBuf,
}

impl PowerLoss {
    /// Builds it; returns none, and says so in a line, where it cannot be built.
    fn build() -> Option<Self> {
        if !cfg!(target_os = "linux") {
            eprintln!("SKIPPED: the power-loss test needs Linux");
            return None;
        }
        let place = tempfile::tempdir().unwrap();
        let library = place.path().join("power_loss.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power_loss.c");
        let mut compile = Command::new("cc");
        compile
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
            .arg(&library)
            .arg(source)
            .arg("-ldl");
        match compile.status() {
            Ok(status) => assert!(
                status.success(),
                "the model of a power loss does not compile"
            ),
            Err(error) => {
                eprintln!("SKIPPED: the power-loss test needs a C compiler named 'cc' ({error})");
                return None;
            }
        }
        Some(PowerLoss { place, library })
    }

    /// Makes a new folder.
    fn folder(&self, name: &str) -> PathBuf {
        let folder = tempfile::Builder::new()
            .prefix(name)
            .tempdir_in(self.place.path())
            .unwrap();
        folder.keep().canonicalize().unwrap()
    }

    fn environment<'a>(&'a self, from: &'a Path, to: &'a Path) -> [(&'static str, &'a Path); 3] {
        [
            ("LD_PRELOAD", self.library.as_path()),
            ("POWER_LOSS_FROM", from),
            ("POWER_LOSS_TO", to),
        ]
    }
}

/// Returns its name as the C source has it: inode and birth.
fn identity(path: &Path) -> String {
    let metadata = fs::symlink_metadata(path).unwrap();
    let born = metadata
        .created()
        .map(|born| born.duration_since(UNIX_EPOCH).unwrap())
        .unwrap_or_default();
    format!(
        "{}-{}-{}",
        metadata.ino(),
        born.as_secs(),
        born.subsec_nanos()
    )
}

/// Notes a folder and all in it as synced, as it is after a start.
fn sync_tree(folder: &Path, kept: &Path) {
    let mut names = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = if path.is_dir() { 'd' } else { 'f' };
        names += &format!(
            "{kind} {} {}\n",
            identity(&path),
            path.file_name().unwrap().to_str().unwrap()
        );
        if path.is_dir() {
            sync_tree(&path, kept);
        } else {
            copy(&path, &kept.join(identity(&path)));
        }
    }
    fs::write(kept.join(identity(folder)), names).unwrap();
}

/// Puts together what the disk holds after the loss: names as last synced, bytes as last synced.
fn rebuild(kept: &Path, identity: &str, to: &Path) {
    fs::create_dir_all(to).unwrap();
    // A folder that was never synced is empty.
    let names = fs::read_to_string(kept.join(identity)).unwrap_or_default();
    let entry = |line: &str| {
        let mut parts = line.splitn(3, ' ').map(str::to_owned);
        let mut part = || parts.next().unwrap_or_else(|| panic!("{line}"));
        let (kind, identity) = (part(), part());
        (part(), (kind, identity))
    };
    // Later lines count.
    let names: BTreeMap<String, (String, String)> = names.lines().map(entry).collect();
    for (name, (kind, identity)) in names {
        let (bytes, target) = (kept.join(&identity), to.join(name));
        if kind == "d" {
            rebuild(kept, &identity, &target);
        } else if bytes.exists() {
            copy(&bytes, &target);
        } else {
            File::create(target).unwrap();
        }
    }
}

/// Copies a file and leaves its holes out: the engines set aside far more than they use.
pub(crate) fn copy(from: &Path, to: &Path) {
    use std::os::unix::fs::FileExt;
    let (input, output) = (File::open(from).unwrap(), File::create(to).unwrap());
    let length = input.metadata().unwrap().len();
    output.set_len(length).unwrap();
    let (mut piece, hole) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut at = 0;
    while at < length {
        let read = input.read_at(&mut piece, at).unwrap();
        if piece[..read] != hole[..read] {
            output.write_all_at(&piece[..read], at).unwrap();
        }
        at += read as u64;
    }
}

/// Writes a file that it syncs, one that it does not, and one in a folder whose name it does not
/// sync.
fn write_without_a_store(folder: &Path) {
    let write = |name: &str| {
        let mut file = File::create(folder.join(name)).unwrap();
        file.write_all(b"bytes").unwrap();
        file
    };
    write("synced").sync_data().unwrap();
    let _unsynced = write("unsynced");
    fs::rename(folder.join("synced"), folder.join("renamed")).unwrap();
    File::open(folder).unwrap().sync_all().unwrap();
    write("late").sync_all().unwrap();
    fs::create_dir(folder.join("unlisted")).unwrap();
    write("unlisted/synced").sync_all().unwrap();
    fs::rename(folder.join("renamed"), folder.join("renamed-again")).unwrap();
    fs::remove_file(folder.join("unsynced")).unwrap();
}

#[test]
fn the_model_keeps_what_was_synced_and_nothing_else() {
    let Some(model) = PowerLoss::build() else {
        return;
    };
    let (folder, kept, shadow) = (
        model.folder("folder"),
        model.folder("kept"),
        model.folder("shadow"),
    );
    let (mut child, out) = start(&folder, "none", &model.environment(&folder, &kept));
    assert!(out.lines().all(|line| line.is_ok()));
    assert!(child.wait().unwrap().success());
    rebuild(&kept, &identity(&folder), &shadow);
    let read = |name: &str| fs::read(shadow.join(name)).ok();
    assert_eq!(
        read("renamed").as_deref(),
        Some(&b"bytes"[..]),
        "bytes and name were synced"
    );
    assert_eq!(
        read("unsynced").as_deref(),
        Some(&b""[..]),
        "only the name was synced"
    );
    assert_eq!(
        read("late").as_deref(),
        Some(&b"bytes"[..]),
        "a new file's name goes with its bytes"
    );
    assert_eq!(
        read("unlisted/synced"),
        None,
        "the name of its folder was not synced"
    );
    assert_eq!(
        (read("synced"), read("renamed-again")),
        (None, None),
        "names before and after the sync"
    );
}
