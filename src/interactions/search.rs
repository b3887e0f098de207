//! search (<https://hl7.org/fhir/R4/http.html#search>): a stable page of what matches.

use super::{Failure, Server};
use crate::fhir::{Issue, IssueCode, ResourceType, Severity};
use crate::search::{self, ParsedSearch};
use crate::storage::{Position, SearchPage};

/// The parameter of this server's paging links: `<position>.<offset>`, the state that was searched and how many matches came before.
pub const PAGE: &str = "_page";

/// A search as the client asked it.
pub struct SearchRequest {
    /// The type to look in.
    pub resource_type: ResourceType,
    /// Names and values, percent-decoded, in order.
    pub parameters: Vec<(String, String)>,
    /// Pass over what is not understood, with a warning, instead of refusing it.
    pub lenient: bool,
}

/// The answer to a search.
pub struct SearchAnswer {
    /// The page.
    pub page: SearchPage,
    /// What was applied: for the links.
    pub parsed: ParsedSearch,
    /// Warnings about what was passed over.
    pub warnings: Vec<Issue>,
}

/// One page of matches. Its `next` page, asked for by [`PAGE`], neither skips nor repeats whatever is written meanwhile.
///
/// # Errors
/// `BadRequest` with every parameter that cannot be honoured.
pub fn search(server: &Server, request: &SearchRequest) -> Result<SearchAnswer, Failure> {
    let (pages, parameters): (Vec<_>, Vec<_>) = request.parameters.iter().cloned().partition(|(name, _)| name == PAGE);
    let mut parsed = search::parse(request.resource_type, &parameters, &server.base_url).map_err(Failure::BadRequest)?;
    if !request.lenient && !parsed.unknown.is_empty() {
        return Err(Failure::BadRequest(parsed.unknown));
    }
    let mut position = None;
    if let Some((_, token)) = pages.first() {
        let (at, offset) = read_page(server, token)?;
        position = Some(at);
        parsed.query.offset = offset;
    }
    let page = server.store.search(&parsed.query, position)?;
    if pages.len() > 1 || (parsed.query.offset > 0 && parsed.query.offset >= page.total) {
        return Err(wrong_page());
    }
    let warnings = parsed.unknown.iter().map(|issue| Issue { severity: Severity::Warning, ..issue.clone() }).collect();
    Ok(SearchAnswer { page, parsed, warnings })
}

fn read_page(server: &Server, token: &str) -> Result<(Position, usize), Failure> {
    let parts = token.split_once('.').and_then(|(position, offset)| Some((position.parse().ok()?, offset.parse().ok()?)));
    let known = parts.filter(|(position, _)| server.store.last_commit().is_ok_and(|(last, _)| *position <= last.0));
    let (position, offset) = known.ok_or_else(wrong_page)?;
    Ok((Position(position), offset))
}

fn wrong_page() -> Failure {
    Failure::bad_request(IssueCode::Value, format!("{PAGE}: expected the token of a link that this server made"))
}
