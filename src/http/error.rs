//! From a reason to stop to a status code and an OperationOutcome: the only place that chooses one.

use axum::http::{StatusCode, header};

use super::answer::Answer;
use super::media::{ACCEPT_PATCH, PATCHES, etag};
use crate::fhir::{Issue, IssueCode};
use crate::interactions::Failure;

/// A reason not to answer a request as asked: of an interaction, or of the wire itself.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The interaction says so.
    Failure(Failure),
    /// The body is of a media type that is not understood.
    UnsupportedMediaType(&'static str),
    /// The body is of a media type in which no patch is sent.
    UnsupportedPatch,
    /// The body is compressed in a way that is not understood.
    UnsupportedEncoding,
    /// The body is larger than the bound.
    TooLarge(usize),
    /// The body did not arrive in time.
    Slow,
    /// The address allows other methods only.
    MethodNotAllowed {
        /// The methods that it allows, as `Allow` has them.
        allow: String,
        /// The words that say so.
        text: String,
    },
    /// The address is for websockets.
    NotUpgraded,
    /// A page of an origin that may not use the server asked for a websocket, to which browsers
    /// apply no rule of their own.
    ForeignOrigin,
    /// The server is not ready yet: it does this first.
    Starting(String),
    /// Too many requests at once: this one was not begun.
    Overload,
    /// As many jobs as there may be are kept already.
    TooManyJobs,
    /// A job could not be done.
    JobFailed,
    /// A job took too long, and wrote nothing.
    OutOfTime,
    /// The answer was not ready in time: nothing was done, and nothing will be.
    Unfinished,
    /// A bug. What the panic said could quote what was sent, and is in no answer and no log.
    Bug,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Refusal::Failure(failure)
    }
}

