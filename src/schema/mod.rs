//! The definitions that a resource is held against: packages as published, compiled once.
//!
//! Loading reads bytes that it is given; nothing here opens a file, reads a clock or looks at a resource.
//! <https://hl7.org/fhir/R4/structuredefinition.html>, <https://hl7.org/fhir/R4/elementdefinition.html>

pub mod structure;

pub use structure::{
    Binding, Constraint, ContextKind, Discriminator, DiscriminatorKind, Element, ElementType, ExtensionContext, Slicing, SlicingRules,
    Strength, Structure, StructureKind,
};
