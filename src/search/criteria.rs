//! From one criterion, as `code=a,b`, `owner:Organization.name=x` or
//! `_has:Task:focus:status=requested`, to a typed [`Clause`] (<https://hl7.org/fhir/R4/search.html#modifiers>).

use super::date_values::date;
use super::modifiers::{
    Subsumption, in_value_set, is_like_a_name, is_modifier, modifiers_of, subsumed,
    unsupported_modifier,
};
use super::parameters::{Parameter, ParameterKind, parameter_of, parameters_of};
use super::problem::Problem;
use super::query::{Clause, SearchQuery, Test};
use super::values::{self, split_unescaped, unescape};
use crate::fhir::held::not_held;
use crate::fhir::{Id, OwnBases, ResourceType};

/// The parameters of searches that stand in no list of a type's own.
pub(super) const GENERAL: &[&str] = &[
    "_id",
    "_lastUpdated",
    "_count",
    "_sort",
    "_type",
    "_has",
    "_filter",
    "_list",
    "_query",
    "_text",
    "_content",
    "_format",
    "_pretty",
    "_page",
];
/// The most steps to other resources in one criterion.
const STEPS_MAX: usize = 4;

/// Reads a criterion on resources of a type.
///
/// # Errors
/// The parameter is not known, or its value cannot be read.
pub(super) fn criterion(
    resource_type: ResourceType,
    name: &str,
    value: &str,
    bases: OwnBases<'_>,
) -> Result<Clause, Problem> {
    CriterionReader { value, bases }.clause(resource_type, name, 0)
}

#[derive(Clone, Copy)]
struct CriterionReader<'a> {
    value: &'a str,
    bases: OwnBases<'a>,
}

