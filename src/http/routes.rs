//! The way from a request to its answer.

use std::sync::Arc;

use axum::http::{Method, StatusCode, header};

use super::allow::allowed;
use super::answer::Answer;
use super::call::Call;
use super::error::Refusal;
use super::later::{export, reindex, request};
use super::media::PLAIN_JSON;
use super::outcomes::told;
use super::package::package;
use super::paths::{self, below_base};
use super::{Wire, dashboard, metrics, negotiation, openapi};
use crate::fhir::{IssueCode, cpr};
use crate::interactions::Failure;
use crate::interactions::address::Address;
use crate::interactions::catalogue::{AnswerTime, Declaration, Verb};
use crate::interactions::outcome::Outcome;
use crate::interactions::perform::{perform, perform_from_memory};
use crate::interactions::request::{Ask, Request, WireRequest, understand};

/// The most bytes of a resource that is answered in the thread of its connection: what writing them
/// costs holds the connections beside it up.
const BYTES_FROM_MEMORY_MAX: usize = 32 * 1024;

/// Answers a request: the blocking part.
pub(super) fn dispatch(wire: &Arc<Wire>, call: &Call) -> Result<Answer, Refusal> {
    let Some(below) = below_base(&call.path) else {
        return answer_beside_base(wire, call);
    };
    let address = Address::read(below)?;
    let declared = Verb::parse(call.method.as_str()).and_then(|verb| address.declared(verb));
    let declared = declared.ok_or_else(|| Refusal::MethodNotAllowed {
        allow: address.allow(),
        text: address.not_allowed(),
    })?;
    refuse_cpr_number(wire, call)?;
    let answered = if request::is_wanted(call, declared) {
        request::begin(wire, call, &address, answer)
    } else {
        answer(wire, call)
    };
    match (answered, call.rendering_in_form(declared)) {
        // What the server did wrong is told where it is logged.
        (Err(refusal), Some(rendering)) if refusal.is_of_client() => {
            let request_id = call.context.request_id.as_deref().unwrap_or_default();
            Ok(refusal.answer(request_id).asked_as(rendering))
        }
        (answered, _) => answered,
    }
}

/// Answers in the thread of the connection what is answered without waiting: a read of a small
/// resource that memory holds. None of everything else, which is for [`dispatch`].
pub(super) fn dispatch_from_memory(wire: &Wire, call: &Call) -> Option<Answer> {
    let looks = matches!(call.method, Method::GET | Method::HEAD);
    if !looks || !call.query.is_empty() {
        return None;
    }
    let Ok(Address::Instance(_)) = Address::read(below_base(&call.path)?) else {
        return None;
    };
    let server = &wire.server;
    // Whatever is wrong with it is said by the other way.
    let request = understand(server, &call.context, call).ok()?;
    if request::is_wanted(call, request.declared) {
        return None;
    }
    let outcome = perform_from_memory(server, &call.context, &request, BYTES_FROM_MEMORY_MAX)?;
    Some(told(
        call.base_url(server),
        call,
        &request.general,
        &outcome,
    ))
}

/// Answers a request below the base, at once.
fn answer(wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
    let server = &wire.server;
    let request = understand(server, &call.context, call)?;
    refuse_foreign_form(wire, call, request.declared)?;
    if request.declared.answered == AnswerTime::Later {
        expect_respond_async(call, request.declared)?;
    }
    let general = request.general.clone();
    let outcome = match request {
        Request {
            ask: Ask::Wire(asked),
            ..
        } => return answer_of_wire(wire, call, asked),
        request => perform(server, &call.context, request)?,
    };
    if let Outcome::Export(found) = outcome {
        return export::begin(wire, call, found);
    }
    let answer = told(call.base_url(server), call, &general, &outcome);
    // The form of a search may say how the answer is written, as an address does.
    if general.len() > call.general.len() {
        return Ok(answer.asked_as(negotiation::rendering(&call.headers, &general)?));
    }
    Ok(answer)
}

