//! Gives a plot its dates and tells it in resources, as the systems of a practice, a hospital and a
//! prevention centre would.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

use super::PersonStory;
use super::chance::Chance;
use super::groups::{GROUPS, Group, HEART_DISEASE, RIGHTS_BEGIN, TYPE_2_DIABETES};
use super::people::Person;
use super::places::{PRACTICES, centre_id, doctor_id, hospital_id, practice_id, ydernummer};
use super::plots::{Course, Plot};
use super::resources::{self, CONVERSATION, Code, OFFERS, reference};
use crate::fhir::names::{CONDITION_ASSERTED_DATE, YDERNUMMER};

/// The days of the two rights, and of the warning before their end, as the shipped rules have them.
const PLAN_DAYS: i64 = 30;
const START_DAYS: i64 = 21;
const WARN_DAYS: i64 = 7;

/// The story of that person.
pub(super) fn tell(index: usize, seed: u64, today: Date) -> PersonStory {
    let mut chance = Chance::of_person(seed, index);
    let plot = Plot::of_person(index, &mut chance);
    let person = Person::invent(index, &mut chance);
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
    teller.tell(plot);
    let corrected = Some(teller.corrected).filter(|list| !list.is_empty());
    PersonStory {
        bundles: [Some(teller.told), corrected]
            .into_iter()
            .flatten()
            .map(resources::transaction)
            .collect(),
    }
}

/// A diagnosis that later events refer to.
struct Diagnosis {
    id: String,
    group: &'static Group,
    /// Days before today.
    ago: i64,
}

struct Teller {
    chance: Chance,
    today: Date,
    id: String,
    practice: usize,
    /// The Patient, then everything that happened.
    told: Vec<Value>,
    /// What is sent again, changed.
    corrected: Vec<Value>,
}

impl Teller {
    fn tell(&mut self, plot: Plot) {
        let diagnosis = match plot.plan {
            Some(course) => self.new_diagnosis(course),
            None => self.old_diagnosis(),
        };
        if let Some(course) = plot.start {
            let (course, ago) = self.trigger(
                course,
                START_DAYS,
                self.days_since_rights(diagnosis.group).min(diagnosis.ago),
            );
            self.referral(&diagnosis, course, ago);
        }
        if self.chance.percent(20) {
            self.other_disease();
        }
    }

    /// A diagnosis that begins a treatment-plan clock, and what becomes of it.
    fn new_diagnosis(&mut self, course: Course) -> Diagnosis {
        let group = self.group();
        let (course, ago) = self.trigger(course, PLAN_DAYS, self.days_since_rights(group));
        let id = format!("{}-condition-1", self.id);
        let recorded = self.at(ago);
        let mut condition = self.condition(&id, group, recorded, None);
        match course {
            Course::PostponedPatient => self.postpone(&mut condition, ago, "patient"),
            Course::PostponedClinical => self.postpone(&mut condition, ago, "clinical"),
            Course::Met => self.plan_in_time(&id, ago),
            Course::MetLate => {
                let after = self.chance.within(PLAN_DAYS + 1..=ago);
                self.plan(1, &id, ago - after);
            }
            Course::Declined | Course::Withdrawn => {
                let after = self.chance.within(0..=ago.min(25));
                let mut plan = self.care_plan(1, &id, ago - after);
                resources::revoke_plan(&mut plan, "patient-declined");
                self.told.push(plan);
            }
            Course::Died => self.die(ago),
            Course::SentInError => self.corrected.push(entered_in_error(&condition)),
            Course::NotApplicable => {
                let corrected = self.diagnosed_before(&condition);
                self.corrected.push(corrected);
            }
            Course::Running | Course::DueSoon | Course::Overdue => {}
        }
        self.told.push(condition);
        // A second record would keep the clock that a correction is to end, and nobody writes one
        // after a death.
        let is_alone = matches!(
            course,
            Course::SentInError | Course::NotApplicable | Course::Died
        );
        if !is_alone && ago >= 3 && self.chance.percent(15) {
            self.hospital_diagnosis(group, ago);
        }
        Diagnosis { id, group, ago }
    }