impl CriterionReader<'_> {
    fn clause(
        self,
        resource_type: ResourceType,
        name: &str,
        step: usize,
    ) -> Result<Clause, Problem> {
        if step > STEPS_MAX {
            return Err(Problem::Wrong(format!(
                "expected at most {STEPS_MAX} steps from one resource to another, found more"
            )));
        }
        let after_has = name.strip_prefix("_has");
        if let Some(rest) = after_has.filter(|rest| rest.is_empty() || rest.starts_with(':')) {
            return self.has(resource_type, rest, step);
        }
        if let Some((reference, rest)) = name.split_once('.') {
            return self.chain(resource_type, reference, rest, step);
        }
        match name {
            "_id" => {
                let ids = alternatives(self.value).map(|id| {
                    let wrong = if id.starts_with("urn:") {
                        "_id: expected ids, found a urn: ask about an entry of the same transaction by a reference, such as subject=urn:uuid:…"
                    } else {
                        "_id: expected ids"
                    };
                    Id::parse(&id).ok_or_else(|| Problem::Wrong(wrong.into()))
                });
                Ok(Clause::Ids(ids.collect::<Result<_, _>>()?))
            }
            "_lastUpdated" => {
                let mut any_of = Vec::new();
                for value in alternatives(self.value) {
                    any_of.extend(date(name, &value)?);
                }
                Ok(Clause::LastUpdated(any_of))
            }
            _ => self.plain(resource_type, name),
        }
    }

    /// Reads `code:modifier=value`.
    fn plain(self, resource_type: ResourceType, name: &str) -> Result<Clause, Problem> {
        let (code, modifier) = name
            .split_once(':')
            .map_or((name, None), |(code, modifier)| (code, Some(modifier)));
        let Some(parameter) = parameter_of(resource_type, code) else {
            return Err(match modifier {
                Some(modifier) if GENERAL.contains(&code) || !is_modifier(modifier) => {
                    unsupported_modifier(code, modifier, &[])
                }
                Some(_) | None => Problem::Unknown(unknown(resource_type, code)),
            });
        };
        if modifier == Some("missing") {
            return match self.value {
                "true" | "false" => Ok(Clause::Missing {
                    code: code.to_owned(),
                    is_missing: self.value == "true",
                }),
                _ => Err(Problem::Wrong(format!(
                    "{code}:missing: expected true or false"
                ))),
            };
        }
        let mut any_of = Vec::new();
        for alternative in alternatives(self.value) {
            if alternative.is_empty() {
                return Err(Problem::Wrong(format!(
                    "{code}: expected a value, found none"
                )));
            }
            any_of.extend(match modifier {
                None => values::tests(parameter, parameter.kind, &alternative, self.bases)?,
                Some(modifier) => self.modified(parameter, modifier, &alternative)?,
            });
        }
        let of_modifier = matches!(modifier, Some("identifier" | "text" | "of-type"));
        let code = if of_modifier {
            name.to_owned()
        } else {
            code.to_owned()
        };
        let is_negated = matches!(modifier, Some("not" | "not-in"));
        Ok(if is_negated {
            Clause::Not { code, any_of }
        } else {
            Clause::Parameter { code, any_of }
        })
    }

    fn modified(
        self,
        parameter: &Parameter,
        modifier: &str,
        value: &str,
    ) -> Result<Vec<Test>, Problem> {
        let code = parameter.code;
        let unsupported = || unsupported_modifier(code, modifier, &modifiers_of(parameter));
        Ok(match (parameter.kind, modifier) {
            (ParameterKind::String, "exact") => vec![Test::Exactly(unescape(value))],
            (ParameterKind::String, "contains") => {
                vec![Test::Contains(super::fold(&unescape(value)))]
            }
            (ParameterKind::Token, "not") => {
                values::tests(parameter, parameter.kind, value, self.bases)?
            }
            (ParameterKind::Token, "text") => vec![Test::StartsWith(super::fold(&unescape(value)))],
            (ParameterKind::Token, "in" | "not-in") => in_value_set(parameter, value)?,
            (ParameterKind::Token, "below") => subsumed(parameter, value, Subsumption::Below)?,
            (ParameterKind::Token, "above") => subsumed(parameter, value, Subsumption::Above)?,
            (ParameterKind::Token, "of-type") if code == "identifier" => {
                vec![values::of_type(code, value)?]
            }
            (ParameterKind::Reference, "identifier") => vec![values::identifier(code, value)?],
            (ParameterKind::Reference, target) => {
                let target = target
                    .parse()
                    .ok()
                    .filter(|target| parameter.targets.contains(target));
                let target = target.ok_or_else(unsupported)?;
                let mut tests = values::references(code, &[target], value, self.bases)?;
                let begins = format!("{target}/");
                // `subject:Patient=Group/7` names nothing.
                tests.retain(|test| !matches!(test, Test::Reference(named) if !named.contains(':') && !named.starts_with(&begins)));
                tests
            }
            (ParameterKind::Uri, "below") => vec![Test::UriBelow(unescape(value))],
            (ParameterKind::Uri, "above") => vec![Test::UriAbove(unescape(value))],
            _ => return Err(unsupported()),
        })
    }

    /// Reads `reference:Type.rest=value`; without a type, for every type that may be named and has
    /// the parameter after the point.
    fn chain(
        self,
        resource_type: ResourceType,
        reference: &str,
        rest: &str,
        step: usize,
    ) -> Result<Clause, Problem> {
        let (code, target) = reference
            .split_once(':')
            .map_or((reference, None), |(code, target)| (code, Some(target)));
        let Some(parameter) = parameter_of(resource_type, code) else {
            return Err(Problem::Unknown(unknown(resource_type, code)));
        };
        if parameter.kind != ParameterKind::Reference {
            return Err(Problem::Unsupported(format!(
                "{code}: expected a reference before the point"
            )));
        }
        let targets: Vec<ResourceType> = match target {
            None => parameter.targets.to_vec(),
            Some(name) => {
                let target = name
                    .parse()
                    .ok()
                    .filter(|target| parameter.targets.contains(target));
                let known: Vec<_> = parameter
                    .targets
                    .iter()
                    .map(|known| known.as_str())
                    .collect();
                vec![target.ok_or_else(|| unsupported_modifier(code, name, &known))?]
            }
        };
        let mut any_of = Vec::new();
        let mut unknown = None;
        for target in targets {
            match self.clause(target, rest, step + 1) {
                Ok(clause) => any_of.push(SearchQuery::all(target, vec![clause])),
                // One of several types need not have it.
                Err(Problem::Unknown(text) | Problem::Unsupported(text)) => unknown = Some(text),
                Err(wrong @ (Problem::Wrong(_) | Problem::BringsNothing(_))) => return Err(wrong),
            }
        }
        match unknown {
            Some(text) if any_of.is_empty() => Err(Problem::Unsupported(format!("{code}: {text}"))),
            _ if any_of.is_empty() => Err(Problem::Unsupported(format!(
                "{code}: it refers to no type that this server holds"
            ))),
            _ => Ok(Clause::Chain {
                code: code.to_owned(),
                any_of,
            }),
        }
    }

    /// Reads what follows `_has` in `_has:Type:reference:rest=value`.
    fn has(self, resource_type: ResourceType, rest: &str, step: usize) -> Result<Clause, Problem> {
        let mut parts = rest.splitn(4, ':');
        let (Some(""), Some(source), Some(code), Some(rest)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Problem::Unsupported(
                "_has: expected _has:Type:reference:parameter".into(),
            ));
        };
        let Ok(source) = source.parse::<ResourceType>() else {
            return Err(Problem::Unsupported(format!("_has: {}", not_held(source))));
        };
        let reference = parameter_of(source, code)
            .filter(|parameter| parameter.kind == ParameterKind::Reference);
        let Some(reference) =
            reference.filter(|reference| reference.targets.contains(&resource_type))
        else {
            return Err(Problem::Unsupported(format!(
                "_has: expected a parameter of {source} that refers to {resource_type}"
            )));
        };
        let clause = match self.clause(source, rest, step + 1) {
            Err(Problem::Unknown(text)) => Err(Problem::Unsupported(format!("_has: {text}"))),
            read => read,
        }?;
        Ok(Clause::Has {
            code: reference.code.to_owned(),
            source: Box::new(SearchQuery::all(source, vec![clause])),
        })
    }
}

/// Describes a parameter that the type does not have. The name is repeated only if it looks like
/// one.
pub(super) fn unknown(resource_type: ResourceType, code: &str) -> String {
    let named = if is_like_a_name(code) {
        format!("no search parameter '{code}'")
    } else {
        "no such search parameter".into()
    };
    let known: Vec<_> = parameters_of(resource_type)
        .map(|parameter| parameter.code)
        .collect();
    let general = ["_id", "_lastUpdated", "_count", "_sort"];
    format!(
        "{resource_type} has {named}; it has {}",
        [&known[..], &general].concat().join(", ")
    )
}

/// Returns the values between commas; `\,` stands for a comma within one.
fn alternatives(value: &str) -> impl Iterator<Item = String> {
    split_unescaped(value, ',').into_iter()
}
