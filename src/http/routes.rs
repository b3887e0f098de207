//! From a request to an interaction and back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::answer::{Answer, PLAIN_JSON, location};
use super::capability::{self, Interaction, interactions_of};
use super::error::Refusal;
use super::negotiation::{
    self, GENERAL_PARAMETERS, PREFERENCE_APPLIED, Rendering, Return, SentPatch,
};
use super::{
    Wire, bulk, bundle, deliveries, jobs, later, openapi, operations, page, reindex, subscriptions,
};
use crate::fhir::{IssueCode, Resource, ResourceType};
use crate::interactions::address::{Address, criteria, query_pairs};
use crate::interactions::create::{CreateRequest, create};
use crate::interactions::delete::delete;
use crate::interactions::export::ExportScope;
use crate::interactions::history::{HistoryRequest, history};
use crate::interactions::patch::{Patch, patch};
use crate::interactions::search::{SearchRequest, SearchScope, search};
use crate::interactions::update::update;
use crate::interactions::validate;
use crate::interactions::write::{Criteria, Target};
use crate::interactions::{
    Context, Effect, Failure, HistoryScope, StoredVersion, Written, overview, read, subset,
    transaction,
};
use crate::search::personal_parameters;

/// Where the guide's package is.
pub(super) const PACKAGE_PATH: &str = "/package.tgz";

/// Names and values, percent-decoded.
pub(super) type Parameters = Vec<(String, String)>;

/// A request with its body, ready for the blocking part.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    /// The parameters of the address, but those that every request may have.
    pub(super) query: Parameters,
    /// Those: they say how the answer is written, and so do the links to its further pages.
    pub(super) general: Parameters,
    pub(super) headers: HeaderMap,
    /// As it was before it was compressed.
    pub(super) body: Bytes,
    pub(super) context: Context,
}

/// The parameters but those that every request may have, and those.
pub(super) fn own_and_general(query: Parameters) -> (Parameters, Parameters) {
    query
        .into_iter()
        .partition(|(name, _)| !GENERAL_PARAMETERS.contains(&name.as_str()))
}

/// What follows `/fhir` in a path.
pub(super) fn below_base(path: &str) -> Option<&str> {
    path.strip_prefix("/fhir")
        .filter(|below| below.is_empty() || below.starts_with('/'))
}

/// Answers a request: the blocking part.
pub(super) fn dispatch(wire: &Arc<Wire>, call: &Call) -> Result<Answer, Refusal> {
    let allow = allow(&call.path)?;
    if !allow.split(", ").any(|method| method == call.method) {
        return Err(Refusal::MethodNotAllowed(allow));
    }
    let Some(below) = below_base(&call.path) else {
        return outside(wire, call);
    };
    let address = Address::read(below)?;
    refuse_cpr_number(wire, call)?;
    if later::is_wanted(call, &address) {
        later::begin(wire, call, address)
    } else {
        answered(wire, call, address)
    }
}

