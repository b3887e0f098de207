//! `minValue[x]` and `maxValue[x]` of every type that may have them
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.minValue_x_>).

use serde_json::{Value, json};

use super::check_by;
use crate::support::profile::{PUBLISHED, Profile, validator};

/// Makes an extension whose value of that type lies within bounds.
fn bounded(type_name: &str, min: &Value, max: &Value) -> Value {
    let suffix = type_name[..1].to_uppercase() + &type_name[1..];
    let mut value = json!({ "type": [{ "code": type_name }] });
    for (name, bound) in [("minValue", min), ("maxValue", max)] {
        if !bound.is_null() {
            value[format!("{name}{suffix}")] = bound.clone();
        }
    }
    Profile::extension("bounded", &["Element"])
        .with("Extension.value[x]", value)
        .build()
}

/// Makes a person with that extension.
fn patient(type_name: &str, value: &Value) -> Value {
    let key = format!("value{}{}", type_name[..1].to_uppercase(), &type_name[1..]);
    json!({ "resourceType": "Patient", "extension": [{ "url": format!("{PUBLISHED}/bounded"), key: value }] })
}

fn amount(value: &str, code: &str) -> Value {
    serde_json::from_str(&format!(
        "{{\"value\":{value},\"unit\":\"x\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"{code}\"}}"
    ))
    .unwrap()
}

const FINE: &[&str] = &[];
const OUTSIDE: &[&str] = &["error value Patient.extension[0].value"];
const UNSURE: &[&str] = &["warning value Patient.extension[0].value"];

/// The name of a type, its least and greatest value, and values below, within and above them.
type Row = (&'static str, Value, Value, [Value; 3]);

#[rustfmt::skip]
fn rows() -> [Row; 9] {
    [
        ("date", json!("2020-01-01"), json!("2020-12-31"), [json!("2019-12-31"), json!("2020-06"), json!("2021")]),
        ("dateTime", json!("2020-01-01"), json!("2020-12-31"),
            [json!("2019-12"), json!("2020-12-31T23:59:59+01:00"), json!("2021-01-01T00:00:00+01:00")]),
        ("instant", json!("2020-01-01T00:00:00Z"), json!("2020-12-31T00:00:00Z"),
            [json!("2020-01-01T00:30:00+01:00"), json!("2020-01-01T00:00:00Z"), json!("2020-12-31T00:00:01Z")]),
        ("time", json!("08:00:00"), json!("16:00:00"), [json!("07:59:59.9"), json!("16:00:00.0"), json!("16:00:00.1")]),
        ("decimal", json!(0.5), json!(1), [json!(0.49), json!(0.50), json!(1.01)]),
        ("integer", json!(-1), json!(1), [json!(-2), json!(-1), json!(2)]),
        ("positiveInt", json!(2), json!(3), [json!(1), json!(3), json!(4)]),
        ("unsignedInt", json!(1), json!(2), [json!(0), json!(1), json!(3)]),
        ("Quantity", amount("1", "kg"), amount("2", "kg"), [amount("999.9", "g"), amount("1000", "g"), amount("2000.1", "g")]),
    ]
}

#[test]
fn values_of_every_type_lie_within_their_bounds() {
    for (type_name, min, max, values) in rows() {
        let validator = validator([bounded(type_name, &min, &max)]);
        for (value, expected) in values.into_iter().zip([OUTSIDE, FINE, OUTSIDE]) {
            check_by(&validator, &patient(type_name, &value), &[], expected);
        }
    }
}

#[test]
fn amounts_compare_where_their_units_do() {
    let least = amount("10", "g");
    let validator = validator([bounded("Quantity", &least, &Value::Null)]);
    let with = |mut value: Value, name: &str, member: Value| {
        value[name] = member;
        value
    };
    for (value, expected) in [
        // The example of R4: 100 mg is less than 10 g.
        (amount("100", "mg"), OUTSIDE),
        (amount("10000", "mg"), FINE),
        (amount("0.01", "kg"), FINE),
        (amount("0.00999999999999999", "kg"), OUTSIDE),
        (amount("1e-2", "kg"), FINE),
        (amount("10", "[lb_av]"), UNSURE),
        (amount("10", "mL"), UNSURE),
        (json!({ "value": 100 }), UNSURE),
        (
            json!({ "unit": "g", "system": "http://unitsofmeasure.org", "code": "g" }),
            FINE,
        ),
        (with(amount("9", "g"), "comparator", json!("<")), OUTSIDE),
        (with(amount("10", "g"), "comparator", json!("<")), OUTSIDE),
        (with(amount("10", "g"), "comparator", json!("<=")), FINE),
        (with(amount("11", "g"), "comparator", json!("<")), FINE),
        (with(amount("9", "g"), "comparator", json!(">")), FINE),
    ] {
        check_by(&validator, &patient("Quantity", &value), &[], expected);
    }
    // Nine times this unit is more seconds than can be counted; one is not.
    let least = amount("10", "s5");
    let seconds = crate::support::profile::validator([bounded("Quantity", &least, &Value::Null)]);
    for (number, expected) in [("1", FINE), ("-1", OUTSIDE), ("9", UNSURE), ("-9", UNSURE)] {
        let value = amount(number, "2.a5");
        check_by(&seconds, &patient("Quantity", &value), &[], expected);
    }
    let not_negative = bounded("Quantity", &json!({ "value": 0 }), &Value::Null);
    let validator = crate::support::profile::validator([not_negative]);
    check_by(
        &validator,
        &patient("Quantity", &amount("1", "kg")),
        &[],
        FINE,
    );
    check_by(
        &validator,
        &patient("Quantity", &amount("-1", "kg")),
        &[],
        OUTSIDE,
    );
}
