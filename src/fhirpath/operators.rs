//! The binary operators (<http://hl7.org/fhirpath/N1/#operations>). Arithmetic is in `arithmetic`.

use super::evaluate::{Evaluation, NameScope, Result};
use super::operand::{Items, Operand};
use super::syntax::{Expr, Operator};
use super::{EvaluationError, compare};

impl<'a> Evaluation<'a, '_> {
    /// Applies a binary operator to two expressions.
    pub(super) fn binary(
        &self,
        operator: Operator,
        left: &'a Expr,
        right: &'a Expr,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let left = self.eval(left, scope)?;
        if matches!(
            operator,
            Operator::And | Operator::Or | Operator::Xor | Operator::Implies
        ) {
            return self.logic(operator, self.truth(&left)?, right, scope);
        }
        let right = self.eval(right, scope)?;
        match operator {
            Operator::Equal => Ok(self.equal(&left, &right)?.into()),
            Operator::NotEqual => Ok(self.equal(&left, &right)?.map(|same| !same).into()),
            Operator::Equivalent => Ok(self.equivalent(&left, &right)?.into()),
            Operator::NotEquivalent => Ok((!self.equivalent(&left, &right)?).into()),
            Operator::LessOrEqual
            | Operator::Less
            | Operator::Greater
            | Operator::GreaterOrEqual => self.compare(operator, &left, &right),
            Operator::In => match self.one(&left, "a test of membership")? {
                None => Ok(Items::None),
                Some(_) => self.membership(&left, &right),
            },
            Operator::Contains if right.is_empty() => Ok(Items::None),
            Operator::Contains => self.membership(&right, &left),
            Operator::Union => {
                let mut all = left;
                all.append(right);
                self.distinct(all)
            }
            Operator::Gather => {
                let mut all = left;
                all.append(right);
                Ok(all)
            }
            Operator::Concatenate => self.concatenate(&left, &right),
            _ => match (
                self.one(&left, "arithmetic")?,
                self.one(&right, "arithmetic")?,
            ) {
                (Some(left), Some(right)) => self.arithmetic(operator, left, right),
                _ => Ok(Items::None),
            },
        }
    }

    /// Compares the order of two items.
    fn compare(
        &self,
        operator: Operator,
        left: &Items<'a>,
        right: &Items<'a>,
    ) -> Result<Items<'a>> {
        let (Some(left), Some(right)) = (
            self.one(left, "a comparison")?,
            self.one(right, "a comparison")?,
        ) else {
            return Ok(Items::None);
        };
        let order =
            compare::order(left, right, self.environment.model).map_err(EvaluationError::Data)?;
        let holds = order.map(|order| match operator {
            Operator::LessOrEqual => order.is_le(),
            Operator::Less => order.is_lt(),
            Operator::Greater => order.is_gt(),
            _ => order.is_ge(),
        });
        Ok(holds.into())
    }

    /// Joins two texts; no item counts as the empty text.
    fn concatenate(&self, left: &Items<'a>, right: &Items<'a>) -> Result<Items<'a>> {
        let text = |items: &Items<'a>| match self.one(items, "&")? {
            None => Ok(String::new()),
            Some(item) => self
                .text_of(item)
                .map(str::to_owned)
                .ok_or_else(|| EvaluationError::Data("& takes text".into())),
        };
        let joined = text(left)? + &text(right)?;
        self.charge(joined.len() / 16)?;
        Ok(Items::One(Operand::Text(joined.into())))
    }

    /// Applies three-valued logic; the right side is evaluated only if it matters.
    fn logic(
        &self,
        operator: Operator,
        left: Option<bool>,
        right: &'a Expr,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let right = || self.truth(&self.eval(right, scope)?);
        let result = match (operator, left) {
            (Operator::And, Some(false)) => Some(false),
            (Operator::And, Some(true)) => right()?,
            (Operator::And, None) => right()?.filter(|right| !right),
            (Operator::Or, Some(true)) | (Operator::Implies, Some(false)) => Some(true),
            (Operator::Or, Some(false)) | (Operator::Implies, Some(true)) => right()?,
            (Operator::Or | Operator::Implies, None) => right()?.filter(|right| *right),
            (_, left) => left.zip(right()?).map(|(left, right)| left != right),
        };
        Ok(result.into())
    }

    fn equal(&self, left: &Items<'a>, right: &Items<'a>) -> Result<Option<bool>> {
        let (left, right) = (left.as_slice(), right.as_slice());
        if left.is_empty() || right.is_empty() {
            return Ok(None);
        }
        if left.len() != right.len() {
            return Ok(Some(false));
        }
        self.charge(left.len())?;
        let mut all = Some(true);
        for (left, right) in left.iter().zip(right) {
            match compare::equal(left, right, self.environment.model) {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => all = None,
            }
        }
        Ok(all)
    }

    fn equivalent(&self, left: &Items<'a>, right: &Items<'a>) -> Result<bool> {
        let (left, right) = (left.as_slice(), right.as_slice());
        self.charge_pairs(left.len(), right.len())?;
        let in_right = |item: &Operand<'a>| {
            right
                .iter()
                .any(|other| compare::equivalent(item, other, self.environment.model))
        };
        Ok(left.len() == right.len() && left.iter().all(in_right))
    }

    /// Returns true if all of the items are in the collection.
    fn membership(&self, items: &Items<'a>, collection: &Items<'a>) -> Result<Items<'a>> {
        let (items, collection) = (items.as_slice(), collection.as_slice());
        self.charge(items.len().saturating_mul(collection.len()))?;
        Ok(items
            .iter()
            .all(|item| self.contains(collection, item))
            .into())
    }

    /// Returns true if an item of the collection is equal.
    pub(super) fn contains(&self, collection: &[Operand<'a>], item: &Operand<'a>) -> bool {
        collection
            .iter()
            .any(|other| compare::equal(other, item, self.environment.model) == Some(true))
    }

    /// Returns the items without duplicates.
    pub(super) fn distinct(&self, items: Items<'a>) -> Result<Items<'a>> {
        let Items::Many(items) = items else {
            return Ok(items);
        };
        if compare::are_looked_up(&items, self.environment.model) {
            self.charge(items.len())?;
        } else {
            self.charge_pairs(items.len(), items.len())?;
        }
        let kept = compare::distinct(&items, self.environment.model);
        if kept.len() == items.len() {
            return Ok(Items::Many(items));
        }
        Ok(kept
            .into_iter()
            .filter_map(|index| items.get(index).cloned())
            .collect())
    }
}
