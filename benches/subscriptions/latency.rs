//! From a write to its notification: writes come when they are due, whether or not the ones before
//! them are done, so that no stall is hidden.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::receiver::{Arrival, Manner, Receiver};
use super::server::{Server, Written, condition, practice_id};
use super::{Tail, cells};

/// The persons that are written about, each in turn.
const PERSONS: usize = 1_000;
/// The clock of the server, and the day of the diagnoses.
const CLOCK: &str = "2027-03-01T09:00:00+01:00";
const RECORDED: &str = "2027-02-20";
/// Writes before anything is measured, in seconds.
const WARM_S: usize = 2;

/// The shape of a measurement.
pub(crate) struct Shape {
    /// The number of subscriptions that are measured.
    pub(crate) subscriptions: usize,
    /// True if each follows one practice, so that a write concerns one of them; otherwise each
    /// follows everything.
    pub(crate) by_owner: bool,
    pub(crate) max_count: u32,
    /// Writes a second.
    pub(crate) rate: usize,
    /// True if one dead and one slow endpoint follow everything besides.
    pub(crate) with_troubles: bool,
}

impl Shape {
    fn name(&self) -> String {
        let Shape {
            subscriptions,
            rate,
            max_count,
            ..
        } = self;
        let follows = if self.by_owner {
            "each follows one practice".to_owned()
        } else {
            format!("all follow all, max-count {max_count}")
        };
        let subscriptions = if *subscriptions == 1 {
            "1 subscription".to_owned()
        } else {
            format!("{subscriptions} subscriptions")
        };
        let troubles = if self.with_troubles {
            ", beside a dead and a slow endpoint"
        } else {
            ""
        };
        format!("{subscriptions}, {follows}, {rate} writes/s{troubles}")
    }
}

/// The head of the table.
pub(crate) const HEAD: &str = "\
| subscriptions | answer of the write → POST: p50 / p99 / max ms | instant of the event → POST | write due → POST | write due → answer | CPU of a write |
|---|---|---|---|---|---|";

/// Measures one shape for so many seconds; answers the row of the table.
pub(crate) async fn measure(shape: &Shape, seconds: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::start(folder.path(), CLOCK).await);
    let receiver = subscribe(&server, shape).await;

    let start = Instant::now();
    let (cpu_s, written) = write(&server, shape.rate, seconds, start).await;
    let expected = written.len()
        * if shape.by_owner {
            1
        } else {
            shape.subscriptions
        };
    let arrived = || {
        (0..shape.subscriptions)
            .map(|number| receiver.slot(number, |slot| slot.arrivals.len()))
            .sum::<usize>()
    };
    while arrived() < expected {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let cpu_ms = (server.cpu_s() - cpu_s) * 1e3 / (seconds * shape.rate) as f64;
    let took = start.elapsed().as_secs_f64();
    assert_eq!(arrived(), expected, "each write is one event");
    eprintln!(
        "  {expected} events, all arrived after {took:.1} s of {}; {} MB",
        WARM_S + seconds,
        server.memory_mb("VmHWM")
    );
    let arrivals: Vec<_> = (0..shape.subscriptions)
        .flat_map(|number| receiver.slot(number, |slot| std::mem::take(&mut slot.arrivals)))
        .collect();
    let row = tails(&written, shape.rate * WARM_S, &arrivals, start);
    Arc::into_inner(server).unwrap().stop();
    format!("| {} | {} | {cpu_ms:.1} ms |", shape.name(), cells(&row))
}

/// Fills the server with persons and subscribes the endpoints of the shape.
async fn subscribe(server: &Server, shape: &Shape) -> Receiver {
    let practices = if shape.by_owner {
        shape.subscriptions
    } else {
        100
    };
    server.load(PERSONS, practices, RECORDED).await;
    let mut manners = vec![Manner::Good; shape.subscriptions];
    let filter = |number| {
        shape
            .by_owner
            .then(|| format!("Task?owner=Organization/{}", practice_id(number)))
    };
    let mut filters: Vec<_> = (0..shape.subscriptions).map(filter).collect();
    if shape.with_troubles {
        manners.extend([Manner::Dead, Manner::Slow]);
        filters.extend([None, None]);
    }
    let receiver = Receiver::start(&manners).await;
    server.subscribe(&receiver, &filters, shape.max_count).await;
    receiver.set_dead(true);
    receiver
}

/// Sends writes when they are due; answers the processor time before the first that is measured,
/// and each write with when it was due.
async fn write(
    server: &Arc<Server>,
    rate: usize,
    seconds: usize,
    start: Instant,
) -> (f64, Vec<(Instant, Written)>) {
    let interval = Duration::from_secs(1) / u32::try_from(rate).unwrap();
    let (mut cpu_s, mut writes) = (0.0, Vec::new());
    for number in 0..(WARM_S + seconds) * rate {
        let due = start + interval * u32::try_from(number).unwrap();
        tokio::time::sleep_until(due.into()).await;
        if number == WARM_S * rate {
            cpu_s = server.cpu_s();
        }
        let server = Arc::clone(server);
        let verified = if (number / PERSONS).is_multiple_of(2) {
            "refuted"
        } else {
            "confirmed"
        };
        let resource = condition(number % PERSONS, RECORDED, verified);
        writes.push(tokio::spawn(
            async move { (due, server.put(&resource).await) },
        ));
    }
    let mut written = Vec::new();
    for write in writes {
        written.push(write.await.unwrap());
    }
    (cpu_s, written)
}

/// Returns the times of the row, of all writes but those of the time to get warm.
fn tails(
    written: &[(Instant, Written)],
    warm: usize,
    arrivals: &[Arrival],
    start: Instant,
) -> [Tail; 4] {
    // The server's clock was shifted at its start. No write can have come about before it was sent:
    // the least shift by which that is so is the clock's, but for the shortest time between
    // sending and being read.
    let shift_us = written
        .iter()
        .map(|(_, write)| us(write.sent, start) - write.instant.as_microsecond())
        .max()
        .unwrap();
    let measured = &written[warm..];
    let by_instant: HashMap<_, &(Instant, Written)> = measured
        .iter()
        .map(|write| (write.1.instant, write))
        .collect();
    let (mut of_event, mut of_answer, mut of_due) = (Vec::new(), Vec::new(), Vec::new());
    for arrival in arrivals {
        let Some((due, write)) = by_instant.get(&arrival.instant) else {
            continue;
        };
        let event_us = write.instant.as_microsecond() + shift_us;
        of_event.push(Duration::from_micros(
            (us(arrival.at, start) - event_us).max(0).unsigned_abs(),
        ));
        // One that came before its write was answered did not wait at all.
        of_answer.push(arrival.at.saturating_duration_since(write.answered));
        of_due.push(arrival.at.saturating_duration_since(*due));
    }
    let answered = Tail::of(
        measured
            .iter()
            .map(|(due, write)| write.answered.saturating_duration_since(*due))
            .collect(),
    );
    [
        Tail::of(of_answer),
        Tail::of(of_event),
        Tail::of(of_due),
        answered,
    ]
}

fn us(at: Instant, start: Instant) -> i64 {
    i64::try_from(at.saturating_duration_since(start).as_micros()).unwrap()
}
