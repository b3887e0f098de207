//! A narrative's `div`: markup that is carried as it is written.
//!
//! In JSON it stands alone, so it must itself declare the namespaces that it uses: declarations of
//! the elements around it are written into it where it needs them.

use std::collections::BTreeMap;

use super::XHTML_NAMESPACE;
use super::markup::{Markup, MarkupFault, MarkupReader, OpenTag};

/// The greatest depth to which the elements of a narrative may nest.
const DEPTH_MAX: usize = 1_000;

/// The namespaces of one `div`.
#[derive(Default)]
struct Namespaces<'a> {
    /// The prefixes declared within it by elements that are open, each with their depth.
    declared: Vec<(usize, &'a str)>,
    /// The prefixes declared around it and used within, with their namespaces.
    inherited: BTreeMap<String, String>,
}

impl<'a> Namespaces<'a> {
    /// Notes the namespaces of an element and of its attributes.
    fn enter(
        &mut self,
        markup: &MarkupReader<'a>,
        tag: &OpenTag<'a>,
        depth: usize,
    ) -> Result<(), MarkupFault> {
        self.declared
            .extend(tag.declared.iter().map(|prefix| (depth, *prefix)));
        let prefix = |name: &'a str| name.split_once(':').map_or("", |(prefix, _)| prefix);
        let of_attributes = tag.attributes.iter().map(|attribute| attribute.name);
        let of_attributes = of_attributes.filter(|name| name.contains(':'));
        for name in std::iter::once(tag.name).chain(of_attributes) {
            let prefix = prefix(name);
            if prefix == "xml" || self.declared.iter().any(|(_, known)| *known == prefix) {
                continue;
            }
            let namespace = markup.namespace(name)?.unwrap_or_default();
            if prefix.is_empty() && namespace != XHTML_NAMESPACE {
                return Err(markup.fault(
                    "expected an element of XHTML in a narrative, found one of another namespace or of none",
                ));
            }
            self.inherited.insert(prefix.to_owned(), namespace);
        }
        Ok(())
    }

    fn leave(&mut self, depth: usize) {
        self.declared.retain(|(declared, _)| *declared < depth);
    }

    /// Returns the declarations that have to be added.
    fn missing(&self) -> String {
        let declaration = |(prefix, namespace): (&String, &String)| {
            let colon = if prefix.is_empty() { "" } else { ":" };
            // As it is written, but for its quotes.
            let namespace = namespace.replace('"', "&quot;");
            format!(" xmlns{colon}{prefix}=\"{namespace}\"")
        };
        self.inherited.iter().map(declaration).collect()
    }
}

/// Reads a `div` to its end, and returns it as it is written, with the line ends that XML has.
///
/// # Errors
/// It is not well-formed, or no `div` of XHTML.
pub(super) fn read<'a>(
    markup: &mut MarkupReader<'a>,
    root: &OpenTag<'a>,
) -> Result<String, MarkupFault> {
    let namespace = markup.namespace(root.name)?;
    if namespace.as_deref() != Some(XHTML_NAMESPACE) {
        return Err(markup.fault(format!(
            "expected a div of the namespace {XHTML_NAMESPACE}, found another namespace"
        )));
    }
    let mut namespaces = Namespaces::default();
    namespaces.enter(markup, root, 1)?;
    let mut depth = usize::from(!root.is_empty);
    while depth > 0 {
        match markup.next()? {
            Markup::Open(tag) => {
                namespaces.enter(markup, &tag, depth + 1)?;
                if tag.is_empty {
                    namespaces.leave(depth + 1);
                } else {
                    depth += 1;
                }
                if depth > DEPTH_MAX {
                    return Err(markup.fault(format!("nested deeper than {DEPTH_MAX} levels")));
                }
            }
            Markup::Close => {
                namespaces.leave(depth);
                depth -= 1;
            }
            Markup::Text(_) | Markup::Reference => {}
            Markup::End => {
                return Err(
                    markup.fault("expected the end of a narrative, found the end of the document")
                );
            }
        }
    }
    let whole = markup.text.get(root.at..markup.position()).unwrap_or("");
    let (before, after) = whole.split_at(1 + root.name.len());
    let missing = namespaces.missing();
    Ok(format!("{before}{missing}{after}")
        .replace("\r\n", "\n")
        .replace('\r', "\n"))
}

/// Returns the `div` that a text in JSON is, without what stands around it; none if it is none that
/// can stand in a document of XML.
pub(super) fn alone(text: &str) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Before the div, a declaration may stand only at the very beginning.
    let mut markup = MarkupReader::new(text).ok()?;
    let root = loop {
        match markup.next().ok()? {
            Markup::Open(root) => break root,
            Markup::Text(false) => {}
            Markup::Text(true) | Markup::Reference | Markup::Close | Markup::End => return None,
        }
    };
    if root.local_name() != "div" {
        return None;
    }
    let div = read(&mut markup, &root).ok()?;
    loop {
        match markup.next().ok()? {
            Markup::End => return Some(div),
            Markup::Text(false) => {}
            Markup::Text(true) | Markup::Reference | Markup::Close | Markup::Open(_) => {
                return None;
            }
        }
    }
}
