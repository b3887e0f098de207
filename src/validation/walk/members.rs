//! The members of an object: each key must be an element of the type, and each element must be
//! there as often as the profile says.

use serde_json::{Map, Value};

use super::ResourceWalk;
use super::object_members::ObjectMembers;
use super::path::At;
use super::shape::Shape;
use super::spot::{ResourceScope, Spot};
use crate::fhir::IssueCode;
use crate::fhirpath::{Model, Node, TypeId};
use crate::schema::{Element, ElementType};
use crate::validation::findings::json_type;

/// The values in an object under one key, or under the two of a primitive.
struct PresentMember<'a> {
    /// The place of the element among the children.
    child: usize,
    /// The place of the type among the child's types.
    of_type: usize,
    key: &'a str,
    value: Option<&'a Value>,
    extras: Option<&'a Value>,
}

/// One of the values of an element, with its place in JSON's array.
#[derive(Clone, Copy)]
pub(super) struct Repetition<'a> {
    pub(super) index: usize,
    pub(super) node: Node<'a>,
}

/// The values of an element, all of one type.
#[derive(Clone, Copy)]
pub(super) struct Repetitions<'a, 'p> {
    pub(super) shape: Shape<'a>,
    pub(super) of_type: Option<&'a ElementType>,
    pub(super) items: &'p [Repetition<'a>],
    /// The way to the element.
    pub(super) at: &'p At<'p>,
    pub(super) scope: &'p ResourceScope<'a>,
}

impl<'a, 'p> Repetitions<'a, 'p> {
    /// Returns the way to one repetition: numbered where JSON has an array.
    pub(super) fn place(self, item: Repetition<'a>) -> At<'p> {
        if self.shape.element.is_array {
            self.at.item(item.index)
        } else {
            *self.at
        }
    }

    /// Returns the spot of one repetition, whose way is `at`.
    pub(super) fn spot<'q>(self, item: Repetition<'a>, at: &'q At<'q>) -> Spot<'a, 'q>
    where
        'p: 'q,
    {
        Spot {
            node: item.node,
            at,
            scope: self.scope,
        }
    }
}

