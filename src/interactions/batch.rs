//! What a batch does (<https://hl7.org/fhir/R4/http.html#transaction>): its entries are carried out one by one, in no order, several at
//! a time.

use std::sync::{Mutex, PoisonError};
use std::thread;

use super::bundle_entry::{Allowance, EntryAnswer, EntryRequest, answer};
use super::{Context, Failure, Server};

/// How many entries of a batch are worked on at once: they share the store's syncs.
const WORKERS_MAX: usize = 16;

/// Carries out each request by itself; the answers stand in the order of the requests.
pub(super) fn batch(
    server: &Server,
    context: &Context,
    requests: Vec<Result<EntryRequest, Failure>>,
) -> Vec<EntryAnswer> {
    let allowance = Allowance::default();
    let threads = server
        .batch_threads
        .borrow(requests.len().min(WORKERS_MAX).saturating_sub(1));
    let waiting = Mutex::new(requests.into_iter().enumerate());
    let next = || {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    };
    let work = || {
        let mut answers = Vec::new();
        while let Some((at, request)) = next() {
            let answer = request.and_then(|request| answer(server, context, request, &allowance));
            answers.push((at, answer.unwrap_or_else(EntryAnswer::Failed)));
        }
        answers
    };
    let mut answers = thread::scope(|scope| {
        // A thread that cannot be started leaves its work to the others.
        let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let workers: Vec<_> = (0..threads.count).filter_map(start).collect();
        let mut answers = work();
        for worker in workers {
            answers.extend(
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
        }
        answers
    });
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
