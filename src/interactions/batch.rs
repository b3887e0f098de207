//! A batch (<https://hl7.org/fhir/R4/http.html#transaction>): its entries are carried out one by one, in no order, several at
//! a time.

use std::sync::{Mutex, PoisonError};
use std::thread;

use super::allowance::Allowance;
use super::outcome::EntryAnswer;
use super::request::Request;
use super::{Context, Failure, Server, alone, entry_needs};

/// The most entries of a batch that are worked on at once: they share the store's syncs.
const WORKERS_MAX: usize = 16;

/// Carries out each request by itself; the answers stand in the order of the requests.
pub(super) fn batch(
    server: &Server,
    context: &Context,
    mut requests: Vec<Result<Request, Failure>>,
) -> Vec<EntryAnswer> {
    entry_needs::refuse(&mut requests);
    let allowance = Allowance::default();
    // What an entry sees does not depend on which of the others were carried out before it.
    let looking = match server.store.last_commit() {
        Ok((position, _)) => context.seeing(position),
        // Each entry will be told.
        Err(_) => context.clone(),
    };
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
            let answer = match request {
                Ok(Request { general, ask, .. }) => EntryAnswer {
                    general,
                    outcome: alone::carry_out_beside(server, (context, &looking), ask)
                        .and_then(|outcome| allowance.take(outcome)),
                },
                Err(failure) => EntryAnswer {
                    general: Vec::new(),
                    outcome: Err(failure),
                },
            };
            answers.push((at, answer));
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
