//! search (<https://hl7.org/fhir/R4/http.html#search>): a stable page of what matches, in a type, in all, or in what belongs to a person.

use super::includes::{Included, included};
use super::long_work::LongTurn;
use super::page_token::{PAGE, PageState};
use super::passed_over::is_known_anywhere;
use super::query::Handling;
use super::{Context, Failure, Server, everything, page_token, subset};
use crate::fhir::{Issue, IssueCode, ResourceKey, ResourceType, Severity};
use crate::search::compartment::{self, OF_PERSON};
use crate::search::parse::may_be_passed_over;
use crate::search::personal_parameters::is_personal;
use crate::search::results::{Include, ResourcePart};
use crate::search::{self, Clause, ParsedSearch, SearchQuery};
use crate::storage::{Position, SearchError, SearchPage, StoredVersion};

/// The most bytes of content that the matches of one page have together; one is given however large
/// it is.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most that a search may take beside all small requests: matches on its page, …
const LIGHT_MATCHES_MAX: usize = 100;
/// … resources looked at one by one, …
const LIGHT_LOOKS_MAX: usize = 1_000;
/// … index keys read, …
const LIGHT_READS_MAX: usize = 5_000;
/// … and bytes of content.
const LIGHT_BYTES_MAX: usize = 1024 * 1024;
/// The parameter of a search in several types that says in which.
const TYPE: &str = "_type";

/// The scope of a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SearchScope {
    /// In a type.
    Type(ResourceType),
    /// In all types, or in those that `_type` names.
    System,
    /// In the compartment of a Patient: in one type, or in all that it has.
    Compartment(ResourceKey, Option<ResourceType>),
    /// `$everything` of a Patient.
    Everything(ResourceKey),
}

impl SearchScope {
    /// Returns the path below the base.
    fn path(&self) -> String {
        match self {
            SearchScope::Type(resource_type) => resource_type.to_string(),
            SearchScope::System => String::new(),
            SearchScope::Compartment(patient, None) => format!("{patient}/*"),
            SearchScope::Compartment(patient, Some(resource_type)) => {
                format!("{patient}/{resource_type}")
            }
            SearchScope::Everything(patient) => format!("{patient}/$everything"),
        }
    }

    /// Returns the types that can be searched here.
    fn types(&self) -> Vec<ResourceType> {
        match self {
            SearchScope::Type(resource_type) | SearchScope::Compartment(_, Some(resource_type)) => {
                vec![*resource_type]
            }
            SearchScope::System => ResourceType::ALL.to_vec(),
            SearchScope::Compartment(_, None) => compartment::types(),
            SearchScope::Everything(_) => everything::types(),
        }
    }

    /// Returns the Patient to whom everything that is found belongs.
    pub(super) fn person(&self) -> Option<&ResourceKey> {
        match self {
            SearchScope::Compartment(patient, _) | SearchScope::Everything(patient) => {
                Some(patient)
            }
            SearchScope::Type(_) | SearchScope::System => None,
        }
    }
}

/// A search as the client asked it.
pub struct SearchRequest {
    /// The scope.
    pub scope: SearchScope,
    /// Names and values, percent-decoded, in order.
    pub parameters: Vec<(String, String)>,
    /// The way to handle what is not understood: only if the client prefers lenience it is passed over,
    /// with a warning.
    pub handling: Handling,
    /// The parameters stood in an address on the way here: the address of the page may say them too.
    pub is_shown: bool,
}

/// The answer to a search.
pub struct SearchAnswer {
    /// The path of the search, below the base.
    pub path: String,
    /// The resources of the page that match, in order.
    pub matches: Vec<StoredVersion>,
    /// The resources that are included besides.
    pub included: Vec<StoredVersion>,
    /// The number of all matches, if that is told.
    pub total: Option<usize>,
    /// The parameters that were applied: the query of this page's own address, in which nothing
    /// names a person that did not stand in the address already.
    pub applied: Vec<(String, String)>,
    /// The token of the next page, if there is one.
    pub next: Option<String>,
    /// The token of the page before, if there is one.
    pub previous: Option<String>,
    /// Warnings about what was passed over or left out.
    pub warnings: Vec<Issue>,
    /// The steps by which it was found, if that is asked: without any value that was asked for.
    pub steps: Vec<String>,
}

impl SearchAnswer {
    /// Returns all resources of the answer.
    pub fn found(&self) -> impl Iterator<Item = &StoredVersion> {
        self.matches.iter().chain(&self.included)
    }
}

