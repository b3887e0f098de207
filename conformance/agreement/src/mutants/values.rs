//! The mistakes of a value in what it says: dates, references, codes, addresses.
//!
//! The meaning of a text is told from its name and its form, as a program that knows no definitions
//! can.

use serde_json::{Value, json};

use super::mutant::Mutant;
use super::place::{Place, replaced};

const DATES: &[(&str, &str)] = &[
    ("date:no-such-day", "2027-02-30"),
    ("date:no-such-leap-day", "2027-02-29"),
    ("date:no-such-month", "2027-13-01"),
    ("date:month-zero", "2027-00-01"),
    ("date:day-zero", "2027-01-00"),
    ("date:one-digit", "2027-1-1"),
    ("date:slashes", "2027/01/01"),
    ("date:danish", "01-01-2027"),
    ("date:year-alone", "2027"),
    ("date:month-alone", "2027-01"),
    ("date:year-zero", "0000-01-01"),
    ("date:year-early", "0001-01-01"),
    ("date:year-long", "12027-01-01"),
    ("date:compact", "20270101"),
    ("time:no-zone", "2027-01-01T10:00:00"),
    ("time:no-seconds", "2027-01-01T10:00Z"),
    ("time:no-minutes", "2027-01-01T10Z"),
    ("time:hour-24", "2027-01-01T24:00:00Z"),
    ("time:minute-60", "2027-01-01T10:60:00Z"),
    ("time:leap-second", "2027-06-30T23:59:60Z"),
    ("time:second-61", "2027-01-01T10:00:61Z"),
    ("time:zone-far", "2027-01-01T10:00:00+15:00"),
    ("time:zone-14", "2027-01-01T10:00:00+14:00"),
    ("time:zone-no-colon", "2027-01-01T10:00:00+0100"),
    ("time:zone-name", "2027-01-01T10:00:00 CET"),
    ("time:small-z", "2027-01-01T10:00:00z"),
    ("time:space-for-t", "2027-01-01 10:00:00Z"),
    ("time:comma", "2027-01-01T10:00:00,5Z"),
    ("time:fraction", "2027-01-01T10:00:00.123456789Z"),
    ("time:no-such-day", "2027-02-30T10:00:00Z"),
];

const REFERENCES: &[(&str, &str)] = &[
    ("reference:other-type", "Medication/1"),
    ("reference:patient", "Patient/1"),
    ("reference:organization", "Organization/1"),
    ("reference:no-such-type", "Foo/1"),
    ("reference:no-type", "1"),
    ("reference:no-id", "Patient/"),
    ("reference:bad-id", "Patient/a_b"),
    (
        "reference:long-id",
        "Patient/12345678901234567890123456789012345678901234567890123456789012345",
    ),
    ("reference:too-deep", "Patient/1/2"),
    ("reference:version", "Patient/1/_history/2"),
    ("reference:version-empty", "Patient/1/_history/"),
    ("reference:missing-contained", "#nowhere"),
    ("reference:container", "#"),
    ("reference:absolute", "http://example.org/fhir/Patient/1"),
    (
        "reference:absolute-other-type",
        "http://example.org/fhir/Medication/1",
    ),
    ("reference:absolute-no-type", "http://example.org/anything"),
    (
        "reference:urn-uuid",
        "urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c",
    ),
    ("reference:urn-uuid-bad", "urn:uuid:1"),
    (
        "reference:urn-uuid-upper",
        "urn:uuid:0A4E7A02-9D0C-4D1E-8F9C-0A4E7A029D0C",
    ),
    ("reference:urn-oid", "urn:oid:1.2.3"),
    ("reference:query", "Patient?identifier=http://example.org|1"),
    ("reference:slash-first", "/Patient/1"),
];

const ADDRESSES: &[(&str, &str)] = &[
    ("uri:relative", "some/path"),
    ("uri:word", "word"),
    ("uri:space", "http://example.org/a b"),
    ("uri:oid-bad", "urn:oid:3.2.1"),
    ("uri:oid-zero", "urn:oid:1.02.3"),
    ("uri:oid-letters", "urn:oid:abc"),
    ("uri:oid-point", "urn:oid.1.2.208.176.1.4"),
    ("uri:oid-good", "urn:oid:1.2.3"),
    ("uri:uuid-bad", "urn:uuid:123"),
    (
        "uri:uuid-upper",
        "urn:uuid:0A4E7A02-9D0C-4D1E-8F9C-0A4E7A029D0C",
    ),
    (
        "uri:uuid-good",
        "urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c",
    ),
    ("uri:urn-other", "urn:iso:std:iso:3166"),
    ("uri:example", "http://example.org/system"),
    ("uri:https", "https://unknown.dk/system"),
    (
        "uri:value-set",
        "http://hl7.org/fhir/ValueSet/observation-status",
    ),
    ("uri:versioned", "http://example.org/system|1"),
    ("uri:fragment", "http://example.org/system#a"),
    ("uri:angle", "<http://example.org>"),
    ("uri:danish-letter", "http://example.org/æøå"),
    ("uri:ftp", "ftp://example.org/a"),
    ("uri:snomed", "http://snomed.info/sct"),
    ("uri:icd-10", "http://hl7.org/fhir/sid/icd-10"),
];

const CODES: &[(&str, &str)] = &[
    ("coded:out-of-binding", "out-of-binding"),
    ("coded:two-spaces", "a  b"),
    ("coded:inner-space", "a b"),
    ("coded:upper", "ACTIVE"),
    ("coded:snomed", "44054006"),
    ("coded:danish-letter", "æ"),
];

/// Makes the mutants of one value.
pub(crate) fn mutants(resource: &Value, place: &Place<'_>, made: &mut Vec<Mutant>) {
    let Value::String(text) = place.value else {
        return;
    };
    let element = place.element();
    let mut all = |rows: &[(&str, &str)]| {
        for (kind, value) in rows.iter().filter(|(_, value)| value != text) {
            made.push(Mutant::of(
                kind,
                place,
                &replaced(resource, &place.steps, json!(value)),
            ));
        }
    };
    if looks_like_a_date(text) {
        all(DATES);
    }
    match element {
        "reference" => all(REFERENCES),
        "system" | "url" | "profile" | "instantiatesCanonical" | "instantiatesUri" | "library" => {
            all(ADDRESSES)
        }
        "id" | "versionId" => all(&[
            ("id-value:underscore", "a_b"),
            ("id-value:space", "a b"),
            ("id-value:danish-letter", "æ"),
            (
                "id-value:64",
                "1234567890123456789012345678901234567890123456789012345678901234",
            ),
            (
                "id-value:65",
                "12345678901234567890123456789012345678901234567890123456789012345",
            ),
        ]),
        "resourceType" => all(&[
            ("resource-type:unknown", "Foo"),
            ("resource-type:abstract", "DomainResource"),
            ("resource-type:data-type", "Coding"),
            ("resource-type:other", "Basic"),
        ]),
        name if is_code(name) => all(CODES),
        _ => {}
    }
}

fn looks_like_a_date(text: &str) -> bool {
    text.get(..4)
        .is_some_and(|year| year.bytes().all(|byte| byte.is_ascii_digit()))
        && text.as_bytes().get(4) == Some(&b'-')
}

fn is_code(element: &str) -> bool {
    const NAMES: &[&str] = &[
        "code",
        "status",
        "intent",
        "use",
        "gender",
        "priority",
        "language",
        "type",
        "rank",
        "lifecycleStatus",
        "kind",
        "mode",
    ];
    NAMES.contains(&element) || element == "valueCode"
}
