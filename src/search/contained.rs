//! Entries of contained resources: they stand among those of the resource that contains them, so that
//! chains lead into it (<https://hl7.org/fhir/R4/search.html#chaining>).

use super::entry::{IndexEntry, IndexValue};

/// The parameter of the entries that contained resources have.
pub const CONTAINED: &str = "_contained";

/// One entry of one contained resource, or, without a value, that it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContainedEntry<'a> {
    /// The id within the resource that contains it.
    pub anchor: &'a str,
    /// The type, by name.
    pub resource_type: &'a str,
    /// The parameter, as in [`IndexEntry::parameter`].
    pub parameter: &'a str,
    /// The value.
    pub value: Option<&'a IndexValue>,
}

impl<'a> ContainedEntry<'a> {
    /// Returns the entry under which it stands among those of the container.
    pub(super) fn entry(self) -> IndexEntry {
        let place = [
            IndexValue::Reference(format!("#{}", self.anchor)),
            IndexValue::Token {
                system: self.resource_type.to_owned(),
                code: self.parameter.to_owned(),
            },
        ];
        let values = place.into_iter().chain(self.value.cloned()).collect();
        IndexEntry::new(CONTAINED, IndexValue::Composite(values))
    }

    /// Reads an entry of a container, if it is one of these.
    pub fn read(entry: &'a IndexEntry) -> Option<Self> {
        let IndexValue::Composite(values) = &entry.value else {
            return None;
        };
        let [
            IndexValue::Reference(anchor),
            IndexValue::Token { system, code },
            rest @ ..,
        ] = values.as_slice()
        else {
            return None;
        };
        (entry.parameter == CONTAINED).then(|| ContainedEntry {
            anchor: anchor.strip_prefix('#').unwrap_or(anchor),
            resource_type: system,
            parameter: code,
            value: rest.first(),
        })
    }
}
