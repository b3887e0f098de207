//! One midnight on which many Tasks turn overdue, and a subscriber that was away meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Tail;
use super::receiver::{Manner, Receiver};
use super::server::{Server, patient, practice_id};

/// A diagnosis of this day has its deadline 30 days later, and is overdue from midnight on.
const RECORDED: &str = "2027-02-10";
const LOADED_AT: &str = "2027-03-12T12:00:00+01:00";
const MIDNIGHT: &str = "2027-03-13T00:00:00+01:00";
/// Everyone belongs to one of so many practices.
pub(crate) const PRACTICES: usize = 100;
/// The time before midnight at which the server is started: it must be ready by then, and the
/// subscriptions made.
const LEAD: SignedDuration = SignedDuration::from_secs(20);
/// Between two reads, and two writes, that are made meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Fills a folder with so many persons whose Tasks turn overdue at that midnight.
pub(crate) async fn load(folder: &Path, tasks: usize) {
    let start = Instant::now();
    let server = Server::start(folder, LOADED_AT).await;
    server.load(tasks, PRACTICES, RECORDED).await;
    server.stop();
    eprintln!(
        "{tasks} persons loaded in {:.0} s",
        start.elapsed().as_secs_f64()
    );
}

/// The subscriptions that follow the Tasks.
pub(crate) enum Shape {
    /// So many follow everything.
    Everything(usize),
    /// One for each practice.
    ByOwner,
}

impl Shape {
    fn filters(&self) -> Vec<Option<String>> {
        match self {
            Shape::Everything(subscriptions) => vec![None; *subscriptions],
            Shape::ByOwner => (0..PRACTICES)
                .map(|number| Some(format!("Task?owner=Organization/{}", practice_id(number))))
                .collect(),
        }
    }

    fn name(&self) -> String {
        match self {
            Shape::Everything(subscriptions) => format!("{subscriptions} to everything"),
            Shape::ByOwner => format!("{PRACTICES}, each to one practice"),
        }
    }
}

/// The head of the table of midnights.
pub(crate) const HEAD: &str = "\
| subscriptions | last commit, s | last POST, s | memory before / at most, MB | a read meanwhile: p50 / p99 / max ms | a write | server's CPU, s |
|---|---|---|---|---|---|---|";

/// A server that is started just before midnight on a copy of the folder, with its subscriptions.
struct Eve {
    server: Arc<Server>,
    receiver: Receiver,
    /// Midnight by the clock of this process.
    midnight: Instant,
    _folder: tempfile::TempDir,
}

impl Eve {
    async fn begin(loaded: &Path, shape: &Shape, manner: Manner, max_count: u32) -> Self {
        let folder = tempfile::tempdir_in(loaded.parent().unwrap()).unwrap();
        let copied = std::process::Command::new("cp")
            .arg("-r")
            .arg(loaded.join("."))
            .arg(folder.path())
            .status();
        assert!(copied.unwrap().success());
        let midnight: Timestamp = MIDNIGHT.parse().unwrap();
        let server = Arc::new(Server::start(folder.path(), &(midnight - LEAD).to_string()).await);
        let filters = shape.filters();
        let receiver = Receiver::start(&vec![manner; filters.len()]).await;
        server.subscribe(&receiver, &filters, max_count).await;
        let probe = server.put(&stranger("Anders")).await;
        let left = Duration::try_from(midnight.duration_since(probe.instant))
            .expect("ready before midnight");
        Eve {
            server,
            receiver,
            midnight: probe.sent + left,
            _folder: folder,
        }
    }
}

