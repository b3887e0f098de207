//! The surroundings of an evaluation: the clock, questions to the outside, and results.

use std::cell::RefCell;

use frist::fhirpath::{Coded, Environment, EvaluationError, Expression, Item, Node};
use serde_json::{Value, json};

use super::language::person;
use super::model::TYPES;
use super::{check, environment};

#[test]
fn clock() {
    check(
        &person(),
        r#"
        now() → "2027-03-01T11:20:30.456+01:00"
        today() → "2027-03-01"
        timeOfDay() → "11:20:30.456"
        now() = now() → true
        now() = @2027-03-01T10:20:30.456Z → true
        "#,
    );
    let resource = person();
    // The day is the one in Copenhagen, in summer and in winter.
    for (now, day) in [
        ("2027-07-01T21:59:59Z", "2027-07-01"),
        ("2027-07-01T22:00:00Z", "2027-07-02"),
        ("2027-12-01T22:59:59Z", "2027-12-01"),
        ("2027-12-01T23:00:00Z", "2027-12-02"),
    ] {
        let expression = Expression::compile(&format!("today() = @{day}")).unwrap();
        let at = Environment {
            now: Some(now.parse().unwrap()),
            ..environment(&TYPES, &resource)
        };
        assert_eq!(expression.holds(at.resource, &at), Ok(true), "{now}");
    }
    let expression = Expression::compile("today() > birthDate").unwrap();
    let without = Environment {
        now: None,
        ..environment(&TYPES, &resource)
    };
    assert!(matches!(
        expression.holds(without.resource, &without),
        Err(EvaluationError::Unavailable(_))
    ));
}

#[test]
fn what_stands_outside_is_asked_outside() {
    let (resource, practitioner) = (person(), json!({"resourceType": "Practitioner", "id": "7"}));
    let asked = RefCell::new(Vec::new());
    let questions = [
        (
            "generalPractitioner.where(resolve() is Practitioner).count() = 1",
            true,
        ),
        ("gender.memberOf('http://v')", true),
        ("gender.memberOf('http://w')", false),
        ("('fe' + 'male').memberOf('http://v')", true),
        ("('m' & 'ale').memberOf('http://v')", false),
        ("conformsTo('http://p')", true),
        ("conformsTo('http://unknown')", false),
    ]
    .map(|(text, expected)| (Expression::compile(text).unwrap(), expected));
    let resolve = |reference: &str, holder: Option<&Value>| {
        assert_eq!(
            holder.and_then(|holder| holder["reference"].as_str()),
            Some(reference)
        );
        asked.borrow_mut().push(reference.to_owned());
        (reference == "Practitioner/7").then_some(Node {
            value: Some(&practitioner),
            extras: None,
            type_id: None,
        })
    };
    let member_of = |coded: Coded<'_>, url: &str| {
        let code = match coded {
            Coded::Element(node) => node.value.and_then(Value::as_str),
            Coded::Text(text) => Some(text),
        };
        Some(code == Some("female") && url == "http://v")
    };
    let conforms_to =
        |node: Node<'_>, url: &str| (url == "http://p").then(|| node.type_id.is_some());
    let alone = environment(&TYPES, &resource);
    let surroundings = Environment {
        resolve: &resolve,
        member_of: &member_of,
        conforms_to: &conforms_to,
        ..alone
    };
    for (question, expected) in &questions {
        assert_eq!(
            question.holds(surroundings.resource, &surroundings),
            Ok(*expected),
            "{}",
            question.text()
        );
    }
    assert_eq!(*asked.borrow(), ["#gp", "Practitioner/7"]);
}

#[test]
fn a_result_holds_as_the_public_validator_takes_it() {
    let resource = person();
    for (text, expected) in [
        ("true", Ok(true)),
        ("false", Ok(false)),
        ("{}", Ok(false)),
        ("active", Ok(true)),
        ("deceased", Ok(false)),
        ("'false'", Ok(true)),
        ("name[0]", Ok(true)),
        ("name", Ok(true)),
        ("name and true", Err(())),
    ] {
        let expression = Expression::compile(text).unwrap();
        let surroundings = environment(&TYPES, &resource);
        assert_eq!(
            expression
                .holds(surroundings.resource, &surroundings)
                .map_err(|_| ()),
            expected,
            "{text}"
        );
        assert_eq!(expression.text(), text);
    }
}

#[test]
fn items_are_the_elements_themselves() {
    let resource = person();
    let expression = Expression::compile("name.given").unwrap();
    let surroundings = environment(&TYPES, &resource);
    let items = expression
        .evaluate(surroundings.resource, &surroundings)
        .unwrap();
    let [Item::Node(first), _, Item::Node(third)] = items.as_slice() else {
        panic!("{items:?}")
    };
    assert!(std::ptr::eq(
        first.value.unwrap(),
        &resource["name"][0]["given"][0]
    ));
    assert!(std::ptr::eq(
        third.extras.unwrap(),
        &resource["name"][1]["_given"][0]
    ));
}
