//! Any text as the XHTML of a narrative.

#![no_main]

use frist::validation::narrative;
use libfuzzer_sys::fuzz_target;
use within::within_time;

fuzz_target!(|text: &str| {
    let is_allowed = within_time(|| narrative::is_allowed(text));
    let mut refuses = false;
    narrative::check(text, &|_| true, &mut |severity, _, _, what| {
        refuses |= severity <= frist::fhir::Severity::Error;
        assert!(!what.is_empty());
    });
    assert_eq!(is_allowed, !refuses);
});
