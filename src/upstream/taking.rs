//! Writing what was read: each resource by the one write path, by itself, so that an odd one never
//! refuses the others; persons and organizations first, since the others refer to them. Blocking.
//!
//! What is read again writes nothing, since the same content makes no version.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::account::{Tally, WithoutWrite};
use super::again::Again;
use super::answers::Tidings;
use super::identities::{Identities, could_name_person};
use super::place::Place;
use super::settings::{Deletions, Ids, Reading, Upstream};
use crate::fhir::key::Origin;
use crate::fhir::names::{CPR, SOR, YDERNUMMER, is_ecpr_system, is_ydernummer_system};
use crate::fhir::view::identifiers;
use crate::fhir::{Issue, Resource, ResourceKey, ResourceType};
use crate::interactions::change::ChangeTarget;
use crate::interactions::condition::Condition;
use crate::interactions::create::{CreateRequest, create};
use crate::interactions::delete::delete;
use crate::interactions::outcome::Outcome;
use crate::interactions::transaction;
use crate::interactions::{Context, Effect, Failure, Server};
use crate::storage::{Bookmark, ChangeSet, CommitError, StoredVersion};

/// The most resources that are written together.
const TOGETHER_MAX: usize = 500;
/// The last place in the order of types.
const LAST_RANK: u8 = 4;

/// Writes what one upstream has.
pub(super) struct Taker {
    pub(super) server: Arc<Server>,
    pub(super) identities: Identities,
    /// The resources that are asked for again though unchanged.
    pub(super) again: Again,
    ids: Ids,
    deletions: Deletions,
}

impl Taker {
    /// Makes the one of an upstream.
    pub(super) fn new(server: Arc<Server>, upstream: &Upstream) -> Self {
        Taker {
            identities: Identities::new(upstream, server.store.secret()),
            again: Again::of(upstream, &*server.store),
            ids: upstream.ids,
            deletions: upstream.deletions,
            server,
        }
    }

    /// Reads the place that was reached.
    pub(super) fn place(&self, bookmark: &str) -> Result<Place, Failure> {
        let words = self.server.store.bookmark(bookmark)?;
        Ok(words.map_or_else(Place::default, |words| Place::read(&words)))
    }

    /// Keeps the place that was reached: after what it stands for was written.
    pub(super) fn keep(
        &self,
        context: &Context,
        bookmark: &str,
        (place, reading): (&Place, &Reading),
    ) -> Result<(), Failure> {
        self.keep_words(context, bookmark, place.words(reading))
    }

    /// Keeps the words of a bookmark.
    pub(super) fn keep_words(
        &self,
        context: &Context,
        name: &str,
        place: String,
    ) -> Result<(), Failure> {
        let changes = ChangeSet {
            bookmarks: vec![Bookmark {
                name: name.to_owned(),
                place,
            }],
            ..ChangeSet::at(context.now)
        };
        match self.server.store.commit(changes) {
            Ok(_) => Ok(()),
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(CommitError::FactsMoved | CommitError::VersionMoved(_) | CommitError::GivenUp) => {
                Err(Failure::Busy)
            }
        }
    }

    /// Returns the persons and parties that are referred to, and neither among these nor known.
    pub(super) fn unknown(&self, tidings: &[Tidings]) -> Result<Vec<ResourceKey>, Failure> {
        let mut unknown: Vec<ResourceKey> = Vec::new();
        let of_tidings = tidings.iter().filter(|one| is_taken(one));
        for theirs in of_tidings
            .filter_map(|one| one.content.as_ref())
            .flat_map(|content| self.identities.referred_to(content))
        {
            let is_party = matches!(
                theirs.resource_type,
                ResourceType::Patient
                    | ResourceType::Organization
                    | ResourceType::Practitioner
                    | ResourceType::PractitionerRole
            );
            if !is_party
                || unknown.contains(&theirs)
                || tidings.iter().any(|one| one.key.as_ref() == Some(&theirs))
                || self.identities.found(&theirs).is_some()
            {
                continue;
            }
            let mapped = self.identities.mapped(&theirs);
            if self.stored(&mapped)?.is_some() {
                self.identities.note(theirs, mapped);
            } else {
                unknown.push(theirs);
            }
        }
        Ok(unknown)
    }

