//! The figures of the servers that are read.

use std::fmt::Display;
use std::sync::Arc;

use jiff::Timestamp;

use super::exposition::{Exposition, MetricKind};
use crate::upstream::{Account, Outlook, TAKEN};

/// Writes the figures; nothing if no server is read.
pub(super) fn write(out: &mut Exposition, upstreams: &[Arc<Account>], now: Timestamp) {
    if upstreams.is_empty() {
        return;
    }
    let all: Vec<_> = upstreams
        .iter()
        .map(|account| (account.name.as_str(), account.outlook()))
        .collect();
    const LAG: &str = "frist_upstream_lag_seconds";
    let help = "Time since everything that the server had was read.";
    out.begin(LAG, MetricKind::Gauge, help);
    for (name, outlook) in &all {
        let lag = format!("{:.3}", outlook.lag_s(now));
        out.value(LAG, &[("upstream", name)], lag);
    }
    const TAKEN_TOTAL: &str = "frist_upstream_taken_total";
    let help = "Resources of the server that were taken, by what became of them.";
    out.begin(TAKEN_TOTAL, MetricKind::Counter, help);
    for (name, outlook) in &all {
        for (outcome, count) in TAKEN.iter().zip(outlook.taken) {
            out.value(
                TAKEN_TOTAL,
                &[("upstream", name), ("outcome", outcome)],
                count,
            );
        }
    }
    const LEFT_OUT: &str = "frist_upstream_left_out_total";
    let help = "Resources of the server that were rightly not stored, by reason.";
    out.begin(LEFT_OUT, MetricKind::Counter, help);
    for (name, outlook) in &all {
        for (reason, count) in &outlook.left_out {
            out.value(LEFT_OUT, &[("upstream", name), ("reason", reason)], count);
        }
    }
    let mut of_each =
        |metric: &str, kind, help: &str, value: &dyn Fn(&Outlook) -> Box<dyn Display>| {
            out.begin(metric, kind, help);
            for (name, outlook) in &all {
                out.value(metric, &[("upstream", name)], value(outlook));
            }
        };
    of_each(
        "frist_upstream_refused_total",
        MetricKind::Counter,
        "Resources of the server that this one refused.",
        &|outlook| Box::new(outlook.refused),
    );
    of_each(
        "frist_upstream_errors_total",
        MetricKind::Counter,
        "Readings that failed.",
        &|outlook| Box::new(outlook.errors),
    );
    of_each(
        "frist_upstream_failing",
        MetricKind::Gauge,
        "Whether the last round failed.",
        &|outlook| Box::new(u8::from(outlook.failures > 0)),
    );
}
