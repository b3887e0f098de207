//! Referrals to prevention offers and the contacts that follow, as the systems of a practice and a
//! prevention centre tell them.

use serde_json::{Value, json};

use super::bundle::reference;
use super::codes::{CONVERSATION, Code, OFFERS};
use super::places::{centre_id, hospital_id};
use super::plots::Course;
use super::resources;
use super::teller::{START_DAYS, Teller, ToldDiagnosis};

impl Teller {
    /// Tells of a referral, and what becomes of it.
    pub(super) fn referral(&mut self, diagnosis: &ToldDiagnosis, course: Course, ago: i64) {
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
                } else if course == Course::Overdue && self.chance.percent(30) {
                    resources::change_referral(&mut referral, "revoked", "refused-capacity");
                } else if self.chance.percent(45) {
                    self.book(&offer, ago);
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
        diagnosis: &ToldDiagnosis,
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

    /// Sends the same referral again, to another offer: the clock goes on.
    fn replace(
        &mut self,
        first: &mut Value,
        diagnosis: &ToldDiagnosis,
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

    /// Tells of the first contact that counts, `after` days after the referral; often of the
    /// conversation before it.
    fn offer_begins(&mut self, offer: &Code, ago: i64, after: i64) {
        if after >= 4 && self.chance.percent(40) {
            let day = self.chance.within(1..=after - 1);
            self.encounter(1, 1, &CONVERSATION, ago - day);
        }
        self.encounter(2, 1, offer, ago - after);
    }

    /// Tells of an appointment for the first contact: it was made by now, and lies ahead.
    fn book(&mut self, offer: &Code, ago: i64) {
        let (made, ahead) = (
            self.chance.within(0..=ago),
            self.chance.within(1..=START_DAYS),
        );
        let hour = self.chance.within(8..=14) as i8;
        let time = |hour| resources::date_time(self.day(-ahead), Some((hour, 0)));
        let appointment = resources::appointment(
            &format!("{}-appointment-1", self.id),
            &self.id,
            &format!("{}-referral-1", self.id),
            offer,
            Value::from(self.day(made).to_string()),
            (time(hour), time(hour + 1)),
        );
        self.told.push(appointment);
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
}

/// Copies a resource with one element changed.
fn with(resource: &Value, name: &str, value: Value) -> Value {
    let mut changed = resource.clone();
    changed[name] = value;
    changed
}
