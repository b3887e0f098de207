//! The way from a request to an interaction.

use std::sync::Arc;

use axum::http::Method;

use super::allow::allowed;
use super::answer::Answer;
use super::call::{Call, without_parameters};
use super::error::Refusal;
use super::later::{export, reindex, request};
use super::media::PLAIN_JSON;
use super::paths::{self, below_base};
use super::reading::{answer_history, answer_read, answer_search, answer_search_of_form};
use super::writing::{answer_bundle, answer_change, answer_conditional_change, answer_create};
use super::{Wire, capability, dashboard, metrics, openapi, operations, subscriptions};
use crate::fhir::IssueCode;
use crate::fhir::cpr;
use crate::interactions::address::Address;
use crate::interactions::change::ChangeTarget;
use crate::interactions::scopes::ExportScope;
use crate::interactions::search::SearchScope;
use crate::interactions::{Failure, HistoryScope, read, validate};

/// Answers a request: the blocking part.
pub(super) fn dispatch(wire: &Arc<Wire>, call: &Call) -> Result<Answer, Refusal> {
    let allow = allowed(&call.path)?;
    if !allow.split(", ").any(|method| method == call.method) {
        return Err(Refusal::MethodNotAllowed(allow));
    }
    let Some(below) = below_base(&call.path) else {
        return outside(wire, call);
    };
    let address = Address::read(below)?;
    refuse_cpr_number(wire, call)?;
    if request::is_wanted(call, &address) {
        request::begin(wire, call, address, answered)
    } else {
        answered(wire, call, address)
    }
}

/// Answers with what the address has to say.
fn answered(wire: &Wire, call: &Call, address: Address) -> Result<Answer, Refusal> {
    let looks = matches!(call.method, Method::GET | Method::HEAD);
    if let Some(scope) = SearchScope::of(&address).filter(|_| looks) {
        return answer_search(wire, call, scope, call.query.clone());
    }
    match address {
        Address::System => answer_bundle(wire, call),
        Address::Reindex => reindex::begin(wire, call),
        Address::Export(scope @ ExportScope::System) => export::begin(wire, call, scope, "$export"),
        Address::Export(scope @ ExportScope::Patients) => {
            export::begin(wire, call, scope, "Patient/$export")
        }
        Address::Job(id) if call.method == Method::DELETE => {
            Ok(wire.jobs.end(&call.context, &id)?)
        }
        Address::Job(id) => wire.jobs.status(&call.context, &id),
        Address::JobFile(id, file) => wire.jobs.file(call, &id, file),
        Address::SystemSearch => answer_search_of_form(wire, call, SearchScope::System),
        // A GET of the first one is answered above; nothing else is let in.
        Address::Compartment(patient, within) | Address::CompartmentSearch(patient, within) => {
            answer_search_of_form(wire, call, SearchScope::Compartment(patient, within))
        }
        Address::Everything(patient) => operations::everything(wire, call, patient),
        Address::Meta(scope) => operations::meta(wire, call, &scope),
        Address::MetaChange(key, change) => operations::meta_change(wire, call, key, change),
        Address::Metadata => Ok(Answer::made(&capability::statement(
            &wire.server.base_url,
            wire.server.references,
        ))),
        Address::SystemHistory => answer_history(wire, call, HistoryScope::System),
        Address::TypeValidate(resource_type) => {
            operations::validate(wire, call, validate::ValidationTarget::Type(resource_type))
        }
        Address::Validate(key) => {
            operations::validate(wire, call, validate::ValidationTarget::Instance(key))
        }
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
            answer_create(wire, call, resource_type)
        }
        Address::Type(resource_type) => answer_conditional_change(wire, call, resource_type),
        Address::TypeSearch(resource_type) => {
            answer_search_of_form(wire, call, SearchScope::Type(resource_type))
        }
        Address::TypeHistory(resource_type) => {
            answer_history(wire, call, HistoryScope::Type(resource_type))
        }
        Address::Instance(key) if looks => {
            answer_read(wire, call, read::read(&wire.server, &call.context, &key)?)
        }
        Address::Instance(key) => {
            without_parameters(call)?;
            answer_change(wire, call, ChangeTarget::Key(key))
        }
        Address::InstanceHistory(key) => answer_history(wire, call, HistoryScope::Instance(key)),
        Address::Version(key, version) => answer_read(
            wire,
            call,
            read::read_version(&wire.server, &call.context, &key, version)?,
        ),
    }
}

/// Answers what is beside the base.
fn outside(wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
    match call.path.as_str() {
        "/metrics" => Ok(Answer::text(
            "text/plain; version=0.0.4; charset=utf-8",
            metrics::text(wire, &call.context)?,
        )),
        paths::PACKAGE => Ok(operations::package(wire, call)),
        paths::OPENAPI => Ok(Answer::text(
            PLAIN_JSON,
            openapi::document(&wire.server.base_url).to_string(),
        )),
        _ => Ok(Answer::text(
            "text/html; charset=utf-8",
            dashboard::page(wire, &call.context)?,
        )),
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
