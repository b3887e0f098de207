//! The refusals of a Subscription: each names the element and what was expected; all findings come at
//! once, and none twice.
//!
//! The seven that the public test kit asks for are the first seven tests: channel type, payload,
//! combination of channel and payload, filter, topic, endpoint, extension of another version.

use frist::interactions::change::ChangeTarget;
use frist::interactions::condition::Condition;
use frist::interactions::update::update;
use frist::interactions::{Failure, Server, ServerParts};
use serde_json::{Value, json};

use super::{GUIDE, TOPIC, filtered, subscription};
use crate::support::facade::Facade;

const NOW: &str = "2027-03-01T09:00:00+01:00";
const CONTENT: &str = "Subscription.channel.payload";

/// Returns a Subscription with one thing else.
fn with(pointer: &str, value: Value) -> Value {
    let mut changed = subscription("s");
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = if parent.is_empty() {
        &mut changed
    } else {
        changed.pointer_mut(parent).unwrap()
    };
    parent[member] = value;
    changed
}

/// Returns a Subscription with extensions of the channel.
fn with_channel_extensions(extensions: &[(&str, &str, Value)]) -> Value {
    let extension = |(name, member, value): &(&str, &str, Value)| json!({ "url": format!("{GUIDE}/{name}"), *member: value });
    with(
        "/channel/extension",
        extensions.iter().map(extension).collect(),
    )
}

/// Checks that it is refused for these findings alone, whose texts name what was expected; nothing
/// is written.
#[track_caller]
fn refused(facade: &Facade, subscription: &Value, expected: &[&str]) -> String {
    let reply = facade.put(subscription);
    assert_eq!(reply.status, 422, "{}", reply.text);
    let errors: Vec<_> = reply
        .issues()
        .into_iter()
        .filter(|issue| issue.starts_with("error"))
        .collect();
    assert_eq!(errors, expected, "{}", reply.text);
    assert_eq!(facade.get("Subscription/s").status, 404);
    let texts: Vec<_> = reply.json()["issue"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| issue["details"]["text"].to_string())
        .collect();
    assert!(
        texts
            .iter()
            .filter(|text| text.contains("expected"))
            .count()
            >= expected.len(),
        "{texts:?}"
    );
    texts.join("\n")
}

#[test]
fn a_channel_type_that_is_not_served_is_refused() {
    let facade = Facade::at(NOW);
    for kind in ["email", "sms", "message"] {
        let text = refused(
            &facade,
            &with("/channel/type", json!(kind)),
            &["error not-supported Subscription.channel.type"],
        );
        assert!(text.contains("rest-hook or websocket"), "{text}");
    }
    let custom = json!({ "extension": [{ "url": format!("{GUIDE}/backport-channel-type"), "valueCoding": { "code": "zulip" } }] });
    let text = refused(
        &facade,
        &with("/channel/_type", custom),
        &["error not-supported Subscription.channel.type.extension[0]"],
    );
    assert!(text.contains("backport-heartbeat-period"), "{text}");
}

#[test]
fn a_payload_that_is_not_sent_is_refused() {
    let facade = Facade::at(NOW);
    for payload in [
        "application/fhir+xml",
        "text/plain",
        "application/fhir+json; fhirVersion=5.0",
        "application/fhir+json; charset=latin1",
    ] {
        let text = refused(
            &facade,
            &with("/channel/payload", json!(payload)),
            &["error not-supported Subscription.channel.payload"],
        );
        assert!(text.contains("application/fhir+json"), "{text}");
    }
    let mut without = subscription("s");
    without["channel"]
        .as_object_mut()
        .unwrap()
        .shift_remove("payload");
    refused(
        &facade,
        &without,
        &["error required Subscription.channel.payload"],
    );
    for payload in [
        "application/fhir+json",
        "application/json",
        "application/fhir+json; charset=utf-8",
        "application/fhir+json;fhirVersion=4.0",
    ] {
        facade.put_ok(&with("/channel/payload", json!(payload)));
    }
}

