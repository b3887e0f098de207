//! All figures of a server: of itself, of its requests and of its deliveries.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::exposition::{Exposition, MetricKind};
use super::{machine, upstreams};
use crate::fhir::start_of_day;
use crate::http::Wire;
use crate::interactions::subscription::deliveries::{
    Delivered, Figures, LATENCY_BOUNDS_S, STATUSES, Status, deliveries, queue,
};
use crate::interactions::{Context, Failure, Server, overview};

/// Returns the figures as text.
///
/// # Errors
/// Of the store.
pub(in crate::http) fn text(wire: &Wire, context: &Context) -> Result<String, Failure> {
    let mut out = Exposition::default();
    out.one(
        "frist_ready",
        MetricKind::Gauge,
        "Whether requests are welcome.",
        u8::from(wire.ready.load(Ordering::SeqCst)),
    );
    out.one(
        "frist_changes_total",
        MetricKind::Counter,
        "Position of the last commit: one for each version, and for each commit of none.",
        overview::changes(&wire.server, context)?,
    );
    out.one(
        "frist_listeners",
        MetricKind::Gauge,
        "Subscribers connected by websocket.",
        wire.listeners.count(),
    );
    wire.metrics.write(&mut out);
    write_memory(&mut out, wire);
    machine::write(&mut out, wire);
    write_rights(&mut out, wire, context)?;
    out.one(
        "frist_subscription_events_total",
        MetricKind::Counter,
        "Events written since the start, one for each subscription told.",
        overview::events_written(&wire.server, context),
    );
    write_deliveries(&mut out, &wire.server, context)?;
    upstreams::write(&mut out, &wire.upstreams, context.now);
    Ok(out.into_text())
}

fn write_memory(out: &mut Exposition, wire: &Wire) {
    let name = "frist_body_memory_free_bytes";
    let help = "Memory that is left for bodies that arrive, by their size.";
    out.begin(name, MetricKind::Gauge, help);
    let (small, large) = wire.admission.arrivals.free_bytes();
    for (bodies, free) in [("small", small), ("large", large)] {
        out.value(name, &[("bodies", &bodies)], free);
    }
}

/// The seconds for which the counts of rights hold: to count them is a search for each.
const RIGHTS_HOLD_S: i64 = 60;

/// Writes the number of rights by status, the rules by which they are derived, and the calendar.
fn write_rights(out: &mut Exposition, wire: &Wire, context: &Context) -> Result<(), Failure> {
    const RIGHTS: &str = "frist_rights";
    const RULE: &str = "frist_rule_info";
    let server = &wire.server;
    let mut kept = wire.rights.lock().unwrap_or_else(PoisonError::into_inner);
    let holds = |at: &Timestamp| {
        let age = context.now.duration_since(*at).as_secs();
        (0..RIGHTS_HOLD_S).contains(&age)
    };
    let counts = match kept.take().filter(|(at, _)| holds(at)) {
        Some(counted) => counted,
        None => (context.now, overview::right_counts(server, context)?),
    };
    out.begin(
        RIGHTS,
        MetricKind::Gauge,
        "Rights by right and status, counted each minute.",
    );
    for (status, of_rights) in &counts.1 {
        for (right, count) in overview::rights().iter().zip(of_rights) {
            out.value(RIGHTS, &[("right", right), ("status", status)], count);
        }
    }
    *kept = Some(counts);
    out.begin(RULE, MetricKind::Gauge, "The rules in force.");
    for rule in overview::rules_in_force(server, context) {
        let labels: [(&str, &dyn std::fmt::Display); 4] = [
            ("group", &rule.group),
            ("right", &rule.right),
            ("version", &rule.version),
            ("from", &rule.from),
        ];
        out.value(RULE, &labels, 1);
    }
    let day = overview::calendar_day(server, context);
    let day = day.map_or(0, |day| start_of_day(day).as_second());
    out.one(
        "frist_calendar_day_seconds",
        MetricKind::Gauge,
        "The beginning of the day of the last calendar step, since 1970; 0 before the first.",
        day,
    );
    Ok(())
}

fn write_deliveries(
    out: &mut Exposition,
    server: &Server,
    context: &Context,
) -> Result<(), Failure> {
    let Some((all, figures)) = deliveries(server, context)? else {
        return Ok(());
    };
    let (depth, oldest) = queue(&all);
    let age = oldest.map_or(0.0, |oldest| {
        context.now.duration_since(oldest).as_secs_f64().max(0.0)
    });
    let failing = all
        .iter()
        .filter(|one| one.view.status != Status::Error && one.view.failures.attempts > 0)
        .count();
    let missed: u64 = all.iter().map(|one| one.missed).sum();
    out.one(
        "frist_subscriptions_failing",
        MetricKind::Gauge,
        "Subscriptions whose last message was not acknowledged, and is tried again.",
        failing,
    );
    out.one(
        "frist_subscription_queue_events",
        MetricKind::Gauge,
        "Events that wait to be delivered, but for subscriptions that are off.",
        depth,
    );
    out.one(
        "frist_subscription_missed_events",
        MetricKind::Gauge,
        "Events that were too old to be kept before they were delivered, until their subscriber is told.",
        missed,
    );
    out.one(
        "frist_subscription_oldest_undelivered_seconds",
        MetricKind::Gauge,
        "Age of the oldest of them; 0 if none waits.",
        format!("{age:.3}"),
    );
    out.one(
        "frist_subscription_events_delivered_total",
        MetricKind::Counter,
        "Events acknowledged since the start.",
        figures.delivered_events,
    );
    out.one(
        "frist_subscription_messages_acknowledged_total",
        MetricKind::Counter,
        "Messages acknowledged, of any kind.",
        figures.acknowledged,
    );
    out.one(
        "frist_subscription_messages_failed_total",
        MetricKind::Counter,
        "Attempts to send a message that were not acknowledged.",
        figures.failed,
    );
    write_statuses(out, &all);
    write_latencies(out, &figures);
    Ok(())
}

fn write_statuses(out: &mut Exposition, all: &[Delivered]) {
    const STATUS: &str = "frist_subscriptions";
    out.begin(STATUS, MetricKind::Gauge, "Subscriptions by their status.");
    for status in STATUSES {
        let count = all.iter().filter(|one| one.view.status == status).count();
        out.value(STATUS, &[("status", &status.as_str())], count);
    }
}

fn write_latencies(out: &mut Exposition, figures: &Figures) {
    const BUCKET: &str = "frist_subscription_delivery_seconds_bucket";
    out.begin(
        "frist_subscription_delivery_seconds",
        MetricKind::Histogram,
        "From the commit of an event to its acknowledgement.",
    );
    let mut count = 0;
    for (bound, events) in LATENCY_BOUNDS_S.iter().zip(&figures.latencies) {
        count += events;
        out.value(BUCKET, &[("le", bound)], count);
    }
    let count: u64 = figures.latencies.iter().sum();
    let sum = format!("{:.6}", figures.latency_sum_s);
    out.value(BUCKET, &[("le", &"+Inf")], count);
    out.value("frist_subscription_delivery_seconds_sum", &[], sum);
    out.value("frist_subscription_delivery_seconds_count", &[], count);
}
