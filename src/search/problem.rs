//! The reasons for which a parameter of a query is not honoured.

/// The reason why a parameter cannot be honoured.
pub(super) enum Problem {
    /// The parameter is not known, or not with this modifier.
    Unknown(String),
    /// The value of the parameter cannot be read.
    Wrong(String),
}
