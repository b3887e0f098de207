//! The integration tests, one binary: through the public interface, with the real store in a
//! temporary folder.

mod deadlines;
mod demo;
mod fhirpath;
mod intake;
mod intake_command;
mod operator;
mod power_loss;
mod profiles;
mod rest;
mod rights;
mod schema;
mod search;
mod store_contract;
mod store_folder;
mod store_search;
mod subscriptions;
mod support;
mod tidy;
mod upstream;
mod validate_command;
mod validation;
mod xml;
