//! Counters for an operator, in Prometheus' text format: never anything of a person.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;

/// What was counted since the start.
#[derive(Default)]
pub(super) struct Metrics {
    /// By method and status.
    requests: Mutex<BTreeMap<(&'static str, u16), Answered>>,
}

/// The answers to requests of one kind.
#[derive(Default)]
struct Answered {
    count: u64,
    seconds: f64,
}

impl Metrics {
    /// Counts one answered request.
    pub(super) fn answered(&self, method: &'static str, status: u16, seconds: f64) {
        let mut requests = self
            .requests
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let entry = requests.entry((method, status)).or_default();
        entry.count += 1;
        entry.seconds += seconds;
    }

    /// The counters as text; `position` is that of the store's last commit, and `listeners` how
    /// many websockets there are.
    pub(super) fn text(&self, position: u64, ready: bool, listeners: usize) -> String {
        let requests = self
            .requests
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut out = String::new();
        let _ = writeln!(
            out,
            "# HELP frist_ready Whether requests are welcome.\n# TYPE frist_ready gauge\nfrist_ready {}",
            u8::from(ready)
        );
        let _ = writeln!(
            out,
            "# HELP frist_changes_total Position of the last commit: one for each version, and for each commit of none.\n# TYPE frist_changes_total counter"
        );
        let _ = writeln!(out, "frist_changes_total {position}");
        let _ = writeln!(
            out,
            "# HELP frist_listeners Subscribers connected by websocket.\n# TYPE frist_listeners gauge\nfrist_listeners {listeners}"
        );
        let _ = writeln!(
            out,
            "# HELP frist_http_requests_total Requests answered.\n# TYPE frist_http_requests_total counter"
        );
        for ((method, status), Answered { count, .. }) in requests.iter() {
            let _ = writeln!(
                out,
                "frist_http_requests_total{{method=\"{method}\",status=\"{status}\"}} {count}"
            );
        }
        let _ = writeln!(
            out,
            "# HELP frist_http_request_seconds_total Time spent answering.\n# TYPE frist_http_request_seconds_total counter"
        );
        for ((method, status), Answered { seconds, .. }) in requests.iter() {
            let _ = writeln!(
                out,
                "frist_http_request_seconds_total{{method=\"{method}\",status=\"{status}\"}} {seconds:.6}"
            );
        }
        out
    }
}
