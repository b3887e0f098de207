//! The right to a prevention offer that starts in time: one clock for each referral chain
//! (deadline-rules, section 4).

use jiff::civil::Date;

use super::attribution::{Attributed, attributed};
use super::case::Case;
use super::clock::Stop;
use super::facts::PersonFacts;
use super::known_chain::KnownChain;
use super::referrals::ReferralState;
use super::rules::Rules;
use super::stored::SourceVersion;
use super::task::prevention_start_task_id;
use super::words::{Right, StopMode};
use crate::fhir::ResourceKey;

/// Returns the case of each chain by the facts known on `day`.
pub(super) fn cases<'a>(facts: &'a PersonFacts, rules: &'a Rules, day: Date) -> Vec<Case<'a>> {
    let known: Vec<KnownChain<'a>> = facts
        .chains
        .iter()
        .filter_map(|chain| KnownChain::on(day, chain, facts, rules))
        .collect();
    let mut attributed = attributed(facts, &known, day);
    known
        .iter()
        .enumerate()
        .filter_map(|(at, chain)| case(chain, &attributed.remove(&at).unwrap_or_default(), day))
        .collect()
}

/// Returns the case of one chain; none if its clock starts later.
fn case<'a>(chain: &KnownChain<'a>, attributed: &Attributed<'a>, day: Date) -> Option<Case<'a>> {
    let start = chain.started.map_or(chain.root.date, |(_, start)| start);
    if start > day {
        return None;
    }
    let stop = stop(chain, attributed, day);
    let upcoming = chain.bookings().filter(|booking| booking.date >= day);
    Some(Case {
        task_id: prevention_start_task_id(&chain.root.key.id),
        right: Right::PreventionStart,
        focus: &chain.head.key,
        owner: chain
            .head
            .performer()
            .and_then(|party| party.owner.as_ref()),
        start,
        rule: chain.rule(),
        start_attributed: stop.as_ref().is_some_and(|(_, attributed, _)| *attributed),
        stop: stop.map(|(date, _, by)| Stop {
            date: date.max(start),
            by: by.clone(),
        }),
        booked: upcoming.map(|booking| booking.date).min(),
        status_reason: chain.head.status_reason.as_ref(),
        declined: chain.head.state == ReferralState::Declined,
        withdrawn: chain.head.state == ReferralState::Withdrawn,
        postponements: chain
            .members
            .iter()
            .flat_map(|member| &member.postponements)
            .copied()
            .collect(),
        made_by: Some(&chain.root.requester),
        inputs: inputs(chain, attributed),
    })
}

/// Returns the earliest day known on `day` that stops the clock, whether the contact was attributed,
/// and the resource that says so.
fn stop<'a>(
    chain: &KnownChain<'a>,
    attributed: &Attributed<'a>,
    day: Date,
) -> Option<(Date, bool, &'a ResourceKey)> {
    match chain.rule()?.stop_mode {
        StopMode::Started => {
            let own = chain.own_starts().map(|start| (start, false));
            let others = attributed.iter().map(|(start, _)| (*start, true));
            let starts = own.chain(others);
            starts
                .filter(|(start, _)| chain.starts_with(start))
                .map(|(start, attributed)| (start.date, attributed, &start.key))
                .min()
        }
        StopMode::Offered => {
            let offers = chain
                .members
                .iter()
                .filter_map(|member| Some((member.occurrence?, false, &member.key)));
            offers.filter(|(date, ..)| *date <= day).min()
        }
    }
}

fn inputs(chain: &KnownChain<'_>, attributed: &Attributed<'_>) -> Vec<SourceVersion> {
    let mut inputs = chain.chain.joining.clone();
    let members = chain.members.iter();
    inputs.extend(members.map(|member| (member.key.clone(), member.version)));
    let reasons = chain.reasons.iter();
    inputs.extend(reasons.map(|fact| (fact.key.clone(), fact.version)));
    inputs.extend(chain.own_starts().map(|start| start.source()));
    inputs.extend(chain.bookings().map(|booking| booking.source()));
    for (contact, plan) in attributed {
        inputs.push(contact.source());
        inputs.extend(plan.sources());
    }
    let parties = [Some(&chain.root.requester), chain.head.performer()];
    let parties = parties.into_iter().flatten();
    inputs.extend(parties.flat_map(|party| party.inputs.iter().cloned()));
    inputs
}