    /// The hospital's record of the same disease, some days after the practice's.
    fn hospital_diagnosis(&mut self, group: &'static Group, first_ago: i64) {
        let ago = self.chance.within(0..=first_ago - 1);
        let id = format!("{}-condition-2", self.id);
        let recorded = self.at(ago);
        let mut condition = resources::condition(&id, &self.id, &[group.sks], recorded, None);
        if group.is_stated {
            resources::assert_group(&mut condition, group.code);
        }
        condition["asserter"] =
            reference("PractitionerRole", &doctor_id(&hospital_id(self.practice)));
        self.told.push(condition);
    }

    /// A diagnosis made before the rights existed, sometimes recorded again since, in a new
    /// practice.
    fn old_diagnosis(&mut self) -> Diagnosis {
        let group = self.group();
        let id = format!("{}-condition-1", self.id);
        let made = self.day_before_rights();
        let is_moved = self.chance.percent(25);
        let moved_ago = self.chance.within(1..=60);
        let recorded = if is_moved {
            self.at(moved_ago)
        } else {
            Value::from(made.to_string())
        };
        let condition = self.condition(
            &id,
            group,
            recorded,
            is_moved.then(|| Value::from(made.to_string())),
        );
        self.told.push(condition);
        Diagnosis {
            id,
            group,
            ago: i64::MAX,
        }
    }

    /// A disease whose package comes later: it gives no right yet, and never one to a plan.
    fn other_disease(&mut self) {
        let day = self.day_before_rights();
        let group = self.chance.pick(&[&TYPE_2_DIABETES, &HEART_DISEASE]);
        let id = format!("{}-condition-3", self.id);
        let condition = self.condition(&id, group, Value::from(day.to_string()), None);
        self.told.push(condition);
    }

    /// The practice's Condition: in its own code, often in SNOMED CT too, or in the hospital's,
    /// which it got by letter.
    fn condition(
        &mut self,
        id: &str,
        group: &Group,
        recorded: Value,
        asserted: Option<Value>,
    ) -> Value {
        let codes: Vec<_> = match self.chance.within(0..=9) {
            0..=4 => vec![group.icpc],
            5..=7 => vec![group.icpc, group.snomed],
            _ => vec![group.sks],
        };
        let mut condition = resources::condition(id, &self.id, &codes, recorded, asserted);
        if group.is_stated {
            resources::assert_group(&mut condition, group.code);
        }
        condition["asserter"] =
            reference("PractitionerRole", &doctor_id(&practice_id(self.practice)));
        condition
    }

    /// A plan within the days of the right; now and then replaced by a newer one.
    fn plan_in_time(&mut self, condition_id: &str, ago: i64) {
        let after = self.chance.within(0..=ago.min(PLAN_DAYS));
        let left = ago - after;
        if left >= 10 && self.chance.percent(20) {
            let mut first = self.care_plan(1, condition_id, left);
            resources::revoke_plan(&mut first, "superseded");
            self.told.push(first);
            let next = self.chance.within(0..=left - 5);
            self.plan(2, condition_id, next);
        } else {
            self.plan(1, condition_id, left);
        }
    }

    fn plan(&mut self, number: u32, condition_id: &str, ago: i64) {
        let plan = self.care_plan(number, condition_id, ago);
        self.told.push(plan);
    }

    fn care_plan(&mut self, number: u32, condition_id: &str, ago: i64) -> Value {
        let author = self.responsible();
        let created = self.at(ago);
        resources::care_plan(
            &format!("{}-plan-{number}", self.id),
            &self.id,
            condition_id,
            created,
            author,
        )
    }

