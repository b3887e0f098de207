//! The results of each function on no item, on one, and on several.

use serde_json::json;

use super::check;
use super::language::person;

#[test]
fn existence() {
    check(
        &person(),
        "
        {}.empty() → true
        1.empty() → false
        name.empty() → false
        {}.exists() → false
        name.exists() → true
        name.exists(use = 'usual') → true
        name.exists(use = 'old') → false
        name.all(given.exists()) → true
        name.all(family.exists()) → false
        {}.all(false) → true
        {}.count() → 0
        name.count() → 2
        {}.allTrue() → true
        (true | false).allTrue() → false
        (true | false).anyTrue() → true
        {}.anyTrue() → false
        (true | false).allFalse() → false
        {}.allFalse() → true
        (true | false).anyFalse() → true
        {}.anyFalse() → false
        'a'.allTrue() → error
        (1 | 2).subsetOf(1 | 2 | 3) → true
        (1 | 4).subsetOf(1 | 2 | 3) → false
        {}.subsetOf(1) → true
        (1 | 2 | 3).supersetOf(1 | 2) → true
        (1 | 2).supersetOf(1 | 4) → false
        {}.supersetOf({}) → true
        telecom.system.distinct() → \"phone\"
        telecom.system.isDistinct() → false
        name.given.isDistinct() → true
        {}.isDistinct() → true
        ('abcdefghij' & 'a').toChars().distinct().count() → 10
        ",
    );
}

#[test]
fn filters_and_parts() {
    check(
        &person(),
        r#"
        {}.where(true) → nothing
        name.where(use = 'usual').given → "Kaja"
        name.where(nobody) → nothing
        name.where($index = 1).given → "Kaja"
        name.where(given) → error
        {}.select(1) → nothing
        name.select(given.first()) → "Karen", "Kaja"
        name.select(given | use).count() → 5
        {}.first() → nothing
        name.given.first() → "Karen"
        name.given.last() → "Kaja"
        name.given.tail() → "Mette", "Kaja"
        1.tail() → nothing
        name.given.skip(1) → "Mette", "Kaja"
        name.given.skip(-1).count() → 3
        name.given.take(2) → "Karen", "Mette"
        name.given.take(0) → nothing
        name.given.take(-1) → nothing
        name.given.take('a') → error
        gender.single() → "female"
        {}.single() → nothing
        name.single() → error
        (1 | 2 | 3).intersect(2 | 3 | 4) → 2, 3
        {}.intersect(1) → nothing
        (1 | 2 | 3).exclude(2) → 1, 3
        (1 | 2).exclude({}) → 1, 2
        (1 | 2).union(2 | 3) → 1, 2, 3
        (1 | 2).combine(2 | 3) → 1, 2, 2, 3
        {}.combine({}) → nothing
        telecom.rank.aggregate($this + $total, 0) → 3
        telecom.rank.aggregate(iif($total.empty(), $this, iif($this > $total, $this, $total))) → 2
        {}.aggregate($this + $total, 7) → 7
        1.repeat(iif($this < 5, $this + 1)) → 2, 3, 4, 5
        {}.repeat($this) → nothing
        1.repeat($this + 1).count() → error
        'a'.repeat($this & $this) → error
        iif(true, 1, 2) → 1
        iif(false, 1, 2) → 2
        iif({}, 1, 2) → 2
        iif(false, 1) → nothing
        iif(true, 1, 1 < 'a') → 1
        gender.iif($this = 'female', 'f', 'm') → "f"
        {}.iif(empty(), 'none', 'some') → "none"
        name.iif(true, 1) → error
        name.trace('names').count() → 2
        "#,
    );
}

#[test]
fn repeat_follows_a_tree() {
    let questionnaire = json!({"resourceType": "Questionnaire", "item": [
        {"linkId": "1", "item": [{"linkId": "1.1", "item": [{"linkId": "1.1.1"}]}]}, {"linkId": "2"}
    ]});
    check(
        &questionnaire,
        r#"
        repeat(item).linkId → "1", "2", "1.1", "1.1.1"
        descendants().linkId → "1", "2", "1.1", "1.1.1"
        item.children().linkId → "1.1"
        item.children().count() → 3
        {}.children() → nothing
        {}.descendants() → nothing
        1.children() → nothing
        "#,
    );
}