impl<'a> ResourceWalk<'a, '_> {
    /// Checks all members of the object at a spot against the children of an element.
    pub(super) fn check_members(
        &mut self,
        members: ObjectMembers<'a>,
        object: &'a Map<String, Value>,
        spot: Spot<'a, '_>,
    ) {
        let Spot { node, at, scope } = spot;
        let type_id = node.type_id;
        if !members.is_resource() {
            self.check_id(object, spot);
        }
        let present = self.present(members, object, type_id, at);
        let mut rest = &present[..];
        for (index, child) in members.children() {
            let count = rest.iter().take_while(|one| one.child == index).count();
            let (here, after) = rest.split_at(count);
            rest = after;
            let at = at.child(&child.element.name);
            let none = Repetitions {
                shape: child,
                of_type: None,
                items: &[],
                at: &at,
                scope,
            };
            if here.is_empty() {
                self.check_items(none);
            }
            if here.len() > 1 {
                let keys: Vec<_> = here.iter().map(|one| one.key).collect();
                self.error(
                    IssueCode::Structure,
                    &at,
                    format!(
                        "expected one of {}, found {} of them",
                        keys.join(" and "),
                        keys.len()
                    ),
                );
            }
            for one in here {
                let type_id = type_id.and_then(|of| self.definitions.key_type(of, one.key));
                let of_type = child.element.types.get(one.of_type);
                if let Some(items) = self.items(child, one, type_id, &at) {
                    self.check_items(Repetitions {
                        of_type,
                        items: &items,
                        ..none
                    });
                }
            }
        }
    }

    /// Gathers the members that are present, in the order of the children. A key that belongs to no
    /// element is a finding.
    fn present(
        &mut self,
        members: ObjectMembers<'a>,
        object: &'a Map<String, Value>,
        type_id: Option<TypeId>,
        at: &At<'_>,
    ) -> Vec<PresentMember<'a>> {
        let mut present: Vec<PresentMember<'a>> = Vec::with_capacity(object.len());
        for (key, value) in object {
            let (name, is_extras) = key
                .strip_prefix('_')
                .map_or((key.as_str(), false), |name| (name, true));
            let place = members.key_place(name);
            let of_type =
                place.and_then(|(child, of_type)| members.child(child)?.element.types.get(of_type));
            let Some((child, place)) = place.filter(|_| !is_extras || self.is_primitive(of_type))
            else {
                if !(key == "resourceType" && members.is_resource()) {
                    self.unknown_member(members, key, type_id, at);
                }
                continue;
            };
            let index = present
                .iter()
                .position(|one| one.key == name)
                .unwrap_or_else(|| {
                    present.push(PresentMember {
                        child,
                        of_type: place,
                        key: name,
                        value: None,
                        extras: None,
                    });
                    present.len() - 1
                });
            if is_extras {
                present[index].extras = Some(value);
            } else {
                present[index].value = Some(value);
            }
        }
        present.sort_by_key(|one| one.child);
        present
    }

    fn is_primitive(&self, of_type: Option<&ElementType>) -> bool {
        of_type
            .and_then(|of_type| of_type.type_id)
            .is_some_and(|id| self.definitions.structure_of(id).is_primitive())
    }

    /// Adds a finding about a key that no element of the profile has. Keys are the sender's, and
    /// could hold anything: only one that looks like the name of an element is repeated.
    fn unknown_member(
        &mut self,
        members: ObjectMembers<'a>,
        key: &str,
        type_id: Option<TypeId>,
        at: &At<'_>,
    ) {
        let known_to_type = type_id
            .and_then(|of| self.definitions.key_type(of, key.trim_start_matches('_')))
            .is_some();
        let like_a_name = key.len() <= 64
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let named = if like_a_name {
            format!("'{key}'")
        } else {
            "another key".to_owned()
        };
        if known_to_type && !key.starts_with('_') {
            let choice = members
                .children()
                .map(|(_, child)| child)
                .find(|child| child.element.is_choice && key.starts_with(&*child.element.name));
            if let Some(choice) = choice {
                let at = at.child(&choice.element.name);
                let what = format!("expected {}, found {named}", type_names(choice.element));
                return self.error(IssueCode::Structure, &at, what);
            }
        }
        self.error(
            IssueCode::Structure,
            at,
            format!("expected only {}, found {named}", members.told()),
        );
    }

    /// Returns the repetitions of an element as JSON has them; none if the JSON does not have the
    /// form that the element needs.
    fn items(
        &mut self,
        child: Shape<'a>,
        one: &PresentMember<'a>,
        type_id: Option<TypeId>,
        at: &At<'_>,
    ) -> Option<Vec<Repetition<'a>>> {
        if !child.element.is_array {
            if let Some(value @ (Value::Array(_) | Value::Null)) = one.value {
                let what = format!(
                    "expected {}, found {}",
                    type_names(child.element),
                    json_type(value)
                );
                self.error(IssueCode::Structure, at, what);
                return None;
            }
            return Some(vec![Repetition {
                index: 0,
                node: Node {
                    value: one.value,
                    extras: one.extras,
                    type_id,
                },
            }]);
        }
        let values = self.array(child, one.value, at)?;
        let extras = self.array(child, one.extras, at)?;
        let mut items = Vec::with_capacity(values.len());
        for index in 0..values.len().max(extras.len()) {
            let here = |items: &'a [Value]| items.get(index).filter(|value| !value.is_null());
            let node = Node {
                value: here(values),
                extras: here(extras),
                type_id,
            };
            if node.value.is_none() && node.extras.is_none() {
                let what = format!("expected {}, found null", type_names(child.element));
                self.error(IssueCode::Structure, &at.item(index), what);
            } else {
                items.push(Repetition { index, node });
            }
        }
        Some(items)
    }

    fn array(
        &mut self,
        child: Shape<'a>,
        value: Option<&'a Value>,
        at: &At<'_>,
    ) -> Option<&'a [Value]> {
        let (found, code) = match value {
            None => return Some(&[]),
            Some(Value::Array(items)) if !items.is_empty() => return Some(items),
            Some(Value::Array(_)) if child.element.min > 0 => {
                ("an empty array", IssueCode::Required)
            }
            Some(Value::Array(_)) => ("an empty array", IssueCode::Structure),
            Some(other) => (json_type(other), IssueCode::Structure),
        };
        self.error(
            code,
            at,
            format!(
                "expected an array with {} in each place, found {found}",
                type_names(child.element)
            ),
        );
        None
    }

    /// Checks the number of an element's repetitions, and each of them.
    fn check_items(&mut self, all: Repetitions<'a, '_>) {
        self.check_count(all.shape, all.items.len(), all.at);
        if all.shape.element.slicing.is_some() {
            return self.check_sliced(all);
        }
        for item in all.items {
            self.check_item(all.shape, all.of_type, all.spot(*item, &all.place(*item)));
        }
    }

    /// Checks the number of an element's repetitions.
    fn check_count(&mut self, shape: Shape<'a>, count: usize, at: &At<'_>) {
        let element = shape.element;
        if count < element.min as usize {
            let found = if count == 0 {
                "none".to_owned()
            } else {
                format!("only {count}")
            };
            let what = if element.min == 1 {
                let known = known_systems(shape);
                format!("expected {}, found {found}{known}", type_names(element))
            } else {
                format!(
                    "expected at least {} of {}, found {found}",
                    element.min,
                    type_names(element)
                )
            };
            self.error(IssueCode::Required, at, what);
        }
        if let Some(max) = element.max
            && count > max as usize
        {
            let what = if max == 0 {
                "expected nothing: the profile does not allow this element, found it".to_owned()
            } else {
                format!("expected at most {max}, found {count}")
            };
            self.error(IssueCode::Structure, at, what);
        }
    }
}

/// Tells which systems a profile knows for the repetitions of an element, if it tells them apart so;
/// each with its name in the profile, in the profile's order.
fn known_systems(shape: Shape<'_>) -> String {
    let of_slice = |slice: Shape<'_>| {
        let mut children = slice.children();
        let system = children.find(|child| &*child.element.name == "system")?;
        let asked = system
            .element
            .fixed
            .as_ref()
            .or(system.element.pattern.as_ref())?;
        Some(format!(
            "{} ({})",
            slice.element.slice_name,
            asked.as_str()?
        ))
    };
    let known: Vec<_> = shape.slices().filter_map(of_slice).collect();
    if known.is_empty() {
        String::new()
    } else {
        format!("; the profile knows the systems of {}", known.join(", "))
    }
}

/// Names the types of an element for a finding.
pub(super) fn type_names(element: &Element) -> String {
    let mut names: Vec<&str> = Vec::new();
    for of_type in &element.types {
        if !names.contains(&&*of_type.code) {
            names.push(&of_type.code);
        }
    }
    match names[..] {
        [] => "an element".to_owned(),
        _ if names.len() > 12 => "a value".to_owned(),
        _ => names.join(" or "),
    }
}
