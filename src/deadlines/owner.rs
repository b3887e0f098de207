//! The party that is responsible for a right, as its Task names it.

use serde_json::{Map, Value};

use crate::fhir::names;
use crate::fhir::reference::Reference;

/// The Reference in `Task.owner`: address and identifier only. A display can be a name, and a CPR
/// number stays where it was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskOwner {
    /// The address: of a resource of this server without a version, or of another server.
    address: Option<String>,
    identifier: Option<OwnerIdentifier>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct OwnerIdentifier {
    system: Option<String>,
    value: String,
}

impl TaskOwner {
    /// Reads a Reference element; none if it has neither an address nor an identifier to name.
    pub(super) fn read(element: &Value) -> Option<TaskOwner> {
        let address = match Reference::read(element) {
            Reference::Local(key, _) => Some(key.to_string()),
            Reference::External(address) => Some(address.to_owned()),
            Reference::Contained(_)
            | Reference::Urn(_)
            | Reference::Conditional(_)
            | Reference::Logical(..)
            | Reference::None => None,
        };
        let system = element["identifier"]["system"].as_str();
        let identifier = element["identifier"]["value"]
            .as_str()
            .filter(|_| system != Some(names::CPR))
            .map(|value| OwnerIdentifier {
                system: system.map(str::to_owned),
                value: value.to_owned(),
            });
        (address.is_some() || identifier.is_some()).then_some(TaskOwner {
            address,
            identifier,
        })
    }

    /// Returns the Reference element.
    pub fn to_reference(&self) -> Value {
        let mut reference = Map::new();
        if let Some(address) = &self.address {
            reference.insert("reference".into(), address.as_str().into());
        }
        if let Some(OwnerIdentifier { system, value }) = &self.identifier {
            let mut identifier = Map::new();
            if let Some(system) = system {
                identifier.insert("system".into(), system.as_str().into());
            }
            identifier.insert("value".into(), value.as_str().into());
            reference.insert("identifier".into(), Value::Object(identifier));
        }
        Value::Object(reference)
    }
}
