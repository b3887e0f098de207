//! Modifiers, on the kinds of parameters that R4 has them for; on others they are refused.

use serde_json::json;

use super::Shelf;

#[test]
fn of_texts() {
    let shelf = Shelf::new(&[
        json!({"resourceType": "Organization", "id": "a", "name": "Lægehuset Øst"}),
        json!({"resourceType": "Organization", "id": "b", "name": "lægehuset øst", "alias": ["LH"]}),
        json!({"resourceType": "Organization", "id": "c"}),
    ]);
    shelf.check(&[
        ("Organization?name:exact=Lægehuset Øst", Some(&["a"])),
        ("Organization?name:exact=Lægehuset", Some(&[])),
        ("Organization?name:contains=HUSET", Some(&["a", "b"])),
        ("Organization?name:contains=hus øst", Some(&[])),
        ("Organization?name:missing=true", Some(&["c"])),
        ("Organization?name:missing=false", Some(&["a", "b"])),
        ("Organization?name:not=x", None),
        ("Organization?name:exact=", None),
        ("Organization?name:missing=1", None),
    ]);
}

#[test]
fn of_tokens() {
    let coded = |id: &str, code: &str, display: &str, text: &str| {
        json!({"resourceType": "Encounter", "id": id, "status": "finished",
            "type": [{"coding": [{"system": "urn:s", "code": code, "display": display}], "text": text}],
            "identifier": [{"system": "urn:i", "value": id, "type": {"coding": [{"system": "http://t", "code": "MR"}], "text": "Record"}}]})
    };
    let shelf = Shelf::new(&[
        coded("a", "1", "First visit", "Første besøg"),
        coded("b", "2", "Second visit", "andet"),
        json!({"resourceType": "Encounter", "id": "c", "status": "planned", "type": [{"text": "kun tekst"}]}),
        json!({"resourceType": "Encounter", "id": "d", "status": "planned"}),
    ]);
    shelf.check(&[
        ("Encounter?type:not=1", Some(&["b", "c", "d"])),
        ("Encounter?type:not=urn:s|1,2", Some(&["c", "d"])),
        (
            "Encounter?status:not=http://hl7.org/fhir/encounter-status|finished",
            Some(&["c", "d"]),
        ),
        ("Encounter?type:text=first", Some(&["a"])),
        ("Encounter?type:text=FØRSTE", Some(&["a"])),
        ("Encounter?type:text=visit", Some(&[])),
        ("Encounter?type:text=kun", Some(&["c"])),
        ("Encounter?identifier:text=rec", Some(&["a", "b"])),
        ("Encounter?type:missing=true", Some(&["d"])),
        ("Encounter?type:missing=false", Some(&["a", "b", "c"])),
        ("Encounter?identifier:of-type=http://t|MR|a", Some(&["a"])),
        ("Encounter?identifier:of-type=http://t|XX|a", Some(&[])),
        ("Encounter?identifier:of-type=MR|a", None),
        ("Encounter?type:of-type=http://t|MR|a", None),
        ("Encounter?type:exact=1", None),
        ("Encounter?type:colour=1", None),
    ]);
}

#[test]
fn of_tokens_by_meaning() {
    let task = |id: &str, code: &str| {
        json!({"resourceType": "Task", "id": id, "status": "requested",
            "code": {"coding": [{"system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-right", "code": code}]},
            "performerType": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code}]}]})
    };
    let shelf = Shelf::new(&[
        task("a", "treatment-plan"),
        task("b", "AMB"),
        task("c", "ACUTE"),
    ]);
    shelf.check(&[
        ("Task?code:in=https://kronikerpakker.dk/fhir/ValueSet/kp-right", Some(&["a"])),
        ("Task?code:not-in=https://kronikerpakker.dk/fhir/ValueSet/kp-right", Some(&["b", "c"])),
        ("Task?status:in=http://hl7.org/fhir/ValueSet/task-status", Some(&["a", "b", "c"])),
        ("Task?performer:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|_ActEncounterCode", Some(&["b", "c"])),
        ("Task?performer:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB", Some(&["b"])),
        ("Task?performer:above=http://terminology.hl7.org/CodeSystem/v3-ActCode|ACUTE", Some(&["c"])),
        ("Task?performer:below=http://snomed.info/sct|123", None),
        ("Task?performer:below=AMB", None),
        ("Task?code:in=http://nowhere/ValueSet/x", None),
        ("Task?code:in=http://hl7.org/fhir/ValueSet/condition-code", None),
    ]);
}

#[test]
fn of_addresses() {
    let shelf = Shelf::new(&[
        json!({"resourceType": "ValueSet", "id": "a", "url": "http://x/fhir"}),
        json!({"resourceType": "ValueSet", "id": "b", "url": "http://x/fhir/a"}),
        json!({"resourceType": "ValueSet", "id": "c", "url": "http://x/fhirx"}),
    ]);
    shelf.check(&[
        ("ValueSet?url:below=http://x/fhir", Some(&["a", "b"])),
        ("ValueSet?url:below=http://x/fhir/", Some(&["b"])),
        ("ValueSet?url:above=http://x/fhir/a/b", Some(&["a", "b"])),
        ("ValueSet?url:above=http://x", Some(&[])),
        ("ValueSet?url:contains=fhir", None),
    ]);
}

#[test]
fn of_dates_and_quantities_only_missing() {
    let shelf = Shelf::new(&[
        json!({"resourceType": "Condition", "id": "a", "recordedDate": "2027-01-01", "onsetAge": {"value": 5}}),
        json!({"resourceType": "Condition", "id": "b"}),
    ]);
    shelf.check(&[
        ("Condition?recorded-date:missing=true", Some(&["b"])),
        ("Condition?onset-age:missing=false", Some(&["a"])),
        ("Condition?recorded-date:exact=2027", None),
        ("Condition?onset-age:not=5", None),
        ("Condition?_id:not=a", None),
    ]);
}
