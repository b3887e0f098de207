//! The way of every request: its id, its body within bounds, its turn among the others, and
//! what every answer carries.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use tokio::task::{JoinHandle, spawn_blocking};

use super::allow::allowed;
use super::answer::Answer;
use super::arrival::ArrivedBody;
use super::call::{Call, Parameters};
use super::encoding::{self, encoded};
use super::error::Refusal;
use super::header_text::decisive;
use super::media::{ACCEPT_PATCH, PATCHES, Rendering};
use super::paths::below_base;
use super::redaction::{countable, loggable, request_id};
use super::routes::{dispatch, dispatch_from_memory};
use super::{Wire, cors, negotiation, websocket};
use crate::fhir::counted;
use crate::fhir::media_type::FhirForm;
use crate::interactions::address::Address;
use crate::interactions::query::{own_and_general, query_pairs};
use crate::interactions::{Context, Failure, overview};

/// The longest time that a client waits for an answer.
const HANDLER_TIME_MAX: Duration = Duration::from_secs(30);

/// Marks a request on a connection that is kept for whoever watches the server.
#[derive(Clone, Copy)]
pub(super) struct ForWatchers;

/// Returns the routes of the server.
pub fn router(wire: Arc<Wire>) -> Router {
    Router::new().fallback(serve).with_state(wire)
}

async fn serve(State(wire): State<Arc<Wire>>, request: Request<Body>) -> Response<Body> {
    let begun = Instant::now();
    let context = (wire.context)();
    let request_id = request_id(request.headers(), &context);
    let context = reached(&wire, &request, context.of_request(&request_id));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let named = countable(&method);
    let origin = wire.origins.allowed(request.headers());
    let takes_gzip = encoding::takes_gzip(request.headers());
    let (rendering, answered) = match understood(&request) {
        _ if method == Method::OPTIONS => (
            Rendering::default(),
            options(&path, request.headers(), origin.is_some()),
        ),
        Ok((query, rendering)) => (
            rendering,
            answer(&wire, context, request, query, rendering, takes_gzip).await,
        ),
        Err(refusal) => {
            let accepted = negotiation::rendering(request.headers(), &[]);
            (accepted.unwrap_or_default(), Err(refusal))
        }
    };
    let answer = match answered {
        Ok(answer) => answer,
        Err(refusal) => {
            match &refusal {
                Refusal::Failure(Failure::Store(error) | Failure::Unsure(error)) => {
                    tracing::error!(request.id = %request_id, "{error}")
                }
                Refusal::Bug => {
                    tracing::error!(request.id = %request_id, "a handler panicked; where, is logged by itself")
                }
                _ => {}
            }
            encoded(
                refusal
                    .answer(&request_id)
                    .rendered(rendering, &wire.server),
                takes_gzip,
            )
        }
    };
    let (status, seconds) = (answer.status().as_u16(), begun.elapsed().as_secs_f64());
    wire.metrics.count(named, status, seconds);
    tracing::info!(request.id = %request_id, http.method = named, http.path = %loggable(&path), http.status = status, duration_ms = seconds * 1e3, "answered");
    // What is told of people is kept by no cache on the way, and asked for anew by the client's
    // own.
    let answer = answer
        .or_with(header::CACHE_CONTROL, "private, no-cache")
        .with(header::VARY, wire.origins.vary());
    let answer = answer.with(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    let answer = answer.with(HeaderName::from_static("x-request-id"), request_id);
    let mut response = cors::shared(answer, origin).into_response();
    // A body whose length nobody knows before it is made stays: the router takes it away, and says
    // of it what can be said.
    if method == Method::HEAD
        && let Some(length) = HttpBody::size_hint(response.body()).exact()
    {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length.into());
        *response.body_mut() = Body::empty();
    }
    response
}

/// Returns the context of a request with the base by which its client reached the server, where a
/// proxy in front of it tells.
fn reached(wire: &Wire, request: &Request<Body>, context: Context) -> Context {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(address)| *address);
    let configured = &wire.server.base_url;
    let told = wire
        .trusted_proxies
        .base_of(peer, request.headers(), configured);
    match told {
        Some(base_url) => context.reached_by(&base_url),
        None => context,
    }
}

