//! The parameters about the answer of a search rather than about the matches: `_total`, `_summary`,
//! `_elements`, `_include`, `_revinclude` and `_explain`
//! (<https://hl7.org/fhir/R4/search.html#return>).

use super::modifiers::unsupported_modifier;
use super::parameters::{ParameterKind, definitions, parameters_of};
use super::problem::Problem;
use crate::fhir::ResourceType;
use crate::schema::StructureKind;

/// The form that is asked for of the answer of a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Results {
    /// True if the number of all matches is told.
    pub is_counted: bool,
    /// The part of each resource that is returned.
    pub part: ResourcePart,
    /// The resources that are returned besides the matches.
    pub includes: Vec<Include>,
    /// True if the answer tells how it was found (`_explain`, this server's own).
    pub is_explained: bool,
}

impl Default for Results {
    fn default() -> Self {
        Results {
            is_counted: true,
            part: ResourcePart::Whole,
            includes: Vec::new(),
            is_explained: false,
        }
    }
}

/// The part of a resource that is returned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ResourcePart {
    /// All of it.
    Whole,
    /// The elements that its definition marks as summary (`_summary=true`).
    Summary,
    /// Its narrative, and the mandatory elements (`_summary=text`).
    Text,
    /// All but its narrative (`_summary=data`).
    Data,
    /// Nothing: only the number of matches (`_summary=count`).
    Count,
    /// These elements, and the mandatory ones (`_elements`).
    Elements(Vec<String>),
}

/// Resources that are returned besides the matches, found by a reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Include {
    /// The side of the reference on which they stand.
    pub direction: IncludeDirection,
    /// True if it also applies to included resources.
    pub iterates: bool,
    /// The type that refers; none for any.
    pub source: Option<ResourceType>,
    /// The parameter by which it refers; none for every reference.
    pub code: Option<String>,
    /// The type that is referred to; none for any.
    pub target: Option<ResourceType>,
}

/// The side of a reference on which the resources stand that an [`Include`] asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IncludeDirection {
    /// Resources that a match refers to (`_include`).
    Forward,
    /// Resources that refer to a match (`_revinclude`).
    Reverse,
}

/// The parameters that are read here.
pub(super) const NAMES: &[&str] = &[
    "_total",
    "_summary",
    "_elements",
    "_include",
    "_revinclude",
    "_contained",
    "_containedType",
    TOTAL_METHOD,
    EXPLAIN,
];

/// The parameter that some servers call `_total`, and that clients made for them send to all: it
/// asks for what is told anyway.
const TOTAL_METHOD: &str = "_totalMethod";

/// The parameter that asks how a search is answered; FHIR has none.
pub const EXPLAIN: &str = "_explain";

/// Tells whether a name is that of one of these parameters, with a modifier or without.
pub fn is_about_answer(name: &str) -> bool {
    NAMES.contains(&name.split(':').next().unwrap_or(name))
}

/// Reads one of these parameters; none for any other parameter.
pub(super) fn apply(name: &str, value: &str, results: &mut Results) -> Option<Result<(), Problem>> {
    let (code, modifier) = name
        .split_once(':')
        .map_or((name, None), |(code, modifier)| (code, Some(modifier)));
    if !NAMES.contains(&code) {
        return None;
    }
    let wrong = |text: &str| Err(Problem::Wrong(format!("{code}: {text}")));
    Some(match (code, modifier) {
        ("_include" | "_revinclude", None | Some("iterate" | "recurse")) => {
            include(code, value, modifier.is_some()).map(|include| results.includes.push(include))
        }
        (_, Some(modifier)) => Err(unsupported_modifier(code, modifier, &modifiers_of(code))),
        ("_total", None) => match value {
            "none" | "estimate" | "accurate" => {
                results.is_counted = value != "none";
                Ok(())
            }
            _ => wrong("expected none, estimate or accurate"),
        },
        (EXPLAIN, None) => match value {
            "true" | "false" => {
                results.is_explained = value == "true";
                Ok(())
            }
            _ => wrong("expected true or false"),
        },
        (TOTAL_METHOD, None) if value == "count" => Ok(()),
        (TOTAL_METHOD, None) => {
            wrong("expected count; use _total to choose whether matches are counted")
        }
        ("_contained", None) if value == "false" => Ok(()),
        ("_contained" | "_containedType", None) => {
            let text = "contained resources are neither searched nor returned on their own: expected '_contained=false' or neither parameter";
            Err(Problem::Unknown(format!("{code}: {text}")))
        }
        ("_summary" | "_elements", None) => part(code, value, results),
        _ => wrong("expected another parameter"),
    })
}

