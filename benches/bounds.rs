//! The time that validating a body of the greatest size can take: `cargo bench --bench bounds [--
//! WORD…]`.
//!
//! Each row is a body of 5 MB that was made to be slow in one way. It asserts nothing.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a program for those who measure"
)]

use std::fmt::Write;
use std::time::Instant;

use frist::fhir::{Resource, json};
use frist::validation::{CheckContext, Validator, check, person_references};
use jiff::civil::date;

/// The greatest body that `src/http` accepts.
const BYTES_MAX: usize = 5 * 1024 * 1024;

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let validator = frist::app::packages::validator(&[]).unwrap();
    println!(
        "{:<34}{:>9}{:>10}{:>10}{:>10}",
        "body", "KB", "findings", "parse ms", "check ms"
    );
    for (name, make) in BODIES {
        if words.is_empty() || words.iter().any(|word| name.contains(&**word)) {
            measure(name, &make(), &validator);
        }
    }
}

fn measure(name: &str, text: &str, validator: &Validator) {
    assert!(text.len() <= BYTES_MAX, "{name}: {}", text.len());
    let start = Instant::now();
    let resource = match json::parse(text.as_bytes()).map(Resource::from_value) {
        Ok(Ok(resource)) => resource,
        other => panic!("{name}: {:?}", other.err()),
    };
    let parsed = start.elapsed();
    let context = CheckContext {
        validator,
        profiles: &[],
        now: frist::fhir::start_of_day(date(2027, 12, 31)),
        why_no_group: &|_| None,
    };
    let start = Instant::now();
    let findings = check(&resource, &context);
    person_references(resource.value());
    let checked = start.elapsed();
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    println!(
        "{name:<34}{:>9}{:>10}{:>10.0}{:>10.0}",
        text.len() / 1024,
        findings.len(),
        ms(parsed),
        ms(checked)
    );
}

/// Returns `before`, then as many of `item` with its number as there is room for, then `after`.
fn filled(before: &str, item: impl Fn(usize) -> String, after: &str) -> String {
    let mut text = before.to_owned();
    for number in 0.. {
        let item = item(number);
        if text.len() + item.len() + after.len() + 1 > BYTES_MAX {
            break;
        }
        if number > 0 {
            text.push(',');
        }
        text.push_str(&item);
    }
    text + after
}

/// A list in a resource: its name, the item of each number, and how many there are.
type List<'l> = (&'l str, &'l dyn Fn(usize) -> String, usize);