/// Answers which methods an address has, and what a browser may send from a page of that origin.
fn options(path: &str, headers: &HeaderMap, is_shared: bool) -> Result<Answer, Refusal> {
    let allow = allowed(path)?;
    let mut answer = Answer::empty(StatusCode::NO_CONTENT).with(header::ALLOW, allow.clone());
    if allow.contains("PATCH") {
        answer = answer.with(ACCEPT_PATCH, PATCHES);
    }
    Ok(if is_shared {
        cors::preflight(answer, headers, &allow)
    } else {
        answer
    })
}

/// Reads the parameters of the address, those that say how the answer is to be written by
/// themselves, and the form that they come to.
fn understood(request: &Request<Body>) -> Result<((Parameters, Parameters), Rendering), Refusal> {
    // Two hosts are two requests to whoever stands between: this server and a proxy may each
    // believe another one.
    decisive(request.headers(), header::HOST)?;
    let query = query_pairs(request.uri().query().unwrap_or(""))?;
    let is_fhir_json = match below_base(request.uri().path()) {
        Some(below) => !matches!(Address::read(below), Ok(Address::JobFile(..))),
        None => false,
    };
    if !is_fhir_json {
        return Ok(((query, Parameters::new()), Rendering::default()));
    }
    let rendering = negotiation::rendering(request.headers(), &query)?;
    Ok((own_and_general(query), rendering))
}

async fn answer(
    wire: &Arc<Wire>,
    context: Context,
    request: Request<Body>,
    (query, general): (Parameters, Parameters),
    rendering: Rendering,
    takes_gzip: bool,
) -> Result<Answer, Refusal> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        // Whoever watches the server is answered also when it has no turn to give.
        match request.uri().path() {
            "/livez" => return Ok(Answer::text("text/plain; charset=utf-8", "alive\n")),
            "/readyz" => return Ok(ready(wire, &context)),
            _ => {}
        }
    }
    let is_for_watchers = request.extensions().get::<ForWatchers>().is_some();
    if is_for_watchers && request.uri().path() != "/metrics" {
        return Err(Refusal::Overload);
    }
    if let Some(what) = wire.starting()
        && below_base(request.uri().path()).is_some()
    {
        return Err(Refusal::Starting(what));
    }
    let (mut parts, body) = request.into_parts();
    if let Some(answer) = websocket::upgraded(wire, &context, &mut parts).await {
        return answer;
    }
    let arrived = arrived(wire, &parts, body).await?;
    let length = match &arrived {
        Some(arrived) => Some(plain_length(wire, &parts.headers, arrived).await?),
        None => None,
    };
    let (sent, held) = arrived.map_or_else(Default::default, ArrivedBody::into_parts);
    let mut call = Call {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query,
        general,
        headers: parts.headers,
        body: sent,
        context,
        server: Arc::clone(&wire.server),
    };
    if length.is_none()
        && let Some(answered) = answered_at_once(wire, &call, rendering, takes_gzip)
    {
        return answered;
    }
    let turn = wire.admission.turn(length.unwrap_or(0)).await?;
    let wire = Arc::clone(wire);
    let patience = call.context.clone();
    let work = spawn_blocking(move || {
        let _held_until_done = (held, turn);
        let bytes_max = wire.bounds.body_bytes_max;
        call.body = encoding::plain(&call.headers, call.body, bytes_max)?;
        dispatch(&wire, &call)
            .map(|answer| encoded(answer.rendered(rendering, &wire.server), takes_gzip))
    });
    within(HANDLER_TIME_MAX, &patience, work).await
}

/// Answers what needs neither a disk nor much work without handing it to another thread: that
/// would cost more than the answer. None of what has to be worked on.
fn answered_at_once(
    wire: &Wire,
    call: &Call,
    rendering: Rendering,
    takes_gzip: bool,
) -> Option<Result<Answer, Refusal>> {
    if rendering.form != FhirForm::Json || rendering.is_pretty {
        return None;
    }
    let answer = || {
        let answer = dispatch_from_memory(wire, call)?;
        Some(encoded(
            answer.rendered(rendering, &wire.server),
            takes_gzip,
        ))
    };
    match catch_unwind(AssertUnwindSafe(answer)) {
        Ok(answer) => answer.map(Ok),
        Err(_) => Some(Err(Refusal::Bug)),
    }
}

