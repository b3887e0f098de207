//! The results of each operator on nothing, one item and several.

use serde_json::{Value, json};

use super::language::person;
use super::{check, result};

/// The three truth values in FHIRPath.
const TRUTHS: [(&str, Option<bool>); 3] =
    [("true", Some(true)), ("false", Some(false)), ("{}", None)];

/// Checks an operator on all pairs against its table: rows are the left side, in the order true,
/// false, nothing.
fn check_logic(operator: &str, expected: [[Option<bool>; 3]; 3]) {
    for ((left, _), row) in TRUTHS.iter().zip(expected) {
        for ((right, _), expected) in TRUTHS.iter().zip(row) {
            let text = format!("{left} {operator} {right}");
            let expected: Vec<Value> = expected.into_iter().map(Value::Bool).collect();
            assert_eq!(result(&text, &json!({})), Ok(expected.into()), "{text}");
        }
    }
}

#[test]
fn logic_has_three_values() {
    let (yes, no, unknown) = (Some(true), Some(false), None);
    check_logic(
        "and",
        [[yes, no, unknown], [no, no, no], [unknown, no, unknown]],
    );
    check_logic(
        "or",
        [[yes, yes, yes], [yes, no, unknown], [yes, unknown, unknown]],
    );
    check_logic(
        "xor",
        [
            [no, yes, unknown],
            [yes, no, unknown],
            [unknown, unknown, unknown],
        ],
    );
    check_logic(
        "implies",
        [[yes, no, unknown], [yes, yes, yes], [yes, unknown, unknown]],
    );
    check(
        &person(),
        "
        true.not() → false
        false.not() → true
        {}.not() → nothing
        'text' and true → true
        name and true → error
        name or true → error
        true or name → true
        false and name → false
        false implies name → true
        active.not() → false
        deceased or active → true
        gender.not() → false
        ",
    );
}

#[test]
fn equality_knows_collections_types_and_precision() {
    check(
        &person(),
        "
        1 = 1 → true
        1 = 2 → false
        1 = 1.0 → true
        1.10 = 1.1 → true
        1 = '1' → true
        active = 'true' → true
        active = 'false' → false
        1 = true → false
        {} = 1 → nothing
        {} = {} → nothing
        (1 | 2) = (1 | 2) → true
        (1 | 2) = (2 | 1) → false
        (1 | 2) = 1 → false
        1 != 2 → true
        1 != {} → nothing
        name.given != name.given → false
        'a' = 'A' → false
        name[0] = name[0] → true
        name[0] = name[1] → false
        name = name → true
        gender = 'female' → true
        birthDate = @1957-03-07 → true
        birthDate = '1957-03-07' → true
        birthDate = @1957-03 → nothing
        birthDate = @1957-04 → false
        @2012 = @2012 → true
        @2012-01-01T10:00Z = @2012-01-01T11:00+01:00 → true
        @2012-01-01T10:00:00.0Z = @2012-01-01T10:00:00Z → true
        @2012-01-01T10:00Z = @2012-01-01T10:00 → nothing
        @2012-01-01T10:00Z = @2012-01-03T10:00 → false
        @2012-01-01 = @T10:00 → false
        @T10:00 = @T10:00:00 → nothing
        12345678901234567890.1 = 12345678901234567890.10 → true
        12345678901234567890.1 = 12345678901234567890.2 → false
        4 'mg' = 4.0 'mg' → true
        4 'mg' = 4 'g' → nothing
        7 days = 1 week → true
        1 year = 1 'a' → nothing
        1 'd' = 1 day → true
        active = true → true
        ",
    );
}

#[test]
fn equivalence_forgives_case_space_order_and_digits() {
    check(
        &person(),
        "
        'Ab c' ~ 'aB c' → true
        'a\\tb\\nc' ~ 'a b C' → true
        'a  b' ~ 'a\\t b' → true
        'a  b' ~ 'a b' → false
        'a  b' !~ 'a b' → true
        ' a' ~ 'a' → false
        'a' ~ 'a ' → false
        'ÆØÅ' ~ 'æøå' → true
        'a' ~ 'b' → false
        {} ~ {} → true
        {} ~ 1 → false
        {} !~ 1 → true
        (1 | 2) ~ (2 | 1) → true
        (1 | 2) ~ (1 | 3) → false
        1.14 ~ 1.1 → true
        1.16 ~ 1.1 → false
        1 ~ 1.0 → true
        @2012 ~ @2012-01 → false
        @2012 ~ @2012 → true
        1 year ~ 1 'a' → true
        1 'mg' ~ 1 'g' → false
        name[0] ~ name[0] → true
        name[0] !~ name[1] → true
        true ~ true → true
        ",
    );
}

#[test]
fn comparison_needs_what_it_compares() {
    check(
        &person(),
        "
        1 < 2 → true
        2 <= 2.0 → true
        3 > 2.9999999999999999 → true
        -1 >= 1 → false
        'a' < 'b' → true
        'B' < 'a' → true
        {} < 1 → nothing
        1 > {} → nothing
        (1 | 2) < 3 → error
        1 < 'a' → error
        true < false → error
        @2012 < @2013 → true
        @2012 <= @2012 → true
        @2012 <= @2012-06 → nothing
        @2012-05 < @2012-06-01 → true
        @2012-06-01 < @2012-06-01T10:00Z → nothing
        @2012-06-01T23:30:00-05:00 > @2012-06-01 → true
        @2012-01-01T10:00:00.5Z > @2012-01-01T10:00:00Z → true
        @T10:00 < @T10:30 → true
        @T10:00 < @T10:00:30 → nothing
        @2012 < @T10 → error
        birthDate < today() → true
        birthDate.extension.value > birthDate → nothing
        1 'mg' < 2 'mg' → true
        1 'mg' < 2 'g' → nothing
        1 day < 1 week → true
        telecom.rank[0] < telecom.rank[1] → true
        ",
    );
}

