//! The time of the searches that users make, and its growth with the population: `cargo bench
//! --bench search -- [PERSONS…] [--data DIR] [WORD…]`, where a word is part of a query's name.
//!
//! A population of [`frist::demo`] is loaded through ordinary transactions, in districts of ten
//! thousand persons with practices, hospitals and centres of their own, as a country has them: a
//! practice does not grow when the country does. Then each request goes through the real
//! router in this process, from one client and from four; no socket is in between. With `--data`
//! the stores stay for the next run. Before all that it says how long it takes to index one plan.
//! It asserts that requests succeed, and no time; what was measured stands in docs/performance.md.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a program for those who measure"
)]

#[path = "search/district.rs"]
mod district;
#[path = "search/requests.rs"]
mod requests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use frist::app::ServerClock;
use frist::demo::Population;
use frist::fhir::{Resource, ResourceKey, copenhagen_date, json};
use frist::http::{Wire, WireOptions, router};
use frist::interactions::{Server, ServerParts, overview, transaction};
use frist::schema::guide;
use frist::search::compartment::found_by;
use frist::storage::Store;
use frist::storage::embedded::{EmbeddedStore, Engine, StoreOptions};
use jiff::Timestamp;
use tower::ServiceExt as _;

use district::District;
use requests::{Ask, Known, QUERIES, Query};

/// The instant at which the population's stories end.
const NOW: &str = "2027-03-01T09:00:00+01:00";
const SEED: u64 = 1;
/// The number of transactions that wait at once while a store is filled: commits that wait together
/// share a sync.
const LOADERS: usize = 8;
/// The time for which a query is measured with each number of clients, after a tenth of that to get
/// warm.
const TIME: Duration = Duration::from_millis(1_500);
const ROUNDS_MIN: usize = 60;

/// The words after `cargo bench --bench search --`.
struct Arguments {
    /// The populations, in persons.
    sizes: Vec<usize>,
    /// Parts of the names of the queries that are measured; all are if there is none.
    words: Vec<String>,
    /// The folder in which the stores are kept for the next run.
    data: Option<PathBuf>,
}

impl Arguments {
    fn given() -> Self {
        let (mut sizes, mut words, mut data) = (Vec::new(), Vec::new(), None);
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.parse::<usize>() {
                Ok(size) => sizes.push(size),
                Err(_) if argument == "--data" => data = arguments.next().map(PathBuf::from),
                Err(_) if argument.starts_with('-') => {}
                Err(_) => words.push(argument),
            }
        }
        if sizes.is_empty() {
            sizes = vec![10_000, 100_000];
        }
        Arguments { sizes, words, data }
    }
}

fn main() {
    let Arguments { sizes, words, data } = Arguments::given();
    tell_indexing();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let wanted =
        |query: &&Query| words.is_empty() || words.iter().any(|word| query.name.contains(&**word));
    let queries: Vec<&Query> = QUERIES.iter().filter(wanted).collect();
    let mut rows: Vec<Vec<Measured>> = queries.iter().map(|_| Vec::new()).collect();
    for size in sizes {
        let folder = tempfile::tempdir().unwrap();
        let path = data.as_ref().map_or_else(
            || folder.path().to_owned(),
            |data| data.join(size.to_string()),
        );
        let population = Population {
            size,
            seed: SEED,
            today: copenhagen_date(NOW.parse().unwrap()),
        };
        let server = Arc::new(open(&path));
        load(&server, population);
        tell_size(&path, &server);
        let known = Known::of(&server, population);
        let wire = Wire::new(
            Arc::clone(&server),
            WireOptions::plain(
                Box::new(move || clock().context()),
                Arc::new(frist::app::packages::download()),
            ),
        );
        wire.set_ready(true);
        let router = router(wire);
        for (query, measured) in queries.iter().zip(&mut rows) {
            let (one, latencies) = run(&runtime, &router, query, &known, 1);
            let (four, _) = run(&runtime, &router, query, &known, 4);
            measured.push(Measured {
                p50: at(&latencies, 0.50),
                p99: at(&latencies, 0.99),
                one,
                four,
            });
            eprintln!("  {:<44} {}", query.name, measured.last().unwrap());
        }
        eprintln!(
            "  memory after the queries: {} MB, at most {} MB",
            memory_mb("VmRSS"),
            memory_mb("VmHWM")
        );
    }
    print_table(&queries, &rows);
}

/// Prints a row for each query, with what was measured in each population.
fn print_table(queries: &[&Query], rows: &[Vec<Measured>]) {
    println!(
        "| query | p50 / p99 ms, requests/s of 1 and 4 clients, for each population | growth of p50 |\n|---|---|---|"
    );
    for (query, measured) in queries.iter().zip(rows) {
        let cells: Vec<String> = measured.iter().map(ToString::to_string).collect();
        let growth = measured.last().unwrap().p50.as_secs_f64() / measured[0].p50.as_secs_f64();
        println!("| {} | {} | {growth:.1} |", query.name, cells.join(" | "));
    }
}

/// Says how long it takes to find what the guide's full CarePlan is found by.
fn tell_indexing() {
    let text = guide::FOLDER
        .get_file("example/CarePlan-plan-full.json")
        .unwrap()
        .contents_utf8()
        .unwrap();
    let plan = json::parse(text.as_bytes()).unwrap();
    let key = ResourceKey::parse("CarePlan/7").unwrap();
    let mut rounds: Vec<Duration> = (0..5_000)
        .map(|_| {
            let before = Instant::now();
            drop(std::hint::black_box(found_by(
                &key,
                std::hint::black_box(&plan),
            )));
            before.elapsed()
        })
        .collect();
    rounds.sort_unstable();
    let us = |share| at(&rounds, share).as_secs_f64() * 1e6;
    let entries = found_by(&key, &plan).len();
    println!(
        "indexing a CarePlan of {} bytes, {entries} entries: {:.0} µs, p99 {:.0} µs\n",
        plan.to_string().len(),
        us(0.50),
        us(0.99)
    );
}

