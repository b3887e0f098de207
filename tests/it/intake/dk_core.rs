//! Everything that is stored of foreign Bundles is valid by the Danish core profiles.

use std::io::Write as _;
use std::path::PathBuf;

use frist::schema::{Definitions, Package};
use frist::validation::Validator;

use super::{NOW, diagnosis, document, kl_119, take};
use crate::support::facade::Facade;
use crate::support::people::practice;

const PROFILES: [(&str, &str); 5] = [
    ("Patient", "dk-core-patient"),
    ("Organization", "dk-core-organization"),
    ("Condition", "dk-core-condition"),
    ("ServiceRequest", "dk-core-person-servicerequest"),
    ("Encounter", "dk-core-encounter"),
];

#[test]
fn what_is_stored_is_valid_by_dk_core() {
    let Some(package) = std::env::var_os("FRIST_DK_CORE").map(PathBuf::from) else {
        // Past the test harness, which keeps what a passing test prints to itself.
        let text = "SKIPPED: FRIST_DK_CORE does not name the package hl7.fhir.dk.core";
        writeln!(std::io::stderr(), "{text}").unwrap();
        return;
    };
    let guide = Definitions::core().with(&Package::guide()).unwrap();
    let package = Package::read_tgz(&std::fs::read(package).unwrap()).unwrap();
    let facade = Facade::with_validator(NOW, Validator::new(guide.with(&package).unwrap()));
    facade.put_ok(&practice("gp"));
    let diagnoses = [diagnosis("c", "DJ449", "2027-02-21")];
    take(
        &facade,
        &document(1, "2027-02-22T10:00:00+01:00", &diagnoses),
    );
    take(&facade, &kl_119::whole_report());
    for (kind, profile) in PROFILES {
        let stored = facade.get(kind).resources();
        assert!(!stored.is_empty(), "{kind}");
        for resource in stored {
            let path = format!(
                "{kind}/$validate?profile=http://hl7.dk/fhir/core/StructureDefinition/{profile}"
            );
            let reply = facade.send("POST", &path, &[], resource.to_string());
            let errors = reply
                .issues()
                .into_iter()
                .filter(|issue| issue.starts_with("error"));
            assert_eq!(errors.count(), 0, "{kind}: {}", reply.text);
        }
    }
}
