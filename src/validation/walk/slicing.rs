//! Repetitions that are told apart (<https://hl7.org/fhir/R4/profiling.html#slicing>).
//!
//! An item belongs to the first slice whose discriminators it meets; it is then checked against
//! that slice, which has all that the sliced element has and more.

use serde_json::Value;

use super::ResourceWalk;
use super::members::{Repetition, Repetitions, type_names};
use super::path::At;
use super::shape::Shape;
use super::value;
use crate::fhir::{IssueCode, view};
use crate::fhirpath::Node;
use crate::schema::{Discriminator, ElementType, Slicing, SlicingRules};

/// An item in its slice, by the slice's place among the slices.
struct SlicedItem<'a> {
    slice: Option<usize>,
    item: Repetition<'a>,
}

impl<'a> ResourceWalk<'a, '_> {
    /// Checks each item against the slice that it belongs to, or else against the sliced element;
    /// counts each slice.
    pub(super) fn check_sliced(&mut self, sliced: Repetitions<'a, '_>) {
        let Some(slicing) = &sliced.shape.element.slicing else {
            return;
        };
        let slices: Vec<_> = sliced.shape.slices().collect();
        let sorted = self.sort(slicing, &slices, sliced);
        for (number, slice) in slices.iter().enumerate() {
            let members: Vec<_> = sorted
                .iter()
                .filter(|one| one.slice == Some(number))
                .map(|one| one.item)
                .collect();
            let members = Repetitions {
                items: &members,
                ..sliced
            };
            self.check_slice_count(*slice, members);
            if is_resliced(*slice) {
                self.check_sliced(Repetitions {
                    shape: *slice,
                    ..members
                });
            }
        }
        for one in &sorted {
            self.check_sliced_item(slicing, &slices, one, sliced);
        }
        self.check_order(slicing, &sorted, sliced);
    }

    /// Finds the slice of each item; one that is in two of them is a finding.
    fn sort(
        &mut self,
        slicing: &'a Slicing,
        slices: &[Shape<'a>],
        sliced: Repetitions<'a, '_>,
    ) -> Vec<SlicedItem<'a>> {
        let mut sorted = Vec::with_capacity(sliced.items.len());
        for item in sliced.items {
            let is_in = |slice: &&Shape<'a>| {
                self.is_in(**slice, &slicing.discriminators, item.node, sliced)
            };
            let mut matching = slices.iter().enumerate().filter(|(_, slice)| is_in(slice));
            let (slice, other) = (matching.next(), matching.next());
            if let (Some((_, one)), Some((_, other))) = (slice, other) {
                let what = format!(
                    "expected one slice at most, found both '{}' and '{}'",
                    one.element.slice_name, other.element.slice_name
                );
                self.error(IssueCode::Structure, &sliced.place(*item), what);
            }
            sorted.push(SlicedItem {
                slice: slice.map(|(number, _)| number),
                item: *item,
            });
        }
        sorted
    }

    /// Checks an item against its slice; one that is sliced again was checked there.
    fn check_sliced_item(
        &mut self,
        slicing: &Slicing,
        slices: &[Shape<'a>],
        one: &SlicedItem<'a>,
        sliced: Repetitions<'a, '_>,
    ) {
        let at = sliced.place(one.item);
        let Some(shape) = one.slice.map(|number| slices[number]) else {
            if slicing.rules == SlicingRules::Closed {
                let names: Vec<_> = slices
                    .iter()
                    .map(|slice| &*slice.element.slice_name)
                    .collect();
                let what = format!(
                    "expected one of the slices {}, found something else",
                    names.join(", ")
                );
                self.error(IssueCode::Structure, &at, what);
            }
            let of_type = self.type_in(sliced.shape, sliced.of_type, &at);
            return self.check_item(sliced.shape, of_type, sliced.spot(one.item, &at));
        };
        if !is_resliced(shape) {
            let of_type = self.type_in(shape, sliced.of_type, &at);
            self.check_item(shape, of_type, sliced.spot(one.item, &at));
        }
    }

    /// Checks the number of a slice's members.
    fn check_slice_count(&mut self, slice: Shape<'a>, members: Repetitions<'a, '_>) {
        let element = slice.element;
        let name = &element.slice_name;
        let count = members.items.len();
        if count < element.min as usize {
            let found = if count == 0 {
                "none".to_owned()
            } else {
                format!("only {count}")
            };
            let what = format!(
                "expected at least {} of the slice '{name}' ({}), found {found}",
                element.min,
                telling(slice)
            );
            self.error(IssueCode::Required, members.at, what);
        }
        if let Some(max) = element.max {
            for item in members.items.iter().skip(max as usize) {
                let what = format!(
                    "expected at most {max} of the slice '{name}' ({}), found one more",
                    telling(slice)
                );
                self.error(IssueCode::Structure, &members.place(*item), what);
            }
        }
    }

    /// Checks the order of the slices, and that items in no slice are at the end if they must be.
    fn check_order(
        &mut self,
        slicing: &Slicing,
        sorted: &[SlicedItem<'a>],
        sliced: Repetitions<'a, '_>,
    ) {
        let mut last = 0;
        let mut is_open = false;
        for SlicedItem { slice, item } in sorted {
            let Some(slice) = *slice else {
                is_open = true;
                continue;
            };
            if slicing.ordered && slice < last {
                self.error(
                    IssueCode::Structure,
                    &sliced.place(*item),
                    "expected the slices in the order of the profile, found another order",
                );
            }
            if slicing.rules == SlicingRules::OpenAtEnd && is_open {
                self.error(
                    IssueCode::Structure,
                    &sliced.place(*item),
                    "expected what is in no slice at the end, found a slice after it",
                );
            }
            last = last.max(slice);
        }
    }

    /// Tells whether an item meets all discriminators of a slice.
    fn is_in(
        &self,
        slice: Shape<'a>,
        discriminators: &'a [Discriminator],
        node: Node<'a>,
        sliced: Repetitions<'a, '_>,
    ) -> bool {
        let of_type = sliced.of_type;
        if discriminators.is_empty() {
            // Without a discriminator only the types of a choice tell its slices apart; nothing
            // tells those of another element.
            return sliced.shape.element.is_choice
                && of_type
                    .is_some_and(|of| slice.element.types.iter().any(|one| one.code == of.code));
        }
        if let (Some(of), [Discriminator { path, .. }]) =
            (slice.element.types.first(), discriminators)
            && &*of.code == "Extension"
            && &**path == "url"
            && !of.profiles.is_empty()
        {
            // The address of an extension is that of its definition, even of one that is not at
            // hand.
            let url = node
                .value
                .and_then(|value| value.get("url"))
                .and_then(Value::as_str);
            let mut asked = of
                .profiles
                .iter()
                .map(|profile| self.extension_url(profile));
            return url.is_some_and(|url| asked.any(|asked| asked == url));
        }
        // Of several discriminators a slice may leave one unsaid: the others tell it apart.
        let mut is_told_apart = false;
        for discriminator in discriminators {
            match self.meets(slice, discriminator, of_type, node, sliced.scope) {
                Some(false) => return false,
                Some(true) => is_told_apart = true,
                None => {}
            }
        }
        is_told_apart
    }

    /// Returns the address that an extension has in JSON by a profile: the one that the profile
    /// fixes, which of a profile on another's extension is not its own.
    fn extension_url(&self, profile: &'a str) -> &'a str {
        let fixed = self
            .definitions
            .structure(profile)
            .and_then(Shape::root)
            .and_then(|root| {
                root.children()
                    .find(|child| &*child.element.name == "url")?
                    .element
                    .fixed
                    .as_ref()?
                    .as_str()
            });
        fixed.unwrap_or_else(|| view::without_version(profile))
    }

    /// Returns the type of an item in the slice that it belongs to; if the slice does not have the
    /// type, that is a finding.
    fn type_in(
        &mut self,
        shape: Shape<'a>,
        of_type: Option<&'a ElementType>,
        at: &At<'_>,
    ) -> Option<&'a ElementType> {
        let wanted = of_type?;
        let types = &shape.element.types;
        let found = types.iter().find(|one| one.code == wanted.code);
        if found.is_none() {
            let what = format!(
                "expected {}, found {}",
                type_names(shape.element),
                wanted.code
            );
            self.error(IssueCode::Structure, at, what);
        }
        found.or(of_type)
    }
}

/// Tells whether the members of a slice are told apart again.
fn is_resliced(slice: Shape<'_>) -> bool {
    slice.element.slicing.is_some() && !slice.element.slices.is_empty()
}

/// Describes the difference of a slice from others in words.
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
        type_names(slice.element)
    } else {
        parts.join(", ")
    }
}