/// Reads `_summary` or `_elements`; both together cannot be met.
pub(super) fn part(code: &str, value: &str, results: &mut Results) -> Result<(), Problem> {
    let part = match (code, value) {
        ("_summary", "true") => ResourcePart::Summary,
        ("_summary", "text") => ResourcePart::Text,
        ("_summary", "data") => ResourcePart::Data,
        ("_summary", "count") => ResourcePart::Count,
        ("_summary", "false") => return Ok(()),
        ("_summary", _) => {
            return Err(Problem::Wrong(
                "_summary: expected true, text, data, count or false".into(),
            ));
        }
        _ => {
            let names: Vec<_> = value
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect();
            let is_name = |name: &String| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
            };
            if !names.iter().all(is_name) {
                return Err(Problem::Wrong(
                    "_elements: expected names of elements of the resource itself, between commas"
                        .into(),
                ));
            }
            ResourcePart::Elements(names)
        }
    };
    if results.part != ResourcePart::Whole {
        return Err(Problem::Wrong(
            "_summary, _elements: expected one of them, once".into(),
        ));
    }
    results.part = part;
    Ok(())
}

/// Returns the modifiers of one of these parameters.
fn modifiers_of(code: &str) -> Vec<&'static str> {
    match code {
        "_include" | "_revinclude" => vec!["iterate", "recurse"],
        _ => Vec::new(),
    }
}

/// Says of a type that is not held that nothing of it can come; of what is no type of R4, that it is
/// none.
fn not_held(name: &str, text: &str) -> Problem {
    let structure = definitions().type_structure(text);
    if structure.is_some_and(|structure| structure.kind == StructureKind::Resource) {
        let held: Vec<_> = ResourceType::ALL.iter().map(|held| held.as_str()).collect();
        let held = held.join(", ");
        Problem::BringsNothing(format!(
            "{name}: this server holds no {text}, so it brings nothing; it holds {held}"
        ))
    } else {
        Problem::Wrong(format!("{name}: expected types of resources of FHIR R4"))
    }
}

fn include(name: &str, value: &str, iterates: bool) -> Result<Include, Problem> {
    let direction = if name == "_revinclude" {
        IncludeDirection::Reverse
    } else {
        IncludeDirection::Forward
    };
    let any = Include {
        direction,
        iterates,
        source: None,
        code: None,
        target: None,
    };
    if value == "*" {
        return Ok(any);
    }
    let wrong = |text: String| Problem::Wrong(format!("{name}: {text}"));
    let parts: Vec<&str> = value.split(':').collect();
    let (source, code, target) = match parts.as_slice() {
        [source, code] => (source, code, None),
        [source, code, target] => (source, code, Some(target)),
        _ => {
            return Err(wrong(
                "expected Type:parameter, Type:parameter:Type, Type:* or *".into(),
            ));
        }
    };
    let held = |text: &str| {
        text.parse::<ResourceType>()
            .map_err(|_| not_held(name, text))
    };
    let source = held(source)?;
    let target = target.map(|target| held(target)).transpose()?;
    if *code == "*" {
        return Ok(Include {
            source: Some(source),
            target,
            ..any
        });
    }
    let references =
        || parameters_of(source).filter(|parameter| parameter.kind == ParameterKind::Reference);
    let Some(parameter) = references().find(|parameter| parameter.code == *code) else {
        let known: Vec<_> = references().map(|parameter| parameter.code).collect();
        return Err(wrong(format!(
            "expected a reference parameter of {source}: one of {}, or *",
            known.join(", ")
        )));
    };
    if target.is_some_and(|target| !parameter.targets.contains(&target)) {
        return Err(wrong(format!(
            "{source}:{code} cannot refer to the last type"
        )));
    }
    Ok(Include {
        source: Some(source),
        code: Some((*code).to_owned()),
        target,
        ..any
    })
}
