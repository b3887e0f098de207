//! The one write path: create, update, delete and each transaction end here, in one commit that also carries the rights
//! Tasks of every person concerned (deadline-rules, section 7).
//!
//! Gather what the decision needs, decide, commit with what must not have moved meanwhile; if it has, gather again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::failure::locate;
use super::persons::{self, Pending};
use super::references::{self, Entries};
use super::{Effect, Failure, Moment, Server, Written, calendar, stored};
use crate::fhir::key::Origin;
use crate::fhir::{Body, Id, Issue, IssueCode, Resource, ResourceKey, ResourceType, Version, start_of_day};
use crate::search::index_entries;
use crate::storage::{ChangeSet, CommitError, Content, Guard, Method, Precondition, StoredVersion, Write};
use crate::validation;

/// One change that a client asks for.
#[derive(Clone, Debug)]
pub struct Change {
    /// What to do.
    pub action: Action,
    /// The address under which other entries of the same transaction may name the resource.
    pub full_url: Option<String>,
    /// Where it stands among the entries of its transaction; none if it comes alone.
    pub place: Option<usize>,
}

/// What to do to a resource.
#[derive(Clone, Debug)]
pub enum Action {
    /// Store a new resource under `id`, unless the query of `if_none_exist` matches one.
    Create {
        /// The content.
        resource: Resource,
        /// The id that the server chose for it.
        id: Id,
        /// The query of a conditional create.
        if_none_exist: Option<Vec<(String, String)>>,
    },
    /// Make this the content of the resource, which need not exist yet.
    Update {
        /// Which resource.
        key: ResourceKey,
        /// The content.
        resource: Resource,
        /// What must be so.
        condition: Condition,
    },
    /// Delete the resource.
    Delete {
        /// Which resource.
        key: ResourceKey,
        /// What must be so.
        condition: Condition,
    },
}

/// What a client requires of the version that it changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// Nothing.
    Any,
    /// It is this one (`If-Match`).
    Is(Version),
    /// There is none (`If-None-Match: *`).
    Absent,
}

/// Who writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writer {
    /// A client: it may write the types that clients write, and every check is made.
    Client,
    /// The server itself, for the definitions it was started with.
    Definitions,
}

/// Makes all of the changes or none of them.
///
/// # Errors
/// What forbids them, with the findings about all of them at once.
pub fn write(server: &Server, moment: &Moment, writer: Writer, changes: &[Change], is_transaction: bool) -> Result<Vec<Written>, Failure> {
    let attempt = Attempt { server, moment, writer, changes, is_transaction };
    server.turns.take(|| attempt.run())
}

struct Attempt<'a> {
    server: &'a Server,
    moment: &'a Moment,
    writer: Writer,
    changes: &'a [Change],
    is_transaction: bool,
}

/// One change on its way: what it is about, as gathered.
struct Entry {
    key: ResourceKey,
    previous: Option<StoredVersion>,
    step: Step,
    warnings: Vec<Issue>,
}

enum Step {
    Put(Resource, Method),
    Delete,
    /// Nothing to write: the effect to answer.
    Nothing(Effect),
}

impl Entry {
    fn next_version(&self) -> Version {
        Version::after(self.previous.as_ref().map(|previous| previous.version))
    }

    fn exists(&self) -> bool {
        self.previous.as_ref().is_some_and(|previous| previous.body.is_some())
    }
}