    /// Writes these; `absent` are persons whom nobody gives: what refers to them is read again later.
    ///
    /// # Errors
    /// If the store cannot take anything now; what was written stays, and is found unchanged the
    /// next time.
    pub(super) fn take(
        &self,
        context: &Context,
        tidings: Vec<Tidings>,
        mut absent: Vec<ResourceKey>,
    ) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        let (mut written, mut deleted) = (Vec::new(), Vec::new());
        for one in newest(tidings) {
            match one {
                Tidings {
                    content: Some(_), ..
                } if !is_taken(&one) => tally.leave_out(&one.name(), "not-needed"),
                Tidings {
                    key: Some(key),
                    content: Some(content),
                    ..
                } => written.push((key, content)),
                Tidings {
                    key: Some(key),
                    content: None,
                    ..
                } => deleted.push(key),
                Tidings { key: None, .. } => tally.leave_out(&one.name(), "not-needed"),
            }
        }
        for rank in 0..=LAST_RANK {
            let of_rank = written.extract_if(.., |(key, _)| rank_of(key.resource_type) == rank);
            let mut together = Vec::new();
            for (theirs, content) in of_rank {
                if self
                    .identities
                    .referred_to(&content)
                    .iter()
                    .any(|one| absent.contains(one))
                {
                    self.again.note(theirs.clone());
                }
                match self.take_party(context, (&theirs, &content), &mut tally)? {
                    PartyTaken::AsEverything => together.push((theirs, content)),
                    PartyTaken::Done => {}
                    PartyTaken::Refused => absent.push(theirs),
                }
            }
            for some in together.chunks(TOGETHER_MAX) {
                self.write(context, some, &mut tally)?;
            }
        }
        // What refers to others goes before them.
        deleted.sort_by_key(|key| std::cmp::Reverse(rank_of(key.resource_type)));
        for theirs in deleted {
            self.follow_deletion(context, &theirs, &mut tally)?;
        }
        Ok(tally)
    }

    /// Takes a person or an organization that is not known by its mapped name: what has the same
    /// identifier is the same one.
    fn take_party(
        &self,
        context: &Context,
        (theirs, content): (&ResourceKey, &Value),
        tally: &mut Tally,
    ) -> Result<PartyTaken, Failure> {
        let Some((system, value)) = identity(theirs.resource_type, content) else {
            return Ok(PartyTaken::AsEverything);
        };
        let mapped = self.identities.mapped(theirs);
        // Also one that was deleted here: it comes back under its name.
        if self.server.store.read(&mapped)?.is_some() {
            self.identities.note(theirs.clone(), mapped);
            return Ok(PartyTaken::AsEverything);
        }
        let own_id = context.clone().naming(mapped.id.clone());
        let request = CreateRequest {
            resource_type: theirs.resource_type,
            resource: Resource::made(self.own_content(theirs, &mapped, content)),
            if_none_exist: Some(vec![(
                "identifier".to_owned(),
                format!("{}|{}", as_text(system), as_text(value)),
            )]),
        };
        match create(&self.server, &own_id, request) {
            Ok(written) => {
                if written.effect == Effect::Created {
                    tally.taken[0] += 1;
                } else {
                    // Whoever sent it says what it is; only its name is needed.
                    tally.leave_out(&name(theirs, content), "known-already");
                }
                self.identities.note(theirs.clone(), written.key);
            }
            Err(failure) if is_passing(&failure) => return Err(failure),
            Err(failure) => {
                self.refused((theirs, content), why(&failure), tally);
                return Ok(PartyTaken::Refused);
            }
        }
        Ok(PartyTaken::Done)
    }

    fn write(
        &self,
        context: &Context,
        some: &[(ResourceKey, Value)],
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let mut own = Vec::new();
        for one in some {
            let ours = self.identities.ours(&one.0);
            if self.is_of_another(&one.0, &ours)? {
                self.refused((&one.0, &one.1), "another's".to_owned(), tally);
            } else {
                own.push((one, ours));
            }
        }
        let entries = own.iter().map(|((theirs, content), ours)| {
            let resource = self.own_content(theirs, ours, content);
            json!({ "resource": resource, "request": { "method": "PUT", "url": ours.to_string() } })
        });
        let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries.collect::<Vec<_>>() });
        let (_, answers) = transaction::process(&self.server, context, &Resource::made(bundle))?;
        for (((theirs, content), _), answer) in own.iter().zip(answers) {
            match answer.outcome {
                Ok(Outcome::Written(written)) => match written.effect {
                    Effect::Created => tally.taken[0] += 1,
                    Effect::Updated => tally.taken[1] += 1,
                    Effect::Deleted => tally.taken[3] += 1,
                    Effect::Unchanged => {
                        tally.add(&name(theirs, content), WithoutWrite::Unchanged);
                    }
                },
                Ok(_) => {}
                Err(failure) if is_passing(&failure) => return Err(failure),
                Err(failure) => self.refused((theirs, content), why(&failure), tally),
            }
        }
        Ok(())
    }

    /// Notes a refusal: it may be about another resource, so this one is asked for again.
    fn refused(&self, (theirs, content): (&ResourceKey, &Value), why: String, tally: &mut Tally) {
        self.again.note(theirs.clone());
        let fate = WithoutWrite::Refused(told(theirs), why);
        tally.add(&name(theirs, content), fate);
    }

    /// Tells whether a resource that is here under that name was not read of this upstream.
    fn is_of_another(&self, theirs: &ResourceKey, ours: &ResourceKey) -> Result<bool, Failure> {
        if self.ids == Ids::Mapped && *ours == self.identities.mapped(theirs) {
            return Ok(false);
        }
        let stored = self.stored(ours)?;
        Ok(stored.is_some_and(|stored| !self.is_its(&stored)))
    }

    /// Tells whether a resource was read of this upstream.
    fn is_its(&self, stored: &StoredVersion) -> bool {
        let body = stored.body.as_deref().unwrap_or_default();
        let content: Value = serde_json::from_slice(body).unwrap_or_default();
        let source = content["meta"]["source"].as_str();
        source.is_some_and(|source| self.identities.is_theirs(source))
    }

    /// Deletes what was read of this upstream and is deleted there, if that is wished.
    fn follow_deletion(
        &self,
        context: &Context,
        theirs: &ResourceKey,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let ours = self.identities.ours(theirs);
        let Some(stored) = self.stored(&ours)? else {
            return Ok(());
        };
        let deletion = format!("{theirs} deleted");
        if !self.is_its(&stored) {
            tally.leave_out(&deletion, "known-already");
            return Ok(());
        }
        if self.deletions == Deletions::Keep {
            tally.leave_out(&deletion, "vanished");
            return Ok(());
        }
        let target = ChangeTarget::Key(ours);
        match delete(&self.server, context, target, Condition::ANY) {
            Ok(_) => tally.taken[3] += 1,
            Err(failure) if is_passing(&failure) => return Err(failure),
            Err(failure) => tally.add(
                &deletion,
                WithoutWrite::Refused(told(theirs), why(&failure)),
            ),
        }
        Ok(())
    }

    /// Makes the content to store: under the name that it has here, with the address that it has
    /// there as its source.
    fn own_content(&self, theirs: &ResourceKey, ours: &ResourceKey, content: &Value) -> Value {
        let mut content = content.clone();
        content["id"] = Value::from(ours.id.as_str());
        if !content["meta"].is_object() {
            content["meta"] = json!({});
        }
        if let Some(meta) = content["meta"].as_object_mut() {
            meta.remove("versionId");
            meta.remove("lastUpdated");
            // By it is known what was read of whom.
            meta.insert("source".to_owned(), self.identities.address(theirs).into());
        }
        self.identities.rewrite(&mut content);
        content
    }

    /// Reads a resource that is there, and not deleted.
    fn stored(&self, key: &ResourceKey) -> Result<Option<StoredVersion>, Failure> {
        let stored = self.server.store.read(key)?;
        Ok(stored.filter(|stored| stored.body.is_some()))
    }
}

