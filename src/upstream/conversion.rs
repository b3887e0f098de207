//! Reading what must be converted: all that a server has of each person concerned, as one Bundle
//! that goes through intake.

use std::collections::BTreeSet;

use super::account::Tally;
use super::answers::Tidings;
use super::bundles::OfPerson;
use super::fhir_client::Setback;
use super::round::{Pages, Round};
use super::settings::TakenAs;
use super::taking::{is_passing, told, why};
use crate::fhir::{ResourceKey, ResourceType};
use crate::intake::{IntakeOutcome, IntakeReport};
use crate::interactions::intake::{IntakeMode, take};

impl Round<'_> {
    /// Takes in what a server has of the persons whom these are about.
    pub(super) async fn take_converted(&self, tidings: Vec<Tidings>) -> Result<(), Setback> {
        let mut tally = Tally::default();
        let mut persons = BTreeSet::new();
        for one in &tidings {
            match (person_of(one), &one.content) {
                (Some(person), _) => drop(persons.insert(person)),
                (None, Some(_)) => tally.leave_out("not-needed"),
                (None, None) => tally.leave_out("vanished"),
            }
        }
        self.account.add(tally);
        for person in persons {
            self.take_person(&person, &tidings).await?;
        }
        Ok(())
    }

    async fn take_person(&self, person: &ResourceKey, tidings: &[Tidings]) -> Result<(), Setback> {
        let Some(patient) = self.party(person).await?.and_then(|party| party.content) else {
            let mut tally = Tally::default();
            tally.leave_out("person-not-known");
            self.account.add(tally);
            return Ok(());
        };
        let resources = match &self.upstream.taken_as {
            TakenAs::ConditionList { .. } => self.conditions_of(person).await?,
            TakenAs::None | TakenAs::Fut => tidings
                .iter()
                .filter(|one| one.content.is_some() && one.key.as_ref() != Some(person))
                .filter(|one| person_of(one).as_ref() == Some(person))
                .cloned()
                .collect(),
        };
        let of_person = OfPerson {
            upstream: self.upstream.name.as_str(),
            base: self.upstream.base_text(),
            person,
            patient: &patient,
            resources: &resources,
        };
        let bundle = match &self.upstream.taken_as {
            TakenAs::ConditionList { practice } => of_person.condition_list(practice),
            TakenAs::None | TakenAs::Fut => of_person.collection(),
        };
        let name = told(person);
        let tally = self
            .blocking(move |taker, context| {
                match take(&taker.server, context, &bundle, IntakeMode::Take) {
                    Ok(report) => Ok(tally_of(&report)),
                    Err(failure) if is_passing(&failure) => Err(failure),
                    Err(failure) => Ok(Tally {
                        refused: vec![(name, why(&failure))],
                        ..Tally::default()
                    }),
                }
            })
            .await?;
        self.account.add(tally);
        Ok(())
    }

    /// Reads all diagnoses of a person: what is no longer among them matters too.
    async fn conditions_of(&self, person: &ResourceKey) -> Result<Vec<Tidings>, Setback> {
        let asked = format!(
            "Condition?patient={}&_count={}",
            person.id, self.upstream.page
        );
        let mut next = Some(self.client.below(&asked)?);
        let (mut pages, mut found) = (Pages::default(), Vec::new());
        while let Some(address) = next {
            let page = self.page(&address, &mut pages).await?;
            next = self.next(&page)?;
            let is_condition = |one: &Tidings| {
                let key = one.key.as_ref();
                key.is_some_and(|key| key.resource_type == ResourceType::Condition)
            };
            found.extend(page.entries.into_iter().filter(is_condition));
        }
        // Whatever the order in which they came, the Bundle is the same.
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }
}

/// Returns the Patient whom something is about.
fn person_of(tidings: &Tidings) -> Option<ResourceKey> {
    let (key, content) = (tidings.key.as_ref(), tidings.content.as_ref()?);
    if let Some(key) = key.filter(|key| key.resource_type == ResourceType::Patient) {
        return Some(key.clone());
    }
    let named = content["subject"]["reference"]
        .as_str()
        .or_else(|| content["patient"]["reference"].as_str())?;
    let at = named.rfind("Patient/")?;
    let id = named[at..].split("/_history").next()?;
    ResourceKey::parse(id)
}

/// Sums up a report of intake.
fn tally_of(report: &IntakeReport) -> Tally {
    let mut tally = Tally::default();
    for entry in &report.entries {
        let reason = entry.reasons.first().map_or("", |reason| reason.code());
        match entry.outcome {
            IntakeOutcome::Created => tally.taken[0] += 1,
            IntakeOutcome::Updated => tally.taken[1] += 1,
            IntakeOutcome::Unchanged => tally.taken[2] += 1,
            IntakeOutcome::Older => tally.leave_out("older-than-stored"),
            IntakeOutcome::LeftOut if entry.type_name == "Composition" => {}
            IntakeOutcome::LeftOut => tally.leave_out(reason),
            IntakeOutcome::Needs => tally.leave_out(&format!("needs-{reason}")),
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn everything_is_about_the_person_whom_it_names() {
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
                json!({ "resourceType": "Condition", "id": "c", "subject": { "reference": "Group/1" } }),
                None,
            ),
            (json!({ "resourceType": "Organization", "id": "o" }), None),
        ] {
            let content: Value = content;
            let person = person_of(&Tidings::of(content.clone()));
            let person = person.map(|person| person.to_string());
            assert_eq!(person.as_deref(), expected, "{content}");
        }
    }
}
