//! The text format of Prometheus (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::fmt::{Display, Write as _};

/// The kinds of a metric.
#[derive(Clone, Copy)]
pub(super) enum MetricKind {
    /// It goes up, and begins anew with the process.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It counts by bounds.
    Histogram,
}

impl MetricKind {
    fn as_str(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        }
    }
}

/// Metrics, written one after the other.
#[derive(Default)]
pub(super) struct Exposition(String);

impl Exposition {
    /// Writes a metric of one value.
    pub(super) fn one(&mut self, name: &str, kind: MetricKind, help: &str, value: impl Display) {
        self.begin(name, kind, help);
        self.value(name, &[], value);
    }

    /// Begins a metric of several values.
    pub(super) fn begin(&mut self, name: &str, kind: MetricKind, help: &str) {
        let kind = kind.as_str();
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Writes a value under a name, with labels that need no escapes.
    pub(super) fn value(
        &mut self,
        name: &str,
        labels: &[(&str, &dyn Display)],
        value: impl Display,
    ) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{text}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    /// Returns the text.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_in_lines() {
        let mut out = Exposition::default();
        out.one("a", MetricKind::Gauge, "How much.", 1);
        out.begin("b_total", MetricKind::Counter, "How often.");
        out.value("b_total", &[("method", &"GET"), ("status", &200)], 2);
        let expected = "# HELP a How much.\n# TYPE a gauge\na 1\n# HELP b_total How often.\n\
                        # TYPE b_total counter\nb_total{method=\"GET\",status=\"200\"} 2\n";
        assert_eq!(out.into_text(), expected);
    }
}
