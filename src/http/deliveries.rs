//! The delivery of notifications as an operator sees it, on the page and in the metrics: no person,
//! no secret, of an endpoint the host alone.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::fhir::Id;
use crate::interactions::deliveries::{
    Delivered, Figures, LATENCY_BOUNDS_S, Particulars, Status, deliveries, particulars,
};
use crate::interactions::{Context, Failure, Server, overview};

/// How many subscriptions the page shows.
const SHOWN_MAX: usize = 100;

/// All statuses, those first that an operator looks for.
const STATUSES: [Status; 4] = [
    Status::Error,
    Status::Requested,
    Status::Active,
    Status::Off,
];

/// The part of the page about subscriptions; nothing if there are none.
///
/// # Errors
/// Of the store.
pub(super) fn section(server: &Server, context: &Context) -> Result<String, Failure> {
    let Some((all, _)) = deliveries(server, context)?.filter(|(all, _)| !all.is_empty()) else {
        return Ok(String::new());
    };
    table(all, context.now, |id| particulars(server, context, id))
}

/// How much an operator has to do with it: one in error first, then those that fail, then those
/// that are behind, the longest first.
fn urgency(one: &Delivered) -> (u8, Timestamp) {
    let place = match one.view.status {
        Status::Error => 0,
        Status::Requested | Status::Active if one.view.attempts > 0 || one.missed > 0 => 1,
        Status::Requested | Status::Active if one.waiting > 0 => 2,
        Status::Requested => 3,
        Status::Active => 4,
        Status::Off => 5,
    };
    (
        place,
        one.view
            .oldest_undelivered
            .filter(|_| one.waiting > 0)
            .unwrap_or(Timestamp::MAX),
    )
}

/// What the page says of these.
fn table(
    mut all: Vec<Delivered>,
    now: Timestamp,
    read: impl Fn(&Id) -> Result<Particulars, Failure>,
) -> Result<String, Failure> {
    all.sort_by_cached_key(|one| (urgency(one), one.view.id.to_string()));
    let mut out = format!(
        "<h2 id=\"subscriptions\">Subscriptions</h2><p>{}</p>",
        summary(&all, now)
    );
    out.push_str(
        "<div class=\"wide\"><table><tr><th>id</th><th>status</th><th>endpoint</th><th>last event</th><th>waiting</th><th>oldest waits for</th>\
         <th>what is wrong</th><th>send delivered events again</th></tr>",
    );
    for one in all.iter().take(SHOWN_MAX) {
        row(&mut out, one, &read(&one.view.id)?, now);
    }
    out.push_str("</table></div>");
    if let Some(next) = all.get(SHOWN_MAX) {
        let are = if urgency(next).0 > 2 {
            "for which nothing is wrong"
        } else {
            "and among them some that are in error or behind"
        };
        let _ = write!(
            out,
            "<p>… and {} more, {are}: <code>GET /fhir/Subscription/$status</code> has all of them.</p>",
            all.len() - SHOWN_MAX
        );
    }
    if all.iter().any(|one| one.view.status == Status::Error) {
        out.push_str(
            "<p>One in error stays so until its client asks for it again (<code>PUT</code> with the status <code>requested</code>): the server does not do \
             so by itself, since a subscriber that did not listen has to know what it missed. Its events are kept meanwhile, and follow then in order.</p>",
        );
    }
    Ok(out)
}

/// All of them in a sentence or two.
fn summary(all: &[Delivered], now: Timestamp) -> String {
    let counts = STATUSES.map(|status| {
        (
            status,
            all.iter().filter(|one| one.view.status == status).count(),
        )
    });
    let word = |status: Status| {
        if status == Status::Error {
            "in error"
        } else {
            status.as_str()
        }
    };
    let counts: Vec<_> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(status, count)| format!("{count} {}", word(*status)))
        .collect();
    let (waiting, oldest) = queue(all);
    let waiting = match (waiting, oldest) {
        (0, _) => "No event waits to be delivered.".to_owned(),
        (_, None) => format!("{waiting} events wait to be delivered."),
        (_, Some(oldest)) => format!(
            "{waiting} events wait to be delivered, the oldest for {}.",
            length(now.duration_since(oldest))
        ),
    };
    format!(
        "{}. {waiting} Times are UTC, as in the log.",
        counts.join(", ")
    )
}

