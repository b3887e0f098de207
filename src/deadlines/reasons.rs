//! The reasons for which a resource is not counted as a fact, noted where facts are read, and the
//! words for them.

use crate::fhir::ResourceType;

/// The reason why a resource starts, stops or forecasts nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Explanation {
    /// The word for programs.
    pub code: &'static str,
    /// The element that decides, as FHIRPath; empty if none does.
    pub expression: &'static str,
    /// The sentence for people: what was found, and what to do. Never a CPR number or a name.
    pub text: String,
}

/// The reason why a resource is not counted, whatever the rules and the day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Uncounted {
    /// A Condition that is not confirmed.
    NotConfirmed,
    /// A Condition whose day is not a full date.
    NoDiagnosisDay,
    /// A CarePlan that is none of treatment.
    NotTreatmentPlan,
    /// A plan for offers.
    OfferPlan,
    /// A plan of a status that is not in force.
    PlanNotInForce,
    /// A plan whose day is not a full date.
    NoPlanDay,
    /// A plan whose author was no general practice on its day.
    AuthorNoPractice,
    /// A ServiceRequest of a status that does not count.
    NotReferred,
    /// A ServiceRequest whose day is not a full date.
    NoReferralDay,
    /// An Encounter that has not begun.
    NotBegun,
    /// An Encounter or an Appointment for a clarifying conversation.
    Clarifying,
    /// An Encounter whose day is not a full date.
    NoContactDay,
    /// An Appointment that is not kept.
    NotBooked,
    /// An Appointment in which the person takes no part.
    NotOfPerson,
    /// An Appointment without a day.
    NoBookingDay,
}

impl Uncounted {
    /// Says it.
    pub(super) fn reason(self) -> Explanation {
        let (code, expression, text) = self.words();
        Explanation {
            code,
            expression,
            text: text.to_owned(),
        }
    }

    /// Returns the word for programs, the element, and the sentence.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Uncounted::NotConfirmed => (
                "not-confirmed",
                "Condition.verificationStatus",
                "the diagnosis is not confirmed: send verificationStatus confirmed once it is",
            ),
            Uncounted::NoDiagnosisDay => (
                "no-day",
                "Condition.recordedDate",
                "the day of the diagnosis is not a full date: send recordedDate, or the extension condition-assertedDate, with year, month and day",
            ),
            Uncounted::NotTreatmentPlan => (
                "no-treatment-plan",
                "CarePlan.category",
                "it is no treatment plan: send the category kp-careplan-category#treatment-plan if it is one",
            ),
            Uncounted::OfferPlan => (
                "offer-plan",
                "CarePlan.category",
                "it is a plan for a prevention offer, which starts and stops nothing: the Encounter in which the offer starts does",
            ),
            Uncounted::PlanNotInForce => (
                "not-in-force",
                "CarePlan.status",
                "a plan of this status is not in force: active, on-hold and completed are, and revoked for the reason superseded or ended",
            ),
            Uncounted::NoPlanDay => (
                "no-day",
                "CarePlan.created",
                "the day of the plan is not a full date: send created with year, month and day",
            ),
            Uncounted::AuthorNoPractice => (
                "no-practice",
                "CarePlan.author",
                "the author is no general practice on the day of the plan (no ydernummer, no SOR type, not in the operator's table): \
                 name the practice by its ydernummer, or send its Organization",
            ),
            Uncounted::NotReferred
            | Uncounted::NoReferralDay
            | Uncounted::NotBegun
            | Uncounted::Clarifying
            | Uncounted::NoContactDay
            | Uncounted::NotBooked
            | Uncounted::NotOfPerson
            | Uncounted::NoBookingDay => self.words_of_answers(),
        }
    }

    /// Returns the words about referrals and what answers them.
    fn words_of_answers(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Uncounted::NotReferred => (
                "not-referred",
                "ServiceRequest.status",
                "a referral of this status does not count: active, on-hold, completed and revoked do",
            ),
            Uncounted::NoReferralDay => (
                "no-day",
                "ServiceRequest.authoredOn",
                "the day of the referral is not a full date: send authoredOn with year, month and day",
            ),
            Uncounted::NotBegun => (
                "not-begun",
                "Encounter.status",
                "a contact of this status has not begun: in-progress and finished have",
            ),
            Uncounted::Clarifying => (
                "clarifying",
                "",
                "a clarifying conversation is not the start of an offer",
            ),
            Uncounted::NoContactDay => (
                "no-day",
                "Encounter.period",
                "the day of the contact is not a full date: send period.start with year, month and day",
            ),
            Uncounted::NotBooked => (
                "not-booked",
                "Appointment.status",
                "an appointment of this status is no booking: booked, arrived and checked-in are",
            ),
            Uncounted::NotOfPerson => (
                "not-of-person",
                "Appointment.participant",
                "the Patient is no participant of it",
            ),
            Uncounted::NoBookingDay => (
                "no-day",
                "Appointment.start",
                "the day of the appointment is not known: send start",
            ),
            Uncounted::NotConfirmed
            | Uncounted::NoDiagnosisDay
            | Uncounted::NotTreatmentPlan
            | Uncounted::OfferPlan
            | Uncounted::PlanNotInForce
            | Uncounted::NoPlanDay
            | Uncounted::AuthorNoPractice => self.words(),
        }
    }
}

/// Returns what a resource of that type does not do, for a reason.
pub fn undone(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::CarePlan | ResourceType::Encounter => "stops no clock",
        ResourceType::Appointment => "changes no forecast",
        _ => "starts no right",
    }
}