/// Returns one page of matches. Its `next` page, asked for by [`PAGE`], neither skips nor repeats
/// whatever is written meanwhile.
///
/// # Errors
/// `BadRequest` with every parameter that cannot be honoured; `NotFound` or `Gone` if the Patient
/// of the scope is not there.
pub fn search(
    server: &Server,
    context: &Context,
    request: &SearchRequest,
) -> Result<SearchAnswer, Failure> {
    if let Some(patient) = request.scope.person() {
        super::read::read(server, context, patient)?;
    }
    let path = request.scope.path();
    let mut place = page_token::asked(server, context, &path, &request.parameters)?;
    if let Some(place) = place
        .as_mut()
        .filter(|_| request.handling == Handling::Unsaid)
    {
        // The token says what is found: what means nothing anywhere cannot change it.
        place
            .beside
            .retain(|(name, _)| is_known_anywhere(name) || !may_be_passed_over(name));
    }
    let parsed = match &place {
        Some(place) => {
            refuse_criteria(server, context, &request.scope, &place.beside)?;
            understand(server, context, &request.scope, &place.parameters())?
        }
        None => understand(server, context, &request.scope, &request.parameters)?,
    };
    if request.handling != Handling::Lenient && !parsed.unknown.is_empty() {
        return Err(Failure::BadRequest(parsed.unknown));
    }
    let asked = AskedSearch {
        path,
        is_shown: request.is_shown && place.is_none(),
        place: place.map(|place| place.state),
    };
    page(server, context, asked, parsed)
}

/// Refuses what would change, beside the token of a page, which resources are found or their order.
fn refuse_criteria(
    server: &Server,
    context: &Context,
    scope: &SearchScope,
    beside: &[(String, String)],
) -> Result<(), Failure> {
    if beside.is_empty() {
        return Ok(());
    }
    let plain = understand(server, context, scope, &[])?.query;
    let asked = understand(server, context, scope, beside)?.query;
    let count = plain.count;
    if (SearchQuery { count, ..asked }) == plain {
        Ok(())
    } else {
        Err(page_token::not_beside())
    }
}

/// Reads the query of a scope and parameters.
fn understand(
    server: &Server,
    context: &Context,
    scope: &SearchScope,
    parameters: &[(String, String)],
) -> Result<ParsedSearch, Failure> {
    let several = !matches!(
        scope,
        SearchScope::Type(_) | SearchScope::Compartment(_, Some(_))
    );
    let (named, parameters): (Vec<_>, Vec<_>) = parameters
        .iter()
        .cloned()
        .partition(|(name, _)| several && name == TYPE);
    let types = asked_types(scope.types(), &named)?;
    let mut parsed = match scope {
        SearchScope::Everything(_) => everything::parse(&types, &parameters)?,
        SearchScope::Type(_) | SearchScope::System | SearchScope::Compartment(..) => {
            search::parse_search(&types, &parameters, server.bases(context))
                .map_err(Failure::BadRequest)?
        }
    };
    if let ResourcePart::Elements(names) = &parsed.results.part {
        subset::known_elements(server, &types, names)?;
    }
    if let Some(patient) = scope.person() {
        parsed
            .query
            .clauses
            .push(Clause::reference(OF_PERSON, patient));
    }
    parsed.applied.splice(0..0, named);
    Ok(parsed)
}

/// Returns the types that `_type` names, of those that there are.
fn asked_types(
    possible: Vec<ResourceType>,
    named: &[(String, String)],
) -> Result<Vec<ResourceType>, Failure> {
    let mut types = possible.clone();
    for (_, value) in named {
        let wanted = value
            .split(',')
            .map(|name| name.parse().ok().filter(|wanted| possible.contains(wanted)))
            .collect::<Option<Vec<_>>>();
        let Some(wanted) = wanted else {
            let known: Vec<_> = possible.iter().map(|known| known.as_str()).collect();
            let text = format!(
                "{TYPE}: expected types that can be searched here: {}",
                known.join(", ")
            );
            return Err(Failure::bad_request(IssueCode::Value, text));
        };
        types.retain(|known| wanted.contains(known));
    }
    if types.is_empty() {
        return Err(Failure::bad_request(
            IssueCode::Value,
            format!("{TYPE}: expected types that stand in each of the lists, found none"),
        ));
    }
    Ok(types)
}

/// The page that is asked for.
struct AskedSearch {
    /// The path of the search, below the base.
    path: String,
    /// The page, if it is another than the first one.
    place: Option<PageState>,
    /// Its address may say all parameters.
    is_shown: bool,
}

