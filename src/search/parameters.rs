//! The search parameters of each held type, from the definitions of R4 and of the guide. Resources
//! are indexed, queries are read and the CapabilityStatement is made by them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, OnceLock};

use crate::fhir::ResourceType;
use crate::fhirpath::Expression;
use crate::schema::{
    Definitions, Package, SearchParameter, Strength, Structure, alternatives, search_parameters,
};

/// The kind of a parameter, which decides how its values are read (<https://hl7.org/fhir/R4/search.html#ptypes>).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are FHIR's")]
pub enum ParameterKind {
    Number,
    Date,
    String,
    Token,
    Reference,
    Composite,
    Quantity,
    Uri,
}

impl ParameterKind {
    /// Returns the FHIR code.
    pub fn as_str(self) -> &'static str {
        match self {
            ParameterKind::Number => "number",
            ParameterKind::Date => "date",
            ParameterKind::String => "string",
            ParameterKind::Token => "token",
            ParameterKind::Reference => "reference",
            ParameterKind::Composite => "composite",
            ParameterKind::Quantity => "quantity",
            ParameterKind::Uri => "uri",
        }
    }

    fn of(code: &str) -> Option<ParameterKind> {
        use ParameterKind as K;
        [
            K::Number,
            K::Date,
            K::String,
            K::Token,
            K::Reference,
            K::Composite,
            K::Quantity,
            K::Uri,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == code)
    }
}

/// One search parameter of one type.
#[derive(Debug)]
pub struct Parameter {
    /// The name in a query.
    pub code: &'static str,
    /// The kind of its values.
    pub kind: ParameterKind,
    /// The held types that a reference may name; empty for the other kinds.
    pub targets: &'static [ResourceType],
    /// The canonical address of its definition.
    pub definition: &'static str,
    /// The places of its values in a resource; together.
    pub(super) expressions: Vec<Expression>,
    /// The components of a composite.
    pub(super) components: Vec<Component>,
    type_name: &'static str,
    own_systems: OnceLock<Vec<String>>,
}

/// One part of a composite.
#[derive(Debug)]
pub(super) struct Component {
    /// The kind of its values.
    pub(super) kind: ParameterKind,
    /// The place of its values below the element that the composite's expression finds.
    pub(super) expression: Expression,
}

static TABLE: LazyLock<BTreeMap<ResourceType, Vec<Parameter>>> = LazyLock::new(|| {
    let of_type = |resource_type: &ResourceType| {
        let mut parameters: Vec<_> = search_parameters()
            .iter()
            .filter_map(|defined| parameter(*resource_type, defined))
            .collect();
        parameters.sort_by_key(|parameter| (parameter.code.starts_with('_'), parameter.code));
        (*resource_type, parameters)
    };
    ResourceType::ALL.iter().map(of_type).collect()
});

/// Returns the parameters of one type, except `_id` and `_lastUpdated`, which the store knows
/// without an index.
pub fn parameters_of(resource_type: ResourceType) -> impl Iterator<Item = &'static Parameter> {
    TABLE.get(&resource_type).into_iter().flatten()
}

/// Returns the parameter of a type with this name.
pub fn parameter_of(resource_type: ResourceType, code: &str) -> Option<&'static Parameter> {
    parameters_of(resource_type).find(|parameter| parameter.code == code)
}

/// Returns the definitions of R4 and of the guide, which give elements their types and value sets
/// their codes.
pub(super) fn definitions() -> &'static Definitions {
    static ALL: LazyLock<Definitions> = LazyLock::new(|| {
        Definitions::core()
            .with(&Package::guide())
            .unwrap_or_else(|_| Definitions::core())
    });
    &ALL
}

fn parameter(resource_type: ResourceType, defined: &'static SearchParameter) -> Option<Parameter> {
    if matches!(defined.code.as_str(), "_id" | "_lastUpdated") {
        return None;
    }
    let of_base = |base: &str| defined.expressions.iter().find(|(of, _)| of == base);
    let (_, expression) = of_base(resource_type.as_str()).or_else(|| of_base("Resource"))?;
    let expressions = alternatives(expression)
        .into_iter()
        .map(Expression::compile);
    let component = |(definition, expression): &(String, String)| {
        let kind = search_parameters()
            .iter()
            .find(|part| part.url == *definition)
            .and_then(|part| ParameterKind::of(&part.kind))?;
        Some(Component {
            kind,
            expression: Expression::compile(expression).ok()?,
        })
    };
    Some(Parameter {
        code: &defined.code,
        kind: ParameterKind::of(&defined.kind)?,
        targets: &defined.targets,
        definition: &defined.url,
        expressions: expressions.collect::<Result<_, _>>().ok()?,
        components: defined
            .components
            .iter()
            .map(component)
            .collect::<Option<_>>()?,
        type_name: resource_type.as_str(),
        own_systems: OnceLock::new(),
    })
}

