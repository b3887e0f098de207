//! The time until a subscriber knows, and the cost of a midnight on which many Tasks turn overdue:
//! `cargo bench --bench subscriptions -- [--only WORD] [--subscriptions N] [--tasks N] [--seconds
//! N] [--data DIR]`, where the word is `latency`, `isolation`, `midnight` or `waiting`.
//!
//! The program runs as a process of its own, on a folder on the disk, and syncs each commit;
//! requests and notifications go through sockets of this machine. Whoever writes and whoever
//! receives is this process: on two cores the server has what it leaves. `--data` keeps the persons
//! of the midnight for the next run, and says on which disk. It asserts that every event arrives,
//! once and in order, and no time; what was measured stands in docs/performance.md.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a program for those who measure"
)]

#[path = "subscriptions/latency.rs"]
mod latency;
#[path = "subscriptions/midnight.rs"]
mod midnight;
#[path = "subscriptions/receiver.rs"]
mod receiver;
#[path = "subscriptions/server.rs"]
mod server;

use std::path::PathBuf;
use std::time::Duration;

use midnight::Shape;

/// The options of the command line.
struct Options {
    only: Option<String>,
    /// So many subscriptions, of the numbers that latency is measured with.
    subscriptions: Option<usize>,
    tasks: usize,
    seconds: usize,
    data: Option<PathBuf>,
}

impl Options {
    fn read() -> Self {
        let mut options = Options {
            only: None,
            subscriptions: None,
            tasks: 100_000,
            seconds: 20,
            data: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .unwrap_or_else(|| panic!("{argument}: expected a value"))
            };
            match argument.as_str() {
                "--only" => options.only = Some(value()),
                "--subscriptions" => options.subscriptions = Some(value().parse().unwrap()),
                "--tasks" => options.tasks = value().parse().unwrap(),
                "--seconds" => options.seconds = value().parse().unwrap(),
                "--data" => options.data = Some(value().into()),
                // Cargo's own.
                "--bench" => {}
                _ => panic!(
                    "{argument}: expected --only, --subscriptions, --tasks, --seconds or --data"
                ),
            }
        }
        options
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == part)
    }
}

fn main() {
    let options = Options::read();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let cores = std::thread::available_parallelism().unwrap();
    println!(
        "{cores} cores ({}), which the server shares with those who write and receive\n",
        processor()
    );
    runtime.block_on(async {
        if options.wants("latency") {
            latencies(&options).await;
        }
        if options.wants("isolation") {
            isolation(&options).await;
        }
        if options.wants("midnight") || options.wants("waiting") {
            midnights(&options).await;
        }
    });
}

async fn latencies(options: &Options) {
    println!("{}", latency::HEAD);
    let shapes = [
        (1, true, 1, 100),
        (100, true, 1, 100),
        (1_000, true, 1, 100),
        (10_000, true, 1, 100),
        (100, false, 100, 20),
        (1_000, false, 100, 2),
    ];
    for (subscriptions, by_owner, max_count, rate) in shapes {
        // To make 10,000 takes minutes: only if they are asked for.
        if options
            .subscriptions
            .map_or(subscriptions > 1_000, |only| only != subscriptions)
        {
            continue;
        }
        let shape = latency::Shape {
            subscriptions,
            by_owner,
            max_count,
            rate,
            with_troubles: false,
        };
        println!("{}", latency::measure(&shape, options.seconds).await);
    }
    println!();
}

async fn isolation(options: &Options) {
    println!("{}", latency::HEAD);
    for with_troubles in [false, true] {
        let shape = latency::Shape {
            subscriptions: 100,
            by_owner: true,
            max_count: 1,
            rate: 100,
            with_troubles,
        };
        println!("{}", latency::measure(&shape, options.seconds).await);
    }
    println!();
}

async fn midnights(options: &Options) {
    let tasks = options.tasks;
    let own = tempfile::tempdir().unwrap();
    let folder = options
        .data
        .clone()
        .unwrap_or_else(|| own.path().to_owned())
        .join(format!("midnight-{tasks}"));
    if !folder.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        midnight::load(&folder, tasks).await;
    }
    if options.wants("midnight") {
        println!(
            "{tasks} Tasks turn overdue at one midnight:\n\n{}",
            midnight::HEAD
        );
        for (shape, max_count) in [
            (Shape::Everything(1), 1),
            (Shape::Everything(1), 100),
            (Shape::ByOwner, 1),
        ] {
            println!(
                "{}",
                midnight::midnight(&folder, tasks, &shape, max_count).await
            );
        }
        println!();
    }
    if options.wants("waiting") {
        println!("{}", midnight::waiting(&folder, tasks, 10, 100).await);
    }
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.starts_with("model name"))
        .unwrap_or_default();
    line.split(": ").nth(1).unwrap_or("unknown").to_owned()
}

/// The time that something took: usually, seldom, and at most.
pub(crate) struct Tail([Duration; 3]);

impl Tail {
    pub(crate) fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        let at = |share: f64| took[(took.len() as f64 * share) as usize];
        Tail([at(0.50), at(0.99), took[took.len() - 1]])
    }
}

impl std::fmt::Display for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p99, max] = self.0.map(|took| took.as_secs_f64() * 1e3);
        write!(f, "{p50:.1} / {p99:.1} / {max:.0}")
    }
}

/// Returns the cells of a row.
pub(crate) fn cells(tails: &[Tail]) -> String {
    tails
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" | ")
}
