//! The elements of a resource that an expression walks over, and the model that knows their types.

use serde_json::Value;

/// A type of a [`Model`]: a data type, a resource type, or the type of a backbone element.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TypeId {
    /// The structure that defines the type.
    pub structure: u32,
    /// The element of the structure; 0 for the structure itself.
    pub element: u32,
}

/// One element of a resource: its JSON and its type.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// Its value; none if only the extensions of a primitive were sent.
    pub value: Option<&'a Value>,
    /// The object beside a primitive that holds its `id` and `extension` (as `_birthDate`), if it
    /// was sent.
    pub extras: Option<&'a Value>,
    /// Its type; none if the model does not know the element.
    pub type_id: Option<TypeId>,
}

/// The knowledge of the definitions about types.
pub trait Model {
    /// Returns the type of the resource or data type with this name, as `Patient` or `Quantity`.
    fn type_named(&self, name: &str) -> Option<TypeId>;

    /// Returns the name of a type as FHIRPath has it: `Quantity`, `dateTime`, `Patient`;
    /// `BackboneElement` for one without a name.
    fn name(&self, type_id: TypeId) -> &str;

    /// Returns true if the type is the named one or a specialization of it, as `Patient` is a
    /// `DomainResource` and a `Resource`.
    fn is_a(&self, type_id: TypeId, name: &str) -> bool;

    /// Returns the type of the element under this key of JSON (`onsetAge`, `code`), in an object of
    /// type `of`. For an element that holds any resource it is `Resource`: the caller looks at
    /// `resourceType`.
    fn key_type(&self, of: TypeId, key: &str) -> Option<TypeId>;

    /// Returns the keys under which a choice element can stand (`onset` → `onsetDateTime`,
    /// `onsetAge` …); none if `name` is no choice element of `of`.
    fn choice_keys(&self, of: TypeId, name: &str) -> Option<&[Box<str>]>;
}
