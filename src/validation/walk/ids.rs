//! The ids of elements: each is the only one of its resource.

use serde_json::{Map, Value};

use super::ResourceWalk;
use super::spot::Spot;
use crate::fhir::IssueCode;
use crate::fhirpath::Model;

impl<'a> ResourceWalk<'a, '_> {
    /// Checks that no other element of the resource has the id of this one. The resource's own id is not
    /// among them, and those of contained resources and entries have ids apart
    /// (<https://hl7.org/fhir/R4/element.html#id>).
    pub(super) fn check_id(&mut self, object: &'a Map<String, Value>, spot: Spot<'a, '_>) {
        let id = object.get("id").and_then(Value::as_str);
        // A definition says what it changes, and the whole, by the same ids: sdf-16 and sdf-17 ask for
        // different ones within each.
        let type_name = spot.node.type_id.map(|id| self.definitions.name(id));
        if type_name == Some("ElementDefinition") {
            return;
        }
        if let (Some(id), Some(resource), 0) = (id, spot.scope.resource.value, self.trials)
            && self.index.is_id_of_another(resource, object, id)
        {
            let at = spot.at.child("id");
            let what = "expected an id of its own, found that of another element of the resource";
            self.error(IssueCode::Duplicate, &at, what);
        }
    }
}
