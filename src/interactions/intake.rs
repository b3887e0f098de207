//! `$intake`: a Bundle that another Danish system sends as it is (`profiles/intake.md`). Gathers what is
//! stored of those whom it names, lets `intake` convert it, writes the result as one transaction by
//! the one write path, and tells what became of each entry. If others move what was read, it is
//! converted again.

use std::collections::BTreeMap;

use serde_json::Value;

use super::change::{Action, Change, ChangeTarget, Writer};
use super::condition::Condition;
use super::intake_known::{StoredContentOf, known_parties, stored_versions};
use super::writing::attempt::{Ending, write_after};
use super::writing::gathering::Gathering;
use super::writing::write_turns::Attempted;
use super::{Context, Failure, Server};
use crate::fhir::view::{identifiers, items, says_the_same};
use crate::fhir::{Id, Issue, IssueCode, Reference, Resource, ResourceKey, ResourceType, Version};
use crate::intake::{
    self, Conversion, IntakeContext, IntakeOutcome, IntakeRefusal, IntakeReport, Proposal,
    RefusalKey, RefusedContent, Stands, Statement,
};

/// The most entries that a foreign Bundle may have.
pub const ENTRIES_MAX: usize = 1_000;

/// The finding about content whose key is another's.
const OF_ANOTHER: &str = "what is stored under the same identifier or id is about another person or organization, and stays; expected an identifier (or id) of its own";

/// The two ways in which a Bundle may be looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IntakeMode {
    /// The content that belongs to the packages is written.
    Take,
    /// The same is told, and nothing is written.
    Report,
}

/// Takes a foreign Bundle in, and tells what became of each entry.
///
/// # Errors
/// The reason for which the Bundle is refused as a whole: nothing is written then.
pub fn take(
    server: &Server,
    context: &Context,
    bundle: &Value,
    mode: IntakeMode,
) -> Result<IntakeReport, Failure> {
    let entries = bundle["entry"].as_array().map_or(0, Vec::len);
    if entries > ENTRIES_MAX {
        let text = format!("expected at most {ENTRIES_MAX} entries, found {entries}");
        let issue = Issue::error(IssueCode::TooCostly, "Bundle.entry", text);
        return Err(Failure::BadRequest(vec![issue]));
    }
    let statement = intake::understand(bundle, server.intake).map_err(refused)?;
    let taking = Taking {
        server,
        context,
        statement: &statement,
        mode,
        new_person: (context.new_id)(),
    };
    server.turns.take(|| taking.attempt())
}

/// Returns the failure of a Bundle that is refused as a whole.
fn refused(refusal: IntakeRefusal) -> Failure {
    let code = match refusal.key {
        RefusalKey::BundleType => IssueCode::Invalid,
        RefusalKey::FormatUnknown | RefusalKey::FormatNotTaken | RefusalKey::FormatDraft => {
            IssueCode::NotSupported
        }
        RefusalKey::PersonAmbiguous => IssueCode::MultipleMatches,
        RefusalKey::BundleForm
        | RefusalKey::PersonCount
        | RefusalKey::PersonOther
        | RefusalKey::PersonIdentifier
        | RefusalKey::DocumentStatus
        | RefusalKey::DocumentAuthor => IssueCode::BusinessRule,
    };
    let issue = Issue::error(code, "Bundle", refusal.text).by_rule(refusal.key.code());
    match refusal.key {
        RefusalKey::BundleType => Failure::BadRequest(vec![issue]),
        RefusalKey::PersonAmbiguous => Failure::PreconditionFailed(issue),
        _ => Failure::Unprocessable(vec![issue]),
    }
}

/// One Bundle on its way in.
struct Taking<'a> {
    server: &'a Server,
    context: &'a Context,
    statement: &'a Statement<'a>,
    mode: IntakeMode,
    new_person: Id,
}

/// The writes of one attempt, and how all that is proposed stands after them.
#[derive(Default)]
struct PlannedWrites {
    changes: Vec<Change>,
    stands: BTreeMap<ResourceKey, Stands>,
    /// The content that would replace what is another's, with the finding.
    of_others: BTreeMap<ResourceKey, String>,
}

