//! A reader of XML fragments: elements, attributes and text, and nothing that could reach outside
//! (no DTD, no entity but XML's own).
//!
//! It reads what XML 1.0 calls well-formed (<https://www.w3.org/TR/xml/>) and stops where text is
//! not. It borrows from the text, keeps no tree, and its caller keeps the stack.

use std::borrow::Cow;

/// The most attributes of one element; XHTML has fewer.
const ATTRIBUTES_MAX: usize = 64;

/// The next part of the text.
#[derive(Debug)]
pub(super) enum XmlEvent<'a> {
    /// The beginning of an element, which is also its end if it is empty. Its attributes are in the
    /// reader.
    Open { name: &'a str, is_empty: bool },
    /// The end of an element.
    Close(&'a str),
    /// Text between elements; true if it is more than whitespace.
    Text(bool),
    /// A comment or a processing instruction.
    Aside,
}

/// The reason why the text is not a fragment of XML.
pub(super) type Fault = &'static str;

/// A reader of XML, and its position.
pub(super) struct XmlReader<'a> {
    text: &'a str,
    at: usize,
    /// The attributes of the element that was opened last: name and value as written.
    pub(super) attributes: Vec<(&'a str, &'a str)>,
    /// The places in the text where the values of these attributes begin.
    pub(super) value_places: Vec<usize>,
}

impl<'a> XmlReader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let at = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        XmlReader {
            text,
            at,
            attributes: Vec::new(),
            value_places: Vec::new(),
        }
    }

    /// Returns the number of bytes that were read.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Reads the next event; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<XmlEvent<'a>>, Fault> {
        let rest = self.rest();
        let Some(tag) = rest.strip_prefix('<') else {
            return if rest.is_empty() {
                Ok(None)
            } else {
                self.text_run().map(Some)
            };
        };
        match tag.as_bytes().first() {
            Some(b'/') => self.close().map(Some),
            Some(b'?') => self
                .skip_past("?>", "a processing instruction does not end")
                .map(|_| Some(XmlEvent::Aside)),
            Some(b'!') if tag.starts_with("!--") => {
                self.at += "<!--".len();
                let comment = self.skip_past("-->", "a comment does not end")?;
                if comment.contains("--") || comment.ends_with('-') {
                    Err("a comment contains --")
                } else {
                    Ok(Some(XmlEvent::Aside))
                }
            }
            Some(b'!') if tag.starts_with("![CDATA[") => {
                self.at += "<![CDATA[".len();
                let content = self.skip_past("]]>", "a CDATA section does not end")?;
                Ok(Some(XmlEvent::Text(!is_blank(content))))
            }
            Some(b'!') => {
                Err("a document type or another declaration, which a narrative may not have")
            }
            _ => self.open().map(Some),
        }
    }

    /// Reads until after the next `end`, and returns the text before it.
    fn skip_past(&mut self, end: &str, fault: Fault) -> Result<&'a str, Fault> {
        let rest = self.rest();
        let length = rest.find(end).ok_or(fault)?;
        self.at += length + end.len();
        Ok(&rest[..length])
    }

    fn text_run(&mut self) -> Result<XmlEvent<'a>, Fault> {
        let rest = self.rest();
        let run = &rest[..rest.find('<').unwrap_or(rest.len())];
        self.at += run.len();
        if run.contains("]]>") {
            return Err("]]> outside of a CDATA section");
        }
        let content = !is_blank(&decoded(run)?);
        Ok(XmlEvent::Text(content))
    }

    fn close(&mut self) -> Result<XmlEvent<'a>, Fault> {
        self.at += "</".len();
        let name = self.name()?;
        self.skip_whitespace();
        self.expect(">", "an end tag that does not end")?;
        Ok(XmlEvent::Close(name))
    }

    fn open(&mut self) -> Result<XmlEvent<'a>, Fault> {
        self.at += "<".len();
        self.attributes.clear();
        self.value_places.clear();
        let name = self.name()?;
        loop {
            let spaced = self.skip_whitespace();
            if self.rest().starts_with("/>") {
                self.at += "/>".len();
                return Ok(XmlEvent::Open {
                    name,
                    is_empty: true,
                });
            }
            if self.rest().starts_with('>') {
                self.at += ">".len();
                return Ok(XmlEvent::Open {
                    name,
                    is_empty: false,
                });
            }
            if !spaced {
                return Err("a tag that does not end, or no space before an attribute");
            }
            self.attribute()?;
        }
    }

    fn attribute(&mut self) -> Result<(), Fault> {
        let name = self.name()?;
        self.skip_whitespace();
        self.expect("=", "an attribute without a value")?;
        self.skip_whitespace();
        let quote = self
            .rest()
            .get(..1)
            .filter(|quote| matches!(*quote, "\"" | "'"))
            .ok_or("an attribute's value without quotes")?;
        self.at += quote.len();
        let place = self.at;
        let value = self.skip_past(quote, "an attribute's value that does not end")?;
        if value.contains('<') {
            return Err("a < in an attribute's value");
        }
        decoded(value)?;
        if self.attributes.iter().any(|(known, _)| *known == name) {
            return Err("an attribute that stands twice");
        }
        if self.attributes.len() == ATTRIBUTES_MAX {
            return Err("an element with too many attributes");
        }
        self.attributes.push((name, value));
        self.value_places.push(place);
        Ok(())
    }

    fn name(&mut self) -> Result<&'a str, Fault> {
        let rest = self.rest();
        let is_part = |byte: u8| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b':' | b'-' | b'.')
                || !byte.is_ascii()
        };
        let length = rest.bytes().take_while(|byte| is_part(*byte)).count();
        let name = rest.get(..length).unwrap_or("");
        if name.is_empty()
            || name.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '.'))
        {
            return Err("a < that begins no tag, or a tag or an attribute without a name");
        }
        self.at += length;
        Ok(name)
    }

    fn skip_whitespace(&mut self) -> bool {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches(is_space).len();
        self.at += length;
        length > 0
    }

    fn expect(&mut self, mark: &str, fault: Fault) -> Result<(), Fault> {
        if !self.rest().starts_with(mark) {
            return Err(fault);
        }
        self.at += mark.len();
        Ok(())
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn is_blank(text: &str) -> bool {
    text.chars().all(is_space)
}

/// Tells whether a document may contain the character, written or by number.
pub(super) fn is_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Returns the text with its references replaced: those of XML, and characters by number.
pub(super) fn decoded(text: &str) -> Result<Cow<'_, str>, Fault> {
    let Some((before, mut rest)) = text.split_once('&') else {
        return Ok(Cow::Borrowed(text));
    };
    let mut decoded = before.to_owned();
    loop {
        let (name, after) = rest
            .split_once(';')
            .ok_or("an & that begins no reference (it is written &amp;)")?;
        decoded.push(referenced(name).ok_or(
            "a reference that XML does not have (characters are written as they are, or as &#160;)",
        )?);
        let Some((text, next)) = after.split_once('&') else {
            decoded.push_str(after);
            return Ok(Cow::Owned(decoded));
        };
        decoded.push_str(text);
        rest = next;
    }
}

fn referenced(name: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        let plain = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
        plain
            .then(|| u32::from_str_radix(digits, radix).ok())
            .flatten()
    };
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = digits
                .strip_prefix('x')
                .map_or_else(|| number(digits, 10), |digits| number(digits, 16))?;
            char::from_u32(code).filter(|character| is_character(*character))
        }
    }
}
