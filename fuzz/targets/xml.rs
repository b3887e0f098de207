//! Any text as a document of FHIR XML, and as JSON to be written as one: what is read is strict JSON
//! that comes back through XML as it was.

#![no_main]

use std::sync::LazyLock;

use frist::fhir::json;
use frist::schema::Definitions;
use frist::xml::{Layout, read, write};
use libfuzzer_sys::fuzz_target;
use within::within_time;

static CORE: LazyLock<Definitions> = LazyLock::new(Definitions::core);

fuzz_target!(|text: &str| {
    let _ = within_time(|| write(&CORE, text.as_bytes(), Layout::Lines));
    match within_time(|| read(&CORE, text.as_bytes())) {
        Err(issue) => assert!(issue.text.starts_with("XML, line "), "{issue:?}"),
        Ok(read_once) => {
            json::parse(read_once.as_bytes()).expect("strict JSON");
            for layout in [Layout::Compact, Layout::Lines] {
                let written = write(&CORE, read_once.as_bytes(), layout).expect("what was read can be written");
                assert_eq!(read(&CORE, &written).as_ref(), Ok(&read_once));
            }
        }
    }
});
