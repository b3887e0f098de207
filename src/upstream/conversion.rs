//! Reading what must be converted: all that a server has of each person concerned, as one Bundle
//! that goes through intake.

use std::collections::BTreeSet;

use serde_json::Value;

use super::account::{Tally, WithoutWrite};
use super::answers::Tidings;
use super::bundles::OfPerson;
use super::fhir_client::Setback;
use super::identities::Identities;
use super::round::{Pages, PartyGiven, Round};
use super::settings::{Reading, TakenAs};
use super::taking::{is_passing, told, why};
use crate::fhir::{ResourceKey, ResourceType};
use crate::intake::{IntakeOutcome, IntakeReport};
use crate::interactions::intake::{IntakeMode, take};

impl Round<'_> {
    /// Takes in what a server has of the persons whom these are about. Returns whether anything was
    /// written.
    pub(super) async fn take_converted(&self, tidings: Vec<Tidings>) -> Result<bool, Setback> {
        let names = &self.taker.identities;
        let mut tally = Tally::default();
        let mut persons = BTreeSet::new();
        for one in &tidings {
            match (person_of(names, one), &one.content) {
                (Some(person), _) => drop(persons.insert(person)),
                (None, Some(_)) => tally.leave_out(&one.name(), "not-needed"),
                (None, None) => tally.leave_out(&format!("{:?} deleted", one.key), "vanished"),
            }
        }
        self.account.add(tally);
        let mut has_written = false;
        for person in persons {
            has_written |= self.take_person(&person, &tidings).await?;
        }
        Ok(has_written)
    }

    async fn take_person(
        &self,
        person: &ResourceKey,
        tidings: &[Tidings],
    ) -> Result<bool, Setback> {
        let names = &self.taker.identities;
        let given = match self.party(person).await? {
            PartyGiven::Given(party) => party.content,
            PartyGiven::Withheld => {
                self.withheld(person);
                None
            }
            PartyGiven::Absent => None,
        };
        let Some(patient) = given else {
            self.taker.again.note(person.clone());
            let mut tally = Tally::default();
            tally.leave_out(&person.to_string(), "person-not-known");
            self.account.add(tally);
            return Ok(false);
        };
        let resources = match &self.upstream.taken_as {
            TakenAs::ConditionList { .. } => self.conditions_of(person).await?,
            TakenAs::None | TakenAs::Fut => tidings
                .iter()
                .filter(|one| one.content.is_some() && one.key.as_ref() != Some(person))
                .filter(|one| person_of(names, one).as_ref() == Some(person))
                .cloned()
                .collect(),
        };
        let of_person = OfPerson {
            upstream: self.upstream.name.as_str(),
            names,
            person,
            patient: &patient,
            resources: &resources,
        };
        let bundle = match &self.upstream.taken_as {
            TakenAs::ConditionList { practice } => of_person.condition_list(practice),
            TakenAs::None | TakenAs::Fut => of_person.collection(),
        };
        let key = person.clone();
        let tally = self
            .blocking(move |taker, context| {
                match take(&taker.server, context, &bundle, IntakeMode::Take) {
                    Ok(report) => Ok(tally_of(&key, &bundle, &report)),
                    Err(failure) if is_passing(&failure) => Err(failure),
                    Err(failure) => {
                        let mut tally = Tally::default();
                        let fate = WithoutWrite::Refused(told(&key), why(&failure));
                        tally.add(&format!("{key} {}", bundle["timestamp"]), fate);
                        taker.again.note(key);
                        Ok(tally)
                    }
                }
            })
            .await?;
        let has_written = tally.has_written();
        self.account.add(tally);
        Ok(has_written)
    }

    /// Reads all diagnoses of a person that the operator's searches choose: what is no longer among
    /// them matters too.
    async fn conditions_of(&self, person: &ResourceKey) -> Result<Vec<Tidings>, Setback> {
        let mut found: Vec<Tidings> = Vec::new();
        for criteria in chosen(&self.upstream.readings) {
            let and = if criteria.is_empty() { "" } else { "&" };
            let asked = format!(
                "Condition?patient={}{and}{criteria}&_count={}",
                person.id, self.upstream.page
            );
            let mut next = Some(self.client.below(&asked)?);
            let mut pages = Pages::default();
            while let Some(address) = next {
                let page = self.page(&address, &mut pages).await?;
                next = self.next(&page)?;
                let is_condition = |one: &Tidings| {
                    let key = one.key.as_ref();
                    key.is_some_and(|key| key.resource_type == ResourceType::Condition)
                };
                found.extend(page.entries.into_iter().filter(is_condition));
            }
        }
        // Whatever the order in which they came, the Bundle is the same.
        found.sort_by(|a, b| a.key.cmp(&b.key));
        found.dedup_by(|a, b| a.key == b.key);
        Ok(found)
    }
}

