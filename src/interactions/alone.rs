//! One request by itself, carried out.

use super::change::Change;
use super::outcome::Outcome;
use super::request::{Ask, ReadRequest};
use super::writing::attempt::write_one;
use super::{Context, Failure, Server, capabilities, history, read, search, subset};

/// Carries out one request that is no Bundle.
///
/// # Errors
/// Of the interaction.
pub(super) fn carry_out(server: &Server, context: &Context, ask: Ask) -> Result<Outcome, Failure> {
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
        | Ask::Wire(_) => look(server, context, &ask),
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

fn read_part(
    server: &Server,
    context: &Context,
    request: &ReadRequest,
) -> Result<Outcome, Failure> {
    let mut found = match request.version {
        None => read::read(server, context, &request.key)?,
        Some(version) => read::read_version(server, context, &request.key, version)?,
    };
    if request.copy.is(&found) {
        return Ok(Outcome::NotModified(found));
    }
    subset::cut(server, context, &request.part, &mut found)?;
    Ok(Outcome::Found(found))
}
