//! From a request to an interaction and back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use axum::routing::{any, get};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::{Answer, location};
use super::capability::{self, Interaction, interactions_of};
use super::error::Refusal;
use super::negotiation::{self, GENERAL_PARAMETERS, Rendering, Return};
use super::sight::{countable, loggable, request_id};
use super::{Wire, bundle, operations, page};
use crate::fhir::{IssueCode, Resource, ResourceKey, ResourceType};
use crate::interactions::address::{Address, criteria, query_pairs};
use crate::interactions::create::{CreateRequest, create};
use crate::interactions::delete::delete;
use crate::interactions::history::{HistoryRequest, history};
use crate::interactions::search::{SearchRequest, search};
use crate::interactions::update::update;
use crate::interactions::validate::Target;
use crate::interactions::{Effect, Failure, HistoryScope, Moment, StoredVersion, Written, read, transaction};

/// The greatest body that is read.
const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;
/// How long a body may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a client waits for an answer at most.
const HANDLER_TIME_MAX: Duration = Duration::from_secs(30);

/// Where the guide's package is.
pub(super) const PACKAGE_PATH: &str = "/package.tgz";

/// The routes of the server.
pub fn router(wire: Arc<Wire>) -> Router {
    let alive = || async { "alive\n" };
    Router::new()
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .route("/", any(serve))
        .route("/metrics", any(serve))
        .route(PACKAGE_PATH, any(serve))
        .fallback(any(serve))
        .with_state(wire)
}

async fn ready(State(wire): State<Arc<Wire>>) -> (StatusCode, &'static str) {
    match (wire.ready.load(Ordering::SeqCst), wire.server.changes()) {
        (true, Ok(_)) => (StatusCode::OK, "ready\n"),
        (true, Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "the store failed\n"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
    }
}

/// Names and values, percent-decoded.
type Parameters = Vec<(String, String)>;

/// A request with its body, ready for the blocking part.
pub(super) struct Call {
    pub(super) method: Method,
    path: String,
    /// The parameters of the address, but those that every request may have.
    pub(super) query: Parameters,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) moment: Moment,
}

