//! Functions on text (<http://hl7.org/fhirpath/N1/#string-manipulation>).
//!
//! Where the specification leaves room (several items, or something other than text), the answers
//! are those of the public validator.

use std::borrow::Cow;

use regex::Regex;

use super::EvaluationError;
use super::evaluate::{Evaluation, NameScope, Result, error};
use super::operand::{Items, Operand, temporal_kind};
use super::pattern::{self, Extent};
use super::syntax::{Function, FunctionCall};

impl Function {
    /// Returns true for a function of this file.
    pub(super) fn is_on_text(self) -> bool {
        use Function::*;
        matches!(
            self,
            IndexOf
                | Substring
                | StartsWith
                | EndsWith
                | Contains
                | Upper
                | Lower
                | Replace
                | Matches
                | MatchesFull
                | ReplaceMatches
                | Length
                | ToChars
                | Trim
                | Split
                | Join
        )
    }
}

impl<'a> Evaluation<'a, '_> {
    pub(super) fn text(
        &self,
        base: &Items<'a>,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        if call.function == Function::Join {
            return self.join(base, call, scope);
        }
        let focus = match (base.as_slice(), call.function) {
            ([], _) => return Ok(Items::None),
            ([item], _) | ([item, ..], Function::StartsWith | Function::IndexOf) => item,
            (_, Function::EndsWith | Function::Matches | Function::MatchesFull) => {
                return Ok(false.into());
            }
            (_, Function::Replace | Function::ReplaceMatches) => {
                return error("a replacement takes one text");
            }
            _ => return Ok(Items::None),
        };
        let Some(focus) = self.text_of(focus) else {
            return Ok(Items::None);
        };
        self.charge(focus.len() / 16)?;
        match call.function {
            Function::Length => Ok(integer(focus.chars().count())),
            Function::Upper => Ok(owned(focus.to_uppercase())),
            Function::Lower => Ok(owned(focus.to_lowercase())),
            Function::Trim => Ok(owned(focus.trim().to_owned())),
            Function::ToChars => Ok(focus
                .chars()
                .map(|character| Operand::Text(character.to_string().into()))
                .collect()),
            Function::Substring => self.substring(focus, call, scope),
            Function::Matches | Function::MatchesFull => self.matches(focus, call, scope),
            Function::ReplaceMatches => self.replace_matches(focus, call, scope),
            _ => self.with_text(focus, call, scope),
        }
    }

    /// Evaluates a function that takes texts as arguments.
    fn with_text(
        &self,
        focus: &str,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let (first, second) = (
            self.argument(call, 0, scope)?,
            self.argument(call, 1, scope)?,
        );
        let Some(first) = self.text_argument(&first, call)? else {
            return Ok(Items::None);
        };
        match call.function {
            Function::StartsWith => Ok(focus.starts_with(first).into()),
            Function::EndsWith => Ok(focus.ends_with(first).into()),
            Function::Contains => Ok(focus.contains(first).into()),
            Function::IndexOf => Ok(match focus.find(first) {
                Some(at) => integer(focus[..at].chars().count()),
                None => Items::One(Operand::Integer(-1)),
            }),
            Function::Split => Ok(focus
                .split(first)
                .map(|part| Operand::Text(part.to_owned().into()))
                .collect()),
            _ => {
                let Some(second) = self.text_argument(&second, call)? else {
                    return Ok(Items::None);
                };
                self.charge(focus.len().saturating_mul(second.len()) / 16)?;
                Ok(owned(focus.replace(first, second)))
            }
        }
    }

    fn matches(
        &self,
        focus: &str,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let Some(pattern) = self.pattern(call, scope)? else {
            return Ok(Items::None);
        };
        let is_empty = focus.is_empty() || pattern.as_str().is_empty();
        Ok((!is_empty && pattern.is_match(focus)).into())
    }

    fn replace_matches(
        &self,
        focus: &str,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let replacement = self.argument(call, 1, scope)?;
        match (
            self.pattern(call, scope)?,
            self.text_argument(&replacement, call)?,
        ) {
            (Some(pattern), Some(_)) if pattern.as_str().is_empty() => Ok(owned(focus.to_owned())),
            (Some(pattern), Some(replacement)) => {
                self.charge(focus.len().saturating_mul(replacement.len()) / 16)?;
                Ok(owned(
                    pattern
                        .replace_all(focus, pattern::replacement(replacement))
                        .into_owned(),
                ))
            }
            _ => Ok(Items::None),
        }
    }

    /// Returns the text of an item; none for a number, an element of type date, and anything else
    /// that is not text.
    pub(super) fn text_of<'i>(&self, item: &'i Operand<'a>) -> Option<&'i str> {
        let is_date = matches!(item, Operand::Node(node) if temporal_kind(*node, self.environment.model).is_some());
        item.as_str().filter(|_| !is_date)
    }

    pub(super) fn text_argument<'i>(
        &self,
        items: &'i Items<'a>,
        call: &FunctionCall,
    ) -> Result<Option<&'i str>> {
        match self.one(items, call.function.name())? {
            None => Ok(None),
            Some(item) => match item.as_str() {
                Some(text) => Ok(Some(text)),
                None => error(format!("{}() takes text", call.function.name())),
            },
        }
    }

    fn substring(
        &self,
        focus: &str,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let (start, length) = (
            self.argument(call, 0, scope)?,
            self.argument(call, 1, scope)?,
        );
        let Some(start) = self.integer(&start, "substring()")? else {
            return Ok(Items::None);
        };
        let length = match (call.arguments.len(), self.integer(&length, "substring()")?) {
            (1, _) => usize::MAX,
            (_, None) => return Ok(Items::None),
            (_, Some(length)) => usize::try_from(length).unwrap_or(0),
        };
        let Ok(start) = usize::try_from(start) else {
            return Ok(Items::None);
        };
        let part: String = focus.chars().skip(start).take(length).collect();
        Ok((!part.is_empty())
            .then(|| Operand::Text(part.into()))
            .into())
    }

    /// Returns the pattern of a function: compiled with the expression, or read from the data.
    fn pattern(
        &self,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Option<Cow<'a, Regex>>> {
        if let Some(pattern) = &call.pattern {
            return Ok(Some(Cow::Borrowed(pattern)));
        }
        let pattern = self.argument(call, 0, scope)?;
        let Some(pattern) = self.text_argument(&pattern, call)? else {
            return Ok(None);
        };
        // Compiling it takes up to half a millisecond.
        self.charge(50_000 + pattern.len())?;
        let extent = if call.function == Function::MatchesFull {
            Extent::Whole
        } else {
            Extent::Somewhere
        };
        let compiled = pattern::compile(pattern, extent, pattern::READ_SIZE_MAX);
        compiled
            .map(|pattern| Some(Cow::Owned(pattern)))
            .map_err(EvaluationError::Data)
    }

    fn join(
        &self,
        base: &Items<'a>,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let separator = self.argument(call, 0, scope)?;
        let separator = self.text_argument(&separator, call)?.unwrap_or("");
        let texts: Vec<&str> = base
            .as_slice()
            .iter()
            .filter_map(|item| self.text_of(item))
            .collect();
        let joined = texts.join(separator);
        self.charge(joined.len() / 16)?;
        Ok(Items::One(Operand::Text(joined.into())))
    }
}

fn owned<'v>(text: String) -> Items<'v> {
    Items::One(Operand::Text(text.into()))
}

fn integer<'v>(number: usize) -> Items<'v> {
    Items::One(Operand::Integer(i32::try_from(number).unwrap_or(i32::MAX)))
}