impl Attempt<'_> {
    /// None if something moved meanwhile and all must be gathered again.
    fn run(&self) -> Result<Option<Vec<Written>>, Failure> {
        let mut preconditions = Vec::new();
        let mut entries = self.identify_all(&mut preconditions)?;
        self.refuse_duplicates(&entries)?;
        let issues = self.resolve(&mut entries, &mut preconditions)?;
        preconditions.extend(persons::unmoved(self.server, &pending(&entries)?)?);
        self.check(&mut entries, issues)?;
        let pending = pending(&entries)?;
        if pending.is_empty() {
            return Ok(Some(entries.iter().map(unchanged).collect()));
        }
        let today = self.server.today(self.moment);
        let concerned = persons::concerned(self.server, &pending)?;
        if calendar::catch_up(self.server, self.moment, &concerned.persons, today)? {
            return Ok(None);
        }
        // A request that waited across midnight is of the day that has begun, and so is what it changes.
        let last_modified = self.moment.now.max(start_of_day(today));
        let derived = persons::derive(self.server, &concerned.persons, &pending, today, last_modified, self.moment.now)?;
        let mut changes = ChangeSet {
            now: self.moment.now,
            writes: Vec::new(),
            preconditions,
            touches: touched_by(&pending),
            timers: derived.timers.clone(),
        };
        changes.preconditions.extend(concerned.preconditions);
        changes.preconditions.extend(derived.preconditions);
        changes.touches.extend(derived.touches);
        let bodies: Vec<Option<Body>> = entries.iter().map(|entry| write_of(entry, &mut changes.writes)).collect();
        changes.writes.extend(derived.writes);
        let committed = match self.server.store.commit(changes) {
            Ok(committed) => committed,
            Err(CommitError::FactsMoved | CommitError::VersionMoved(_)) => return Ok(None),
            Err(CommitError::Store(error)) => return Err(error.into()),
        };
        for timer in derived.timers.iter().filter_map(|timer| timer.day) {
            self.server.timer_was_set(timer);
        }
        Ok(Some(entries.into_iter().zip(bodies).map(|(entry, body)| answer(entry, body, committed)).collect()))
    }

    /// Finds out what each change is about; all failures come back at once.
    fn identify_all(&self, preconditions: &mut Vec<Precondition>) -> Result<Vec<Entry>, Failure> {
        let (mut entries, mut failures) = (Vec::new(), Vec::new());
        for change in self.changes {
            match self.identify(change, preconditions) {
                Ok(entry) => entries.push(entry),
                Err(failure) => failures.push(placed(change, failure)),
            }
        }
        Failure::together(failures).map_or(Ok(entries), Err)
    }

    /// Finds out which resource a change is about, and whether its conditions hold.
    fn identify(&self, change: &Change, preconditions: &mut Vec<Precondition>) -> Result<Entry, Failure> {
        let entry = |key: ResourceKey, previous, step| Entry { key, previous, step, warnings: Vec::new() };
        match &change.action {
            Action::Create { resource, id, if_none_exist } => {
                let resource_type = self.writable(resource.type_name())?;
                if let Some(query) = if_none_exist {
                    let mut keys = references::matching_keys(self.server, resource_type, query, preconditions)?;
                    keys.retain(|key| !self.deletes(key));
                    if keys.len() > 1 {
                        let text = format!("If-None-Exist: expected at most one match, found {}", keys.len());
                        return Err(Failure::precondition(IssueCode::MultipleMatches, text));
                    }
                    if let Some(key) = keys.pop() {
                        let found = entry(key.clone(), self.server.store.read(&key)?, Step::Nothing(Effect::Unchanged));
                        // One that was deleted since is no match; the commit will find that the query's answer moved.
                        if found.exists() {
                            return Ok(found);
                        }
                    }
                }
                Ok(entry(ResourceKey::new(resource_type, id.clone()), None, Step::Put(resource.clone(), Method::Post)))
            }
            Action::Update { key, resource, condition } => {
                self.writable(key.resource_type.as_str())?;
                same_identity(key, resource)?;
                let entry = entry(key.clone(), self.server.store.read(key)?, Step::Put(resource.clone(), Method::Put));
                if key.id.is_like_cpr() {
                    let text = "expected an id that tells of nobody, found one like a CPR number: that belongs in an identifier";
                    let at = format!("{}.id", key.resource_type);
                    return Err(Failure::Unprocessable(vec![Issue::error(IssueCode::BusinessRule, at, text)]));
                }
                holds(*condition, &entry)?;
                Ok(entry)
            }
            Action::Delete { key, condition } => {
                self.writable(key.resource_type.as_str())?;
                let mut entry = entry(key.clone(), self.server.store.read(key)?, Step::Delete);
                holds(*condition, &entry)?;
                if !entry.exists() {
                    entry.step = Step::Nothing(Effect::Deleted);
                }
                Ok(entry)
            }
        }
    }

    /// True if the same request deletes the resource: deletions come first.
    fn deletes(&self, key: &ResourceKey) -> bool {
        self.changes.iter().any(|change| matches!(&change.action, Action::Delete { key: deleted, .. } if deleted == key))
    }

    fn writable(&self, type_name: &str) -> Result<ResourceType, Failure> {
        let resource_type: ResourceType = type_name.parse().map_err(|_| Failure::not_found("this server does not hold this type"))?;
        let may = match self.writer {
            Writer::Client => resource_type.origin() == Origin::Clients,
            Writer::Definitions => resource_type.origin() == Origin::Definitions,
        };
        if may {
            Ok(resource_type)
        } else {
            Err(Failure::not_allowed(format!("{resource_type} is made by the server: clients only read it")))
        }
    }

    fn refuse_duplicates(&self, entries: &[Entry]) -> Result<(), Failure> {
        let mut seen = BTreeSet::new();
        match entries.iter().zip(self.changes).find(|(entry, _)| !seen.insert(&entry.key)) {
            Some((twice, change)) => {
                let text = format!("{} stands twice in the transaction: expected each once", twice.key);
                Err(placed(change, Failure::bad_request(IssueCode::Duplicate, text)))
            }
            None => Ok(()),
        }
    }

    /// Rewrites the references; answers what is wrong with them, by entry.
    fn resolve(&self, entries: &mut [Entry], preconditions: &mut Vec<Precondition>) -> Result<Vec<Vec<Issue>>, Failure> {
        let known = self.known_to_each_other(entries);
        let (mut issues, mut failures) = (Vec::new(), Vec::new());
        for (entry, change) in entries.iter_mut().zip(self.changes) {
            let Step::Put(resource, _) = &mut entry.step else {
                issues.push(Vec::new());
                continue;
            };
            match references::resolve(self.server, &known, change.full_url.as_deref(), resource) {
                Ok(resolved) => {
                    preconditions.extend(resolved.preconditions);
                    issues.push(resolved.issues);
                }
                Err(failure) => failures.push(placed(change, failure)),
            }
        }
        Failure::together(failures).map_or(Ok(issues), Err)
    }

    /// What the references of the changes may name among the changes themselves.
    fn known_to_each_other(&self, entries: &[Entry]) -> Entries {
        let mut known = Entries { is_transaction: self.is_transaction, now: self.moment.now, ..Entries::default() };
        for (entry, change) in entries.iter().zip(self.changes) {
            if let Some(full_url) = &change.full_url {
                known.by_full_url.insert(full_url.clone(), entry.key.clone());
            }
            match &entry.step {
                _ if self.changes.len() < 2 => {}
                Step::Put(resource, _) => {
                    known.written.push((entry.key.clone(), Some(index_entries(entry.key.resource_type, resource.value()))));
                }
                Step::Delete => known.written.push((entry.key.clone(), None)),
                Step::Nothing(_) => {}
            }
        }
        known
    }

    /// Makes every check of the content; all findings come back at once.
    fn check(&self, entries: &mut [Entry], mut issues: Vec<Vec<Issue>>) -> Result<(), Failure> {
        let pending = pending(entries)?;
        let mut failures = Vec::new();
        for ((entry, change), issues) in entries.iter().zip(self.changes).zip(&mut issues) {
            match &entry.step {
                Step::Put(resource, _) if self.writer == Writer::Client => {
                    let has_target_group = |condition: &Value| !self.server.groups.groups_of_condition(condition).is_empty();
                    let context = validation::Context { today: self.server.today(self.moment), has_target_group: &has_target_group };
                    issues.extend(validation::check(resource, &context));
                    issues.extend(persons::check_references(self.server, resource.value(), &pending)?);
                }
                Step::Delete => {
                    if let Err(failure) = self.check_unreferenced(&entry.key, &pending) {
                        failures.push(placed(change, failure));
                    }
                }
                Step::Put(..) | Step::Nothing(_) => {}
            }
        }
        if let Some(failure) = Failure::together(failures) {
            return Err(failure);
        }
        if issues.iter().flatten().any(Issue::refuses) {
            return Err(Failure::Unprocessable(self.located(issues)));
        }
        for (entry, issues) in entries.iter_mut().zip(issues) {
            entry.warnings = issues;
            if let Step::Put(resource, _) = &entry.step
                && entry.previous.as_ref().is_some_and(|previous| same_content(previous, resource.value()))
            {
                entry.step = Step::Nothing(Effect::Unchanged);
            }
        }
        Ok(())
    }

    /// A Patient goes only together with everything that is about the person.
    fn check_unreferenced(&self, key: &ResourceKey, pending: &Pending) -> Result<(), Failure> {
        if key.resource_type != ResourceType::Patient {
            return Ok(());
        }
        let about = persons::resources_of(self.server, &key.id, pending)?;
        if about.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = about.iter().take(5).map(|(key, ..)| key.to_string()).collect();
        let text = format!("{key} cannot be deleted while {} resources are about the person, as {}", about.len(), names.join(", "));
        Err(Failure::Conflict(Issue::error(IssueCode::Conflict, "", text)))
    }

    /// In a transaction, each finding says in which entry it is.
    fn located(&self, issues: Vec<Vec<Issue>>) -> Vec<Issue> {
        let mut entries: Vec<_> = self.changes.iter().zip(issues).collect();
        entries.sort_by_key(|(change, _)| change.place);
        for (change, issues) in &mut entries {
            if let Some(at) = change.place {
                issues.iter_mut().for_each(|issue| locate(issue, at));
            }
        }
        entries.into_iter().flat_map(|(_, issues)| issues).collect()
    }
}