/// Returns the Patient whom something is about.
fn person_of(names: &Identities, tidings: &Tidings) -> Option<ResourceKey> {
    let (key, content) = (tidings.key.as_ref(), tidings.content.as_ref()?);
    if let Some(key) = key.filter(|key| key.resource_type == ResourceType::Patient) {
        return Some(key.clone());
    }
    let named = content["subject"]["reference"]
        .as_str()
        .or_else(|| content["patient"]["reference"].as_str())?;
    let person = names.own_key(named)?;
    (person.resource_type == ResourceType::Patient).then_some(person)
}

/// Returns the criteria of the searches for diagnoses; empty ones if there is none.
fn chosen(readings: &[Reading]) -> Vec<&str> {
    let of_diagnoses = readings.iter().filter_map(|reading| match reading {
        Reading::Search {
            resource_type: ResourceType::Condition,
            criteria,
        } => Some(criteria.as_str()),
        _ => None,
    });
    let chosen: Vec<_> = of_diagnoses.collect();
    if chosen.is_empty() { vec![""] } else { chosen }
}

/// Sums up a report of intake.
fn tally_of(person: &ResourceKey, bundle: &Value, report: &IntakeReport) -> Tally {
    let mut tally = Tally::default();
    for (at, entry) in report.entries.iter().enumerate() {
        let name = format!("{person} {} {at}", bundle["timestamp"]);
        let reason = entry.reasons.first().map_or("", |reason| reason.code());
        match entry.outcome {
            IntakeOutcome::Created => tally.taken[0] += 1,
            IntakeOutcome::Updated => tally.taken[1] += 1,
            IntakeOutcome::Unchanged => tally.add(&name, WithoutWrite::Unchanged),
            IntakeOutcome::Older => tally.leave_out(&name, "older-than-stored"),
            IntakeOutcome::LeftOut if entry.type_name == "Composition" => {}
            IntakeOutcome::LeftOut => tally.leave_out(&name, reason),
            IntakeOutcome::Needs => tally.leave_out(&name, &format!("needs-{reason}")),
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::settings_file::read;
    use super::*;
    use crate::storage::SECRET_BYTES;

    #[test]
    fn everything_is_about_the_person_whom_it_names() {
        let file = json!({ "upstreams": [{ "name": "a", "base": "https://x/fhir", "read": [
            { "search": "Condition?category=a" }, { "search": "Patient?active=true" }, { "search": "Condition?category=b" }] }] });
        let upstream = read(file.to_string().as_bytes()).expect("a file").remove(0);
        assert_eq!(chosen(&upstream.readings), ["category=a", "category=b"]);
        assert_eq!(chosen(&upstream.readings[1..2]), [""]);
        let names = Identities::new(&upstream, &[7; SECRET_BYTES]);
        for (content, expected) in [
            (
                json!({ "resourceType": "Patient", "id": "1" }),
                Some("Patient/1"),
            ),
            (
                json!({ "resourceType": "Condition", "id": "c", "subject": { "reference": "Patient/1" } }),
                Some("Patient/1"),
            ),
            (
                json!({ "resourceType": "Observation", "id": "c", "subject": { "reference": "https://x/fhir/Patient/1/_history/2" } }),
                Some("Patient/1"),
            ),
            (
                json!({ "resourceType": "Condition", "id": "c", "subject": { "reference": "https://else/fhir/Patient/1" } }),
                None,
            ),
            (
                json!({ "resourceType": "Condition", "id": "c", "subject": { "reference": "urn:x:MyPatient/1" } }),
                None,
            ),
            (
                json!({ "resourceType": "Condition", "id": "c", "subject": { "reference": "Group/1" } }),
                None,
            ),
            (json!({ "resourceType": "Organization", "id": "o" }), None),
        ] {
            let content: Value = content;
            let person = person_of(&names, &Tidings::of(content.clone()));
            let person = person.map(|person| person.to_string());
            assert_eq!(person.as_deref(), expected, "{content}");
        }
    }
}
