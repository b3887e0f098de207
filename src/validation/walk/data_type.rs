//! The rules of R4 for data types beside their elements, which no definition can say.

use serde_json::Value;

use super::ResourceWalk;
use super::path::At;
use super::spot::Spot;
use crate::fhirpath::Model;
use crate::schema::ElementType;
use crate::validation::{datatypes, narrative};

impl<'a> ResourceWalk<'a, '_> {
    /// Checks a value by the rules of its data type.
    pub(super) fn check_data_type(
        &mut self,
        of_type: &'a ElementType,
        is_bound: bool,
        value: &'a Value,
        spot: Spot<'a, '_>,
    ) {
        if !value.is_object() {
            return;
        }
        let at = spot.at;
        let (definitions, sink) = (self.definitions, &mut *self.sink);
        let holder = at.parent().and_then(At::node);
        let surroundings = datatypes::ValueContext {
            in_concept: at.name() == "coding" || is_bound,
            in_extension: holder
                .and_then(|node| node.type_id)
                .is_some_and(|id| definitions.name(id) == "Extension"),
            is_value_set: &|url| definitions.value_set(url).is_some(),
            is_code_system: &|url| definitions.code_system(url).is_some(),
            is_extension: &|url| {
                definitions
                    .structure(url)
                    .is_some_and(|known| &*known.type_name == "Extension")
            },
        };
        datatypes::check(
            &of_type.code,
            value,
            &surroundings,
            &mut |severity, code, path, what| {
                sink.add(severity, code, &format_args!("{at}{path}"), "", what);
            },
        );
        match &*of_type.code {
            "Reference" => self.check_reference(of_type, value, spot),
            "Coding" | "Quantity" | "Age" | "Duration" | "Count" | "Distance" => {
                self.check_code_of_system(value, at)
            }
            "Narrative" => self.check_narrative(value, spot),
            _ => {}
        }
    }

    fn check_narrative(&mut self, value: &Value, spot: Spot<'a, '_>) {
        let Spot { at, scope, .. } = spot;
        // What is stored apart from the others keeps its own ids alone.
        let bundle = scope
            .bundle
            .and_then(|inside| self.bundles.get(inside.bundle))
            .filter(|entries| !entries.is_carried_out())
            .map(|entries| entries.bundle());
        let around = bundle.or(scope.root.value);
        let at = at.child("div");
        if let Some(div) = value.get("div").and_then(Value::as_str) {
            let (sink, index) = (&mut *self.sink, &self.index);
            narrative::check(
                div,
                &|id| around.is_some_and(|around| index.has_id(around, id)),
                &mut |severity, code, rule, what| sink.add(severity, code, &at, rule, what),
            );
        }
    }
}