/// What the address has to say.
pub(super) fn answered(wire: &Wire, call: &Call, address: Address) -> Result<Answer, Refusal> {
    let looks = matches!(call.method, Method::GET | Method::HEAD);
    if let Some(scope) = SearchScope::of(&address).filter(|_| looks) {
        return search_answer(wire, call, scope, call.query.clone());
    }
    match address {
        Address::System => bundle_answer(wire, call),
        Address::Reindex => reindex::begin(wire, call),
        Address::Export(scope @ ExportScope::System) => bulk::export(wire, call, scope, "$export"),
        Address::Export(scope @ ExportScope::Patients) => {
            bulk::export(wire, call, scope, "Patient/$export")
        }
        Address::Job(id) => jobs::status(wire, call, &id),
        Address::JobFile(id, file) => bulk::file(wire, call, &id, file),
        Address::SystemSearch => form_search_answer(wire, call, SearchScope::System),
        // A GET of the first one is answered above; nothing else is let in.
        Address::Compartment(patient, within) | Address::CompartmentSearch(patient, within) => {
            form_search_answer(wire, call, SearchScope::Compartment(patient, within))
        }
        Address::Everything(patient) => operations::everything(wire, call, patient),
        Address::Meta(scope) => operations::meta(wire, call, &scope),
        Address::MetaChange(key, change) => operations::meta_change(wire, call, key, change),
        Address::Metadata => Ok(Answer::made(&capability::statement(
            &wire.server.base_url,
            wire.server.references,
        ))),
        Address::SystemHistory => history_answer(wire, call, HistoryScope::System),
        Address::TypeValidate(resource_type) => {
            operations::validate(wire, call, validate::Target::Type(resource_type))
        }
        Address::Validate(key) => operations::validate(wire, call, validate::Target::Instance(key)),
        Address::BindingToken(subscription) => {
            operations::binding_token(wire, call, subscription.as_ref())
        }
        Address::Resend(subscription) => subscriptions::resend(wire, call, &subscription),
        // One that is a websocket is answered before this.
        Address::Websocket => Err(Refusal::NotUpgraded),
        Address::Rights(patient) => operations::rights(wire, call, &patient),
        Address::SubscriptionStatuses => subscriptions::statuses(wire, call),
        Address::SubscriptionStatus(subscription) => {
            subscriptions::status(wire, call, &subscription)
        }
        Address::SubscriptionEvents(subscription) => {
            subscriptions::events(wire, call, &subscription)
        }
        Address::WebhookSecret(subscription) => {
            subscriptions::webhook_secret(wire, call, &subscription)
        }
        Address::Type(resource_type) if call.method == Method::POST => {
            create_answer(wire, call, resource_type)
        }
        Address::Type(resource_type) => conditional_answer(wire, call, resource_type),
        Address::TypeSearch(resource_type) => {
            form_search_answer(wire, call, SearchScope::Type(resource_type))
        }
        Address::TypeHistory(resource_type) => {
            history_answer(wire, call, HistoryScope::Type(resource_type))
        }
        Address::Instance(key) if looks => {
            read_answer(wire, call, read::read(&wire.server, &call.context, &key)?)
        }
        Address::Instance(key) => {
            without_parameters(call)?;
            change_answer(wire, call, Target::Key(key))
        }
        Address::InstanceHistory(key) => history_answer(wire, call, HistoryScope::Instance(key)),
        Address::Version(key, version) => read_answer(
            wire,
            call,
            read::read_version(&wire.server, &call.context, &key, version)?,
        ),
    }
}

/// What is beside the base.
fn outside(wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
    match call.path.as_str() {
        "/metrics" => {
            let mut text = wire.metrics.text(
                overview::changes(&wire.server, &call.context)?,
                wire.ready.load(Ordering::SeqCst),
                wire.listeners.count(),
            );
            text.push_str(&deliveries::metrics(&wire.server, &call.context)?);
            Ok(Answer::text(
                "text/plain; version=0.0.4; charset=utf-8",
                text,
            ))
        }
        PACKAGE_PATH => Ok(operations::package(wire, call)),
        openapi::PATH => Ok(Answer::text(
            PLAIN_JSON,
            openapi::document(&wire.server.base_url).to_string(),
        )),
        _ => Ok(Answer::text(
            "text/html; charset=utf-8",
            page::page(wire, &call.context)?,
        )),
    }
}

/// The methods of an address, as `Allow` has them: the table by which requests are let in, so that
/// no 405 tells anything else.
///
/// # Errors
/// `NotFound`: there is nothing.
pub(super) fn allow(path: &str) -> Result<&'static str, Failure> {
    const LOOKED_AT: &str = "GET, HEAD, OPTIONS";
    let Some(below) = below_base(path) else {
        return match path {
            "/" | "/livez" | "/readyz" | "/metrics" | PACKAGE_PATH | openapi::PATH => Ok(LOOKED_AT),
            _ => Err(Failure::not_found(
                "this server has nothing at this address; FHIR is below /fhir",
            )),
        };
    };
    let has = |resource_type: ResourceType, interaction| {
        interactions_of(resource_type).contains(&interaction)
    };
    Ok(match Address::read(below)? {
        Address::SystemSearch
        | Address::TypeSearch(_)
        | Address::CompartmentSearch(..)
        | Address::TypeValidate(_) => "POST, OPTIONS",
        Address::System | Address::Everything(_) => "GET, HEAD, POST, OPTIONS",
        Address::Metadata
        | Address::SystemHistory
        | Address::TypeHistory(_)
        | Address::InstanceHistory(_)
        | Address::Version(..) => LOOKED_AT,
        Address::Type(resource_type) if has(resource_type, Interaction::Create) => {
            "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        }
        Address::Instance(key) if has(key.resource_type, Interaction::Update) => {
            "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"
        }
        Address::Type(_) | Address::Instance(_) | Address::Compartment(..) => LOOKED_AT,
        Address::Validate(_) | Address::Rights(_) | Address::Meta(_) => "GET, HEAD, POST, OPTIONS",
        Address::SubscriptionStatuses
        | Address::SubscriptionStatus(_)
        | Address::SubscriptionEvents(_)
        | Address::WebhookSecret(_) => "GET, HEAD, POST, OPTIONS",
        Address::MetaChange(..) => "POST, OPTIONS",
        // To look at the head alone would begin an export too, or give a token to nobody.
        Address::Export(_) | Address::BindingToken(_) => "GET, POST, OPTIONS",
        Address::Reindex => "POST, OPTIONS",
        Address::Job(_) => "GET, HEAD, DELETE, OPTIONS",
        Address::JobFile(..) => LOOKED_AT,
        Address::Resend(_) => "POST, OPTIONS",
        Address::Websocket => "GET, OPTIONS",
    })
}

