//! The methods of each address, as `Allow` has them: the table by which requests are let in, so
//! that no 405 tells anything else.

use super::capability::{Interaction, interactions_of};
use super::paths::{below_base, is_beside_base};
use crate::fhir::ResourceType;
use crate::interactions::Failure;
use crate::interactions::address::Address;

/// Returns the methods of an address.
///
/// # Errors
/// `NotFound`: there is nothing.
pub(super) fn allowed(path: &str) -> Result<&'static str, Failure> {
    const LOOKED_AT: &str = "GET, HEAD, OPTIONS";
    let Some(below) = below_base(path) else {
        return if is_beside_base(path) {
            Ok(LOOKED_AT)
        } else {
            Err(Failure::not_found(
                "this server has nothing at this address; FHIR is below /fhir",
            ))
        };
    };
    let has = |resource_type: ResourceType, interaction| {
        interactions_of(resource_type).contains(&interaction)
    };
    Ok(match Address::read(below)? {
        Address::SystemSearch
        | Address::TypeSearch(_)
        | Address::CompartmentSearch(..)
        | Address::TypeValidate(_) => "POST, OPTIONS",
        Address::System | Address::Everything(_) => "GET, HEAD, POST, OPTIONS",
        Address::Metadata
        | Address::SystemHistory
        | Address::TypeHistory(_)
        | Address::InstanceHistory(_)
        | Address::Version(..) => LOOKED_AT,
        Address::Type(resource_type) if has(resource_type, Interaction::Create) => {
            "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        }
        Address::Instance(key) if has(key.resource_type, Interaction::Update) => {
            "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"
        }
        Address::Type(_) | Address::Instance(_) | Address::Compartment(..) => LOOKED_AT,
        Address::Validate(_) | Address::Rights(_) | Address::Meta(_) => "GET, HEAD, POST, OPTIONS",
        Address::SubscriptionStatuses
        | Address::SubscriptionStatus(_)
        | Address::SubscriptionEvents(_)
        | Address::WebhookSecret(_) => "GET, HEAD, POST, OPTIONS",
        Address::MetaChange(..) => "POST, OPTIONS",
        // To look at the head alone would begin an export too, or give a token to nobody.
        Address::Export(_) | Address::BindingToken(_) => "GET, POST, OPTIONS",
        Address::Reindex => "POST, OPTIONS",
        Address::Job(_) => "GET, HEAD, DELETE, OPTIONS",
        Address::JobFile(..) => LOOKED_AT,
        Address::Resend(_) => "POST, OPTIONS",
        Address::Websocket => "GET, OPTIONS",
    })
}