fn lists(head: &str, lists: &[List<'_>]) -> String {
    let mut text = head.to_owned();
    for (name, item, count) in lists {
        write!(text, r#","{name}":["#).unwrap();
        for number in 0..*count {
            text.push_str(if number > 0 { "," } else { "" });
            text.push_str(&item(number));
        }
        text.push(']');
    }
    text + "}"
}

const PLAN: &str = r#"{"resourceType":"CarePlan","status":"active","intent":"plan","subject":{"reference":"Patient/1"},"created":"2027-01-01""#;

fn references_to_contained(plans: usize) -> String {
    let condition = |number| {
        format!(
            r##"{{"resourceType":"Condition","id":"c{number}","subject":{{"reference":"#c0"}}}}"##
        )
    };
    let reference = |number: usize| format!(r##"{{"reference":"#c{}"}}"##, number % plans);
    lists(
        PLAN,
        &[
            ("contained", &condition, plans),
            ("addresses", &reference, (4_900_000 - plans * 75) / 24),
        ],
    )
}

fn nested(inner: &str, levels: usize) -> String {
    format!(
        "{}{inner}{}",
        r#"{"url":"urn:x","extension":["#.repeat(levels),
        "]}".repeat(levels)
    )
}

type Make = fn() -> String;

const BODIES: &[(&str, Make)] = &[
    ("numbers for names", || {
        filled(
            r#"{"resourceType":"Patient","name":["#,
            |_| "0".into(),
            "]}",
        )
    }),
    ("empty names", || {
        filled(
            r#"{"resourceType":"Patient","name":["#,
            |_| "{}".into(),
            "]}",
        )
    }),
    ("names of one letter", || {
        filled(
            r#"{"resourceType":"Patient","name":["#,
            |_| r#"{"family":"a"}"#.into(),
            "]}",
        )
    }),
    ("given names", || {
        filled(
            r#"{"resourceType":"Patient","name":[{"given":["#,
            |_| r#""a""#.into(),
            "]}]}",
        )
    }),
    ("unknown keys", || {
        filled(
            r#"{"resourceType":"Patient","#,
            |number| format!(r#""k{number}":0"#),
            "}",
        )
    }),
    ("codings in doubt", || {
        filled(
            r#"{"resourceType":"Patient","maritalStatus":{"coding":["#,
            |number| format!(r#"{{"system":"urn:x","code":"{number}"}}"#),
            "]}}",
        )
    }),
    ("concepts in doubt", || {
        filled(
            r#"{"resourceType":"Condition","subject":{"reference":"Patient/1"},"bodySite":["#,
            |number| {
                format!(r#"{{"coding":[{{"system":"http://snomed.info/sct","code":"{number}"}}]}}"#)
            },
            "]}",
        )
    }),
    ("identifiers in slices", || {
        filled(
            r#"{"resourceType":"Patient","identifier":["#,
            |_| r#"{"system":"urn:oid:1.2.208.176.1.2","value":"0101700000"}"#.into(),
            "]}",
        )
    }),
    ("codings in slices", || {
        filled(
            r#"{"resourceType":"Condition","subject":{"reference":"Patient/1"},"code":{"coding":["#,
            |_| r#"{"system":"urn:oid:1.2.208.176.2.31","code":"R95"}"#.into(),
            "]}}",
        )
    }),
    ("links in a narrative", || {
        let link = |number| format!("<a href='#x{number}'>a</a>");
        let head = PLAN.to_owned()
            + r#","text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'>"#;
        let links: String = (0..60_000).map(link).collect();
        filled(
            &(head + &links + r#"</div>"},"note":["#),
            |number| format!(r#"{{"id":"n{number}","text":"a"}}"#),
            "]}",
        )
    }),
    ("tags in a narrative", || {
        let head = PLAN.to_owned()
            + r#","text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'>"#;
        head.clone()
            + &"<b>".repeat(500)
            + &"<i>a</i>".repeat((BYTES_MAX - head.len() - 4_000) / 8)
            + &"</b>".repeat(500)
            + r#"</div>"}}"#
    }),
    ("references to 25,000 contained", || {
        references_to_contained(25_000)
    }),
    ("references to one contained", || references_to_contained(1)),
    ("references to a large contained", || {
        let note = (0..100_000)
            .map(|_| r#"{"text":"a"}"#)
            .collect::<Vec<_>>()
            .join(",");
        let condition = |_| {
            format!(
                r##"{{"resourceType":"Condition","id":"c0","subject":{{"reference":"#p"}},"note":[{note}]}}"##
            )
        };
        lists(
            PLAN,
            &[
                ("contained", &condition, 1),
                ("addresses", &|_| r##"{"reference":"#c0"}"##.into(), 150_000),
            ],
        )
    }),
    ("contained without a reference", || {
        filled(
            &(PLAN.to_owned() + r#","contained":["#),
            |number| format!(r#"{{"resourceType":"Patient","id":"p{number}"}}"#),
            "]}",
        )
    }),
    ("extensions in extensions", || {
        filled(
            r#"{"resourceType":"Patient","extension":["#,
            |_| nested(r#"{"url":"urn:x","valueCode":"a"}"#, 25),
            "]}",
        )
    }),
    ("postponements", || {
        let url = "https://kronikerpakker.dk/fhir/StructureDefinition/kp-postponement";
        filled(
            r#"{"resourceType":"Condition","extension":["#,
            |_| {
                format!(
                    r#"{{"url":"{url}","extension":[{{"url":"reason","valueCode":"patient"}},{{"url":"x"}}]}}"#
                )
            },
            "]}",
        )
    }),
    ("unknown profiles", || {
        filled(
            r#"{"resourceType":"Patient","meta":{"profile":["#,
            |number| format!(r#""http://x/{number}""#),
            "]}}",
        )
    }),
    ("all profiles of a type", || {
        let names = [
            "vitalsigns",
            "bmi",
            "bodyheight",
            "bodytemp",
            "bodyweight",
            "bp",
            "headcircum",
            "heartrate",
            "oxygensat",
            "resprate",
            "cholesterol",
            "hdlcholesterol",
            "ldlcholesterol",
            "lipidprofile",
            "triglyceride",
            "observation-genetics",
            "vitalspanel",
            "Observation",
        ];
        let claims: Vec<_> = names
            .iter()
            .map(|name| format!(r#""http://hl7.org/fhir/StructureDefinition/{name}""#))
            .collect();
        let head = format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"a"}},"meta":{{"profile":[{}]}},"#,
            claims.join(",")
        );
        filled(
            &(head + r#""component":["#),
            |_| r#"{"code":{"text":"a"},"valueQuantity":{"value":1.0}}"#.into(),
            "]}",
        )
    }),
    ("one long text", || {
        filled(
            r#"{"resourceType":"Patient","name":[{"family":""#,
            |_| "ab".repeat(1_000),
            r#""}]}"#,
        )
    }),
    ("digits", || {
        format!(
            r#"{{"resourceType":"Observation","valueQuantity":{{"value":{}.{}}}}}"#,
            "1".repeat(2_000_000),
            "1".repeat(2_000_000)
        )
    }),
    ("long decimals", || {
        let digits = "1".repeat(400);
        filled(
            r#"{"resourceType":"Observation","component":["#,
            |_| format!(r#"{{"valueQuantity":{{"value":{digits}}}}}"#),
            "]}",
        )
    }),
    ("entries of a Bundle", || {
        filled(
            r#"{"resourceType":"Bundle","type":"collection","entry":["#,
            |number| {
                format!(
                    r#"{{"fullUrl":"http://x/Patient/{number}","resource":{{"resourceType":"Patient","id":"{number}"}}}}"#
                )
            },
            "]}",
        )
    }),
    ("references in a Bundle", || {
        let entry = |number: usize| {
            format!(
                r#"{{"fullUrl":"http://x/Encounter/{number}","resource":{{"resourceType":"Encounter","id":"{number}","basedOn":[{}]}}}}"#,
                r#"{"reference":"ServiceRequest/0"}"#.to_owned()
                    + &r#",{"reference":"ServiceRequest/0"}"#.repeat(9)
            )
        };
        let first = r#"{"fullUrl":"http://x/ServiceRequest/0","resource":{"resourceType":"ServiceRequest","id":"0","note":[NOTES]}}"#;
        let first = first.replace("NOTES", &vec![r#"{"text":"a"}"#; 100_000].join(","));
        filled(
            &format!(r#"{{"resourceType":"Bundle","type":"document","entry":[{first},"#),
            entry,
            "]}",
        )
    }),
    ("a Questionnaire", || {
        let item = |number: usize| {
            format!(
                r#"{{"linkId":"{number}","type":"group","item":[{{"linkId":"{number}a","type":"string"}}]}}"#
            )
        };
        filled(
            r#"{"resourceType":"Questionnaire","status":"active","item":["#,
            item,
            "]}",
        )
    }),
    ("elements of a definition", || {
        let element = |number: usize| {
            format!(r#"{{"id":"Patient.a{number}","path":"Patient.a{number}","min":0,"max":"*"}}"#)
        };
        let head = r#"{"resourceType":"StructureDefinition","kind":"resource","type":"Patient","snapshot":{"element":["#;
        filled(head, element, "]}}")
    }),
    ("concepts of a code system", || {
        filled(
            r#"{"resourceType":"CodeSystem","content":"complete","concept":["#,
            |number| format!(r#"{{"code":"{number}"}}"#),
            "]}",
        )
    }),
    ("parameters", || {
        let one = |number: usize| {
            format!(r#"{{"name":"a","valueReference":{{"reference":"Patient/{number}"}}}}"#)
        };
        filled(r#"{"resourceType":"Parameters","parameter":["#, one, "]}")
    }),
];
