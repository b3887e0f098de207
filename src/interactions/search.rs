//! search (<https://hl7.org/fhir/R4/http.html#search>): a stable page of what matches.

use super::page_token::{self, PAGE, Place};
use super::{Failure, Server};
use crate::fhir::{Issue, ResourceType, Severity};
use crate::search::personal::is_personal;
use crate::search::{self, ParsedSearch};
use crate::storage::{Position, StoredVersion};

/// How many bytes of content the matches of one page have together; one is given however large it is.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

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
    /// What was searched, below the base.
    pub path: String,
    /// The resources of the page, in order.
    pub matches: Vec<StoredVersion>,
    /// How many resources match in all.
    pub total: usize,
    /// What was applied: the query of this page's own address, in which nothing names a person.
    pub applied: Vec<(String, String)>,
    /// The token of the next page, if there is one.
    pub next: Option<String>,
    /// The token of the page before, if there is one.
    pub previous: Option<String>,
    /// Warnings about what was passed over.
    pub warnings: Vec<Issue>,
}

/// One page of matches. Its `next` page, asked for by [`PAGE`], neither skips nor repeats whatever is written meanwhile.
///
/// # Errors
/// `BadRequest` with every parameter that cannot be honoured.
pub fn search(server: &Server, request: &SearchRequest) -> Result<SearchAnswer, Failure> {
    let path = request.resource_type.to_string();
    let place = page_token::asked(server, &path, &request.parameters)?;
    let parameters = place.as_ref().map_or(&request.parameters, |place| &place.parameters);
    let mut parsed = search::parse(request.resource_type, parameters, &server.base_url).map_err(Failure::BadRequest)?;
    if !request.lenient && !parsed.unknown.is_empty() {
        return Err(Failure::BadRequest(parsed.unknown));
    }
    page(server, path, &mut parsed, place)
}

fn page(server: &Server, path: String, parsed: &mut ParsedSearch, place: Option<Place>) -> Result<SearchAnswer, Failure> {
    let query = &mut parsed.query;
    let count = query.count;
    query.bytes_max = PAGE_BYTES_MAX;
    if let Some(place) = &place {
        query.offset = place.offset;
        query.count = place.until.map_or(count, |until| count.min(until.saturating_sub(place.offset)));
    }
    let found = server.store.search(query, place.as_ref().map(|place| place.position))?;
    let links = Links { server, path: &path, position: found.position, applied: &parsed.applied };
    let (offset, end) = (query.offset, query.offset + found.matches.len());
    Ok(SearchAnswer {
        applied: links.own(offset, place.and_then(|place| place.until)),
        next: (count > 0 && end < found.total).then(|| links.token(end, None)),
        previous: (offset > 0).then(|| links.token(offset.saturating_sub(count), Some(offset))),
        matches: found.matches,
        total: found.total,
        warnings: parsed.unknown.iter().map(|issue| Issue { severity: Severity::Warning, ..issue.clone() }).collect(),
        path,
    })
}

/// What makes the links of one answer.
struct Links<'a> {
    server: &'a Server,
    path: &'a str,
    position: Position,
    applied: &'a [(String, String)],
}

impl Links<'_> {
    fn token(&self, offset: usize, until: Option<usize>) -> String {
        let place = Place { position: self.position, offset, until, parameters: self.applied.to_vec() };
        page_token::seal(self.server, self.path, &place)
    }

    /// The query of the page's own address: what was applied, and a token if that is not all or may not be seen.
    fn own(&self, offset: usize, until: Option<usize>) -> Vec<(String, String)> {
        let mut own: Vec<_> = self.applied.iter().filter(|(name, value)| !is_personal(name, value)).cloned().collect();
        if offset > 0 || own.len() < self.applied.len() {
            own.push((PAGE.to_owned(), self.token(offset, until)));
        }
        own
    }
}
