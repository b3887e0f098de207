//! The other form of a resource: FHIR XML (<https://hl7.org/fhir/R4/xml.html>), read into the JSON
//! that is stored, and written from it.
//!
//! The definitions say which element may stand where, whether it repeats and what its value is;
//! nothing is lost either way: digits, order of repetitions, ids and extensions of primitives, and
//! narratives as they are written. XML that is not well-formed is refused, and so is all that FHIR
//! has no use for: a document type, entities, other namespaces, text between elements. No entity is
//! ever expanded, and no other file ever read.
//!
//! Whether the content is right is not judged here: a value that its type does not have is handed
//! on as text, for the validator to find.

mod bundle_parts;
mod characters;
mod declaration;
mod element_path;
mod json_text;
mod markup;
mod read;
mod tags;
mod write;
mod xhtml;

pub use bundle_parts::BundleParts;
pub use read::read;
pub use tags::Layout;
pub use write::{Unwritable, write};

/// The namespace of FHIR.
const FHIR_NAMESPACE: &str = "http://hl7.org/fhir";
/// The namespace of narratives.
const XHTML_NAMESPACE: &str = "http://www.w3.org/1999/xhtml";
/// The type of a narrative's `div`, which is markup of its own.
const XHTML_TYPE: &str = "xhtml";
