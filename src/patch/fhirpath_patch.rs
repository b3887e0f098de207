//! FHIRPath Patch (<https://hl7.org/fhir/R4/fhirpatch.html>).

use serde_json::Value;

use super::elements::{
    self, Place, Token, found, insert_item, is_item, length, move_item, name_of, object_at,
    place_of, put, set, set_item, slot,
};
use super::given::Given;
use super::{Surroundings, depth, too_deep};
use crate::fhir::json::DEPTH_MAX;
use crate::fhir::{Issue, IssueCode, Resource};
use crate::fhirpath::{Environment, Expression, Item, Model, Node};
use crate::schema::Definitions;

/// How many operations one patch may have: each may look at the whole resource.
const OPERATIONS_MAX: usize = 100;

/// One operation, with its place among the parameters.
#[derive(Debug)]
pub(super) struct Step {
    at: usize,
    path: Expression,
    operation: Operation,
}

#[derive(Debug)]
enum Operation {
    Add {
        name: String,
        value: Given,
    },
    /// Also where the list is not there yet, if its element is named at the end of the path: what
    /// has it, and the name.
    Insert {
        index: usize,
        value: Given,
        in_nothing: Option<(Expression, String)>,
    },
    Delete,
    Replace {
        value: Given,
    },
    Move {
        source: usize,
        destination: usize,
    },
}

/// Reads all operations; what is wrong with any of them comes back at once.
pub(super) fn read(parameters: &Resource) -> Result<Vec<Step>, Vec<Issue>> {
    let wrong = |code, at: &str, text: String| vec![Issue::error(code, at, text)];
    if parameters.type_name() != "Parameters" {
        return Err(wrong(
            IssueCode::Invalid,
            "",
            "expected a Parameters resource with operations, found another resource".to_owned(),
        ));
    }
    let sent = match parameters.value().get("parameter") {
        None => &[][..],
        Some(Value::Array(sent)) => sent,
        Some(_) => {
            return Err(wrong(
                IssueCode::Structure,
                "Parameters.parameter",
                "expected an array".to_owned(),
            ));
        }
    };
    if sent.len() > OPERATIONS_MAX {
        let text = format!(
            "expected at most {OPERATIONS_MAX} operations, found {}",
            sent.len()
        );
        return Err(wrong(IssueCode::TooCostly, "Parameters.parameter", text));
    }
    let (mut steps, mut issues) = (Vec::new(), Vec::new());
    for (at, parameter) in sent.iter().enumerate() {
        match read_step(at, parameter) {
            Ok(step) => steps.push(step),
            Err(text) => issues.push(Issue::error(IssueCode::Invalid, place(at), text)),
        }
    }
    if issues.is_empty() {
        Ok(steps)
    } else {
        Err(issues)
    }
}

fn place(at: usize) -> String {
    format!("Parameters.parameter[{at}]")
}

fn read_step(at: usize, parameter: &Value) -> Result<Step, String> {
    if parameter["name"] != "operation" {
        return Err("expected a parameter 'operation', found another".to_owned());
    }
    let parts = parameter["part"]
        .as_array()
        .ok_or("expected the parts type and path")?;
    let part = |name: &str| {
        let mut named = parts.iter().filter(|part| part["name"] == *name);
        match (named.next(), named.next()) {
            (Some(part), None) => Ok(part),
            (None, _) => Err(format!("expected the part '{name}', found none")),
            (Some(_), Some(_)) => Err(format!("expected the part '{name}' once, found it again")),
        }
    };
    let text = |name: &str| {
        let value = part(name)?;
        let text = value["valueString"]
            .as_str()
            .or_else(|| value["valueCode"].as_str());
        text.ok_or_else(|| format!("expected the part '{name}' to be text"))
    };
    let number = |name: &str| {
        let number = part(name)?["valueInteger"]
            .as_u64()
            .and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| format!("expected the part '{name}' to be a whole number, 0 or more"))
    };
    let value = || Given::read(part("value")?).map_err(|what| format!("value: {what}"));
    let compiled = |path: &str| {
        Expression::compile(path)
            .map_err(|_| "expected the path to be FHIRPath that this server understands".to_owned())
    };
    let path = text("path")?;
    let operation = match text("type")? {
        "add" => Operation::Add {
            name: text("name")?.to_owned(),
            value: value()?,
        },
        "insert" => {
            let split = path
                .trim()
                .rsplit_once('.')
                .filter(|(_, name)| name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            let in_nothing = split.and_then(|(above, name)| {
                Some((Expression::compile(above).ok()?, name.to_owned()))
            });
            Operation::Insert {
                index: number("index")?,
                value: value()?,
                in_nothing,
            }
        }
        "delete" => Operation::Delete,
        "replace" => Operation::Replace { value: value()? },
        "move" => Operation::Move {
            source: number("source")?,
            destination: number("destination")?,
        },
        _ => {
            return Err(
                "expected the type to be one of add, insert, delete, replace and move".to_owned(),
            );
        }
    };
    Ok(Step {
        at,
        path: compiled(path)?,
        operation,
    })
}

