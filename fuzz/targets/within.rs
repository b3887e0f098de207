//! Time, as what fuzzing finds: a small input that takes long is as bad as one that panics.

use std::fs::read_to_string;
use std::time::{Duration, Instant};

/// What a round may take here, where every branch is counted and checked: several times what it
/// takes in a release.
const TIME_MAX: Duration = Duration::from_millis(250);

/// Does the work; a panic if it took too long three times running, so that a definition that is
/// compiled when it is first asked for does not count. The third time, where the system tells, what
/// a busy machine did meanwhile does not count either.
pub fn within_time<T>(mut work: impl FnMut() -> T) -> T {
    for _ in 0..2 {
        let start = Instant::now();
        let result = work();
        if start.elapsed() < TIME_MAX {
            return result;
        }
    }
    let (start, before) = (Instant::now(), time_on_processor());
    let result = work();
    let took = before.zip(time_on_processor()).map_or_else(
        || start.elapsed(),
        |(before, after)| after.saturating_sub(before),
    );
    assert!(took < TIME_MAX, "took {took:?}");
    result
}

/// How long this thread has been computing (<https://docs.kernel.org/scheduler/sched-stats.html>).
fn time_on_processor() -> Option<Duration> {
    let text = read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ')
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}
