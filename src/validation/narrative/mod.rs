//! The XHTML of a narrative: one `div`, well-formed, with words in it and nothing active
//! (<https://hl7.org/fhir/R4/narrative.html#xhtml>, rules txt-1 and txt-2).
//!
//! The text is read once, without a tree and without recursion; nothing outside of it is looked at.
//! Where R4 says only "HTML 4.0", the HL7 validator decides which element may stand in which. XML
//! decides what is well-formed, where that validator reads on: an element that is not closed, an
//! attribute without quotes, text behind the `div`.

mod links;
mod relinked;
mod rules;
mod xml;

use std::collections::HashSet;

use super::findings::quoted;
use crate::fhir::{IssueCode, Severity};
pub use relinked::relinked;
use rules::Ancestors;
use xml::{XmlEvent, XmlReader};

const NAMESPACE: &str = "http://www.w3.org/1999/xhtml";
/// The greatest depth to which elements may nest.
const DEPTH_MAX: usize = 512;
/// The most namespaces in force: each element is compared with them.
const NAMESPACES_MAX: usize = 64;

/// Rule: only basic formatting elements and attributes.
const ALLOWED: &str = "txt-1";
/// Rule: some content.
const CONTENT: &str = "txt-2";

/// The receiver of a finding: how bad it is, its kind, the rule, and what was expected and found in
/// plain English.
pub type RuleReport<'r> = dyn FnMut(Severity, IssueCode, &'static str, &str) + 'r;

/// Checks the text of `Narrative.div`.
///
/// `has_id` tells whether an element of the resource, or of the Bundle around it, has that id: a
/// link `#x` must lead somewhere. Ids of the narrative itself are found here. Text that is not
/// well-formed gives one finding, since nothing behind it can be trusted.
pub fn check(div: &str, has_id: &dyn Fn(&str) -> bool, report: &mut RuleReport<'_>) {
    if !div
        .chars()
        .skip(usize::from(div.starts_with('\u{feff}')))
        .all(xml::is_character)
    {
        let what = "expected characters that XML can hold, found a control character";
        return report(Severity::Error, IssueCode::Invalid, ALLOWED, what);
    }
    let mut walk = NarrativeCheck {
        reader: XmlReader::new(div),
        open: Vec::new(),
        names: Ancestors::default(),
        prefixes: Vec::new(),
        seen: SeenParts::default(),
    };
    if let Err(fault) = walk.run(report) {
        let what = format!(
            "expected well-formed XHTML, found {fault} (at byte {})",
            walk.reader.offset()
        );
        return report(Severity::Error, IssueCode::Invalid, ALLOWED, &what);
    }
    walk.seen.report(has_id, report);
}

/// Tells whether `check` finds no error, links apart, as the FHIRPath function `htmlChecks()` asks.
pub fn is_allowed(div: &str) -> bool {
    let mut fine = true;
    check(div, &|_| true, &mut |severity, _, _, _| {
        fine &= !matches!(severity, Severity::Fatal | Severity::Error)
    });
    fine
}

/// One pass over the text.
struct NarrativeCheck<'a> {
    reader: XmlReader<'a>,
    /// The elements that are open, by their names as written.
    open: Vec<&'a str>,
    /// The open elements, without prefixes.
    names: Ancestors<'a>,
    /// The namespaces in force: the depth of the declaration, prefix (empty for the default) and
    /// address.
    prefixes: Vec<(usize, &'a str, &'a str)>,
    seen: SeenParts,
}

/// The parts that can be judged only at the end.
#[derive(Default)]
struct SeenParts {
    content: bool,
    ids: HashSet<String>,
    anchors: HashSet<String>,
    repeated: bool,
    /// The fragments that links lead to, each with true if the link is an image.
    fragments: Vec<(String, bool)>,
}

