//! A believable Danish population to try the server with: FHIR transaction Bundles made from a
//! seed.
//!
//! The same seed, day and number give the same bytes, and person number 7 is the same whether 10 or
//! 10,000 are asked for. Everybody is invented: names are drawn from short lists, and no
//! institution or CPR number belongs to anyone. Nothing is sent or stored here; every resource
//! keeps to fhir-profiles section 1 and to the date rules of deadline-rules section 2.
//!
//! The first [`OPENING`] persons show every status of deadline-rules section 5 for both rights, if
//! the day is 2027-03-01 or later (before, the rights have not existed long enough for everything
//! to have happened).

mod bundle;
mod chance;
mod codes;
mod diagnoses;
mod groups;
mod people;
mod places;
mod plots;
mod referrals;
mod resources;
mod story;
mod teller;

use jiff::civil::Date;
use serde_json::Value;

pub use story::PersonStory;

/// The number of first persons that it takes to see every status.
pub const OPENING: usize = plots::OPENING.len();

/// The persons to invent, and the day for which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Population {
    /// The number of persons.
    pub size: usize,
    /// The seed of everything that looks like chance.
    pub seed: u64,
    /// The day that stories end on: nothing in them is dated later, but for the end of a
    /// postponement and what is booked.
    pub today: Date,
}

impl Population {
    /// Builds the transaction Bundle of the practices, hospitals and prevention centres that the
    /// persons' resources refer to: post it first.
    pub fn organizations() -> Value {
        places::organizations()
    }

    /// Tells the persons' stories, one by one.
    pub fn persons(&self) -> impl Iterator<Item = PersonStory> + use<> {
        let Population { size, seed, today } = *self;
        (0..size).map(move |index| story::tell(index, seed, today))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::names::{CPR, EXT_POSTPONEMENT};
    use crate::fhir::{FhirDate, ResourceKey};
    use jiff::civil::date;
    use std::collections::HashSet;

    const TODAY: Date = date(2027, 3, 1);

    fn population(size: usize, seed: u64) -> Vec<PersonStory> {
        Population {
            size,
            seed,
            today: TODAY,
        }
        .persons()
        .collect()
    }

    fn resources(bundle: &Value) -> impl Iterator<Item = &Value> {
        bundle["entry"]
            .as_array()
            .expect("a bundle has entries")
            .iter()
            .map(|entry| &entry["resource"])
    }

    /// Calls `visit` for every member of every object, with the name of the member.
    fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a str, &'a Value)) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    visit(name, member);
                    walk(member, visit);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
            _ => {}
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
        let bytes = |size, seed| {
            population(size, seed)
                .iter()
                .map(|story| format!("{:?}", story.bundles))
                .collect::<Vec<_>>()
        };
        assert_eq!(bytes(60, 7), bytes(60, 7));
        assert_eq!(bytes(60, 7)[..20], bytes(20, 7)[..]);
        assert_ne!(bytes(60, 7), bytes(60, 8));
    }

    #[test]
    fn every_entry_puts_its_resource_under_an_id_that_is_its_own() {
        let stories = population(300, 1);
        let organizations = Population::organizations();
        let mut taken = HashSet::new();
        for bundle in stories
            .iter()
            .map(|story| &story.bundles[0])
            .chain([&organizations])
        {
            assert_eq!(
                (&bundle["resourceType"], &bundle["type"]),
                (&"Bundle".into(), &"transaction".into())
            );
            for entry in bundle["entry"].as_array().unwrap() {
                let resource = &entry["resource"];
                let url = format!(
                    "{}/{}",
                    resource["resourceType"].as_str().unwrap(),
                    resource["id"].as_str().unwrap()
                );
                assert_eq!(
                    (&entry["request"]["method"], &entry["request"]["url"]),
                    (&"PUT".into(), &url.as_str().into())
                );
                assert!(ResourceKey::parse(&url).is_some(), "{url}");
                assert!(taken.insert(url.clone()), "{url} stands twice");
            }
        }
    }

    #[test]
    fn a_correction_changes_a_resource_that_was_sent_before() {
        let stories = population(300, 1);
        let corrected: Vec<_> = stories
            .iter()
            .filter(|story| story.bundles.len() > 1)
            .collect();
        assert!((4..20).contains(&corrected.len()), "{}", corrected.len());
        for story in corrected {
            let before: Vec<_> = resources(&story.bundles[0]).collect();
            for after in resources(&story.bundles[1]) {
                let sent = before.iter().find(|sent| {
                    sent["id"] == after["id"] && sent["resourceType"] == after["resourceType"]
                });
                assert!(sent.is_some_and(|sent| *sent != after));
            }
        }
    }

