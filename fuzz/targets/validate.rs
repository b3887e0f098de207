//! Any bytes as a resource that is written: findings, never a panic, and soon.

#![no_main]

use std::sync::LazyLock;

use frist::fhir::issue::ISSUES_MAX;
use frist::fhir::{Resource, json};
use frist::validation::{CheckContext, Validator, check, person_references};
use jiff::civil::date;
use libfuzzer_sys::fuzz_target;
use within::within_time;

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| frist::app::packages::validator(&[]).expect("the guide's package is whole"));

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = json::parse(bytes) else {
        return;
    };
    let Ok(resource) = Resource::from_value(value.clone()) else {
        let found = within_time(|| VALIDATOR.check(&value, &[]));
        return assert!(found.iter().any(|finding| finding.refuses()));
    };
    let context = CheckContext {
        validator: &VALIDATOR,
        profiles: &[],
        now: frist::fhir::start_of_day(date(2027, 12, 31)),
        why_no_group: &|_| None,
    };
    let found = within_time(|| check(&resource, &context));
    assert!(found.len() <= ISSUES_MAX + 2);
    person_references(&value);
});
