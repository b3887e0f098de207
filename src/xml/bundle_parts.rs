//! A Bundle written as XML part by part, so that a large page is never held in both forms.
//!
//! All that could be wrong is found before the first part is given: each entry is written once to
//! see that XML can hold it and how long it is, and once more when its turn has come. So whoever
//! sends the parts can say beforehand how long they are, and no answer breaks off midway.

use std::ops::Range;

use serde_json::value::RawValue;

use super::FHIR_NAMESPACE;
use super::tags::{Layout, Wrong};
use super::write::{
    DefinedMember, GAP, NO_RESOURCE, OTHER_KIND, RawObject, ResourceWriter, Unwritable,
};
use crate::fhir::json::{raw_members, without_mark};
use crate::schema::Definitions;

/// The size at which a part is given, if it does not end before.
const PART_BYTES: usize = 64 * 1024;
/// The name of the elements that are written one by one.
const ENTRY: &str = "entry";
const BUNDLE: &str = "Bundle";

/// The parts of one Bundle, which is held as JSON by whoever asks for them.
#[derive(Debug)]
pub struct BundleParts {
    layout: Layout,
    /// All that stands before the entries; nothing once it was given.
    head: String,
    /// All that stands after them; nothing once it was given.
    tail: String,
    /// The places of the entries in the JSON.
    entries: Vec<Range<usize>>,
    /// The number of entries that were given.
    given: usize,
    length: u64,
}

impl BundleParts {
    /// Reads the parts of a Bundle, given as JSON; none if it is another resource, or has no entry.
    ///
    /// # Errors
    /// [`Unwritable`], as for the whole.
    pub fn of(
        definitions: &Definitions,
        json: &[u8],
        layout: Layout,
    ) -> Result<Option<Self>, Unwritable> {
        let mut writer = ResourceWriter::new(definitions, layout);
        let read = parts(&mut writer, json, layout);
        read.map_err(|what| writer.unwritable(what))
    }

    /// Returns the number of bytes of all parts that were not given yet.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes the next part of the same Bundle, by the same definitions; none after the last.
    ///
    /// # Errors
    /// [`Unwritable`]: it is another Bundle.
    pub fn next(
        &mut self,
        definitions: &Definitions,
        json: &[u8],
    ) -> Result<Option<Vec<u8>>, Unwritable> {
        if self.length == 0 {
            return Ok(None);
        }
        let mut writer = ResourceWriter::new(definitions, self.layout);
        writer.tags.out = std::mem::take(&mut self.head);
        writer.path.enter(BUNDLE, None);
        let text = std::str::from_utf8(json).unwrap_or_default();
        while writer.tags.out.len() < PART_BYTES && self.given < self.entries.len() {
            let entry = text.get(self.entries[self.given].clone());
            write_entry(&mut writer, self.given, entry.unwrap_or_default())
                .map_err(|what| writer.unwritable(what))?;
            self.given += 1;
        }
        if self.given == self.entries.len() {
            writer.tags.out.push_str(&std::mem::take(&mut self.tail));
        }
        let part = writer.tags.out.into_bytes();
        self.length = self.length.saturating_sub(part.len() as u64);
        Ok(Some(part))
    }
}

/// Reads the parts, and writes all of them once.
fn parts(
    writer: &mut ResourceWriter<'_>,
    json: &[u8],
    layout: Layout,
) -> Result<Option<BundleParts>, Wrong> {
    let text = std::str::from_utf8(json).map_err(|_| NO_RESOURCE)?;
    let unmarked = std::str::from_utf8(without_mark(json)).map_err(|_| NO_RESOURCE)?;
    let members: RawObject<'_> = raw_members(unmarked).map_err(|_| NO_RESOURCE)?;
    let (name, of) = writer.resource_type(&members)?;
    let has_entries = members.iter().any(|(key, _)| key == ENTRY);
    if name != BUNDLE || !has_entries {
        return Ok(None);
    }
    writer.path.enter(BUNDLE, None);
    let others = members.iter().filter(|(key, _)| key != "resourceType");
    let members = writer.in_order(of, others)?;
    let at = members.iter().position(|member| member.key == ENTRY);
    let (before, rest) = members.split_at(at.unwrap_or(members.len()));
    let (entries, after) = rest.split_at(rest.len().min(1));
    let Some(entries) = places(text, entries) else {
        writer.path.enter(ENTRY, None);
        return Err(OTHER_KIND);
    };

    writer.tags.declaration();
    writer.tags.begin(BUNDLE);
    writer.tags.attribute("xmlns", FHIR_NAMESPACE)?;
    writer.tags.begin_content(true);
    let head = written(writer, before)?;
    let mut length = head.len();
    for (at, entry) in entries.iter().enumerate() {
        write_entry(writer, at, &text[entry.clone()])?;
        length += writer.tags.out.len();
        writer.tags.out.clear();
    }
    let mut tail = written(writer, after)?;
    writer.tags.end(BUNDLE, true);
    tail.push_str(&writer.tags.out);
    Ok(Some(BundleParts {
        layout,
        length: (length + tail.len()) as u64,
        head,
        tail,
        entries,
        given: 0,
    }))
}

/// Writes members, and takes away all that was written.
fn written(
    writer: &mut ResourceWriter<'_>,
    members: &[DefinedMember<'_>],
) -> Result<String, Wrong> {
    for member in members {
        writer.member(member)?;
    }
    Ok(std::mem::take(&mut writer.tags.out))
}

/// Returns the places in the text at which the repetitions of a member stand.
fn places(text: &str, member: &[DefinedMember<'_>]) -> Option<Vec<Range<usize>>> {
    let array = member.first()?.value?;
    let items: Vec<&RawValue> = serde_json::from_str(array.get()).ok()?;
    let place = |item: &RawValue| {
        let from = item.get().as_ptr().addr() - text.as_ptr().addr();
        from..from + item.get().len()
    };
    Some(items.into_iter().map(place).collect())
}

/// Writes one entry, as it stands below its Bundle.
fn write_entry(writer: &mut ResourceWriter<'_>, at: usize, text: &str) -> Result<(), Wrong> {
    let definition = writer.child_of(BUNDLE, ENTRY).ok_or(NO_RESOURCE)?;
    writer.path.enter(ENTRY, Some(at));
    writer.tags.depth = 1;
    let entry: &RawValue = serde_json::from_str(text).map_err(|_| OTHER_KIND)?;
    if entry.get() == "null" {
        return Err(GAP);
    }
    writer.complex(ENTRY, &definition, entry)?;
    writer.path.leave();
    Ok(())
}
