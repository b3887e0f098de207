//! A resource of each type with every element that the definitions give it, and every type of each
//! choice.

use frist::fhirpath::{Model, TypeId};
use serde_json::{Map, Value, json};

use super::{CORE, expect_unchanged};

/// The greatest depth of elements of data types below a resource; below that, an element has no more
/// than an id.
const LEVELS: usize = 3;

/// Makes an object of that type with every member, the last of the definition first.
fn filled(of: TypeId, level: usize, choice: usize) -> Map<String, Value> {
    let mut object = Map::new();
    for key in keys(of, choice).into_iter().rev() {
        let definition = CORE.member(of, &key).unwrap();
        let Some(content) = definition.content else {
            panic!("{key} has no type");
        };
        if definition.element.is_attribute {
            object.insert(key.clone(), json!(format!("the {key}")));
            continue;
        }
        let structure = CORE.structure_of(content);
        let is_whole = content.element == 0;
        let one = if definition.type_name == "xhtml" {
            json!("<div xmlns=\"http://www.w3.org/1999/xhtml\">\n <p>x &amp; y</p> </div>")
        } else if is_whole && structure.is_resource() {
            json!({ "id": "inner", "resourceType": "Basic" })
        } else if is_whole && structure.is_primitive() {
            match definition.type_name {
                "boolean" => json!(true),
                "decimal" => "1.50e+02".parse().unwrap(),
                "integer" | "positiveInt" | "unsignedInt" => json!(7),
                _ => json!("a\n b"),
            }
        } else if level == 0 {
            json!({ "id": "short" })
        } else {
            Value::Object(filled(content, level - 1, choice))
        };
        let is_primitive = is_whole && structure.is_primitive() && definition.type_name != "xhtml";
        let is_array = definition.element.is_array;
        if is_primitive && level > 0 {
            let parts = json!({ "extension": [{ "valueInteger": 1, "url": "u" }], "id": "i" });
            let parts = if is_array {
                json!([parts, null, parts])
            } else {
                parts
            };
            object.insert(format!("_{key}"), parts);
        }
        let value = match is_array {
            true if is_primitive && level > 0 => json!([one, one, null]),
            true => json!([one, one]),
            false => one,
        };
        object.insert(key, value);
    }
    object
}

/// Returns the keys of a type in the order of its definition, of each choice the one at that place.
fn keys(of: TypeId, choice: usize) -> Vec<String> {
    let structure = CORE.structure_of(of);
    let children = &structure.elements[of.element as usize].children;
    let children = children.iter().map(|child| &structure.elements[*child]);
    children
        .map(|child| match child.choice_keys.len() {
            0 => child.name.to_string(),
            kinds => child.choice_keys[choice % kinds].to_string(),
        })
        .collect()
}

#[test]
fn every_element_of_every_type_goes_through_xml() {
    let names = CORE.resource_names();
    assert!(names.len() > 140, "{}", names.len());
    for name in names {
        let of = CORE.type_named(name).unwrap();
        let mut object = filled(of, LEVELS - 2, name.len());
        object.insert("resourceType".to_owned(), json!(name));
        expect_unchanged(&Value::Object(object).to_string(), name);
    }
}

#[test]
fn every_type_of_a_choice_goes_through_xml() {
    let of = CORE.type_named("Extension").unwrap();
    let kinds = keys(of, 0).len();
    assert_eq!(kinds, 4);
    for choice in 0..50 {
        let mut extension = filled(of, LEVELS, choice);
        extension.shift_remove("extension");
        let json = json!({ "resourceType": "Basic", "extension": [extension] });
        expect_unchanged(&json.to_string(), &format!("choice {choice}"));
    }
}
