//! The rules by which the rights of a store were derived, and what others would change: asked before
//! they are put in force, and nothing is written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::calendar::PERSONS_PER_COMMIT;
use crate::deadlines::{Group, Right, RuleChanges, Rules};
use crate::fhir::{Id, ResourceType};
use crate::interactions::stored::parse_stored;
use crate::interactions::writing::derived::{AsOf, Derived, derived};
use crate::interactions::writing::gathering::Gathering;
use crate::interactions::writing::pending::Pending;
use crate::interactions::{Context, Failure, Server};
use crate::search::SearchQuery;

/// The effect that the rules of a server would have on what is stored.
#[derive(Clone, Debug)]
pub struct RulesEffect {
    /// The rules that differ.
    pub changes: RuleChanges,
    /// The number of rights that would change, by group and right.
    pub rights: BTreeMap<(Group, Right), usize>,
    /// The number of persons that were looked at.
    pub persons: usize,
}

impl RulesEffect {
    /// Returns how many rights would change.
    pub fn total(&self) -> usize {
        self.rights.values().sum()
    }

    /// Tells the rights that would change, as `copd treatment-plan 3`, with commas.
    pub fn told(&self) -> String {
        let of_each = self
            .rights
            .iter()
            .map(|((group, right), count)| format!("{group} {right} {count}"));
        of_each.collect::<Vec<_>>().join(", ")
    }
}

/// Reads the rules by which the stored rights were derived: those that the last start stored. None if
/// no server was ever started on this store, or if they cannot be read any more.
///
/// # Errors
/// Of the store.
pub(super) fn rules_of_store(server: &Server) -> Result<Option<Rules>, Failure> {
    let query = SearchQuery::all(ResourceType::PlanDefinition, Vec::new());
    let keys = server.store.search_keys(&query)?;
    let mut definitions = Vec::new();
    for stored in server.store.read_many(&keys)?.into_iter().flatten() {
        if let Some(body) = &stored.body {
            definitions.push(parse_stored(&stored.key, body)?);
        }
    }
    if definitions.is_empty() {
        return Ok(None);
    }
    let rules = Rules::from_plan_definitions(&definitions);
    if let Err(wrong) = &rules {
        tracing::warn!(
            "the rules of the data folder cannot be read: {}",
            wrong.join("; ")
        );
    }
    Ok(rules.ok())
}

/// Foresees what the rules of this server would change; none if the rights were derived by the same
/// ones. `progress` is told how many persons of how many were looked at.
///
/// # Errors
/// Of the store.
pub fn foresee(
    server: &Server,
    context: &Context,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Option<RulesEffect>, Failure> {
    let Some(before) = rules_of_store(server)? else {
        return Ok(None);
    };
    let changes = RuleChanges::between(&before, &server.rules);
    if changes.is_empty() {
        return Ok(None);
    }
    let today = server.today(context);
    let as_of = AsOf {
        day: today,
        last_modified: context.now,
        recorded: context.now,
    };
    let patients = server
        .store
        .search_keys(&SearchQuery::all(ResourceType::Patient, Vec::new()))?;
    let mut rights = BTreeMap::new();
    let mut persons = 0;
    for some in patients.chunks(PERSONS_PER_COMMIT) {
        let ids: Vec<Id> = some.iter().map(|patient| patient.id.clone()).collect();
        let gathered = Gathering::new(server).rights(&ids, &Pending::new())?;
        let [old, new] =
            [&before, &server.rules].map(|rules| tasks(derived(&gathered, rules, as_of)));
        for (id, task) in &new {
            // What the calendar owes by the old rules too is no effect of the new ones.
            if old.get(id) != Some(task) {
                count(&mut rights, task, &[&server.rules, &before]);
            }
        }
        // A right that would have changed by the old rules, and stays as it is by the new ones.
        for (id, task) in &old {
            if !new.contains_key(id) {
                count(&mut rights, task, &[&before, &server.rules]);
            }
        }
        persons += some.len();
        progress(persons, patients.len());
    }
    Ok(Some(RulesEffect {
        changes,
        rights,
        persons,
    }))
}

/// Returns the Tasks that were derived, by id.
fn tasks(derived: Derived) -> BTreeMap<Id, Value> {
    let tasks = derived
        .writes
        .into_iter()
        .filter(|write| write.key.resource_type == ResourceType::Task);
    let content = tasks.filter_map(|write| {
        let body = write.content?.body.at(jiff::Timestamp::UNIX_EPOCH);
        Some((write.key.id, serde_json::from_slice(&body).ok()?))
    });
    content.collect()
}

/// Counts a right under the group and the right of its rule, which is in one of the sets.
fn count(rights: &mut BTreeMap<(Group, Right), usize>, task: &Value, sets: &[&Rules]) {
    let canonical = task["instantiatesCanonical"].as_str();
    let mut rules = sets.iter().flat_map(|rules| rules.iter());
    if let Some(rule) = rules.find(|rule| canonical == Some(rule.canonical().as_str())) {
        *rights.entry((rule.group, rule.right)).or_default() += 1;
    }
}