/// Carries out all operations in their order.
///
/// # Errors
/// Why the first one that cannot be carried out cannot be.
pub(super) fn apply(
    steps: &[Step],
    resource: &mut Value,
    surroundings: Surroundings<'_>,
) -> Result<(), Issue> {
    for step in steps {
        let done = carry_out(step, resource, surroundings);
        let done = done.and_then(|()| {
            if depth(resource) > DEPTH_MAX {
                Err(too_deep())
            } else {
                Ok(())
            }
        });
        done.map_err(|text| Issue::error(IssueCode::Processing, place(step.at), text))?;
    }
    Ok(())
}

fn carry_out(
    step: &Step,
    resource: &mut Value,
    surroundings: Surroundings<'_>,
) -> Result<(), String> {
    let definitions = surroundings.definitions;
    let nodes = evaluate(&step.path, resource, surroundings)?;
    match &step.operation {
        Operation::Add { name, value } => {
            let place = only(resource, &nodes)?;
            add(resource, &place, name, value, definitions)
        }
        Operation::Insert {
            index,
            value,
            in_nothing,
        } => match (nodes.is_empty(), in_nothing) {
            (true, Some((above, name))) if *index == 0 => {
                let above = only(resource, &evaluate(above, resource, surroundings)?)?;
                let of = elements::type_at(definitions, resource, &above);
                if !slot(definitions, of, name, value.suffix())?.repeats {
                    return Err("expected a list, found an element that does not repeat".to_owned());
                }
                add(resource, &above, name, value, definitions)
            }
            _ => {
                let list = whole_list(resource, &nodes)?;
                insert(resource, &list, *index, value, definitions)
            }
        },
        // What is not there is deleted already.
        Operation::Delete if nodes.is_empty() => Ok(()),
        Operation::Delete => {
            let place = only(resource, &nodes)?;
            elements::remove(resource, &place)
        }
        Operation::Replace { value } => {
            let place = only(resource, &nodes)?;
            replace(resource, &place, value, definitions)
        }
        Operation::Move {
            source,
            destination,
        } => {
            if (*source).max(*destination) >= nodes.len() {
                return Err("expected source and destination to be indices of the list, found a greater one".to_owned());
            }
            let (above, key) = whole_list(resource, &nodes)?;
            let object = object_at(resource, &above).ok_or(NO_LIST)?;
            move_item(object, &key, *source, *destination);
            Ok(())
        }
    }
}

/// The elements that a path gives.
fn evaluate<'a>(
    path: &'a Expression,
    resource: &'a Value,
    surroundings: Surroundings<'a>,
) -> Result<Vec<Node<'a>>, String> {
    let model = surroundings.definitions;
    let type_id = resource["resourceType"]
        .as_str()
        .and_then(|name| model.type_named(name));
    let root = Node {
        value: Some(resource),
        extras: None,
        type_id,
    };
    let environment = Environment {
        model,
        resource: root,
        root_resource: root,
        extension: None,
        now: Some(surroundings.now),
        resolve: &|_| None,
        member_of: &|_, _| None,
        conforms_to: &|_, _| None,
    };
    let items = path
        .evaluate(root, &environment)
        .map_err(|_| "the path cannot be evaluated on the resource".to_owned())?;
    let node = |item| match item {
        Item::Node(node) => Some(node),
        Item::Value(_) => None,
    };
    let nodes: Option<Vec<Node<'a>>> = items.into_iter().map(node).collect();
    nodes.ok_or_else(|| NO_PART.to_owned())
}

const NO_PART: &str =
    "expected the path to give elements of the resource, found a value that it made";

