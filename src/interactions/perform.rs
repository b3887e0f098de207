//! Carrying out a request, alone or a Bundle of them.

use super::outcome::Outcome;
use super::request::{Ask, Request};
use super::{Context, Failure, Server, alone, transaction};

/// Carries out a request.
///
/// # Errors
/// Of the interaction; `NotAllowed` for what is the matter of the wire.
pub fn perform(server: &Server, context: &Context, request: Request) -> Result<Outcome, Failure> {
    match request.ask {
        Ask::Bundle(request) => {
            let (kind, answers) =
                transaction::carry_out(server, context, &request.bundle, request.manner)?;
            Ok(Outcome::Bundle(kind, answers))
        }
        ask => alone::carry_out(server, context, ask),
    }
}

/// Answers what is answered without waiting for anything: a read of a whole resource that memory
/// holds and that has no more than so many bytes. None of any other request.
pub fn perform_from_memory(
    server: &Server,
    context: &Context,
    request: &Request,
    bytes_max: usize,
) -> Option<Outcome> {
    alone::look_into_memory(server, context, &request.ask, bytes_max)
}
