//! The ways from an operation, as it was read, to the function that carries it out.

use serde_json::Value;

use super::asked::OperationRequest;
use super::row::VERBOSE;
use crate::fhir::{FhirDate, Resource};
use crate::interactions::change::Action;
use crate::interactions::export::ExportRequest;
use crate::interactions::intake::IntakeMode;
use crate::interactions::outcome::Outcome;
use crate::interactions::query::Handling;
use crate::interactions::scopes::{ExportScope, LabelChange, Subject};
use crate::interactions::search::{SearchRequest, SearchScope};
use crate::interactions::subscription::events::EventsRequest;
use crate::interactions::subscription::{deliveries, events};
use crate::interactions::validate::{self, Mode, ValidateRequest, ValidationTarget};
use crate::interactions::{Context, Failure, Server, export, intake, meta, rights, search};
use crate::subscriptions::PayloadContent;

/// Answers `$validate`.
pub(super) fn validate(
    server: &Server,
    context: &Context,
    request: &OperationRequest,
) -> Result<Outcome, Failure> {
    let target = match &request.subject {
        Subject::Instance(key) | Subject::Version(key, _) => {
            ValidationTarget::Instance(key.clone())
        }
        Subject::Type(named) => ValidationTarget::Type(*named),
        Subject::System => return Err(Failure::not_found("expected a type to validate")),
    };
    let asked = ValidateRequest {
        target,
        resource: request.given.resource.clone(),
        mode: request.given.one("mode").and_then(Mode::parse),
        profile: request.given.one("profile").map(str::to_owned),
        condition: request.condition.clone(),
        is_verbose: request.is_verbose || request.given.one(VERBOSE) == Some("true"),
    };
    let findings = validate::validate(server, context, asked)?;
    Ok(Outcome::Findings(findings))
}

/// Makes the change of `$meta-add` or `$meta-delete`.
pub(super) fn change_of_labels(
    request: OperationRequest,
    change: LabelChange,
) -> Result<Action, Failure> {
    let meta = request.given.meta.as_ref().unwrap_or(&Value::Null);
    meta::change(request.key()?.clone(), change, meta, request.condition)
}

/// Answers `$everything`.
pub(super) fn everything(
    server: &Server,
    context: &Context,
    request: &OperationRequest,
) -> Result<Outcome, Failure> {
    let asked = SearchRequest {
        scope: SearchScope::Everything(request.key()?.clone()),
        parameters: request.given.texts.clone(),
        handling: request.handling,
        is_shown: request.is_shown,
    };
    Ok(Outcome::Searched(search::search(server, context, &asked)?))
}

/// Answers `$rights`.
pub(super) fn rights(
    server: &Server,
    context: &Context,
    request: &OperationRequest,
) -> Result<Outcome, Failure> {
    let day = match request.given.one("as-of").and_then(FhirDate::parse) {
        Some(FhirDate::Day(day)) => Some(day),
        _ => None,
    };
    let answers = match request.given.one("_reasons") {
        Some("true") => rights::explained_rights,
        _ => rights::rights,
    };
    let found = answers(server, context, request.key()?, day)?;
    Ok(Outcome::Rights(found))
}

/// Carries out `$intake`.
pub(super) fn intake(
    server: &Server,
    context: &Context,
    request: &OperationRequest,
) -> Result<Outcome, Failure> {
    let mode = match request.given.one("mode") {
        Some("report") => IntakeMode::Report,
        _ => IntakeMode::Take,
    };
    let bundle = request.given.resource.as_ref();
    let bundle = bundle.map_or(&Value::Null, Resource::value);
    let report = intake::take(server, context, bundle, mode)?;
    Ok(Outcome::TakenIn(report.to_parameters()))
}

/// Answers `$export` with the state that it fixes.
pub(super) fn export_of(
    server: &Server,
    context: &Context,
    scope: ExportScope,
    request: &OperationRequest,
) -> Result<Outcome, Failure> {
    let given = &request.given;
    let since = match given.one("_since").and_then(FhirDate::parse) {
        Some(FhirDate::Instant(instant, ..)) => Some(instant),
        _ => None,
    };
    let types = export::asked_types(
        scope,
        given.all("_type"),
        request.handling == Handling::Lenient,
    )?;
    let asked = ExportRequest {
        scope,
        types,
        since,
    };
    Ok(Outcome::Export(export::begin(server, context, asked)?))
}

/// Answers `$events`.
pub(super) fn events_of(
    server: &Server,
    context: &Context,
    request: &OperationRequest,
) -> Result<Outcome, Failure> {
    let asked = EventsRequest {
        since: request.given.number("eventsSinceNumber"),
        until: request.given.number("eventsUntilNumber"),
        content: request
            .given
            .one("content")
            .and_then(PayloadContent::from_code),
    };
    let found = events::events(server, context, request.key()?, &asked)?;
    Ok(Outcome::Notification(found))
}

/// Carries out `$resend`.
pub(super) fn resend(
    server: &Server,
    context: &Context,
    request: &OperationRequest,
) -> Result<Outcome, Failure> {
    let number = |name| request.given.number(name).unwrap_or_default();
    let (since, until) = (number("eventsSinceNumber"), number("eventsUntilNumber"));
    deliveries::resend(server, context, request.key()?, (since, until))?;
    Ok(Outcome::Resent { since, until })
}
