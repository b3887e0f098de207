//! The result of a conversion while it comes to be: what becomes of each entry, and what is
//! proposed to be written.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::content::{keep_labels, reference_to};
use super::context::IntakeContext;
use super::known::KnownParties;
use super::organization::{MatchedOrganization, SentOrganization};
use super::person::{self, PersonParts};
use super::statement::Statement;
use super::words::IntakeReason;
use crate::fhir::view::{identifiers, items};
use crate::fhir::{ResourceKey, ResourceType};

/// Content that is proposed to be written, unless it is stored so already.
#[derive(Clone, PartialEq, Debug)]
pub struct Proposal {
    /// The resource.
    pub key: ResourceKey,
    /// Its content.
    pub content: Value,
    /// The assumptions that were made for it.
    pub reasons: Vec<IntakeReason>,
}

/// A foreign Bundle, converted.
#[derive(Debug)]
pub struct Conversion {
    /// The content, each resource once.
    pub proposals: Vec<Proposal>,
    /// The sender as a Reference element names it.
    pub sender: Option<Value>,
    /// The Patient of the person, if it is stored or will be.
    pub person: Option<ResourceKey>,
    /// The verdict on each entry.
    pub(super) verdicts: Vec<EntryVerdict>,
}

/// The verdict on one entry, and what is said beside it.
#[derive(Clone, Debug)]
pub(super) struct EntryVerdict {
    pub(super) verdict: Verdict,
    /// Further reasons: assumptions, and what differs.
    pub(super) notes: Vec<IntakeReason>,
    /// The group that its text names.
    pub(super) hint: Option<&'static str>,
    /// The words for what to add.
    pub(super) text: Option<String>,
}

/// The decision about one entry.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Verdict {
    /// Nothing was decided: the packages do not need it.
    Undecided,
    /// It says this resource.
    Proposed(ResourceKey),
    /// A later statement about this resource is stored.
    Older(ResourceKey),
    /// It is not stored.
    LeftOut(IntakeReason),
    /// Something is missing.
    Needs(IntakeReason),
}

/// A conversion under way.
pub(super) struct Converting<'a> {
    pub(super) statement: &'a Statement<'a>,
    pub(super) known: &'a KnownParties,
    pub(super) context: &'a IntakeContext<'a>,
    /// The Patient of the person, as it is or will be.
    pub(super) person: ResourceKey,
    /// The parts of the person that the statement says.
    pub(super) person_parts: PersonParts,
    /// The words about the person in place of those of the Patient, if they come from elsewhere too.
    pub(super) person_says: Option<Value>,
    /// True if the Patient is written for its own sake.
    pub(super) person_is_cause: bool,
    /// The person's general practice, if the statement says which it is.
    pub(super) practice: Option<Value>,
    verdicts: Vec<EntryVerdict>,
    proposals: Vec<Proposal>,
    named: BTreeMap<ResourceKey, MatchedOrganization>,
}

impl<'a> Converting<'a> {
    /// Begins: each entry that may mean something else is left out.
    pub(super) fn new(
        statement: &'a Statement<'a>,
        known: &'a KnownParties,
        context: &'a IntakeContext<'a>,
    ) -> Self {
        let new = || ResourceKey::new(ResourceType::Patient, context.new_person.clone());
        let verdict = |has_modifiers: bool| EntryVerdict {
            verdict: if has_modifiers {
                Verdict::LeftOut(IntakeReason::NotUnderstood)
            } else {
                Verdict::Undecided
            },
            notes: Vec::new(),
            hint: None,
            text: None,
        };
        let entries = statement.bundle.entries.iter();
        Converting {
            statement,
            known,
            context,
            person: known
                .patient
                .as_ref()
                .map_or_else(new, |patient| patient.key.clone()),
            person_parts: PersonParts::All,
            person_says: None,
            person_is_cause: false,
            practice: None,
            verdicts: entries
                .map(|entry| verdict(entry.has_modifiers()))
                .collect(),
            proposals: Vec::new(),
            named: BTreeMap::new(),
        }
    }

    /// Tells whether nothing was decided about an entry yet.
    pub(super) fn is_open(&self, at: usize) -> bool {
        self.verdicts[at].verdict == Verdict::Undecided
    }

    /// Returns the entries of a type about which nothing was decided yet.
    pub(super) fn open(&self, type_name: &str) -> Vec<(usize, &'a Value)> {
        let statement: &'a Statement<'a> = self.statement;
        let entries = statement.bundle.entries.iter().enumerate();
        entries
            .filter(|(at, entry)| entry.type_name() == type_name && self.is_open(*at))
            .map(|(at, entry)| (at, entry.resource))
            .collect()
    }

    /// Leaves everything out: what is said about the person is not understood.
    pub(super) fn leave_out_all(&mut self, reason: IntakeReason) {
        for verdict in &mut self.verdicts {
            verdict.verdict = Verdict::LeftOut(reason);
        }
    }

    /// Leaves an entry out.
    pub(super) fn leave_out(&mut self, at: usize, reason: IntakeReason) {
        self.verdicts[at].verdict = Verdict::LeftOut(reason);
    }

