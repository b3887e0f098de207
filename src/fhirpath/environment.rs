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
    /// The instant of `now()` and `today()`; none where expressions may not ask for it.
    pub now: Option<jiff::Timestamp>,
    /// `resolve()` for references that do not point into `root_resource`: returns the resource that
    /// a reference names if it is known, for instance as an entry of the same Bundle.
    pub resolve: &'a dyn Fn(&str) -> Option<Node<'a>>,
    /// `memberOf(value set)`; none if the definitions do not decide it.
    pub member_of: &'a dyn Fn(Node<'a>, &str) -> Option<bool>,
    /// `conformsTo(profile)`; none if the profile is not known.
    pub conforms_to: &'a dyn Fn(Node<'a>, &str) -> Option<bool>,
}

/// One item of a result.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// An element of the resource.
    Node(Node<'a>),
    /// A value that the expression computed.
    Value(Value),
}