    /// A referral, and what becomes of it.
    fn referral(&mut self, diagnosis: &Diagnosis, course: Course, ago: i64) {
        let offer = self.chance.pick(OFFERS);
        let mut referral = self.service_request(1, diagnosis, &offer, ago);
        match course {
            Course::Running | Course::DueSoon | Course::Overdue => {
                if ago >= 2 && self.chance.percent(30) {
                    let day = self.chance.within(0..=ago - 1);
                    self.encounter(1, 1, &CONVERSATION, day);
                }
                if ago >= 6 && self.chance.percent(20) {
                    let next = self.replace(&mut referral, diagnosis, &offer, ago);
                    self.told.push(next);
                }
            }
            Course::PostponedPatient => {
                self.hold(&mut referral, ago, "patient", "patient-postponed")
            }
            Course::PostponedClinical => self.hold(&mut referral, ago, "clinical", "clinical"),
            Course::Met => {
                let after = self.chance.within(ago.min(1)..=ago.min(START_DAYS));
                self.offer_begins(&offer, ago, after);
            }
            Course::MetLate => {
                let after = self.chance.within(START_DAYS + 1..=ago);
                self.offer_begins(&offer, ago, after);
            }
            Course::Declined => {
                resources::change_referral(&mut referral, "revoked", "patient-declined")
            }
            Course::Withdrawn => {
                resources::change_referral(&mut referral, "revoked", "no-longer-needed")
            }
            Course::Died => self.die(ago),
            Course::SentInError => {
                self.corrected
                    .push(with(&referral, "status", Value::from("entered-in-error")))
            }
            Course::NotApplicable => {
                let hospital = reference("Organization", &hospital_id(self.practice));
                self.corrected.push(with(&referral, "requester", hospital));
            }
        }
        self.told.push(referral);
    }

    fn service_request(
        &mut self,
        number: u32,
        diagnosis: &Diagnosis,
        offer: &Code,
        ago: i64,
    ) -> Value {
        let id = format!("{}-referral-{number}", self.id);
        let (authored, requester) = (self.at(ago), self.responsible_or_number());
        let centre = centre_id(self.practice);
        let mut referral = resources::referral(&id, &self.id, offer, authored, requester, &centre);
        if diagnosis.group.is_stated || self.chance.percent(80) {
            referral["reasonReference"] = json!([reference("Condition", &diagnosis.id)]);
        } else {
            let (system, code, display) = diagnosis.group.icpc;
            referral["reasonCode"] =
                json!([{ "coding": [{ "system": system, "code": code, "display": display }] }]);
        }
        if self.chance.percent(60) {
            let received = self.chance.within((ago - 2).max(0)..=ago);
            resources::receive(&mut referral, self.day(received));
        }
        referral
    }

    /// The same referral, sent again to another offer: the clock goes on.
    fn replace(
        &mut self,
        first: &mut Value,
        diagnosis: &Diagnosis,
        offer: &Code,
        ago: i64,
    ) -> Value {
        resources::change_referral(first, "revoked", "transferred");
        let again = self.chance.within(0..=ago - 2);
        let mut next = self.service_request(2, diagnosis, offer, again);
        next["replaces"] = json!([reference(
            "ServiceRequest",
            &format!("{}-referral-1", self.id)
        )]);
        next
    }

    fn hold(&mut self, referral: &mut Value, ago: i64, reason: &str, status_reason: &str) {
        resources::change_referral(referral, "on-hold", status_reason);
        self.postpone(referral, ago, reason);
    }

    /// The first contact that counts, `after` days after the referral; often the conversation
    /// before it.
    fn offer_begins(&mut self, offer: &Code, ago: i64, after: i64) {
        if after >= 4 && self.chance.percent(40) {
            let day = self.chance.within(1..=after - 1);
            self.encounter(1, 1, &CONVERSATION, ago - day);
        }
        self.encounter(2, 1, offer, ago - after);
    }

