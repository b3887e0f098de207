//! Repetitions that are told apart (<https://hl7.org/fhir/R4/profiling.html#slicing>).
//!
//! An item belongs to the first slice whose discriminators it meets; it is then held against that
//! slice, which has all that the sliced element has and more.

use serde_json::Value;

use super::members::{Repetition, place};
use super::path::At;
use super::{Scope, Shape, Walk, value};
use crate::fhir::{IssueCode, Severity, view};
use crate::fhirpath::Node;
use crate::schema::{Discriminator, ElementType, SlicingRules};

/// An item in its slice, by the slice's place among the slices.
struct Sorted<'a> {
    slice: Option<usize>,
    item: Repetition<'a>,
}

impl<'a> Walk<'a, '_> {
    /// Holds each item against the slice that it belongs to, or else against the sliced element;
    /// counts each slice.
    pub(super) fn check_sliced(
        &mut self,
        sliced: Shape<'a>,
        of_type: Option<&'a ElementType>,
        items: &[Repetition<'a>],
        at: &At<'_>,
        scope: Scope<'a>,
    ) {
        let Some(slicing) = &sliced.element.slicing else {
            return;
        };
        let slices: Vec<_> = sliced.slices().collect();
        let mut sorted = Vec::with_capacity(items.len());
        for item in items {
            let is_in = |slice: &&Shape<'a>| {
                self.is_in(
                    sliced,
                    **slice,
                    &slicing.discriminators,
                    of_type,
                    item.found,
                    scope,
                )
            };
            let mut matching = slices.iter().enumerate().filter(|(_, slice)| is_in(slice));
            let (slice, other) = (matching.next(), matching.next());
            if let (Some((_, one)), Some((_, other))) = (slice, other) {
                let what = format!(
                    "expected one slice at most, found both '{}' and '{}'",
                    one.element.slice_name, other.element.slice_name
                );
                self.error(IssueCode::Structure, &place(sliced, *at, item.index), what);
            }
            sorted.push(Sorted {
                slice: slice.map(|(number, _)| number),
                item: *item,
            });
        }
        for (number, slice) in slices.iter().enumerate() {
            let members: Vec<_> = sorted
                .iter()
                .filter(|item| item.slice == Some(number))
                .collect();
            self.check_slice_count(*slice, &members, sliced, at);
            if slice.element.slicing.is_some() && !slice.element.slices.is_empty() {
                let again: Vec<_> = members.iter().map(|member| member.item).collect();
                self.check_sliced(*slice, of_type, &again, at, scope);
            }
        }
        for Sorted { slice, item } in &sorted {
            let at = place(sliced, *at, item.index);
            let shape = slice.map_or(sliced, |number| slices[number]);
            let resliced = slice.is_some()
                && shape.element.slicing.is_some()
                && !shape.element.slices.is_empty();
            if slice.is_none() && slicing.rules == SlicingRules::Closed {
                let names: Vec<_> = slices
                    .iter()
                    .map(|slice| &*slice.element.slice_name)
                    .collect();
                self.error(
                    IssueCode::Structure,
                    &at,
                    format!(
                        "expected one of the slices {}, found something else",
                        names.join(", ")
                    ),
                );
            }
            if !resliced {
                let of_type = type_in(shape, of_type, &at, self);
                self.check_item(shape, of_type, item.found, &at, scope);
            }
        }
        self.check_order(slicing.ordered, slicing.rules, &sorted, sliced, at);
    }

    fn check_slice_count(
        &mut self,
        slice: Shape<'a>,
        members: &[&Sorted<'a>],
        sliced: Shape<'a>,
        at: &At<'_>,
    ) {
        let element = slice.element;
        let name = &element.slice_name;
        if members.len() < element.min as usize {
            let found = if members.is_empty() {
                "none".to_owned()
            } else {
                format!("only {}", members.len())
            };
            let what = format!(
                "expected at least {} of the slice '{name}' ({}), found {found}",
                element.min,
                telling(slice)
            );
            self.error(IssueCode::Required, at, what);
        }
        if let Some(max) = element.max {
            for Sorted { item, .. } in members.iter().skip(max as usize) {
                let what = format!(
                    "expected at most {max} of the slice '{name}' ({}), found one more",
                    telling(slice)
                );
                self.error(IssueCode::Structure, &place(sliced, *at, item.index), what);
            }
        }
    }

    fn check_order(
        &mut self,
        ordered: bool,
        rules: SlicingRules,
        sorted: &[Sorted<'a>],
        sliced: Shape<'a>,
        at: &At<'_>,
    ) {
        let mut last = 0;
        let mut open_since: Option<usize> = None;
        for Sorted { slice, item } in sorted {
            let Some(slice) = *slice else {
                open_since = open_since.or(Some(item.index));
                continue;
            };
            if ordered && slice < last {
                self.error(
                    IssueCode::Structure,
                    &place(sliced, *at, item.index),
                    "expected the slices in the order of the profile, found another order",
                );
            }
            if rules == SlicingRules::OpenAtEnd && open_since.is_some() {
                self.error(
                    IssueCode::Structure,
                    &place(sliced, *at, item.index),
                    "expected what is in no slice at the end, found a slice after it",
                );
            }
            last = last.max(slice);
        }
    }

    fn is_in(
        &self,
        sliced: Shape<'a>,
        slice: Shape<'a>,
        discriminators: &'a [Discriminator],
        of_type: Option<&'a ElementType>,
        found: Node<'a>,
        scope: Scope<'a>,
    ) -> bool {
        if discriminators.is_empty() {
            // Without a discriminator only the types of a choice tell its slices apart; nothing
            // tells those of another element.
            return sliced.element.is_choice
                && of_type
                    .is_some_and(|of| slice.element.types.iter().any(|one| one.code == of.code));
        }
        if let (Some(of), [Discriminator { path, .. }]) =
            (slice.element.types.first(), discriminators)
            && &*of.code == "Extension"
            && &**path == "url"
            && !of.profiles.is_empty()
        {
            // The address of an extension is that of its definition, also of one that is not at
            // hand.
            let url = found
                .value
                .and_then(|value| value.get("url"))
                .and_then(Value::as_str);
            return url.is_some_and(|url| {
                of.profiles
                    .iter()
                    .any(|profile| view::without_version(profile) == url)
            });
        }
        discriminators
            .iter()
            .all(|discriminator| self.meets(slice, discriminator, of_type, found, scope))
    }
}

/// The type of an item in the slice that it belongs to; a finding if the slice does not have the
/// type.
fn type_in<'a>(
    shape: Shape<'a>,
    of_type: Option<&'a ElementType>,
    at: &At<'_>,
    walk: &mut Walk<'a, '_>,
) -> Option<&'a ElementType> {
    let wanted = of_type?;
    let found = shape
        .element
        .types
        .iter()
        .find(|one| one.code == wanted.code);
    if found.is_none() {
        let what = format!(
            "expected {}, found {}",
            super::members::type_names(shape.element),
            wanted.code
        );
        walk.sink
            .add(Severity::Error, IssueCode::Structure, at, "", &what);
    }
    found.or(of_type)
}

/// What tells a slice from others, in words.
fn telling(slice: Shape<'_>) -> String {
    let own = slice
        .element
        .pattern
        .as_ref()
        .or(slice.element.fixed.as_ref());
    let parts: Vec<_> = own
        .map(value::describe)
        .into_iter()
        .chain(slice.children().filter_map(|child| {
            let asked = child
                .element
                .fixed
                .as_ref()
                .or(child.element.pattern.as_ref())?;
            Some(format!("{} {}", child.element.name, value::describe(asked)))
        }))
        .collect();
    if parts.is_empty() {
        super::members::type_names(slice.element)
    } else {
        parts.join(", ")
    }
}