/// Returns a Subscription whose extension for the content has that value.
fn with_content(member: &str, value: &str) -> Value {
    with(
        "/channel/_payload/extension",
        json!([{ "url": format!("{GUIDE}/backport-payload-content"), member: value }]),
    )
}

#[test]
fn a_combination_of_channel_and_payload_that_is_not_served_is_refused() {
    let facade = Facade::at(NOW);
    let mut neither = with_content("valueCode", "everything");
    neither["channel"]["type"] = json!("email");
    neither["channel"]["payload"] = json!("text/plain");
    let expected = [
        "error not-supported Subscription.channel.type".to_owned(),
        "error not-supported Subscription.channel.payload".to_owned(),
        format!("error not-supported {CONTENT}.extension[0].value"),
    ];
    let text = refused(&facade, &neither, &expected.each_ref().map(String::as_str));
    for expected in [
        "rest-hook or websocket",
        "application/fhir+json or application/json",
        "empty, id-only or full-resource",
    ] {
        assert!(
            text.contains(&format!("expected {expected}"))
                || text.contains(&format!("expected valueCode {expected}")),
            "{text}"
        );
    }
    let mut websocket = subscription("s");
    websocket["channel"]["type"] = json!("websocket");
    websocket["channel"]["header"] = json!(["Authorization: x"]);
    let expected = [
        "error not-supported Subscription.channel.endpoint",
        "error not-supported Subscription.channel.header",
    ];
    let text = refused(&facade, &websocket, &expected);
    assert!(text.contains("expected none for a websocket"), "{text}");
}

#[test]
fn a_filter_that_cannot_be_evaluated_is_refused_where_it_stands() {
    let facade = Facade::at(NOW);
    for (filter, code) in [
        ("Encounter?patient=Patient/1", "not-supported"),
        ("Task", "not-supported"),
        ("Task?", "not-supported"),
        ("Task?status=requested", "not-supported"),
        ("Task?business-status:not=met", "not-supported"),
        ("Task?patient.identifier=1", "not-supported"),
        ("Task?patient=Patient/0405440001", "business-rule"),
        ("Task?business-status=over-due", "code-invalid"),
        ("Task?target-group=kol", "code-invalid"),
        ("Task?owner=Patient/1", "value"),
        (
            "Task?patient=https://other.example.dk/fhir/Patient/1",
            "value",
        ),
        ("Encounter/unsupported-filter", "not-supported"),
    ] {
        let expected = format!("error {code} Subscription.criteria.extension[1].value");
        let text = refused(
            &facade,
            &filtered("s", &["Task?business-status=overdue", filter]),
            &[&expected],
        );
        assert!(!text.contains("0405440001"), "{text}");
    }
    let long = format!("Task?owner={}", "Organization/x,".repeat(400));
    refused(
        &facade,
        &filtered("s", &[&long]),
        &["error too-long Subscription.criteria.extension[0].value"],
    );
    let many = vec!["Task?business-status=overdue"; 21];
    refused(
        &facade,
        &filtered("s", &many),
        &["error too-costly Subscription.criteria.extension[20].value"],
    );
    let mut other = filtered("s", &["Task?business-status=overdue"]);
    other["_criteria"]["extension"][0] =
        json!({ "url": format!("{GUIDE}/backport-filter-criteria"), "valueUri": "x" });
    refused(
        &facade,
        &other,
        &["error required Subscription.criteria.extension[0].value"],
    );
    facade.put_ok(&filtered("s", &many[..20]));
    facade.put_ok(&filtered(
        "s",
        &[
            "Task?business-status=overdue,due-soon&owner=Organization/x",
            "Task?patient:in=Patient/1,Patient/2",
        ],
    ));
}

#[test]
fn a_topic_that_is_not_there_is_refused() {
    let facade = Facade::at(NOW);
    for topic in [
        "http://fhirserver.org/topics/unsupported-topic",
        "Task?business-status=overdue",
    ] {
        let text = refused(
            &facade,
            &with("/criteria", json!(topic)),
            &["error not-supported Subscription.criteria"],
        );
        assert!(text.contains(TOPIC), "{text}");
    }
}

