//! The plot of a person, before it has dates: the course of each right, and how often it is taken.

use super::chance::Chance;

/// The course of a right; the names are those of deadline-rules section 5, where `void` has several
/// causes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Course {
    /// The duty runs, and its end is not near.
    Running,
    /// The last week has begun.
    DueSoon,
    /// Too late, and still nothing.
    Overdue,
    /// The person asked to wait.
    PostponedPatient,
    /// The person's state does not allow it now.
    PostponedClinical,
    /// Done in time.
    Met,
    /// Done, too late.
    MetLate,
    /// The person does not want it.
    Declined,
    /// Void: the person died.
    Died,
    /// Void: the diagnosis or referral was sent in error.
    SentInError,
    /// Not applicable any more: the diagnosis turns out to be old, or the referral not to come from
    /// the own practice.
    NotApplicable,
    /// Void: the referral was withdrawn (there is no such course of a diagnosis).
    Withdrawn,
}

/// One person's plot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Plot {
    /// The course of the treatment plan; none for a person diagnosed before the right existed.
    pub(super) plan: Option<Course>,
    /// The course of the referral to a prevention offer, if there is one.
    pub(super) start: Option<Course>,
}

const fn plan(course: Course) -> Plot {
    Plot {
        plan: Some(course),
        start: None,
    }
}

const fn start(course: Course) -> Plot {
    Plot {
        plan: None,
        start: Some(course),
    }
}

/// The plots of the first persons: every status of both rights.
pub(super) const OPENING: &[Plot] = &[
    plan(Course::Running),
    start(Course::Overdue),
    Plot {
        plan: Some(Course::Met),
        start: Some(Course::Met),
    },
    plan(Course::Overdue),
    start(Course::Running),
    plan(Course::DueSoon),
    start(Course::DueSoon),
    plan(Course::Met),
    start(Course::MetLate),
    plan(Course::PostponedPatient),
    start(Course::PostponedPatient),
    plan(Course::MetLate),
    start(Course::Met),
    plan(Course::PostponedClinical),
    start(Course::PostponedClinical),
    plan(Course::Declined),
    start(Course::Declined),
    plan(Course::Died),
    start(Course::Withdrawn),
    plan(Course::SentInError),
    start(Course::SentInError),
    plan(Course::NotApplicable),
    start(Course::NotApplicable),
    start(Course::Died),
];

/// The share of each course among those who come after, in thousandths.
const WEIGHTS: &[(u32, Course)] = &[
    (430, Course::Met),
    (210, Course::Running),
    (90, Course::DueSoon),
    (65, Course::Overdue),
    (65, Course::MetLate),
    (35, Course::PostponedPatient),
    (25, Course::PostponedClinical),
    (35, Course::Declined),
    (15, Course::Died),
    (10, Course::SentInError),
    (10, Course::NotApplicable),
    (10, Course::Withdrawn),
];

impl Plot {
    /// Chooses the plot of that person.
    pub(super) fn of_person(index: usize, chance: &mut Chance) -> Self {
        if let Some(plot) = OPENING.get(index) {
            return *plot;
        }
        let course = chance.weighted(WEIGHTS);
        if chance.percent(45) {
            return start(course);
        }
        let plan = if course == Course::Withdrawn {
            Course::Declined
        } else {
            course
        };
        // Who died, or was diagnosed by mistake, is not referred afterwards.
        let goes_on = !matches!(
            plan,
            Course::Died | Course::SentInError | Course::NotApplicable
        );
        let start = (goes_on && chance.percent(50)).then(|| chance.weighted(WEIGHTS));
        let survived = |course: &Course| *course != Course::Died;
        Plot {
            plan: Some(plan),
            start: start.filter(survived),
        }
    }
}
