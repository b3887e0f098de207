//! ConditionList documents of MedCom: the list of diagnoses that a general practice publishes of a
//! person (intake, section 4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::content::{
    all_identifiers, derived_id, keep_own_extensions, take_over, take_over_choice,
};
use super::conversion::Converting;
use super::foreign::ForeignBundle;
use super::organization::SentOrganization;
use super::recognition::IntakeFormat;
use super::refusal::{IntakeRefusal, RefusalKey};
use super::same_diagnosis::{Listed, recognise, taken_code};
use super::statement::{Statement, all_about, identifier_of, instant_of, only_person};
use super::words::IntakeReason;
use crate::deadlines::Group;
use crate::fhir::view::{codings, extensions, has_coding, items};
use crate::fhir::{FhirDate, ResourceType, Terminology, names};

/// SNOMED CT, in `category`: the condition is over.
const RESOLVED: &str = "723506003";
/// SNOMED CT, in `category`: the condition is current.
const CURRENT: &str = "15240007";
const CLINICAL_STATUS: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
/// The terminologies of municipal records (FSIII, FFB): their conditions are of no group.
const MUNICIPAL: [&str; 2] = ["urn:oid:1.2.208.176.2.21", "urn:oid:1.2.208.176.2.22"];

/// The names of the groups in lower case, which are only a hint.
static GROUP_NAMES: LazyLock<BTreeMap<String, Group>> = LazyLock::new(|| {
    let table = include_str!("../../profiles/intake/group-names.json");
    let table = crate::fhir::json::parse(table.as_bytes()).unwrap_or_default();
    let names = Group::ALL.iter().flat_map(|group| {
        let names = items(&table[group.code()]).filter_map(Value::as_str);
        names
            .map(|name| (name.to_lowercase(), *group))
            .collect::<Vec<_>>()
    });
    names.collect()
});

