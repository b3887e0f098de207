//! Slices as parts of the tree of a structure.

use frist::schema::{Definitions, DiscriminatorKind, Package, SlicingRules, Structure};
use serde_json::{Value, json};

use super::structures::element;

/// Returns the ids of some elements.
fn ids<'a>(structure: &'a Structure, places: &[usize]) -> Vec<&'a str> {
    places
        .iter()
        .map(|place| &*structure.elements[*place].id)
        .collect()
}

/// Makes a profile on Observation with slices of slices, and a choice element sliced in both ways
/// that are in use.
fn sliced() -> Definitions {
    let element = |path: &str, slice: &str, more: Value| {
        let mut element = json!({"path": path, "base": {"path": path, "max": "*"}, "max": "*", "type": [{"code": "BackboneElement"}]});
        let members = element.as_object_mut().unwrap();
        if !slice.is_empty() {
            members.insert("sliceName".to_owned(), json!(slice));
        }
        members.extend(more.as_object().unwrap().clone());
        element
    };
    let slicing = |kind: &str, path: &str| json!({"slicing": {"rules": "openAtEnd", "ordered": true, "discriminator": [{"type": kind, "path": path}]}});
    let quantity = || json!({"type": [{"code": "Quantity"}], "max": "1"});
    let elements = [
        element("Observation", "", json!({"type": []})),
        element("Observation.part", "", slicing("value", "code")),
        element("Observation.part", "a", slicing("pattern", "$this")),
        element("Observation.part.inner", "", slicing("exists", "x")),
        element(
            "Observation.part.inner",
            "deep",
            json!({"contentReference": "http://hl7.org/fhir/StructureDefinition/Observation#Observation.part"}),
        ),
        element("Observation.part", "a/b", json!({})),
        element(
            "Observation.part.inner",
            "",
            json!({"contentReference": "#Observation.part:a/b"}),
        ),
        element("Observation.part", "a/b/c", json!({})),
        element("Observation.part", "d", json!({})),
        element(
            "Observation.value[x]",
            "",
            json!({"type": [{"code": "Quantity"}, {"code": "string"}], "max": "1", "base": {"max": "1"}}),
        ),
        element(
            "Observation.value[x]",
            "valueString",
            json!({"type": [{"code": "string"}]}),
        ),
        element("Observation.valueQuantity", "", quantity()),
        element(
            "Observation.effectiveDateTime",
            "",
            json!({"type": [{"code": "dateTime"}]}),
        ),
    ];
    let profile = json!({"resourceType": "StructureDefinition", "url": "http://x/sliced", "kind": "resource", "type": "Observation",
        "derivation": "constraint", "snapshot": {"element": elements}});
    Definitions::core()
        .with(&Package::from_definitions(
            "test",
            "1",
            vec![profile.to_string().into()],
        ))
        .unwrap()
}

#[test]
fn slices_stand_below_what_they_are_slices_of() {
    let definitions = sliced();
    let structure = definitions.structure("http://x/sliced").unwrap();
    let root = &structure.elements[0];
    assert_eq!(
        ids(structure, &root.children),
        [
            "Observation.part",
            "Observation.value[x]",
            "Observation.effectiveDateTime"
        ]
    );
    let keys: Vec<_> = root
        .keys
        .iter()
        .map(|(key, child, kind)| (&**key, *child, *kind))
        .collect();
    assert_eq!(
        keys,
        [
            ("effectiveDateTime", 2, 0),
            ("part", 0, 0),
            ("valueQuantity", 1, 0),
            ("valueString", 1, 1)
        ]
    );
}

#[test]
fn slices_have_slices_and_children_of_their_own() {
    let definitions = sliced();
    let structure = definitions.structure("http://x/sliced").unwrap();
    for (id, slices, children) in [
        (
            "Observation.part",
            &["Observation.part:a", "Observation.part:d"][..],
            &[][..],
        ),
        (
            "Observation.part:a",
            &["Observation.part:a/b"],
            &["Observation.part:a.inner"],
        ),
        (
            "Observation.part:a.inner",
            &["Observation.part:a.inner:deep"],
            &[],
        ),
        (
            "Observation.part:a/b",
            &["Observation.part:a/b/c"],
            &["Observation.part:a/b.inner"],
        ),
        ("Observation.part:d", &[], &[]),
        (
            "Observation.value[x]",
            &[
                "Observation.value[x]:valueString",
                "Observation.value[x]:valueQuantity",
            ],
            &[],
        ),
    ] {
        let element = element(structure, id);
        assert_eq!(
            (
                ids(structure, &element.slices),
                ids(structure, &element.children)
            ),
            (slices.to_vec(), children.to_vec()),
            "{id}"
        );
    }
}

#[test]
fn a_slice_of_a_choice_is_written_in_the_long_form_and_content_references_are_resolved() {
    let definitions = sliced();
    let structure = definitions.structure("http://x/sliced").unwrap();
    let quantity = element(structure, "Observation.value[x]:valueQuantity");
    assert_eq!(
        (&*quantity.name, &*quantity.path, quantity.is_choice),
        ("value", "Observation.value[x]", true)
    );
    assert_eq!(&*quantity.choice_keys, ["valueQuantity".into()]);
    assert!(
        !element(structure, "Observation.value[x]").is_array
            && element(structure, "Observation.part").is_array
    );
    let content = |id: &str| {
        element(structure, id)
            .content_of
            .map(|of| &*structure.elements[of].id)
    };
    assert_eq!(
        content("Observation.part:a.inner:deep"),
        Some("Observation.part")
    );
    assert_eq!(
        content("Observation.part:a/b.inner"),
        Some("Observation.part:a/b")
    );
    let slicing = element(structure, "Observation.part:a")
        .slicing
        .as_ref()
        .unwrap();
    assert_eq!(
        (
            slicing.rules,
            slicing.ordered,
            slicing.discriminators[0].kind
        ),
        (SlicingRules::OpenAtEnd, true, DiscriminatorKind::Pattern)
    );
    assert_eq!(&*slicing.discriminators[0].path, "$this");
}