/// Returns the answer, if it comes in time, or if something was taken to be written by then: only
/// the answer can tell what. A thread cannot be stopped: work that takes longer keeps its permit
/// until it is done, or comes to the point where it would commit and finds that nobody waits.
async fn within(
    time_max: Duration,
    context: &Context,
    mut work: JoinHandle<Result<Answer, Refusal>>,
) -> Result<Answer, Refusal> {
    let done = match tokio::time::timeout(time_max, &mut work).await {
        Ok(done) => done,
        Err(_) if context.abandon() => return Err(Refusal::Unfinished),
        Err(_) => work.await,
    };
    done.unwrap_or(Err(Refusal::Bug))
}

fn ready(wire: &Wire, context: &Context) -> Answer {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    let damaged = wire.server.store.damage().len();
    let (status, text) = match (
        wire.ready.load(Ordering::SeqCst),
        overview::changes(&wire.server, context),
    ) {
        (true, Ok(_)) if damaged > 0 => {
            let damaged = counted(damaged, "damaged record");
            let text = format!("degraded: {damaged}, see the page at / and the log\n");
            (StatusCode::OK, text)
        }
        (true, Ok(_)) => (StatusCode::OK, "ready\n".to_owned()),
        (_, Err(_)) => (unavailable, "the store failed\n".to_owned()),
        (false, Ok(_)) => {
            let what = wire.starting().unwrap_or_else(|| "starting".to_owned());
            (unavailable, format!("{what}\n"))
        }
    };
    Answer::text("text/plain; charset=utf-8", text).of_status(status)
}

/// Receives the body as it was sent, if there is one. Bodies that are slow to come keep nobody out.
async fn arrived(wire: &Wire, parts: &Parts, body: Body) -> Result<Option<ArrivedBody>, Refusal> {
    if HttpBody::is_end_stream(&body) {
        return Ok(None);
    }
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let address = peer.map(|ConnectInfo(peer)| peer.ip());
    // A proxy speaks for many.
    let from = address.filter(|address| !wire.trusted_proxies.trusts(*address));
    wire.admission.arrivals.receive(body, from).await.map(Some)
}

/// Counts the bytes of a body as it was before it was compressed: by these it has its turn.
async fn plain_length(
    wire: &Wire,
    headers: &HeaderMap,
    arrived: &ArrivedBody,
) -> Result<usize, Refusal> {
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(arrived.bytes.len());
    }
    let (headers, sent) = (headers.clone(), arrived.bytes.clone());
    let (place, bytes_max) = (wire.admission.place()?, wire.bounds.body_bytes_max);
    let counted = spawn_blocking(move || {
        let _until_counted = place;
        encoding::plain_length(&headers, &sent, bytes_max)
    });
    counted.await.unwrap_or(Err(Refusal::Bug))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;

    use super::*;
    use crate::fhir::Id;

    #[test]
    fn work_that_is_not_done_in_time_learns_that_nobody_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let context = Context::new(Timestamp::UNIX_EPOCH, Arc::new(|| Id::parse("x").unwrap()));
        let answer = runtime.block_on(async {
            let seen = context.clone();
            // Ends only when it learns it: the runtime waits for its threads.
            let work = spawn_blocking(move || {
                while !seen.is_abandoned() {
                    std::thread::yield_now();
                }
                Ok(Answer::empty(StatusCode::OK))
            });
            within(Duration::from_millis(1), &context, work).await
        });
        assert!(matches!(answer, Err(Refusal::Unfinished)));
        assert!(!context.takes_effect(), "nothing is done later");
        let done = runtime.block_on(within(
            HANDLER_TIME_MAX,
            &context,
            runtime.spawn_blocking(|| Ok(Answer::empty(StatusCode::OK))),
        ));
        assert!(done.is_ok_and(|answer| answer.status() == StatusCode::OK));
    }

    #[test]
    fn work_of_which_something_was_written_is_awaited() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let context = Context::new(Timestamp::UNIX_EPOCH, Arc::new(|| Id::parse("x").unwrap()));
        let answer = runtime.block_on(async {
            let (seen, (taken, is_taken)) = (context.clone(), std::sync::mpsc::channel());
            let work = spawn_blocking(move || {
                let takes_effect = seen.takes_effect();
                taken.send(takes_effect).unwrap();
                // Ends only after it was found that it takes too long.
                while !seen.is_abandoned() {
                    std::thread::yield_now();
                }
                Ok(Answer::empty(StatusCode::CREATED))
            });
            assert!(is_taken.recv().unwrap());
            within(Duration::from_millis(1), &context, work).await
        });
        assert!(answer.is_ok_and(|answer| answer.status() == StatusCode::CREATED));
        assert!(!context.takes_effect(), "nothing more is begun");
    }
}
