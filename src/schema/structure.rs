//! One StructureDefinition, compiled: its snapshot as a tree in which a walk over JSON finds
//! elements by key.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::fhirpath::{CompileError, Expression, TypeId};

/// A compiled StructureDefinition.
#[derive(Debug)]
pub struct Structure {
    /// Its canonical address, without version.
    pub url: Box<str>,
    /// Its version, or empty.
    pub version: Box<str>,
    /// The type that it constrains, as `Condition` or `Extension`.
    pub type_name: Box<str>,
    /// The kind of thing that it describes.
    pub kind: StructureKind,
    /// True for a profile (`derivation` = `constraint`), false for the definition of a type.
    pub is_constraint: bool,
    /// True if nothing can be of exactly this type.
    pub is_abstract: bool,
    /// The canonical address of the definition that it is based on, or empty.
    pub base: Box<str>,
    /// The places where the extension that it defines may stand; empty if it defines none.
    pub contexts: Box<[ExtensionContext]>,
    /// The rules, in FHIRPath, for an element on which the extension stands.
    pub context_invariants: Box<[Arc<Constraint>]>,
    /// The elements of its snapshot, in order; the first is the root. Children and slices are
    /// indices into these.
    pub elements: Box<[Element]>,
}

/// The kind of thing that a structure describes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are FHIR's")]
pub enum StructureKind {
    PrimitiveType,
    ComplexType,
    Resource,
    Logical,
}

/// A place where an extension may stand.
#[derive(Debug)]
pub struct ExtensionContext {
    /// The kind of the expression.
    pub kind: ContextKind,
    /// An element, as `Condition` or `Element`; a FHIRPath; or the address of an extension.
    pub expression: Box<str>,
}

/// The kind of the expression of an [`ExtensionContext`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are FHIR's")]
pub enum ContextKind {
    Element,
    Extension,
    FhirPath,
}

/// A compiled ElementDefinition.
#[derive(Debug)]
pub struct Element {
    /// Its id in the snapshot, as `Condition.code.coding:sks`.
    pub id: Box<str>,
    /// Its path, as `Condition.onset[x]`.
    pub path: Box<str>,
    /// The last part of its path without `[x]`, as `onset`.
    pub name: Box<str>,
    /// Its name in its slicing, or empty.
    pub slice_name: Box<str>,
    /// The least number of times that it must be there.
    pub min: u32,
    /// The greatest number of times that it may be there; none for `*`.
    pub max: Option<u32>,
    /// True if it stands in JSON as an array: the base definition lets it repeat.
    pub is_array: bool,
    /// True for a choice of types, `[x]`.
    pub is_choice: bool,
    /// Its types; empty for the root of a type, and for one that is defined by the content of
    /// another element.
    pub types: Box<[ElementType]>,
    /// The element of the same structure whose children it has (`contentReference`).
    pub content_of: Option<usize>,
    /// The address of the structure, and after `#` the id of its element, of which it has the
    /// children, if `contentReference` names another structure.
    pub content_elsewhere: Option<Box<str>>,
    /// The value that it must have exactly.
    pub fixed: Option<Value>,
    /// The value that it must contain.
    pub pattern: Option<Value>,
    /// The codes that it is bound to.
    pub binding: Option<Binding>,
    /// The most characters that it may have.
    pub max_length: Option<u32>,
    /// The least value that it may have, as FHIR JSON.
    pub min_value: Option<Value>,
    /// The greatest value that it may have, as FHIR JSON.
    pub max_value: Option<Value>,
    /// The rules about it, those of its type's root among them, each key once.
    pub constraints: Box<[Arc<Constraint>]>,
    /// Its children in the snapshot, in order, without slices; empty if its type says what it
    /// contains.
    pub children: Box<[usize]>,
    /// The children in JSON: key, place in `children`, and place in the child's `types`; sorted by
    /// key.
    pub keys: Box<[(Box<str>, usize, usize)]>,
    /// The keys under which it can itself stand in JSON, if it is a choice of types; in the order
    /// of its types.
    pub choice_keys: Box<[Box<str>]>,
    /// The rule by which its repetitions are told apart.
    pub slicing: Option<Slicing>,
    /// The elements that are its slices, in order.
    pub slices: Box<[usize]>,
    /// True if a receiver must not ignore it.
    pub is_modifier: bool,
    /// True if it is part of a summary.
    pub is_summary: bool,
    /// True if it stands in XML as an attribute (`representation` = `xmlAttr`).
    pub is_attribute: bool,
}

