//! Answers that come later (<https://hl7.org/fhir/R4/async.html>): the jobs of a server, and the kinds of work that they do.

pub(super) mod export;
mod jobs;
mod lines;
pub(super) mod reindex;
pub(super) mod request;

pub(super) use jobs::Jobs;
