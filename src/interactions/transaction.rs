//! The Bundles that are carried out (<https://hl7.org/fhir/R4/http.html#transaction>): a batch entry by entry (see `batch`), a transaction all
//! or nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::bundle_entry::{Allowance, EntryAnswer, EntryRead, EntryRequest, answer, understand};
use super::change::{Action, AskedAs, Change, ChangeTarget, Writer};
use super::writing::attempt;
use super::{Context, Failure, Server, batch, read, rights, search};
use crate::fhir::{Issue, IssueCode, Resource, ResourceKey};

/// How many entries a Bundle may have.
pub const ENTRIES_MAX: usize = 1_000;
/// Which of the two a Bundle is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BundleKind {
    /// Entry by entry.
    Batch,
    /// All or nothing.
    Transaction,
}

/// Carries out a Bundle; the answers stand in the order of its entries.
///
/// # Errors
/// For a transaction, what forbids any of its entries; for both, a Bundle that cannot be
/// understood.
pub fn process(
    server: &Server,
    context: &Context,
    bundle: &Resource,
) -> Result<(BundleKind, Vec<EntryAnswer>), Failure> {
    let kind = match (bundle.type_name(), bundle.value()["type"].as_str()) {
        ("Bundle", Some("batch")) => BundleKind::Batch,
        ("Bundle", Some("transaction")) => BundleKind::Transaction,
        _ => {
            return Err(Failure::bad_request(
                IssueCode::Value,
                "expected a Bundle of type 'batch' or 'transaction'",
            ));
        }
    };
    let entries = match bundle.value().get("entry") {
        None => &[][..],
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            return Err(Failure::BadRequest(vec![Issue::error(
                IssueCode::Structure,
                "Bundle.entry",
                "expected an array",
            )]));
        }
    };
    if entries.len() > ENTRIES_MAX {
        let text = format!(
            "expected at most {ENTRIES_MAX} entries, found {}",
            entries.len()
        );
        return Err(Failure::BadRequest(vec![Issue::error(
            IssueCode::TooCostly,
            "Bundle.entry",
            text,
        )]));
    }
    let requests: Vec<_> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| understand(context, at, entry))
        .collect();
    let answers = match kind {
        BundleKind::Batch => batch::batch(server, context, requests),
        BundleKind::Transaction => transaction(server, context, requests)?,
    };
    Ok((kind, answers))
}