fn clock() -> ServerClock {
    ServerClock::starting_at(NOW.parse().unwrap())
}

/// Returns the server over the store in that folder.
fn open(path: &Path) -> Server {
    let store = EmbeddedStore::open(path, Engine::Fjall, StoreOptions::default()).unwrap();
    let validator = Arc::new(frist::app::packages::validator(&[]).unwrap());
    let base = "http://frist.test/fhir".to_owned();
    Server::new(ServerParts::shipped(Arc::new(store), validator, base))
}

/// Fills the store, if it is empty, and says how long that takes.
fn load(server: &Server, population: Population) {
    if overview::changes(server, &clock().context()).unwrap() > 0 {
        return;
    }
    let start = Instant::now();
    let send = |bundle: serde_json::Value| {
        let bundle = Resource::from_value(bundle).unwrap();
        transaction::process(server, &clock().context(), &bundle)
            .unwrap_or_else(|failure| panic!("{:?}", failure.issues()));
    };
    for district in District::all(population.size) {
        send(district.own(Population::organizations()));
    }
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for loader in 0..LOADERS {
            let (next, send) = (&next, &send);
            scope.spawn(move || {
                // Everybody tells the stories, which is cheap, and sends their own part.
                for (index, story) in population.persons().enumerate() {
                    if index % LOADERS == loader {
                        story
                            .bundles
                            .into_iter()
                            .for_each(|bundle| send(District::of_person(index).own(bundle)));
                        let done = next.fetch_add(1, Ordering::Relaxed) + 1;
                        if done.is_multiple_of(5_000) {
                            eprintln!(
                                "  {done} persons after {:.0} s",
                                start.elapsed().as_secs_f64()
                            );
                        }
                    }
                }
            });
        }
    });
    eprintln!(
        "{} persons loaded in {:.0} s",
        population.size,
        start.elapsed().as_secs_f64()
    );
}

fn tell_size(path: &Path, server: &Server) {
    fn bytes(path: &Path) -> u64 {
        let inner = |entry: std::fs::DirEntry| {
            if entry.path().is_dir() {
                bytes(&entry.path())
            } else {
                entry.metadata().unwrap().len()
            }
        };
        std::fs::read_dir(path)
            .unwrap()
            .map(|entry| inner(entry.unwrap()))
            .sum()
    }
    let versions = overview::changes(server, &clock().context()).unwrap();
    eprintln!(
        "{versions} versions, {} MB on the disk, {} MB of memory",
        bytes(path) / 1_000_000,
        memory_mb("VmRSS")
    );
}

/// Reads a figure of this process from the system, in megabytes.
fn memory_mb(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with(what))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kb| kb.parse::<u64>().ok())
        .unwrap_or(0)
        / 1_000
}

/// Requests a second, and how long each request took of one client, from the shortest.
fn run(
    runtime: &tokio::runtime::Runtime,
    router: &Router,
    query: &Query,
    known: &Known,
    clients: usize,
) -> (f64, Vec<Duration>) {
    let mut number = 0;
    let warm = Instant::now();
    while warm.elapsed() < TIME / 10 || number < 5 {
        send(runtime, router, (query.ask)(known, number));
        number += 1;
    }
    let (over, taken) = (AtomicBool::new(false), AtomicUsize::new(number));
    let start = Instant::now();
    let latencies: Vec<Vec<Duration>> = std::thread::scope(|scope| {
        let one = || {
            let mut latencies = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let ask = (query.ask)(known, taken.fetch_add(1, Ordering::Relaxed));
                let before = Instant::now();
                send(runtime, router, ask);
                latencies.push(before.elapsed());
                if start.elapsed() > TIME && latencies.len() * clients >= ROUNDS_MIN {
                    over.store(true, Ordering::Relaxed);
                }
            }
            latencies
        };
        let running: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
        running
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    let elapsed = start.elapsed().as_secs_f64();
    let mut latencies: Vec<Duration> = latencies.into_iter().flatten().collect();
    latencies.sort_unstable();
    (latencies.len() as f64 / elapsed, latencies)
}

fn send(runtime: &tokio::runtime::Runtime, router: &Router, ask: Ask) {
    let request = match &ask {
        Ask::Get(path) => Request::get(format!("/fhir/{path}")).body(Body::empty()),
        Ask::Form(path, form) => Request::post(format!("/fhir/{path}/_search"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.clone())),
    };
    runtime.block_on(async {
        let response = router.clone().oneshot(request.unwrap()).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert_eq!(
            status,
            StatusCode::OK,
            "{ask:?}: {}",
            String::from_utf8_lossy(&body)
        );
    });
}

/// The figures of one query on one population.
struct Measured {
    p50: Duration,
    p99: Duration,
    one: f64,
    four: f64,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(
            f,
            "{:.1} / {:.1}, {:.0} and {:.0}",
            ms(self.p50),
            ms(self.p99),
            self.one,
            self.four
        )
    }
}

fn at(latencies: &[Duration], share: f64) -> Duration {
    latencies[(latencies.len() as f64 * share) as usize]
}

/// Returns the instant of the change so many changes before the last one.
fn instant_before(store: &dyn Store, changes: u64) -> Timestamp {
    let (last, _) = store.last_commit().unwrap();
    let before = frist::storage::Position(last.0.saturating_sub(changes));
    let change = store.changes_after(before, 1).unwrap().remove(0);
    store
        .read_version(&change.key, change.version)
        .unwrap()
        .unwrap()
        .last_updated
}