/// How many events wait, and since when the oldest of them does. What waits for one that is off is
/// wanted by nobody at present.
fn queue(all: &[Delivered]) -> (u64, Option<Timestamp>) {
    let behind = || {
        all.iter()
            .filter(|one| one.waiting > 0 && one.view.status != Status::Off)
    };
    (
        behind().map(|one| one.waiting).sum(),
        behind().filter_map(|one| one.view.oldest_undelivered).min(),
    )
}

fn row(out: &mut String, one: &Delivered, particulars: &Particulars, now: Timestamp) {
    let Delivered { view, waiting, .. } = one;
    // Clients choose ids, and this one should never have been chosen.
    let id = if view.id.is_like_cpr() {
        "(hidden)"
    } else {
        view.id.as_str()
    };
    let oldest = view.oldest_undelivered.filter(|_| *waiting > 0);
    let is_troubled = urgency(one).0 < 2;
    let _ = write!(
        out,
        "<tr{}><td>{id}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td><td>",
        if is_troubled {
            " class=\"trouble\""
        } else {
            ""
        },
        view.status.as_str(),
        escaped(particulars.endpoint.as_deref().unwrap_or("websocket")),
        view.last_event,
        if particulars.endpoint.is_some() {
            waiting.to_string()
        } else {
            "–".to_owned()
        },
        oldest.map_or_else(String::new, |oldest| format!(
            "{}<br>since {}",
            length(now.duration_since(oldest)),
            shown(oldest)
        )),
        escaped(&trouble(one, particulars, now)),
    );
    // What was delivered can be sent again, and only to who is listening.
    if particulars.endpoint.is_some()
        && view.status == Status::Active
        && view.delivered > 0
        && !view.id.is_like_cpr()
    {
        let last = view.delivered;
        let number = |name: &str, label: &str| {
            format!(
                "<input name=\"{name}\" type=\"number\" min=\"1\" max=\"{last}\" placeholder=\"{label}\" aria-label=\"{label}\" required>"
            )
        };
        let _ = write!(
            out,
            "<form method=\"post\" action=\"/fhir/Subscription/{id}/$resend\">{} {} <button>send</button></form>",
            number("eventsSinceNumber", "from"),
            number("eventsUntilNumber", "to")
        );
    }
    out.push_str("</td></tr>");
}

/// What is wrong with one, in words; that nothing is, too.
fn trouble(one: &Delivered, particulars: &Particulars, now: Timestamp) -> String {
    let Delivered {
        view,
        waiting,
        missed,
    } = one;
    let last = view.last_error.as_ref().map(|(error, at)| {
        format!(
            "{error}, at {} ({} ago)",
            shown(*at),
            length(now.duration_since(*at))
        )
    });
    let again = view.next_attempt.map_or_else(String::new, |at| {
        format!("; tried again in {}", length(at.duration_since(now)))
    });
    let state = match view.status {
        Status::Error => {
            let why = last
                .or_else(|| particulars.error.clone())
                .unwrap_or_else(|| "no reason is known".to_owned());
            format!("{why}; its client has to ask for it again")
        }
        Status::Active | Status::Requested if view.attempts > 0 => {
            let attempts = if view.attempts == 1 {
                "1 attempt".to_owned()
            } else {
                format!("{} attempts", view.attempts)
            };
            format!(
                "{attempts} failed, the last one: {}{again}",
                last.unwrap_or_default()
            )
        }
        Status::Requested => "nothing: the handshake is under way".to_owned(),
        Status::Active if particulars.endpoint.is_none() => {
            "nothing: who listens is told, and asks $events for the rest".to_owned()
        }
        Status::Active if *waiting > 0 => "nothing: what waits is being sent".to_owned(),
        Status::Active => last.map_or_else(
            || "nothing".to_owned(),
            |last| format!("nothing any more; it was: {last}"),
        ),
        Status::Off if *waiting > 0 => {
            "nothing: what waits is sent when its client asks for it again".to_owned()
        }
        Status::Off => "nothing: its client switched it off, or it ended".to_owned(),
    };
    let too_old = match missed {
        0 => return state,
        1 => "1 event was".to_owned(),
        _ => format!("{missed} events were"),
    };
    let state = state.trim_start_matches("nothing: ");
    format!(
        "{too_old} too old to be kept before any delivery, and the subscriber does not know yet; {state}"
    )
}