/// Deletes, creates and updates commit together; then the reads see what they did.
fn transaction(
    server: &Server,
    context: &Context,
    requests: Vec<Result<EntryRequest, Failure>>,
) -> Result<Vec<EntryAnswer>, Failure> {
    let requests = all_or_findings(requests)?;
    refuse_equal_conditions(&requests)?;
    refuse_equal_addresses(&requests)?;
    let (mut writes, mut reads) = (Vec::new(), Vec::new());
    for (at, request) in requests.into_iter().enumerate() {
        match request {
            EntryRequest::Write(change) => writes.push((at, change)),
            other => reads.push((at, other)),
        }
    }
    writes.sort_by_key(|(at, change)| (order(&change.action), *at));
    let (places, changes): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
    let allowance = Allowance::default();
    let unforeseen = reads.iter().filter_map(|(at, request)| {
        foresee(server, context, request, &changes, &allowance)
            .err()
            .map(|failure| failure.in_entry(*at))
    });
    if let Some(failure) = Failure::together(unforeseen.collect()) {
        return Err(failure);
    }
    let written = attempt::write(
        server,
        context,
        Writer::Client,
        &changes,
        AskedAs::Transaction,
    )?;
    let mut answers: Vec<_> = places
        .into_iter()
        .zip(written.into_iter().map(EntryAnswer::Written))
        .collect();
    let allowance = Allowance::default();
    for (at, request) in reads {
        // Foreseen, but others write too. What is committed must not be told as a failure.
        answers.push((
            at,
            answer(server, context, request, &allowance).unwrap_or_else(EntryAnswer::Failed),
        ));
    }
    answers.sort_by_key(|(at, _)| *at);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

fn order(action: &Action) -> u8 {
    match action {
        Action::Delete { .. } => 0,
        Action::Create { .. } => 1,
        Action::Update { .. } | Action::Patch { .. } => 2,
    }
}

/// The requests, or the findings about all entries that cannot be understood.
fn all_or_findings(
    requests: Vec<Result<EntryRequest, Failure>>,
) -> Result<Vec<EntryRequest>, Failure> {
    let mut understood = Vec::new();
    let mut failures = Vec::new();
    for (at, request) in requests.into_iter().enumerate() {
        match request {
            Ok(request) => understood.push(request),
            Err(failure) => failures.push(failure.in_entry(at)),
        }
    }
    Failure::together(failures).map_or(Ok(understood), Err)
}

/// Two conditional creates or updates of one query in one transaction would make what each of them
/// forbids.
fn refuse_equal_conditions(requests: &[EntryRequest]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for (at, request) in requests.iter().enumerate() {
        let EntryRequest::Write(change) = request else {
            continue;
        };
        let (type_name, query, what) = match &change.action {
            Action::Create {
                resource,
                if_none_exist: Some(query),
                ..
            } => (resource.type_name(), query, "ifNoneExist"),
            Action::Update {
                target: ChangeTarget::Matching(criteria),
                ..
            } => (
                criteria.resource_type.as_str(),
                &criteria.parameters,
                "criteria",
            ),
            Action::Create { .. }
            | Action::Update { .. }
            | Action::Patch { .. }
            | Action::Delete { .. } => continue,
        };
        if !seen.insert((type_name, query)) {
            let text =
                format!("another entry of the transaction has the same {what}: expected each once");
            return Err(Failure::bad_request(IssueCode::Duplicate, text).in_entry(at));
        }
    }
    Ok(())
}

/// Two entries under one address: a reference to it would name either.
fn refuse_equal_addresses(requests: &[EntryRequest]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for (at, request) in requests.iter().enumerate() {
        if let EntryRequest::Write(Change {
            full_url: Some(full_url),
            ..
        }) = request
            && !seen.insert(full_url)
        {
            let text = "another entry of the transaction has the same fullUrl: expected each once";
            return Err(Failure::BadRequest(vec![Issue::error(
                IssueCode::Duplicate,
                format!("Bundle.entry[{at}].fullUrl"),
                text,
            )]));
        }
    }
    Ok(())
}

/// A read that would fail after the commit fails before it.
fn foresee(
    server: &Server,
    context: &Context,
    request: &EntryRequest,
    changes: &[Change],
    allowance: &Allowance,
) -> Result<(), Failure> {
    match request {
        EntryRequest::Read(EntryRead {
            key, version: None, ..
        }) => foresee_current(server, context, key, changes, allowance),
        EntryRequest::Read(EntryRead {
            key,
            version: Some(version),
            ..
        }) => allowance.take([&read::read_version(server, context, key, *version)?]),
        EntryRequest::Search(request) => {
            allowance.take(search::search(server, context, request)?.found())
        }
        EntryRequest::Rights(patient, parameters) => {
            rights::asked_day(parameters)?;
            foresee_current(server, context, patient, changes, &Allowance::default())
        }
        EntryRequest::Write(_) => Ok(()),
    }
}

/// That the resource will be there after the changes.
fn foresee_current(
    server: &Server,
    context: &Context,
    key: &ResourceKey,
    changes: &[Change],
    allowance: &Allowance,
) -> Result<(), Failure> {
    let change = changes.iter().find_map(|change| match &change.action {
        Action::Update {
            target: ChangeTarget::Key(changed),
            ..
        }
        | Action::Patch {
            target: ChangeTarget::Key(changed),
            ..
        } if changed == key => Some(true),
        Action::Delete {
            target: ChangeTarget::Key(changed),
            ..
        } if changed == key => Some(false),
        Action::Create { .. }
        | Action::Update { .. }
        | Action::Patch { .. }
        | Action::Delete { .. } => None,
    });
    match change {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::not_found(format!(
            "{key} is deleted by the same transaction"
        ))),
        None => allowance.take([&read::read(server, context, key)?]),
    }
}
