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
use super::statement::{Statement, all_about, identifier_of, instant_of, only_person};
use super::words::IntakeReason;
use crate::deadlines::Group;
use crate::fhir::view::{codings, extensions, has_coding, identifiers, items};
use crate::fhir::{FhirDate, Id, ResourceKey, ResourceType, Terminology, names};

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

/// A diagnosis of a group, as it stands in the list.
struct Listed<'a> {
    at: usize,
    sent: &'a Value,
    group: Group,
    is_retracted: bool,
    key: ResourceKey,
    is_stored: bool,
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
    let Some(practice) = sent.matched(&work.known.organizations) else {
        return;
    };
    if practice.is_practice(work.context, &Value::Null) {
        work.practice = Some(practice.reference());
    }
    let mut listed = Vec::new();
    for (at, condition) in work.open("Condition") {
        if let Some(group) = group_of(work, at, condition) {
            listed.push(find(work, &practice.key.id, at, condition, group));
        }
    }
    correct(work, &mut listed);
    for diagnosis in &listed {
        take(work, diagnosis);
    }
    // The practice is stored where something names it: what it says does, by its Provenance.
    if work.practice.is_some() && listed.iter().any(|listed| work.is_proposed(&listed.key)) {
        work.practice = work
            .organization(&sent)
            .filter(|named| named["reference"].is_string());
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

/// Finds under which key a diagnosis is or will be stored: by the sender's identifier, else by what
/// it says.
fn find<'a>(
    work: &Converting<'_>,
    practice: &Id,
    at: usize,
    sent: &'a Value,
    group: Group,
) -> Listed<'a> {
    let own: Vec<(&str, &str)> = identifiers(sent)
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let by_identifier = || {
        let mut stored = work.known.of_type(ResourceType::Condition);
        let has_it = |content: &Value| identifiers(content).any(|known| own.contains(&known));
        stored.find(|known| has_it(&known.content))
    };
    let found = if own.is_empty() {
        None
    } else {
        by_identifier()
    };
    let key = found.map_or_else(
        || {
            let text = match own.first() {
                Some((system, value)) => format!("condition|{practice}|{system}|{value}"),
                None => without_identifier(practice, &work.person.id, sent),
            };
            ResourceKey::new(ResourceType::Condition, derived_id(&text))
        },
        |known| known.key.clone(),
    );
    let statuses = codings(&sent["verificationStatus"]).map(|(_, code)| code);
    let is_retracted = statuses
        .into_iter()
        .any(|code| matches!(code, "refuted" | "entered-in-error"));
    Listed {
        at,
        sent,
        group,
        is_retracted,
        is_stored: work.known.content(&key).is_some(),
        key,
    }
}

fn without_identifier(practice: &Id, person: &Id, sent: &Value) -> String {
    let mut codes: Vec<String> = codings(&sent["code"])
        .map(|(_, code)| code.to_uppercase())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let recorded = sent["recordedDate"].as_str().unwrap_or_default();
    format!(
        "condition|{practice}|{person}|{}|{recorded}",
        codes.join(",")
    )
}

/// Recognises corrections, and notes what is no longer in the list.
fn correct(work: &mut Converting<'_>, listed: &mut [Listed<'_>]) {
    let is_listed: BTreeSet<ResourceKey> = listed.iter().map(|listed| listed.key.clone()).collect();
    let mut missing: BTreeMap<Group, Vec<ResourceKey>> = BTreeMap::new();
    for known in work.known.of_type(ResourceType::Condition) {
        let is_gone = work.known.of_sender.contains(&known.key)
            && !is_listed.contains(&known.key)
            && !is_taken_back(&known.content);
        let groups = work.context.groups.groups_of_condition(&known.content);
        if let (true, Some(group)) = (is_gone, groups.first()) {
            missing.entry(*group).or_default().push(known.key.clone());
        }
    }
    for (group, gone) in &mut missing {
        let is_new = |listed: &&mut Listed<'_>| {
            listed.group == *group && !listed.is_stored && !listed.is_retracted
        };
        let mut new: Vec<&mut Listed<'_>> = listed.iter_mut().filter(is_new).collect();
        let keys: BTreeSet<&ResourceKey> = new.iter().map(|listed| &listed.key).collect();
        if let (1, [_]) = (keys.len(), gone.as_slice()) {
            let same = gone.remove(0);
            for listed in &mut new {
                listed.key = same.clone();
                listed.is_stored = true;
            }
        }
    }
    let vanished: usize = missing.values().map(Vec::len).sum();
    if vanished > 0 {
        let text = format!(
            "{vanished} stored diagnoses of the practice are no longer in its list; they stay, since not sharing is no retraction"
        );
        work.note(0, IntakeReason::Vanished, Some(text));
    }
}

fn is_taken_back(condition: &Value) -> bool {
    let status = &condition["verificationStatus"];
    ["refuted", "entered-in-error"]
        .iter()
        .any(|code| has_coding(status, names::CONDITION_VER_STATUS, code))
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
    keep_own_extensions(stored, |_| true, &mut content);
    let sent_identifiers: Vec<Value> = items(&sent["identifier"]).cloned().collect();
    let all = all_identifiers(stored, &sent_identifiers);
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
        content.insert("code".into(), code(work, &sent["code"]));
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

/// Takes over a code: of two codings of one system the one that gives a group stays.
fn code(work: &Converting<'_>, sent: &Value) -> Value {
    let has_group = |coding: &Value| {
        let concept = json!({ "coding": [coding] });
        !work.context.groups.groups_of_concept(&concept).is_empty()
    };
    let mut kept: Vec<&Value> = Vec::new();
    for coding in items(&sent["coding"]) {
        let same = kept
            .iter()
            .position(|known| coding["system"].is_string() && known["system"] == coding["system"]);
        match same {
            Some(at) if !has_group(kept[at]) && has_group(coding) => kept[at] = coding,
            Some(_) => {}
            None => kept.push(coding),
        }
    }
    let mut code = sent.clone();
    if !kept.is_empty() {
        code["coding"] = json!(kept);
    }
    code
}
