//! The policy towards references to resources that are not stored.

/// The answer to a literal reference to a type that is held, if the resource that it names is not
/// stored; a Patient must always be stored.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ReferencePolicy {
    /// It may arrive later: a warning.
    #[default]
    Later,
    /// It is refused.
    Strict,
}
