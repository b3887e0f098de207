//! What each operator and function gives, on no item, one and several.

use serde_json::{Value, json};

use super::check;

#[test]
fn smoke() {
    check(
        &json!({"resourceType":"Patient","active":true,"name":[{"family":"A"}]}),
        "
        1 + 2 * 3 → 7
        Patient.name.family → \"A\"
        active and name.exists() → true
    ",
    );
}
