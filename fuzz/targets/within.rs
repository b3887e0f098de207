//! Time, as what fuzzing finds: a small input that takes long is as bad as one that panics.

use std::time::{Duration, Instant};

/// What a round may take here, where every branch is counted and checked: several times what it takes in a release.
const TIME_MAX: Duration = Duration::from_millis(250);

/// Does the work; a panic if it took too long three times running, so that neither a busy machine nor a definition that is compiled
/// when it is first asked for counts.
pub fn within_time<T>(mut work: impl FnMut() -> T) -> T {
    for _ in 0..2 {
        let start = Instant::now();
        let result = work();
        if start.elapsed() < TIME_MAX {
            return result;
        }
    }
    let start = Instant::now();
    let result = work();
    let took = start.elapsed();
    assert!(took < TIME_MAX, "took {took:?}");
    result
}
