//! Functions on elements: children, extensions, references, and the additions of FHIR
//! (<https://hl7.org/fhir/R4/fhirpath.html#functions>).

use serde_json::Value;

use super::evaluate::{Evaluation, NameScope, Result, error};
use super::operand::{Items, Operand};
use super::syntax::{Function, FunctionCall};
use super::{Coded, Node, navigate};

impl<'a> Evaluation<'a, '_> {
    pub(super) fn tree(
        &self,
        base: Items<'a>,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        match call.function {
            Function::Children => self.children(&base),
            Function::Descendants => self.descendants(&base),
            Function::HasValue => Ok(base
                .single()
                .is_some_and(|item| item.to_text().is_some_and(|text| !text.is_empty()))
                .into()),
            Function::GetValue => Ok(base
                .single()
                .filter(|item| item.to_text().is_some())
                .cloned()
                .into()),
            Function::Resolve => {
                let mut resolved = Items::None;
                for item in base.as_slice() {
                    self.resolve(item)?
                        .map(Operand::Node)
                        .into_iter()
                        .for_each(|node| resolved.push(node));
                }
                Ok(resolved)
            }
            Function::Extension | Function::HasExtension => {
                let url = self.argument(call, 0, scope)?;
                let Some(url) = self.text_argument(&url, call)? else {
                    return Ok(Items::None);
                };
                let found = self.extensions(&base, url);
                Ok(if call.function == Function::Extension {
                    found
                } else {
                    (!found.is_empty()).into()
                })
            }
            _ => self.ask(&base, call, scope),
        }
    }

    fn children(&self, base: &Items<'a>) -> Result<Items<'a>> {
        let mut found = Items::None;
        for item in base.as_slice() {
            if let Operand::Node(node) = item {
                navigate::children(*node, self.environment.model, &mut found);
            }
        }
        self.charge(found.as_slice().len())?;
        Ok(found)
    }

    /// Returns all elements below the given ones, level by level.
    fn descendants(&self, base: &Items<'a>) -> Result<Items<'a>> {
        let mut all = Items::None;
        let mut level = self.children(base)?;
        while !level.is_empty() {
            let next = self.children(&level)?;
            all.append(level);
            level = next;
        }
        Ok(all)
    }

    fn extensions(&self, base: &Items<'a>, url: &str) -> Items<'a> {
        let mut extensions = Items::None;
        for item in base.as_slice() {
            if let Operand::Node(node) = item {
                navigate::members(*node, "extension", self.environment.model, &mut extensions);
                navigate::members(
                    *node,
                    "modifierExtension",
                    self.environment.model,
                    &mut extensions,
                );
            }
        }
        let has_url = |item: &Operand<'a>| matches!(item, Operand::Node(Node { value: Some(value), .. }) if value["url"] == *url);
        extensions.into_iter().filter(has_url).collect()
    }

    /// Finds the resource that a Reference, or the text of one, names.
    fn resolve(&self, item: &Operand<'a>) -> Result<Option<Node<'a>>> {
        let (reference, holder) = match item {
            Operand::Node(Node {
                value: holder @ Some(Value::Object(object)),
                ..
            }) => (object.get("reference").and_then(Value::as_str), *holder),
            Operand::Node(node) => (item.as_str(), node.value),
            other => (other.as_str(), None),
        };
        let Some(reference) = reference else {
            return Ok(None);
        };
        self.charge(1)?;
        let model = self.environment.model;
        if let Some(node) = (self.environment.resolve)(reference, holder) {
            return Ok(Some(navigate::typed(node, model)));
        }
        let Some(id) = reference.strip_prefix('#') else {
            return Ok(None);
        };
        let root = navigate::typed(self.environment.root_resource, model);
        if id.is_empty() {
            return Ok(Some(root));
        }
        let mut contained = Items::None;
        navigate::members(root, "contained", model, &mut contained);
        self.charge(contained.as_slice().len())?;
        Ok(contained.into_iter().find_map(|item| match item {
            Operand::Node(node) if node.value.is_some_and(|value| value["id"] == *id) => Some(node),
            _ => None,
        }))
    }

    /// Evaluates a function that only the environment can answer.
    fn ask(
        &self,
        base: &Items<'a>,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let address = self.argument(call, 0, scope)?;
        let (Some(item), Some(address)) = (base.single(), self.text_argument(&address, call)?)
        else {
            return Ok(Items::None);
        };
        let name = call.function.name();
        if call.function == Function::MemberOf {
            let coded = match item {
                Operand::Node(node) => Coded::Element(*node),
                other => match other.as_str() {
                    Some(text) => Coded::Text(text),
                    None => return error(format!("{name}() takes a code or a text")),
                },
            };
            return Ok((self.environment.member_of)(coded, address).into());
        }
        let Operand::Node(node) = item else {
            return error(format!("{name}() takes an element"));
        };
        Ok((self.environment.conforms_to)(*node, address).into())
    }
}
