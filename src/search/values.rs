//! From the text of one value, as `s|c` or `ge2027-03`, to a typed [`Test`] (<https://hl7.org/fhir/R4/search.html#ptypes>).

use super::codings::{coding, coding_system, identifier_system};
use super::date_values::date;
use super::number::ScaledNumber;
use super::parameters::{Parameter, ParameterKind};
use super::problem::Problem;
use super::query::{Prefix, Test};
use crate::fhir::{Id, OwnBases, ResourceKey, ResourceType};

/// Returns the tests for one alternative of a parameter without a modifier; a bare id stands for
/// one of any type that the parameter may name.
///
/// # Errors
/// The value cannot be read.
pub(super) fn tests(
    parameter: &Parameter,
    kind: ParameterKind,
    value: &str,
    bases: OwnBases<'_>,
) -> Result<Vec<Test>, Problem> {
    let code = parameter.code;
    Ok(match kind {
        ParameterKind::Token if parameter.is_of_identifiers() => vec![identifier(code, value)?],
        ParameterKind::Token => vec![token(code, parameter.own_systems(), value)?],
        ParameterKind::Reference => references(code, parameter.targets, value, bases)?,
        ParameterKind::Date => date(code, value)?,
        ParameterKind::Uri => vec![Test::Uri(unescape(value))],
        ParameterKind::String => vec![Test::StartsWith(super::fold(&unescape(value)))],
        ParameterKind::Number | ParameterKind::Quantity => vec![numeric(code, kind, value)?],
        ParameterKind::Composite => composite(parameter, value, bases)?,
    })
}

/// Splits at each separator that no backslash precedes; the escapes themselves stay.
pub(super) fn split_unescaped(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == separator && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

/// Resolves the escapes in a text (`\,` `\|` `\$` `\\`).
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' {
            chars.next().unwrap_or('\\')
        } else {
            c
        });
    }
    out
}

/// The parts of `code`, `system|code`, `|code` or `system|`; none is any.
pub(super) struct WrittenToken {
    pub(super) system: Option<String>,
    pub(super) code: Option<String>,
    /// The code, if what follows the system is a version and a code.
    pub(super) code_after_version: Option<String>,
}

/// Reads the parts of a token.
pub(super) fn system_and_code(name: &str, value: &str) -> Result<WrittenToken, Problem> {
    let parts = split_unescaped(value, '|');
    let filled = |text: String| (!text.is_empty()).then_some(text);
    let (system, code, code_after_version) = match parts.as_slice() {
        [code] => (None, filled(unescape(code)), None),
        [system, rest @ ..] => (
            Some(unescape(system)),
            filled(unescape(&rest.join("|"))),
            match rest {
                [version, code] if !version.is_empty() => filled(unescape(code)),
                _ => None,
            },
        ),
        [] => (None, None, None),
    };
    if code.is_none() && system.as_deref().is_none_or(str::is_empty) {
        return Err(Problem::Wrong(format!(
            "{name}: expected a code, system|code, |code or system|, found neither system nor code"
        )));
    }
    Ok(WrittenToken {
        system,
        code,
        code_after_version,
    })
}

/// Reads the token of an identifier.
pub(super) fn identifier(name: &str, value: &str) -> Result<Test, Problem> {
    let WrittenToken { system, code, .. } = system_and_code(name, value)?;
    let system = system.map(|system| identifier_system(&system).to_owned());
    Ok(Test::Token { system, code })
}

/// Reads the token of a code; a version between its system and itself is passed over. `own_systems`
/// are the implicit systems of the codes of the parameter.
pub(super) fn token(name: &str, own_systems: &[String], value: &str) -> Result<Test, Problem> {
    let written = system_and_code(name, value)?;
    let code = written.code_after_version.or(written.code);
    Ok(match (written.system, code) {
        (Some(system), code) if own_systems.iter().any(|own| own == coding_system(&system)) => {
            Test::Token {
                system: Some(String::new()),
                code,
            }
        }
        (Some(system), Some(code)) => coded(&system, &code),
        (system, code) => Test::Token {
            system: system.map(|system| coding_system(&system).to_owned()),
            code,
        },
    })
}

/// Returns the test for a code of a system.
pub(super) fn coded(system: &str, code: &str) -> Test {
    let (system, code) = coding(system, code);
    Test::Token {
        system: Some(system),
        code: Some(code),
    }
}

