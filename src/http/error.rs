//! From a reason to stop to a status code and an OperationOutcome: the only place that chooses one.

use axum::http::{StatusCode, header};

use super::answer::Answer;
use super::negotiation::{ACCEPT_PATCH, PATCHES};
use crate::fhir::{Issue, IssueCode};
use crate::interactions::Failure;

/// Why a request was not answered as asked: by an interaction, or by the wire itself.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The interaction says so.
    Failure(Failure),
    /// No answer in a media type that the client accepts.
    NotAcceptable,
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
    MethodNotAllowed(&'static str),
    /// The address is for websockets.
    NotUpgraded,
    /// A page of an origin that may not use the server asked for a websocket, to which browsers
    /// apply no rule of their own.
    ForeignOrigin,
    /// Too many requests at once: this one was not begun.
    Overload,
    /// As many jobs as there may be are kept already.
    TooManyJobs,
    /// A job could not be done.
    JobFailed,
    /// A job took too long, and wrote nothing.
    OutOfTime,
    /// The answer was not ready in time; the work goes on up to its commit, if that was not made
    /// yet.
    Unfinished,
    /// A bug. What the panic said could quote what was sent, and is in no answer and no log.
    Bug,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Refusal::Failure(failure)
    }
}

/// The status of a failure, on the wire and in a batch's answer.
pub(super) fn status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::BadRequest(_) => StatusCode::BAD_REQUEST,
        Failure::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Failure::NotFound(_) => StatusCode::NOT_FOUND,
        Failure::Gone(..) => StatusCode::GONE,
        Failure::NotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
        Failure::PreconditionFailed(_) => StatusCode::PRECONDITION_FAILED,
        Failure::Conflict(_) => StatusCode::CONFLICT,
        Failure::Several(first, _) => status(first),
        Failure::Busy | Failure::BeingIndexed(_) | Failure::Store(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

impl Refusal {
    /// What the client is told about its request of that id.
    pub(super) fn answer(&self, request_id: &str) -> Answer {
        let one =
            |status, code, text: &str| Answer::outcome(status, &[Issue::error(code, "", text)]);
        match self {
            Refusal::Failure(failure) => of_failure(failure),
            Refusal::NotAcceptable => one(
                StatusCode::NOT_ACCEPTABLE,
                IssueCode::NotSupported,
                "expected Accept or _format to allow application/fhir+json or application/json",
            ),
            Refusal::UnsupportedMediaType(expected) => {
                one(StatusCode::UNSUPPORTED_MEDIA_TYPE, IssueCode::NotSupported, &format!("expected Content-Type {expected}, in UTF-8"))
            }
            Refusal::UnsupportedPatch => one(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                IssueCode::NotSupported,
                "expected Content-Type application/json-patch+json, application/merge-patch+json, or application/fhir+json for a FHIRPath Patch, in UTF-8",
            )
            .with(ACCEPT_PATCH, PATCHES),
            Refusal::UnsupportedEncoding => {
                one(StatusCode::UNSUPPORTED_MEDIA_TYPE, IssueCode::NotSupported, "expected Content-Encoding gzip or none")
                    .with(header::ACCEPT_ENCODING, "gzip, identity")
            }
            Refusal::TooLarge(bytes_max) => {
                one(StatusCode::PAYLOAD_TOO_LARGE, IssueCode::TooLong, &format!("expected a body of at most {bytes_max} bytes"))
            }
            Refusal::Slow => one(StatusCode::REQUEST_TIMEOUT, IssueCode::Timeout, "the body did not arrive in time"),
            Refusal::MethodNotAllowed(allow) => {
                one(StatusCode::METHOD_NOT_ALLOWED, IssueCode::NotSupported, &format!("this address allows {allow}"))
                    .with(header::ALLOW, *allow)
            }
            Refusal::NotUpgraded => one(
                StatusCode::UPGRADE_REQUIRED,
                IssueCode::NotSupported,
                "this address is for websockets: expected Connection: Upgrade and Upgrade: websocket, in version 13",
            )
            .with(header::UPGRADE, "websocket"),
            Refusal::ForeignOrigin => one(StatusCode::FORBIDDEN, IssueCode::BusinessRule, "pages of this origin may not use this server"),
            Refusal::Overload => {
                one(StatusCode::SERVICE_UNAVAILABLE, IssueCode::Throttled, "too many requests at once; send the request again")
                    .with(header::RETRY_AFTER, "1")
            }
            Refusal::TooManyJobs => {
                one(StatusCode::TOO_MANY_REQUESTS, IssueCode::Throttled, "too many jobs are kept; DELETE one that is no longer needed")
                    .with(header::RETRY_AFTER, "60")
            }
            Refusal::JobFailed => one(
                StatusCode::INTERNAL_SERVER_ERROR,
                IssueCode::Exception,
                &format!(
                    "the job failed; look what it did before you ask for it again, and tell the operator the id of this request: {request_id}"
                ),
            ),
            Refusal::OutOfTime => one(
                StatusCode::SERVICE_UNAVAILABLE,
                IssueCode::Timeout,
                "the work took longer than it may, and nothing of it was written; ask for less at once",
            ),
            // No Retry-After: what was begun may yet be committed, and the same create again would be another one.
            Refusal::Unfinished => one(
                StatusCode::SERVICE_UNAVAILABLE,
                IssueCode::Timeout,
                "the answer was not ready in time, and what was asked for may still be done: look before you send the request again",
            ),
            Refusal::Bug => one(
                StatusCode::INTERNAL_SERVER_ERROR,
                IssueCode::Exception,
                &format!("the server failed; tell its operator the id of this request: {request_id}"),
            ),
        }
    }
}

/// What the client is told of an interaction that was not carried out.
fn of_failure(failure: &Failure) -> Answer {
    let answer = Answer::outcome(status(failure), &failure.issues());
    let decides = if let Failure::Several(first, _) = failure {
        first
    } else {
        failure
    };
    match decides {
        Failure::Gone(_, version) => answer.with(header::ETAG, super::answer::etag(*version)),
        Failure::Busy => answer.with(header::RETRY_AFTER, "1"),
        Failure::BeingIndexed(_) => answer.with(header::RETRY_AFTER, "30"),
        // Met in the entry of a transaction only: this is what the address of the Bundle itself
        // allows.
        Failure::NotAllowed(_) => answer.with(header::ALLOW, "POST, OPTIONS"),
        Failure::BadRequest(_)
        | Failure::Unprocessable(_)
        | Failure::NotFound(_)
        | Failure::PreconditionFailed(_)
        | Failure::Conflict(_)
        | Failure::Several(..)
        | Failure::Store(_) => answer,
    }
}
