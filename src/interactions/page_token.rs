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

use super::{Context, Failure, Position, Principal, Server};
use crate::fhir::IssueCode;

/// The parameter of this server's paging links.
pub const PAGE: &str = "_page";

/// The state of a page: all that must be known to answer it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageState {
    /// The state that is paged through; for a history, the position before which the page begins.
    pub position: Position,
    /// The number of matches before the page.
    pub offset: usize,
    /// The end of the page, if not given by its count: the page after it is known already.
    pub until: Option<usize>,
    /// The number of all that the pages together have, as the first one told it; of a history.
    pub total: Option<u64>,
    /// The parameters, as they were applied.
    pub parameters: Vec<(String, String)>,
}

/// A page that is asked for by its token.
pub(super) struct AskedPage {
    /// Its state.
    pub(super) state: PageState,
    /// The parameters that stand beside the token and are no part of it.
    pub(super) beside: Vec<(String, String)>,
}

impl AskedPage {
    /// Returns the parameters of the page, where what stands beside the token replaces what the
    /// token has of the same name. `_summary` and `_elements` replace each other.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        let slot = |name: &str| match name {
            "_elements" => "_summary".to_owned(),
            other => other.to_owned(),
        };
        let is_added = |name: &str| name.starts_with("_include") || name.starts_with("_revinclude");
        let is_replaced = |(name, _): &&(String, String)| {
            let mut beside = self.beside.iter();
            !is_added(name) && beside.any(|(other, _)| slot(other) == slot(name))
        };
        let mut parameters = self.state.parameters.clone();
        parameters.retain(|pair| !is_replaced(&pair));
        parameters.extend(self.beside.iter().cloned());
        parameters
    }
}

/// Says of a parameter that it may not stand beside a token.
pub(super) fn not_beside() -> Failure {
    let text = format!(
        "{PAGE}: expected beside it nothing that changes which resources are found, or their order: only parameters about the answer, such as _count, _elements and _format"
    );
    Failure::bad_request(IssueCode::Value, text)
}

/// Returns the token of a page below that path, as `Condition` or `Condition/7/_history`: it is
/// good for that path and for the principal who asks, and for no other.
pub(super) fn seal(server: &Server, context: &Context, path: &str, place: &PageState) -> String {
    let PageState {
        position,
        offset,
        until,
        total,
        parameters,
    } = place;
    let principal = context.principal.code();
    let plain = json!([position.0, offset, until, parameters, principal, total]).to_string();
    let sealed = Aes256Siv::new(server.store.secret().into()).encrypt([path], plain.as_bytes());
    // Sealing fails only for more headers than one, or more bytes than memory has.
    URL_SAFE_NO_PAD.encode(sealed.unwrap_or_default())
}

/// Reads a token.
///
/// # Errors
/// `BadRequest` for one that this server did not make for that path and principal, or made of a
/// state that its store does not have any more.
fn open(server: &Server, context: &Context, path: &str, token: &str) -> Result<PageState, Failure> {
    let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| foreign())?;
    let plain = Aes256Siv::new(server.store.secret().into())
        .decrypt([path], &sealed)
        .map_err(|_| foreign())?;
    let plain = serde_json::from_slice(&plain).unwrap_or_default();
    if !is_of(&plain, &context.principal) {
        return Err(foreign());
    }
    let place = read(&plain).ok_or_else(foreign)?;
    if place.position > server.store.last_commit()?.0 {
        let text = format!(
            "{PAGE}: the link belongs to a state that this server no longer has: search again from the first page"
        );
        return Err(Failure::bad_request(IssueCode::NotFound, text));
    }
    Ok(place)
}

/// Reads the token, if one was sent, and what stands beside it. Some clients repeat there what the
/// token has already, and others say how much of the answer they want.
///
/// # Errors
/// As [`open`], and `BadRequest` if a second token stands beside it.
pub(super) fn asked(
    server: &Server,
    context: &Context,
    path: &str,
    parameters: &[(String, String)],
) -> Result<Option<AskedPage>, Failure> {
    let Some((_, token)) = parameters.iter().find(|(name, _)| name == PAGE) else {
        return Ok(None);
    };
    let state = open(server, context, path, token)?;
    let is_part = |pair: &(String, String)| {
        pair.0 == PAGE && pair.1 == *token || state.parameters.contains(pair)
    };
    let mut beside = parameters.to_vec();
    beside.retain(|pair| !is_part(pair));
    if beside.iter().any(|(name, _)| name == PAGE) {
        return Err(not_beside());
    }
    Ok(Some(AskedPage { state, beside }))
}

/// Tells whether a token was given to that principal. One of an earlier version of this program
/// names nobody: it was given to anyone.
fn is_of(plain: &Value, principal: &Principal) -> bool {
    plain[4].as_str().unwrap_or(Principal::Anyone.code()) == principal.code()
}

fn read(plain: &Value) -> Option<PageState> {
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let pair = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
    Some(PageState {
        position: Position(plain[0].as_u64()?),
        offset: number(&plain[1])?,
        until: number(&plain[2]),
        total: plain[5].as_u64(),
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
            "{PAGE}: expected the token of a link that this server made for this address, unchanged"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_the_principal_that_it_names_and_one_that_names_none_for_anyone() {
        let anyone = Principal::Anyone;
        assert!(is_of(&json!([7, 0, null, [], "anyone"]), &anyone));
        assert!(!is_of(&json!([7, 0, null, [], "somebody"]), &anyone));
        assert!(
            is_of(&json!([7, 0, null, []]), &anyone),
            "of an earlier version"
        );
    }
}
