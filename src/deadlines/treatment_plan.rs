//! The right to a treatment plan: one clock for each person and group, from the diagnosis
//! (deadline-rules, section 4).

use jiff::civil::Date;

use super::case::Case;
use super::clock::Stop;
use super::facts::{Diagnosis, PersonFacts, Plan, PlanState};
use super::practice::Party;
use super::rules::Rules;
use super::task::treatment_plan_task_id;
use super::words::{Group, Right};

/// Returns the case of each group by the facts known on `day`.
pub(super) fn cases<'a>(facts: &'a PersonFacts, rules: &'a Rules, day: Date) -> Vec<Case<'a>> {
    Group::ALL
        .iter()
        .filter_map(|group| case(facts, rules, *group, day))
        .collect()
}

fn case<'a>(facts: &'a PersonFacts, rules: &'a Rules, group: Group, day: Date) -> Option<Case<'a>> {
    let counted: Vec<&Diagnosis> = facts
        .diagnoses
        .iter()
        .filter(|fact| fact.date <= day && fact.groups.contains(&group))
        .collect();
    let focus = *counted.iter().min_by_key(|fact| (fact.date, &fact.key))?;
    let addresses_one = |plan: &&Plan| {
        plan.addresses
            .iter()
            .any(|named| counted.iter().any(|fact| fact.key == *named))
    };
    let plans: Vec<&Plan> = facts
        .plans
        .iter()
        .filter(|plan| plan.date <= day)
        .filter(addresses_one)
        .collect();
    let first_plan = plans.iter().find(|plan| plan.state == PlanState::InForce);
    let owner = owner(facts, focus);
    let mut inputs: Vec<_> = counted
        .iter()
        .map(|fact| (fact.key.clone(), fact.version))
        .collect();
    inputs.extend(plans.iter().map(|plan| (plan.key.clone(), plan.version)));
    inputs.extend(
        plans
            .iter()
            .flat_map(|plan| plan.author.inputs.iter().cloned()),
    );
    inputs.extend(
        owner
            .into_iter()
            .flat_map(|party| party.inputs.iter().cloned()),
    );
    Some(Case {
        task_id: treatment_plan_task_id(&facts.patient.key.id, group),
        right: Right::TreatmentPlan,
        focus: &focus.key,
        owner: owner.and_then(|party| party.owner.as_ref()),
        start: focus.date,
        rule: rules.select(group, Right::TreatmentPlan, focus.date),
        stop: first_plan.map(|plan| Stop {
            date: plan.date.max(focus.date),
            by: plan.key.clone(),
        }),
        start_attributed: false,
        booked: None,
        status_reason: None,
        declined: plans.iter().any(|plan| plan.state == PlanState::Declined),
        withdrawn: false,
        postponements: counted
            .iter()
            .flat_map(|fact| &fact.postponements)
            .copied()
            .collect(),
        made_by: first_plan.map(|plan| &plan.author),
        inputs,
    })
}

/// Picks the responsible party: the person's general practice, else the first that the Patient
/// names, else the one that recorded or asserted the diagnosis.
fn owner<'a>(facts: &'a PersonFacts, focus: &'a Diagnosis) -> Option<&'a Party> {
    let named = || {
        facts
            .patient
            .practices
            .iter()
            .filter(|party| party.owner.is_some())
    };
    named()
        .find(|party| party.is_general_practice_on(focus.date))
        .or_else(|| named().next())
        .or(Some(&focus.recorder))
}
