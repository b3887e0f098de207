//! The codes of the draft for referrals, as data (`profiles/intake/referral-draft.json`), in the words
//! of the packages.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::kl_119::codes::{FSIII, Intervention, intervention, is_prevention};
use crate::deadlines::Group;
use crate::fhir::names;
use crate::fhir::view::{codings, items};

/// The name of the extension that tells the course of a package, whatever its address.
const PACKAGE_COURSE: &str = "packagecourse";

/// The tables, each word in lower case.
static TABLES: LazyLock<ReferralTables> = LazyLock::new(|| {
    let text = include_str!("../../profiles/intake/referral-draft.json");
    let table = crate::fhir::json::parse(text.as_bytes()).unwrap_or_default();
    let plain = |name: &str| -> BTreeMap<String, String> {
        let members = table[name].as_object().into_iter().flatten();
        members
            .filter_map(|(from, to)| Some((from.clone(), to.as_str()?.to_owned())))
            .collect()
    };
    let inverse = |name: &str| -> BTreeMap<String, String> {
        let members = table[name].as_object().into_iter().flatten();
        members
            .flat_map(|(to, words)| {
                let words = items(words).filter_map(Value::as_str);
                words.map(move |word| (word.to_lowercase(), to.clone()))
            })
            .collect()
    };
    ReferralTables {
        package_courses: inverse("packageCourses"),
        priorities: plain("priorities"),
        statuses: plain("statuses"),
        tasks: inverse("tasks"),
        refusals: inverse("refusals"),
    }
});

struct ReferralTables {
    package_courses: BTreeMap<String, String>,
    priorities: BTreeMap<String, String>,
    statuses: BTreeMap<String, String>,
    tasks: BTreeMap<String, String>,
    refusals: BTreeMap<String, String>,
}

/// Returns a priority that a referral may have.
pub(super) fn priority(sent: &str) -> &str {
    TABLES.priorities.get(sent).map_or(sent, String::as_str)
}

/// Returns a status of R4.
pub(super) fn status(sent: &str) -> &str {
    TABLES.statuses.get(sent).map_or(sent, String::as_str)
}

/// Tells whether a Task says that the receiver refuses the referral.
pub(super) fn is_refusal(task: &Value) -> bool {
    words_of(&task["code"]).any(|word| {
        TABLES
            .tasks
            .get(&word)
            .is_some_and(|kind| kind == "refused")
    })
}

/// Returns the reason of a refusal, a code of `kp-status-reason`; none if none is said.
pub(super) fn refusal_reason(sent: &Value) -> Option<&'static str> {
    words_of(sent).find_map(|word| TABLES.refusals.get(&word).map(String::as_str))
}

/// Returns the group that the extension for the course of a package names.
pub(super) fn package_course(request: &Value) -> Option<Group> {
    let is_it = |extension: &&Value| {
        let url = extension["url"].as_str().unwrap_or_default();
        let name = url.rsplit('/').next().unwrap_or_default();
        let name: String = name
            .chars()
            .filter(|letter| letter.is_alphanumeric())
            .collect();
        name.to_lowercase().ends_with(PACKAGE_COURSE)
    };
    let courses = items(&request["extension"]).filter(is_it);
    let words = courses.flat_map(|course| {
        let coding = json!({ "coding": [course["valueCoding"]] });
        let simple = ["valueCode", "valueString"].map(|name| course[name].as_str());
        let simple = simple.into_iter().flatten().map(str::to_lowercase);
        let words: Vec<String> = words_of(&course["valueCodeableConcept"])
            .chain(words_of(&coding))
            .chain(simple)
            .collect();
        words
    });
    words
        .filter_map(|word| TABLES.package_courses.get(&word))
        .find_map(|code| Group::from_code(code))
}

/// Returns the code of a referral to prevention: our own first, what was sent beside it; none if it
/// is not known as one.
pub(super) fn prevention(concept: &Value) -> Option<Value> {
    let is_own = |(system, _): (&str, &str)| system == names::CS_PREVENTION_OFFER;
    if is_prevention(concept) || codings(concept).any(is_own) {
        return Some(concept.clone());
    }
    let offer = codings(concept).find_map(|(system, code)| match intervention(code) {
        Intervention::Offer(offer) if system == FSIII => Some(offer),
        _ => None,
    })?;
    let own = json!({ "system": names::CS_PREVENTION_OFFER, "code": offer });
    let mut made = concept.clone();
    made["coding"] = std::iter::once(own)
        .chain(items(&concept["coding"]).cloned())
        .collect();
    Some(made)
}

/// Returns the codes, displays and text of a concept, in lower case.
fn words_of(concept: &Value) -> impl Iterator<Item = String> {
    let codings =
        items(&concept["coding"]).flat_map(|coding| [&coding["code"], &coding["display"]]);
    let texts = codings.chain([&concept["text"]]);
    texts.filter_map(|text| Some(text.as_str()?.trim().to_lowercase()))
}
