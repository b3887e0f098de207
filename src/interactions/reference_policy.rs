//! The policy towards references to resources that are not stored.

/// What is said to a literal reference to a type that is held, if what it names is not stored; a
/// Patient must be stored always.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ReferencePolicy {
    /// It may arrive later: a warning.
    #[default]
    Later,
    /// It is refused.
    Strict,
}
