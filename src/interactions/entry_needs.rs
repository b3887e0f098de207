//! The independence of the entries of a batch, each of which is carried out alone
//! (<https://hl7.org/fhir/R4/http.html#trules>): one that names another by the urn that this has in the
//! Bundle is meant for a transaction.

use std::collections::BTreeSet;

use super::Failure;
use super::change::{Action, Change, ChangeTarget};
use super::request::{Ask, Request};
use crate::fhir::{Issue, IssueCode, Resource, reference};

/// Refuses each request of a batch that names what another one makes.
pub(super) fn refuse(requests: &mut [Result<Request, Failure>]) {
    let urns: BTreeSet<String> = requests
        .iter()
        .filter_map(change_of)
        .filter_map(|change| change.full_url.clone())
        .filter(|full_url| full_url.starts_with("urn:"))
        .collect();
    if urns.is_empty() {
        return;
    }
    for request in requests {
        if let Some(place) = change_of(request).and_then(|change| place_of_another(change, &urns)) {
            let text = "expected what can be carried out alone, as each entry of a batch is; found the \
                urn of another entry: use a transaction";
            let issue = Issue::error(IssueCode::Value, place, text);
            *request = Err(Failure::Unprocessable(vec![issue]));
        }
    }
}

fn change_of(request: &Result<Request, Failure>) -> Option<&Change> {
    match &request.as_ref().ok()?.ask {
        Ask::Change(change, _) => Some(change),
        _ => None,
    }
}

/// Returns the place at which a change names another entry by its urn: a reference, or nothing but an
/// empty text for its criteria.
fn place_of_another(change: &Change, urns: &BTreeSet<String>) -> Option<String> {
    let own = change.full_url.as_deref();
    let is_another = |text: &str| urns.contains(text) && own != Some(text);
    let (resource, criteria) = match &change.action {
        Action::Create {
            resource,
            if_none_exist,
            ..
        } => (Some(resource), if_none_exist.as_deref()),
        Action::Update {
            target, resource, ..
        } => (Some(resource), parameters(target)),
        Action::Patch { target, .. } | Action::Delete { target, .. } => (None, parameters(target)),
    };
    let is_asked_for = criteria.is_some_and(|pairs| {
        pairs
            .iter()
            .any(|(_, value)| value.split(',').any(&is_another))
    });
    let referring = || resource.and_then(|resource| place_of_reference(resource, &is_another));
    if is_asked_for {
        Some(String::new())
    } else {
        referring()
    }
}

fn parameters(target: &ChangeTarget) -> Option<&[(String, String)]> {
    match target {
        ChangeTarget::Key(_) => None,
        ChangeTarget::Matching(criteria) => Some(&criteria.parameters),
    }
}

/// Returns the place of the first reference with such an address.
fn place_of_reference(resource: &Resource, is_one: &dyn Fn(&str) -> bool) -> Option<String> {
    let mut found = None;
    reference::for_each(
        resource.type_name(),
        resource.value(),
        &mut |path, element| {
            if found.is_none() && element["reference"].as_str().is_some_and(is_one) {
                found = Some(format!("{path}.reference"));
            }
        },
    );
    found
}