/// The fate of a person or an organization.
enum PartyTaken {
    /// It is written as everything is.
    AsEverything,
    Done,
    Refused,
}

/// Tells whether it is about a type that clients write here.
fn is_taken(tidings: &Tidings) -> bool {
    tidings.key.as_ref().is_some_and(|key| {
        key.resource_type.origin() == Origin::Clients
            && key.resource_type != ResourceType::Subscription
    })
}

/// Returns the place of a type in the order of writing: what is referred to comes first.
fn rank_of(resource_type: ResourceType) -> u8 {
    use ResourceType as T;
    match resource_type {
        T::Organization | T::Practitioner | T::HealthcareService => 0,
        T::Patient | T::PractitionerRole => 1,
        T::Condition | T::Goal | T::CareTeam => 2,
        T::CarePlan | T::ServiceRequest => 3,
        _ => LAST_RANK,
    }
}

/// Keeps of each resource what was said last.
fn newest(tidings: Vec<Tidings>) -> Vec<Tidings> {
    let mut places: HashMap<ResourceKey, usize> = HashMap::new();
    let mut kept: Vec<Tidings> = Vec::new();
    for one in tidings {
        let Some(key) = one.key.clone() else {
            kept.push(one);
            continue;
        };
        match places.get(&key) {
            // A deletion without an instant that was said first is the last that happened.
            Some(at) if kept[*at].content.is_none() && kept[*at].at.is_none() => {}
            Some(at) if kept[*at].at <= one.at => kept[*at] = one,
            Some(_) => {}
            None => {
                places.insert(key, kept.len());
                kept.push(one);
            }
        }
    }
    kept
}