    /// Says that something is missing in an entry.
    pub(super) fn needs(&mut self, at: usize, reason: IntakeReason, text: impl Into<String>) {
        self.verdicts[at].verdict = Verdict::Needs(reason);
        self.verdicts[at].text = Some(text.into());
    }

    /// Says which group the text of an entry names.
    pub(super) fn hint(&mut self, at: usize, group: &'static str) {
        self.verdicts[at].hint = Some(group);
    }

    /// Notes something beside the decision about an entry.
    pub(super) fn note(&mut self, at: usize, reason: IntakeReason, text: Option<String>) {
        let verdict = &mut self.verdicts[at];
        if !verdict.notes.contains(&reason) {
            verdict.notes.push(reason);
        }
        verdict.text = verdict.text.take().or(text);
    }

    /// Proposes content for a resource of the person: unless a later statement about it is stored,
    /// or the profiles refused it when it was tried. `at` is the entry that says it.
    pub(super) fn propose(
        &mut self,
        at: usize,
        key: ResourceKey,
        mut content: Value,
        reasons: Vec<IntakeReason>,
    ) {
        if self.known.stated_later.contains(&key) {
            self.verdicts[at].verdict = Verdict::Older(key);
            return;
        }
        if let Some(refused) = self.context.refused.get(&key) {
            return self.needs(at, IntakeReason::Profile, refused.finding.clone());
        }
        keep_labels(self.known.content(&key), &mut content);
        let mut proposals = self.proposals.iter();
        let same = proposals.find(|proposal| proposal.key == key);
        if same.is_some_and(|same| same.content != content) {
            let text = "another entry of the Bundle says something else of the same resource (by identifier or id), and is taken; expected one entry";
            return self.needs(at, IntakeReason::Profile, text);
        }
        let is_new = same.is_none();
        self.verdicts[at].notes.extend(reasons.iter().copied());
        self.verdicts[at].verdict = Verdict::Proposed(key.clone());
        if is_new {
            self.proposals.push(Proposal {
                key,
                content,
                reasons,
            });
        }
    }

    /// Proposes content that follows from an entry beside what the entry says itself: nothing is said
    /// of it in the report.
    pub(super) fn propose_beside(&mut self, key: ResourceKey, mut content: Value) {
        let is_free = !self.known.stated_later.contains(&key)
            && !self.context.refused.contains_key(&key)
            && !self.is_proposed(&key);
        if is_free {
            keep_labels(self.known.content(&key), &mut content);
            self.proposals.push(Proposal {
                key,
                content,
                reasons: Vec::new(),
            });
        }
    }

    /// Returns what an organization that was sent is here, or will be.
    pub(super) fn matched(&self, sent: &SentOrganization) -> Option<MatchedOrganization> {
        self.statement.matched(sent, &self.known.organizations)
    }

    /// Tells whether content for a resource is proposed.
    pub(super) fn is_proposed(&self, key: &ResourceKey) -> bool {
        self.proposals.iter().any(|proposal| proposal.key == *key)
    }

    /// Returns what is proposed of that type.
    pub(super) fn proposed(
        &self,
        resource_type: ResourceType,
    ) -> impl Iterator<Item = (&ResourceKey, &Value)> {
        let proposals = self.proposals.iter();
        proposals
            .map(|proposal| (&proposal.key, &proposal.content))
            .filter(move |(key, _)| key.resource_type == resource_type)
    }

    /// Returns the reference to the person.
    pub(super) fn subject(&self) -> Value {
        reference_to(&self.person)
    }

    /// Returns the reference to an organization, which is stored if it is not: what names it is
    /// written. By number alone, if the profiles refuse it; none if it has no number.
    pub(super) fn organization(&mut self, sent: &SentOrganization) -> Option<Value> {
        let matched = self
            .matched(sent)
            .filter(|matched| !self.context.refused.contains_key(&matched.key));
        let Some(matched) = matched else {
            return sent.logical_reference();
        };
        let reference = matched.reference();
        let numbers = |named: &MatchedOrganization| items(&named.content["identifier"]).count();
        let known = self.named.get(&matched.key);
        // Of two entries about one, the one that has more numbers is written.
        if known.is_none_or(|known| numbers(known) < numbers(&matched)) {
            self.named.insert(matched.key.clone(), matched);
        }
        Some(reference)
    }

    /// Returns the organization that a Reference element names: an entry, or one by number.
    pub(super) fn sent_party(&self, reference: &Value) -> Option<SentOrganization> {
        let entry = self.statement.bundle.resolve(reference);
        let resource = entry.map(|at| &self.statement.bundle.entries[at]);
        let sent = match resource {
            // What is not understood names nobody.
            Some(entry) if entry.type_name() == "Organization" && !entry.has_modifiers() => {
                SentOrganization::read(entry.resource)
            }
            Some(_) => return None,
            None => SentOrganization::read(reference),
        };
        sent.is_identified().then_some(sent)
    }