async fn serve(State(wire): State<Arc<Wire>>, request: Request<Body>) -> Response<Body> {
    let begun = Instant::now();
    let moment = (wire.moment)();
    let request_id = request_id(request.headers(), &moment);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let named = countable(&method);
    let (rendering, answered) = match understood(&request) {
        Ok((query, rendering)) => (rendering, answer(&wire, moment, request, query).await),
        Err(refusal) => (Rendering::default(), Err(refusal)),
    };
    let answer = match answered {
        Ok(answer) => answer,
        Err(refusal) => {
            match &refusal {
                Refusal::Failure(Failure::Store(error)) => tracing::error!(request.id = %request_id, "{error}"),
                Refusal::Bug(panic) => tracing::error!(request.id = %request_id, "a handler panicked: {panic}"),
                _ => {}
            }
            refusal.answer()
        }
    };
    let answer = answer.rendered(rendering);
    let (status, seconds) = (answer.status().as_u16(), begun.elapsed().as_secs_f64());
    wire.metrics.answered(named, status, seconds);
    tracing::info!(request.id = %request_id, http.method = named, http.path = %loggable(&path), http.status = status, duration_ms = seconds * 1e3, "answered");
    // What is told of people is kept by no cache on the way, and asked for anew by the client's own.
    let answer = answer.with(header::CACHE_CONTROL, "private, no-cache").with(header::VARY, "Accept");
    let answer = answer.with(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    let mut response = answer.with(HeaderName::from_static("x-request-id"), request_id).into_response();
    if method == Method::HEAD {
        let length = HttpBody::size_hint(response.body()).exact().unwrap_or(0);
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        *response.body_mut() = Body::empty();
    }
    response
}

/// The parameters of the address, and how the answer is to be written.
fn understood(request: &Request<Body>) -> Result<(Parameters, Rendering), Refusal> {
    let query = query_pairs(request.uri().query().unwrap_or(""))?;
    if below_base(request.uri().path()).is_none() {
        return Ok((query, Rendering::default()));
    }
    let rendering = negotiation::rendering(request.headers(), &query)?;
    Ok((own_parameters(query), rendering))
}

/// The parameters without those that every request may have.
fn own_parameters(mut query: Parameters) -> Parameters {
    query.retain(|(name, _)| !GENERAL_PARAMETERS.contains(&name.as_str()));
    query
}

/// What follows `/fhir` in a path.
pub(super) fn below_base(path: &str) -> Option<&str> {
    path.strip_prefix("/fhir").filter(|below| below.is_empty() || below.starts_with('/'))
}

async fn answer(wire: &Arc<Wire>, moment: Moment, request: Request<Body>, query: Parameters) -> Result<Answer, Refusal> {
    let (parts, body) = request.into_parts();
    // Bodies that are slow to come keep only other bodies out: whoever reads is still answered.
    let held = if HttpBody::is_end_stream(&body) { None } else { Some(permit_of(&wire.bodies)?) };
    let body = tokio::time::timeout(BODY_TIME_MAX, to_bytes(body, BODY_BYTES_MAX)).await;
    let body = body.map_err(|_| Refusal::Slow)?.map_err(|_| Refusal::TooLarge(BODY_BYTES_MAX))?;
    let permit = permit_of(&wire.permits)?;
    let call = Call { method: parts.method, path: parts.uri.path().to_owned(), query, headers: parts.headers, body, moment };
    let wire = Arc::clone(wire);
    let work = tokio::task::spawn_blocking(move || {
        let _held_until_done = (held, permit);
        dispatch(&wire, &call)
    });
    // A thread cannot be stopped: work that takes longer keeps its permit until it is done.
    match tokio::time::timeout(HANDLER_TIME_MAX, work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => Err(Refusal::Bug(panic.to_string())),
        Err(_) => Err(Refusal::Unfinished),
    }
}

fn permit_of(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refusal> {
    Arc::clone(permits).try_acquire_owned().map_err(|_| Refusal::Overload)
}

fn dispatch(wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
    let looks = matches!(call.method, Method::GET | Method::HEAD);
    let Some(below) = below_base(&call.path) else {
        return match (call.path.as_str(), looks) {
            ("/", true) => Ok(Answer::text("text/html; charset=utf-8", page::page(wire, &call.moment)?)),
            ("/metrics", true) => {
                let text = wire.metrics.text(wire.server.changes()?, wire.ready.load(Ordering::SeqCst));
                Ok(Answer::text("text/plain; version=0.0.4; charset=utf-8", text))
            }
            (PACKAGE_PATH, true) => Ok(operations::package(wire, call)),
            ("/" | "/metrics" | PACKAGE_PATH, false) => Err(Refusal::MethodNotAllowed("GET, HEAD")),
            _ => Err(Failure::not_found("this server has nothing at this address; FHIR is below /fhir").into()),
        };
    };
    match Address::read(below)? {
        Address::System if call.method == Method::POST => bundle_answer(wire, call),
        Address::System => Err(Refusal::MethodNotAllowed("POST")),
        Address::Metadata if looks => Ok(Answer::made(&capability::statement(&wire.server.base_url))),
        Address::SystemHistory if looks => history_answer(wire, call, HistoryScope::System),
        Address::Metadata | Address::SystemHistory => Err(Refusal::MethodNotAllowed("GET, HEAD")),
        Address::TypeValidate(_) if call.method != Method::POST => Err(Refusal::MethodNotAllowed("POST")),
        Address::TypeValidate(resource_type) => operations::validate(wire, call, Target::Type(resource_type)),
        Address::Validate(key) => operations::validate(wire, call, Target::Instance(key)),
        Address::Rights(patient) => operations::rights(wire, call, &patient),
        Address::Type(resource_type) if looks => search_answer(wire, call, resource_type, call.query.clone()),
        Address::Type(resource_type) => {
            allowed(resource_type, Interaction::Create, &call.method, Method::POST, on_type)?;
            create_answer(wire, call, resource_type)
        }
        Address::TypeSearch(resource_type) if call.method == Method::POST => form_search_answer(wire, call, resource_type),
        Address::TypeSearch(_) => Err(Refusal::MethodNotAllowed("POST")),
        Address::TypeHistory(resource_type) if looks => history_answer(wire, call, HistoryScope::Type(resource_type)),
        Address::Instance(key) if looks => read_answer(call, &read::read(&wire.server, &key)?),
        Address::Instance(key) if call.method == Method::PUT => {
            allowed(key.resource_type, Interaction::Update, &call.method, Method::PUT, on_instance)?;
            update_answer(wire, call, key)
        }
        Address::Instance(key) => {
            allowed(key.resource_type, Interaction::Delete, &call.method, Method::DELETE, on_instance)?;
            without_parameters(call)?;
            let written = delete(&wire.server, &call.moment, key, negotiation::condition(&call.headers)?)?;
            Ok(written_answer(wire, call, &written))
        }
        Address::InstanceHistory(key) if looks => history_answer(wire, call, HistoryScope::Instance(key)),
        Address::Version(key, version) if looks => read_answer(call, &read::read_version(&wire.server, &key, version)?),
        Address::TypeHistory(_) | Address::InstanceHistory(_) | Address::Version(..) => Err(Refusal::MethodNotAllowed("GET, HEAD")),
    }
}

/// Refuses what the table of interactions does not have.
fn allowed(
    resource_type: ResourceType,
    interaction: Interaction,
    method: &Method,
    expected: Method,
    allow: fn(ResourceType) -> &'static str,
) -> Result<(), Refusal> {
    let has = *method == expected && interactions_of(resource_type).contains(&interaction);
    if has { Ok(()) } else { Err(Refusal::MethodNotAllowed(allow(resource_type))) }
}

fn on_type(resource_type: ResourceType) -> &'static str {
    if interactions_of(resource_type).contains(&Interaction::Create) { "GET, HEAD, POST" } else { "GET, HEAD" }
}

fn on_instance(resource_type: ResourceType) -> &'static str {
    if interactions_of(resource_type).contains(&Interaction::Update) { "GET, HEAD, PUT, DELETE" } else { "GET, HEAD" }
}