    #[test]
    fn every_reference_names_something_of_the_person_or_an_organization() {
        let key = |resource: &Value| {
            format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap(),
                resource["id"].as_str().unwrap()
            )
        };
        let organizations = Population::organizations();
        let shared: HashSet<_> = resources(&organizations).map(key).collect();
        for story in population(300, 1) {
            let own: HashSet<_> = resources(&story.bundles[0]).map(key).collect();
            let mut count = 0;
            for bundle in story.bundles.iter().chain([&organizations]) {
                walk(bundle, &mut |name, value| {
                    if name == "reference" {
                        let target = value.as_str().unwrap();
                        assert!(own.contains(target) || shared.contains(target), "{target}");
                        count += 1;
                    }
                });
            }
            assert!(count > 2);
        }
    }

    #[test]
    fn a_cpr_number_is_ten_digits_that_begin_with_the_birth_day_and_is_unique() {
        let mut taken = HashSet::new();
        for story in population(2_000, 3) {
            let patient = resources(&story.bundles[0])
                .find(|resource| resource["resourceType"] == "Patient")
                .unwrap();
            assert_eq!(patient["identifier"][0]["system"], CPR);
            let value = patient["identifier"][0]["value"].as_str().unwrap();
            let birth: Date = patient["birthDate"].as_str().unwrap().parse().unwrap();
            assert_eq!(value.len(), 10);
            assert_eq!(value[..6], birth.strftime("%d%m%y").to_string());
            assert_eq!(&value[6..7], "9", "the serial is one for tests");
            assert_eq!(value.as_bytes()[9] % 2 == 0, patient["gender"] == "female");
            assert!(taken.insert(value.to_owned()), "{value}");
        }
    }

    #[test]
    fn facts_are_dated_to_the_day_and_not_in_the_future() {
        let facts = [
            "recordedDate",
            "created",
            "authoredOn",
            "deceasedDateTime",
            "valueDateTime",
            "birthDate",
            "start",
            "end",
        ];
        for today in [TODAY, date(2027, 11, 1), date(2029, 6, 30)] {
            for story in (Population {
                size: 200,
                seed: 5,
                today,
            })
            .persons()
            {
                for bundle in &story.bundles {
                    check_dates(bundle, &facts, today);
                }
            }
        }
    }

    fn check_dates(bundle: &Value, facts: &[&str], today: Date) {
        // The end of a postponement, and the time of an appointment.
        let mut ahead = HashSet::new();
        walk(bundle, &mut |name, value| {
            if name == "valuePeriod" {
                ahead.extend(value["end"].as_str());
            }
            if value["resourceType"] == "Appointment" {
                ahead.extend([&value["start"], &value["end"]].map(|time| time.as_str().unwrap()));
            }
        });
        walk(bundle, &mut |name, value| {
            let Some(text) = value.as_str().filter(|_| facts.contains(&name)) else {
                return;
            };
            let day = FhirDate::parse(text)
                .and_then(FhirDate::date)
                .unwrap_or_else(|| panic!("{name}: {text}"));
            assert!(day <= today || ahead.contains(text), "{name}: {text}");
        });
    }

    #[test]
    fn few_persons_are_enough_to_see_much() {
        let stories = population(OPENING, 1);
        let all: Vec<_> = stories
            .iter()
            .flat_map(|story| story.bundles.iter().flat_map(resources))
            .collect();
        let has = |test: &dyn Fn(&Value) -> bool| all.iter().any(|resource| test(resource));
        for status in ["active", "revoked", "on-hold"] {
            assert!(
                has(&|r| r["resourceType"] == "ServiceRequest" && r["status"] == status),
                "ServiceRequest {status}"
            );
        }
        for status in ["active", "revoked"] {
            assert!(
                has(&|r| r["resourceType"] == "CarePlan" && r["status"] == status),
                "CarePlan {status}"
            );
        }
        assert!(has(&|r| r["deceasedDateTime"].is_string()));
        assert!(has(&|r| r["resourceType"] == "Appointment"));
        assert!(has(
            &|r| r["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
        ));
        assert!(has(&|r| r["extension"].as_array().is_some_and(|list| list
            .iter()
            .any(|e| e["url"] == EXT_POSTPONEMENT))));
    }
}