#[test]
fn text() {
    check(
        &person(),
        r#"
        'abc'.length() → 3
        'æøå'.length() → 3
        ''.length() → 0
        {}.length() → nothing
        1.length() → nothing
        birthDate.length() → nothing
        name.given.length() → nothing
        'abc'.indexOf('c') → 2
        'æbc'.indexOf('c') → 2
        'abc'.indexOf('x') → -1
        'abc'.indexOf('') → 0
        'abc'.indexOf({}) → nothing
        {}.indexOf('a') → nothing
        'abc'.substring(1) → "bc"
        'abc'.substring(1, 1) → "b"
        'abc'.substring(2, 9) → "c"
        'abc'.substring(3) → nothing
        'abc'.substring(-1) → nothing
        'abc'.substring({}) → nothing
        {}.substring(0) → nothing
        'abc'.startsWith('ab') → true
        'abc'.startsWith('') → true
        'abc'.startsWith({}) → nothing
        {}.startsWith('a') → nothing
        'abc'.startsWith('b') → false
        'abc'.endsWith('bc') → true
        'abc'.endsWith('b') → false
        {}.endsWith('b') → nothing
        name.given.endsWith('a') → false
        'abc'.contains('b') → true
        'abc'.contains('x') → false
        {}.contains('x') → nothing
        'aB'.upper() → "AB"
        'aB'.lower() → "ab"
        {}.upper() → nothing
        {}.lower() → nothing
        'abcb'.replace('b', 'x') → "axcx"
        'abc'.replace('', 'x') → "xaxbxcx"
        {}.replace('a', 'b') → nothing
        'a'.replace({}, 'b') → nothing
        name.given.replace('a', 'b') → error
        'abc'.toChars() → "a", "b", "c"
        {}.toChars() → nothing
        ' a '.trim() → "a"
        'a,b'.split(',') → "a", "b"
        ('a' | 'b').join('-') → "a-b"
        ('a' | 'b').join() → "ab"
        gender.startsWith('fem') → true
        'abc'.startsWith(1) → error
        "#,
    );
}

#[test]
fn patterns_are_found_anywhere_unless_anchored() {
    check(
        &person(),
        r#"
        'abc'.matches('b') → true
        'abc'.matches('^b') → false
        'abc'.matches('^[a-c]+$') → true
        'abc'.matchesFull('b') → false
        'abc'.matchesFull('a.c') → true
        ''.matches('.*') → false
        'a'.matches('') → false
        'a'.matches({}) → nothing
        {}.matches('a') → nothing
        name.given.matches('a') → false
        1.matches('1') → nothing
        birthDate.matches('1957') → nothing
        'a\nb'.matches('a.b') → true
        'a\n'.matches('^a$') → true
        'a\n\n'.matches('^a$') → false
        '٣'.matches('\\d') → false
        '7'.matches('^\\d$') → true
        'Ab-7F'.matches('(?i)^[0-9a-f]{2}-7f$') → true
        'Ag-7F'.matches('(?i)^[0-9a-f]{2}-7f$') → false
        'æ'.matches('^\\w$') → false
        'a b'.matches('^[\\w\\s]+$') → true
        'a]b'.matches('^[]ab]+$') → true
        'x'.matches('^[^\\d\\s]$') → true
        '0703579000'.matches('^[0-9]{10}$') → true
        'ab'.matches(gender) → false
        'ab'.matches('(' & 'a') → error
        'abc'.replaceMatches('[bc]', 'x') → "axx"
        'abc'.replaceMatches('(b)(c)', '$2$1') → "acb"
        'abc'.replaceMatches('b', '\\$') → "a$c"
        'abc'.replaceMatches('', 'x') → "abc"
        'a.b.c'.replaceMatches('\\..*','') → "a"
        {}.replaceMatches('a', 'b') → nothing
        'a'.replaceMatches('a', {}) → nothing
        "#,
    );
}