/// Returns the status of a failure, on the wire and in a batch's answer.
pub(super) fn status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::BadRequest(_) => StatusCode::BAD_REQUEST,
        Failure::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Failure::NotFound(_) => StatusCode::NOT_FOUND,
        Failure::Gone(..) => StatusCode::GONE,
        Failure::NotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
        Failure::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
        Failure::PreconditionFailed(_) => StatusCode::PRECONDITION_FAILED,
        Failure::Conflict(_) => StatusCode::CONFLICT,
        Failure::Several(first, _) => status(first),
        Failure::Store(error) if error.is_local => StatusCode::INTERNAL_SERVER_ERROR,
        Failure::Busy | Failure::BeingIndexed(_) | Failure::Store(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        // Not 503, which says that nothing was done.
        Failure::Unsure(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Refusal {
    /// Returns the answer to the client's request of that id.
    pub(super) fn answer(&self, request_id: &str) -> Answer {
        if let Refusal::Failure(failure) = self {
            if let Failure::Store(error) = failure {
                return of_store(error.is_local, request_id);
            }
            return of_failure(failure);
        }
        let (status, code) = self.status();
        let answer = Answer::outcome(status, &[Issue::error(code, "", self.text(request_id))]);
        match self {
            Refusal::UnsupportedPatch => answer.with(ACCEPT_PATCH, PATCHES),
            Refusal::UnsupportedEncoding => answer.with(header::ACCEPT_ENCODING, "gzip, identity"),
            Refusal::MethodNotAllowed { allow, .. } => answer.with(header::ALLOW, allow.clone()),
            Refusal::NotUpgraded => answer.with(header::UPGRADE, "websocket"),
            Refusal::Overload => answer.with(header::RETRY_AFTER, "1"),
            Refusal::Unfinished | Refusal::OutOfTime => answer.with(header::RETRY_AFTER, "10"),
            Refusal::Starting(_) => answer.with(header::RETRY_AFTER, "5"),
            Refusal::TooManyJobs => answer.with(header::RETRY_AFTER, "60"),
            Refusal::Failure(_)
            | Refusal::UnsupportedMediaType(_)
            | Refusal::TooLarge(_)
            | Refusal::Slow
            | Refusal::ForeignOrigin
            | Refusal::JobFailed
            | Refusal::Bug => answer,
        }
    }

    /// Tells whether the client can do something about it.
    pub(super) fn is_of_client(&self) -> bool {
        match self {
            Refusal::Failure(failure) => status(failure).is_client_error(),
            other => other.status().0.is_client_error(),
        }
    }

    fn status(&self) -> (StatusCode, IssueCode) {
        use IssueCode as Code;
        match self {
            Refusal::Failure(failure) => (status(failure), Code::Exception),
            Refusal::UnsupportedMediaType(_)
            | Refusal::UnsupportedPatch
            | Refusal::UnsupportedEncoding => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::NotSupported)
            }
            Refusal::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, Code::TooLong),
            Refusal::Slow => (StatusCode::REQUEST_TIMEOUT, Code::Timeout),
            Refusal::MethodNotAllowed { .. } => {
                (StatusCode::METHOD_NOT_ALLOWED, Code::NotSupported)
            }
            Refusal::NotUpgraded => (StatusCode::UPGRADE_REQUIRED, Code::NotSupported),
            Refusal::ForeignOrigin => (StatusCode::FORBIDDEN, Code::BusinessRule),
            Refusal::Overload => (StatusCode::SERVICE_UNAVAILABLE, Code::Throttled),
            Refusal::Starting(_) => (StatusCode::SERVICE_UNAVAILABLE, Code::Transient),
            Refusal::TooManyJobs => (StatusCode::TOO_MANY_REQUESTS, Code::Throttled),
            Refusal::JobFailed | Refusal::Bug => {
                (StatusCode::INTERNAL_SERVER_ERROR, Code::Exception)
            }
            Refusal::OutOfTime | Refusal::Unfinished => {
                (StatusCode::SERVICE_UNAVAILABLE, Code::Timeout)
            }
        }
    }

    fn text(&self, request_id: &str) -> String {
        let text = match self {
            Refusal::Failure(_) => "",
            Refusal::UnsupportedMediaType(expected) => {
                return format!("expected Content-Type {expected}, in UTF-8");
            }
            Refusal::UnsupportedPatch => {
                "expected Content-Type application/json-patch+json, application/merge-patch+json, or application/fhir+json or application/fhir+xml for a FHIRPath Patch, in UTF-8"
            }
            Refusal::UnsupportedEncoding => "expected Content-Encoding gzip or none",
            Refusal::TooLarge(bytes_max) => {
                return format!("expected a body of at most {bytes_max} bytes");
            }
            Refusal::Slow => "the body did not arrive in time",
            Refusal::MethodNotAllowed { text, .. } => text,
            Refusal::NotUpgraded => {
                "this address is for websockets: expected Connection: Upgrade and Upgrade: websocket, in version 13"
            }
            Refusal::ForeignOrigin => "pages of this origin may not use this server",
            Refusal::Starting(what) => {
                return format!(
                    "the server is not ready yet ({what}): send the request again later"
                );
            }
            Refusal::Overload => "too many requests at once; send the request again",
            Refusal::TooManyJobs => "too many jobs are kept; DELETE one that is no longer needed",
            Refusal::JobFailed => {
                return format!(
                    "the job failed; look what it did before you ask for it again, and tell the operator the id of this request: {request_id}"
                );
            }
            Refusal::OutOfTime => {
                "the work took longer than it may, and nothing of it was written; ask for less at once"
            }
            Refusal::Unfinished => {
                "the answer was not ready in time, and nothing of what was asked for was done or will be: send the request again"
            }
            Refusal::Bug => {
                return format!(
                    "the server failed; tell its operator the id of this request: {request_id}"
                );
            }
        };
        text.to_owned()
    }
}

/// Returns the answer to a request that the store could not answer: 500 if what it needs is damaged and
/// the rest is not, else 503.
fn of_store(is_local: bool, request_id: &str) -> Answer {
    let (status, what) = if is_local {
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            "what is stored of this is damaged",
        )
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be used")
    };
    let text = format!("{what}; tell the operator the id of this request: {request_id}");
    Answer::outcome(status, &[Issue::error(IssueCode::Exception, "", text)])
}

/// Returns the answer to an interaction that was not carried out.
fn of_failure(failure: &Failure) -> Answer {
    let answer = Answer::outcome(status(failure), &failure.issues());
    let decides = if let Failure::Several(first, _) = failure {
        first
    } else {
        failure
    };
    match decides {
        Failure::Gone(_, version) => answer.with(header::ETAG, etag(*version)),
        Failure::Busy => answer.with(header::RETRY_AFTER, "1"),
        // A store that failed is opened again by the next start.
        Failure::BeingIndexed(_) | Failure::Store(_) => answer.with(header::RETRY_AFTER, "30"),
        // Met in the entry of a transaction only: this is what the address of the Bundle itself
        // allows.
        Failure::NotAllowed(_) => answer.with(header::ALLOW, "POST, OPTIONS"),
        Failure::BadRequest(_)
        | Failure::Unprocessable(_)
        | Failure::NotFound(_)
        | Failure::NotAcceptable(_)
        | Failure::PreconditionFailed(_)
        | Failure::Conflict(_)
        | Failure::Several(..)
        | Failure::Unsure(_) => answer,
    }
}
