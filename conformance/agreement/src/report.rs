//! The report of a comparison, for readers of the project, and the triage, for who looks for a
//! reason.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::comparison::{Comparison, Pair, group};
use crate::differences::said;
use crate::line::{Finding, Verdict};

/// The groups, in words.
const GROUPS: &[(&str, &str)] = &[
    (
        "examples",
        "the examples of the package, against its profiles",
    ),
    (
        "complies",
        "the same against the dk-core profiles with which they comply",
    ),
    (
        "invalid",
        "`conformance/invalid/`: wrong on purpose, each for one reason",
    ),
    (
        "persons",
        "the resources of the persons of the deadline cases",
    ),
    (
        "emitted",
        "what the server says: Tasks, Provenance, definitions, OperationOutcomes, Bundles",
    ),
    (
        "taken",
        "what `$intake` stores of each format, and its reports; against dk-core's profiles too",
    ),
    ("danish", "the examples published with dk-core, as they are"),
    (
        "danish-as-ours",
        "those of the types that the package profiles, against those profiles too",
    ),
    (
        "mutants",
        "the examples of the package, broken in one way each",
    ),
    (
        "danish-mutants",
        "the examples published with dk-core, broken in one way each",
    ),
];

/// The most names of an explained difference that are shown.
const NAMES_MAX: usize = 3;

/// Returns the report, as Markdown.
pub(crate) fn markdown(comparison: &Comparison<'_>) -> String {
    let mut text = String::from(
        "# Agreement with the public HL7 validator\n\n\
         Made by `conformance/agreement/run`, which says how; do not edit. A verdict is valid or not: whether there is a finding of severity error or fatal.\n\
         The other side is the HL7 validator for Java (`conformance/hl7-validator/`), offline, with the same packages.\n\n",
    );
    text += &table(comparison);
    if !comparison.groups.contains_key("danish") {
        text += "\nThe groups that need the package dk-core were left out: `FRIST_DK_CORE` named no file.\n";
    }
    text += "\n## Disagreements, and why\n\n";
    let mut occurring = comparison
        .explained
        .iter()
        .filter(|(_, pairs)| !pairs.is_empty())
        .peekable();
    if occurring.peek().is_none() && comparison.unexplained.is_empty() {
        text += "None.\n";
    }
    for (difference, pairs) in occurring {
        let _ = writeln!(
            text,
            "- **{}, {}**: {}",
            difference.side(),
            counted(pairs.len()),
            difference.reason
        );
        let names: Vec<String> = pairs
            .iter()
            .take(NAMES_MAX)
            .map(|(hl7, _)| format!("`{}`", hl7.name))
            .collect();
        let more = if pairs.len() > NAMES_MAX { ", …" } else { "" };
        let _ = writeln!(text, "  ({}{more})", names.join(", "));
    }
    if !comparison.unexplained.is_empty() {
        let _ = writeln!(
            text,
            "\n## Disagreements without a reason: {}\n",
            comparison.unexplained.len()
        );
        for pair in &comparison.unexplained {
            let _ = writeln!(text, "- `{}`: {}", pair.0.name, disagreement(*pair));
        }
    }
    if !comparison.faults.is_empty() {
        text += "\n## Faults\n\n";
        comparison
            .faults
            .iter()
            .for_each(|fault| text.extend(["- ", fault, "\n"]));
    }
    text
}

fn table(comparison: &Comparison<'_>) -> String {
    let mut text = String::from(
        "| group | resources | both valid | both invalid | only HL7 refuses | only Frist refuses | HL7 fails | agreed |\n|---|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let known = GROUPS
        .iter()
        .filter_map(|(name, words)| Some((*name, *words, *comparison.groups.get(name)?)));
    let others = comparison
        .groups
        .iter()
        .filter(|(name, _)| !GROUPS.iter().any(|(known, _)| known == *name));
    for (name, words, counts) in known.chain(others.map(|(name, counts)| (*name, "", *counts))) {
        let total = counts.total();
        // In tenths of a percent, rounded down: 100 % is said of nothing less.
        let tenths = (counts.agreed() * 1_000)
            .checked_div(total)
            .unwrap_or(1_000);
        let _ = writeln!(
            text,
            "| {name}: {words} | {total} | {} | {} | {} | {} | {} | {}.{} % |",
            counts.both_valid,
            counts.both_invalid,
            counts.hl7_refuses,
            counts.frist_refuses,
            counts.hl7_fails,
            tenths / 10,
            tenths % 10
        );
    }
    text
}

fn counted(count: usize) -> String {
    if count == 1 {
        "1 resource".to_owned()
    } else {
        format!("{count} resources")
    }
}

fn disagreement((hl7, frist): Pair<'_>) -> String {
    let first = |verdict: &Verdict| {
        verdict
            .findings
            .iter()
            .find(|finding| finding.refuses())
            .map(said)
            .unwrap_or_default()
    };
    match &hl7.crash {
        Some(crash) => format!("HL7 fails: {crash}"),
        None if frist.is_valid() => format!("only HL7 refuses: {}", first(hl7)),
        None => format!("only Frist refuses: {}", first(frist)),
    }
}

/// Returns the unexplained disagreements by who refuses, by what, and after what was done: the most
/// frequent first, with an example each.
pub(crate) fn triage(comparison: &Comparison<'_>) -> String {
    let mut causes: BTreeMap<String, (usize, Pair<'_>)> = BTreeMap::new();
    for pair in &comparison.unexplained {
        causes
            .entry(cause(*pair))
            .and_modify(|(count, _)| *count += 1)
            .or_insert((1, *pair));
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by(|(a, (many, _)), (b, (more, _))| more.cmp(many).then_with(|| a.cmp(b)));
    let mut text = String::new();
    for (cause, (count, pair)) in causes {
        let _ = writeln!(
            text,
            "{count:5}  {cause}\n         e.g. {}\n              {}",
            pair.0.name,
            disagreement(pair)
        );
    }
    text
}

fn cause((hl7, frist): Pair<'_>) -> String {
    let by = |verdict: &Verdict| {
        let id = |finding: &Finding| {
            if finding.id.is_empty() {
                without_quotes(&finding.message)
            } else {
                finding.id.clone()
            }
        };
        verdict
            .findings
            .iter()
            .find(|finding| finding.refuses())
            .map(id)
            .unwrap_or_default()
    };
    let kind = hl7
        .name
        .split_once('~')
        .and_then(|(_, rest)| rest.split_once('@'))
        .map_or(group(&hl7.name), |(kind, _)| kind);
    let who = match &hl7.crash {
        Some(crash) => format!(
            "HL7 fails [{}]",
            crash.split(':').next().unwrap_or_default()
        ),
        None if frist.is_valid() => format!("HL7 [{}]", by(hl7)),
        None => format!("Frist [{}]", by(frist)),
    };
    format!("{who} {kind}")
}

/// Returns a message without what it quotes.
fn without_quotes(message: &str) -> String {
    message.split('\'').step_by(2).collect::<Vec<_>>().join("…")
}
