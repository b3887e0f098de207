//! The methods of each address, as `Allow` has them: the catalogue by which requests are let in, so
//! that no 405 tells anything else.

use super::paths::{below_base, is_beside_base, notifying};
use crate::interactions::Failure;
use crate::interactions::address::Address;

/// Returns the methods of an address.
///
/// # Errors
/// `NotFound`: there is nothing.
pub(super) fn allowed(path: &str) -> Result<String, Failure> {
    match below_base(path) {
        Some(below) => Ok(Address::read(below)?.allow()),
        None if is_beside_base(path) => Ok("GET, HEAD, OPTIONS".to_owned()),
        None if notifying(path).is_some() => Ok("POST, OPTIONS".to_owned()),
        None => Err(Failure::not_found(
            "this server has nothing at this address; FHIR is below /fhir",
        )),
    }
}