impl<'a> NarrativeCheck<'a> {
    fn run(&mut self, report: &mut RuleReport<'_>) -> Result<(), xml::Fault> {
        let mut roots = 0;
        while let Some(event) = self.reader.next()? {
            match event {
                XmlEvent::Open { name, is_empty } => {
                    roots += usize::from(self.open.is_empty());
                    if roots > 1 {
                        return Err("a second element behind the div");
                    }
                    self.enter(name, report)?;
                    if is_empty {
                        self.leave();
                    }
                }
                XmlEvent::Close(name) if self.open.last() == Some(&name) => self.leave(),
                XmlEvent::Close(_) => return Err("an end tag that belongs to no open element"),
                XmlEvent::Text(has_content) => self.text(has_content, report)?,
                XmlEvent::Aside => self.aside(report),
            }
        }
        match (self.open.is_empty(), roots) {
            (false, _) => Err("an element that is not closed"),
            (true, 0) => Err("no element"),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, written: &'a str, report: &mut RuleReport<'_>) -> Result<(), xml::Fault> {
        if self.open.len() == DEPTH_MAX {
            return Err("elements that are nested too deep");
        }
        let depth = self.open.len();
        for (name, value) in &self.reader.attributes {
            match name.strip_prefix("xmlns") {
                Some("") => self.prefixes.push((depth, "", value)),
                Some(prefix) if prefix.starts_with(':') => {
                    self.prefixes.push((depth, &prefix[1..], value))
                }
                _ => {}
            }
        }
        if self.prefixes.len() > NAMESPACES_MAX {
            return Err("too many namespaces");
        }
        let (prefix, name) = written.split_once(':').unwrap_or(("", written));
        let namespace = self
            .prefixes
            .iter()
            .rev()
            .find(|(_, known, _)| *known == prefix)
            .map(|(_, _, address)| *address);
        if namespace != Some(NAMESPACE) {
            refuse(
                report,
                &format!(
                    "expected elements of the namespace {NAMESPACE}, found one of another or of \
                     none"
                ),
            );
        }
        if self.open.is_empty() {
            if name != "div" {
                refuse(
                    report,
                    &format!("expected a div, found the element {}", quoted(name)),
                );
            }
        } else if !rules::allows_element(name) {
            refuse(
                report,
                &format!(
                    "expected only elements that format text, found {}",
                    quoted(name)
                ),
            );
        } else if let Some(why) = rules::misplaced(name, &self.names) {
            refuse(
                report,
                &format!(
                    "expected elements where HTML has them, found {}, {why}",
                    quoted(name)
                ),
            );
        }
        self.attributes(name, report)?;
        self.seen.content |= name == "img";
        self.open.push(written);
        self.names.push(name);
        Ok(())
    }

    fn leave(&mut self) {
        self.open.pop();
        self.names.pop();
        while self
            .prefixes
            .last()
            .is_some_and(|(depth, _, _)| *depth >= self.open.len())
        {
            self.prefixes.pop();
        }
    }

    fn text(&mut self, has_content: bool, report: &mut RuleReport<'_>) -> Result<(), xml::Fault> {
        let Some(parent) = self.names.parent() else {
            return if has_content {
                Err("text outside of the div")
            } else {
                Ok(())
            };
        };
        if rules::refuses_text(parent, has_content) {
            refuse(
                report,
                &format!(
                    "expected elements where HTML has them, found text in {}",
                    quoted(parent)
                ),
            );
        }
        self.seen.content |= has_content;
        Ok(())
    }

    fn aside(&self, report: &mut RuleReport<'_>) {
        if let Some(parent) = self
            .names
            .parent()
            .filter(|parent| rules::refuses_text(parent, false))
        {
            refuse(
                report,
                &format!("expected nothing in {}, found a comment", quoted(parent)),
            );
        }
    }

    fn attributes(&mut self, element: &str, report: &mut RuleReport<'_>) -> Result<(), xml::Fault> {
        for (name, written) in &self.reader.attributes {
            if !rules::allows_attribute(element, name) {
                let what = format!(
                    "expected only attributes that format text, found {} on {}",
                    quoted(name),
                    quoted(element)
                );
                refuse(report, &what);
            }
            match (element, *name) {
                ("a", "href") | ("img", "src") => {
                    let address = xml::decoded(written)?;
                    if let Some(fault) = links::fault(element, &address) {
                        refuse(
                            report,
                            &format!("expected an address in {name}, found {fault}"),
                        );
                    } else if let Some(fragment) = address.strip_prefix('#')
                        && (element == "img" || !fragment.is_empty())
                    {
                        self.seen
                            .fragments
                            .push((fragment.to_owned(), element == "img"));
                    }
                }
                ("area", "href") if links::is_active(&xml::decoded(written)?) => {
                    refuse(report, "expected an address in href, found active content");
                }
                (_, "id") => {
                    self.seen.repeated |= !self.seen.ids.insert(xml::decoded(written)?.into_owned())
                }
                ("a", "name") => {
                    self.seen
                        .anchors
                        .insert(xml::decoded(written)?.into_owned());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl SeenParts {
    fn report(&self, has_id: &dyn Fn(&str) -> bool, report: &mut RuleReport<'_>) {
        if !self.content {
            report(
                Severity::Error,
                IssueCode::Invariant,
                CONTENT,
                "expected text or an image in the narrative, found none",
            );
        }
        for (fragment, by_image) in &self.fragments {
            let leads = self.ids.contains(fragment)
                || (!by_image && self.anchors.contains(fragment))
                || has_id(fragment);
            if !leads {
                let what = "expected a link to an element of the same resource, found one to an id \
                    that nothing has";
                report(Severity::Error, IssueCode::NotFound, "", what);
            }
        }
        if self.repeated {
            report(
                Severity::Warning,
                IssueCode::Value,
                "",
                "expected each id once in the narrative, found one more than once",
            );
        }
    }
}

fn refuse(report: &mut RuleReport<'_>, what: &str) {
    report(Severity::Error, IssueCode::Invariant, ALLOWED, what);
}