/// A failure of one change; in a transaction it says in which entry.
fn placed(change: &Change, failure: Failure) -> Failure {
    match change.place {
        Some(at) => failure.in_entry(at),
        None => failure,
    }
}

fn same_identity(key: &ResourceKey, resource: &Resource) -> Result<(), Failure> {
    let wrong = |at: String, what: &str, expected: &str| {
        Err(Failure::BadRequest(vec![Issue::error(IssueCode::Invalid, at, format!("expected the {what} of the address, '{expected}'"))]))
    };
    let type_name = resource.type_name();
    if type_name != key.resource_type.as_str() {
        return wrong(type_name.to_owned(), "type", key.resource_type.as_str());
    }
    if resource.id() != Some(key.id.as_str()) {
        return wrong(format!("{type_name}.id"), "id", key.id.as_str());
    }
    Ok(())
}

fn holds(condition: Condition, entry: &Entry) -> Result<(), Failure> {
    let current = entry.previous.as_ref().filter(|_| entry.exists()).map(|previous| previous.version);
    let (holds, expected) = match condition {
        Condition::Any => (true, String::new()),
        Condition::Is(version) => (current == Some(version), format!("version {version}")),
        Condition::Absent => (current.is_none(), "no such resource".to_owned()),
    };
    if holds {
        return Ok(());
    }
    let found = current.map_or("none".to_owned(), |version| format!("version {version}"));
    Err(Failure::precondition(IssueCode::Conflict, format!("{}: expected {expected}, found {found}", entry.key)))
}

