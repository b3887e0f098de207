//! The page at `/`: the knowledge of this server in counts, and links to try.

use std::fmt::Write as _;

use jiff::civil::Date;

use super::html::escaped;
use super::{subscriptions, upstreams};
use crate::http::Wire;
use crate::interactions::overview::{Overview, RuleInForce, overview, rules_in_force};
use crate::interactions::{Context, Failure, Server};

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Frist</title>\
<meta name=\"viewport\" content=\"width=device-width\"><style>\
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1a1a1a}\
h1{margin-bottom:0}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.25rem .75rem;text-align:left}\
td.n{text-align:right}.wide{overflow-x:auto}.wide table{font-size:14px}.wide td{vertical-align:top}.wide td:nth-child(6),.wide td:last-child{white-space:nowrap}.wide td:nth-child(7){min-width:18rem}\
.trouble{background:#fdecea}input{width:4.5rem}code{background:#f3f3f3;padding:0 .25rem}</style></head><body>";

/// Tells from which day each group has each right, and on an earlier day that nobody has one yet.
fn begins(known: &Overview, today: Date) -> String {
    let mut out = "<h3>From which day</h3><p>A right exists if the diagnosis, or for prevention-start the referral, \
                   is of that day or a later one."
        .to_owned();
    let days = known.begins.iter().flat_map(|(_, days)| days).flatten();
    match days.min() {
        None => out.push_str(" There are no rules: nobody has a right."),
        Some(first) if *first > today => {
            let _ = write!(
                out,
                " The first of these days is still to come: until {first} nobody has a right."
            );
        }
        Some(_) => {}
    }
    out.push_str("</p><table><tr><th>group</th>");
    for right in &known.rights {
        let _ = write!(out, "<th>{right}</th>");
    }
    out.push_str("</tr>");
    for (group, days) in &known.begins {
        let _ = write!(out, "<tr><td>{group}</td>");
        for day in days {
            let day = day.map_or("never".to_owned(), |day| day.to_string());
            let _ = write!(out, "<td>{day}</td>");
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
    out
}

/// Tells the rules in force.
fn rules(server: &Server, context: &Context) -> String {
    let mut out = "<h3>The rules in force</h3><table><tr><th>group</th><th>right</th><th>version</th><th>from</th><th>due after</th></tr>".to_owned();
    for rule in rules_in_force(server, context) {
        let RuleInForce {
            canonical,
            group,
            right,
            version,
            days,
            unit,
            from,
        } = rule;
        let _ = write!(
            out,
            "<tr><td>{group}</td><td>{right}</td><td title=\"{}\">{}</td><td>{from}</td><td>{days} {unit}</td></tr>",
            escaped(&canonical),
            escaped(&version)
        );
    }
    out.push_str("</table>");
    out
}

/// Tells what is damaged; nothing if nothing is, as far as it was met.
fn damage(server: &Server) -> String {
    let damaged = server.store.damage();
    if damaged.is_empty() {
        return String::new();
    }
    let mut out = "<h2>Damaged</h2><p class=\"trouble\">What needs these records is answered with 500; the rest goes on. Restore a backup.</p><ul>".to_owned();
    for one in damaged {
        let _ = write!(out, "<li>{}</li>", escaped(&one));
    }
    out.push_str("</ul>");
    out
}

/// Returns the page as HTML.
///
/// # Errors
/// Of the store.
pub(in crate::http) fn page(wire: &Wire, context: &Context) -> Result<String, Failure> {
    let mut out = HEAD.to_owned();
    let today = wire.server.today(context);
    let _ = write!(
        out,
        "<h1>Frist</h1><p>FHIR R4 at <code>{}</code>. Today in Copenhagen is {today}.</p>",
        wire.server.base_of(context)
    );
    let known = overview(&wire.server, context)?;
    out.push_str("<h2>Rights</h2><table><tr><th>status</th>");
    for right in &known.rights {
        let _ = write!(out, "<th>{right}</th>");
    }
    out.push_str("</tr>");
    for (status, counts) in &known.statuses {
        let _ = write!(out, "<tr><td>{status}</td>");
        for (right, count) in known.rights.iter().zip(counts) {
            let _ = write!(
                out,
                "<td class=\"n\"><a href=\"/fhir/Task?right={right}&amp;business-status={status}&amp;_sort=due\">{count}</a></td>"
            );
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
    out.push_str(&begins(&known, today));
    out.push_str(&rules(&wire.server, context));
    out.push_str(&damage(&wire.server));
    out.push_str(&subscriptions::section(&wire.server, context)?);
    out.push_str(&upstreams::section(&wire.upstreams, context.now));
    out.push_str("<h2>Stored</h2><ul>");
    for (resource_type, count) in &known.stored {
        let _ = write!(
            out,
            "<li><a href=\"/fhir/{resource_type}\">{resource_type}</a>: {count}</li>"
        );
    }
    out.push_str(
        "</ul><h2>Try</h2><ul>\
         <li><a href=\"/fhir/Task?business-status=overdue&amp;_sort=due\">Rights that are overdue, the oldest first</a></li>\
         <li><a href=\"/fhir/Task?business-status=due-soon&amp;_sort=due\">Rights that are due within the week</a></li>\
         <li><a href=\"/fhir/Task?forecast=booked-late&amp;_sort=due\">Rights that will be broken by what is booked</a></li>\
         <li><a href=\"/fhir/_history?_count=20\">The latest changes</a></li>\
         <li><a href=\"/fhir/PlanDefinition\">The rules in force</a></li>\
         <li><a href=\"/fhir/StructureDefinition\">The profiles</a>, and the <a href=\"/package.tgz\">package</a> to load into a validator</li>\
         <li><a href=\"/fhir/metadata\">What this server can do</a>, also as <a href=\"/openapi.json\">OpenAPI</a></li>\
         <li><a href=\"/metrics\">Metrics</a></li></ul>\
         <p>The rights of one person as of a day: <code>GET /fhir/Patient/[id]/$rights?as-of=2027-03-31</code></p></body></html>",
    );
    Ok(out)
}