/// Answers with what the wire itself keeps.
fn answer_of_wire(wire: &Wire, call: &Call, asked: WireRequest) -> Result<Answer, Refusal> {
    match asked {
        WireRequest::JobStatus(id) => wire.jobs.status(&call.context, &id),
        WireRequest::JobEnd(id) => wire.jobs.end(&call.context, &id),
        WireRequest::JobFile(id, file) => wire.jobs.file(call, &id, file),
        // One that is a websocket is answered before this.
        WireRequest::Websocket => Err(Refusal::NotUpgraded),
        WireRequest::Operation(declared) => match declared.name {
            "reindex" => reindex::begin(wire, call),
            // Nothing is begun for a row that was added without its answer here.
            name => unreachable!("the wire does not carry out ${name}"),
        },
    }
}

/// Answers what is beside the base.
fn answer_beside_base(wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
    let allow = allowed(&call.path)?;
    let notifying = paths::notifying(&call.path);
    if let (Some(name), &Method::POST) = (notifying, &call.method) {
        return notified(wire, call, name);
    }
    if notifying.is_some() || !matches!(call.method, Method::GET | Method::HEAD) {
        let text = format!("this address allows {allow}");
        return Err(Refusal::MethodNotAllowed { allow, text });
    }
    match call.path.as_str() {
        "/metrics" => Ok(Answer::text(
            "text/plain; version=0.0.4; charset=utf-8",
            metrics::text(wire, &call.context)?,
        )),
        paths::PACKAGE => Ok(package(wire, call)),
        paths::OPENAPI => {
            let base_url = call.base_url(&wire.server);
            let today = wire.server.today(&call.context);
            let made = || openapi::document(base_url, today).to_string();
            let document = wire.openapi.text(base_url, Some(today), made);
            Ok(Answer::text(PLAIN_JSON, document.as_bytes()))
        }
        _ => Ok(Answer::text(
            "text/html; charset=utf-8",
            dashboard::page(wire, &call.context)?,
        )),
    }
}

/// Takes a notification of a server that is read. Nothing that it carries is looked at.
fn notified(wire: &Wire, call: &Call, name: &str) -> Result<Answer, Refusal> {
    let said = call.headers.get(header::AUTHORIZATION);
    let secret = said
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("Bearer "))
        .unwrap_or_default();
    let upstream = wire.upstreams.iter();
    let mut upstream = upstream.filter(|account| account.name.as_str() == name);
    // One answer, so that nobody learns which servers are read.
    if upstream
        .next()
        .is_some_and(|account| account.notify(secret))
    {
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    } else {
        let text = "this server has nothing at this address for who asks";
        Err(Failure::not_found(text).into())
    }
}

/// Refuses an operation that is always answered later to a client that does not prefer that.
fn expect_respond_async(call: &Call, declared: &Declaration) -> Result<(), Refusal> {
    if negotiation::preference(&call.headers, "respond-async").is_some() {
        return Ok(());
    }
    let text = format!(
        "expected 'Prefer: respond-async': ${} is answered later",
        declared.name
    );
    Err(Failure::bad_request(IssueCode::Required, text).into())
}

/// Refuses what a page of another origin sends as a form: a browser sends one from any page to
/// anywhere, and says from where it comes.
fn refuse_foreign_form(wire: &Wire, call: &Call, declared: &Declaration) -> Result<(), Refusal> {
    let base_url = call.base_url(&wire.server);
    if declared.takes_form && wire.origins.is_foreign(base_url, &call.headers) {
        Err(Refusal::ForeignOrigin)
    } else {
        Ok(())
    }
}

/// Refuses an address with a CPR number in its parameters, whatever the request would do: the
/// number is then in the logs on the way, but the sender learns of it at once.
fn refuse_cpr_number(wire: &Wire, call: &Call) -> Result<(), Refusal> {
    let holds_it = call.query.iter().any(|(name, value)| {
        [name, value]
            .into_iter()
            .any(|text| cpr::holds_cpr_number(text))
    });
    if !holds_it || wire.takes_cpr_in_addresses {
        return Ok(());
    }
    let text = "expected no CPR number in an address, since addresses are kept in logs: send a search as a form, with POST and _search at the \
                end of the path, a conditional create with If-None-Exist, and another conditional write as the entry of a Bundle";
    Err(Failure::bad_request(IssueCode::BusinessRule, text).into())
}
