//! Any bytes as a foreign Bundle: refused, or converted, never a panic, and soon. What is converted
//! is said of each entry once, and a report never repeats a name or a number of the person.

#![no_main]

use std::collections::BTreeMap;

use frist::deadlines::GroupTable;
use frist::fhir::{Id, Version, json};
use frist::intake::{
    IntakeContext, IntakeOptions, IntakeOutcome, IntakeReport, KnownParties, KnownResource, Stands,
    convert, intake_provenance, understand,
};
use jiff::civil::date;
use libfuzzer_sys::fuzz_target;
use within::within_time;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = json::parse(bytes) else {
        return;
    };
    let options = IntakeOptions {
        takes_referral_draft: true,
    };
    let Ok(statement) = within_time(|| understand(&value, options)) else {
        return;
    };
    let Some(new_person) = Id::parse("new") else {
        return;
    };
    let refused = BTreeMap::new();
    let context = IntakeContext {
        today: date(2027, 12, 31),
        groups: GroupTable::shipped(),
        new_person,
        is_practice: &|_, _| false,
        refused: &refused,
    };
    let mut known = KnownParties::default();
    // Twice: what is proposed for an empty store is then stored.
    for _ in 0..2 {
        let conversion = within_time(|| convert(&statement, &known, &context));
        let mut stands = BTreeMap::new();
        for proposal in &conversion.proposals {
            let now = frist::fhir::start_of_day(context.today);
            let version = Version::after(None);
            intake_provenance(&statement, &conversion, proposal, version, now);
            let outcome = IntakeOutcome::Created;
            let version = Some(version);
            let is_new = stands.insert(proposal.key.clone(), Stands { outcome, version });
            assert!(is_new.is_none(), "one resource is proposed twice");
        }
        let report = IntakeReport::of(&statement, &conversion, &stands);
        assert_eq!(report.entries.len(), statement.bundle.entries.len());
        report.to_parameters();
        known = KnownParties::default();
        for proposal in conversion.proposals {
            let stored = KnownResource {
                key: proposal.key,
                content: proposal.content,
            };
            match stored.key.resource_type.as_str() {
                "Patient" => known.patient = Some(stored),
                "Organization" => known.organizations.push(stored),
                _ => {
                    known.of_sender.insert(stored.key.clone());
                    known.of_person.push(stored);
                }
            }
        }
    }
});