/// Refuses parameters at an address where none means anything; under `handling=lenient` they are passed over.
fn without_parameters(call: &Call) -> Result<(), Refusal> {
    let (_, lenient) = negotiation::prefer(&call.headers);
    if call.query.is_empty() || lenient {
        return Ok(());
    }
    let text = format!("expected no parameters here but {}", GENERAL_PARAMETERS.join(", "));
    Err(Failure::bad_request(IssueCode::NotSupported, text).into())
}

fn read_answer(call: &Call, found: &StoredVersion) -> Result<Answer, Refusal> {
    without_parameters(call)?;
    let since = negotiation::text(&call.headers, header::IF_MODIFIED_SINCE).and_then(http_instant);
    let unchanged = if call.headers.contains_key(header::IF_NONE_MATCH) {
        negotiation::has_already(&call.headers, found.version)
    } else {
        since.is_some_and(|since| found.last_updated.as_second() <= since.as_second())
    };
    let answer = if unchanged {
        Answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        Answer::fhir(StatusCode::OK, found.body.clone().unwrap_or_default())
    };
    Ok(answer.of_version(found))
}

fn http_instant(date: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(date).ok().map(|zoned| zoned.timestamp())
}

fn create_answer(wire: &Wire, call: &Call, resource_type: ResourceType) -> Result<Answer, Refusal> {
    without_parameters(call)?;
    let resource = sent_resource(call)?;
    let if_none_exist = negotiation::decisive(&call.headers, HeaderName::from_static("if-none-exist"))?;
    let if_none_exist = if_none_exist.map(|query| criteria(resource_type, query)).transpose()?;
    let written = create(&wire.server, &call.moment, CreateRequest { resource_type, resource, if_none_exist })?;
    Ok(written_answer(wire, call, &written))
}

