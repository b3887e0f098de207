//! The decision of a write: all that it needs is gathered, and every check is made.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::content::{ContentStandard, part_finding};
use super::entry::{Entry, EntryWrite, pending};
use super::gathering::Gathering;
use super::identify::identify_all;
use super::pending::Pending;
use super::references::checking::{self, Named};
use super::references::conditional::is_match;
use super::references::finder::EntryFinder;
use super::references::names::EntryNames;
use super::references::rewriting::rewrite;
use super::references::surrounding::Surrounding;
use super::referrers::Referrers;
use super::same_person::PersonIdentifiers;
use super::{followers, joined, subscription_check, together};
use crate::fhir::{Issue, IssueCode, ResourceKey, ResourceType, Severity, start_of_day};
use crate::interactions::change::{AskedAs, Change, Writer, placed};
use crate::interactions::extents::excess;
use crate::interactions::failure::locate;
use crate::interactions::{Context, Effect, Failure, Server};
use crate::validation::BundleWalk;

/// A request to write.
pub(super) struct ChangeRequest<'a> {
    /// The server that is written to.
    pub(super) server: &'a Server,
    /// The context of the one who asks.
    pub(super) context: &'a Context,
    /// The writer.
    pub(super) writer: Writer,
    /// The changes, all of which are made or none.
    pub(super) changes: &'a [Change],
    /// The way in which they are asked for.
    pub(super) asked_as: AskedAs,
    /// The profiles that the content is checked against in addition to those of every write.
    pub(super) profiles: &'a [&'a str],
}

/// The outcome of a request, before anything is written.
pub(super) struct Decided<'a> {
    /// The changes, one by one.
    pub(super) entries: Vec<Entry>,
    /// The writes that they come to.
    pub(super) pending: Pending,
    /// The day on which it is written.
    pub(super) today: Date,
    /// The pass in which all was read that must still be so at the commit.
    pub(super) gathering: Gathering<'a>,
}

