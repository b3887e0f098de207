//! Requests that the client does not want to wait for (`Prefer: respond-async`, <https://hl7.org/fhir/R4/async.html>): searches, histories,
//! `$everything` and Bundles. Each is carried out once, as it would be at once, and its answer
//! kept: a Bundle of one entry, as R5 has it (<https://hl7.org/fhir/R5/async-bundle.html>).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderName, Method, StatusCode};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::answer::Answer;
use super::error::Refusal;
use super::jobs::{Work, locked};
use super::routes::{Call, answered, sent_resource};
use super::{Wire, bundle, negotiation};
use crate::interactions::address::Address;
use crate::interactions::{Context, Failure};

/// How long such a request is worked on at most: what it has not committed by then it does not
/// commit any more.
const WORK_TIME_MAX: Duration = Duration::from_secs(10 * 60);

/// A request that is answered later, as a job.
pub(super) struct Request {
    /// Its time; to abandon it is to stop the work before its next commit.
    pub(super) context: Context,
    state: Mutex<State>,
}

/// How far it is.
enum State {
    /// It waits for its turn, with a body of so many bytes.
    Waiting(usize),
    /// It is being worked on.
    Working(usize),
    /// The answer.
    Done(Bytes),
    Failed,
}

impl Request {
    /// How many bytes are kept for it; never none.
    pub(super) fn kept_bytes(&self) -> usize {
        match &*locked(&self.state) {
            State::Waiting(bytes) | State::Working(bytes) => *bytes + 1,
            State::Done(answer) => answer.len(),
            State::Failed => 1,
        }
    }

    /// How far it is: its answer when it is done.
    pub(super) fn status(&self) -> Result<Answer, Refusal> {
        let progress = |text: &str| {
            Answer::empty(StatusCode::ACCEPTED).with(HeaderName::from_static("x-progress"), text)
        };
        match &*locked(&self.state) {
            State::Waiting(_) => Ok(progress("waiting for its turn")),
            State::Working(_) => Ok(progress("being worked on")),
            State::Done(answer) => Ok(Answer::fhir(StatusCode::OK, answer.to_vec())),
            State::Failed => Err(Refusal::JobFailed),
        }
    }
}

/// True if the client asks for a later answer to what may take long. All else is answered at once,
/// which a preference allows.
pub(super) fn is_wanted(call: &Call, address: &Address) -> bool {
    let (reads, posts) = (call.method == Method::GET, call.method == Method::POST);
    let may_take_long = match address {
        Address::System | Address::Everything(_) => reads || posts,
        Address::SystemSearch | Address::TypeSearch(_) | Address::CompartmentSearch(..) => posts,
        Address::Type(_) | Address::Compartment(..) => reads,
        Address::SystemHistory | Address::TypeHistory(_) | Address::InstanceHistory(_) => reads,
        Address::Metadata
        | Address::Instance(_)
        | Address::Version(..)
        | Address::TypeValidate(_)
        | Address::Validate(_)
        | Address::Rights(_)
        | Address::Meta(_)
        | Address::SubscriptionStatuses
        | Address::SubscriptionStatus(_)
        | Address::SubscriptionEvents(_)
        | Address::BindingToken(_)
        | Address::Resend(_)
        | Address::Websocket
        | Address::WebhookSecret(_)
        | Address::MetaChange(..)
        | Address::Export(_)
        | Address::Reindex
        | Address::Job(_)
        | Address::JobFile(..) => false,
    };
    may_take_long && negotiation::preference(&call.headers, "respond-async").is_some()
}

/// Takes the request: 202, and where its status is. A Bundle that is none is refused at once.
pub(super) fn begin(wire: &Arc<Wire>, call: &Call, address: Address) -> Result<Answer, Refusal> {
    if call.method == Method::POST && address == Address::System {
        sent_resource(call)?;
    }
    let request = Request {
        context: call.context.clone(),
        state: Mutex::new(State::Waiting(call.body.len())),
    };
    let (job, answer) = wire.jobs.begin(wire, call, Work::Request(request))?;
    let (wire, mut call) = (Arc::clone(wire), call.clone());
    tokio::spawn(async move {
        let Work::Request(request) = &job.work else {
            return;
        };
        let Ok(_turn) = Arc::clone(&wire.jobs.workers).acquire_owned().await else {
            return;
        };
        if job.is_cancelled() {
            return;
        }
        *locked(&request.state) = State::Working(call.body.len());
        // What is done now is of now; whoever cancels still reaches it.
        call.context.now = (wire.context)().now;
        let context = call.context.clone();
        let work = spawn_blocking(move || bundle::later(&answer_of(&wire, &call, address)));
        *locked(&request.state) = match finished(WORK_TIME_MAX, &context, work).await {
            Ok(answer) => State::Done(answer.into()),
            Err(_) => {
                tracing::error!("a request that is answered later panicked");
                State::Failed
            }
        };
    });
    Ok(answer)
}

/// The answer that the client would have had at once.
fn answer_of(wire: &Arc<Wire>, call: &Call, address: Address) -> Answer {
    let refusal = match answered(wire, call, address) {
        Ok(answer) => return answer,
        Err(Refusal::Failure(Failure::Busy)) if call.context.is_abandoned() => Refusal::OutOfTime,
        Err(refusal) => refusal,
    };
    if let Refusal::Failure(Failure::Store(error)) = &refusal {
        tracing::error!("{error}");
    }
    refusal.answer("")
}

/// What the work comes to. A thread cannot be stopped: after that time the work learns that it must
/// not commit any more, and says itself what it had done by then.
async fn finished<T>(
    time_max: Duration,
    context: &Context,
    mut work: JoinHandle<T>,
) -> Result<T, JoinError> {
    if let Ok(done) = tokio::time::timeout(time_max, &mut work).await {
        return done;
    }
    context.abandon();
    work.await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;

    use super::*;
    use crate::fhir::Id;

    #[test]
    fn work_that_takes_too_long_is_told_to_stop_and_still_answers() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let context = Context::new(Timestamp::UNIX_EPOCH, Arc::new(|| Id::parse("x").unwrap()));
        let seen = context.clone();
        let answer = runtime.block_on(async {
            // Ends only when it learns it.
            let work = spawn_blocking(move || {
                while !seen.is_abandoned() {
                    std::thread::yield_now();
                }
                "what was done"
            });
            finished(Duration::from_millis(1), &context, work).await
        });
        assert_eq!(answer.unwrap(), "what was done");
    }
}
