//! Index entries: what a resource can be found by.

/// One value of one search parameter of one version of a resource.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct IndexEntry {
    /// The parameter's code, as `identifier`, or `owner:identifier` for a reference's own identifier;
    /// a leading `_` marks entries that only the server asks for.
    pub parameter: String,
    /// The value.
    pub value: IndexValue,
}

/// The value of an index entry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum IndexValue {
    /// A code or identifier; no system is the empty text.
    Token {
        /// The system, or empty.
        system: String,
        /// The code or identifier value.
        code: String,
    },
    /// A resource of this server as `Type/id`, or any other address as it stands.
    Reference(String),
    /// A span of time: first microsecond since 1970, and the first one after it.
    Date {
        /// The first microsecond.
        from_us: i64,
        /// The first microsecond after the span.
        until_us: i64,
    },
    /// Text, in lower case.
    Text(String),
    /// An address, as it stands.
    Uri(String),
}

impl IndexEntry {
    /// An entry of that parameter.
    pub fn new(parameter: impl Into<String>, value: IndexValue) -> Self {
        IndexEntry { parameter: parameter.into(), value }
    }
}
