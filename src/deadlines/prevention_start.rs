//! The right to a prevention offer that starts in time: one clock for each referral chain
//! (deadline-rules, section 4).

use jiff::civil::Date;

use super::case::Case;
use super::clock::Stop;
use super::facts::{Diagnosis, PersonFacts};
use super::referrals::{Chain, Referral, ReferralState};
use super::rule::{Rule, StopMode};
use super::rules::Rules;
use super::stored::SourceVersion;
use super::task::prevention_start_task_id;
use super::words::{Group, Right};
use crate::fhir::ResourceKey;

/// Returns the case of each chain by the facts known on `day`.
pub(super) fn cases<'a>(facts: &'a PersonFacts, rules: &'a Rules, day: Date) -> Vec<Case<'a>> {
    facts
        .chains
        .iter()
        .filter_map(|chain| case(facts, rules, chain, day))
        .collect()
}

fn case<'a>(
    facts: &'a PersonFacts,
    rules: &'a Rules,
    chain: &'a Chain,
    day: Date,
) -> Option<Case<'a>> {
    // Members stand by date and id, so that the known ones are the first ones.
    let known = chain.members.partition_point(|member| member.date <= day);
    let members = &chain.members[..known];
    let (root, head) = (members.first()?, members.last()?);
    let reasons: Vec<&Diagnosis> = facts
        .diagnoses
        .iter()
        .filter(|fact| {
            members
                .iter()
                .any(|member| member.reasons.contains(&fact.key))
        })
        .collect();
    let groups = || {
        reasons
            .iter()
            .flat_map(|fact| &fact.groups)
            .chain(members.iter().flat_map(|member| &member.reason_groups))
            .copied()
    };
    let rule = shortest(rules, groups(), root.date).filter(|_| root.requester.is_general_practice);
    let stop = rule.and_then(|rule| stop(facts, members, rule.stop_mode, day));
    Some(Case {
        task_id: prevention_start_task_id(&root.key.id),
        right: Right::PreventionStart,
        focus: &head.key,
        owner: head.performer.owner.as_ref(),
        start: root.date,
        rule,
        stop: stop.map(|(date, by)| Stop {
            date: date.max(root.date),
            by: by.clone(),
        }),
        declined: head.state == ReferralState::Declined,
        withdrawn: head.state == ReferralState::Withdrawn,
        postponements: members
            .iter()
            .flat_map(|member| &member.postponements)
            .copied()
            .collect(),
        made_by: Some(&root.requester),
        inputs: inputs(facts, chain, members, &reasons, day),
    })
}

/// Selects the rule with the fewest days among those of the groups; of several, the first in the
/// order of the table.
fn shortest(rules: &Rules, groups: impl Iterator<Item = Group>, start: Date) -> Option<&Rule> {
    groups
        .filter_map(|group| rules.select(group, Right::PreventionStart, start))
        .min_by_key(|rule| (rule.days, rule.group))
}

/// Returns the earliest day known on `day` that stops the clock, and the resource that says so.
fn stop<'a>(
    facts: &'a PersonFacts,
    members: &'a [Referral],
    mode: StopMode,
    day: Date,
) -> Option<(Date, &'a ResourceKey)> {
    match mode {
        StopMode::Started => {
            let starts = facts
                .offer_starts
                .iter()
                .filter(|start| start.date <= day && is_based_on(&start.based_on, members));
            starts.map(|start| (start.date, &start.key)).min()
        }
        StopMode::Offered => {
            let offers = members
                .iter()
                .filter_map(|member| Some((member.occurrence?, &member.key)));
            offers.filter(|(date, _)| *date <= day).min()
        }
    }
}

fn is_based_on(based_on: &[ResourceKey], members: &[Referral]) -> bool {
    based_on
        .iter()
        .any(|named| members.iter().any(|member| member.key == *named))
}

fn inputs(
    facts: &PersonFacts,
    chain: &Chain,
    members: &[Referral],
    reasons: &[&Diagnosis],
    day: Date,
) -> Vec<SourceVersion> {
    let mut inputs = chain.joining.clone();
    inputs.extend(
        members
            .iter()
            .map(|member| (member.key.clone(), member.version)),
    );
    inputs.extend(reasons.iter().map(|fact| (fact.key.clone(), fact.version)));
    let starts = facts
        .offer_starts
        .iter()
        .filter(|start| start.date <= day && is_based_on(&start.based_on, members));
    inputs.extend(starts.map(|start| (start.key.clone(), start.version)));
    let parties = members
        .first()
        .map(|root| &root.requester)
        .into_iter()
        .chain(members.last().map(|head| &head.performer));
    inputs.extend(parties.flat_map(|party| party.inputs.iter().cloned()));
    inputs
}
