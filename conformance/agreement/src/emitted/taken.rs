//! What `$intake` stores of each format that it takes: of Bundles of our own making, and of those that
//! MedCom has published, if variables of the environment name its packages.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::server::Server;
use crate::line::Line;
use crate::sources;

/// The types that are stored: each must be among what is judged, or the run proves less than it seems to.
const STORED: &[&str] = &[
    "Patient",
    "Organization",
    "Condition",
    "ServiceRequest",
    "CarePlan",
    "Encounter",
    "Appointment",
    "Provenance",
];
/// The formats whose Bundles are taken.
const FORMATS: &[&str] = &[
    "conditionlist",
    "kl-119",
    "fut",
    "referral",
    "hospital-notification",
];
/// The variables that name packages with published Bundles, and how many each has.
const PUBLISHED: [(&str, usize); 2] = [
    ("FRIST_MEDCOM_CONDITIONLIST", 7),
    ("FRIST_MEDCOM_HOSPITALNOTIFICATION", 12),
];
/// The person of the published notifications: a death is only taken for who is stored.
const PERSON_OF_NOTIFICATIONS: &str = "2509479989";

/// Collects the reports of the server, and the resources that it then holds, each against the profiles of
/// the project and the Danish one with which it complies.
pub(super) fn collect(server: &Server) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    let person = person_of_notifications();
    let answer = server.ask("PUT", "/Patient/stored", &[], &person.to_string())?;
    if answer.status != 201 {
        return Err(format!("Patient/stored: {} {}", answer.status, answer.body));
    }
    let mut formats = Vec::new();
    for (name, bundle) in bundles()? {
        let answer = server.ask("POST", "/$intake", &[], &bundle)?;
        let report: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        if answer.status != 200 {
            return Err(format!(
                "{name} is refused: {} {}",
                answer.status, answer.body
            ));
        }
        formats.extend(
            report["parameter"][0]["valueCode"]
                .as_str()
                .map(str::to_owned),
        );
        lines.push(Line {
            name: format!("taken/report/{name}"),
            profiles: Vec::new(),
            resource: answer.body,
        });
    }
    if let Some(missing) = FORMATS
        .iter()
        .find(|format| !formats.iter().any(|one| one == *format))
    {
        return Err(format!("no Bundle of the format {missing} was taken"));
    }
    let is_danish = sources::danish_package()?.is_some();
    for kind in STORED {
        let before = lines.len();
        for page in server.pages(&format!("/{kind}?_count=50"), usize::MAX)? {
            for entry in page["entry"].as_array().into_iter().flatten() {
                let resource = &entry["resource"];
                let danish = sources::danish_profile(resource).filter(|_| is_danish);
                let own = sources::own_profiles(resource).into_iter();
                lines.push(Line {
                    name: format!("taken/{kind}/{}", lines.len() - before),
                    profiles: own.chain(danish).collect(),
                    resource: resource.to_string(),
                });
            }
        }
        if lines.len() == before {
            return Err(format!("$intake has stored no {kind}"));
        }
    }
    Ok(lines)
}

fn person_of_notifications() -> Value {
    json!({ "resourceType": "Patient", "id": "stored", "name": [{ "use": "official", "family": "Test", "given": ["Stored"] }],
        "identifier": [{ "use": "official", "system": "urn:oid:1.2.208.176.1.2", "value": PERSON_OF_NOTIFICATIONS }] })
}

/// Returns the Bundles, by name.
fn bundles() -> Result<Vec<(String, String)>, String> {
    let mut bundles = Vec::new();
    for (variable, count) in PUBLISHED {
        let Some(file) = std::env::var_os(variable).map(PathBuf::from) else {
            eprintln!("{variable} names no file: the Bundles of that package are left out");
            continue;
        };
        let published = sources::package_examples(&file)?.into_iter();
        let published: Vec<_> = published
            .filter(|(_, text)| {
                let resource: Value = serde_json::from_str(text).unwrap_or_default();
                resource["resourceType"] == "Bundle"
            })
            .collect();
        if published.len() != count {
            return Err(format!(
                "{variable}: expected {count} Bundles, found {}",
                published.len()
            ));
        }
        bundles.extend(published);
    }
    bundles.extend(sources::foreign_bundles()?);
    Ok(bundles)
}