impl Parameter {
    /// Tells whether its tokens are identifiers: the systems of these are taken as they are written.
    pub(super) fn is_of_identifiers(&self) -> bool {
        let is_identifier = |expression: &Expression| {
            let name = expression.text().rsplit('.').next().unwrap_or_default();
            matches!(name, "identifier" | "groupIdentifier" | "requisition")
        };
        self.kind == ParameterKind::Token && self.expressions.iter().any(is_identifier)
    }

    /// Returns the implicit systems of its codes: those of the value sets that its elements of type
    /// `code` are bound to.
    pub(super) fn own_systems(&self) -> &[String] {
        self.own_systems.get_or_init(|| {
            let mut systems = BTreeSet::new();
            for expression in &self.expressions {
                systems_at(
                    definitions(),
                    self.type_name,
                    expression.text(),
                    &mut systems,
                );
            }
            systems.into_iter().collect()
        })
    }
}

/// The values of a boolean are codes of this system.
const SPECIAL_VALUES: &str = "http://terminology.hl7.org/CodeSystem/special-values";

/// Adds the systems of the element at a path; a path with functions in it adds nothing.
fn systems_at(
    definitions: &Definitions,
    type_name: &str,
    path: &str,
    systems: &mut BTreeSet<String>,
) {
    let Some(structure) = definitions.type_structure(type_name) else {
        return;
    };
    let Some((element, below)) = longest(structure, path) else {
        return;
    };
    let element = &structure.elements[element];
    match (below, &*element.types) {
        ("", [only]) if &*only.code == "boolean" => drop(systems.insert(SPECIAL_VALUES.to_owned())),
        ("", [only]) if &*only.code == "code" => {
            let binding = element
                .binding
                .as_ref()
                .filter(|binding| binding.strength == Strength::Required);
            let value_set = binding.and_then(|binding| definitions.value_set(&binding.value_set));
            let included = value_set
                .into_iter()
                .flat_map(|value_set| &value_set.include);
            systems.extend(
                included
                    .map(|part| part.system.to_string())
                    .filter(|system| !system.is_empty()),
            );
        }
        ("", _) => {}
        (below, [only]) => systems_at(
            definitions,
            &only.code,
            &format!("{}{below}", only.code),
            systems,
        ),
        _ => {}
    }
}

/// Returns the element of a structure that the longest possible beginning of a path names, and the
/// rest of the path.
fn longest<'p>(structure: &Structure, path: &'p str) -> Option<(usize, &'p str)> {
    let mut end = path.len();
    while let Some(named) = path.get(..end).filter(|named| named.contains('.')) {
        if let Some(at) = structure
            .elements
            .iter()
            .position(|element| *element.path == *named)
        {
            return Some((at, &path[end..]));
        }
        end = named.rfind('.')?;
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_definition_becomes_a_parameter_and_no_type_has_two_of_one_name() {
        for defined in search_parameters() {
            for (base, expression) in &defined.expressions {
                let types = ResourceType::ALL
                    .iter()
                    .filter(|held| base == "Resource" || held.as_str() == base);
                for resource_type in
                    types.filter(|_| !matches!(&*defined.code, "_id" | "_lastUpdated"))
                {
                    let found: Vec<_> = parameters_of(*resource_type)
                        .filter(|parameter| parameter.code == defined.code)
                        .collect();
                    assert_eq!(
                        found.len(),
                        1,
                        "{resource_type} {} {expression}",
                        defined.code
                    );
                }
            }
        }
        assert!(
            ResourceType::ALL
                .iter()
                .all(|held| parameters_of(*held).count() > 5)
        );
    }

    #[test]
    fn codes_have_the_systems_of_the_value_sets_that_they_are_bound_to() {
        for (resource_type, code, system) in [
            (
                ResourceType::Task,
                "status",
                "http://hl7.org/fhir/task-status",
            ),
            (
                ResourceType::CarePlan,
                "status",
                "http://hl7.org/fhir/request-status",
            ),
            (
                ResourceType::Patient,
                "gender",
                "http://hl7.org/fhir/administrative-gender",
            ),
            (
                ResourceType::Patient,
                "address-use",
                "http://hl7.org/fhir/address-use",
            ),
            (ResourceType::Patient, "active", SPECIAL_VALUES),
        ] {
            assert_eq!(
                parameter_of(resource_type, code).unwrap().own_systems(),
                [system],
                "{resource_type}?{code}"
            );
        }
        assert!(
            parameter_of(ResourceType::Condition, "code")
                .unwrap()
                .own_systems()
                .is_empty()
        );
    }
}
