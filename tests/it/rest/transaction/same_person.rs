//! The warning about two Patients with one identifier looks at what is there after the transaction.

use serde_json::{Value, json};

use super::{entry, post, put};
use crate::rest::{clinic, expect, person};

#[test]
fn two_patients_with_one_identifier_are_told_as_they_are_after_the_transaction() {
    let new = || post("urn:uuid:new", person("", "0707770004"));
    let delete = || entry("DELETE", "Patient/old", Value::Null);
    for (name, entries, expected) in [
        ("another is stored", vec![new()], vec![0]),
        ("it is deleted", vec![new(), delete()], vec![]),
        ("it is deleted first", vec![delete(), new()], vec![]),
        (
            "it is deleted by criteria",
            vec![
                new(),
                entry("DELETE", "Patient?identifier=0707770004", Value::Null),
            ],
            vec![],
        ),
        (
            "it gets another number",
            vec![new(), put(person("old", "0707770005"))],
            vec![],
        ),
        (
            "it keeps the number",
            vec![new(), put(person("old", "0707770004"))],
            vec![0, 1],
        ),
        (
            "two are new",
            vec![
                delete(),
                new(),
                post("urn:uuid:2", person("", "0707770004")),
            ],
            vec![1, 2],
        ),
        (
            "one gets the number of a new one",
            vec![
                put(person("p", "0808880005")),
                post("urn:uuid:2", person("", "0808880005")),
            ],
            vec![0, 1],
        ),
    ] {
        let facade = clinic();
        facade.put_ok(&person("old", "0707770004"));
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        let prefer = [("prefer", "return=OperationOutcome")];
        let reply = facade.send("POST", "/fhir", &prefer, bundle.to_string());
        expect(&reply, 200);
        let answer = reply.json();
        let answers = answer["entry"].as_array().unwrap();
        let told: Vec<usize> = (0..answers.len())
            .filter(|at| answers[*at].to_string().contains(r#""code":"duplicate""#))
            .collect();
        assert_eq!(told, expected, "{name}: {}", reply.text);
    }
}
