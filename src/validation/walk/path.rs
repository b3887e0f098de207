//! The way from the resource to an element, written out only when a finding needs it.

use std::fmt;

use crate::fhirpath::Node;

/// One step on the way to an element.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'p> {
    parent: Option<&'p At<'p>>,
    name: &'p str,
    index: Option<usize>,
    /// The value there, once that is known.
    node: Option<Node<'p>>,
}

impl<'p> At<'p> {
    /// Returns the way to the resource itself, or to the type that a walk begins with.
    pub(super) fn root(name: &'p str) -> At<'p> {
        At {
            parent: None,
            name,
            index: None,
            node: None,
        }
    }

    /// Returns the way to the element of that name.
    pub(super) fn child(&'p self, name: &'p str) -> At<'p> {
        At {
            parent: Some(self),
            name,
            index: None,
            node: None,
        }
    }

    /// Returns the way to a repetition of the element.
    pub(super) fn item(self, index: usize) -> At<'p> {
        At {
            index: Some(index),
            ..self
        }
    }

    /// Returns the same way, knowing the value there.
    pub(super) fn holding(self, node: Node<'p>) -> At<'p> {
        At {
            node: Some(node),
            ..self
        }
    }

    /// Returns the name of the element.
    pub(super) fn name(&self) -> &'p str {
        self.name
    }

    /// Returns the number of the repetition, if it is one.
    pub(super) fn index(&self) -> Option<usize> {
        self.index
    }

    /// Returns the way to the element around it.
    pub(super) fn parent(&self) -> Option<&'p At<'p>> {
        self.parent
    }

    /// Returns the value there, if that is known.
    pub(super) fn node(&self) -> Option<Node<'p>> {
        self.node
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(self.name)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}