/// One type of an element.
#[derive(Debug)]
pub struct ElementType {
    /// The name of the type, as `Quantity` or `string`; the FHIR types of `id` and `value`
    /// elements that FHIRPath system types stand for.
    pub code: Box<str>,
    /// The definition of that type.
    pub type_id: Option<TypeId>,
    /// Profiles on the type, one of which a value must fit.
    pub profiles: Box<[Box<str>]>,
    /// Profiles on the target of a Reference or canonical, one of which the target must fit.
    pub target_profiles: Box<[Box<str>]>,
    /// The ways in which a target may be reached (`contained`, `referenced`, `bundled`); empty for
    /// any way.
    pub aggregation: Box<[Box<str>]>,
    /// True if a reference must name a version of its target, false if it must not (`versioning`);
    /// none if it may.
    pub is_of_version: Option<bool>,
}

/// The codes that an element is bound to.
#[derive(Debug)]
pub struct Binding {
    /// The strength of the binding.
    pub strength: Strength,
    /// The canonical address of the value set, perhaps with `|version`.
    pub value_set: Box<str>,
    /// The canonical address of the value set that no code may be outside of (extension
    /// `maxValueSet`), whatever the strength.
    pub max_value_set: Option<Box<str>>,
}

/// The strength of a binding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "the names are FHIR's")]
pub enum Strength {
    Example,
    Preferred,
    Extensible,
    Required,
}

/// A rule in FHIRPath.
#[derive(Debug)]
pub struct Constraint {
    /// Its key, as `con-3`.
    pub key: Box<str>,
    /// True for an error, false for a warning.
    pub is_error: bool,
    /// True if it is no more than good practice (extension `bestpractice`).
    pub is_best_practice: bool,
    /// The rule in words.
    pub human: Box<str>,
    /// The expression as published; empty if it is in words only.
    pub expression: Box<str>,
    /// The expression compiled when it was first asked for, or the reason why it cannot be.
    pub compiled: OnceLock<Result<Expression, CompileError>>,
}

impl Constraint {
    /// Returns the expression, compiled now if it never was.
    ///
    /// # Errors
    /// The expression is not supported, or the rule is in words only.
    pub fn evaluable(&self) -> Result<&Expression, &CompileError> {
        let compile = || match &*self.expression {
            "" => Err(CompileError("the rule has no expression".to_owned())),
            expression => Expression::compile(expression),
        };
        self.compiled.get_or_init(compile).as_ref()
    }
}

/// The rule by which repetitions of an element are told apart.
#[derive(Debug)]
pub struct Slicing {
    /// The discriminators; none if slices are told apart only by order or not at all.
    pub discriminators: Box<[Discriminator]>,
    /// The rule for repetitions that are in no slice.
    pub rules: SlicingRules,
    /// True if they must come in the order of the slices.
    pub ordered: bool,
}

/// A property that tells slices apart.
#[derive(Debug)]
pub struct Discriminator {
    /// The kind of the property.
    pub kind: DiscriminatorKind,
    /// The element, as `$this` or `coding.system` or `resolve().code`.
    pub path: Box<str>,
}

/// The kind of property that tells slices apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are FHIR's")]
pub enum DiscriminatorKind {
    Value,
    Pattern,
    Type,
    Exists,
    Profile,
}

/// The rule for repetitions that are in no slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are FHIR's")]
pub enum SlicingRules {
    Open,
    Closed,
    OpenAtEnd,
}

impl Structure {
    /// Returns true for a primitive type, as `date`, and for a profile on one.
    pub fn is_primitive(&self) -> bool {
        self.kind == StructureKind::PrimitiveType
    }

    /// Returns true for a type of resource, and for a profile on one.
    pub fn is_resource(&self) -> bool {
        self.kind == StructureKind::Resource
    }
}
