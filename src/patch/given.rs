//! Values as the Parameters of a FHIRPath Patch give them: of a data type, in parts where the type
//! has no name of its own, or a resource.

use serde_json::{Map, Value};

use super::elements::{Member, Pair, put, slot};
use crate::fhirpath::TypeId;
use crate::schema::Definitions;

/// A value.
#[derive(Debug)]
pub(super) enum Given {
    /// Of the data type whose name, with a capital letter, follows `value`; for a primitive also
    /// what stands beside it.
    Typed {
        suffix: String,
        value: Option<Value>,
        extras: Option<Value>,
    },
    /// Member by member.
    Parts(Vec<(String, Given)>),
    /// A resource.
    Resource(Value),
}

impl Given {
    /// Reads the part `value` of an operation, or a part of one.
    pub(super) fn read(part: &Value) -> Result<Given, &'static str> {
        if let Some(parts) = part.get("part") {
            let parts = parts.as_array().ok_or("expected 'part' to be an array")?;
            let named = |part: &Value| match part["name"].as_str() {
                Some(name) => Ok((name.to_owned(), Given::read(part)?)),
                None => Err("expected each part to have a name"),
            };
            return Ok(Given::Parts(
                parts.iter().map(named).collect::<Result<_, _>>()?,
            ));
        }
        if let Some(resource) = part.get("resource") {
            return Ok(Given::Resource(resource.clone()));
        }
        let members = part
            .as_object()
            .ok_or("expected a part of a Parameters resource")?;
        let (mut suffixes, mut pair): (Vec<&str>, Pair) = (Vec::new(), (None, None));
        for (key, member) in members {
            if let Some(suffix) = key.strip_prefix("_value") {
                suffixes.push(suffix);
                pair.1 = Some(member.clone());
            } else if let Some(suffix) = key.strip_prefix("value") {
                suffixes.push(suffix);
                pair.0 = Some(member.clone());
            }
        }
        suffixes.dedup();
        match suffixes[..] {
            [suffix] if !suffix.is_empty() => Ok(Given::Typed {
                suffix: suffix.to_owned(),
                value: pair.0,
                extras: pair.1,
            }),
            _ => Err("expected one value, or parts"),
        }
    }

    /// Returns the end of the key under which it stands in a choice of types.
    pub(super) fn suffix(&self) -> &str {
        match self {
            Given::Typed { suffix, .. } => suffix,
            Given::Parts(_) | Given::Resource(_) => "",
        }
    }

    /// Returns the value as an element of that type has it.
    pub(super) fn pair(
        &self,
        of: Option<TypeId>,
        definitions: &Definitions,
    ) -> Result<Pair, String> {
        match self {
            Given::Typed { value, extras, .. } => Ok((value.clone(), extras.clone())),
            Given::Resource(resource) => Ok((Some(resource.clone()), None)),
            Given::Parts(parts) => {
                let mut object = Map::new();
                for (name, given) in parts {
                    let Member {
                        key,
                        repeats,
                        type_id,
                    } = slot(definitions, of, name, given.suffix())?;
                    put(
                        &mut object,
                        &key,
                        repeats,
                        given.pair(type_id, definitions)?,
                    )?;
                }
                Ok((Some(Value::Object(object)), None))
            }
        }
    }
}