fn only(resource: &Value, nodes: &[Node<'_>]) -> Result<Place, String> {
    match nodes {
        [node] => place_of(resource, *node).ok_or_else(|| NO_PART.to_owned()),
        [] => Err("expected the path to give one element, found none".to_owned()),
        several => Err(format!(
            "expected the path to give one element, found {}",
            several.len()
        )),
    }
}

fn add(
    resource: &mut Value,
    place: &Place,
    name: &str,
    value: &Given,
    definitions: &Definitions,
) -> Result<(), String> {
    let of = elements::type_at(definitions, resource, place);
    let member = slot(definitions, of, name, value.suffix())?;
    let pair = value.pair(member.type_id, definitions)?;
    if found(resource, place).is_some_and(Value::is_object) {
        let object = object_at(resource, place).ok_or("expected an element with members")?;
        return put(object, &member.key, member.repeats, pair);
    }
    add_beside(resource, place, &member, pair)
}

/// Adds an extension or an id to a primitive: what it has stands beside it.
fn add_beside(
    resource: &mut Value,
    place: &Place,
    member: &elements::Member,
    pair: super::given::Pair,
) -> Result<(), String> {
    if !matches!(member.key.as_str(), "extension" | "id") {
        return Err(
            "expected 'extension' or 'id', found what a primitive value does not have".to_owned(),
        );
    }
    let (above, key, at) = match place.as_slice() {
        [above @ .., Token::Key(key), Token::Index(at)] => (above, key, Some(*at)),
        [above @ .., Token::Key(key)] => (above, key, None),
        _ => return Err("expected an element that has a name".to_owned()),
    };
    let object = object_at(resource, above).ok_or("expected an element in an object")?;
    let part = |key: &str| {
        object
            .get(key)
            .map(|part| at.map_or(part, |at| &part[at]))
            .filter(|part| !part.is_null())
            .cloned()
    };
    let (value, extras) = (part(key), part(&format!("_{key}")));
    let mut extras = extras
        .and_then(|extras| extras.as_object().cloned())
        .unwrap_or_default();
    put(&mut extras, &member.key, member.repeats, pair)?;
    let whole = (value, Some(Value::Object(extras)));
    match at {
        Some(at) => set_item(object, key, at, whole),
        None => set(object, key, whole),
    }
    Ok(())
}

fn replace(
    resource: &mut Value,
    place: &Place,
    value: &Given,
    definitions: &Definitions,
) -> Result<(), String> {
    let (above, key, at) = match place.as_slice() {
        [above @ .., Token::Key(key), Token::Index(at)] => (above, key, Some(*at)),
        [above @ .., Token::Key(key)] => (above, key, None),
        _ => return Err("expected a part of the resource, found all of it".to_owned()),
    };
    let of = elements::type_at(definitions, resource, above);
    let member = slot(
        definitions,
        of,
        name_of(definitions, of, key),
        value.suffix(),
    )?;
    let pair = value.pair(member.type_id, definitions)?;
    let object = object_at(resource, above).ok_or("expected an element in an object")?;
    match at {
        Some(at) => set_item(object, key, at, pair),
        None => {
            if member.key != *key {
                set(object, key, (None, None));
            }
            set(object, &member.key, pair);
        }
    }
    Ok(())
}

fn insert(
    resource: &mut Value,
    list: &(Place, String),
    index: usize,
    value: &Given,
    definitions: &Definitions,
) -> Result<(), String> {
    let (above, key) = list;
    let of = elements::type_at(definitions, resource, above);
    let member = slot(definitions, of, key, value.suffix())?;
    let pair = value.pair(member.type_id, definitions)?;
    let object = object_at(resource, above).ok_or(NO_LIST)?;
    insert_item(object, key, index, pair)
}

const NO_LIST: &str = "expected the path to give all items of one list, found something else";

/// The object and the key of the list that these are all the items of, in their order. Only the
/// first is looked for: a list may be long.
fn whole_list(resource: &Value, nodes: &[Node<'_>]) -> Result<(Place, String), String> {
    let no_list = || NO_LIST.to_owned();
    let place = place_of(resource, *nodes.first().ok_or_else(no_list)?).ok_or_else(no_list)?;
    let [above @ .., Token::Key(key), Token::Index(0)] = place.as_slice() else {
        return Err(no_list());
    };
    let object = found(resource, above)
        .and_then(Value::as_object)
        .ok_or_else(no_list)?;
    let is_item = |(at, node): (usize, &Node<'_>)| is_item(object, key, at, *node);
    let all = length(object, key) == nodes.len() && nodes.iter().enumerate().all(is_item);
    if all {
        Ok((above.to_vec(), key.clone()))
    } else {
        Err(no_list())
    }
}
