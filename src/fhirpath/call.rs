//! Functions on collections: existence, filters, parts, combinations (<http://hl7.org/fhirpath/N1/#functions>).
//! Those on text, on numbers, on types and on trees have files of their own.

use super::evaluate::{Evaluation, NameScope, Result, error};
use super::operand::{Items, Operand, Scalar};
use super::syntax::{Expr, Function, FunctionCall};
use super::types;

impl<'a> Evaluation<'a, '_> {
    pub(super) fn call(
        &self,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let base = self.eval(&call.base, scope)?;
        match call.function {
            Function::Empty => Ok(base.is_empty().into()),
            Function::Exists => match call.arguments.first() {
                None => Ok((!base.is_empty()).into()),
                Some(criterion) => self.exists(&base, criterion, scope),
            },
            Function::Not => Ok(self.truth(&base)?.map(|truth| !truth).into()),
            Function::Where => self.filter(base, &call.arguments[0], scope),
            Function::All => self.all(&base, &call.arguments[0], scope),
            Function::Select => self.select(&base, &call.arguments[0], scope),
            Function::Repeat => self.repeat(&base, &call.arguments[0], scope),
            Function::Aggregate => self.aggregate(&base, call, scope),
            Function::Iif => self.choose(&base, call, scope),
            Function::AllTrue | Function::AnyTrue | Function::AllFalse | Function::AnyFalse => {
                self.booleans(call.function, &base)
            }
            Function::Count => Ok(Items::One(Operand::Integer(
                i32::try_from(base.as_slice().len()).unwrap_or(i32::MAX),
            ))),
            Function::Distinct => self.distinct(base),
            Function::IsDistinct => {
                let before = base.as_slice().len();
                Ok((self.distinct(base)?.as_slice().len() == before).into())
            }
            Function::Single => Ok(self.one(&base, "single()")?.cloned().into()),
            Function::First | Function::Last | Function::Tail | Function::Skip | Function::Take => {
                self.part(base, call, scope)
            }
            Function::SubsetOf
            | Function::SupersetOf
            | Function::Intersect
            | Function::Exclude
            | Function::Union
            | Function::Combine => self.with_other(base, call, scope),
            Function::Children
            | Function::Descendants
            | Function::Extension
            | Function::HasExtension
            | Function::HasValue
            | Function::GetValue
            | Function::Resolve
            | Function::MemberOf
            | Function::ConformsTo => self.tree(base, call, scope),
            Function::Type => {
                let types = base
                    .as_slice()
                    .iter()
                    .filter_map(|item| types::type_of(item, self.environment.model));
                Ok(types.collect())
            }
            // Nothing is written anywhere.
            Function::Trace => Ok(base),
            // The narrative has a check of its own, which knows more than true and false.
            Function::HtmlChecks | Function::HtmlChecks2 => Ok(true.into()),
            Function::Now | Function::Today | Function::TimeOfDay => self.clock(call.function),
            function if function.is_on_text() => self.text(&base, call, scope),
            function if function.is_on_numbers() => self.math(&base, call, scope),
            _ => self.convert(&base, call, scope),
        }
    }

    fn exists(
        &self,
        base: &Items<'a>,
        criterion: &'a Expr,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        for (index, item) in base.as_slice().iter().enumerate() {
            if self.truth(&self.eval(criterion, scope.on(item, index))?)? == Some(true) {
                return Ok(true.into());
            }
        }
        Ok(false.into())
    }

    fn all(
        &self,
        base: &Items<'a>,
        criterion: &'a Expr,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        for (index, item) in base.as_slice().iter().enumerate() {
            if self.truth(&self.eval(criterion, scope.on(item, index))?)? != Some(true) {
                return Ok(false.into());
            }
        }
        Ok(true.into())
    }

    fn filter(
        &self,
        base: Items<'a>,
        criterion: &'a Expr,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let mut kept = Items::None;
        for (index, item) in base.into_iter().enumerate() {
            if self.truth(&self.eval(criterion, scope.on(&item, index))?)? == Some(true) {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    fn select(
        &self,
        base: &Items<'a>,
        projection: &'a Expr,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let mut selected = Items::None;
        for (index, item) in base.as_slice().iter().enumerate() {
            selected.append(self.eval(projection, scope.on(item, index))?);
        }
        Ok(selected)
    }

    /// Applies the projection to the items, then to its results, and so on; each item is returned
    /// once.
    fn repeat(
        &self,
        base: &Items<'a>,
        projection: &'a Expr,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let mut found: Vec<Operand<'a>> = Vec::new();
        let mut round = self.select(base, projection, scope)?;
        while !round.is_empty() {
            let mut new = Items::None;
            for item in round {
                self.charge_pairs(1, found.len())?;
                if self.contains(&found, &item) {
                    continue;
                }
                found.push(item.clone());
                new.push(item);
            }
            round = self.select(&new, projection, scope)?;
        }
        Ok(found.into_iter().collect())
    }

    fn aggregate(
        &self,
        base: &Items<'a>,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let mut total = match call.arguments.get(1) {
            Some(start) => self.eval(start, scope)?,
            None => Items::None,
        };
        for (index, item) in base.as_slice().iter().enumerate() {
            self.charge(total.as_slice().len())?;
            total = self.eval(
                &call.arguments[0],
                NameScope {
                    total: Some(&total),
                    ..scope.on(item, index)
                },
            )?;
        }
        Ok(total)
    }

    /// Evaluates `iif()`: only the branch that is taken.
    fn choose(
        &self,
        base: &Items<'a>,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let inner = NameScope {
            this: self.one(base, "iif()")?,
            ..scope
        };
        let taken = if self.truth(&self.eval(&call.arguments[0], inner)?)? == Some(true) {
            1
        } else {
            2
        };
        call.arguments
            .get(taken)
            .map_or(Ok(Items::None), |branch| self.eval(branch, inner))
    }

    fn booleans(&self, function: Function, base: &Items<'a>) -> Result<Items<'a>> {
        let wanted = matches!(function, Function::AllTrue | Function::AnyTrue);
        let mut is_wanted = Vec::new();
        for item in base.as_slice() {
            match item.scalar(self.environment.model) {
                Some(Scalar::Boolean(value)) => is_wanted.push(value == wanted),
                _ => return error(format!("{}() takes booleans", function.name())),
            }
        }
        let all = matches!(function, Function::AllTrue | Function::AllFalse);
        Ok(if all {
            is_wanted.iter().all(|fits| *fits)
        } else {
            is_wanted.iter().any(|fits| *fits)
        }
        .into())
    }

    fn part(
        &self,
        base: Items<'a>,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let count = || {
            let count = self.argument(call, 0, scope)?;
            let count = self.integer(&count, call.function.name())?;
            Ok(usize::try_from(count.unwrap_or(0)).unwrap_or(0))
        };
        Ok(match call.function {
            Function::First => base.into_iter().next().into(),
            Function::Last => base.into_iter().last().into(),
            Function::Tail => base.into_iter().skip(1).collect(),
            Function::Skip => base.into_iter().skip(count()?).collect(),
            _ => base.into_iter().take(count()?).collect(),
        })
    }

    /// Evaluates a function on two collections.
    fn with_other(
        &self,
        base: Items<'a>,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let other = self.argument(call, 0, scope)?;
        if !matches!(call.function, Function::Combine) {
            self.charge_pairs(base.as_slice().len(), other.as_slice().len())?;
        }
        let all_in = |items: &Items<'a>, others: &Items<'a>| {
            items
                .as_slice()
                .iter()
                .all(|item| self.contains(others.as_slice(), item))
        };
        match call.function {
            Function::SubsetOf => Ok(all_in(&base, &other).into()),
            Function::SupersetOf => Ok(all_in(&other, &base).into()),
            Function::Exclude => Ok(base
                .into_iter()
                .filter(|item| !self.contains(other.as_slice(), item))
                .collect()),
            Function::Intersect => {
                let both = base
                    .into_iter()
                    .filter(|item| self.contains(other.as_slice(), item))
                    .collect();
                self.distinct(both)
            }
            function => {
                let mut all = base;
                all.append(other);
                if function == Function::Combine {
                    Ok(all)
                } else {
                    self.distinct(all)
                }
            }
        }
    }

    /// Evaluates an argument in the scope of the function.
    pub(super) fn argument(
        &self,
        call: &'a FunctionCall,
        place: usize,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        call.arguments
            .get(place)
            .map_or(Ok(Items::None), |argument| self.eval(argument, scope))
    }
}