/// Returns the identifier by which a person or an organization is the same everywhere.
fn identity(resource_type: ResourceType, content: &Value) -> Option<(&str, &str)> {
    let of = |is: &dyn Fn(&str) -> bool| identifiers(content).find(|(system, _)| is(system));
    match resource_type {
        ResourceType::Patient => of(&|system| system == CPR).or_else(|| of(&is_ecpr_system)),
        ResourceType::Organization => of(&|system| system == SOR).or_else(|| {
            let (_, value) = of(&is_ydernummer_system)?;
            Some((YDERNUMMER, value))
        }),
        _ => None,
    }
}

/// Returns the words by which a resource is known as it is now.
fn name(theirs: &ResourceKey, content: &Value) -> String {
    format!("{theirs} {}", content["meta"]["lastUpdated"])
}

/// Writes a text so that it is one value of criteria, whatever signs are in it.
fn as_text(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for sign in text.chars() {
        if matches!(sign, '\\' | ',' | '|' | '$') {
            written.push('\\');
        }
        written.push(sign);
    }
    written
}

/// Tells whether the same may succeed a little later.
pub(super) fn is_passing(failure: &Failure) -> bool {
    match failure {
        Failure::Busy | Failure::BeingIndexed(_) | Failure::Store(_) | Failure::Unsure(_) => true,
        Failure::Several(first, _) => is_passing(first),
        _ => false,
    }
}

/// Writes the name of a resource there for an operator.
pub(super) fn told(theirs: &ResourceKey) -> String {
    if could_name_person(theirs.id.as_str()) {
        format!("{}/(hidden)", theirs.resource_type)
    } else {
        theirs.to_string()
    }
}

/// Tells why something was refused: the rule, or the kind of finding, and the element.
pub(super) fn why(failure: &Failure) -> String {
    let issues = failure.issues();
    let first = issues.iter().find(|issue| Issue::refuses(issue));
    first.map_or_else(
        || "refused".to_owned(),
        |issue| {
            let rule = match &*issue.rule {
                "" => issue.code.as_str(),
                rule => rule,
            };
            let element = issue
                .expression
                .split_once("resource.")
                .map_or(issue.expression.as_str(), |(_, below)| below);
            format!("{rule} {element}").trim_end().to_owned()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_an_identifier_is_one_value_of_criteria() {
        for (text, expected) in [
            ("0405440001", "0405440001"),
            (
                "0405440001,urn:x|0101010001",
                "0405440001\\,urn:x\\|0101010001",
            ),
            ("a\\b$c", "a\\\\b\\$c"),
        ] {
            assert_eq!(as_text(text), expected);
        }
    }

    #[test]
    fn of_each_resource_what_was_said_last_counts() {
        let said = |at: Option<&str>, is_deleted: bool| Tidings {
            key: ResourceKey::parse("Condition/c"),
            at: at.and_then(|at| at.parse().ok()),
            content: (!is_deleted).then(|| json!({})),
        };
        let (early, late) = (Some("2027-03-01T08:00:00Z"), Some("2027-03-01T09:00:00Z"));
        for (all, is_deleted) in [
            (vec![said(early, false), said(late, true)], true),
            (vec![said(late, false), said(early, true)], false),
            (vec![said(None, true), said(early, false)], true),
        ] {
            let kept = newest(all);
            assert_eq!(kept.len(), 1);
            assert_eq!(kept[0].content.is_none(), is_deleted, "{kept:?}");
        }
    }
}