/// True if the stored version says the same, whatever the server set in `meta`: then a retry writes nothing.
fn same_content(stored: &StoredVersion, resource: &Value) -> bool {
    let Some(mut current) = stored.body.as_deref().and_then(|body| serde_json::from_slice::<Value>(body).ok()) else { return false };
    let mut sent = resource.clone();
    for value in [&mut current, &mut sent] {
        if let Some(meta) = value["meta"].as_object_mut() {
            meta.shift_remove("versionId");
            meta.shift_remove("lastUpdated");
        }
        let empty = value["meta"].as_object().is_none_or(serde_json::Map::is_empty);
        if let (true, Some(object)) = (empty, value.as_object_mut()) {
            object.shift_remove("meta");
        }
    }
    current == sent
}

/// What the entries will have written, by key.
fn pending(entries: &[Entry]) -> Result<Pending, Failure> {
    let mut pending = BTreeMap::new();
    for entry in entries {
        let content = match &entry.step {
            Step::Put(resource, _) => {
                let mut value = resource.value().clone();
                value["id"] = Value::from(entry.key.id.as_str());
                Some(value)
            }
            Step::Delete => None,
            Step::Nothing(_) => continue,
        };
        let before = match entry.previous.as_ref().and_then(|previous| previous.body.as_deref()) {
            Some(body) => Some(persons::parse_stored(&entry.key, body)?),
            None => None,
        };
        pending.insert(entry.key.clone(), persons::PendingWrite { version: entry.next_version(), content, before });
    }
    Ok(pending)
}

/// What a commit of these writes moves, besides the persons' guards.
fn touched_by(pending: &Pending) -> Vec<Guard> {
    let mut touches = Vec::new();
    for (key, write) in pending {
        if persons::is_practice(key.resource_type) {
            touches.push(persons::resource_guard(key));
            let organizations = write.content.iter().flat_map(crate::deadlines::practice_references);
            touches.extend(organizations.map(|organization| persons::dependents_guard(&organization)));
        }
    }
    touches
}

/// Adds the entry's write, if it has one; answers the bytes that will be stored.
fn write_of(entry: &Entry, writes: &mut Vec<Write>) -> Option<Body> {
    let (method, content) = match &entry.step {
        Step::Nothing(_) => return None,
        Step::Delete => (Method::Delete, None),
        Step::Put(resource, method) => {
            let body = resource.stamped(&entry.key.id, entry.next_version());
            (*method, Some(Content { body, entries: index_entries(entry.key.resource_type, resource.value()) }))
        }
    };
    let body = content.as_ref().map(|content| content.body.clone());
    writes.push(Write { key: entry.key.clone(), previous: entry.previous.as_ref().map(|previous| previous.version), method, content });
    body
}

fn unchanged(entry: &Entry) -> Written {
    let effect = match entry.step {
        Step::Nothing(effect) => effect,
        Step::Put(..) | Step::Delete => Effect::Unchanged,
    };
    Written { key: entry.key.clone(), effect, version: entry.previous.clone(), issues: entry.warnings.clone() }
}

fn answer(entry: Entry, body: Option<Body>, committed: crate::storage::Committed) -> Written {
    let (effect, method) = match &entry.step {
        Step::Nothing(_) => return unchanged(&entry),
        Step::Delete => (Effect::Deleted, Method::Delete),
        Step::Put(_, method) if entry.exists() => (Effect::Updated, *method),
        Step::Put(_, method) => (Effect::Created, *method),
    };
    let bytes = body.map(|body| body.at(committed.instant));
    let version = stored(&entry.key, entry.next_version(), method, committed, bytes);
    Written { key: entry.key, effect, version: Some(version), issues: entry.warnings }
}
