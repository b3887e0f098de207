//! Subscriptions in the statement: it says all that the backport guide asks for.

use serde_json::json;

use super::{array, resources, says, server, statement, text};
use crate::rest::expect;

const GUIDE: &str = "http://hl7.org/fhir/uv/subscriptions-backport";
const TOPIC: &str = "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status";

/// Checks what the backport guide asks of a server for R4 (its CapabilityStatement
/// backport-subscription-server-r4); the next test checks that each of it is done.
#[test]
fn the_statement_says_of_subscriptions_all_that_the_backport_guide_asks_for() {
    let facade = server();
    let statement = statement(&facade);
    assert!(array(&statement["instantiates"]).contains(&json!(format!(
        "{GUIDE}/CapabilityStatement/backport-subscription-server-r4"
    ))));
    let all = resources(&statement);
    let resource = &all["Subscription"];
    let topic = json!({
        "url": format!("{GUIDE}/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"),
        "valueCanonical": TOPIC,
    });
    assert_eq!(resource["extension"], json!([topic]));
    assert_eq!(
        resource["supportedProfile"],
        json!([format!("{GUIDE}/StructureDefinition/backport-subscription")])
    );
    assert!(
        ["read", "create", "update", "delete"]
            .iter()
            .all(|code| says(resource, code)),
        "{resource:#}"
    );
    for (name, kind) in [("url", "uri"), ("status", "token")] {
        let definition = format!("http://hl7.org/fhir/SearchParameter/Subscription-{name}");
        let parameter = json!({ "name": name, "definition": definition, "type": kind });
        assert!(
            array(&resource["searchParam"]).contains(&parameter),
            "{resource:#}"
        );
    }
    for name in ["status", "events", "get-ws-binding-token"] {
        let definition = json!(format!(
            "{GUIDE}/OperationDefinition/backport-subscription-{name}"
        ));
        let said: Vec<_> = array(&resource["operation"])
            .iter()
            .filter(|operation| operation["name"] == name)
            .collect();
        assert!(
            matches!(said[..], [operation] if operation["definition"] == definition),
            "{name}: {said:?}"
        );
    }
    let operations = all
        .values()
        .flat_map(|resource| array(&resource["operation"]))
        .chain(array(&statement["rest"][0]["operation"]));
    assert_eq!(
        operations
            .filter(|operation| text(&operation["name"]).starts_with('$'))
            .count(),
        0,
        "R4: a name without its $"
    );
}

#[test]
fn each_operation_of_subscriptions_that_the_backport_guide_asks_for_is_done() {
    let facade = server();
    // The guide: $status of the type and of one, $events of one, $get-ws-binding-token of both;
    // each by GET and by POST.
    let mut websocket = json!({ "resourceType": "Subscription", "id": "asked", "status": "requested", "reason": "x", "criteria": TOPIC });
    websocket["channel"] = json!({ "type": "websocket", "payload": "application/fhir+json" });
    facade.put_ok(&websocket);
    let no_parameters = json!({ "resourceType": "Parameters" }).to_string();
    for (path, status) in [
        ("Subscription/$status", 200),
        ("Subscription/asked/$status", 200),
        ("Subscription/asked/$events", 200),
        ("Subscription/$events", 404),
        ("Subscription/asked/$get-ws-binding-token", 200),
    ] {
        expect(&facade.get(path), status);
        expect(
            &facade.send("POST", path, &[], no_parameters.clone()),
            status,
        );
    }
    expect(
        &facade.get("Subscription/$get-ws-binding-token?id=asked"),
        200,
    );
}
