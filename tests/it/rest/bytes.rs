//! Accepted bytes come back as they were: digits, order, escapes and blanks
//! (reliability-and-security: JSON is strict).

use super::{NOW, changes, clinic, expect};
use crate::support::facade::{BASE, Facade};

/// Makes a Goal whose content is written in a way that no writer of JSON would.
fn odd(id: &str) -> String {
    format!(
        r#"{{"resourceType":"Goal","id":"{id}","subject":{{"reference":"Patient/p"}},
  "lifecycleStatus" :  "active", "description":{{ "text":"G\u00e5 en \"tur\" \ud83d\ude00 \/ æøå" }},
  "target":[{{"measure":{{"text":"a"}},"detailQuantity":{{"value":1.00,"unit":"km"}} }},
    {{"measure":{{"text":"b"}},"detailQuantity":{{"value":1e-3}}}},
    {{"measure":{{"text":"c"}},"detailQuantity":{{"value":123456789012345678901234567890.10}}}},
    {{"measure":{{"text":"d"}}, "detailInteger":  -0}}]}}"#
    )
}

/// The parts that must come back byte for byte.
const PARTS: &[&str] = &[
    r#"{ "text":"G\u00e5 en \"tur\" \ud83d\ude00 \/ æøå" }"#,
    r#"{"value":1.00,"unit":"km"} }"#,
    r#"{"value":1e-3}"#,
    r#"{"value":123456789012345678901234567890.10}"#,
    r#"{"measure":{"text":"d"}, "detailInteger":  -0}"#,
];

#[test]
fn digits_escapes_order_and_blanks_within_come_back_as_they_were() {
    let facade = clinic();
    let reply = facade.send("PUT", "Goal/g", &[], odd("g"));
    expect(&reply, 201);
    let read = facade.get("Goal/g");
    assert_eq!(read.text, reply.text);
    for text in [
        &reply.text,
        &facade.get("Goal/g/_history/1").text,
        &facade.get("Goal?_id=g").text,
        &facade.get("Goal/g/_history").text,
        &facade.get("_history?_count=1").text,
    ] {
        for part in PARTS {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
    let members: Vec<_> = read.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        members,
        [
            "resourceType",
            "id",
            "meta",
            "subject",
            "lifecycleStatus",
            "description",
            "target"
        ]
    );
}

#[test]
fn a_decimal_with_other_digits_is_another_content() {
    let facade = clinic();
    facade.send("PUT", "Goal/g", &[], odd("g"));
    let before = changes(&facade);
    let same = facade.send(
        "PUT",
        "Goal/g",
        &[],
        odd("g").replace("\\u00e5", "å").replace("  ", " "),
    );
    expect(&same, 200);
    assert_eq!(same.header("etag"), "W/\"1\"");
    assert_eq!(changes(&facade), before);
    let other = facade.send("PUT", "Goal/g", &[], odd("g").replace("1.00", "1.0"));
    expect(&other, 200);
    assert_eq!(other.header("etag"), "W/\"2\"");
    assert!(facade.get("Goal/g").text.contains("\"value\":1.0,"));
    assert!(
        facade
            .get("Goal/g/_history/1")
            .text
            .contains("\"value\":1.00,")
    );
}

#[test]
fn digits_and_order_survive_a_transaction_and_the_rewriting_of_references() {
    let facade = clinic();
    let goal = odd("g").replace("Patient/p", &format!("{BASE}/Patient/p"));
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"resource":{goal},"request":{{"method":"PUT","url":"Goal/g"}}}}]}}"#
    );
    expect(&facade.send("POST", "/fhir", &[], bundle), 200);
    let text = facade.get("Goal/g").text;
    for part in [
        r#""value":1.00,"unit":"km""#,
        r#""value":1e-3"#,
        r#""value":123456789012345678901234567890.10"#,
        r#""reference":"Patient/p""#,
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let target = facade.get("Goal/g").json()["target"].clone();
    let sent: serde_json::Value = serde_json::from_str(&odd("g")).unwrap();
    assert_eq!(target, sent["target"]);
}

#[test]
fn what_was_accepted_survives_a_restart() {
    let facade = clinic();
    let text = facade.send("PUT", "Goal/g", &[], odd("g")).text;
    let facade = facade.restart("2027-03-05T09:00:00+01:00");
    assert_eq!(facade.get("Goal/g").text, text);
}

#[test]
fn a_profile_tag_and_security_label_that_were_sent_stay_in_meta() {
    let facade = Facade::at(NOW);
    let sent = r#"{"meta":{"security":[{"code":"R"}],"versionId":"9","tag":[{"code":"t"}],"lastUpdated":"2020-01-01T00:00:00Z"},"resourceType":"Practitioner","id":"a"}"#;
    expect(&facade.send("PUT", "Practitioner/a", &[], sent), 201);
    assert_eq!(
        facade.get("Practitioner/a").text,
        r#"{"meta":{"versionId":"1","lastUpdated":"2027-03-01T08:00:00.000000Z","security":[{"code":"R"}],"tag":[{"code":"t"}]},"resourceType":"Practitioner","id":"a"}"#
    );
}
