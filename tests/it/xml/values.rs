//! Any value goes through XML and comes back.

use frist::xml::Layout;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{expect_unchanged, json_of, xml_of};

/// Texts with all that XML can hold, and most of what it treats in some way of its own.
fn texts() -> impl Strategy<Value = String> {
    let edges = prop::sample::select(vec![
        "\t",
        "\n",
        "\r",
        "\r\n",
        " ",
        "<",
        ">",
        "&",
        "\"",
        "'",
        "&amp;",
        "&#10;",
        "]]>",
        "<!--",
        "<?xml?>",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{fffd}",
        "\u{feff}",
        "\u{10ffff}",
        "true",
        "1.0",
        "null",
        "æ",
    ]);
    let any = any::<char>().prop_filter("a character of XML", |found| {
        matches!(found, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
    });
    let part = prop_oneof![3 => edges.prop_map(str::to_owned), 2 => any.prop_map(String::from)];
    prop::collection::vec(part, 1..8).prop_map(|parts| parts.concat())
}

fn numbers() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?"
}

/// The id and extensions of a primitive, perhaps none.
fn parts() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        2 => Just(None),
        1 => texts().prop_map(|id| Some(json!({ "id": id }))),
        1 => texts().prop_map(|text| Some(json!({ "extension": [{ "url": "u", "valueString": text }] }))),
        1 => (texts(), texts()).prop_map(|(id, url)| Some(json!({ "id": id, "extension": [{ "url": url, "_valueCode": { "id": "x" } }] }))),
    ]
}

/// The repetitions of a primitive, none of them nothing.
fn repetitions() -> impl Strategy<Value = Vec<(Option<String>, Option<Value>)>> {
    let repetition = (prop::option::weighted(0.7, texts()), parts())
        .prop_filter("something", |(value, parts)| {
            value.is_some() || parts.is_some()
        });
    prop::collection::vec(repetition, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn values_come_back_as_they_were(text in texts(), number in numbers(), given in repetitions(), flag in any::<bool>(), part in parts()) {
        let mut name = json!({ "family": text });
        let values: Vec<_> = given.iter().map(|(value, _)| json!(value)).collect();
        let parts: Vec<_> = given.iter().map(|(_, parts)| json!(parts)).collect();
        if values.iter().any(|value| !value.is_null()) {
            name["given"] = Value::from(values);
        }
        if parts.iter().any(|part| !part.is_null()) {
            name["_given"] = Value::from(parts);
        }
        let mut patient = json!({ "resourceType": "Patient", "active": flag, "name": [name], "extension": [{ "url": text }] });
        if let Some(part) = part {
            patient["_active"] = part;
        }
        expect_unchanged(&patient.to_string(), "a value");
        // Digits and exponents stay as they are written.
        let json = format!(r#"{{"resourceType":"Basic","extension":[{{"url":"u","valueDecimal":{number}}}]}}"#);
        prop_assert_eq!(json_of(&xml_of(&json, Layout::Compact)), json);
    }

    #[test]
    fn what_is_read_is_written_as_it_was_and_nothing_breaks_the_reader(
        parts in prop::collection::vec(prop::sample::select(vec![
            "<Patient xmlns=\"http://hl7.org/fhir\">", "</Patient>", "<name>", "</name>", "<family value=\"", "a", "\"/>", "<given", " value='b'", "/>", ">",
            "<text>", "</text>", "<div xmlns=\"http://www.w3.org/1999/xhtml\">", "</div>", "&amp;", "&x;", "&#10;", "<!--", "-->", "<?x?>", "<![CDATA[", "]]>", " ",
            "\r\n", "<!DOCTYPE a>", "<contained>", "</contained>", "xmlns:a=\"b\"", "a:", "<extension url=\"u\">", "</extension>", "id=\"c\"", "æ",
        ]), 0..24),
    ) {
        let xml = format!("<Patient xmlns=\"http://hl7.org/fhir\">{}</Patient>", parts.concat());
        if let Ok(json) = frist::xml::read(&super::CORE, xml.as_bytes()) {
            let once = xml_of(&json, Layout::Compact);
            prop_assert_eq!(json_of(&once), json);
        }
    }
}
