//! The definitions that resources are checked against: packages as published, compiled once.
//!
//! A [`Package`] is read from bytes and condensed to what a check needs, one definition per line;
//! [`Definitions`] indexes the lines and compiles a definition when it is first asked for. The R4
//! core package is embedded in condensed form. Nothing here opens a file, reads a clock or looks at
//! a resource. <https://hl7.org/fhir/R4/structuredefinition.html>,
//! <https://hl7.org/fhir/R4/elementdefinition.html>

mod code_system;
mod compile;
mod condense;
mod definition_json;
mod definitions;
mod element_tree;
pub mod guide;
mod membership;
mod model;
mod package;
mod search_parameter;
mod shelf;
pub mod structure;
mod unit_scale;
mod units;
mod value_set;
mod well_known;

pub use code_system::{CodeSystem, CodeSystemContent, Concept};
pub use condense::Unusable;
pub use definitions::{Definitions, Unevaluated};
pub use membership::{Doubt, Membership};
pub use model::MemberDefinition;
pub use package::{Package, PackageError};
pub use search_parameter::{SearchParameter, alternatives, search_parameters};
pub use structure::{
    Binding, Constraint, ContextKind, Discriminator, DiscriminatorKind, Element, ElementType,
    ExtensionContext, Slicing, SlicingRules, Strength, Structure, StructureKind,
};
pub use unit_scale::UnitRatio;
pub use value_set::{Expansion, PropertyFilter, Selection, ValueSet};
