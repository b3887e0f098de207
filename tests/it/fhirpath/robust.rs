//! No text makes the compiler panic, and no JSON the evaluation.

use std::sync::LazyLock;

use frist::fhirpath::{Expression, Model, Node};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::environment;
use super::model::{CORE, TYPES};

/// Published expressions, to be put together anew and tried on anything.
static PUBLISHED: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let parameters = CORE
        .search_parameters
        .iter()
        .filter_map(|parameter| parameter["expression"].as_str());
    let elements = CORE.structures.iter().flat_map(|structure| {
        structure["snapshot"]["element"]
            .as_array()
            .into_iter()
            .flatten()
    });
    let constraints =
        elements.flat_map(|element| element["constraint"].as_array().into_iter().flatten());
    let mut all: Vec<&str> = parameters
        .chain(constraints.filter_map(|constraint| constraint["expression"].as_str()))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
});

/// Pieces that expressions are made of.
const PIECES: &[&str] = &[
    "name",
    "given",
    "$this",
    "$index",
    "%resource",
    "1",
    "2.50",
    "-",
    "'a'",
    "{}",
    "true",
    "@2020-02",
    "@T10:00",
    "4 days",
    "(",
    ")",
    "[",
    "]",
    ".",
    ",",
    " and ",
    " or ",
    " implies ",
    " = ",
    " ~ ",
    " < ",
    " >= ",
    " in ",
    " contains ",
    " | ",
    " & ",
    " + ",
    " * ",
    " / ",
    " div ",
    " mod ",
    " is ",
    " as ",
    "Quantity",
    "where(",
    "select(",
    "all(",
    "exists()",
    "count()",
    "descendants()",
    "repeat(",
    "substring(",
    "matches(",
    "replaceMatches(",
    "round(",
    "power(",
    "toInteger()",
    "toDecimal()",
    "toString()",
    "toQuantity()",
    "toDate()",
    "first()",
    "skip(",
    "iif(",
    "aggregate(",
    "resolve()",
    "extension(",
    "birthDate",
    "value",
    "period",
    "start",
    "distinct()",
];

fn json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        prop::sample::select(vec![
            "name",
            "given",
            "_given",
            "value",
            "valueDate",
            "_valueDate",
            "period",
            "start",
            "end",
            "code",
            "system",
            "reference",
            "contained",
            "resourceType",
            "id",
            "extension",
            "url",
            "birthDate",
            "_birthDate",
            "entry",
            "resource",
            "low",
            "high",
        ])
        .prop_map(str::to_owned),
        "[a-z_é]{0,4}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            "1e400",
            "-0.00",
            "1e-400",
            "123456789012345678901234567890123456789012345",
            "9e999999999999",
            "0.1"
        ])
        .prop_map(|digits| serde_json::from_str(digits).unwrap()),
        prop::sample::select(vec![
            "2020",
            "2020-02-30",
            "0000-00-00",
            "2020-01-01T24:00:00Z",
            "9999-12-31T23:59:60.999999999999-14:00",
            "#a",
            "#",
            "Patient",
            "Bundle",
            "Observation",
            "mg",
        ])
        .prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

/// Evaluates an expression on a value as an element of different types.
fn evaluate(text: &str, value: &Value) {
    let Ok(expression) = Expression::compile(text) else {
        return;
    };
    for name in [
        "Patient",
        "Bundle",
        "Observation",
        "Quantity",
        "Period",
        "string",
        "date",
        "boolean",
        "",
    ] {
        let surroundings = environment(&TYPES, value);
        let focus = Node {
            value: Some(value),
            extras: Some(value),
            type_id: TYPES.type_named(name),
        };
        let result = expression.evaluate(focus, &surroundings);
        assert_eq!(
            result.is_ok(),
            expression.holds(focus, &surroundings).is_ok()
        );
    }
}

proptest! {
    #[test]
    fn any_text_compiles_or_says_why_not(text in ".{0,80}") {
        let _ = Expression::compile(&text).map_err(|error| assert!(!error.0.is_empty()));
    }

    #[test]
    fn any_order_of_pieces_compiles_or_says_why_not(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 1..24),
        value in json(),
    ) {
        evaluate(&pieces.concat(), &value);
    }

    #[test]
    fn published_expressions_have_a_result_on_anything(text in prop::sample::select(PUBLISHED.as_slice()), value in json()) {
        evaluate(text, &value);
    }

    #[test]
    fn cut_and_joined_expressions_do_no_harm(
        one in prop::sample::select(PUBLISHED.as_slice()),
        other in prop::sample::select(PUBLISHED.as_slice()),
        at in any::<prop::sample::Index>(),
        value in json(),
    ) {
        let cut = at.index(one.len() + 1);
        if one.is_char_boundary(cut) {
            evaluate(&format!("{}{other}", &one[..cut]), &value);
        }
    }
}

#[test]
fn work_is_bounded_whatever_the_expression() {
    let many = Value::Array((0..200).map(Value::from).collect());
    let value = serde_json::json!({ "a": many });
    let endless = [
        "a.repeat($this + 1)",
        "a.select(%context.a.select(%context.a.select(%context.a)))",
        "a.aggregate($total | $total.select($this + 1) | %context.a, {})",
        "'ab'.repeat($this & $this)",
        "'aaaaaaaaaaaaaaaaaaaa'.repeat(replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaa'))",
    ];
    for text in endless {
        let expression = Expression::compile(text).unwrap();
        let surroundings = environment(&TYPES, &value);
        let error = expression
            .evaluate(surroundings.resource, &surroundings)
            .err();
        assert!(
            error.is_some_and(|error| error.to_string().contains("too many steps")),
            "{text}"
        );
    }
}