#[test]
fn numbers() {
    check(
        &person(),
        "
        (-5).abs() → 5
        (-5.50).abs() → 5.50
        (-5 'mg').abs() → {\"value\":5,\"code\":\"mg\"}
        1.1.ceiling() → 2
        (-1.1).ceiling() → -1
        1.9.floor() → 1
        (-1.1).floor() → -2
        (-1.9).truncate() → -1
        3.14159.round(3) → 3.142
        2.5.round() → 3
        (-2.5).round() → -3
        1.round(2) → 1
        1.5.round(-1) → error
        0.exp() → 1
        1.ln() → 0
        (-1).ln() → nothing
        100.log(10) → 2
        2.power(10) → 1024
        2.power(0.5).round(4) → 1.4142
        2.power(-1) → 0.5
        (-1).power(0.5) → nothing
        81.sqrt() → 9
        (-1).sqrt() → nothing
        {}.abs() → nothing
        {}.round() → nothing
        {}.power(2) → nothing
        2.power({}) → nothing
        'a'.abs() → error
        (1 | 2).sqrt() → error
        ",
    );
}

#[test]
fn conversions() {
    check(
        &person(),
        r#"
        'true'.toBoolean() → true
        'N'.toBoolean() → false
        1.toBoolean() → true
        2.toBoolean() → nothing
        0.0.toBoolean() → false
        {}.toBoolean() → nothing
        'a'.convertsToBoolean() → false
        {}.convertsToBoolean() → nothing
        '42'.toInteger() → 42
        '4.2'.toInteger() → nothing
        '4000000000'.toInteger() → nothing
        true.toInteger() → 1
        '7'.convertsToInteger() → true
        name.toInteger() → error
        '4.20'.toDecimal() → 4.20
        '4e2'.toDecimal() → nothing
        1.toDecimal() → 1
        'a'.convertsToDecimal() → false
        1.50.toString() → "1.50"
        true.toString() → "true"
        birthDate.toString() → "1957-03-07"
        (4 days).toString() → "4 day"
        (4 'mg').toString() → "4 'mg'"
        name[0].toString() → nothing
        name.toString() → error
        1.convertsToString() → true
        '2020-01'.toDate() → "2020-01"
        '2020-13'.toDate() → nothing
        @2020-01-01T10:00.toDate() → "2020-01-01"
        '2020-01-01T10:00:00Z'.toDateTime() → "2020-01-01T10:00:00Z"
        @2020-01-01.toDateTime() → "2020-01-01"
        'x'.convertsToDateTime() → false
        '2020'.convertsToDate() → true
        '10:30'.toTime() → "10:30"
        'T10:30'.toTime() → "10:30"
        '25:00'.convertsToTime() → false
        '4 days'.toQuantity() → {"value":4,"unit":"day"}
        '4.5 \'mg\''.toQuantity() → {"value":4.5,"code":"mg"}
        '4 dags'.convertsToQuantity() → false
        4.toQuantity() → {"value":4,"code":"1"}
        '4 \'mg\''.toQuantity('g') → nothing
        "#,
    );
}

#[test]
fn additions_of_fhir() {
    check(
        &person(),
        r#"
        gender.hasValue() → true
        {}.hasValue() → false
        name.hasValue() → false
        name[0].hasValue() → false
        gender.getValue() → "female"
        name[0].getValue() → nothing
        gender.value → "female"
        generalPractitioner.resolve().name → "Clinic"
        generalPractitioner.resolve().ofType(Organization).id → "gp"
        '#gp'.resolve().id → "gp"
        '#other'.resolve() → nothing
        {}.resolve() → nothing
        gender.extension('http://x') → nothing
        gender.extension({}) → nothing
        gender.memberOf('http://v') → nothing
        {}.memberOf('http://v') → nothing
        'a'.memberOf('http://v') → nothing
        1.memberOf('http://v') → error
        htmlChecks() → true
        "#,
    );
}