/// Reads an identifier by its type: `system|code|value`, the first two those of the type.
pub(super) fn of_type(name: &str, value: &str) -> Result<Test, Problem> {
    let parts: Vec<String> = split_unescaped(value, '|')
        .iter()
        .map(|part| unescape(part))
        .collect();
    match parts.as_slice() {
        [system, code, value] if [system, code, value].iter().all(|part| !part.is_empty()) => {
            Ok(Test::Token {
                system: Some(coding_system(system).to_owned()),
                code: Some(format!("{code}|{value}")),
            })
        }
        _ => Err(Problem::Wrong(format!(
            "{name}:of-type: expected system|code|value, the system and code of the identifier's type"
        ))),
    }
}

/// Reads a reference by id, `Type/id`, or address. An address below one of `bases` refers to a
/// resource of this server.
pub(super) fn references(
    name: &str,
    targets: &[ResourceType],
    value: &str,
    bases: OwnBases<'_>,
) -> Result<Vec<Test>, Problem> {
    let value = unescape(value);
    let below = bases.below(&value);
    // A reference to a version is stored as one to the resource.
    let current =
        |key: &str| ResourceKey::parse(key.split_once("/_history/").map_or(key, |(key, _)| key));
    if let Some(key) = current(below.unwrap_or(&value)) {
        return Ok(vec![Test::Reference(key.to_string())]);
    }
    if let Some(id) = Id::parse(&value) {
        return Ok(targets
            .iter()
            .map(|target| Test::Reference(ResourceKey::new(*target, id.clone()).to_string()))
            .collect());
    }
    let is_of_another_type = || {
        let (kind, id) = value.split_once('/')?;
        (kind.starts_with(|c: char| c.is_ascii_uppercase())
            && kind.bytes().all(|b| b.is_ascii_alphabetic()))
        .then_some(())?;
        Id::parse(id)
    };
    if value.contains("://") || value.starts_with("urn:") || is_of_another_type().is_some() {
        return Ok(vec![Test::Reference(value)]);
    }
    Err(Problem::Wrong(format!(
        "{name}: expected an id, a type and id as 'Patient/7', or an address"
    )))
}

/// Reads a number, or for a quantity `number|system|code`, with its prefix. Without a prefix the
/// number stands for everything that is rounded to it; after one for itself alone.
fn numeric(name: &str, kind: ParameterKind, value: &str) -> Result<Test, Problem> {
    let is_quantity = kind == ParameterKind::Quantity;
    let expected = if is_quantity {
        "a number as 5.4, 5.4|system|code or 5.4||code, alone or after a prefix"
    } else {
        "a number, alone or after a prefix"
    };
    let wrong = || Problem::Wrong(format!("{name}: expected {expected}"));
    let (prefix, rest) = Prefix::split(value);
    let parts: Vec<String> = split_unescaped(rest, '|')
        .iter()
        .map(|part| unescape(part))
        .collect();
    let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
    let (number, system, code) = match parts.as_slice() {
        [number] => (number, None, None),
        [number, system, code] if is_quantity => (number, filled(system), filled(code)),
        _ => return Err(wrong()),
    };
    let number = ScaledNumber::parse(number).ok_or_else(wrong)?;
    let (from, until) = match prefix {
        Prefix::Eq | Prefix::Ne => number.rounded_span(),
        Prefix::Ap => number.approximate_span(),
        Prefix::Gt | Prefix::Lt | Prefix::Ge | Prefix::Le | Prefix::Sa | Prefix::Eb => {
            number.exact_span()
        }
    };
    Ok(Test::Quantity {
        prefix,
        from,
        until,
        system,
        code,
    })
}

/// Reads `first$second`: the values of the components, in all ways in which both can be meant.
fn composite(
    parameter: &Parameter,
    value: &str,
    bases: OwnBases<'_>,
) -> Result<Vec<Test>, Problem> {
    let parts = split_unescaped(value, '$');
    if parts.len() != parameter.components.len() || parts.iter().any(String::is_empty) {
        let text = format!(
            "{}: expected {} values with $ between them",
            parameter.code,
            parameter.components.len()
        );
        return Err(Problem::Wrong(text));
    }
    let mut ways: Vec<Vec<Test>> = vec![Vec::new()];
    for (component, part) in parameter.components.iter().zip(&parts) {
        let tests = tests(parameter, component.kind, part, bases)?;
        let longer = |way: &Vec<Test>| {
            tests
                .iter()
                .map(|test| [&way[..], std::slice::from_ref(test)].concat())
                .collect::<Vec<_>>()
        };
        ways = ways.iter().flat_map(longer).collect();
    }
    Ok(ways.into_iter().map(Test::Composite).collect())
}
