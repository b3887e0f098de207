//! Every expression that the packages publish compiles.

use std::collections::BTreeSet;
use std::io::Write as _;

use frist::fhirpath::Expression;
use serde_json::Value;

use super::model::{CORE, package};

/// Returns the invariants of these definitions.
fn invariants(structures: &[Value]) -> BTreeSet<&str> {
    let views = structures
        .iter()
        .flat_map(|structure| [&structure["snapshot"], &structure["differential"]]);
    let elements = views.flat_map(|view| view["element"].as_array().into_iter().flatten());
    let constraints =
        elements.flat_map(|element| element["constraint"].as_array().into_iter().flatten());
    constraints
        .filter_map(|constraint| constraint["expression"].as_str())
        .collect()
}

/// Returns the expressions that do not compile, with the reason.
fn refused<'e>(expressions: impl IntoIterator<Item = &'e str>) -> Vec<String> {
    let compiled = expressions
        .into_iter()
        .map(|text| (text, Expression::compile(text)));
    compiled
        .filter_map(|(text, result)| result.err().map(|error| format!("{text}: {error}")))
        .collect()
}

#[test]
fn every_invariant_of_the_core_package_compiles() {
    let invariants = invariants(&CORE.structures);
    assert!(
        invariants.len() > 200,
        "only {} invariants",
        invariants.len()
    );
    assert_eq!(refused(invariants), Vec::<String>::new());
}

#[test]
fn every_search_expression_of_the_core_package_compiles() {
    let expressions: BTreeSet<&str> = CORE
        .search_parameters
        .iter()
        .filter_map(|parameter| parameter["expression"].as_str())
        .collect();
    assert!(
        expressions.len() > 1_000,
        "only {} expressions",
        expressions.len()
    );
    assert_eq!(refused(expressions), Vec::<String>::new());
}

#[test]
fn every_invariant_of_the_danish_core_package_compiles() {
    let Ok(path) = std::env::var("FRIST_DK_CORE") else {
        // Past the test harness, which keeps what a passing test prints to itself.
        writeln!(
            std::io::stderr(),
            "SKIPPED: FRIST_DK_CORE does not name the package hl7.fhir.dk.core"
        )
        .unwrap();
        return;
    };
    let package = package(&path);
    let invariants = invariants(&package.structures);
    assert!(
        invariants.len() > 10,
        "only {} invariants",
        invariants.len()
    );
    assert_eq!(refused(invariants), Vec::<String>::new());
}
