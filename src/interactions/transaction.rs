//! The Bundles that are carried out (<https://hl7.org/fhir/R4/http.html#transaction>): a batch entry by entry (see `batch`), a transaction all
//! or nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::allowance::Allowance;
use super::alone::look;
use super::bundle_entry::understand_entry;
use super::change::{Action, AskedAs, Writer};
use super::foresight::Foresight;
use super::outcome::{BundleKind, EntryAnswer};
use super::query::NamedValues;
use super::request::{Ask, EntryManner, Request};
use super::search::{SearchRequest, SearchScope};
use super::writing::references::names::EntryNames;
use super::writing::{attempt, content};
use super::{Context, Failure, Server, batch};
use crate::fhir::{Issue, IssueCode, OwnBases, Resource, ResourceKey};
use crate::search;
use crate::search::parameters::{ParameterKind, parameter_of};

/// The most entries that a Bundle may have.
pub const ENTRIES_MAX: usize = 1_000;

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
    let manner = EntryManner::default();
    carry_out(server, context, bundle, manner)
}

/// Carries out a Bundle whose entries may pass over what is not understood.
///
/// # Errors
/// As [`process`].
pub(super) fn carry_out(
    server: &Server,
    context: &Context,
    bundle: &Resource,
    manner: EntryManner,
) -> Result<(BundleKind, Vec<EntryAnswer>), Failure> {
    let kind = match (bundle.type_name(), bundle.value()["type"].as_str()) {
        ("Bundle", Some("batch")) => BundleKind::Batch,
        ("Bundle", Some("transaction")) => BundleKind::Transaction,
        ("Bundle", Some("document" | "message" | "collection")) => {
            return Err(Failure::bad_request(
                IssueCode::Value,
                "expected a Bundle of type 'batch' or 'transaction'; a document, message or collection of another system is sent to $intake",
            ));
        }
        _ => {
            return Err(Failure::bad_request(
                IssueCode::Value,
                "expected a Bundle of type 'batch' or 'transaction'",
            ));
        }
    };
    if let Some(issue) = content::part_finding(bundle.value()) {
        return Err(Failure::BadRequest(vec![issue]));
    }
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
        .map(|entry| understand_entry(server, context, entry, manner))
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
    requests: Vec<Result<Request, Failure>>,
) -> Result<Vec<EntryAnswer>, Failure> {
    let requests = all_or_findings(requests)?;
    refuse_equal_addresses(&requests)?;
    let (mut writes, mut looks) = (Vec::new(), Vec::new());
    for (at, Request { general, ask, .. }) in requests.into_iter().enumerate() {
        match ask {
            Ask::Change(change, tell) => writes.push(((at, general, tell), change)),
            other => looks.push((at, general, other)),
        }
    }
    writes.sort_by_key(|((at, ..), change)| (order(&change.action), *at));
    let (places, changes): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
    if !looks.is_empty() {
        refuse_unknown_urns(server.bases(context), &looks, &EntryNames::of(&changes))?;
        let foresight = Foresight::new(server, context, &changes);
        let failures = looks.iter().filter_map(|(at, _, ask)| {
            let failure = foresight.check(ask).err()?;
            Some(failure.in_entry(*at))
        });
        if let Some(failure) = Failure::together(failures.collect()) {
            return Err(failure);
        }
    }
    let written = attempt::write(
        server,
        context,
        Writer::Client,
        &changes,
        AskedAs::Transaction,
    )?;
    let keys: Vec<ResourceKey> = written.iter().map(|written| written.key.clone()).collect();
    let written = places.into_iter().zip(written);
    let mut answers: Vec<_> = written
        .map(|((at, general, tell), written)| (at, general, tell(written)))
        .collect();
    let allowance = Allowance::default();
    let names = EntryNames::of(&changes);
    // All of them see one state, in which this is written.
    let state = if looks.is_empty() {
        None
    } else {
        server.store.last_commit().ok()
    };
    let looking = state.map_or_else(|| context.clone(), |(position, _)| context.seeing(position));
    for (at, general, mut ask) in looks {
        if let Ask::Search(search) = &mut ask {
            name_entries(search, &names, &keys);
        }
        // Foreseen, but others write too. What is committed must not be told as a failure.
        let outcome = look(server, &looking, &ask).and_then(|outcome| allowance.take(outcome));
        answers.push((at, general, outcome));
    }
    answers.sort_by_key(|(at, ..)| *at);
    let answer = |(_, general, outcome)| EntryAnswer { general, outcome };
    Ok(answers.into_iter().map(answer).collect())
}

/// Refuses searches that ask about a urn which no entry has: it would find nothing ever.
fn refuse_unknown_urns(
    bases: OwnBases<'_>,
    looks: &[(usize, NamedValues, Ask)],
    names: &EntryNames<'_>,
) -> Result<(), Failure> {
    let asks_for_unknown = |ask: &Ask| {
        let Ask::Search(asked) = ask else {
            return false;
        };
        let SearchScope::Type(resource_type) = asked.scope else {
            return false;
        };
        // What cannot be read is told where it is looked for.
        let parsed = search::parse_search(&[resource_type], &asked.parameters, bases);
        let mut unknown = false;
        if let Ok(mut parsed) = parsed {
            search::rename(&mut parsed.query, &mut |address, is_uri| {
                let is_urn = !is_uri && address.starts_with("urn:");
                unknown |= is_urn && names.exactly(address).is_none();
                None
            });
        }
        unknown
    };
    let unknown = looks.iter().filter(|(_, _, ask)| asks_for_unknown(ask));
    let failures = unknown.map(|(at, ..)| {
        let text = "the search names a urn that no stored resource can have: expected the fullUrl of another entry of the same transaction, or a resource such as Patient/7";
        Failure::bad_request(IssueCode::Value, text).in_entry(*at)
    });
    Failure::together(failures.collect()).map_or(Ok(()), Err)
}

/// Replaces the addresses of entries among the references that a search asks for.
fn name_entries(search: &mut SearchRequest, names: &EntryNames<'_>, keys: &[ResourceKey]) {
    let SearchScope::Type(resource_type) = search.scope else {
        return;
    };
    if names.is_empty() {
        return;
    }
    let is_reference = |name: &str| {
        let code = name.split_once(':').map_or(name, |(code, _)| code);
        let parameter = parameter_of(resource_type, code);
        parameter.is_some_and(|parameter| parameter.kind == ParameterKind::Reference)
    };
    for (name, value) in &mut search.parameters {
        if is_reference(name) {
            let named = value.split(',').map(|part| match names.exactly(part) {
                Some(at) => keys[at].to_string(),
                None => part.to_owned(),
            });
            *value = named.collect::<Vec<_>>().join(",");
        }
    }
}

fn order(action: &Action) -> u8 {
    match action {
        Action::Delete { .. } => 0,
        Action::Create { .. } => 1,
        Action::Update { .. } | Action::Patch { .. } => 2,
    }
}

/// Returns the requests, or the findings about all entries that cannot be understood.
fn all_or_findings(requests: Vec<Result<Request, Failure>>) -> Result<Vec<Request>, Failure> {
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

/// Refuses two entries under one address: a reference to it would name either.
fn refuse_equal_addresses(requests: &[Request]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for (at, request) in requests.iter().enumerate() {
        if let Ask::Change(change, _) = &request.ask
            && let Some(full_url) = &change.full_url
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
