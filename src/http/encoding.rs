//! Bodies compressed with gzip, both ways (<https://hl7.org/fhir/R4/http.html#compression>).
//!
//! Whole bodies in the thread that works on the request, by the library that reads packages: what
//! is compressed counts by what it unpacks to.

use std::io::{Read, Write};

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::answer::Answer;
use super::error::Refusal;
use super::header_text::{decisive, listed};
use super::media::quality;
use crate::fhir::IssueCode;
use crate::interactions::Failure;

/// The size below which nothing is compressed: it fits in one packet either way.
const GZIP_BYTES_MIN: usize = 1_024;
/// Media types of text, which gets much smaller.
const TEXTUAL: &[&str] = &[
    "application/fhir+json",
    "application/json",
    "application/fhir+xml",
    "application/xml",
    "text/",
];

/// Returns the body as it was before it was compressed.
///
/// # Errors
/// `UnsupportedEncoding` for another way of compression, `TooLarge` for one that unpacks beyond the
/// bound, `BadRequest` for one that does not unpack.
pub(super) fn plain(headers: &HeaderMap, sent: Bytes, bytes_max: usize) -> Result<Bytes, Refusal> {
    if !is_packed(headers, &sent)? {
        return Ok(sent);
    }
    let mut plain = Vec::new();
    unpack(&sent, bytes_max, &mut plain)?;
    Ok(plain.into())
}

/// Counts the bytes of a body as it was before it was compressed, without keeping them.
///
/// # Errors
/// As [`plain`].
pub(super) fn plain_length(
    headers: &HeaderMap,
    sent: &Bytes,
    bytes_max: usize,
) -> Result<usize, Refusal> {
    if is_packed(headers, sent)? {
        unpack(sent, bytes_max, &mut std::io::sink())
    } else {
        Ok(sent.len())
    }
}

fn is_packed(headers: &HeaderMap, sent: &[u8]) -> Result<bool, Refusal> {
    if sent.is_empty() {
        return Ok(false);
    }
    match decisive(headers, header::CONTENT_ENCODING)?
        .map(|coding| coding.trim().to_ascii_lowercase())
        .as_deref()
    {
        None | Some("identity") => Ok(false),
        Some("gzip" | "x-gzip") => Ok(true),
        Some(_) => Err(Refusal::UnsupportedEncoding),
    }
}

fn unpack(packed: &[u8], bytes_max: usize, to: &mut impl Write) -> Result<usize, Refusal> {
    // One byte more than may come tells a body at the bound from one beyond it.
    let mut within_bound = MultiGzDecoder::new(packed).take(bytes_max as u64 + 1);
    let mut length = 0;
    let mut part = [0; 16 * 1024];
    loop {
        let read = within_bound.read(&mut part).unwrap_or(usize::MAX);
        if read == 0 {
            return Ok(length);
        }
        let unpacked = part.get(..read);
        let Some(unpacked) = unpacked.filter(|unpacked| to.write_all(unpacked).is_ok()) else {
            return Err(Failure::bad_request(
                IssueCode::Structure,
                "Content-Encoding: expected a body compressed with gzip",
            )
            .into());
        };
        length += unpacked.len();
        if length > bytes_max {
            return Err(Refusal::TooLarge(bytes_max));
        }
    }
}

/// Tells whether the client takes gzip, and likes it no less than what is not compressed.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let codings = listed(headers, header::ACCEPT_ENCODING);
    let liking = |wanted: &[&str]| {
        let named = |coding: &&String| {
            wanted.contains(
                &coding
                    .split(';')
                    .next()
                    .unwrap_or("")
                    .trim()
                    .to_ascii_lowercase()
                    .as_str(),
            )
        };
        codings.iter().find(named).map(|coding| quality(coding))
    };
    let gzip = liking(&["gzip", "x-gzip"])
        .or_else(|| liking(&["*"]))
        .unwrap_or(0.0);
    gzip > 0.0 && gzip >= liking(&["identity"]).unwrap_or(0.0)
}

/// Returns the answer compressed, if the client takes that and it is worth the work. Its ETag is
/// weak, and so still says the truth.
pub(super) fn encoded(answer: Answer, takes_gzip: bool) -> Answer {
    let answer = if takes_gzip {
        answer.packed_while_sent()
    } else {
        answer
    };
    let media_type = answer.header(&header::CONTENT_TYPE).unwrap_or("");
    let packed = if takes_gzip {
        packed(media_type, answer.body())
    } else {
        None
    };
    match packed {
        Some(packed) => answer
            .of_body(packed)
            .with(header::CONTENT_ENCODING, "gzip"),
        None => answer,
    }
}

/// Returns the body compressed, if that is worth the work.
fn packed(media_type: &str, body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < GZIP_BYTES_MIN
        || !TEXTUAL
            .iter()
            .any(|textual| media_type.starts_with(textual))
    {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_given_to_whoever_takes_it() {
        for (accept, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("br;q=1.0, x-gzip", true),
            ("*", true),
            ("gzip;q=0.5, identity;q=0.5", true),
            ("gzip;q=0", false),
            ("*;q=0", false),
            ("identity, gzip;q=0.5", false),
            ("gzip;q=0, *", false),
            ("br", false),
            ("identity", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, accept.parse().expect("a header"));
            assert_eq!(takes_gzip(&headers), expected, "{accept}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
