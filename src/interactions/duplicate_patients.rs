//! The policy towards two Patients with one identifier.

/// The answer to a Patient with an identifier that another one has.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum DuplicatePatients {
    /// A warning.
    #[default]
    Warn,
    /// It is refused, unless it had that identifier before.
    Refuse,
}
