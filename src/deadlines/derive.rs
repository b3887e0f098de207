//! The function itself: facts, rules and a day in; clocks and the next day of change out
//! (deadline-rules, sections 4, 5 and 7).

use jiff::civil::Date;

use super::calendar::{Reason, due, first_free_after, minus, plus};
use super::case::Case;
use super::clock::{Clock, Rights};
use super::facts::PersonFacts;
use super::rule::Rule;
use super::rules::Rules;
use super::words::{BusinessStatus, Forecast, PausePolicy, Right, TaskStatus};
use super::{prevention_start, treatment_plan};

/// Derives a person's rights on `day` from the facts. Facts dated after it are left out; so it
/// answers for today and for any day of the past.
pub fn derive(facts: &PersonFacts, rules: &Rules, day: Date) -> Rights {
    let (mut rights, mut wake) = evaluate(facts, rules, day);
    while let Some(later) = wake {
        let (then, next) = evaluate(facts, rules, later);
        if then.clocks != rights.clocks || then.not_applicable != rights.not_applicable {
            break;
        }
        wake = next;
    }
    rights.next_change = wake;
    rights
}

/// Returns the rights on `day`, and a later day such that nothing changes between the two.
fn evaluate(facts: &PersonFacts, rules: &Rules, day: Date) -> (Rights, Option<Date>) {
    let mut rights = Rights::default();
    let mut wake = facts
        .dates
        .get(facts.dates.partition_point(|date| *date <= day))
        .copied();
    for case in treatment_plan::cases(facts, rules, day)
        .into_iter()
        .chain(prevention_start::cases(facts, rules, day))
    {
        match case.rule {
            Some(rule) => {
                let clock = clock(&case, rule, facts, day);
                wake = next_step(&case, rule, &clock, day)
                    .into_iter()
                    .chain(wake)
                    .min();
                rights.clocks.push(clock);
            }
            None => {
                rights.not_applicable.insert(case.task_id.clone());
            }
        }
        let mut inputs = case.inputs;
        inputs.extend(
            facts
                .patient
                .version
                .map(|version| (facts.patient.key.clone(), version)),
        );
        inputs.extend(
            facts
                .patient
                .practices
                .iter()
                .flat_map(|party| party.inputs.iter().cloned()),
        );
        inputs.sort();
        inputs.dedup();
        rights.inputs.insert(case.task_id, inputs);
    }
    rights.clocks.sort_by_cached_key(|clock| {
        (
            clock.right.code(),
            clock.group.code(),
            clock.focus.to_string(),
        )
    });
    (rights, wake)
}

fn clock(case: &Case<'_>, rule: &Rule, facts: &PersonFacts, day: Date) -> Clock {
    let stop = case.stop.as_ref().map(|stop| stop.date);
    let spans = case
        .postponements
        .iter()
        .filter_map(|postponement| postponement.span(day, stop))
        .collect();
    let gross_due = due(case.start, rule.days, rule.unit, Vec::new());
    let net_due = due(case.start, rule.days, rule.unit, spans);
    let due = match rule.pause_policy {
        PausePolicy::Tag => gross_due,
        PausePolicy::Deduct => net_due,
    };
    let (status, business_status) = status(case, rule, facts, due, day);
    let own_gp_verified = case.made_by.map(|maker| {
        facts
            .patient
            .practices
            .iter()
            .any(|practice| practice.is_same_as(maker))
    });
    Clock {
        task_id: case.task_id.clone(),
        right: case.right,
        group: rule.group,
        focus: case.focus.clone(),
        patient: facts.patient.key.clone(),
        owner: case.owner.cloned(),
        rule: rule.canonical(),
        start: case.start,
        start_on: rule.start_on,
        days: rule.days,
        unit: rule.unit,
        gross_due,
        net_due,
        due,
        stop: case.stop.clone(),
        start_attributed: case.start_attributed,
        forecast: forecast(case, status, due),
        status_reason: case.status_reason.cloned(),
        status,
        business_status,
        own_gp_verified,
    }
}

/// Says whether a start that is still owed will be in time by what is booked.
fn forecast(case: &Case<'_>, status: TaskStatus, due: Date) -> Option<Forecast> {
    let is_owed = matches!(status, TaskStatus::Requested | TaskStatus::OnHold);
    (is_owed && case.right == Right::PreventionStart).then_some(match case.booked {
        None => Forecast::Unbooked,
        Some(booked) if booked <= due => Forecast::BookedInTime,
        Some(_) => Forecast::BookedLate,
    })
}

/// Applies rows 3 to 11 of the status table; the first match wins.
fn status(
    case: &Case<'_>,
    rule: &Rule,
    facts: &PersonFacts,
    due: Date,
    day: Date,
) -> (TaskStatus, BusinessStatus) {
    use {BusinessStatus as B, TaskStatus as T};
    if let Some(stop) = &case.stop {
        return (
            T::Completed,
            if stop.date <= due { B::Met } else { B::MetLate },
        );
    }
    if facts
        .patient
        .death
        .is_some_and(|death| death.is_known_on(day))
    {
        return (T::Cancelled, B::Void);
    }
    if case.declined {
        return (T::Cancelled, B::Declined);
    }
    if case.withdrawn {
        return (T::Cancelled, B::Void);
    }
    if day > due {
        return (T::Requested, B::Overdue);
    }
    let mut covering = case
        .postponements
        .iter()
        .filter(|postponement| postponement.covers(day))
        .peekable();
    if covering.peek().is_some() {
        let by_patient = covering.any(|postponement| postponement.reason == Reason::Patient);
        return (
            T::OnHold,
            if by_patient {
                B::PostponedPatient
            } else {
                B::PostponedClinical
            },
        );
    }
    if day >= minus(due, rule.warn_days) {
        return (T::Requested, B::DueSoon);
    }
    (T::Requested, B::Running)
}

/// Returns the first day after `day` on which the clock can change without a fact that becomes
/// known or ends on that day.
fn next_step(case: &Case<'_>, rule: &Rule, clock: &Clock, day: Date) -> Option<Date> {
    if clock.stop.is_some() {
        return None;
    }
    let steps = [
        minus(clock.due, rule.warn_days),
        plus(clock.due, 1),
        plus(clock.gross_due, 1),
    ];
    steps
        .into_iter()
        .chain(net_due_moves(case, clock, day))
        .filter(|step| *step > day)
        .min()
}

/// Returns the day on which the net due date moves next. While a postponement is open, each day it
/// goes on moves it, unless that day is covered anyway or the count is full.
fn net_due_moves(case: &Case<'_>, clock: &Clock, day: Date) -> Option<Date> {
    case.postponements
        .iter()
        .find(|postponement| postponement.is_open(day))?;
    let ended = case
        .postponements
        .iter()
        .filter(|postponement| postponement.end.is_some());
    let spans = ended
        .filter_map(|postponement| postponement.span(day, None))
        .collect();
    first_free_after(day, spans).filter(|moves| *moves <= clock.net_due)
}
