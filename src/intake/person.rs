//! The person of a foreign Bundle: made of what the Patient says, or completed; what is stored is
//! never overwritten (intake, section 3).

use serde_json::{Value, json};

use super::known::KnownResource;
use super::words::IntakeReason;
use crate::fhir::view::{identifiers, items};
use crate::fhir::{FhirDate, Id, ResourceKey, ResourceType, names};
use jiff::civil::Date;

/// A person as it will be here.
pub(super) struct Person {
    /// The key of the Patient.
    pub(super) key: ResourceKey,
    /// Its content.
    pub(super) content: Value,
    /// The parts of the statement that differ from what is stored.
    pub(super) differences: Vec<IntakeReason>,
}

/// The parts of a person that a format may say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PersonParts {
    /// All that is stored of a person.
    All,
    /// The general practice and the death: the profiles refused the rest.
    Rest,
    /// The general practice alone.
    Practice,
    /// The death alone.
    Death,
}

/// Makes or completes a person of the Patient that was sent. `practice` is the reference to the
/// general practice, if the statement says which it is.
pub(super) fn completed(
    stored: Option<&KnownResource>,
    sent: &Value,
    practice: Option<Value>,
    parts: PersonParts,
    new_id: &Id,
    today: Date,
) -> Person {
    let key = stored.map_or_else(
        || ResourceKey::new(ResourceType::Patient, new_id.clone()),
        |stored| stored.key.clone(),
    );
    let new = || json!({ "resourceType": "Patient", "id": key.id.as_str() });
    let mut content = stored.map_or_else(new, |stored| stored.content.clone());
    let mut differences = Vec::new();
    if parts == PersonParts::All && complete_demographics(&mut content, sent) {
        differences.push(IntakeReason::PersonDiffers);
    }
    if parts != PersonParts::Practice {
        complete_death(&mut content, sent, today);
    }
    if let Some(practice) = practice {
        let stored: Vec<&Value> = items(&content["generalPractitioner"]).collect();
        if stored.is_empty() {
            content["generalPractitioner"] = json!([practice]);
        } else if !stored
            .iter()
            .any(|own| own["reference"] == practice["reference"])
        {
            differences.push(IntakeReason::OtherPractice);
        }
    }
    Person {
        key,
        content,
        differences,
    }
}

/// Adds the identifiers, name, birth date and gender that are not stored; tells whether one that is
/// stored differs.
fn complete_demographics(content: &mut Value, sent: &Value) -> bool {
    let mut is_other = false;
    for (system, value) in identifiers(sent) {
        let is_of_person = system == names::CPR || names::is_ecpr_system(system);
        let known: Vec<&str> = identifiers(content)
            .filter(|(known, _)| *known == system)
            .map(|(_, known)| known)
            .collect();
        if !is_of_person || known.contains(&value) {
            continue;
        }
        if known.is_empty() {
            let element = json!({ "use": use_of(system), "system": system, "value": value });
            match &mut content["identifier"] {
                Value::Array(all) => all.push(element),
                other => *other = json!([element]),
            }
        } else {
            is_other = true;
        }
    }
    if let Some(name) = official_name(sent) {
        match official_name(content) {
            Some(known) => is_other |= !is_same_name(&known, &name),
            None => match &mut content["name"] {
                Value::Array(all) => all.push(name),
                other => *other = json!([name]),
            },
        }
    }
    for element in ["gender", "birthDate"] {
        if sent[element].is_string() {
            if content[element].is_null() {
                content[element] = sent[element].clone();
            } else {
                is_other |= content[element] != sent[element];
            }
        }
    }
    is_other
}

/// Returns the use that the profiles fix for identifiers of a system.
fn use_of(system: &str) -> &'static str {
    if system == names::CPR {
        "official"
    } else {
        "temp"
    }
}

/// Returns the official name, limited to its parts; none without a family name.
fn official_name(patient: &Value) -> Option<Value> {
    let mut names = items(&patient["name"]);
    let name = names.find(|name| name["use"] == "official" && name["family"].is_string())?;
    let mut official = json!({ "use": "official", "family": name["family"] });
    if name["given"].is_array() {
        official["given"] = name["given"].clone();
    }
    Some(official)
}

fn is_same_name(left: &Value, right: &Value) -> bool {
    let folded = |name: &Value| {
        let given = items(&name["given"]).filter_map(Value::as_str);
        let parts: Vec<&str> = given.chain(name["family"].as_str()).collect();
        let words = parts.join(" ").to_lowercase();
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    folded(left) == folded(right)
}

/// Adds a death that is not stored. `deceasedBoolean` false says nothing; of a day that is not
/// known the death alone is.
fn complete_death(content: &mut Value, sent: &Value, today: Date) {
    let death = sent["deceasedDateTime"].as_str();
    let told = death.and_then(FhirDate::parse);
    let day = told.and_then(FhirDate::date);
    let is_dated = day.is_some_and(|day| day.year() >= 1900 && day <= today);
    let is_undated = sent["deceasedBoolean"] == true
        || match told {
            Some(FhirDate::Year(year)) => (1900..=today.year()).contains(&year),
            Some(FhirDate::Month(year, month)) => {
                year >= 1900 && (year, month) <= (today.year(), today.month())
            }
            _ => false,
        };
    let knows_day = content["deceasedDateTime"].is_string();
    let knows_death = knows_day || content["deceasedBoolean"] == true;
    if is_dated && !knows_day {
        if let Some(members) = content.as_object_mut() {
            members.remove("deceasedBoolean");
        }
        content["deceasedDateTime"] = sent["deceasedDateTime"].clone();
    } else if is_undated && !knows_death {
        content["deceasedBoolean"] = Value::Bool(true);
    }
}