#[test]
fn an_endpoint_that_nothing_can_be_posted_to_is_refused() {
    let facade = Facade::at(NOW);
    let mut without = subscription("s");
    without["channel"]
        .as_object_mut()
        .unwrap()
        .shift_remove("endpoint");
    let text = refused(
        &facade,
        &without,
        &["error required Subscription.channel.endpoint"],
    );
    assert!(
        text.contains("expected the address to which notifications are posted"),
        "{text}"
    );
    for endpoint in [
        "unsupported-endpoint",
        "ftp://ehr.example.org/",
        "mailto:a@example.org",
        "http://ehr.example.org/",
        "https:///hooks",
        "https://169.254.169.254/latest",
    ] {
        let text = refused(
            &facade,
            &with("/channel/endpoint", json!(endpoint)),
            &["error business-rule Subscription.channel.endpoint"],
        );
        assert!(text.contains("expected"), "{endpoint}: {text}");
    }
}

#[test]
fn an_extension_of_another_version_of_fhir_is_refused_wherever_it_stands() {
    let facade = Facade::at(NOW);
    for version in ["5.0", "4.3", "6.0"] {
        let extension = json!([{ "url": format!("http://hl7.org/fhir/{version}/StructureDefinition/extension-Subscription.topic"), "valueUri": TOPIC }]);
        for (pointer, value, expression) in [
            ("/extension", extension.clone(), "Subscription.extension[0]"),
            (
                "/_criteria",
                json!({ "extension": extension }),
                "Subscription.criteria.extension[0]",
            ),
            (
                "/channel/extension",
                extension.clone(),
                "Subscription.channel.extension[0]",
            ),
            (
                "/contact",
                json!([{ "system": "url", "extension": extension }]),
                "Subscription.contact[0].extension[0]",
            ),
        ] {
            let text = refused(
                &facade,
                &with(pointer, value),
                &[&format!("error not-supported {expression}")],
            );
            assert!(text.contains("Backport"), "{text}");
        }
    }
    // As the public kit asks: an address below that of a version, and not of a definition of FHIR
    // itself.
    let url = "http://hl7.org/fhir/5.0/subscriptions-backport/StructureDefinition/backport-filter-criteria";
    let extension =
        json!({ "extension": [{ "url": url, "valueString": "Encounter?patient=Patient/123" }] });
    let text = refused(
        &facade,
        &with("/_criteria", extension),
        &["error not-supported Subscription.criteria.extension[0]"],
    );
    assert!(
        text.contains("expected no extension of another version of FHIR"),
        "{text}"
    );
    let own = json!([{ "url": "http://vendor.example.org/StructureDefinition/color", "valueString": "blue" }]);
    facade.put_ok(&with("/extension", own));
}

#[test]
fn a_content_that_is_not_sent_is_refused() {
    let facade = Facade::at(NOW);
    for wrong in [
        with_content("valueCode", "everything"),
        with_content("valueString", "id-only"),
        with_content("valueCode", "full"),
    ] {
        let text = refused(
            &facade,
            &wrong,
            &[&format!("error not-supported {CONTENT}.extension[0].value")],
        );
        assert!(
            text.contains("expected valueCode empty, id-only or full-resource"),
            "{text}"
        );
    }
    for accepted in ["empty", "id-only", "full-resource"] {
        facade.put_ok(&with_content("valueCode", accepted));
    }
}

