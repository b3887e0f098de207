//! Primitive types: values as JSON, and how bad they are. The verdicts of the first table are also
//! those of the HL7 validator (6.7.9).

use frist::fhir::{Severity, json};
use frist::validation::primitives::{self, ValueBounds};
use proptest::prelude::*;
use serde_json::{Value, json};

const ERROR: Option<Severity> = Some(Severity::Error);
const WARNING: Option<Severity> = Some(Severity::Warning);
const FINE: Option<Severity> = None;

type Row = (&'static str, Option<Severity>, &'static [&'static str]);

const ROWS: &[Row] = &[
    (
        "integer",
        ERROR,
        &[
            "1.0",
            "1e2",
            "1E0",
            "2147483648",
            "-2147483649",
            "99999999999",
            r#""1""#,
            "true",
            "[]",
            "{}",
            r#"["x"]"#,
            "null",
        ],
    ),
    (
        "integer",
        FINE,
        &["0", "-0", "1", "2147483647", "-2147483648"],
    ),
    (
        "unsignedInt",
        ERROR,
        &["-1", "-0", "2147483648", "4294967295"],
    ),
    ("unsignedInt", FINE, &["0", "5"]),
    ("positiveInt", ERROR, &["0", "-1", "2147483648"]),
    ("positiveInt", FINE, &["1", "2147483647"]),
    (
        "decimal",
        ERROR,
        &[r#""1.0""#, "true", "[]", "{}", r#"["x"]"#, "null"],
    ),
    (
        "decimal",
        WARNING,
        &["1234567890123456789", "1e12345", "0.1234567890123456789"],
    ),
    (
        "decimal",
        FINE,
        &[
            "0",
            "-0",
            "0.0",
            "1.00",
            "1e2",
            "1E+2",
            "1e-2",
            "-1.5e-10",
            "123456789012345678",
            "1e400",
        ],
    ),
    (
        "boolean",
        ERROR,
        &[r#""true""#, "1", r#""x""#, "[]", "{}", r#"["x"]"#, "null"],
    ),
    ("boolean", FINE, &["true", "false"]),
    (
        "date",
        ERROR,
        &[
            r#""2027-02-29""#,
            r#""2027-04-31""#,
            r#""2027-13""#,
            r#""2027-3-1""#,
            r#""0000""#,
            r#""2027-00""#,
            r#""2027-03-00""#,
            r#""2027-03-31T10:00:00Z""#,
            r#"" 2027""#,
            r#""2027 ""#,
            r#""""#,
            r#""02027""#,
            r#""20270331""#,
            r#""2027-03-""#,
            r#""-2027""#,
            r#""1900-02-29""#,
            "[]",
            "{}",
            r#"["x"]"#,
            "null",
            "2027",
        ],
    ),
    (
        "date",
        WARNING,
        &[r#""0001""#, r#""0100""#, r#""1000""#, r#""1799""#],
    ),
    (
        "date",
        FINE,
        &[
            r#""2027""#,
            r#""2027-03""#,
            r#""2027-03-31""#,
            r#""2028-02-29""#,
            r#""9999""#,
            r#""1800""#,
            r#""2107""#,
            r#""2000-02-29""#,
        ],
    ),
    (
        "dateTime",
        ERROR,
        &[
            r#""2027-02-29""#,
            r#""2027-03-31T10:00""#,
            r#""2027-03-31T10:00:00""#,
            r#""2027-03-31T10:00:00+14:01""#,
            r#""2027-03-31T24:00:00Z""#,
            r#""2027-03-31T23:59:61Z""#,
            r#""2027-03-31T10:00:00.Z""#,
            r#""2027-03-31t10:00:00Z""#,
            r#""2027-03-31T10:00:00z""#,
            r#""2027-03-31T10:00:00+0100""#,
            r#""2027-03-31 10:00:00Z""#,
            r#""0000""#,
            r#""2027-02-30T10:00:00Z""#,
            r#""2027-03-31T10Z""#,
            r#""2027-03-31T10:00:00 Z""#,
        ],
    ),
    ("dateTime", WARNING, &[r#""0001-01-01""#, r#""1700""#]),
    (
        "dateTime",
        FINE,
        &[
            r#""2027""#,
            r#""2027-03""#,
            r#""2027-03-31""#,
            r#""2028-02-29""#,
            r#""2027-03-31T10:00:00Z""#,
            r#""2027-03-31T10:00:00+14:00""#,
            r#""2027-03-31T10:00:00-14:00""#,
            r#""2027-03-31T10:00:00+13:59""#,
            r#""2027-03-31T23:59:60Z""#,
            r#""2027-03-31T10:00:00.1Z""#,
            r#""2027-03-31T10:00:00.1234567890123Z""#,
            r#""2200""#,
        ],
    ),
    (
        "instant",
        ERROR,
        &[
            r#""2027-03-31""#,
            r#""2027-03-31T10:00:00""#,
            r#""2027-02-30T10:00:00Z""#,
            r#""2027-03-31T24:00:00Z""#,
            r#""0000-01-01T00:00:00Z""#,
            r#""-2027-01-01T00:00:00Z""#,
            "2027",
        ],
    ),
    (
        "instant",
        WARNING,
        &[r#""0001-01-01T00:00:00Z""#, r#""1700-01-01T00:00:00Z""#],
    ),
    (
        "instant",
        FINE,
        &[
            r#""2027-03-31T10:00:00Z""#,
            r#""2027-03-31T10:00:00.123+01:00""#,
            r#""2027-03-31T23:59:60Z""#,
        ],
    ),
    (
        "time",
        ERROR,
        &[
            r#""10:00""#,
            r#""24:00:00""#,
            r#""23:59:61""#,
            r#""10:00:00Z""#,
            r#""1:00:00""#,
            r#""10:00:00.""#,
            "10",
        ],
    ),
    ("time", FINE, &[r#""10:00:00""#, r#""23:59:60""#]),
    (
        "string",
        ERROR,
        &[
            r#""""#,
            "[]",
            "{}",
            r#"["x"]"#,
            "null",
            "1",
            "true",
            r#""x\u0001y""#,
            r#""x\ufffey""#,
            r#""x\uffffy""#,
            r#""\u0000""#,
            r#""x\u0008y""#,
            r#""x\u000by""#,
            r#""x\u000cy""#,
            r#""x\u001fy""#,
        ],
    ),
    (
        "string",
        WARNING,
        &[r#""  ""#, r#""\t\n""#, r#"" x""#, r#""x ""#, r#""\u00a0""#],
    ),
    (
        "string",
        FINE,
        &[
            r#""x\ty""#,
            r#""x\r\ny""#,
            r#""x\u007fy""#,
            r#""x\u0085y""#,
            r#""x""#,
            r#""\u007f""#,
            r#""<b>x</b>""#,
            r#""<script>""#,
            r#""\u202e x""#,
            r#""\u00e6\ud83d\ude00""#,
            r#""\u200b""#,
        ],
    ),
    ("markdown", ERROR, &[r#""""#, r#""x\u0001y""#]),
    ("markdown", WARNING, &[r#""  ""#]),
    (
        "markdown",
        FINE,
        &[
            r#""x""#,
            r#""<b>x</b>""#,
            r#""<script>alert(1)</script>""#,
            r#"" x""#,
            r#""a < b""#,
        ],
    ),
    (
        "code",
        ERROR,
        &[
            r#""""#,
            r#""a  b""#,
            r#"" a""#,
            r#""a ""#,
            r#""a\tb""#,
            r#""a\nb""#,
            r#""a\u00a0b""#,
            r#""\u00a0a""#,
            r#""a\u2003b""#,
            r#""a\u000bb""#,
            r#""a\u0085b""#,
            "[]",
            "{}",
            r#"["x"]"#,
            "null",
            "1",
        ],
    ),
    ("code", ERROR, &[r#""a\u0001b""#]),
    (
        "code",
        FINE,
        &[r#""x""#, r#""a b""#, r#""a\u200bb""#, r#""<b>""#],
    ),
    (
        "id",
        ERROR,
        &[
            r#""""#,
            r#""a b""#,
            r#""a_b""#,
            r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#,
            r#""\u00e6""#,
            r#"" a""#,
            r##""#a""##,
            "[]",
            "{}",
            r#"["x"]"#,
            "null",
            "1",
        ],
    ),
    (
        "id",
        FINE,
        &[
            r#""x""#,
            r#""A-1.b""#,
            r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#,
            r#""-""#,
            r#"".""#,
        ],
    ),
    (
        "uri",
        ERROR,
        &[
            r#""""#,
            r#""/a b""#,
            r#"" a""#,
            r#""a ""#,
            r#""a\tb""#,
            r#""oid:1.2""#,
            r#""uuid:x""#,
            r#""urn:oid:1.2""#,
            r#""urn:oid:3.1.2.3.4""#,
            r#""urn:oid:2.16""#,
            r#""urn:oid:2.1.2""#,
            r#""urn:oid:1.2.03.4""#,
            r#""urn:oid:1.2.3.4.""#,
            r#""urn:oid:""#,
            r#""urn:oid:1.2.3.4|1""#,
            r#""urn:oid:1.2.3.4#x""#,
            r#""urn:uuid:""#,
            r#""urn:uuid:0A4E7A02-9D0C-4D1E-8F9C-0A4E7A029D0C""#,
            r#""urn:uuid:0a4e7a029d0c4d1e8f9c0a4e7a029d0c""#,
            r#""urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c|1""#,
            r#""a\u000bb""#,
            r#""\u00a0a""#,
            r#""\u2003a""#,
            "[]",
            "{}",
            r#"["x"]"#,
            "null",
            "true",
        ],
    ),
    ("uri", ERROR, &[r#""a\u0001b""#]),
    (
        "uri",
        FINE,
        &[
            r#""http://x.org""#,
            r#""x""#,
            r#""a\u00a0b""#,
            r#""urn:oid:1.2.3.4""#,
            r#""urn:oid:1.3""#,
            r#""urn:oid:1.3.6""#,
            r#""urn:oid:1.2.208.176.1.2""#,
            r#""urn:oid:2.16.8""#,
            r#""urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c""#,
            r#""urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c#x""#,
            r##""#x""##,
            r##""#""##,
            r#""http://\u00e6.dk""#,
            r#""<b>x</b>""#,
            r#""URN:OID:x""#,
            r#""a\u200bb""#,
            r#""a\u0085b""#,
            r#""a\u2003b""#,
            r#""http://example.org/x""#,
        ],
    ),
    (
        "url",
        ERROR,
        &[
            r#""""#,
            r#""a b""#,
            r#""tel:+45 1""#,
            r#""urn:oid:1.2""#,
            r#""urn:uuid:x""#,
            r#""oid:1""#,
            r#""http://x.org/a\u00a0""#,
        ],
    ),
    (
        "url",
        FINE,
        &[
            r#""http://x.org""#,
            r#""x""#,
            r#""/a""#,
            r##""#x""##,
            r#""urn:oid:1.2.208.1""#,
        ],
    ),
    (
        "canonical",
        ERROR,
        &[
            r#""x""#,
            r#""""#,
            r#""a b""#,
            r#""http://x.org|1 2""#,
            r#""Patient/1""#,
            r#""urn:oid:1.2.3.4|1""#,
            r#""HTTP://x.org""#,
            r#""X:y""#,
            r#""1a:b""#,
            r#""a-b:c""#,
            r#""http:""#,
            r#""a.b:c""#,
            r#"":x""#,
            r#""a+b:c""#,
            r#""\u00e6:x""#,
        ],
    ),
    (
        "canonical",
        FINE,
        &[
            r#""http://x.org""#,
            r##""#x""##,
            r##""#""##,
            r#""http://x.org|1""#,
            r#""urn:oid:1.2.3.4""#,
            r#""urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c|1""#,
            r#""urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c#x""#,
            r#""x:y""#,
            r#""http:x""#,
            r#""mailto:x""#,
            r#""file:/x""#,
            r#""a1:c""#,
            r#""urn:iso:std""#,
            r#""ftp://x""#,
        ],
    ),
    (
        "oid",
        ERROR,
        &[
            r#""urn:oid:1.2""#,
            r#""1.2.3.4""#,
            r#""urn:oid:1.02.3.4""#,
            r#""""#,
            r#""urn:oid:1.2.3.4#x""#,
        ],
    ),
    (
        "oid",
        FINE,
        &[
            r#""urn:oid:1.2.3.4""#,
            r#""urn:oid:1.3""#,
            r#""urn:oid:2.16.840""#,
        ],
    ),
    (
        "uuid",
        ERROR,
        &[
            r#""urn:uuid:0A4E7A02-9D0C-4D1E-8F9C-0A4E7A029D0C""#,
            r#""0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c""#,
            r#""urn:uuid:x""#,
            r#""""#,
            r#""urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c#x""#,
        ],
    ),
    (
        "uuid",
        FINE,
        &[r#""urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c""#],
    ),
    (
        "base64Binary",
        ERROR,
        &[
            r#""""#,
            r#""AAA""#,
            r#""AA-_""#,
            r#""AAAAA""#,
            "[]",
            "{}",
            r#"["x"]"#,
            "null",
            "1",
        ],
    ),
    (
        "base64Binary",
        WARNING,
        &[
            r#""AA AA""#,
            r#""AAAA\nBBBB""#,
            r#"" AAAA""#,
            r#""AAAA ""#,
            r#""A A A A""#,
            r#""AAAA    BBBB""#,
            r#""AAAA\u00a0BBBB""#,
            r#""QUJD RA==""#,
        ],
    ),
    (
        "base64Binary",
        FINE,
        &[r#""AAAA""#, r#""AAA=""#, r#""AA==""#, r#""QUJDRA==""#],
    ),
];

/// Here the HL7 validator says something else, and R4 is clear.
const DIFFERENT: &[Row] = &[
    // https://hl7.org/fhir/R4/datatypes.html#time: the pattern has a fraction of a second; the
    // validator's own does not.
    ("time", FINE, &[r#""10:00:00.5""#, r#""23:59:60.000""#]),
    // The validator only warns of any primitive that is blank; the patterns of these types do not
    // fit blanks.
    ("date", ERROR, &[r#""   ""#]),
    ("dateTime", ERROR, &[r#"" ""#]),
    ("code", ERROR, &[r#""  ""#]),
    ("id", ERROR, &[r#"" ""#]),
    ("uri", ERROR, &[r#""  ""#]),
    // https://hl7.org/fhir/R4/datatypes.html#base64Binary: the pattern and RFC 4648; the validator
    // counts letters and digits alone.
    (
        "base64Binary",
        ERROR,
        &[
            r#""  ""#,
            r#""A===""#,
            r#""====""#,
            r#""AAAA-""#,
            r#""!!!!""#,
            r#""AA=A""#,
            r#""æAAA""#,
        ],
    ),
];

/// Returns the findings about a value: how bad the worst is, and their texts.
fn findings(type_name: &str, value: &Value) -> (Option<Severity>, Vec<String>) {
    let (mut worst, mut texts) = (None, Vec::new());
    primitives::check(type_name, value, &mut |severity, _, text| {
        worst = worst.map_or(Some(severity), |worst: Severity| Some(worst.min(severity)));
        texts.push(text.to_owned());
    });
    (worst, texts)
}

#[test]
fn values_are_as_bad_as_the_tables_say() {
    for (type_name, expected, values) in ROWS.iter().chain(DIFFERENT) {
        for text in *values {
            let value = json::parse(text.as_bytes()).expect(text);
            let (worst, texts) = findings(type_name, &value);
            assert_eq!(worst, *expected, "{type_name} {text}: {texts:?}");
        }
    }
}

#[test]
fn a_string_has_at_most_a_mebibyte_of_characters() {
    for (text, expected) in [
        ("a".repeat(1_048_576), FINE),
        ("a".repeat(1_048_577), ERROR),
        ("æ".repeat(1_048_576), FINE),
        ("😀".repeat(524_288), FINE),
        ("😀".repeat(524_289), ERROR),
    ] {
        assert_eq!(
            findings("string", &Value::from(text.as_str())).0,
            expected,
            "{} bytes",
            text.len()
        );
    }
}

#[test]
fn findings_say_what_was_expected_and_quote_only_dates_and_codes() {
    for (type_name, value, expected) in [
        (
            "date",
            json!("2027-02-30"),
            "expected a date of a day that exists, as 2027, 2027-03 or 2027-03-31, without a time; found '2027-02-30'",
        ),
        (
            "date",
            json!("0504440001"),
            "expected a date of a day that exists, as 2027, 2027-03 or 2027-03-31, without a time; found another text",
        ),
        (
            "boolean",
            json!("true"),
            "expected true or false, found text",
        ),
        (
            "code",
            json!("Karen  Holm"),
            "expected a code without whitespace but single spaces inside, found another text",
        ),
        (
            "integer",
            json!(5_000_000_000_u64),
            "expected a whole number of 32 bits (at most 2147483647), found one beyond",
        ),
        ("string", json!(null), "expected text, found null"),
        (
            "uri",
            json!("urn:oid:1.2"),
            "expected the whole OID after urn:oid:, as 1.2.208.176.1.1, found the beginning of one: its first numbers say only who gives out the others",
        ),
        (
            "uri",
            json!("urn:oid:1.02.3.4"),
            "expected an OID after urn:oid:, as 1.2.208.176.1.1 (numbers without leading zeros, the first 0, 1 or 2), found another text",
        ),
    ] {
        assert_eq!(findings(type_name, &value).1, [expected]);
    }
}

#[test]
fn bounds_hold_for_numbers_dates_and_lengths() {
    for (value, max_length, min, max, expected) in [
        (json!("abc"), Some(3), None, None, FINE),
        (json!("abcd"), Some(3), None, None, ERROR),
        (json!("æøå"), Some(3), None, None, FINE),
        (json!(5), None, Some(json!(5)), Some(json!(5)), FINE),
        (json!(4), None, Some(json!(5)), None, ERROR),
        (json!(0.10), None, None, Some(json!(0.1)), FINE),
        (
            json!("2027-03-31"),
            None,
            Some(json!("2027-04-01")),
            None,
            ERROR,
        ),
        (
            json!("2027-03"),
            None,
            Some(json!("2027-03-31")),
            None,
            FINE,
        ),
        (json!("2027-03-31"), None, None, Some(json!("2026")), ERROR),
        (
            json!("10:00:00"),
            None,
            Some(json!("10:00:01")),
            None,
            ERROR,
        ),
        (json!("x"), None, Some(json!("2026")), None, FINE),
        (json!("x"), None, Some(json!(1)), None, FINE),
        (
            quantity(1, "kg"),
            None,
            Some(quantity(2, "kg")),
            None,
            ERROR,
        ),
        (quantity(3, "kg"), None, Some(quantity(2, "kg")), None, FINE),
        (quantity(3, "g"), None, Some(quantity(2, "kg")), None, ERROR),
        (
            quantity(3, "mL"),
            None,
            Some(quantity(2, "kg")),
            None,
            WARNING,
        ),
        (
            json!({ "value": 1 }),
            None,
            Some(quantity(2, "kg")),
            None,
            WARNING,
        ),
    ] {
        let bounds = ValueBounds {
            max_length,
            min_value: min.as_ref(),
            max_value: max.as_ref(),
        };
        let mut worst = None;
        primitives::check_bounds(&value, &bounds, &mut |severity, _, _| {
            worst = Some(severity)
        });
        assert_eq!(worst, expected, "{value} within {bounds:?}");
    }
}

fn quantity(value: i32, code: &str) -> Value {
    json!({ "value": value, "system": "http://unitsofmeasure.org", "code": code })
}

proptest! {
    #[test]
    fn no_text_makes_a_check_fail(text in any::<String>()) {
        let value = Value::from(text.as_str());
        let quoted = format!("'{text}'");
        let harmless = text.bytes().all(|byte| byte.is_ascii_digit() || b"-:+.TZ".contains(&byte) || byte.is_ascii_lowercase());
        for type_name in primitives::TYPES {
            let (_, texts) = findings(type_name, &value);
            prop_assert!(harmless || texts.iter().all(|found| !found.contains(&quoted)), "{type_name}: {texts:?}");
        }
        let bounds = ValueBounds { max_length: Some(1), min_value: Some(&value), max_value: Some(&value) };
        primitives::check_bounds(&value, &bounds, &mut |_, _, _| {});
    }

    #[test]
    fn a_date_is_fine_exactly_if_it_exists(year in 1800_i16..=9999, month in 0_i8..=13, day in 0_i8..=32) {
        let text = format!("{year:04}-{month:02}-{day:02}");
        let exists = jiff::civil::Date::new(year, month, day).is_ok();
        for (type_name, text) in [("date", text.clone()), ("dateTime", text.clone()), ("instant", format!("{text}T10:00:00Z"))] {
            let (worst, _) = findings(type_name, &Value::from(text.as_str()));
            prop_assert_eq!(worst.is_none(), exists, "{} {}", type_name, text);
        }
    }

    #[test]
    fn an_integer_is_fine_exactly_if_it_has_32_bits(number in any::<i64>()) {
        let fits = i32::try_from(number).is_ok();
        prop_assert_eq!(findings("integer", &Value::from(number)).0.is_none(), fits);
        prop_assert_eq!(findings("unsignedInt", &Value::from(number)).0.is_none(), fits && number >= 0);
        prop_assert_eq!(findings("positiveInt", &Value::from(number)).0.is_none(), fits && number > 0);
    }
}
