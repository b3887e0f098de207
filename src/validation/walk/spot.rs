//! A spot of a walk: a value, the way to it, and the resources around it.

use super::path::At;
use crate::fhirpath::Node;

/// A value where it stands.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a, 'p> {
    pub(super) node: Node<'a>,
    /// The way from the resource to it.
    pub(super) at: &'p At<'p>,
    pub(super) scope: &'p ResourceScope<'a>,
}

/// The resources around a value, which its rules and references are about.
#[derive(Clone, Copy)]
pub(super) struct ResourceScope<'a> {
    /// The resource that the value is in; of a contained resource, itself.
    pub(super) resource: Node<'a>,
    /// The resource that contains that one, or the same.
    pub(super) root: Node<'a>,
    /// The Bundle around it, if there is one.
    pub(super) bundle: Option<InBundle>,
    /// The extension whose place is being checked.
    pub(super) extension: Option<Node<'a>>,
}

/// An entry of a Bundle.
#[derive(Clone, Copy)]
pub(super) struct InBundle {
    /// The place of the Bundle among those that the walk is in.
    pub(super) bundle: usize,
    /// The place of the entry in the Bundle.
    pub(super) entry: usize,
}