/// Lets that midnight come; answers the row of the table.
pub(crate) async fn midnight(loaded: &Path, tasks: usize, shape: &Shape, max_count: u32) -> String {
    let eve = Eve::begin(loaded, shape, Manner::Good, max_count).await;
    let Eve {
        server,
        receiver,
        midnight,
        ..
    } = &eve;
    tokio::time::sleep_until((*midnight - Duration::from_secs(1)).into()).await;
    server.forget_peak();
    let (before_mb, cpu_s) = (server.memory_mb("VmRSS"), server.cpu_s());
    let is_over = Arc::new(AtomicBool::new(false));
    let reads = ask(
        server,
        &is_over,
        tasks,
        |server, number, tasks| async move {
            server
                .get(&format!(
                    "/fhir/Task?patient=Patient/person-{}",
                    number * 97 % tasks
                ))
                .await;
        },
    );
    let writes = ask(server, &is_over, tasks, |server, number, _| async move {
        server.put(&stranger(&format!("Nr{number}"))).await;
    });
    let expected = tasks as u64;
    while server.events_written().await < expected {
        tokio::time::sleep(ASK_EVERY).await;
    }
    let written = midnight.elapsed();
    while receiver.events() < expected {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let arrived = midnight.elapsed();
    let (peak_mb, cpu_s) = (server.memory_mb("VmHWM"), server.cpu_s() - cpu_s);
    is_over.store(true, Ordering::SeqCst);
    let (reads, writes) = (
        Tail::of(reads.await.unwrap()),
        Tail::of(writes.await.unwrap()),
    );
    assert_eq!(
        (server.events_written().await, receiver.events()),
        (expected, expected),
        "one event for each Task"
    );
    eprintln!("  {} messages", receiver.messages());
    let (written, arrived, name) = (written.as_secs_f64(), arrived.as_secs_f64(), shape.name());
    let Eve { server, .. } = eve;
    Arc::into_inner(server).unwrap().stop();
    format!(
        "| {name}, max-count {max_count} | {written:.1} | {arrived:.1} | {before_mb} / {peak_mb} | {reads} | {writes} | {cpu_s:.0} |"
    )
}

/// Returns somebody who has no rights, by a name that is new each time: what is measured by writing
/// that is the server, and no person's own step.
fn stranger(given: &str) -> Value {
    let mut stranger = patient(0, PRACTICES);
    (stranger["id"], stranger["name"][0]["given"][0]) = ("stranger".into(), given.into());
    stranger["identifier"][0]["value"] = "2405440001".into();
    stranger
}

/// Asks again and again, when it is due, until it is over; answers how long each took from then.
fn ask<F>(
    server: &Arc<Server>,
    is_over: &Arc<AtomicBool>,
    tasks: usize,
    one: impl Fn(Arc<Server>, usize, usize) -> F + Send + 'static,
) -> tokio::task::JoinHandle<Vec<Duration>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (server, is_over) = (Arc::clone(server), Arc::clone(is_over));
    tokio::spawn(async move {
        let (start, mut asked) = (Instant::now(), Vec::new());
        for number in 0.. {
            let due = start + ASK_EVERY * number;
            tokio::time::sleep_until(due.into()).await;
            if is_over.load(Ordering::SeqCst) {
                break;
            }
            let answer = one(Arc::clone(&server), number as usize, tasks);
            asked.push(tokio::spawn(async move {
                answer.await;
                due.elapsed()
            }));
        }
        let mut took = Vec::new();
        for answer in asked {
            took.push(answer.await.unwrap());
        }
        took
    })
}

/// Lets that midnight come while the endpoint of so many subscriptions is dead, and then come up;
/// answers a line.
pub(crate) async fn waiting(
    loaded: &Path,
    tasks: usize,
    subscriptions: usize,
    max_count: u32,
) -> String {
    let eve = Eve::begin(
        loaded,
        &Shape::Everything(subscriptions),
        Manner::Dead,
        max_count,
    )
    .await;
    let Eve {
        server,
        receiver,
        midnight,
        ..
    } = &eve;
    receiver.set_dead(true);
    tokio::time::sleep_until((*midnight - Duration::from_secs(1)).into()).await;
    let before_mb = server.memory_mb("VmRSS");
    let expected = (tasks * subscriptions) as u64;
    while server.events_written().await < expected {
        tokio::time::sleep(ASK_EVERY).await;
    }
    // What it was needed for is given back.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (written_mb, written_peak_mb) = (server.memory_mb("VmRSS"), server.memory_mb("VmHWM"));
    server.forget_peak();
    receiver.set_dead(false);
    while receiver.events() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (start, cpu_s) = (Instant::now(), server.cpu_s());
    while receiver.events() < expected {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (took, cpu_s, peak_mb) = (
        start.elapsed().as_secs_f64(),
        server.cpu_s() - cpu_s,
        server.memory_mb("VmHWM"),
    );
    let share = 100_000.0 / expected as f64;
    let (took, cpu_s) = (took * share, cpu_s * share);
    let Eve { server, .. } = eve;
    Arc::into_inner(server).unwrap().stop();
    format!(
        "{expected} events waiting ({subscriptions} subscriptions to an endpoint that is dead, max-count {max_count}): {before_mb} MB before, {written_mb} MB \
         while they wait (at most {written_peak_mb}), {peak_mb} MB at most while it catches up; 100,000 are caught up with in {took:.1} s ({cpu_s:.1} s of CPU)"
    )
}
