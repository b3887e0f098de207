//! The elements and attributes that a narrative may have, and the places where they may stand
//! (<https://hl7.org/fhir/R4/narrative.html#xhtml>, rule txt-1; HTML 4.0, chapters 7 to 11 and 15).

use std::collections::HashMap;

/// The elements that a narrative may have.
#[rustfmt::skip]
const ELEMENTS: &[&str] = &[
    "a", "abbr", "acronym", "address", "area", "b", "bdo", "big", "blockquote", "br", "caption",
    "cite", "code", "col", "colgroup", "dd", "dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4",
    "h5", "h6", "hr", "i", "img", "kbd", "li", "map", "ol", "p", "pre", "q", "samp", "small",
    "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt",
    "ul", "var",
];

/// The attributes of every element.
#[rustfmt::skip]
const ATTRIBUTES: &[&str] = &[
    "abbr", "accesskey", "align", "axis", "char", "charoff", "class", "colspan", "dir", "headers",
    "id", "lang", "rowspan", "scope", "span", "style", "tabindex", "title", "valign", "width",
    "xml:lang", "xml:space",
];

/// Returns the elements that may stand directly in one that does not take everything.
fn children(parent: &str) -> Option<&'static [&'static str]> {
    match parent {
        "table" => Some(&[
            "tbody", "tr", "caption", "thead", "tfoot", "col", "colgroup",
        ]),
        "tr" => Some(&["td", "th"]),
        "tbody" | "thead" | "tfoot" => Some(&["tr"]),
        "ul" | "ol" => Some(&["li"]),
        "dl" => Some(&["dd", "dt"]),
        "map" => Some(&["area"]),
        "br" | "img" | "hr" | "area" => Some(&[]),
        _ => None,
    }
}

/// Returns the elements in which an element must stand; none if it may stand anywhere.
fn parents(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "tr" => Some(&["table", "thead", "tfoot", "tbody"]),
        "tbody" | "thead" | "tfoot" | "caption" | "colgroup" => Some(&["table"]),
        "col" => Some(&["colgroup", "table"]),
        "th" | "td" => Some(&["tr", "thead", "tfoot"]),
        "li" => Some(&["ul", "ol"]),
        "dd" | "dt" => Some(&["dl"]),
        _ => None,
    }
}

/// Tells whether an element marks up words.
fn is_inline(name: &str) -> bool {
    const INLINE: &[&str] = &[
        "a", "abbr", "acronym", "b", "bdo", "big", "cite", "code", "dfn", "em", "i", "kbd", "q",
        "samp", "small", "strong", "sub", "sup", "tt", "var",
    ];
    INLINE.contains(&name)
}

/// Tells whether an element holds words, and no blocks.
fn holds_words(name: &str) -> bool {
    let other = [
        "p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "address", "span", "caption", "dd", "dt",
    ];
    is_inline(name) || other.contains(&name)
}

/// Tells whether a narrative may have that element.
pub(super) fn allows_element(name: &str) -> bool {
    ELEMENTS.contains(&name)
}

/// Tells whether the element may have that attribute.
pub(super) fn allows_attribute(element: &str, name: &str) -> bool {
    ATTRIBUTES.contains(&name)
        || name == "xmlns"
        || name.starts_with("xmlns:")
        || match element {
            "a" => matches!(
                name,
                "href"
                    | "name"
                    | "charset"
                    | "type"
                    | "hreflang"
                    | "rel"
                    | "rev"
                    | "shape"
                    | "coords"
            ),
            "img" => matches!(
                name,
                "src" | "border" | "alt" | "longdesc" | "height" | "usemap" | "ismap"
            ),
            "area" => matches!(name, "shape" | "coords" | "href" | "nohref" | "alt"),
            "table" => matches!(
                name,
                "summary" | "border" | "frame" | "rules" | "cellspacing" | "cellpadding"
            ),
            "blockquote" | "q" => name == "cite",
            "map" => name == "name",
            "pre" => name == "space",
            "td" => name == "nowrap",
            _ => false,
        }
}

/// The elements that are open, without prefixes; counted, so that none has to look at all of them.
#[derive(Default)]
pub(super) struct Ancestors<'a> {
    names: Vec<&'a str>,
    counts: HashMap<&'a str, usize>,
    /// The number of those that hold words.
    holding_words: usize,
}

impl<'a> Ancestors<'a> {
    pub(super) fn push(&mut self, name: &'a str) {
        self.names.push(name);
        *self.counts.entry(name).or_default() += 1;
        self.holding_words += usize::from(holds_words(name));
    }

    pub(super) fn pop(&mut self) {
        let Some(name) = self.names.pop() else { return };
        if let Some(count) = self.counts.get_mut(name) {
            *count -= 1;
        }
        self.holding_words -= usize::from(holds_words(name));
    }

    /// Returns the innermost.
    pub(super) fn parent(&self) -> Option<&'a str> {
        self.names.last().copied()
    }

    fn contain(&self, name: &str) -> bool {
        self.counts.get(name).is_some_and(|count| *count > 0)
    }
}

/// Says why an element may not stand below these; none if it may.
pub(super) fn misplaced(name: &str, ancestors: &Ancestors<'_>) -> Option<&'static str> {
    let parent = ancestors.parent().unwrap_or("");
    if parents(name).is_some_and(|allowed| !allowed.contains(&parent))
        || children(parent).is_some_and(|allowed| !allowed.contains(&name))
    {
        return Some("which may not stand there");
    }
    let is_block = matches!(name, "div" | "pre" | "table" | "ul" | "ol");
    if (is_block && ancestors.holding_words > 0)
        || (matches!(name, "blockquote" | "p") && ancestors.contain("p"))
    {
        return Some("a block, inside an element that holds words");
    }
    (is_inline(name) && ancestors.contain(name)).then_some("inside another one of the same name")
}

/// Tells whether the element takes no text, or only whitespace.
pub(super) fn refuses_text(name: &str, has_content: bool) -> bool {
    children(name).is_some_and(|allowed| has_content || allowed.is_empty())
}
