//! The reasons for which a parameter of a query is not honoured.

/// The reason why a parameter cannot be honoured.
pub(super) enum Problem {
    /// The parameter is not known. A client may ask that it be passed over.
    Unknown(String),
    /// The parameter is known, but not with this modifier, or not beyond this reference: never
    /// passed over, since what is left would ask for more than the client wants to have
    /// (<https://hl7.org/fhir/R4/search.html#modifiers>).
    Unsupported(String),
    /// It asks for resources besides the matches of which there are none here: it brings nothing, and
    /// that is said.
    BringsNothing(String),
    /// The value of the parameter cannot be read.
    Wrong(String),
}
