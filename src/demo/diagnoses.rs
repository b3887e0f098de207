//! Diagnoses and the treatment plans that follow, as the systems of a practice and a hospital tell
//! them.

use jiff::ToSpan;
use serde_json::Value;

use super::bundle::reference;
use super::groups::{DiseaseGroup, GROUPS, HEART_DISEASE, RIGHTS_BEGIN, TYPE_2_DIABETES};
use super::places::{doctor_id, hospital_id, practice_id};
use super::plots::Course;
use super::resources;
use super::teller::{PLAN_DAYS, Teller, ToldDiagnosis};
use crate::fhir::names::CONDITION_ASSERTED_DATE;

impl Teller {
    /// Tells of a diagnosis that begins a treatment-plan clock, and what becomes of it.
    pub(super) fn new_diagnosis(&mut self, course: Course) -> ToldDiagnosis {
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
        ToldDiagnosis { id, group, ago }
    }

    /// Tells of the hospital's record of the same disease, some days after the practice's.
    fn hospital_diagnosis(&mut self, group: &'static DiseaseGroup, first_ago: i64) {
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

    /// Tells of a diagnosis made before the rights existed, sometimes recorded again since, in a
    /// new practice.
    pub(super) fn old_diagnosis(&mut self) -> ToldDiagnosis {
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
        ToldDiagnosis {
            id,
            group,
            ago: i64::MAX,
        }
    }

    /// Tells of a disease whose package comes later: it gives no right yet, and never one to a
    /// plan.
    pub(super) fn other_disease(&mut self) {
        let day = self.day_before_rights();
        let group = self.chance.pick(&[&TYPE_2_DIABETES, &HEART_DISEASE]);
        let id = format!("{}-condition-3", self.id);
        let condition = self.condition(&id, group, Value::from(day.to_string()), None);
        self.told.push(condition);
    }

    /// Builds the practice's Condition: in its own code, often in SNOMED CT too, or in the
    /// hospital's, which it got by letter.
    fn condition(
        &mut self,
        id: &str,
        group: &DiseaseGroup,
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

    /// Tells of a plan within the days of the right; now and then replaced by a newer one.
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

    /// Returns the Condition with the news that the disease was found long ago.
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

    /// Picks the target group of the story's disease: one whose rights have existed for two months,
    /// or one of the first two.
    fn group(&mut self) -> &'static DiseaseGroup {
        let begun = |group: &&&DiseaseGroup| {
            self.today - 60.days() >= group.rights_begin || group.rights_begin == RIGHTS_BEGIN
        };
        let choices: Vec<_> = GROUPS.iter().filter(begun).copied().collect();
        self.chance.pick(&choices)
    }
}

/// Builds the Condition as it is sent when it should never have been made: without a clinical
/// status (con-5).
fn entered_in_error(condition: &Value) -> Value {
    let mut corrected = condition.clone();
    corrected["verificationStatus"]["coding"][0]["code"] = Value::from("entered-in-error");
    resources::remove(&mut corrected, "clinicalStatus");
    corrected
}
