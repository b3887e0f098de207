//! Figures of the process, of the store and of the walk over it that looks for damage.

use jiff::Timestamp;

use super::exposition::{Exposition, MetricKind};
use crate::http::Wire;

/// Writes the figures.
pub(super) fn write(out: &mut Exposition, wire: &Wire) {
    const BUILD: &str = "frist_build_info";
    out.begin(BUILD, MetricKind::Gauge, "The version of the program.");
    out.value(BUILD, &[("version", &env!("CARGO_PKG_VERSION"))], 1);
    for figure in (wire.machine)() {
        let kind = if figure.is_counter {
            MetricKind::Counter
        } else {
            MetricKind::Gauge
        };
        out.one(figure.name, kind, figure.help, figure.value);
    }
    let store = &wire.server.store;
    out.one(
        "frist_commits_waiting",
        MetricKind::Gauge,
        "Commits that wait for the one writer.",
        store.waiting_commits(),
    );
    out.one(
        "frist_damaged_records",
        MetricKind::Gauge,
        "Records that are damaged, as far as they were met since the start.",
        store.damage().len(),
    );
    let scrub = &wire.scrub;
    out.one(
        "frist_scrub_records_total",
        MetricKind::Counter,
        "Records read since the start in search of damage.",
        scrub.records(),
    );
    let finished = scrub.finished();
    out.one(
        "frist_scrub_finished_seconds",
        MetricKind::Gauge,
        "When everything was read the last time, since 1970; 0 if not since the start.",
        finished.map_or(0, Timestamp::as_second),
    );
}
