//! The servers that are read, as an operator sees them: no person, no secret, of a server the host
//! alone.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::html::{escaped, length, shown};
use crate::upstream::{Account, Outlook};

/// Returns the part of the page about them; nothing if there are none.
pub(super) fn section(upstreams: &[Arc<Account>], now: Timestamp) -> String {
    if upstreams.is_empty() {
        return String::new();
    }
    let mut out = "<h2 id=\"upstreams\">Servers that are read</h2><div class=\"wide\"><table><tr><th>name</th><th>host</th>\
        <th>what is read, and up to when</th><th>behind by</th><th>taken</th><th>left out</th><th>refused</th><th>what is wrong</th></tr>"
        .to_owned();
    for account in upstreams {
        row(&mut out, account.name.as_str(), &account.outlook(), now);
    }
    out.push_str("</table></div>");
    out
}

fn row(out: &mut String, name: &str, one: &Outlook, now: Timestamp) {
    let trouble = trouble(one, now);
    let class = if one.failures > 0 {
        " class=\"trouble\""
    } else {
        ""
    };
    let readings = one.readings.iter().map(|(words, since)| {
        let since = since.map_or_else(|| "nothing yet".to_owned(), shown);
        format!("<code>{}</code>: {since}", escaped(words))
    });
    let readings: Vec<_> = readings.collect();
    let lag = SignedDuration::from_secs_f64(one.lag_s(now));
    let [created, updated, unchanged, deleted] = one.taken;
    let counts = |counts: &mut dyn Iterator<Item = (String, u64)>| {
        let counts: Vec<_> = counts
            .map(|(what, count)| format!("{}: {count}", escaped(&what)))
            .collect();
        counts.join("<br>")
    };
    let left_out = counts(
        &mut one
            .left_out
            .iter()
            .map(|(reason, count)| (reason.clone(), *count)),
    );
    let refusals = one.refusals.iter().rev().take(5);
    let refusals: Vec<_> = refusals
        .map(|(what, why)| format!("{}: {}", escaped(what), escaped(why)))
        .collect();
    let _ = write!(
        out,
        "<tr{class}><td>{name}</td><td>{}</td><td>{}</td><td>{}</td><td>created: {created}<br>updated: {updated}<br>unchanged: {unchanged}<br>deleted: {deleted}</td>\
         <td>{left_out}</td><td>{}<br>{}</td><td>{}</td></tr>",
        escaped(&one.host),
        readings.join("<br>"),
        length(lag),
        one.refused,
        refusals.join("<br>"),
        escaped(&trouble),
    );
}

/// Tells what is wrong with one, in words; that nothing is, too.
fn trouble(one: &Outlook, now: Timestamp) -> String {
    let mut told = match (&one.trouble, one.failures) {
        (Some((text, at)), 1..) => {
            let again = one.next.map_or_else(String::new, |next| {
                format!("; asked again in {}", length(next.duration_since(now)))
            });
            format!("{text}, at {}{again}", shown(*at))
        }
        (Some((text, at)), 0) => format!("nothing any more; it was: {text}, at {}", shown(*at)),
        (None, _) => "nothing".to_owned(),
    };
    if let Some(status) = &one.subscription {
        let _ = write!(told, "; its notifications: {status}");
    }
    told
}
