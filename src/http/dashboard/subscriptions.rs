//! The delivery of notifications as an operator sees it: no person, no secret, of an endpoint the
//! host alone.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::html::{escaped, length, shown};
use crate::fhir::Id;
use crate::fhir::cpr::is_cpr_number;
use crate::interactions::subscription::deliveries::{
    Delivered, Particulars, STATUSES, Status, deliveries, particulars, queue,
};
use crate::interactions::{Context, Failure, Server};

/// The number of subscriptions that the page shows at most.
const SHOWN_MAX: usize = 100;

/// Returns the part of the page about subscriptions; nothing if there are none.
///
/// # Errors
/// Of the store.
pub(super) fn section(server: &Server, context: &Context) -> Result<String, Failure> {
    let Some((all, _)) = deliveries(server, context)?.filter(|(all, _)| !all.is_empty()) else {
        return Ok(String::new());
    };
    table(all, context.now, |id| particulars(server, context, id))
}

/// Returns how much an operator has to do with it: one in error first, then those that fail, then
/// those that are behind, the longest first.
fn urgency(one: &Delivered) -> (u8, Timestamp) {
    let place = match one.view.status {
        Status::Error => 0,
        Status::Requested | Status::Active if one.view.failures.attempts > 0 || one.missed > 0 => 1,
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

/// Returns what the page says of these.
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

/// Tells of all of them in a sentence or two.
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
    let events = match waiting {
        0 => "No event waits".to_owned(),
        1 => "1 event waits".to_owned(),
        _ => format!("{waiting} events wait"),
    };
    let waiting = match oldest.filter(|_| waiting > 0) {
        None => format!("{events} to be delivered."),
        Some(oldest) => format!(
            "{events} to be delivered, the oldest for {}.",
            length(now.duration_since(oldest))
        ),
    };
    format!(
        "{}. {waiting} Times are UTC, as in the log.",
        counts.join(", ")
    )
}

fn row(out: &mut String, one: &Delivered, particulars: &Particulars, now: Timestamp) {
    let Delivered { view, waiting, .. } = one;
    // Clients choose ids, and this one should never have been chosen.
    let id = if is_cpr_number(view.id.as_str()) {
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
        view.stream.last,
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
        && view.stream.delivered > 0
        && !is_cpr_number(view.id.as_str())
    {
        let last = view.stream.delivered;
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

/// Tells what is wrong with one, in words; that nothing is, too.
fn trouble(one: &Delivered, particulars: &Particulars, now: Timestamp) -> String {
    let Delivered {
        view,
        waiting,
        missed,
    } = one;
    let last = view.failures.last.as_ref().map(|(error, at)| {
        format!(
            "{error}, at {} ({} ago)",
            shown(*at),
            length(now.duration_since(*at))
        )
    });
    let again = view.failures.next_attempt.map_or_else(String::new, |at| {
        format!("; tried again in {}", length(at.duration_since(now)))
    });
    let state = match view.status {
        Status::Error => {
            let why = last
                .or_else(|| particulars.error.clone())
                .unwrap_or_else(|| "no reason is known".to_owned());
            format!("{why}; its client has to ask for it again")
        }
        Status::Active | Status::Requested if view.failures.attempts > 0 => {
            let attempts = if view.failures.attempts == 1 {
                "1 attempt".to_owned()
            } else {
                format!("{} attempts", view.failures.attempts)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::subscription::deliveries::{
        DeliveryFailures, Stream, SubscriptionView,
    };

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
            stream: Stream {
                last: 10,
                delivered: 10 - waiting,
                ..Stream::default()
            },
            oldest_undelivered: since,
            failures: DeliveryFailures {
                attempts,
                last: last_error,
                next_attempt,
            },
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
}
