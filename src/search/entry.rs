//! Index entries: the values by which a resource can be found.

/// One value of one search parameter of one version of a resource.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct IndexEntry {
    /// The parameter's code, as `identifier`; or with the modifier that looks at it, as
    /// `owner:identifier` for a reference's own identifier, `code:text` for the name of a code,
    /// `identifier:of-type` for an identifier by its type. `_ref` marks entries that only the
    /// server asks for.
    pub parameter: String,
    /// The value.
    pub value: IndexValue,
}

/// The value of an index entry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum IndexValue {
    /// A code or identifier.
    Token {
        /// The system, or empty.
        system: String,
        /// The code or identifier value.
        code: String,
    },
    /// A resource of this server as `Type/id`, or any other address as it stands.
    Reference(String),
    /// A span of time: first microsecond since 1970, and the first one after it. A period without
    /// an end reaches to the greatest number, one without a start from the least.
    Date {
        /// The first microsecond.
        from_us: i64,
        /// The first microsecond after the span.
        until_us: i64,
    },
    /// Text, as it stands.
    Text(String),
    /// An address, as it stands.
    Uri(String),
    /// A span of numbers, with a unit if it is a quantity, in 10⁻¹².
    Quantity {
        /// The first number.
        from: i128,
        /// The first number after the span.
        until: i128,
        /// The system of the unit, or empty.
        system: String,
        /// The code of the unit, or empty.
        code: String,
    },
    /// Values that stand together.
    Composite(Vec<IndexValue>),
}

impl IndexEntry {
    /// Returns an entry of that parameter.
    pub fn new(parameter: impl Into<String>, value: IndexValue) -> Self {
        IndexEntry {
            parameter: parameter.into(),
            value,
        }
    }

    /// Counts the bytes that it takes in memory, roughly.
    pub fn size_bytes(&self) -> usize {
        self.parameter.len() + self.value.size_bytes() + size_of::<IndexEntry>()
    }
}

impl IndexValue {
    fn size_bytes(&self) -> usize {
        match self {
            IndexValue::Token { system, code } | IndexValue::Quantity { system, code, .. } => {
                system.len() + code.len()
            }
            IndexValue::Reference(text) | IndexValue::Text(text) | IndexValue::Uri(text) => {
                text.len()
            }
            IndexValue::Date { .. } => 0,
            IndexValue::Composite(values) => values
                .iter()
                .map(|value| value.size_bytes() + size_of::<IndexValue>())
                .sum(),
        }
    }
}