    /// Ends: the person and the organizations follow from what is written about the one and names
    /// the others.
    pub(super) fn finish(mut self) -> Conversion {
        let person_at = self.statement.person;
        let has_cause = !self.proposals.is_empty() || self.person_is_cause;
        // Without a stored person nothing can be said of the one whom the profiles refuse.
        let refused = self.context.refused.get(&self.person);
        let refused = refused.filter(|_| self.known.patient.is_none() && has_cause);
        if let Some(refused) = refused {
            self.proposals.clear();
            for verdict in &mut self.verdicts {
                if matches!(verdict.verdict, Verdict::Proposed(_)) {
                    verdict.verdict = Verdict::LeftOut(IntakeReason::PersonNotKnown);
                    verdict.notes.clear();
                }
            }
            self.needs(person_at, IntakeReason::Profile, refused.finding.clone());
        }
        let is_written = has_cause && refused.is_none();
        let mut sender = None;
        if is_written {
            let sent = self.statement.sender.clone();
            sender = sent.and_then(|sent| self.organization(&sent));
            self.propose_person(person_at);
        }
        self.settle_others(is_written);
        let is_stored = is_written || self.known.patient.is_some();
        Conversion {
            person: is_stored.then_some(self.person),
            proposals: self.proposals,
            sender,
            verdicts: self.verdicts,
        }
    }

    fn propose_person(&mut self, at: usize) {
        let refused = self.context.refused.get(&self.person);
        let parts = match (refused, self.person_parts) {
            (Some(_), PersonParts::All) => PersonParts::Rest,
            (_, parts) => parts,
        };
        let practice = self.practice.take();
        let said = self.person_says.as_ref();
        let said = said.unwrap_or_else(|| self.statement.patient());
        let person = person::completed(
            self.known.patient.as_ref(),
            &self.own_words(said),
            practice.filter(|_| !self.is_of_stored_practice()),
            parts,
            &self.context.new_person,
            self.context.today,
        );
        let stored = self.known.patient.as_ref();
        let changes = stored.is_none_or(|stored| stored.content != person.content);
        if let Some(refused) = refused {
            self.needs(at, IntakeReason::Profile, refused.finding.clone());
            // The death and the practice are taken all the same, if the profiles let them.
            let was_less = self.person_parts == PersonParts::All && refused.times < 2;
            if !changes || !was_less {
                return;
            }
        } else {
            self.verdicts[at].notes.extend(&person.differences);
            self.verdicts[at].verdict = Verdict::Proposed(person.key.clone());
        }
        let proposal = Proposal {
            key: person.key,
            content: person.content,
            reasons: person.differences,
        };
        self.proposals.insert(0, proposal);
    }

    /// Returns the words about the person without the numbers that another stored one has.
    fn own_words(&self, sent: &Value) -> Value {
        let mut words = sent.clone();
        let others = &self.known.numbers_of_others;
        if let (Some(all), false) = (words["identifier"].as_array_mut(), others.is_empty()) {
            all.retain(|element| {
                let one = json!({ "identifier": element });
                !identifiers(&one).any(|(system, value)| {
                    let mut others = others.iter();
                    others.any(|other| (other.0.as_str(), other.1.as_str()) == (system, value))
                })
            });
        }
        words
    }

    /// Tells whether the person is stored with the sender as general practice by number.
    fn is_of_stored_practice(&self) -> bool {
        let numbers = self.statement.sender_numbers();
        let stored = self.known.patient.as_ref();
        let mut named = stored
            .into_iter()
            .flat_map(|stored| items(&stored.content["generalPractitioner"]));
        named.any(|named| {
            identifiers(named).any(|(system, value)| {
                let mut numbers = numbers.iter();
                numbers.any(|number| (number.0.as_str(), number.1.as_str()) == (system, value))
            })
        })
    }

    /// Proposes the organizations that are named, and decides about all entries that are left.
    fn settle_others(&mut self, is_written: bool) {
        let named = std::mem::take(&mut self.named);
        if is_written {
            for organization in named.values() {
                let proposal = Proposal {
                    key: organization.key.clone(),
                    content: organization.content.clone(),
                    reasons: Vec::new(),
                };
                self.proposals.insert(0, proposal);
            }
        }
        let statement = self.statement;
        for (at, entry) in statement.bundle.entries.iter().enumerate() {
            if self.verdicts[at].verdict != Verdict::Undecided {
                continue;
            }
            let is_party = matches!(entry.type_name(), "Patient" | "Organization");
            let matched = (entry.type_name() == "Organization")
                .then(|| SentOrganization::read(entry.resource))
                .and_then(|sent| self.matched(&sent));
            let refused = |key: &ResourceKey| {
                let refused = self.context.refused.get(key)?;
                Some(refused.finding.clone())
            };
            self.verdicts[at].verdict = match matched.map(|matched| matched.key) {
                Some(key) if is_written && named.contains_key(&key) => Verdict::Proposed(key),
                Some(key) if is_written && refused(&key).is_some() => {
                    self.verdicts[at].text = refused(&key);
                    Verdict::Needs(IntakeReason::Profile)
                }
                _ if is_party && !is_written => {
                    Verdict::LeftOut(IntakeReason::NothingOfThePackages)
                }
                _ => Verdict::LeftOut(IntakeReason::NotNeeded),
            };
        }
    }
}