fn update_answer(wire: &Wire, call: &Call, key: ResourceKey) -> Result<Answer, Refusal> {
    without_parameters(call)?;
    let resource = sent_resource(call)?;
    let written = update(&wire.server, &call.moment, key, resource, negotiation::condition(&call.headers)?)?;
    Ok(written_answer(wire, call, &written))
}

/// The resource in the body.
pub(super) fn sent_resource(call: &Call) -> Result<Resource, Refusal> {
    negotiation::sends_json(&call.headers)?;
    Ok(Resource::parse(&call.body).map_err(|issue| Failure::BadRequest(vec![issue]))?)
}

fn written_answer(wire: &Wire, call: &Call, written: &Written) -> Answer {
    let (wanted, _) = negotiation::prefer(&call.headers);
    let status = bundle::effect_status(written.effect);
    let answer = match (wanted, written.effect, &written.version) {
        (Some(Return::OperationOutcome), Effect::Deleted, _) => Answer::outcome(StatusCode::OK, &written.issues),
        (_, Effect::Deleted, _) | (_, _, None) => Answer::empty(status),
        (Some(Return::OperationOutcome), _, _) => Answer::outcome(status, &written.issues),
        (Some(Return::Minimal), _, _) => Answer::empty(status),
        (Some(Return::Representation) | None, _, Some(version)) => Answer::fhir(status, version.body.clone().unwrap_or_default()),
    };
    let Some(version) = &written.version else { return answer };
    let answer = answer.of_version(version);
    match written.effect {
        Effect::Created | Effect::Updated | Effect::Unchanged => {
            answer.with(header::LOCATION, location(&wire.server.base_url, &written.key, version.version))
        }
        Effect::Deleted => answer,
    }
}

fn search_answer(wire: &Wire, call: &Call, resource_type: ResourceType, parameters: Parameters) -> Result<Answer, Refusal> {
    let (_, lenient) = negotiation::prefer(&call.headers);
    let found = search(&wire.server, &SearchRequest { resource_type, parameters, lenient })?;
    Ok(Answer::fhir(StatusCode::OK, bundle::searchset(&wire.server.base_url, &found)))
}

/// A search whose parameters are in a form, in the address, or some in each.
fn form_search_answer(wire: &Wire, call: &Call, resource_type: ResourceType) -> Result<Answer, Refusal> {
    negotiation::sends_form(&call.headers)?;
    let wrong = |_| Failure::bad_request(IssueCode::Value, "expected a form in UTF-8");
    let form = query_pairs(std::str::from_utf8(&call.body).map_err(wrong)?)?;
    let rendering = match form.iter().any(|(name, _)| GENERAL_PARAMETERS.contains(&name.as_str())) {
        true => negotiation::rendering(&call.headers, &form)?,
        false => Rendering::default(),
    };
    let parameters = call.query.iter().cloned().chain(own_parameters(form)).collect();
    Ok(search_answer(wire, call, resource_type, parameters)?.rendered(rendering))
}

fn history_answer(wire: &Wire, call: &Call, scope: HistoryScope) -> Result<Answer, Refusal> {
    let (_, lenient) = negotiation::prefer(&call.headers);
    let found = history(&wire.server, HistoryRequest { scope, parameters: call.query.clone(), lenient })?;
    Ok(Answer::fhir(StatusCode::OK, bundle::history(&wire.server.base_url, &found)))
}

fn bundle_answer(wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
    without_parameters(call)?;
    let sent = sent_resource(call)?;
    let (kind, answers) = transaction::process(&wire.server, &call.moment, &sent)?;
    let wanted = negotiation::prefer(&call.headers).0.unwrap_or(Return::Minimal);
    Ok(Answer::fhir(StatusCode::OK, bundle::response(&wire.server.base_url, kind, &answers, wanted)))
}