impl<'a> ChangeRequest<'a> {
    /// Gathers what the decision needs, and makes every check.
    ///
    /// # Errors
    /// What forbids the changes, with the findings about all of them at once.
    pub(super) fn decide(&self) -> Result<Decided<'a>, Failure> {
        self.decide_after(Gathering::new(self.server))
    }

    /// Decides after a pass of reading that has begun: all that was read in it counts too.
    ///
    /// # Errors
    /// As [`ChangeRequest::decide`].
    pub(super) fn decide_after(
        &self,
        mut gathering: Gathering<'a>,
    ) -> Result<Decided<'a>, Failure> {
        let names = EntryNames::of(self.changes);
        let mut entries = identify_all(
            self.context,
            self.writer,
            self.changes,
            &names,
            &mut gathering,
        )?;
        self.refuse_excessive(&entries)?;
        self.refuse_duplicates(&entries)?;
        let keys: Vec<ResourceKey> = entries.iter().map(|entry| entry.key.clone()).collect();
        let request = Surrounding {
            changes: self.changes,
            names: &names,
            keys: &keys,
            asked_as: self.asked_as,
            bases: self.server.bases(self.context),
            now: self.context.now,
        };
        rewrite(&mut gathering, &mut entries, request)?;
        self.refuse_shared_matches(&entries)?;
        joined::refuse_unmet(&mut gathering, &entries, request)?;
        let pending = pending(&mut entries)?;
        let named = self.named(&entries);
        let keys = named.iter().flatten().map(|(_, key)| key.clone());
        gathering.begin(&pending, keys.collect())?;
        // Asked for after the guards: a commit that brings another day moves one, or is seen.
        let today = self.server.today(self.context);
        self.check(&mut entries, &named, &pending, today, &mut gathering)?;
        Ok(Decided {
            entries,
            pending,
            today,
            gathering,
        })
    }

    /// Refuses a resource that is too much to be checked and kept, before anything is made of it.
    fn refuse_excessive(&self, entries: &[Entry]) -> Result<(), Failure> {
        let mut failures = Vec::new();
        for (entry, change) in entries.iter().zip(self.changes) {
            if let EntryWrite::Put(resource, _) = &entry.step
                && self.is_checked()
                && let Some(issue) = excess(resource.value())
            {
                failures.push(placed(change, Failure::Unprocessable(vec![issue])));
            }
        }
        Failure::together(failures).map_or(Ok(()), Err)
    }

    /// Refuses two entries that write one resource; what a create found may be written by another.
    fn refuse_duplicates(&self, entries: &[Entry]) -> Result<(), Failure> {
        let mut seen = BTreeSet::new();
        let is_found = |entry: &Entry| match entry.step {
            EntryWrite::Nothing(effect) => effect == Effect::Unchanged,
            EntryWrite::Put(..) | EntryWrite::Delete => false,
        };
        let writes = entries.iter().zip(self.changes);
        let mut writes = writes.filter(|(entry, _)| !is_found(entry));
        match writes.find(|(entry, _)| !seen.insert(&entry.key)) {
            Some((twice, change)) => {
                let text = format!(
                    "{} stands twice in the transaction: expected each once",
                    twice.key
                );
                Err(placed(
                    change,
                    Failure::bad_request(IssueCode::Duplicate, text),
                ))
            }
            None => Ok(()),
        }
    }

    /// Refuses an entry that writes a match of another one's criteria: then that would have another
    /// match, or two.
    fn refuse_shared_matches(&self, entries: &[Entry]) -> Result<(), Failure> {
        if entries.len() < 2 || entries.iter().all(|entry| entry.claims.is_none()) {
            return Ok(());
        }
        let finder = EntryFinder::of(entries);
        for (entry, change) in entries.iter().zip(self.changes) {
            let Some(query) = &entry.claims else { continue };
            let is_match = |other: &&Entry| {
                let index = other.index().unwrap_or_default();
                other.key != entry.key && is_match(query, &other.key, self.context.now, index)
            };
            let candidates = finder.candidates(query).into_iter();
            if let Some(other) = candidates.map(|at| &entries[at]).find(is_match) {
                let text = format!(
                    "the criteria match what another entry writes, {}: expected each resource in one entry",
                    other.key
                );
                return Err(placed(
                    change,
                    Failure::bad_request(IssueCode::Duplicate, text),
                ));
            }
        }
        Ok(())
    }

    /// Tells whether the content is checked: what the server itself writes is not.
    fn is_checked(&self) -> bool {
        match self.writer {
            Writer::Client | Writer::Intake | Writer::Nobody => true,
            Writer::Definitions | Writer::Delivery => false,
        }
    }

    /// Returns the resources that each content names, as far as that is checked.
    fn named(&self, entries: &[Entry]) -> Vec<Named> {
        let named = entries.iter().map(|entry| match &entry.step {
            EntryWrite::Put(resource, _) if self.is_checked() => checking::named(resource.value()),
            EntryWrite::Put(..) | EntryWrite::Delete | EntryWrite::Nothing(_) => Named::new(),
        });
        named.collect()
    }

    /// Makes every check of the content; all findings come back at once.
    fn check(
        &self,
        entries: &mut [Entry],
        named: &[Named],
        pending: &Pending,
        today: Date,
        gathering: &mut Gathering<'_>,
    ) -> Result<(), Failure> {
        let referrers = Referrers::of(pending);
        let persons = PersonIdentifiers::find(&*self.server.store, pending)?;
        let mut too_many = followers::too_many(self.server, pending)?;
        let mut failures = Vec::new();
        let content = self.content_findings(entries, today)?;
        let changes = entries.iter_mut().zip(self.changes);
        for (((entry, change), named), content) in changes.zip(named).zip(content) {
            let issues = &mut entry.warnings;
            issues.extend(content);
            match &entry.step {
                EntryWrite::Put(resource, _) if self.is_checked() => {
                    issues.extend(part_finding(resource.value()));
                    if entry.key.resource_type == ResourceType::Subscription {
                        let write = pending.get(&entry.key);
                        subscription_check::check(
                            self.server,
                            self.context.now,
                            write.and_then(|write| write.before.as_deref()),
                            resource.value(),
                            issues,
                        );
                        issues.extend(too_many.take());
                    }
                    issues.extend(checking::check(
                        gathering,
                        resource.value(),
                        named,
                        pending,
                    )?);
                    issues.extend(persons.findings(
                        &entry.key,
                        pending,
                        self.server.duplicate_patients,
                    ));
                }
                EntryWrite::Delete if self.writer == Writer::Client => {
                    if let Err(failure) = referrers.may_delete(&entry.key, gathering) {
                        failures.push(placed(change, failure));
                    }
                }
                EntryWrite::Put(..) | EntryWrite::Delete | EntryWrite::Nothing(_) => {}
            }
            if !change.is_verbose {
                issues.retain(|issue| issue.severity != Severity::Information);
            }
        }
        if let Some(failure) = Failure::together(failures) {
            return Err(failure);
        }
        let mut findings = entries.iter().flat_map(|entry| &entry.warnings);
        if findings.any(Issue::refuses) {
            return Err(Failure::Unprocessable(self.located(entries)));
        }
        Ok(())
    }

    /// Returns the findings about the content of each entry, as far as that is checked: of those of a
    /// transaction, each among the others.
    fn content_findings(
        &self,
        entries: &mut [Entry],
        today: Date,
    ) -> Result<Vec<Vec<Issue>>, Failure> {
        let standard = ContentStandard {
            validator: &self.server.validator,
            groups: &self.server.groups,
            // The day may have ended while the request waited.
            now: self.context.now.max(start_of_day(today)),
            profiles: self.profiles,
        };
        let is_together = self.asked_as == AskedAs::Transaction && entries.len() > 1;
        let bundle = if is_together && self.is_checked() {
            Some(together::bundle(&self.server.base_url, entries)?)
        } else {
            None
        };
        let walk = bundle
            .as_ref()
            .map(|bundle| BundleWalk::of_transaction(&self.server.validator, bundle));
        let findings = entries
            .iter()
            .enumerate()
            .map(|(at, entry)| match (&entry.step, &walk) {
                (EntryWrite::Put(..), Some(walk)) => standard.findings_of_entry(walk, at),
                (EntryWrite::Put(resource, _), None) if self.is_checked() => {
                    standard.findings(resource)
                }
                (EntryWrite::Put(..) | EntryWrite::Delete | EntryWrite::Nothing(_), _) => {
                    Vec::new()
                }
            });
        Ok(findings.collect())
    }

    /// Puts the findings together; in a transaction, each says in which entry it is.
    fn located(&self, entries: &mut [Entry]) -> Vec<Issue> {
        let findings = entries
            .iter_mut()
            .map(|entry| std::mem::take(&mut entry.warnings));
        let mut findings: Vec<_> = self.changes.iter().zip(findings).collect();
        findings.sort_by_key(|(change, _)| change.place);
        for (change, issues) in &mut findings {
            if let Some(at) = change.place {
                issues.iter_mut().for_each(|issue| locate(issue, at));
            }
        }
        findings
            .into_iter()
            .flat_map(|(_, issues)| issues)
            .collect()
    }
}
