//! The names of guards: each moves when something is written that a derivation reads.
//! - `person/<Patient id>`: any resource about the person, and the person's Tasks;
//! - `resource/<key>`: an Organization or PractitionerRole that facts depend on;
//! - `dependents/<key>`: who depends on that Organization or PractitionerRole;
//! - `practices`: the operator's table of general practices;
//! - `subscriptions`: who follows what.

use crate::fhir::{Id, ResourceKey};
use crate::storage::Guard;

/// Returns the guard of everything about a person.
pub(in crate::interactions) fn person(id: &Id) -> Guard {
    Guard(format!("person/{id}"))
}

/// Returns the guard of an Organization or PractitionerRole itself.
pub(in crate::interactions) fn resource(key: &ResourceKey) -> Guard {
    Guard(format!("resource/{key}"))
}

/// Returns the guard of who depends on an Organization or PractitionerRole.
pub(super) fn dependents(key: &ResourceKey) -> Guard {
    Guard(format!("dependents/{key}"))
}

/// Returns the guard of the operator's table of general practices.
pub(in crate::interactions) fn practices() -> Guard {
    Guard("practices".to_owned())
}

/// Returns the guard of who follows what.
pub(in crate::interactions) fn subscriptions() -> Guard {
    Guard("subscriptions".to_owned())
}
