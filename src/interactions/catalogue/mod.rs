//! The catalogue: everything that a client can ask for, declared once. By it addresses are read,
//! requests let in, parameters read, Bundles understood, and the CapabilityStatement and the
//! OpenAPI document written. A new operation is a row here and a file of its own.

mod answers;
mod asked;
mod declaration;
pub mod documentation;
mod interactions;
mod lookup;
mod operations;
mod parameters;
mod row;

pub use asked::{GivenParameters, OperationRequest};
pub use declaration::{
    AddressForm, AnswerTime, BundleUse, Declaration, Execution, Listing, ParameterDeclaration,
    ParameterReading, Role, Types, ValueKind, Verb,
};
pub use lookup::{all, at, named, operations_at};
pub use parameters::{SentParameters, read, take_verbosity, texts};