/// Refuses parameters at an address where none means anything; under `handling=lenient` they are
/// passed over.
pub(super) fn without_parameters(call: &Call) -> Result<(), Refusal> {
    no_parameters(call, &call.query)
}

pub(super) fn no_parameters(call: &Call, parameters: &[(String, String)]) -> Result<(), Refusal> {
    let (_, lenient) = negotiation::prefer(&call.headers);
    if parameters.is_empty() || lenient {
        return Ok(());
    }
    let text = format!(
        "expected no parameters here but {}",
        GENERAL_PARAMETERS.join(", ")
    );
    Err(Failure::bad_request(IssueCode::NotSupported, text).into())
}

fn read_answer(wire: &Wire, call: &Call, mut found: StoredVersion) -> Result<Answer, Refusal> {
    let (part, others) = subset::asked(
        &wire.server,
        &call.context,
        found.key.resource_type,
        &call.query,
    )?;
    no_parameters(call, &others)?;
    subset::cut(&wire.server, &call.context, &part, &mut found)?;
    let answer = if negotiation::known(&call.headers).is(&found) {
        Answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        Answer::fhir(StatusCode::OK, found.body.clone().unwrap_or_default())
    };
    Ok(answer.of_version(&found))
}

fn create_answer(wire: &Wire, call: &Call, resource_type: ResourceType) -> Result<Answer, Refusal> {
    let resource = sent_resource(call)?;
    let if_none_exist =
        negotiation::decisive(&call.headers, HeaderName::from_static("if-none-exist"))?;
    let if_none_exist = if let Some(query) = if_none_exist {
        without_parameters(call)?;
        Some(criteria(resource_type, query)?)
    } else {
        // In the address of a create they can only mean what the header says, and some clients
        // write them there.
        Some(call.query.clone()).filter(|parameters| !parameters.is_empty())
    };
    let written = create(
        &wire.server,
        &call.context,
        CreateRequest {
            resource_type,
            resource,
            if_none_exist,
        },
    )?;
    Ok(written_answer(wire, call, &written))
}

/// A change of the one resource that the parameters of the address match.
fn conditional_answer(
    wire: &Wire,
    call: &Call,
    resource_type: ResourceType,
) -> Result<Answer, Refusal> {
    let criteria = Criteria {
        resource_type,
        parameters: call.query.clone(),
        unused_id: (call.context.new_id)(),
    };
    change_answer(wire, call, Target::Matching(criteria))
}

/// What `PUT`, `PATCH` and `DELETE` ask for.
fn change_answer(wire: &Wire, call: &Call, target: Target) -> Result<Answer, Refusal> {
    let condition = negotiation::condition(&call.headers)?;
    let written = match call.method {
        Method::DELETE => delete(&wire.server, &call.context, target, condition)?,
        Method::PATCH => patch(
            &wire.server,
            &call.context,
            target,
            sent_patch(call)?,
            condition,
        )?,
        _ => update(
            &wire.server,
            &call.context,
            target,
            sent_resource(call)?,
            condition,
        )?,
    };
    Ok(written_answer(wire, call, &written))
}

