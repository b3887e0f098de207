//! The tokens of paging links: sealed, so that only the server that made one can read it, and no
//! one can make or change one.
//!
//! A link stands in logs on the way and in the history of browsers. So what was searched for is not
//! in it in clear, and no client builds on what a token holds. Sealing is deterministic (AES-SIV,
//! RFC 5297): the same page has the same link, and no chance is needed while a request is answered.
//! The key is the store's secret, which lives as long as the data: a restart breaks no link.

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Failure, Position, Server};
use crate::fhir::IssueCode;

/// The parameter of this server's paging links.
pub const PAGE: &str = "_page";

/// Where a page is: all that must be known to answer it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The state that is paged through; for a history, the position before which the page begins.
    pub position: Position,
    /// How many matches come before the page.
    pub offset: usize,
    /// Where the page ends at the latest, if not by its count: the page after it is known already.
    pub until: Option<usize>,
    /// What was asked, as it was applied.
    pub parameters: Vec<(String, String)>,
}

/// The token of a page below that path, as `Condition` or `Condition/7/_history`: it is good for
/// that path alone.
pub fn seal(server: &Server, path: &str, place: &Place) -> String {
    let Place {
        position,
        offset,
        until,
        parameters,
    } = place;
    let plain = json!([position.0, offset, until, parameters]).to_string();
    let sealed = Aes256Siv::new(server.store.secret().into()).encrypt([path], plain.as_bytes());
    // Sealing fails only for more headers than one, or more bytes than memory has.
    URL_SAFE_NO_PAD.encode(sealed.unwrap_or_default())
}

/// What a token says.
///
/// # Errors
/// `BadRequest` for one that this server did not make for that path, or made of a state that its
/// store does not have any more.
pub fn open(server: &Server, path: &str, token: &str) -> Result<Place, Failure> {
    let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| foreign())?;
    let plain = Aes256Siv::new(server.store.secret().into())
        .decrypt([path], &sealed)
        .map_err(|_| foreign())?;
    let place = read(&serde_json::from_slice(&plain).unwrap_or_default()).ok_or_else(foreign)?;
    if place.position > server.store.last_commit()?.0 {
        let text = format!(
            "{PAGE}: the link is of a state that this server does not have any more: search again from the first page"
        );
        return Err(Failure::bad_request(IssueCode::NotFound, text));
    }
    Ok(place)
}

/// The place that a token names, if one was sent. What stands beside it must be part of it: nothing
/// that is asked is passed over.
///
/// # Errors
/// As [`open`], and `BadRequest` if something stands beside it that is no part of it.
pub(super) fn asked(
    server: &Server,
    path: &str,
    parameters: &[(String, String)],
) -> Result<Option<Place>, Failure> {
    let Some((_, token)) = parameters.iter().find(|(name, _)| name == PAGE) else {
        return Ok(None);
    };
    let place = open(server, path, token)?;
    let is_part = |pair: &&(String, String)| {
        pair.0 == PAGE && pair.1 == *token || place.parameters.contains(pair)
    };
    if parameters.iter().filter(is_part).count() < parameters.len() {
        let text =
            format!("{PAGE}: expected the link as the server made it, without parameters besides");
        return Err(Failure::bad_request(IssueCode::Value, text));
    }
    Ok(Some(place))
}

fn read(plain: &Value) -> Option<Place> {
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let pair = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
    Some(Place {
        position: Position(plain[0].as_u64()?),
        offset: number(&plain[1])?,
        until: number(&plain[2]),
        parameters: plain[3]
            .as_array()?
            .iter()
            .map(pair)
            .collect::<Option<_>>()?,
    })
}

fn foreign() -> Failure {
    Failure::bad_request(
        IssueCode::Value,
        format!(
            "{PAGE}: expected the token of a link that this server made for this address, as it stands"
        ),
    )
}