fn page(
    server: &Server,
    context: &Context,
    asked: AskedSearch,
    mut parsed: ParsedSearch,
) -> Result<SearchAnswer, Failure> {
    let AskedSearch {
        path,
        place,
        is_shown,
    } = asked;
    let query = &mut parsed.query;
    if parsed.results.part == ResourcePart::Count {
        query.count = 0;
    }
    let count = query.count;
    query.bytes_max = PAGE_BYTES_MAX;
    query.is_explained = parsed.results.is_explained;
    if let Some(place) = &place {
        query.offset = place.offset;
        query.count = place
            .until
            .map_or(count, |until| count.min(until.saturating_sub(place.offset)));
    }
    let state = place.as_ref().map(|place| place.position);
    let (found, _until_included) = found(
        server,
        context,
        (query, state.or(context.seen_at)),
        &parsed.results.includes,
    )?;
    let Included { mut versions, cut } = included(
        server,
        found.position,
        &found.matches,
        &parsed.results.includes,
    )?;
    let links = Links {
        server,
        context,
        path: &path,
        position: found.position,
        applied: &parsed.applied,
        is_shown,
    };
    let (offset, end) = (query.offset, query.offset + found.matches.len());
    let mut matches = found.matches;
    for version in matches.iter_mut().chain(&mut versions) {
        subset::cut(server, context, &parsed.results.part, version)?;
    }
    let passed_over = parsed.unknown.iter().map(|issue| Issue {
        severity: Severity::Warning,
        ..issue.clone()
    });
    Ok(SearchAnswer {
        applied: links.own(offset, place.and_then(|place| place.until)),
        next: (count > 0 && end < found.total).then(|| links.token(end, None)),
        previous: (offset > 0).then(|| links.token(offset.saturating_sub(count), Some(offset))),
        matches,
        included: versions,
        total: (parsed.results.is_counted || count == 0).then_some(found.total),
        warnings: passed_over.chain(parsed.warnings).chain(cut).collect(),
        steps: found.steps,
        path,
    })
}

/// Finds the page that is asked for, with the turn in which what it includes is looked for too: at
/// once if it takes little, and otherwise in the lane for what takes long.
fn found<'s>(
    server: &'s Server,
    context: &Context,
    (query, state): (&SearchQuery, Option<Position>),
    includes: &[Include],
) -> Result<(SearchPage, Option<LongTurn<'s>>), Failure> {
    let is_long = query.count > LIGHT_MATCHES_MAX || includes.iter().any(|step| step.iterates);
    if !is_long {
        let light = SearchQuery {
            looks_max: query.looks_max.min(LIGHT_LOOKS_MAX),
            reads_max: query.reads_max.min(LIGHT_READS_MAX),
            bytes_max: query.bytes_max.min(LIGHT_BYTES_MAX),
            ..query.clone()
        };
        match server.store.search(&light, state) {
            Ok(page) if is_whole(&page, query) => return Ok((page, None)),
            Ok(_) | Err(SearchError::TooMany(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let turn = server.long_work.turn(context)?;
    Ok((server.store.search(query, state)?, Some(turn)))
}

/// Tells whether a page has all that was asked for, and was not cut for its bytes.
fn is_whole(page: &SearchPage, query: &SearchQuery) -> bool {
    let left = page.total.saturating_sub(query.offset);
    page.matches.len() >= left.min(query.count)
}

/// The maker of the links of one answer.
struct Links<'a> {
    server: &'a Server,
    context: &'a Context,
    path: &'a str,
    position: Position,
    applied: &'a [(String, String)],
    is_shown: bool,
}

impl Links<'_> {
    fn token(&self, offset: usize, until: Option<usize>) -> String {
        let place = PageState {
            position: self.position,
            offset,
            until,
            total: None,
            parameters: self.applied.to_vec(),
        };
        page_token::seal(self.server, self.context, self.path, &place)
    }

    /// Returns the query of the page's own address: the parameters that were applied, and a token
    /// if they are not all or may not be seen.
    fn own(&self, offset: usize, until: Option<usize>) -> Vec<(String, String)> {
        let mut own: Vec<_> = self
            .applied
            .iter()
            .filter(|(name, value)| self.is_shown || !is_personal(name, value))
            .cloned()
            .collect();
        if offset > 0 || own.len() < self.applied.len() {
            own.push((PAGE.to_owned(), self.token(offset, until)));
        }
        own
    }
}
