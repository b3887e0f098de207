//! The parameters that reads and histories pass over: those that mean nothing to any interaction.
//!
//! R4 lets a server ignore what it does not know. A name that means something elsewhere is refused
//! all the same: whoever sends it expects another answer.

use super::Failure;
use super::page_token::PAGE;
use super::query::{GENERAL_PARAMETERS, Handling, no_parameters};
use crate::search;

/// The parameters of a history that are none of a search.
const OF_HISTORY: &[&str] = &["_since", "_at"];

/// Refuses parameters of a read that it does not have. What means nothing anywhere, as the `_` by
/// which browsers are kept from answering from their cache, changes no answer and is passed over
/// unless the client wants it strictly.
///
/// # Errors
/// `BadRequest`
pub(super) fn no_known_parameters(
    parameters: &[(String, String)],
    handling: Handling,
) -> Result<(), Failure> {
    let mut known = parameters.to_vec();
    known.retain(|(name, _)| handling == Handling::Strict || is_known_anywhere(name));
    no_parameters(&known, handling)
}

/// Tells whether a name means something to any interaction, with a modifier or without.
pub(super) fn is_known_anywhere(name: &str) -> bool {
    let code = name.split([':', '.']).next().unwrap_or(name);
    GENERAL_PARAMETERS.contains(&code)
        || code == PAGE
        || OF_HISTORY.contains(&code)
        || search::parse::is_known(code)
}