impl Taking<'_> {
    /// Makes one attempt. What the profiles refuse is left out, and the rest is converted again.
    fn attempt(&self) -> Result<Attempted<IntakeReport>, Failure> {
        let mut refused: BTreeMap<ResourceKey, RefusedContent> = BTreeMap::new();
        loop {
            let mut gathering = Gathering::new(self.server);
            let known = known_parties(&mut gathering, self.statement)?;
            let Some(known) = known else {
                return Err(self::refused(IntakeRefusal::ambiguous()));
            };
            let practices = self.server.practices();
            let conversion = intake::convert(
                self.statement,
                &known,
                &IntakeContext {
                    today: self.server.today(self.context),
                    groups: &self.server.groups,
                    new_person: self.new_person.clone(),
                    is_practice: &|sor, day| practices.is_listed_on(sor, day),
                    refused: &refused,
                },
            );
            let plan = self.plan(&gathering, &conversion)?;
            if refuse(&mut refused, plan.of_others) {
                continue;
            }
            let ending = match self.mode {
                IntakeMode::Take => Ending::Commit,
                IntakeMode::Report => Ending::Check,
            };
            let changes = &plan.changes;
            let server = (self.server, self.context);
            match write_after(server, gathering, Writer::Intake, changes, ending) {
                Ok(Attempted::Done(_)) => {
                    let report = IntakeReport::of(self.statement, &conversion, &plan.stands);
                    return Ok(Attempted::Done(report));
                }
                Ok(Attempted::Overtaken) => return Ok(Attempted::Overtaken),
                // Another one wrote what was read: what follows from it is another thing now.
                Err(failure) if is_of_version(&failure) => return Ok(Attempted::Overtaken),
                Err(failure) => {
                    let found = refused_content(&failure, changes);
                    if !refuse(&mut refused, found) {
                        return Err(failure);
                    }
                }
            }
        }
    }

    /// Plans the writes: what is not stored so already, each resource with its Provenance.
    fn plan(
        &self,
        gathering: &Gathering<'_>,
        conversion: &Conversion,
    ) -> Result<PlannedWrites, Failure> {
        let proposals = &conversion.proposals;
        let provenance_key = |key: &ResourceKey| {
            let id = intake::intake_provenance_id(self.statement, key);
            ResourceKey::new(ResourceType::Provenance, id)
        };
        let keys = proposals.iter().map(|proposal| proposal.key.clone());
        let provenances = proposals
            .iter()
            .map(|proposal| provenance_key(&proposal.key));
        let keys: Vec<ResourceKey> = keys.chain(provenances).collect();
        let stored = stored_versions(gathering, &keys)?;
        let (stored, provenances) = stored.split_at(proposals.len());
        let mut plan = PlannedWrites::default();
        for ((proposal, stored), provenance) in proposals.iter().zip(stored).zip(provenances) {
            let (previous, content) = stored;
            let key = &proposal.key;
            let is_anothers = |stored: &Value| is_of_another(stored, proposal, conversion);
            if content.as_ref().is_some_and(is_anothers) {
                plan.of_others.insert(key.clone(), OF_ANOTHER.to_owned());
            }
            let (_, told) = provenance;
            let is_told = told
                .as_ref()
                .is_some_and(|told| self.is_of_this_bundle(told));
            let outcome = self.outcome(proposal, stored, is_told);
            let current = previous.as_ref().filter(|_| content.is_some());
            let current = current.map(|stored| stored.version);
            let next = match (outcome, current) {
                (IntakeOutcome::Unchanged, current) => current,
                _ => Some(Version::after(
                    previous.as_ref().map(|stored| stored.version),
                )),
            };
            if outcome != IntakeOutcome::Unchanged {
                plan.write(&proposal.key, proposal.content.clone(), current);
            }
            // The Provenance of what another sending of the same Bundle found is there already.
            if let (Some(next), false) = (next, is_told && outcome == IntakeOutcome::Unchanged) {
                let content = intake::intake_provenance(
                    self.statement,
                    conversion,
                    proposal,
                    next,
                    self.context.now,
                );
                plan.write(&provenance_key(key), content, existing(provenance));
            }
            let version = match self.mode {
                IntakeMode::Take => next,
                IntakeMode::Report => current,
            };
            let stands = Stands { outcome, version };
            plan.stands.insert(proposal.key.clone(), stands);
        }
        Ok(plan)
    }

    /// Tells what becomes of a resource. What the same Bundle said before is not said again after
    /// another writer.
    fn outcome(
        &self,
        proposal: &Proposal,
        (previous, content): &StoredContentOf,
        is_told: bool,
    ) -> IntakeOutcome {
        let kind = proposal.key.resource_type;
        let is_party = matches!(kind, ResourceType::Patient | ResourceType::Organization);
        let same = |stored: &Value| says_the_same(stored, &proposal.content, &["id"]);
        match content {
            Some(stored) if is_told || same(stored) => IntakeOutcome::Unchanged,
            Some(_) => IntakeOutcome::Updated,
            None if is_told && previous.is_some() && !is_party => IntakeOutcome::Unchanged,
            None => IntakeOutcome::Created,
        }
    }

    /// Tells whether an origin is of this Bundle: of the same identifier, and of the same instant, since
    /// some senders have one identifier for all.
    fn is_of_this_bundle(&self, origin: &Value) -> bool {
        let instant = self.statement.instant.as_ref();
        origin["occurredDateTime"].as_str() == instant.map(|(text, _)| text.as_str())
    }
}

