//! From the list of elements of a snapshot to a tree with slices, content references and keys.

use serde_json::Value;

use super::definition_json::text;
use super::structure::Element;

/// Connects the elements of the structure with that address; `sources` are their condensed forms.
pub(super) fn build(elements: &mut [Element], sources: &[Value], url: &str) {
    connect(elements, sources);
    refer(elements, sources, url);
    for at in 0..elements.len() {
        elements[at].keys = keys(elements, at);
    }
}

/// Finds the parent of each element, tells slices from children, and gives each its id.
fn connect(elements: &mut [Element], sources: &[Value]) {
    let mut children = vec![Vec::new(); elements.len()];
    let mut slices = vec![Vec::new(); elements.len()];
    // The element that was last met at each depth.
    let mut open: Vec<usize> = Vec::new();
    for at in 0..elements.len() {
        let depth = elements[at].path.matches('.').count();
        open.truncate(depth);
        if let Some(&parent) = open.last() {
            if !unshorten(elements, at, &children[parent])
                && let Some(choice) = text(&sources[at], "choice")
            {
                name_as_choice(&mut elements[at], choice);
            }
            let last = elements[at]
                .path
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .to_owned();
            let colon = if elements[at].slice_name.is_empty() {
                ""
            } else {
                ":"
            };
            elements[at].id = format!(
                "{}.{last}{colon}{}",
                elements[parent].id, elements[at].slice_name
            )
            .into();
            match sliced(elements, at, &children[parent], &slices) {
                Some(whole) => slices[whole].push(at),
                None => children[parent].push(at),
            }
        }
        open.push(at);
    }
    for (element, (children, slices)) in elements.iter_mut().zip(children.into_iter().zip(slices)) {
        (element.children, element.slices) = (children.into(), slices.into());
    }
}

/// Writes a slice of a choice of types in the long form: it may be written as the key under which
/// it stands (`onsetAge` for `onset[x]:onsetAge`). Returns false if it is none.
fn unshorten(elements: &mut [Element], at: usize, siblings: &[usize]) -> bool {
    let name = &elements[at].name;
    let Some(&whole) = siblings
        .iter()
        .find(|sibling| elements[**sibling].choice_keys.contains(name))
    else {
        return false;
    };
    let (short, whole_name, whole_path) = (
        name.clone(),
        elements[whole].name.clone(),
        elements[whole].path.clone(),
    );
    let element = &mut elements[at];
    if element.slice_name.is_empty() {
        element.slice_name = short.clone();
    }
    element.choice_keys = Box::new([short]);
    (element.name, element.path, element.is_choice) = (whole_name, whole_path, true);
    true
}

/// Names an element after the choice of which it is the only type that is left, where the choice
/// itself is not listed.
fn name_as_choice(element: &mut Element, choice: &str) {
    let short = std::mem::replace(&mut element.name, choice.trim_end_matches("[x]").into());
    if let Some(above) = element.path.strip_suffix(&*short) {
        element.path = format!("{above}{choice}").into();
    }
    element.choice_keys = Box::new([short]);
    element.is_choice = true;
}

/// Returns the element that this one is a slice of: the sibling of the same name, or one of its
/// slices for `slice/reslice`. A slice that stands alone (some published definitions leave the
/// whole out) is an element like any other.
fn sliced(
    elements: &[Element],
    at: usize,
    siblings: &[usize],
    slices: &[Vec<usize>],
) -> Option<usize> {
    let element = &elements[at];
    if element.slice_name.is_empty() {
        return None;
    }
    let whole = siblings
        .iter()
        .rev()
        .copied()
        .find(|sibling| *elements[*sibling].name == *element.name)?;
    let Some((of, _)) = element.slice_name.rsplit_once('/') else {
        return Some(whole);
    };
    let mut pending = vec![whole];
    while let Some(candidate) = pending.pop() {
        if *elements[candidate].slice_name == *of {
            return Some(candidate);
        }
        pending.extend(&slices[candidate]);
    }
    Some(whole)
}

/// Resolves `contentReference`, which names an element by its id, in profiles after the address of
/// the structure.
fn refer(elements: &mut [Element], sources: &[Value], own_url: &str) {
    for (at, source) in sources.iter().enumerate() {
        let Some(reference) = text(source, "contentReference") else {
            continue;
        };
        if let Some((url, id)) = reference.split_once('#') {
            elements[at].content_of = elements.iter().position(|element| *element.id == *id);
            if !url.is_empty() && url != own_url {
                elements[at].content_elsewhere = Some(reference.into());
            }
        }
    }
}

/// Returns the keys of an element's children, sorted.
fn keys(elements: &[Element], at: usize) -> Box<[(Box<str>, usize, usize)]> {
    let mut keys = Vec::new();
    for (place, child) in elements[at].children.iter().enumerate() {
        let child = &elements[*child];
        if child.is_choice {
            keys.extend(
                child
                    .choice_keys
                    .iter()
                    .enumerate()
                    .map(|(kind, key)| (key.clone(), place, kind)),
            );
        } else {
            keys.push((child.name.clone(), place, 0));
        }
    }
    keys.sort();
    keys.into()
}
