//! The form in which a request comes: over the wire, or as an entry of a Bundle.

use super::Failure;
use super::catalogue::Declaration;
use super::condition::Condition;
use super::query::{Handling, NamedValues};
use super::read::ClientCopy;
use crate::fhir::{Resource, ResourceType};
use crate::patch::Patch;

/// A request as it came, of which only what is needed is read.
pub trait Envelope {
    /// The reason not to understand it.
    type Refusal: From<Failure>;

    /// Returns the method as it is written.
    fn method(&self) -> &str;

    /// Returns the path below the base, without its query.
    fn path(&self) -> &str;

    /// Reads the parameters of the address.
    ///
    /// # Errors
    /// `BadRequest`
    fn query(&self) -> Result<NamedValues, Self::Refusal>;

    /// Tells what to do with parameters that are not understood.
    fn handling(&self) -> Handling;

    /// Tells whether findings are wanted too that are only good to know, whatever the address says.
    fn is_verbose(&self) -> bool {
        false
    }

    /// Refuses what may not come in such an envelope.
    ///
    /// # Errors
    /// `NotAllowed`
    fn admit(&self, declared: &Declaration) -> Result<(), Self::Refusal>;

    /// Reads the resource that was sent, which must be there.
    ///
    /// # Errors
    /// `BadRequest`
    fn resource(&self) -> Result<Resource, Self::Refusal>;

    /// Reads the resource to create, of that type.
    ///
    /// # Errors
    /// `BadRequest`
    fn new_resource(&self, resource_type: ResourceType) -> Result<Resource, Self::Refusal>;

    /// Reads the patch that was sent.
    ///
    /// # Errors
    /// `BadRequest`
    fn patch(&self) -> Result<Patch, Self::Refusal>;

    /// Reads the parameters of a search that are not in its address.
    ///
    /// # Errors
    /// `BadRequest`
    fn search_parameters(&self) -> Result<NamedValues, Self::Refusal>;

    /// Reads the body of an operation, if it has one.
    ///
    /// # Errors
    /// `BadRequest`
    fn operation_body(&self, declared: &Declaration) -> Result<OperationBody, Self::Refusal>;

    /// Reads the state that a change requires.
    ///
    /// # Errors
    /// `BadRequest`
    fn condition(&self) -> Result<Condition, Self::Refusal>;

    /// Reads the version that the client has already.
    fn client_copy(&self) -> ClientCopy;

    /// Reads the criteria of a conditional create.
    ///
    /// # Errors
    /// `BadRequest`
    fn if_none_exist(&self) -> Result<Option<String>, Self::Refusal>;

    /// Tells whether its address stood on the way here, so that nothing in it is hidden any more.
    fn is_address_shown(&self) -> bool {
        false
    }

    /// Returns the address under which other entries may name the resource.
    fn full_url(&self) -> Option<String> {
        None
    }

    /// Returns its place among the entries of a Bundle; none if it comes alone.
    fn place(&self) -> Option<usize> {
        None
    }
}

/// The body of an operation.
pub enum OperationBody {
    /// There is none.
    Nothing,
    /// A resource, most often Parameters.
    Resource(Resource),
    /// Parameters in a form.
    Form(NamedValues),
}