/// The patch in the body.
fn sent_patch(call: &Call) -> Result<Patch, Refusal> {
    let patch = match negotiation::sends_patch(&call.headers)? {
        SentPatch::Json => Patch::parse_json_patch(&call.body),
        SentPatch::Merge => Patch::parse_merge_patch(&call.body),
        SentPatch::Plain => Patch::parse_plain_json(&call.body),
        SentPatch::FhirPath => Patch::from_parameters(&sent_resource(call)?),
    };
    Ok(patch.map_err(Failure::BadRequest)?)
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
        (Some(Return::OperationOutcome), Effect::Deleted, _) => {
            Answer::outcome(StatusCode::OK, &written.issues)
        }
        (_, Effect::Deleted, _) | (_, _, None) => Answer::empty(status),
        (Some(Return::OperationOutcome), _, _) => Answer::outcome(status, &written.issues),
        (Some(Return::Minimal), _, _) => Answer::empty(status),
        (Some(Return::Representation) | None, _, Some(version)) => {
            Answer::fhir(status, version.body.clone().unwrap_or_default())
        }
    };
    let answer = match wanted
        .filter(|wanted| written.effect != Effect::Deleted || *wanted == Return::OperationOutcome)
    {
        Some(wanted) => answer.with(PREFERENCE_APPLIED, wanted.applied()),
        None => answer,
    };
    let Some(version) = &written.version else {
        return answer;
    };
    let answer = answer.of_version(version);
    match written.effect {
        Effect::Created | Effect::Updated | Effect::Unchanged => answer.with(
            header::LOCATION,
            location(&wire.server.base_url, &written.key, version.version),
        ),
        Effect::Deleted => answer,
    }
}

/// Refuses an address with a CPR number in its parameters, whatever the request would do: the
/// number is then in the logs on the way, but the sender learns of it at once.
fn refuse_cpr_number(wire: &Wire, call: &Call) -> Result<(), Refusal> {
    let holds_it = call.query.iter().any(|(name, value)| {
        [name, value]
            .into_iter()
            .any(|text| personal_parameters::holds_cpr_number(text))
    });
    if !holds_it || wire.takes_cpr_in_addresses.load(Ordering::SeqCst) {
        return Ok(());
    }
    let text = "expected no CPR number in an address, since addresses are kept in logs: send a search as a form, with POST and _search at the \
                end of the path, a conditional create with If-None-Exist, and another conditional write as the entry of a Bundle";
    Err(Failure::bad_request(IssueCode::BusinessRule, text).into())
}

pub(super) fn search_answer(
    wire: &Wire,
    call: &Call,
    scope: SearchScope,
    parameters: Parameters,
) -> Result<Answer, Refusal> {
    let (_, lenient) = negotiation::prefer(&call.headers);
    let found = search(
        &wire.server,
        &call.context,
        &SearchRequest {
            scope,
            parameters,
            lenient,
        },
    )?;
    Ok(Answer::fhir(
        StatusCode::OK,
        bundle::searchset(&wire.server.base_url, &found, &call.general),
    ))
}

/// A search whose parameters are in a form, in the address, or some in each.
fn form_search_answer(wire: &Wire, call: &Call, scope: SearchScope) -> Result<Answer, Refusal> {
    negotiation::sends_form(&call.headers)?;
    let wrong = |_| Failure::bad_request(IssueCode::Value, "expected a form in UTF-8");
    let form = query_pairs(std::str::from_utf8(&call.body).map_err(wrong)?)?;
    let (own, general) = own_and_general(form);
    let rendering = if general.is_empty() {
        Rendering::default()
    } else {
        negotiation::rendering(&call.headers, &general)?
    };
    let parameters = call.query.iter().cloned().chain(own).collect();
    let call = Call {
        general: call.general.iter().cloned().chain(general).collect(),
        ..call.clone()
    };
    Ok(search_answer(wire, &call, scope, parameters)?.rendered(rendering))
}

fn history_answer(wire: &Wire, call: &Call, scope: HistoryScope) -> Result<Answer, Refusal> {
    let (_, lenient) = negotiation::prefer(&call.headers);
    let found = history(
        &wire.server,
        &call.context,
        HistoryRequest {
            scope,
            parameters: call.query.clone(),
            lenient,
        },
    )?;
    Ok(Answer::fhir(
        StatusCode::OK,
        bundle::history(&wire.server.base_url, &found, &call.general),
    ))
}

fn bundle_answer(wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
    without_parameters(call)?;
    let sent = sent_resource(call)?;
    let (kind, answers) = transaction::process(&wire.server, &call.context, &sent)?;
    let (wanted, _) = negotiation::prefer(&call.headers);
    let body = bundle::response(
        &wire.server.base_url,
        kind,
        &answers,
        wanted.unwrap_or(Return::Minimal),
    );
    let answer = Answer::fhir(StatusCode::OK, body);
    Ok(match wanted {
        Some(wanted) => answer.with(PREFERENCE_APPLIED, wanted.applied()),
        None => answer,
    })
}
