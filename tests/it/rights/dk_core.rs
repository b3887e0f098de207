//! Real input: the published Danish examples, sent as they are.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::{live_tasks, status};
use crate::support::facade::Facade;
use crate::support::people::referral;
use crate::validation::examples::{REFUSED_EXAMPLES, examples};

/// Returns the issues of a refusal, without what is only a warning, as the list of refused examples
/// writes them.
fn errors(outcome: &Value) -> Vec<String> {
    outcome["issue"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|issue| issue["severity"] == "error")
        .map(|issue| {
            let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
            format!(
                "error {} {} {}",
                text(&issue["code"]),
                text(&issue["expression"][0]),
                text(&issue["details"]["coding"][0]["code"])
            )
            .trim_end()
            .to_owned()
        })
        .collect()
}

#[test]
fn the_published_examples_are_accepted_as_they_are_and_drive_a_clock() {
    let Some(file) = std::env::var_os("FRIST_DK_CORE") else {
        // Past the test harness, which keeps what a passing test prints to itself.
        writeln!(
            std::io::stderr(),
            "SKIPPED: FRIST_DK_CORE does not name the package hl7.fhir.dk.core"
        )
        .unwrap();
        return;
    };
    let examples = examples(Path::new(&file));
    let facade = Facade::at("2028-05-10T10:00:00Z");
    let order = [
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "Patient",
        "Condition",
        "ServiceRequest",
        "Encounter",
    ];
    let rank = |name: &str| {
        order
            .iter()
            .position(|kind| name.split('-').next() == Some(*kind))
            .unwrap()
    };
    let mut in_order: Vec<(&String, &Value)> = examples.iter().collect();
    in_order.sort_by_key(|(name, _)| rank(name));
    for (name, resource) in in_order {
        let reply = facade.put(resource);
        let refused = REFUSED_EXAMPLES.iter().find(|(refused, _)| refused == name);
        match refused {
            None => assert_eq!(reply.status, 201, "{name}: {}", reply.text),
            Some((_, expected)) => assert_eq!(
                (reply.status.as_u16(), errors(&reply.json())),
                (
                    422,
                    expected.iter().map(|issue| (*issue).to_owned()).collect()
                ),
                "{name}"
            ),
        }
    }
    // A man whose type 2 diabetes was found in 2020 is referred in 2028.
    assert!(live_tasks(&facade, "john").is_empty());
    let mut sent = referral("john-2028", "john", "JohnDiabetes", "2028-05-08");
    sent["requester"] = json!({ "reference": "Organization/LaegerneHasserisBymidte" });
    facade.put_ok(&sent);
    let live = live_tasks(&facade, "john");
    assert_eq!(
        live.len(),
        1,
        "no treatment plan is due for a disease found before 2028"
    );
    assert_eq!(live[0]["code"]["coding"][1]["code"], "prevention-start");
    assert_eq!(
        live[0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"],
        "type-2-diabetes"
    );
    assert_eq!(
        (
            status(&live[0]).as_str(),
            &live[0]["restriction"]["period"]["end"]
        ),
        ("requested/running", &json!("2028-05-29"))
    );
    facade.advance("2028-05-29T22:00:00Z");
    assert_eq!(status(&live_tasks(&facade, "john")[0]), "requested/overdue");
}
