//! FHIRPath, compiled once and evaluated over parsed JSON (<http://hl7.org/fhirpath/N1/>, <https://hl7.org/fhir/R4/fhirpath.html>).
//!
//! The language is exactly what invariants, search parameters and FHIRPath Patch need: anything
//! else is an error when an expression is compiled, never a silent pass. Nothing here reads a
//! clock, a file or a store; the types of elements come from a [`Model`]. Where the specification
//! leaves room, the answers are those of the public HL7 validator.

mod arithmetic;
mod call;
mod compare;
mod convert;
mod decimal;
mod environment;
mod errata;
mod error;
mod evaluate;
mod expression;
mod math;
mod model;
mod navigate;
mod operand;
mod operators;
mod parse;
mod pattern;
mod syntax;
mod temporal;
mod text;
mod token;
mod tree;
mod types;

pub use environment::{Coded, Environment, Item};
pub use error::{CompileError, EvaluationError};
pub use expression::{AskedDefinition, Expression};
pub use model::{Model, Node, TypeId};