    fn encounter(&mut self, number: u32, referral: u32, offer: &Code, ago: i64) {
        let is_over = ago > 0 && *offer == CONVERSATION;
        let hour = self.chance.within(8..=14) as i8;
        let time = |hour| Some((hour, 0)).filter(|_| ago > 0);
        let mut period = json!({ "start": resources::date_time(self.day(ago), time(hour)) });
        if is_over {
            period["end"] = resources::date_time(self.day(ago), time(hour + 1));
        }
        let (id, referral) = (
            format!("{}-encounter-{number}", self.id),
            format!("{}-referral-{referral}", self.id),
        );
        let encounter = resources::encounter(
            &id,
            &self.id,
            &referral,
            offer,
            period,
            &centre_id(self.practice),
        );
        self.told.push(encounter);
    }

    /// A postponement that covers today and began at most a week ago.
    fn postpone(&mut self, resource: &mut Value, ago: i64, reason: &str) {
        let from = self.chance.within(0..=ago.min(6));
        let until = self.chance.percent(60).then(|| self.chance.within(5..=21));
        let until = until.map(|days| self.today + days.days());
        resources::postpone(resource, self.day(from), until, reason);
    }

    fn die(&mut self, ago: i64) {
        let day = self.chance.within(0..=(ago - 1).max(0));
        self.told[0]["deceasedDateTime"] = Value::from(self.day(day).to_string());
    }

    /// The Condition with the news that the disease was found long ago.
    fn diagnosed_before(&mut self, condition: &Value) -> Value {
        let made = self.day_before_rights();
        let mut corrected = condition.clone();
        resources::extend(
            &mut corrected,
            CONDITION_ASSERTED_DATE,
            "valueDateTime",
            Value::from(made.to_string()),
        );
        corrected
    }

    /// The practice that acts: the person's own, now and then another; as an Organization or as its
    /// doctor.
    fn responsible(&mut self) -> Value {
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

    /// The same, or only the practice's number, as some systems send it.
    fn responsible_or_number(&mut self) -> Value {
        if self.chance.percent(10) {
            json!({ "type": "Organization", "identifier": { "system": YDERNUMMER, "value": ydernummer(self.practice) } })
        } else {
            self.responsible()
        }
    }

    /// How many days ago the clock of that course began, at most `oldest`; and the course, if there
    /// was time for it.
    fn trigger(&mut self, course: Course, days: i64, oldest: i64) -> (Course, i64) {
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

    fn days_since_rights(&self, group: &Group) -> i64 {
        self.today.duration_since(group.rights_begin).as_hours() / 24
    }

    fn day(&self, ago: i64) -> Date {
        self.today - ago.days()
    }

    /// That day as a dateTime, sometimes with a time; today without one, since the day is not over.
    fn at(&mut self, ago: i64) -> Value {
        let time = (
            self.chance.within(8..=15) as i8,
            self.chance.within(0..=59) as i8,
        );
        let is_exact = self.chance.percent(50) && ago > 0;
        resources::date_time(self.day(ago), is_exact.then_some(time))
    }

    fn day_before_rights(&mut self) -> Date {
        let last = RIGHTS_BEGIN.min(self.today);
        last - self.chance.within(20..=5_500).days()
    }

    /// The target group of the story's disease: one whose rights have existed for two months, or
    /// one of the first two.
    fn group(&mut self) -> &'static Group {
        let begun = |group: &&&Group| {
            self.today - 60.days() >= group.rights_begin || group.rights_begin == RIGHTS_BEGIN
        };
        let choices: Vec<_> = GROUPS.iter().filter(begun).copied().collect();
        self.chance.pick(&choices)
    }
}

/// A changed copy of a resource.
fn with(resource: &Value, name: &str, value: Value) -> Value {
    let mut changed = resource.clone();
    changed[name] = value;
    changed
}

/// The Condition as it is sent when it should never have been; then it has no clinical status
/// (con-5).
fn entered_in_error(condition: &Value) -> Value {
    let mut corrected = condition.clone();
    corrected["verificationStatus"]["coding"][0]["code"] = Value::from("entered-in-error");
    resources::remove(&mut corrected, "clinicalStatus");
    corrected
}
