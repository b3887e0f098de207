//! The input of an evaluation besides the element, and the items that it gives.

use serde_json::Value;

use super::model::{Model, Node};

/// Everything that an evaluation depends on besides the element. Questions to the outside are
/// answered by values and pure functions.
pub struct Environment<'a> {
    /// The types.
    pub model: &'a dyn Model,
    /// `%resource`: the resource that contains the element; it may itself be a contained one.
    pub resource: Node<'a>,
    /// `%rootResource`: the resource that contains `%resource`, or `%resource` itself.
    pub root_resource: Node<'a>,
    /// `%extension`: in a rule about where an extension may stand, the extension; none elsewhere.
    pub extension: Option<Node<'a>>,
    /// The instant of `now()`, `today()` and `timeOfDay()`, which they tell as a clock in Copenhagen;
    /// none where expressions may not ask for it.
    pub now: Option<jiff::Timestamp>,
    /// `resolve()`, asked with the text of a reference and the element that it is of, if it is one:
    /// returns the resource that the reference names if it is known, for instance as an entry of
    /// the same Bundle. What it does not know is sought among the contained ones of
    /// `root_resource`.
    pub resolve: &'a dyn Fn(&str, Option<&Value>) -> Option<Node<'a>>,
    /// `memberOf(value set)`; none if the definitions do not decide it.
    pub member_of: &'a dyn Fn(Coded<'_>, &str) -> Option<bool>,
    /// `conformsTo(profile)`; none if the profile is not known.
    pub conforms_to: &'a dyn Fn(Node<'a>, &str) -> Option<bool>,
}

/// Something that `memberOf()` is asked of.
#[derive(Clone, Copy, Debug)]
pub enum Coded<'n> {
    /// An element of the resource.
    Element(Node<'n>),
    /// A text that the expression computed: a code without a system.
    Text(&'n str),
}

/// One item of a result.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// An element of the resource.
    Node(Node<'a>),
    /// A value that the expression computed.
    Value(Value),
}
