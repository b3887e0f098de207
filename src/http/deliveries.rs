//! The delivery of notifications as an operator sees it, on the page and in the metrics: no person, no secret, of an endpoint the host alone.

use std::fmt::Write as _;

use crate::interactions::deliveries::{Delivered, Figures, LATENCY_BOUNDS_S, deliveries};
use crate::interactions::{Failure, Moment, Server};

/// How many subscriptions the page shows.
const SHOWN_MAX: usize = 200;

/// The part of the page about subscriptions; nothing if there are none.
///
/// # Errors
/// Of the store.
pub(super) fn section(server: &Server) -> Result<String, Failure> {
    let mut out = String::new();
    let Some((mut all, _)) = deliveries(server)?.filter(|(all, _)| !all.is_empty()) else { return Ok(out) };
    all.sort_by_key(|one| std::cmp::Reverse(one.waiting()));
    let more = all.len().saturating_sub(SHOWN_MAX);
    out.push_str(
        "<h2>Subscriptions</h2><table><tr><th>id</th><th>status</th><th>endpoint</th><th>last event</th><th>waiting</th><th>oldest of them</th><th>missed</th>\
         <th>attempts</th><th>last error</th><th>next attempt</th><th>send again</th></tr>",
    );
    all.iter().take(SHOWN_MAX).for_each(|one| row(&mut out, one));
    out.push_str("</table>");
    if more > 0 {
        let _ = write!(out, "<p>… and {more} more of which fewer events wait.</p>");
    }
    Ok(out)
}

fn row(out: &mut String, delivered: &Delivered) {
    let Delivered { view, endpoint } = delivered;
    let waiting = delivered.waiting();
    // Clients choose ids, and this one should never have been chosen.
    let id = if view.id.is_like_cpr() { "(hidden)" } else { view.id.as_str() };
    let instant = |at: Option<jiff::Timestamp>| at.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    let error = view.last_error.as_ref().map_or_else(String::new, |(error, at)| format!("{} ({})", escaped(error), instant(Some(*at))));
    let _ = write!(
        out,
        "<tr><td>{id}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td>{error}</td><td>{}</td><td>",
        view.status.as_str(),
        escaped(endpoint.as_deref().unwrap_or("websocket")),
        view.last_event,
        waiting,
        if waiting > 0 { instant(view.oldest_undelivered) } else { String::new() },
        delivered.missed(),
        view.attempts,
        instant(view.next_attempt),
    );
    if endpoint.is_some() && view.delivered > 0 && !view.id.is_like_cpr() {
        let _ = write!(
            out,
            "<form method=\"post\" action=\"/fhir/Subscription/{id}/$resend\"><input name=\"eventsSinceNumber\" size=\"4\" aria-label=\"from\" required> to \
             <input name=\"eventsUntilNumber\" size=\"4\" aria-label=\"to\" required> <button>send</button></form>"
        );
    }
    out.push_str("</td></tr>");
}

/// Text as it may stand in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The figures as metrics.
///
/// # Errors
/// Of the store.
pub(super) fn metrics(server: &Server, moment: &Moment) -> Result<String, Failure> {
    let mut out = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    };
    metric(
        "frist_subscription_events_total",
        "counter",
        "Events written since the start, one for each subscription told.",
        &server.events_written(),
    );
    let Some((all, figures)) = deliveries(server)? else { return Ok(out) };
    let depth: u64 = all.iter().map(Delivered::waiting).sum();
    let missed: u64 = all.iter().map(Delivered::missed).sum();
    let oldest = all.iter().filter(|one| one.waiting() > 0).filter_map(|one| one.view.oldest_undelivered).min();
    let age = oldest.map_or(0.0, |oldest| moment.now.duration_since(oldest).as_secs_f64().max(0.0));
    metric("frist_subscriptions", "gauge", "Subscriptions.", &all.len());
    metric("frist_subscription_queue_events", "gauge", "Events that wait to be delivered.", &depth);
    metric(
        "frist_subscription_missed_events",
        "gauge",
        "Events forgotten before they were delivered, until their subscriber knows.",
        &missed,
    );
    metric("frist_subscription_oldest_undelivered_seconds", "gauge", "Age of the oldest of them; 0 if none waits.", &format!("{age:.3}"));
    metric("frist_subscription_events_delivered_total", "counter", "Events acknowledged since the start.", &figures.delivered_events);
    metric("frist_subscription_messages_acknowledged_total", "counter", "Messages acknowledged, of any kind.", &figures.acknowledged);
    metric("frist_subscription_messages_failed_total", "counter", "Messages that were not.", &figures.failed);
    histogram(&mut out, &figures);
    Ok(out)
}

fn histogram(out: &mut String, figures: &Figures) {
    const NAME: &str = "frist_subscription_delivery_seconds";
    let _ = writeln!(out, "# HELP {NAME} From the commit of an event to its acknowledgement.\n# TYPE {NAME} histogram");
    let mut count = 0;
    for (bound, events) in LATENCY_BOUNDS_S.iter().zip(&figures.latencies) {
        count += events;
        let _ = writeln!(out, "{NAME}_bucket{{le=\"{bound}\"}} {count}");
    }
    let count: u64 = figures.latencies.iter().sum();
    let _ = writeln!(out, "{NAME}_bucket{{le=\"+Inf\"}} {count}\n{NAME}_sum {:.6}\n{NAME}_count {count}", figures.latency_sum_s);
}
