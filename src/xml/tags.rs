//! The tags of a document that is written: names, attributes, and lines for people.

use super::characters::is_character;

/// The arrangement of the elements in lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// All in one line.
    Compact,
    /// Each in a line of its own, for people.
    Lines,
}

/// The thing that is wrong, where the path of the writer has stopped.
pub(super) type Wrong = &'static str;

const NO_CHARACTER: Wrong = "it has a character that XML cannot hold";

/// A writer of tags, one after the other.
pub(super) struct TagWriter {
    layout: Layout,
    /// All that was written and not taken away yet.
    pub(super) out: String,
    /// The number of elements that are open.
    pub(super) depth: usize,
}

impl TagWriter {
    /// Makes a writer that has written nothing yet.
    pub(super) fn new(layout: Layout) -> Self {
        TagWriter {
            layout,
            out: String::new(),
            depth: 0,
        }
    }

    /// Writes the declaration with which a document begins.
    pub(super) fn declaration(&mut self) {
        self.out
            .push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        if self.layout == Layout::Compact {
            self.out.push('\n');
        }
    }

    /// Begins a line, where there are any.
    pub(super) fn line(&mut self) {
        if self.layout == Layout::Lines {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", self.depth));
        }
    }

    /// Writes the beginning of an element, to which attributes may be added.
    pub(super) fn begin(&mut self, name: &str) {
        self.line();
        self.out.push('<');
        self.out.push_str(name);
    }

    /// Ends the first tag of an element.
    pub(super) fn begin_content(&mut self, has_content: bool) {
        self.out.push_str(if has_content { ">" } else { "/>" });
        self.depth += 1;
    }

    /// Ends an element, if its first tag did not.
    pub(super) fn end(&mut self, name: &str, has_content: bool) {
        self.depth -= 1;
        if has_content {
            self.line();
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
    }

    /// Writes an attribute. Line breaks and tabs are referred to, since a reader makes spaces of
    /// those that are written.
    pub(super) fn attribute(&mut self, name: &str, value: &str) -> Result<(), Wrong> {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        for character in value.chars() {
            match character {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\t' => self.out.push_str("&#9;"),
                '\n' => self.out.push_str("&#10;"),
                '\r' => self.out.push_str("&#13;"),
                _ if is_character(character) => self.out.push(character),
                _ => return Err(NO_CHARACTER),
            }
        }
        self.out.push('"');
        Ok(())
    }
}