#[test]
fn numbers_out_of_their_bounds_are_refused() {
    let facade = Facade::at(NOW);
    let first = |code: &str| format!("error {code} Subscription.channel.extension[0].value");
    for (name, member, value) in [
        ("backport-heartbeat-period", "valueUnsignedInt", json!(0)),
        (
            "backport-heartbeat-period",
            "valueUnsignedInt",
            json!(31_536_001),
        ),
        ("backport-heartbeat-period", "valueString", json!("60")),
        ("backport-timeout", "valueUnsignedInt", json!(0)),
        ("backport-timeout", "valueUnsignedInt", json!(301)),
        ("backport-max-count", "valuePositiveInt", json!(0)),
        ("backport-max-count", "valueUnsignedInt", json!(5)),
    ] {
        let text = refused(
            &facade,
            &with_channel_extensions(&[(name, member, value)]),
            &[&first("value")],
        );
        assert!(text.contains("expected"), "{text}");
    }
    facade.put_ok(&with_channel_extensions(&[
        (
            "backport-heartbeat-period",
            "valueUnsignedInt",
            json!(86_400),
        ),
        ("backport-timeout", "valueUnsignedInt", json!(60)),
        ("backport-max-count", "valuePositiveInt", json!(20)),
    ]));
}

#[test]
fn an_extension_that_stands_twice_or_elsewhere_is_refused() {
    let facade = Facade::at(NOW);
    let twice = with_channel_extensions(&[
        ("backport-timeout", "valueUnsignedInt", json!(5)),
        ("backport-max-count", "valuePositiveInt", json!(20)),
        ("backport-timeout", "valueUnsignedInt", json!(6)),
    ]);
    refused(
        &facade,
        &twice,
        &["error duplicate Subscription.channel.extension[2]"],
    );
    let content =
        json!({ "url": format!("{GUIDE}/backport-payload-content"), "valueCode": "id-only" });
    let twice = with("/channel/_payload/extension", json!([content, content]));
    refused(
        &facade,
        &twice,
        &["error duplicate Subscription.channel.payload.extension[1]"],
    );
    let elsewhere =
        with_channel_extensions(&[("backport-payload-content", "valueCode", json!("empty"))]);
    let text = refused(
        &facade,
        &elsewhere,
        &["error extension Subscription.channel.extension[0]"],
    );
    assert!(text.contains("on Subscription.channel.payload"), "{text}");
    let unknown = with_channel_extensions(&[(
        "backport-notification-url-location",
        "valueCode",
        json!("full-url"),
    )]);
    refused(
        &facade,
        &unknown,
        &["error not-supported Subscription.channel.extension[0]"],
    );
}

#[test]
fn an_end_that_has_come_is_refused_but_of_what_is_off() {
    let facade = Facade::at(NOW);
    for end in ["2027-03-01T08:00:00Z", "2026-12-31T23:59:59+01:00"] {
        let text = refused(
            &facade,
            &with("/end", json!(end)),
            &["error business-rule Subscription.end"],
        );
        assert!(text.contains("'off'"), "{text}");
    }
    facade.put_ok(&with("/end", json!("2027-03-01T08:00:00.001Z")));
    facade.set_clock("2027-03-02T09:00:00+01:00");
    let mut off = with("/end", json!("2027-03-01T08:00:00.001Z"));
    off["status"] = json!("off");
    facade.put_ok(&off);
}

#[test]
fn a_status_that_only_the_server_sets_is_refused() {
    let facade = Facade::at(NOW);
    for status in ["active", "error"] {
        let text = refused(
            &facade,
            &with("/status", json!(status)),
            &["error business-rule Subscription.status"],
        );
        assert!(
            text.contains("'requested'") && text.contains("'off'"),
            "{text}"
        );
    }
    refused(
        &facade,
        &with("/status", json!("entered")),
        &["error code-invalid Subscription.status"],
    );
}

#[test]
fn all_findings_come_at_once_and_none_twice() {
    let facade = Facade::at(NOW);
    let mut wrong = with_channel_extensions(&[("backport-timeout", "valueUnsignedInt", json!(0))]);
    wrong["status"] = json!("active");
    wrong["criteria"] = json!("x");
    wrong["channel"]["type"] = json!("email");
    wrong["channel"]["payload"] = json!("text/plain");
    let reply = facade.put(&wrong);
    let mut issues: Vec<_> = reply
        .issues()
        .into_iter()
        .filter(|issue| issue.starts_with("error"))
        .collect();
    issues.sort();
    let expected = [
        "error business-rule Subscription.status",
        "error not-supported Subscription.channel.payload",
        "error not-supported Subscription.channel.type",
        "error not-supported Subscription.criteria",
        "error value Subscription.channel.extension[0].value",
    ];
    assert_eq!(issues, expected, "{}", reply.text);
    let checked = facade.send("POST", "Subscription/$validate", &[], wrong.to_string());
    let mut found: Vec<_> = checked
        .issues()
        .into_iter()
        .filter(|issue| issue.starts_with("error"))
        .collect();
    found.sort();
    assert_eq!(found, expected, "$validate finds the same");
}