/// Understands the frame of a document.
///
/// # Errors
/// The reason for which all of it is refused.
pub(super) fn statement(bundle: ForeignBundle<'_>) -> Result<Statement<'_>, IntakeRefusal> {
    let person = only_person(&bundle, false)?;
    all_about(&bundle, person)?;
    let composition = bundle.entries[0].resource;
    if !matches!(composition["status"].as_str(), Some("final" | "amended")) {
        return Err(IntakeRefusal::of(RefusalKey::DocumentStatus));
    }
    let author = author(&bundle).map(|at| SentOrganization::read(bundle.entries[at].resource));
    let author = author.filter(SentOrganization::is_identified);
    let author = author.ok_or_else(|| IntakeRefusal::of(RefusalKey::DocumentAuthor))?;
    let instant = instant_of(&[&composition["date"], &bundle.value["timestamp"]])
        .ok_or_else(|| IntakeRefusal::of(RefusalKey::BundleForm))?;
    let made_up = || {
        let id = bundle.value["id"].as_str().unwrap_or_default();
        let format = IntakeFormat::ConditionList.code();
        let value = format!("urn:{format}|{}|{id}|{}", author.number(), instant.0);
        (names::URI_SYSTEM.to_owned(), value)
    };
    Ok(Statement {
        source: identifier_of(bundle.value).unwrap_or_else(made_up),
        format: IntakeFormat::ConditionList,
        person,
        sender: Some(author),
        instant: Some(instant),
        of_person: &[ResourceType::Condition],
        is_whole_list: true,
        bundle,
    })
}

/// Finds the one Organization among the authors.
fn author(bundle: &ForeignBundle<'_>) -> Option<usize> {
    let named = items(&bundle.entries[0].resource["author"]);
    let named = named.filter_map(|author| bundle.resolve(author));
    let named: BTreeSet<usize> = named
        .filter(|at| bundle.entries[*at].type_name() == "Organization")
        .collect();
    let only = named.first().copied();
    only.filter(|_| named.len() == 1)
}

/// Converts the list.
pub(super) fn convert(work: &mut Converting<'_>) {
    let author = author(&work.statement.bundle).unwrap_or_default();
    if !work.is_open(author) {
        return work.leave_out_all(IntakeReason::NotUnderstood);
    }
    let Some(sent) = work.statement.sender.clone() else {
        return;
    };
    let practice = work.matched(&sent);
    let is_practice = practice
        .as_ref()
        .is_some_and(|practice| practice.is_practice(work.context, &Value::Null));
    let practice = practice.map_or_else(
        || derived_id(&format!("organization|{}", sent.number())),
        |practice| practice.key.id,
    );
    let mut listed = Vec::new();
    let mut odd = Vec::new();
    let bundle = &work.statement.bundle;
    let conditions: Vec<usize> = bundle.of_type("Condition").map(|(at, _)| at).collect();
    for at in conditions {
        let condition = work.statement.bundle.entries[at].resource;
        let group = if work.is_open(at) {
            group_of(work, at, condition)
        } else {
            None
        };
        match group {
            Some(group) => listed.push(Listed::new(work, &practice, at, condition, group)),
            None => odd.push(condition),
        }
    }
    recognise(work, &practice, &mut listed, &odd);
    for diagnosis in &listed {
        take(work, diagnosis);
    }
    // The practice is stored where something names it: what it says does, by its Provenance.
    if is_practice && listed.iter().any(|listed| work.is_proposed(&listed.key)) {
        work.practice = work.organization(&sent);
    }
}

/// Finds the group of a diagnosis, or decides why it is not taken.
fn group_of(work: &mut Converting<'_>, at: usize, condition: &Value) -> Option<Group> {
    let group = work.context.groups.groups_of_condition(condition);
    let Some(group) = group.first().copied() else {
        without_group(work, at, condition);
        return None;
    };
    let asserted = extensions(condition, names::CONDITION_ASSERTED_DATE)
        .map(|extension| &extension["valueDateTime"]);
    let mut dates = std::iter::once(&condition["recordedDate"]).chain(asserted);
    if !dates.all(|date| is_full(work, date)) {
        work.needs(
            at,
            IntakeReason::DiagnosisDate,
            "Condition.recordedDate (and condition-assertedDate, if it is there): expected a full date from 1900 to today, such as 2027-03-01",
        );
        return None;
    }
    Some(group)
}

fn is_full(work: &Converting<'_>, date: &Value) -> bool {
    let date = date.as_str().and_then(FhirDate::parse);
    let day = date.and_then(FhirDate::date);
    day.is_some_and(|day| day.year() >= 1900 && day <= work.context.today)
}

/// Decides about a diagnosis of no group.
pub(super) fn without_group(work: &mut Converting<'_>, at: usize, condition: &Value) {
    let code = &condition["code"];
    let is_known =
        |system: &str| Terminology::of_system(system).is_some() || MUNICIPAL.contains(&system);
    if codings(code).any(|(system, _)| is_known(system)) {
        return work.leave_out(at, IntakeReason::OtherDiagnosis);
    }
    if codings(code).next().is_some() {
        return work.needs(
            at,
            IntakeReason::CodeSystem,
            "Condition.code.coding.system: expected SKS, ICD-10, ICPC-2 or SNOMED CT by its address; a code is never guessed to be of a terminology",
        );
    }
    let displays = items(&code["coding"]).map(|coding| &coding["display"]);
    let texts = std::iter::once(&code["text"]).chain(displays);
    let mut texts = texts.filter_map(|text| Some(text.as_str()?.trim().to_lowercase()));
    if let Some(group) = texts.find_map(|text| GROUP_NAMES.get(&text)) {
        work.hint(at, group.code());
    }
    work.needs(
        at,
        IntakeReason::Code,
        "Condition.code.coding: expected a code of SKS, ICD-10, ICPC-2 or SNOMED CT beside or instead of the text",
    );
}

/// Takes a diagnosis of a group.
fn take(work: &mut Converting<'_>, listed: &Listed<'_>) {
    if listed.is_retracted && !listed.is_stored {
        return work.leave_out(listed.at, IntakeReason::NotConfirmed);
    }
    let mut reasons = Vec::new();
    let stored = work.known.content(&listed.key).cloned();
    let content = content(work, listed, stored.as_ref(), &mut reasons);
    work.propose(listed.at, listed.key.clone(), content, reasons);
}

fn content(
    work: &Converting<'_>,
    listed: &Listed<'_>,
    stored: Option<&Value>,
    reasons: &mut Vec<IntakeReason>,
) -> Value {
    let sent = listed.sent;
    let mut content = Map::new();
    content.insert("resourceType".into(), json!("Condition"));
    content.insert("id".into(), json!(listed.key.id.as_str()));
    let taken = [names::CONDITION_ASSERTED_DATE, names::EXT_TARGET_GROUP];
    let taken = taken.iter().flat_map(|url| extensions(sent, url));
    let taken: Vec<Value> = taken.cloned().collect();
    if !taken.is_empty() {
        content.insert("extension".into(), Value::Array(taken));
    }
    let is_postponement = |extension: &Value| extension["url"] == names::EXT_POSTPONEMENT;
    keep_own_extensions(stored, is_postponement, &mut content);
    let all = identifiers_of(sent, stored);
    if !all.is_empty() {
        content.insert("identifier".into(), Value::Array(all));
    }
    if let Some(status) = clinical_status(sent) {
        content.insert("clinicalStatus".into(), status);
    }
    let status = &sent["verificationStatus"];
    let is_said = codings(status).next().is_some() || status["text"].is_string();
    let confirmed = || {
        let coding = json!({ "system": names::CONDITION_VER_STATUS, "code": "confirmed" });
        json!({ "coding": [coding] })
    };
    if is_said {
        content.insert("verificationStatus".into(), status.clone());
    } else {
        content.insert("verificationStatus".into(), confirmed());
        reasons.push(IntakeReason::VerificationAssumed);
    }
    take_over(sent, &["category"], &mut content);
    if sent["code"].is_object() {
        content.insert("code".into(), taken_code(work, &sent["code"]));
    }
    content.insert("subject".into(), work.subject());
    take_over_choice(sent, "onset", &mut content);
    take_over_choice(sent, "abatement", &mut content);
    take_over(sent, &["recordedDate"], &mut content);
    Value::Object(content)
}

/// Returns the clinical status as it was sent, or as the category or an end says it. One that was
/// entered in error has none.
fn clinical_status(sent: &Value) -> Option<Value> {
    let status = &sent["verificationStatus"];
    if has_coding(status, names::CONDITION_VER_STATUS, "entered-in-error") {
        return None;
    }
    if sent["clinicalStatus"].is_object() {
        return Some(sent["clinicalStatus"].clone());
    }
    let has = |code: &str| has_coding(&sent["category"], names::SNOMED_CT, code);
    let mut ends = Map::new();
    take_over_choice(sent, "abatement", &mut ends);
    let code = if has(RESOLVED) || !ends.is_empty() {
        "resolved"
    } else if has(CURRENT) {
        "active"
    } else {
        return None;
    };
    Some(json!({ "coding": [{ "system": CLINICAL_STATUS, "code": code }] }))
}

/// Returns the identifiers: those that were sent, and the stored ones of other systems.
fn identifiers_of(sent: &Value, stored: Option<&Value>) -> Vec<Value> {
    let sent: Vec<Value> = items(&sent["identifier"]).cloned().collect();
    let others = stored.map_or(&Value::Null, |stored| &stored["identifier"]);
    let is_other = |known: &&Value| sent.iter().all(|sent| sent["system"] != known["system"]);
    let others: Vec<Value> = items(others).filter(is_other).cloned().collect();
    all_identifiers(Some(&json!({ "identifier": others })), &sent)
}
