//! The teller of one story: the dates of its events, whoever is responsible for them, and the
//! resources so far.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

use super::bundle::reference;
use super::chance::Chance;
use super::groups::{DiseaseGroup, RIGHTS_BEGIN};
use super::places::{PRACTICES, doctor_id, practice_id, ydernummer};
use super::plots::Course;
use super::resources;
use crate::fhir::names::YDERNUMMER;

/// The days of the two rights, and of the warning before their end, as the shipped rules have them.
pub(super) const PLAN_DAYS: i64 = 30;
pub(super) const START_DAYS: i64 = 21;
const WARN_DAYS: i64 = 7;

/// A diagnosis that later events refer to.
pub(super) struct ToldDiagnosis {
    pub(super) id: String,
    pub(super) group: &'static DiseaseGroup,
    /// Days before today.
    pub(super) ago: i64,
}

/// Tells one story: draws its dates and collects its resources.
pub(super) struct Teller {
    pub(super) chance: Chance,
    pub(super) today: Date,
    pub(super) id: String,
    pub(super) practice: usize,
    /// The Patient, then everything that happened.
    pub(super) told: Vec<Value>,
    /// The resources that are sent again, changed.
    pub(super) corrected: Vec<Value>,
}

impl Teller {
    /// Picks the practice that acts: the person's own, now and then another; as an Organization or
    /// as its doctor.
    pub(super) fn responsible(&mut self) -> Value {
        let practice = if self.chance.percent(6) {
            (self.practice + 1) % PRACTICES.len()
        } else {
            self.practice
        };
        let id = practice_id(practice);
        if self.chance.percent(30) {
            reference("PractitionerRole", &doctor_id(&id))
        } else {
            reference("Organization", &id)
        }
    }

    /// Picks the practice that acts, or only its number, as some systems send it.
    pub(super) fn responsible_or_number(&mut self) -> Value {
        if self.chance.percent(10) {
            let number = json!({ "system": YDERNUMMER, "value": ydernummer(self.practice) });
            json!({ "type": "Organization", "identifier": number })
        } else {
            self.responsible()
        }
    }

    /// Draws the days since the clock of that course began, at most `oldest`; and the course, if
    /// there was time for it.
    pub(super) fn trigger(&mut self, course: Course, days: i64, oldest: i64) -> (Course, i64) {
        let range = match course {
            Course::Running => 0..=days - WARN_DAYS - 1,
            Course::DueSoon => days - WARN_DAYS..=days,
            Course::Overdue => days + 1..=days + 28,
            Course::PostponedPatient | Course::PostponedClinical => 6..=days - 1,
            Course::Met => 3..=240,
            Course::MetLate => days + 2..=200,
            Course::Declined | Course::Withdrawn => 4..=150,
            Course::Died => 4..=days + 20,
            Course::SentInError | Course::NotApplicable => 2..=40,
        };
        let last = (*range.end()).min(oldest).max(0);
        let first = (*range.start()).min(last);
        let draws: Vec<_> = (0..6).map(|_| self.chance.within(first..=last)).collect();
        let is_workday = |ago: &&i64| {
            !matches!(
                self.day(**ago).weekday(),
                Weekday::Saturday | Weekday::Sunday
            )
        };
        let ago = *draws.iter().find(is_workday).unwrap_or(&draws[0]);
        let is_too_soon = course == Course::MetLate && ago <= days;
        (if is_too_soon { Course::Met } else { course }, ago)
    }

    pub(super) fn days_since_rights(&self, group: &DiseaseGroup) -> i64 {
        self.today.duration_since(group.rights_begin).as_hours() / 24
    }

    pub(super) fn day(&self, ago: i64) -> Date {
        self.today - ago.days()
    }

    /// Writes that day as a dateTime, sometimes with a time; today without one, since the day is
    /// not over.
    pub(super) fn at(&mut self, ago: i64) -> Value {
        let time = (
            self.chance.within(8..=15) as i8,
            self.chance.within(0..=59) as i8,
        );
        let is_exact = self.chance.percent(50) && ago > 0;
        resources::date_time(self.day(ago), is_exact.then_some(time))
    }

    pub(super) fn day_before_rights(&mut self) -> Date {
        let last = RIGHTS_BEGIN.min(self.today);
        last - self.chance.within(20..=5_500).days()
    }

    /// Adds a postponement that covers today and began at most a week ago.
    pub(super) fn postpone(&mut self, resource: &mut Value, ago: i64, reason: &str) {
        let from = self.chance.within(0..=ago.min(6));
        let until = self.chance.percent(60).then(|| self.chance.within(5..=21));
        let until = until.map(|days| self.today + days.days());
        resources::postpone(resource, self.day(from), until, reason);
    }

    pub(super) fn die(&mut self, ago: i64) {
        let day = self.chance.within(0..=(ago - 1).max(0));
        self.told[0]["deceasedDateTime"] = Value::from(self.day(day).to_string());
    }
}