#[test]
fn a_subscription_may_claim_the_profile_of_the_guide() {
    let facade = Facade::at(NOW);
    let mut without_content = with(
        "/meta",
        json!({ "profile": [format!("{GUIDE}/backport-subscription")] }),
    );
    without_content["channel"]
        .as_object_mut()
        .unwrap()
        .shift_remove("_payload");
    let text = refused(
        &facade,
        &without_content,
        &["error required Subscription.channel.payload.extension"],
    );
    assert!(text.contains("backport-payload-content"), "{text}");
    let reply = facade.put_ok(&with(
        "/meta",
        json!({ "profile": [format!("{GUIDE}/backport-subscription")] }),
    ));
    assert_eq!(reply.status, 201);
    let outcome = facade.send(
        "POST",
        "Subscription/$validate",
        &[],
        with(
            "/meta",
            json!({ "profile": [format!("{GUIDE}/backport-subscription")] }),
        )
        .to_string(),
    );
    let complaints: Vec<_> = outcome
        .issues()
        .into_iter()
        .filter(|issue| !issue.starts_with("information"))
        .collect();
    assert_eq!(complaints, [""; 0], "{}", outcome.text);
}

#[test]
fn there_are_as_many_subscriptions_as_the_bound_says() {
    let facade = Facade::at(NOW);
    let Server {
        validator,
        base_url,
        ..
    } = &**facade.server();
    let store = facade.store().clone();
    let server = Server::new(ServerParts {
        subscriptions_max: 3,
        ..ServerParts::shipped(store, validator.clone(), base_url.clone())
    });
    let put = |id: &str| {
        let key = frist::fhir::ResourceKey::parse(&format!("Subscription/{id}")).unwrap();
        let resource = frist::fhir::Resource::from_value(subscription(id)).unwrap();
        update(
            &server,
            &facade.context(),
            ChangeTarget::Key(key),
            resource,
            Condition::ANY,
        )
    };
    for id in ["a", "b", "c", "a"] {
        put(id).unwrap();
    }
    let Err(Failure::Unprocessable(issues)) = put("d") else {
        panic!("a fourth subscription was accepted")
    };
    let refusals: Vec<_> = issues.iter().filter(|issue| issue.refuses()).collect();
    assert!(
        matches!(refusals[..], [issue] if issue.text.contains("at most 3") && issue.expression == "Subscription"),
        "{refusals:?}"
    );
    super::delete(&facade, "Subscription/a");
    put("d").unwrap();
    assert!(
        put("a").is_err(),
        "a fourth subscription was accepted after one was deleted"
    );
}

#[test]
fn a_header_without_a_name_and_a_value_is_refused_where_it_stands() {
    let facade = Facade::at(NOW);
    for (header, code) in [
        ("Bearer abc", "business-rule"),
        ("X-Api-Key", "value"),
        ("", ""),
    ] {
        let sent = with("/channel/header", json!(["X-Ok: 1", header]));
        let expected = format!("error {code} Subscription.channel.header[1]");
        if header.is_empty() {
            // R4 itself has no empty text.
            assert_eq!(facade.put(&sent).status.as_u16(), 422);
            continue;
        }
        let text = refused(&facade, &sent, &[&expected]);
        assert!(!text.contains("abc"), "{text}");
    }
    facade.put_ok(&with("/channel/header", json!(["X-Ok: 1", "X-Empty:"])));
}
