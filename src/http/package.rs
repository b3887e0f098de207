//! The download of the guide's package.

use axum::http::{StatusCode, header};

use super::answer::Answer;
use super::call::Call;
use super::{Wire, header_text};

/// Answers with the package of the guide's definitions, as clients of the package registries take
/// it.
pub(super) fn package(wire: &Wire, call: &Call) -> Answer {
    let package = &wire.package;
    let etag = format!("\"{:032x}\"", xxhash_rust::xxh3::xxh3_128(&package.bytes));
    let known = header_text::joined(&call.headers, header::IF_NONE_MATCH).unwrap_or_default();
    let has_already = known
        .split(',')
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == "*" || known == etag);
    let answer = if has_already {
        Answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        let disposition = format!("attachment; filename=\"{}\"", package.file_name);
        Answer::text("application/gzip", package.bytes.clone())
            .with(header::CONTENT_DISPOSITION, disposition)
    };
    answer.with(header::ETAG, etag)
}
