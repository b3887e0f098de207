//! Invariants of data types, as published.

use frist::fhirpath::{Expression, Item};
use serde_json::{Value, json};

use super::environment;
use super::invariants::{check, published, resource};
use super::model::TYPES;

#[test]
fn of_references_and_extensions() {
    let general = |reference: Value| {
        let contained = json!([{"resourceType": "Practitioner", "id": "c"}]);
        resource(
            "Patient",
            &json!({ "contained": contained, "generalPractitioner": [reference] }),
        )
    };
    for (reference, expected) in [
        (json!({"reference": "#c"}), true),
        (json!({"reference": "#"}), true),
        (json!({"reference": "Practitioner/1"}), true),
        (json!({"identifier": {"value": "1"}}), true),
        (json!({"reference": "#d"}), false),
    ] {
        let resource = general(reference);
        let expression = Expression::compile(&format!(
            "generalPractitioner.all({})",
            published("Reference", "ref-1")
        ))
        .unwrap();
        let mended = Expression::compile(published("Reference", "ref-1")).unwrap();
        let path = Expression::compile("generalPractitioner").unwrap();
        let surroundings = environment(&TYPES, &resource);
        let Item::Node(node) = path
            .evaluate(surroundings.resource, &surroundings)
            .unwrap()
            .remove(0)
        else {
            panic!()
        };
        assert_eq!(
            mended.holds(node, &surroundings),
            Ok(expected),
            "{resource}"
        );
        // As published, the rule fails on a reference without a literal, and on one to the
        // container.
        let literal = resource["generalPractitioner"][0]["reference"]
            .as_str()
            .unwrap_or("#");
        assert_eq!(
            expression.holds(surroundings.resource, &surroundings),
            Ok(expected && literal != "#"),
            "{resource}"
        );
    }
    check(
        "Extension",
        "ext-1",
        &[
            json!({"url": "u", "valueCode": "c"}),
            json!({"url": "u", "_valueDate": {"id": "x"}}),
            json!({"extension": [{"url": "v"}]}),
        ],
        &[
            json!({"url": "u"}),
            json!({"url": "u", "valueCode": "c", "extension": [{"url": "v"}]}),
        ],
    );
    check(
        "Coding",
        "ele-1",
        &[json!({"code": "a"}), json!({"id": "i", "code": "a"})],
        &[json!({"id": "i"})],
    );
}

#[test]
fn of_periods_and_quantities() {
    let period = |start: &str, end: &str| json!({ "start": start, "end": end });
    check(
        "Period",
        "per-1",
        &[
            period("2020", "2020"),
            period("2020-01-01", "2020-01-02"),
            period("2020-01-01T00:00:00+01:00", "2019-12-31T23:00:00Z"),
            period("2019", "2020-01-01"),
            json!({"start": "2020"}),
            json!({"start": "2020", "_end": {"id": "e"}}),
        ],
        &[
            period("2020-01-02", "2020-01-01"),
            period("2020", "2020-06"),
            period("2020-01-01", "2020-01-01T10:00:00Z"),
        ],
    );
    check(
        "Quantity",
        "qty-3",
        &[json!({"code": "mg", "system": "u"}), json!({"unit": "mg"})],
        &[json!({"code": "mg"})],
    );
    let age = |value: Value, system: &str| json!({ "value": value, "system": system, "code": "a" });
    check(
        "Age",
        "age-1",
        &[
            age(json!(5), "http://unitsofmeasure.org"),
            json!({"unit": "a"}),
        ],
        &[
            age(json!(-5), "http://unitsofmeasure.org"),
            age(json!(5), "http://x"),
            json!({"value": 5}),
        ],
    );
    let ratio = json!({"numerator": {"value": 1}, "denominator": {"value": 2}});
    check(
        "Ratio",
        "rat-1",
        &[ratio, json!({"extension": [{"url": "u"}]})],
        &[json!({"numerator": {"value": 1}}), json!({"id": "r"})],
    );
    let range = |low: &str, high: &str| {
        let quantity = |value: &str| json!({ "value": value.parse::<serde_json::Number>().unwrap(), "code": "mg" });
        json!({ "low": quantity(low), "high": quantity(high) })
    };
    check(
        "Range",
        "rng-2",
        &[
            range("1", "1.0"),
            range("1.5", "2"),
            json!({"low": {"value": 1}}),
        ],
        &[
            range("2", "1.99999999999999999999"),
            json!({"low": {"value": 1, "code": "g"}, "high": {"value": 2, "code": "kg"}}),
        ],
    );
}

#[test]
fn of_contact_points_and_attachments() {
    check(
        "ContactPoint",
        "cpt-2",
        &[
            json!({"system": "phone", "value": "1"}),
            json!({"use": "home"}),
        ],
        &[json!({"value": "1"})],
    );
    check(
        "Attachment",
        "att-1",
        &[
            json!({"data": "AA==", "contentType": "a/b"}),
            json!({"url": "u"}),
        ],
        &[json!({"data": "AA=="})],
    );
}

#[test]
fn of_timings() {
    let timing = |key, good: Value, bad: Value| {
        let expression = published("Timing", key);
        for (repeat, expected) in [(good, true), (bad, false)] {
            let timing = json!({ "occurrenceTiming": { "repeat": repeat } });
            let resource = resource("ServiceRequest", &timing);
            let expression = Expression::compile(expression).unwrap();
            let path = Expression::compile("occurrence.repeat").unwrap();
            let surroundings = environment(&TYPES, &resource);
            let Item::Node(node) = path
                .evaluate(surroundings.resource, &surroundings)
                .unwrap()
                .remove(0)
            else {
                panic!()
            };
            assert_eq!(expression.holds(node, &surroundings), Ok(expected), "{key}");
        }
    };
    timing(
        "tim-1",
        json!({"duration": 1, "durationUnit": "h"}),
        json!({"duration": 1}),
    );
    timing("tim-4", json!({"duration": 0.0}), json!({"duration": -0.1}));
    timing(
        "tim-9",
        json!({"offset": 30, "when": ["AC", "PC"]}),
        json!({"offset": 30, "when": ["AC", "CM"]}),
    );
    timing(
        "tim-10",
        json!({"when": ["AC"]}),
        json!({"when": ["AC"], "timeOfDay": ["10:00:00"]}),
    );
}
