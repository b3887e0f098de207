//! One request by itself, carried out.

use super::change::Change;
use super::outcome::Outcome;
use super::request::{Ask, ReadRequest};
use super::writing::attempt::write_one;
use super::{Context, Failure, Server, capabilities, history, read, search, subset};
use crate::search::results::ResourcePart;
use crate::storage::StoredVersion;

/// Carries out one request that is no Bundle.
///
/// # Errors
/// Of the interaction.
pub(super) fn carry_out(server: &Server, context: &Context, ask: Ask) -> Result<Outcome, Failure> {
    carry_out_beside(server, (context, context), ask)
}

/// Carries out one request as [`carry_out`] does, which sees the state of the second context if it
/// changes nothing.
///
/// # Errors
/// Of the interaction.
pub(super) fn carry_out_beside(
    server: &Server,
    (context, looking): (&Context, &Context),
    ask: Ask,
) -> Result<Outcome, Failure> {
    match ask {
        Ask::Change(change, tell) => {
            let place = None;
            tell(write_one(server, context, Change { place, ..change })?)
        }
        Ask::Read(_)
        | Ask::Search(_)
        | Ask::History(_)
        | Ask::Capabilities
        | Ask::Bundle(_)
        | Ask::Operation(..)
        | Ask::Wire(_) => look(server, looking, &ask),
    }
}

/// Answers a request that changes nothing.
///
/// # Errors
/// Of the interaction; `NotAllowed` for what is carried out elsewhere.
pub(super) fn look(server: &Server, context: &Context, ask: &Ask) -> Result<Outcome, Failure> {
    match ask {
        Ask::Read(request) => read_part(server, context, request),
        Ask::Search(request) => Ok(Outcome::Searched(search::search(server, context, request)?)),
        Ask::History(request) => Ok(Outcome::Past(history::history(server, context, request)?)),
        Ask::Capabilities => {
            let base_url = server.base_of(context);
            let made = || capabilities::statement(base_url, server.references).to_string();
            Ok(Outcome::Capabilities(
                server.statements.text(base_url, None, made),
            ))
        }
        Ask::Operation(answers, request) => answers(server, context, request),
        Ask::Change(..) | Ask::Bundle(_) | Ask::Wire(_) => Err(Failure::not_allowed(
            "this cannot be carried out as a part of something else",
        )),
    }
}

/// Answers a read of a whole resource that memory holds, without waiting for anything; none of any
/// other request, and of a resource of more than so many bytes.
pub(super) fn look_into_memory(
    server: &Server,
    _context: &Context,
    ask: &Ask,
    bytes_max: usize,
) -> Option<Outcome> {
    let Ask::Read(request) = ask else {
        return None;
    };
    let is_whole = request.version.is_none() && request.part == ResourcePart::Whole;
    let found = if is_whole {
        server.store.read_from_memory(&request.key)?
    } else {
        return None;
    };
    let bytes = found.body.as_ref().map(Vec::len);
    bytes
        .is_some_and(|bytes| bytes <= bytes_max)
        .then(|| beside_copy(found, request))
}

/// Tells what was found to a client that may have it already.
fn beside_copy(found: StoredVersion, request: &ReadRequest) -> Outcome {
    if request.copy.is(&found) {
        Outcome::NotModified(found)
    } else {
        Outcome::Found(found)
    }
}

fn read_part(
    server: &Server,
    context: &Context,
    request: &ReadRequest,
) -> Result<Outcome, Failure> {
    let mut found = match request.version {
        None => read::read(server, context, &request.key)?,
        Some(version) => read::read_version(server, context, &request.key, version)?,
    };
    if !request.copy.is(&found) {
        subset::cut(server, context, &request.part, &mut found)?;
    }
    Ok(beside_copy(found, request))
}
