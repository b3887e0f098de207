//! Gives a plot its dates and tells it in resources, as the systems of a practice, a hospital and a
//! prevention centre would.

use jiff::civil::Date;
use serde_json::Value;

use super::bundle::transaction;
use super::chance::Chance;
use super::people::InventedPerson;
use super::places::PRACTICES;
use super::plots::Plot;
use super::resources;
use super::teller::{START_DAYS, Teller};

/// The story of one person: everything that the person's systems send.
#[derive(Clone, PartialEq, Debug)]
pub struct PersonStory {
    /// Transaction Bundles, to be posted in this order. A second one is a correction of the first.
    pub bundles: Vec<Value>,
}

/// Tells the story of that person.
pub(super) fn tell(index: usize, seed: u64, today: Date) -> PersonStory {
    let mut chance = Chance::of_person(seed, index);
    let plot = Plot::of_person(index, &mut chance);
    let person = InventedPerson::invent(index, &mut chance);
    let practice = chance.within(0..=PRACTICES.len() as i64 - 1) as usize;
    let id = format!("p{:05}", index + 1);
    let patient = resources::patient(&id, &person, practice);
    let mut teller = Teller {
        chance,
        today,
        id,
        practice,
        told: vec![patient],
        corrected: Vec::new(),
    };
    tell_plot(&mut teller, plot);
    let corrected = Some(teller.corrected).filter(|list| !list.is_empty());
    PersonStory {
        bundles: [Some(teller.told), corrected]
            .into_iter()
            .flatten()
            .map(transaction)
            .collect(),
    }
}

fn tell_plot(teller: &mut Teller, plot: Plot) {
    let diagnosis = match plot.plan {
        Some(course) => teller.new_diagnosis(course),
        None => teller.old_diagnosis(),
    };
    if let Some(course) = plot.start {
        let (course, ago) = teller.trigger(
            course,
            START_DAYS,
            teller.days_since_rights(diagnosis.group).min(diagnosis.ago),
        );
        teller.referral(&diagnosis, course, ago);
    }
    if teller.chance.percent(20) {
        teller.other_disease();
    }
}