/// Tells whether what is stored is about another person, or is another organization.
fn is_of_another(stored: &Value, proposal: &Proposal, conversion: &Conversion) -> bool {
    if proposal.key.resource_type == ResourceType::Organization {
        let mut numbers = identifiers(stored);
        return !numbers.any(|number| identifiers(&proposal.content).any(|own| own == number));
    }
    let participants = items(&stored["participant"]).map(|participant| &participant["actor"]);
    let named = items(&stored["subject"]).chain(participants);
    let named = named.filter_map(|named| Reference::read(named).local_key().cloned());
    let persons: Vec<ResourceKey> = named
        .filter(|key| key.resource_type == ResourceType::Patient)
        .collect();
    let own = conversion.person.as_ref();
    !persons.is_empty() && !persons.iter().any(|person| Some(person) == own)
}

/// Notes what is refused; tells whether that changes what is proposed next. A stored Patient is tried
/// twice, the second time without what it was refused for.
fn refuse(
    refused: &mut BTreeMap<ResourceKey, RefusedContent>,
    found: BTreeMap<ResourceKey, String>,
) -> bool {
    let mut changes = false;
    for (key, finding) in found {
        let most = 1 + u32::from(key.resource_type == ResourceType::Patient);
        let entry = refused
            .entry(key)
            .or_insert(RefusedContent { finding, times: 0 });
        if entry.times < most {
            entry.times += 1;
            changes = true;
        }
    }
    changes
}

/// Tells whether a resource is in another version than was read.
fn is_of_version(failure: &Failure) -> bool {
    match failure {
        Failure::PreconditionFailed(_) => true,
        Failure::Several(first, _) => is_of_version(first),
        _ => false,
    }
}

fn existing((previous, content): &StoredContentOf) -> Option<Version> {
    let previous = previous.as_ref().filter(|_| content.is_some());
    previous.map(|stored| stored.version)
}

impl PlannedWrites {
    /// Adds a write of content that replaces that version, or that is new.
    fn write(&mut self, key: &ResourceKey, content: Value, current: Option<Version>) {
        let action = Action::Update {
            target: ChangeTarget::Key(key.clone()),
            resource: Resource::made(content),
            condition: current.map_or_else(Condition::absent, Condition::is),
        };
        let place = Some(self.changes.len());
        self.changes.push(Change {
            place,
            ..Change::alone(action)
        });
    }
}

/// Returns the resources whose content is refused, each with the first finding about it.
fn refused_content(failure: &Failure, changes: &[Change]) -> BTreeMap<ResourceKey, String> {
    let mut refused = BTreeMap::new();
    for issue in failure.issues().iter().filter(|issue| issue.refuses()) {
        let at = issue.expression.strip_prefix("Bundle.entry[");
        let Some((at, below)) = at.and_then(|rest| rest.split_once(']')) else {
            continue;
        };
        let change = at.parse().ok().and_then(|at: usize| changes.get(at));
        let Some(Action::Update {
            target: ChangeTarget::Key(key),
            ..
        }) = change.map(|change| &change.action)
        else {
            continue;
        };
        let below = below.strip_prefix(".resource").unwrap_or_default();
        let at = format!("{}{below}: ", key.resource_type);
        // Some findings name their element themselves.
        let text = issue.text.strip_prefix(&at).unwrap_or(&issue.text);
        refused
            .entry(key.clone())
            .or_insert_with(|| format!("{at}{text}"));
    }
    refused
}
