//! The place of an element in a resource, as FHIRPath writes it.

use std::fmt;

/// The names of the elements that are open, from the resource down; a repeating one with its place.
#[derive(Debug, Default)]
pub(super) struct ElementPath {
    steps: Vec<(String, Option<usize>)>,
}

impl ElementPath {
    /// Goes into an element.
    pub(super) fn enter(&mut self, name: &str, place: Option<usize>) {
        self.steps.push((name.to_owned(), place));
    }

    /// Goes back to what contains it.
    pub(super) fn leave(&mut self) {
        self.steps.pop();
    }
}

impl fmt::Display for ElementPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, place)) in self.steps.iter().enumerate() {
            let point = if at == 0 { "" } else { "." };
            write!(f, "{point}{name}")?;
            if let Some(place) = place {
                write!(f, "[{place}]")?;
            }
        }
        Ok(())
    }
}
