//! Modifiers: which there are, and those of tokens that ask for the meaning of codes: `:in` and `:not-in` a value set, `:below`
//! and `:above` a code (<https://hl7.org/fhir/R4/search.html#modifiers>).
//!
//! They become lists of codes, from the definitions of R4 and of the guide. Anything that these do
//! not decide is refused, never guessed.

use std::collections::BTreeSet;

use super::codings::coding_system;
use super::parameters::{Parameter, ParameterKind, definitions};
use super::problem::Problem;
use super::query::Test;
use super::values::{WrittenToken, coded, system_and_code, unescape};
use crate::schema::{CodeSystem, CodeSystemContent, Membership, Selection};

/// The modifiers of R4 that name no type.
const ALL: &[&str] = &[
    "missing",
    "exact",
    "contains",
    "text",
    "not",
    "in",
    "not-in",
    "below",
    "above",
    "of-type",
    "identifier",
    "iterate",
    "recurse",
];

/// Tells whether R4 has that modifier: one of its words, or a type.
pub(super) fn is_modifier(modifier: &str) -> bool {
    let is_type = |name: &str| definitions().type_structure(name).is_some();
    ALL.contains(&modifier) || is_type(modifier)
}

/// Returns the modifiers that a parameter has here.
pub(super) fn modifiers_of(parameter: &Parameter) -> Vec<&'static str> {
    let of_kind: &[&str] = match parameter.kind {
        ParameterKind::String => &["exact", "contains"],
        ParameterKind::Token if parameter.code == "identifier" => {
            &["not", "text", "in", "not-in", "below", "above", "of-type"]
        }
        ParameterKind::Token => &["not", "text", "in", "not-in", "below", "above"],
        ParameterKind::Reference => &["identifier"],
        ParameterKind::Uri => &["below", "above"],
        ParameterKind::Date
        | ParameterKind::Number
        | ParameterKind::Quantity
        | ParameterKind::Composite => &[],
    };
    let targets = parameter.targets.iter().map(|target| target.as_str());
    ["missing"]
        .into_iter()
        .chain(of_kind.iter().copied())
        .chain(targets)
        .collect()
}

/// Says that a parameter has no such modifier, and which it has. The modifier is repeated only if it
/// looks like one.
pub(super) fn unsupported_modifier(code: &str, modifier: &str, known: &[&str]) -> Problem {
    let code = if is_like_a_name(code) {
        code
    } else {
        "this parameter"
    };
    let named = if is_like_a_name(modifier) {
        format!("the modifier :{modifier}")
    } else {
        "this modifier".to_owned()
    };
    let has = match known {
        [] => "none".to_owned(),
        [only] => format!(":{only}"),
        [others @ .., last] => format!(":{} and :{last}", others.join(", :")),
    };
    Problem::Unsupported(format!("{code}: {named} is not supported; it has {has}"))
}

/// Tells whether a text could be the name of a parameter or modifier, and nothing of a person.
pub(super) fn is_like_a_name(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphabetic() || b"-_.:".contains(&byte);
    (1..=40).contains(&text.len()) && text.bytes().all(is_of_name)
}

/// The most codes that one value set or code may stand for.
const CODES_MAX: usize = 5_000;

/// Returns the codes of a value set.
pub(super) fn in_value_set(parameter: &Parameter, value: &str) -> Result<Vec<Test>, Problem> {
    let (name, canonical) = (parameter.code, unescape(value));
    let Some(value_set) = definitions().value_set(&canonical) else {
        return Err(Problem::Wrong(format!(
            "{name}: expected the address of a value set of R4 or of the guide"
        )));
    };
    let undecided = || {
        Problem::Wrong(format!(
            "{name}: the codes of this value set are not known here"
        ))
    };
    let mut named = BTreeSet::new();
    for part in &value_set.include {
        candidates(part, 0, &mut named).ok_or_else(undecided)?;
    }
    if let Some(expansion) = &value_set.expansion {
        named.extend(
            expansion
                .codes
                .iter()
                .map(|(system, code)| (system.to_string(), code.to_string())),
        );
    }
    let mut codes = Vec::new();
    for (system, code) in named {
        match definitions().membership(&canonical, Some(&system), &code) {
            Membership::In => codes.push((system, code)),
            Membership::NotIn => {}
            Membership::Unknown(_) => return Err(undecided()),
        }
    }
    tests(parameter, codes)
}

/// Adds all codes that a selection may contain; none if they cannot be listed.
fn candidates(
    part: &Selection,
    depth: usize,
    found: &mut BTreeSet<(String, String)>,
) -> Option<()> {
    let with_system = |code: &str| (part.system.to_string(), code.to_owned());
    if let Some(codes) = &part.codes {
        found.extend(codes.iter().map(|code| with_system(code)));
    } else if part.system.is_empty() {
        // The codes of the first of the value sets: all of them must have a code.
        let first = definitions()
            .value_set(part.value_sets.first()?)
            .filter(|_| depth < 16)?;
        for part in &first.include {
            candidates(part, depth + 1, found)?;
        }
    } else {
        let system = definitions()
            .code_system(&part.system)
            .filter(|system| system.content == CodeSystemContent::Complete)?;
        found.extend(
            system
                .concepts
                .iter()
                .map(|concept| with_system(&concept.code)),
        );
    }
    (found.len() <= CODES_MAX).then_some(())
}

/// The side of a code in its hierarchy on which other codes are looked for.
#[derive(Clone, Copy)]
pub(super) enum Subsumption {
    /// The codes that are kinds of the code.
    Below,
    /// The codes that the code is a kind of.
    Above,
}

/// Returns the codes below or above one, itself among them.
pub(super) fn subsumed(
    parameter: &Parameter,
    value: &str,
    side: Subsumption,
) -> Result<Vec<Test>, Problem> {
    let name = parameter.code;
    let WrittenToken {
        system,
        code,
        code_after_version,
    } = system_and_code(name, value)?;
    let system = system.map(|system| coding_system(&system).to_owned());
    let own_system = match parameter.own_systems() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let (Some(system), Some(code)) = (
        system.filter(|system| !system.is_empty()).or(own_system),
        code_after_version.or(code),
    ) else {
        return Err(Problem::Wrong(format!("{name}: expected system|code")));
    };
    let known = definitions()
        .code_system(&system)
        .filter(|known: &&CodeSystem| known.content == CodeSystemContent::Complete);
    let Some(known) = known.filter(|known| known.contains(&code)) else {
        let text = format!(
            "{name}: expected a code of a system whose hierarchy is known here, those of R4 and of the guide"
        );
        return Err(Problem::Wrong(text));
    };
    let is_meant = |other: &str| match side {
        Subsumption::Below => known.is_a(other, &code),
        Subsumption::Above => known.is_a(&code, other),
    };
    let codes = known
        .concepts
        .iter()
        .filter(|concept| is_meant(&concept.code));
    tests(
        parameter,
        codes
            .map(|concept| (system.clone(), concept.code.to_string()))
            .collect(),
    )
}

fn tests(parameter: &Parameter, codes: Vec<(String, String)>) -> Result<Vec<Test>, Problem> {
    if codes.len() > CODES_MAX {
        return Err(Problem::Wrong(format!(
            "{}: expected at most {CODES_MAX} codes, found more",
            parameter.code
        )));
    }
    // Codes of elements without a system of their own are indexed without one.
    let of = |(system, code): (String, String)| {
        if parameter.own_systems().contains(&system) {
            Test::Token {
                system: Some(String::new()),
                code: Some(code),
            }
        } else {
            coded(&system, &code)
        }
    };
    Ok(codes.into_iter().map(of).collect())
}
