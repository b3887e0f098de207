//! Requests that the client does not want to wait for (`Prefer: respond-async`): searches,
//! histories, `$everything` and Bundles. Each is carried out once, as it would be at once, and its
//! answer kept: a Bundle of one entry, as R5 has it (<https://hl7.org/fhir/R5/async-bundle.html>).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderName, Method, StatusCode};
use jiff::SignedDuration;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::jobs::{JobBounds, Work, locked};
use crate::fhir::Id;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::error::Refusal;
use crate::http::{Wire, bundle, negotiation};
use crate::interactions::address::Address;
use crate::interactions::catalogue::{AnswerTime, Declaration};
use crate::interactions::envelope::Envelope;
use crate::interactions::{Context, Failure};

/// The longest time that such a request is worked on: what it has not committed by then it does not
/// commit any more.
const WORK_TIME_MAX: Duration = Duration::from_secs(10 * 60);
/// The bounds on such requests and their answers.
const BOUNDS: JobBounds = JobBounds {
    kind: "request",
    jobs_max: 64,
    lifetime: SignedDuration::from_hours(1),
};

/// The way in which a request is answered at once.
pub(in crate::http) type Answering = fn(&Wire, &Call) -> Result<Answer, Refusal>;

/// A request that is answered later, as a job.
struct Awaited {
    /// Its time; to abandon it is to stop the work before its next commit.
    context: Context,
    progress: Mutex<RequestProgress>,
}

/// The progress of a request.
enum RequestProgress {
    /// It waits for its turn, with a body of so many bytes.
    Waiting(usize),
    /// It is being worked on.
    Working(usize),
    /// The answer.
    Done(Bytes),
    Failed,
}

impl Work for Awaited {
    fn bounds(&self) -> &'static JobBounds {
        &BOUNDS
    }

    fn status(&self, _id: &Id) -> Result<Answer, Refusal> {
        let under_way = |text: &str| {
            Answer::empty(StatusCode::ACCEPTED).with(HeaderName::from_static("x-progress"), text)
        };
        match &*locked(&self.progress) {
            RequestProgress::Waiting(_) => Ok(under_way("waiting for its turn")),
            RequestProgress::Working(_) => Ok(under_way("being worked on")),
            RequestProgress::Done(answer) => Ok(Answer::fhir(StatusCode::OK, answer.to_vec())),
            RequestProgress::Failed => Err(Refusal::JobFailed),
        }
    }

    fn cancel(&self) {
        self.context.abandon();
    }

    /// Returns the bytes of its body or of its answer; never none.
    fn kept_bytes(&self) -> usize {
        match &*locked(&self.progress) {
            RequestProgress::Waiting(bytes) | RequestProgress::Working(bytes) => *bytes + 1,
            RequestProgress::Done(answer) => answer.len(),
            RequestProgress::Failed => 1,
        }
    }
}

/// Tells whether the client asks for a later answer to what may take long. All else is answered at
/// once, which a preference allows.
pub(in crate::http) fn is_wanted(call: &Call, declared: &Declaration) -> bool {
    declared.answered == AnswerTime::LaterIfPreferred
        && matches!(call.method, Method::GET | Method::POST)
        && negotiation::preference(&call.headers, "respond-async").is_some()
}

/// Takes the request: 202, and where its status is. A Bundle that is none is refused at once.
///
/// # Errors
/// Of a Bundle that cannot be read; `TooManyJobs`.
pub(in crate::http) fn begin(
    wire: &Arc<Wire>,
    call: &Call,
    address: &Address,
    answered: Answering,
) -> Result<Answer, Refusal> {
    if call.method == Method::POST && matches!(address, Address::System) {
        call.resource()?;
    }
    let awaited = Arc::new(Awaited {
        context: call.context.clone(),
        progress: Mutex::new(RequestProgress::Waiting(call.body.len())),
    });
    let base_url = call.base_url(&wire.server);
    let answer = wire.jobs.begin(base_url, call, Arc::clone(&awaited) as _)?;
    let (wire, mut call) = (Arc::clone(wire), call.clone());
    tokio::spawn(async move {
        let Ok(_turn) = Arc::clone(&wire.jobs.workers).acquire_owned().await else {
            return;
        };
        if awaited.context.is_abandoned() {
            return;
        }
        *locked(&awaited.progress) = RequestProgress::Working(call.body.len());
        // What is done now is of now; whoever cancels still reaches it.
        call.context.now = (wire.context)().now;
        let context = call.context.clone();
        let work = spawn_blocking(move || bundle::later(&answer_of(&wire, &call, answered)));
        *locked(&awaited.progress) = match finished(WORK_TIME_MAX, &context, work).await {
            Ok(answer) => RequestProgress::Done(answer.into()),
            Err(_) => {
                tracing::error!("a request that is answered later panicked");
                RequestProgress::Failed
            }
        };
    });
    Ok(answer)
}

/// Returns the answer that the client would have had at once.
fn answer_of(wire: &Wire, call: &Call, answered: Answering) -> Answer {
    let refusal = match answered(wire, call) {
        Ok(answer) => return answer,
        Err(Refusal::Failure(Failure::Busy)) if call.context.is_abandoned() => Refusal::OutOfTime,
        Err(refusal) => refusal,
    };
    if let Refusal::Failure(Failure::Store(error) | Failure::Unsure(error)) = &refusal {
        tracing::error!("{error}");
    }
    refusal.answer("")
}

/// Returns what the work comes to. A thread cannot be stopped: after that time the work learns that
/// it must not commit any more, and says itself what it had done by then.
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
