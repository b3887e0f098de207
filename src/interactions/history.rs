//! history of a resource, a type or everything (<https://hl7.org/fhir/R4/http.html#history>).

use jiff::Timestamp;

use super::page_token::{AskedPage, PAGE, PageState};
use super::passed_over::is_known_anywhere;
use super::query::Handling;
use super::{Context, Failure, Server, history_total, page_token, read};
use crate::fhir::{FhirDate, Issue, IssueCode, ResourceType, Version};
use crate::search::parse::{COUNT_DEFAULT, COUNT_MAX, may_be_passed_over, parse_search};
use crate::search::results::is_about_answer;
use crate::storage::{
    HistoryPage, HistoryQuery, HistoryScope, Position, StoreError, StoredVersion,
};

/// The most versions of a page that is read beside all small requests.
const LIGHT_VERSIONS_MAX: usize = 100;

/// A history as the client asked for it.
pub struct HistoryRequest {
    /// The scope.
    pub scope: HistoryScope,
    /// Names and values, percent-decoded, in order.
    pub parameters: Vec<(String, String)>,
    /// The way to handle what is not understood. A Bundle of past versions has no place for a warning:
    /// what was applied says what was passed over.
    pub handling: Handling,
}

/// A version of the past.
#[derive(Debug)]
pub struct PastVersion {
    /// The version.
    pub version: StoredVersion,
    /// True if the resource did not exist before it: it is the first version, or follows a
    /// deletion.
    pub is_creation: bool,
}

/// One page of a history.
#[derive(Debug)]
pub struct HistoryAnswer {
    /// The path of the history, below the base.
    pub path: String,
    /// The versions, newest first.
    pub versions: Vec<PastVersion>,
    /// The parameters that were applied: the query of this page's own address.
    pub applied: Vec<(String, String)>,
    /// The token of the next page; none if this was the last one.
    pub next: Option<String>,
    /// The number of versions that the pages have together, if it is told: that of one resource is
    /// known without reading them.
    pub total: Option<u64>,
}

/// Returns one page of past versions, newest first.
///
/// # Errors
/// `NotFound` for the history of a resource that never was; `BadRequest` with every parameter that
/// cannot be honoured.
pub fn history(
    server: &Server,
    context: &Context,
    request: &HistoryRequest,
) -> Result<HistoryAnswer, Failure> {
    let path = match &request.scope {
        HistoryScope::System => "_history".to_owned(),
        HistoryScope::Type(resource_type) => format!("{resource_type}/_history"),
        HistoryScope::Instance(key) => format!("{key}/_history"),
    };
    ensure_that_it_was(server, context, &request.scope)?;
    let place = page_token::asked(server, context, &path, &request.parameters)?
        .map(without_form)
        .transpose()?;
    let (mut query, applied, unknown) = asked(request, place.as_ref())?;
    refuse_unknown(&unknown, request.handling)?;
    let place = place.map(|place| place.state);
    query.before = place
        .as_ref()
        .map(|place| place.position)
        .or(seen_until(context));
    let page = page(server, context, &query)?;
    // After the page: what was written meanwhile is never fewer than the page has.
    let total = match (&place, &request.scope) {
        (Some(place), _) => place.total,
        (None, HistoryScope::Instance(key)) => {
            let last = read::last_version(server, context, key)?;
            Some(history_total::total(server, last.as_ref(), &query)?)
        }
        (None, HistoryScope::Type(_) | HistoryScope::System) => None,
    };
    let token = |position| {
        page_token::seal(
            server,
            context,
            &path,
            &PageState {
                position,
                offset: 0,
                until: None,
                total,
                parameters: applied.clone(),
            },
        )
    };
    let own = place.map(|place| (PAGE.to_owned(), token(place.position)));
    let next = page.next.map(token);
    let past = |version| {
        Ok(PastVersion {
            is_creation: is_creation(server, &version)?,
            version,
        })
    };
    Ok(HistoryAnswer {
        versions: page
            .versions
            .into_iter()
            .map(past)
            .collect::<Result<_, StoreError>>()?,
        applied: applied.into_iter().chain(own).collect(),
        next,
        total,
        path,
    })
}

/// Reads what is asked for: by the token of a page, if there is one.
fn asked(request: &HistoryRequest, place: Option<&AskedPage>) -> Result<Understood, Failure> {
    let Some(place) = place else {
        return understand(request.scope.clone(), &request.parameters);
    };
    let (beside, ..) = understand(request.scope.clone(), &place.beside)?;
    if beside.since.is_some() || beside.at.is_some() {
        return Err(page_token::not_beside());
    }
    understand(request.scope.clone(), &place.parameters())
}

/// Returns the position before which everything is seen; none if that is everything.
fn seen_until(context: &Context) -> Option<Position> {
    let Position(last) = context.seen_at?;
    Some(Position(last.saturating_add(1)))
}

