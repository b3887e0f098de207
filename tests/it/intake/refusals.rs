//! Bundles that are refused as a whole: each by its key, with nothing written.

use std::collections::BTreeSet;

use frist::intake::RefusalKey;
use serde_json::{Value, json};

use super::{NOW, diagnosis, document, take, versions};
use crate::support::facade::Facade;

/// The cases: name, status, key, and what is changed of a list of one diagnosis: places and values.
const CHANGED: &str = r#"[
    ["a batch", 400, "bundle-type", { "/type": "batch" }],
    ["a searchset", 400, "bundle-type", { "/type": "searchset" }],
    ["a Patient", 400, "bundle-type", { "/resourceType": "Patient" }],
    ["no entry", 422, "bundle-form", { "/entry": [] }],
    ["no Composition first", 422, "bundle-form", { "/entry/0/resource/resourceType": "Basic" }],
    ["no resource", 422, "bundle-form", { "/entry/3/resource": null }],
    ["a modifier at the Bundle", 422, "bundle-form", { "/implicitRules": "http://rules.test" }],
    ["a modifier at the Composition", 422, "bundle-form", { "/entry/0/resource/modifierExtension": [{ "url": "http://x.test" }] }],
    ["a message without its head", 422, "bundle-form", { "/type": "message" }],
    ["a document of nobody", 422, "format-unknown", { "/meta": {} }],
    ["another document of MedCom", 422, "format-not-taken", { "/entry/0/resource/type": {} }],
    ["a collection of nobody", 422, "format-unknown", { "/type": "collection", "/meta/profile": ["http://x.test"] }],
    ["rehabilitation", 422, "format-not-taken", { "/type": "collection",
        "/meta/profile": ["http://fhir.kl.dk/rehab/StructureDefinition/klgateway-140-delivery-report|2.2.0"] }],
    ["two Patients", 422, "person-count", { "/entry/2/resource/resourceType": "Patient" }],
    ["no Patient", 422, "person-count", { "/entry/1/resource/resourceType": "Basic" }],
    ["a diagnosis of another", 422, "person-other", { "/entry/3/resource/subject/reference": "Patient/other" }],
    ["a document about another", 422, "person-other", { "/entry/0/resource/subject/reference": "Patient/other" }],
    ["a diagnosis of another number", 422, "person-other", { "/entry/3/resource/subject":
        { "identifier": { "system": "urn:oid:1.2.208.176.1.2", "value": "0405440002" } } }],
    ["no CPR number", 422, "person-identifier", { "/entry/1/resource/identifier/0/system": "urn:oid:1.2.208.176.1.6.1.1" }],
    ["a preliminary document", 422, "document-status", { "/entry/0/resource/status": "preliminary" }],
    ["a document in error", 422, "document-status", { "/entry/0/resource/status": "entered-in-error" }],
    ["no author", 422, "document-author", { "/entry/0/resource/author": [{ "reference": "Practitioner/x" }] }],
    ["an author without a number", 422, "document-author", { "/entry/2/resource/identifier": [] }]
]"#;

/// The messages that are refused: name, status, key, and the event.
const MESSAGES: [(&str, &str, &str, &str); 3] = [
    (
        "a care communication",
        "format-not-taken",
        "http://medcomfhir.dk/ig/terminology/CodeSystem/medcom-messaging-eventCodes",
        "care-communication-message",
    ),
    ("an event of nobody", "format-unknown", "http://x.test", "y"),
    (
        "a draft",
        "format-draft",
        "http://medcomehmi.dk/ig/dk-medcom-ref-lm/CodeSystem/ehmi-message-event-cs",
        "new-referral",
    ),
];

/// Puts a value at a place, which may be new.
fn put(bundle: &mut Value, place: &str, value: &Value) {
    let (parent, name) = place.rsplit_once('/').unwrap();
    let parent = bundle.pointer_mut(parent).unwrap();
    match name.parse::<usize>() {
        Ok(at) => parent[at] = value.clone(),
        Err(_) => parent[name] = value.clone(),
    }
}

fn list() -> Value {
    let diagnosis = diagnosis("c", "DJ449", "2027-02-21");
    document(1, "2027-02-22T10:00:00+01:00", &[diagnosis])
}

/// Returns all cases: name, status, key and Bundle.
fn cases() -> Vec<(String, u64, String, Value)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let changed: Value = serde_json::from_str(CHANGED).unwrap();
    let changed = changed.as_array().unwrap().iter().map(|case| {
        let mut bundle = list();
        for (place, value) in case[3].as_object().unwrap() {
            put(&mut bundle, place, value);
        }
        (
            text(&case[0]),
            case[1].as_u64().unwrap(),
            text(&case[2]),
            bundle,
        )
    });
    let messages = MESSAGES.iter().map(|(name, key, system, code)| {
        let header = json!({ "resourceType": "MessageHeader", "eventCoding": { "system": system, "code": code } });
        let bundle = json!({ "resourceType": "Bundle", "type": "message", "entry": [{ "resource": header }] });
        ((*name).to_owned(), 422, (*key).to_owned(), bundle)
    });
    changed.chain(messages).collect()
}

#[test]
fn what_is_refused_as_a_whole_has_its_key_and_writes_nothing() {
    let facade = Facade::at(NOW);
    let mut seen = BTreeSet::new();
    for (what, status, key, bundle) in cases() {
        let reply = take(&facade, &bundle);
        assert_eq!(
            u64::from(reply.status.as_u16()),
            status,
            "{what}: {}",
            reply.text
        );
        let told = &reply.json()["issue"][0]["details"]["coding"][0]["code"];
        assert_eq!(*told, key.as_str(), "{what}: {}", reply.text);
        assert!(
            !reply.text.contains(super::CPR) && !reply.text.contains("Hansen"),
            "{what}"
        );
        seen.insert(key);
    }
    assert_eq!(
        versions(&facade, "Patient") + versions(&facade, "Condition"),
        0
    );
    for id in ["one", "two"] {
        facade.put_ok(&json!({ "resourceType": "Patient", "id": id,
            "identifier": [{ "system": "urn:oid:1.2.208.176.1.2", "value": super::CPR }] }));
    }
    let reply = take(&facade, &list());
    assert_eq!(reply.status, 412, "{}", reply.text);
    assert!(reply.text.contains("person-ambiguous"), "{}", reply.text);
    seen.insert("person-ambiguous".to_owned());
    let known: BTreeSet<String> = RefusalKey::ALL
        .iter()
        .map(|key| key.code().to_owned())
        .collect();
    assert_eq!(seen, known);
}

#[test]
fn a_foreign_bundle_at_the_base_is_told_where_to_go() {
    let facade = Facade::at(NOW);
    for kind in ["document", "message", "collection"] {
        let reply = facade.post(&json!({ "resourceType": "Bundle", "type": kind }));
        assert_eq!(reply.status, 400);
        assert!(reply.text.contains("$intake"), "{}", reply.text);
    }
}
