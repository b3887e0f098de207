//! The rows that other rows begin from: all that is usual.

use super::declaration::{
    AnswerTime, BundleUse, Declaration, Execution, Listing, ParameterDeclaration, ParameterReading,
    Role, Types, ValueKind, Verb,
};

/// The methods by which something is looked at.
pub(super) const LOOK: &[Verb] = &[Verb::Get, Verb::Head];
/// The methods of an operation that changes nothing.
pub(super) const ASK: &[Verb] = &[Verb::Get, Verb::Head, Verb::Post];
/// The methods of what begins or gives something: to look at the head alone would do so too.
pub(super) const NEVER_BY_HEAD: &[Verb] = &[Verb::Get, Verb::Post];
/// The method of what only a body can ask for, or of what changes something.
pub(super) const POST: &[Verb] = &[Verb::Post];

/// An interaction of FHIR, which may stand in a Bundle and is answered at once.
pub(super) const INTERACTION: Declaration = Declaration {
    name: "",
    listing: Listing::OfType,
    places: &[],
    types: Types::All,
    parameters: &[],
    reading: ParameterReading::Declared,
    takes_form: false,
    definition: None,
    documentation: None,
    changes_state: false,
    answered: AnswerTime::AtOnce,
    in_bundle: BundleUse::Entry,
    role: Role::Client,
    execution: Execution::Interaction,
};

/// An operation, of which the same is usual.
pub(super) const OPERATION: Declaration = Declaration {
    listing: Listing::Operation,
    ..INTERACTION
};

/// Declares a parameter that may be there once.
pub(super) const fn optional(
    name: &'static str,
    kind: ValueKind,
    words: &'static str,
) -> ParameterDeclaration {
    ParameterDeclaration {
        name,
        kind,
        is_required: false,
        is_repeated: false,
        words,
    }
}

/// The name of the parameter by which findings come too that are only good to know.
pub(super) const VERBOSE: &str = "_verbose";
/// The parameter of writes and checks by which findings come too that are only good to know.
pub(super) const VERBOSITY: ParameterDeclaration = optional(
    VERBOSE,
    ValueKind::Code(&["true", "false"]),
    "Whether findings of severity information come too, such as dom-6: a resource should have a narrative. Of a write they are told with \
     'Prefer: return=OperationOutcome', and beside what refuses it.",
);

/// Declares a parameter that must be there once.
pub(super) const fn required(
    name: &'static str,
    kind: ValueKind,
    words: &'static str,
) -> ParameterDeclaration {
    ParameterDeclaration {
        is_required: true,
        ..optional(name, kind, words)
    }
}

/// Declares a parameter that may be there any number of times.
pub(super) const fn repeated(
    name: &'static str,
    kind: ValueKind,
    words: &'static str,
) -> ParameterDeclaration {
    ParameterDeclaration {
        is_repeated: true,
        ..optional(name, kind, words)
    }
}