#[test]
fn arithmetic_is_exact() {
    check(
        &person(),
        "
        1 + 2 → 3
        0.1 + 0.2 → 0.3
        1 - 0.9 → 0.1
        2147483647 + 1 → nothing
        7 / 2 → 3.5
        1 / 3 → 0.33333333333333333
        1 / 0 → nothing
        7 div 2 → 3
        -7 div 2 → -3
        7.5 div 2 → 3
        7 div 0 → nothing
        7 mod 3 → 1
        -7 mod 3 → -1
        7.5 mod 2 → 1.5
        7 mod 0 → nothing
        2.5 * 4 → 10.0
        99999999999999999999 * 99999999999999999999 → nothing
        {} + 1 → nothing
        (1 | 2) + 1 → error
        'a' + 'b' → \"ab\"
        'a' + {} → nothing
        'a' & {} → \"a\"
        {} & {} → \"\"
        'a' & 1 → error
        birthDate & 'a' → error
        'a' + 1 → error
        'a' - 'b' → error
        name & 'a' → error
        -multipleBirth → -2
        -{} → nothing
        -'a' → error
        1 'mg' + 2 'mg' → {\"value\":3,\"code\":\"mg\"}
        1 'mg' + 2 'g' → nothing
        4 'mg' * 2 → {\"value\":8,\"code\":\"mg\"}
        2 * 4 'mg' → {\"value\":8,\"code\":\"mg\"}
        4 'mg' / 2 'mg' → {\"value\":2,\"code\":\"1\"}
        ",
    );
}

#[test]
fn dates_move_by_calendar_units() {
    check(
        &person(),
        r#"
        @2020-01-31 + 1 month → "2020-02-29"
        @2020-02-29 + 1 year → "2021-02-28"
        @2020-02-29 - 1 day → "2020-02-28"
        @2020-12-31 + 1 week → "2021-01-07"
        @2020 + 24 months → "2022"
        @2020-01 + 1 month → "2020-02"
        @2020 + 366 days → "2021"
        @2020-01-01T23:30:00Z + 1 hour → "2020-01-02T00:30:00Z"
        @2020-01-01T10:00:00.000Z + 1500 milliseconds → "2020-01-01T10:00:01.500Z"
        @2020-01-01T10:00Z + 1.5 seconds → "2020-01-01T10:00Z"
        @T23:30 + 1 hour → "00:30"
        @T00:10:00 - 20 minutes → "23:50:00"
        birthDate + 30 days → "1957-04-06"
        @2020-01-01 + 1 'd' → "2020-01-02"
        @2020-01-01 + 1 'mo' → error
        @2020-01-01 + 1 'mg' → error
        @2020-01-01 * 2 days → error
        @2020-01-01 + 1 → error
        @9999-12-31 + 1 day → nothing
        @2020-01-01 + 2147483647 years → nothing
        "#,
    );
}

#[test]
fn membership_asks_one_item() {
    check(
        &person(),
        "
        1 in (1 | 2) → true
        3 in (1 | 2) → false
        {} in (1 | 2) → nothing
        1 in {} → false
        (1 | 2) in (1 | 2) → error
        (1 | 2) contains 2 → true
        (1 | 2) contains 3 → false
        (1 | 2) contains {} → nothing
        (1 | 2 | 3) contains (1 | 2) → true
        (1 | 2) contains (1 | 3) → false
        {} contains 1 → false
        gender in ('male' | 'female') → true
        name.given contains 'Kaja' → true
        (1 | 1 | 2).count() → 2
        (name.given | name.given).count() → 3
        (1 | 2 | 1) → 1, 2
        ",
    );
}

#[test]
fn types_are_asked_and_chosen() {
    check(
        &person(),
        r#"
        Patient is Patient → true
        $this is DomainResource → true
        $this.is(FHIR.Resource) → true
        $this is Practitioner → false
        {} is Patient → nothing
        gender is code → true
        gender is string → true
        gender.ofType(string) → nothing
        gender.ofType(code) → "female"
        gender.as(Code) → "female"
        active is boolean → true
        active is Boolean → false
        active is System.Boolean → false
        true is Boolean → true
        true is System.Boolean → true
        true is boolean → false
        1 is Integer → true
        1.0 is Decimal → true
        'a' is String → true
        @2020 is Date → true
        @2020-01-01T10:00 is DateTime → true
        @T10 is Time → true
        4 days is Quantity → true
        1 is FHIR.integer → false
        (1 | 'a' | true).ofType(Integer) → 1
        name.as(HumanName).count() → 2
        name as Address → nothing
        name.as(Nonsense) → error
        name.given.ofType(string).count() → 3
        multipleBirth.ofType(integer) → 2
        multipleBirth.type().name → "integer"
        1.type().namespace → "System"
        $this.type() → {"namespace":"FHIR","name":"Patient"}
        "#,
    );
}