/// Reads a page; a long one in the lane for what takes long.
fn page(server: &Server, context: &Context, query: &HistoryQuery) -> Result<HistoryPage, Failure> {
    let is_long = query.count > LIGHT_VERSIONS_MAX;
    let _turn = is_long
        .then(|| server.long_work.turn(context))
        .transpose()?;
    Ok(server.store.history(query)?)
}

/// Passes over what stands beside a token and asks for another form of the answer: a history has one
/// form, and it changes no version that is found.
fn without_form(mut place: AskedPage) -> Result<AskedPage, Failure> {
    let of_form: Vec<_> = place
        .beside
        .extract_if(.., |(name, _)| is_about_answer(name))
        .collect();
    parse_search(ResourceType::ALL, &of_form, "").map_err(Failure::BadRequest)?;
    Ok(place)
}

/// Checks that there ever was what the history is of.
fn ensure_that_it_was(
    server: &Server,
    context: &Context,
    scope: &HistoryScope,
) -> Result<(), Failure> {
    if let HistoryScope::Instance(key) = scope
        && read::last_version(server, context, key)?.is_none()
    {
        let text = format!("there is no {} with this id", key.resource_type);
        return Err(Failure::not_found(text));
    }
    Ok(())
}

/// Refuses parameters that a history does not have, as the client wants them handled; those that
/// mean something elsewhere also if it does not say, and criteria with a modifier or a chain always.
fn refuse_unknown(unknown: &[String], handling: Handling) -> Result<(), Failure> {
    let is_refused = |name: &&String| match handling {
        Handling::Strict => true,
        Handling::Unsaid => is_known_anywhere(name) || !may_be_passed_over(name),
        Handling::Lenient => !may_be_passed_over(name),
    };
    let text = "a history has the parameters _count, _since, _at and _sort; expected no other";
    let refused = unknown.iter().filter(is_refused);
    let refused: Vec<_> = refused
        .map(|_| Issue::error(IssueCode::NotSupported, "", text))
        .collect();
    if refused.is_empty() {
        Ok(())
    } else {
        Err(Failure::BadRequest(refused))
    }
}

/// The query, the parameters that were applied, and the names of those that are not understood.
type Understood = (HistoryQuery, Vec<(String, String)>, Vec<String>);

fn understand(scope: HistoryScope, parameters: &[(String, String)]) -> Result<Understood, Failure> {
    let mut query = HistoryQuery {
        scope,
        since: None,
        at: None,
        before: None,
        count: COUNT_DEFAULT,
    };
    let (mut applied, mut unknown, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (name, value)) in parameters.iter().enumerate() {
        // A `+` before the zone arrives as a blank when a client did not encode it.
        let span = || FhirDate::parse(&value.replace(' ', "+")).map(FhirDate::range_us);
        let instant = |us| Timestamp::from_microsecond(us).ok();
        let understood = match name.as_str() {
            "_count" => count(value).map(|count| query.count = count),
            "_since" => span()
                .and_then(|(from, _)| instant(from))
                .map(|since| query.since = Some(since)),
            "_at" => span()
                .and_then(|(from, until)| instant(from).zip(instant(until)))
                .map(|at| query.at = Some(at)),
            // The one order that there is may be named, as in later versions of FHIR.
            "_sort" => (value == "-_lastUpdated").then_some(()),
            // A modifier would narrow the history in a way that it does not have.
            modified if of_history(modified) => None,
            _ => {
                unknown.push(name.clone());
                continue;
            }
        };
        let is_again = parameters[..at].iter().any(|(earlier, _)| earlier == name);
        match understood {
            Some(()) if !is_again && name == "_count" => {
                applied.push((name.clone(), query.count.to_string()))
            }
            Some(()) if !is_again => applied.push((name.clone(), value.replace(' ', "+"))),
            _ => {
                let text = "expected _count with a whole number, _since or _at with an instant or a date, _sort=-_lastUpdated, each once";
                wrong.push(Issue::error(IssueCode::Value, "", text));
            }
        }
    }
    if wrong.is_empty() {
        Ok((query, applied, unknown))
    } else {
        Err(Failure::BadRequest(wrong))
    }
}

/// Tells whether a name with a modifier is one of a history's parameters without it.
fn of_history(name: &str) -> bool {
    let code = name.split_once(':').map_or("", |(code, _)| code);
    ["_count", "_since", "_at", "_sort"].contains(&code)
}

/// Reads a count. More digits than a number has are cut like any other large number.
fn count(value: &str) -> Option<usize> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(COUNT_MAX).min(COUNT_MAX))
}

fn is_creation(server: &Server, version: &StoredVersion) -> Result<bool, StoreError> {
    let Version(number) = version.version;
    if version.body.is_none() || number <= 1 {
        return Ok(version.body.is_some());
    }
    Ok(server
        .store
        .read_version(&version.key, Version(number - 1))?
        .is_some_and(|before| before.body.is_none()))
}