/// An instant for an operator.
fn shown(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// How long something takes, in its largest two units.
fn length(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

/// Text as it may stand in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The figures as metrics.
///
/// # Errors
/// Of the store.
pub(super) fn metrics(server: &Server, context: &Context) -> Result<String, Failure> {
    let mut out = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(
            out,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
        );
    };
    metric(
        "frist_subscription_events_total",
        "counter",
        "Events written since the start, one for each subscription told.",
        &overview::events_written(server, context),
    );
    let Some((all, figures)) = deliveries(server, context)? else {
        return Ok(out);
    };
    let (depth, oldest) = queue(&all);
    let age = oldest.map_or(0.0, |oldest| {
        context.now.duration_since(oldest).as_secs_f64().max(0.0)
    });
    let failing = all
        .iter()
        .filter(|one| one.view.status != Status::Error && one.view.attempts > 0)
        .count();
    metric(
        "frist_subscriptions_failing",
        "gauge",
        "Subscriptions whose last message was not acknowledged, and is tried again.",
        &failing,
    );
    metric(
        "frist_subscription_queue_events",
        "gauge",
        "Events that wait to be delivered, but for subscriptions that are off.",
        &depth,
    );
    let missed: u64 = all.iter().map(|one| one.missed).sum();
    let help = "Events that were too old to be kept before they were delivered, until their subscriber is told.";
    metric("frist_subscription_missed_events", "gauge", help, &missed);
    metric(
        "frist_subscription_oldest_undelivered_seconds",
        "gauge",
        "Age of the oldest of them; 0 if none waits.",
        &format!("{age:.3}"),
    );
    metric(
        "frist_subscription_events_delivered_total",
        "counter",
        "Events acknowledged since the start.",
        &figures.delivered_events,
    );
    metric(
        "frist_subscription_messages_acknowledged_total",
        "counter",
        "Messages acknowledged, of any kind.",
        &figures.acknowledged,
    );
    metric(
        "frist_subscription_messages_failed_total",
        "counter",
        "Attempts to send a message that were not acknowledged.",
        &figures.failed,
    );
    out.push_str("# HELP frist_subscriptions Subscriptions by their status.\n# TYPE frist_subscriptions gauge\n");
    for status in STATUSES {
        let count = all.iter().filter(|one| one.view.status == status).count();
        let _ = writeln!(
            out,
            "frist_subscriptions{{status=\"{}\"}} {count}",
            status.as_str()
        );
    }
    histogram(&mut out, &figures);
    Ok(out)
}

fn histogram(out: &mut String, figures: &Figures) {
    const NAME: &str = "frist_subscription_delivery_seconds";
    let _ = writeln!(
        out,
        "# HELP {NAME} From the commit of an event to its acknowledgement.\n# TYPE {NAME} histogram"
    );
    let mut count = 0;
    for (bound, events) in LATENCY_BOUNDS_S.iter().zip(&figures.latencies) {
        count += events;
        let _ = writeln!(out, "{NAME}_bucket{{le=\"{bound}\"}} {count}");
    }
    let count: u64 = figures.latencies.iter().sum();
    let _ = writeln!(
        out,
        "{NAME}_bucket{{le=\"+Inf\"}} {count}\n{NAME}_sum {:.6}\n{NAME}_count {count}",
        figures.latency_sum_s
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::deliveries::SubscriptionView;

    const NOW: &str = "2027-03-01T08:00:00Z";

    fn one(id: &str, status: Status, waiting: u64, attempts: u32) -> Delivered {
        let since = (waiting > 0).then(|| "2027-03-01T05:55:00Z".parse().unwrap());
        let last_error = (attempts > 0).then(|| {
            (
                "the endpoint answered 500".to_owned(),
                "2027-03-01T07:59:30Z".parse().unwrap(),
            )
        });
        let next_attempt = last_error
            .as_ref()
            .filter(|_| status == Status::Active)
            .map(|_| "2027-03-01T08:00:20Z".parse().unwrap());
        let id = Id::parse(id).unwrap();
        let view = SubscriptionView {
            id,
            status,
            last_event: 10,
            delivered: 10 - waiting,
            forgotten: 0,
            oldest_undelivered: since,
            attempts,
            last_error,
            next_attempt,
        };
        Delivered {
            view,
            waiting,
            missed: 0,
        }
    }

    fn shown_of(all: Vec<Delivered>) -> String {
        let particulars = |_: &Id| {
            Ok(Particulars {
                endpoint: Some("https://ehr.example.dk".to_owned()),
                error: Some("kept <reason>".to_owned()),
            })
        };
        table(all, NOW.parse().unwrap(), particulars).unwrap()
    }

    #[test]
    fn those_in_trouble_come_first_and_each_says_what_is_wrong() {
        let all = vec![
            one("fine", Status::Active, 0, 0),
            one("off", Status::Off, 9, 0),
            one("failing", Status::Active, 2, 3),
            one("new", Status::Requested, 0, 0),
            one("behind", Status::Active, 1, 0),
            one("restarted", Status::Error, 4, 0),
            one("broken", Status::Error, 0, 1),
        ];
        let page = shown_of(all);
        assert!(
            page.contains("<p>2 in error, 1 requested, 3 active, 1 off. 7 events wait to be delivered, the oldest for 2 h 5 min."),
            "{page}"
        );
        let mut rest = page.as_str();
        for (id, wrong) in [
            (
                "restarted",
                "kept &lt;reason&gt;; its client has to ask for it again",
            ),
            (
                "broken",
                "the endpoint answered 500, at 2027-03-01 07:59:30 (30 s ago); its client has to ask for it again",
            ),
            (
                "failing",
                "3 attempts failed, the last one: the endpoint answered 500, at 2027-03-01 07:59:30 (30 s ago); tried again in 20 s",
            ),
            ("behind", "nothing: what waits is being sent"),
            ("new", "nothing: the handshake is under way"),
            ("fine", "<td>nothing</td>"),
            ("off", "nothing: what waits is sent when its client asks"),
        ] {
            let at = rest
                .find(&format!("<td>{id}</td>"))
                .unwrap_or_else(|| panic!("{id} is not where it should be: {page}"));
            rest = &rest[at..];
            let row = &rest[..rest.find("</tr>").unwrap()];
            assert!(row.contains(wrong), "{wrong}: {row}");
            assert_eq!(
                row.contains("$resend"),
                row.contains("<td>active</td>"),
                "{row}"
            );
        }
        assert!(
            page.contains("with the status <code>requested</code>"),
            "{page}"
        );
        assert!(!shown_of(vec![one("fine", Status::Active, 0, 0)]).contains("PUT"));
    }

    #[test]
    fn ten_thousand_are_a_short_page_with_the_troubled_ones() {
        let mut all: Vec<_> = (0..10_000)
            .map(|number| one(&format!("s{number}"), Status::Active, 0, 0))
            .collect();
        all.push(one("broken", Status::Error, 3, 1));
        let page = shown_of(all);
        assert!(
            page.matches("<tr").count() == SHOWN_MAX + 1 && page.len() < 100_000,
            "{} bytes",
            page.len()
        );
        assert!(
            page.contains("<td>broken</td>")
                && page.contains("… and 9901 more, for which nothing is wrong"),
            "{page}"
        );
        let all: Vec<_> = (0..200)
            .map(|number| one(&format!("s{number}"), Status::Error, 1, 1))
            .collect();
        assert!(
            shown_of(all)
                .contains("… and 100 more, and among them some that are in error or behind")
        );
    }

    #[test]
    fn lengths_are_told_in_their_largest_units() {
        let told = [0, 59, 60, 3_599, 3_600, 86_399, 86_400, 9_000_000]
            .map(|seconds| length(SignedDuration::from_secs(seconds)));
        assert_eq!(
            told,
            [
                "0 s",
                "59 s",
                "1 min 0 s",
                "59 min 59 s",
                "1 h 0 min",
                "23 h 59 min",
                "1 d 0 h",
                "104 d 4 h"
            ]
        );
        assert_eq!(length(SignedDuration::from_secs(-5)), "0 s");
    }
}
