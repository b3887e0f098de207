//! The stored diagnosis that each entry of a list is: by a number of the sender, by what it says, or as the
//! correction of the only one that is gone (intake, section 4).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::conversion::Converting;
use super::identity::{derived_key, own_numbers, stated_with};
use super::words::IntakeReason;
use crate::deadlines::Group;
use crate::fhir::view::{codings, has_coding, items};
use crate::fhir::{Id, ResourceKey, ResourceType, names};

const KIND: ResourceType = ResourceType::Condition;

/// A diagnosis of a group, as it stands in the list.
pub(super) struct Listed<'a> {
    /// The place of its entry.
    pub(super) at: usize,
    /// The entry.
    pub(super) sent: &'a Value,
    /// Its group.
    pub(super) group: Group,
    /// Tells whether it is taken back.
    pub(super) is_retracted: bool,
    /// The key under which it is or will be stored.
    pub(super) key: ResourceKey,
    /// Tells whether it is stored.
    pub(super) is_stored: bool,
}

impl<'a> Listed<'a> {
    /// Begins with the key that follows from the entry alone.
    pub(super) fn new(
        work: &Converting<'_>,
        practice: &Id,
        at: usize,
        sent: &'a Value,
        group: Group,
    ) -> Self {
        let statuses = codings(&sent["verificationStatus"]).map(|(_, code)| code);
        let is_retracted = statuses
            .into_iter()
            .any(|code| matches!(code, "refuted" | "entered-in-error"));
        Listed {
            at,
            sent,
            group,
            is_retracted,
            key: key_of(work, practice, sent, 1),
            is_stored: false,
        }
    }

    /// Tells whether two entries are about one diagnosis: by a number in common, or, without numbers,
    /// by saying the same.
    fn is_same_as(&self, other: &Listed<'_>) -> bool {
        let (own, others) = (own_numbers(self.sent), own_numbers(other.sent));
        if own.is_empty() && others.is_empty() {
            self.group == other.group
                && codes_of(&self.sent["code"]) == codes_of(&other.sent["code"])
                && self.sent["recordedDate"] == other.sent["recordedDate"]
        } else {
            own.iter().any(|number| others.contains(number))
        }
    }
}

/// Recognises each entry, corrections too, and notes what is no longer in the list. `odd` are the
/// entries that are not taken: they are in the list all the same.
pub(super) fn recognise(
    work: &mut Converting<'_>,
    practice: &Id,
    listed: &mut [Listed<'_>],
    odd: &[&Value],
) {
    let mut claimed = BTreeSet::new();
    let mut unclear = BTreeSet::new();
    identify(work, practice, listed, &mut claimed);
    for sent in odd {
        let mut stored = stored_as(work, sent);
        stored.retain(|key| !claimed.contains(key));
        if stored.is_empty() {
            let groups = work.context.groups.groups_of_condition(sent);
            unclear.extend(groups.first().copied());
        }
        claimed.extend(stored);
    }
    correct(work, listed, &claimed, &unclear);
}

/// Finds the keys: first of those that are stored by what they say, then of those whose key follows
/// from it. A key that another entry has is not taken a second time.
fn identify(
    work: &Converting<'_>,
    practice: &Id,
    listed: &mut [Listed<'_>],
    claimed: &mut BTreeSet<ResourceKey>,
) {
    let mut keys: Vec<Option<ResourceKey>> = vec![None; listed.len()];
    for is_stored in [true, false] {
        for at in 0..listed.len() {
            if keys[at].is_some() {
                continue;
            }
            let mut others = (0..listed.len()).filter(|other| *other != at);
            let same = others.find_map(|other| {
                let key = keys[other].clone()?;
                listed[at].is_same_as(&listed[other]).then_some(key)
            });
            let is_free = |key: &ResourceKey| !claimed.contains(key);
            let sent = listed[at].sent;
            keys[at] = same.or_else(|| {
                if is_stored {
                    stored_as(work, sent).into_iter().find(is_free)
                } else {
                    let mut made = (1..).map(|number| key_of(work, practice, sent, number));
                    made.find(is_free)
                }
            });
            claimed.extend(keys[at].clone());
        }
    }
    for (listed, key) in listed.iter_mut().zip(keys) {
        if let Some(key) = key {
            listed.is_stored = work.known.content(&key).is_some();
            listed.key = key;
        }
    }
}

/// Returns the stored diagnoses of the sender that an entry may be: those with a number of it, or,
/// without a number, those that say the same.
fn stored_as(work: &Converting<'_>, sent: &Value) -> Vec<ResourceKey> {
    let numbers = own_numbers(sent);
    if !numbers.is_empty() {
        let stored = stated_with(work, KIND, &numbers);
        return stored.into_iter().map(|known| known.key.clone()).collect();
    }
    let groups = work.context.groups.groups_of_condition(sent);
    let codes = codes_of(&taken_code(work, &sent["code"]));
    let says_it = |content: &Value| {
        sent["recordedDate"].is_string()
            && content["recordedDate"] == sent["recordedDate"]
            && codes_of(&content["code"]) == codes
            && work.context.groups.groups_of_condition(content) == groups
    };
    let stored = work
        .known
        .of_type(KIND)
        .filter(|known| work.known.of_sender.contains(&known.key) && says_it(&known.content));
    let mut keys: Vec<ResourceKey> = stored.map(|known| known.key.clone()).collect();
    keys.sort_unstable();
    keys
}

/// Makes the key of a new diagnosis: by the sender's number, else by what it says; the `number`th one of
/// these.
fn key_of(work: &Converting<'_>, practice: &Id, sent: &Value, number: u32) -> ResourceKey {
    let said = match own_numbers(sent).first() {
        Some((system, value)) => format!("{system}|{value}"),
        None => {
            let recorded = sent["recordedDate"].as_str().unwrap_or_default();
            format!("{}|{recorded}", codes_of(&sent["code"]).join(","))
        }
    };
    let before = format!("condition|{practice}");
    match number {
        1 => derived_key(work, KIND, &before, &said),
        _ => derived_key(work, KIND, &before, &format!("{said}|{number}")),
    }
}

/// Returns the codes of a concept as they are compared.
fn codes_of(code: &Value) -> Vec<String> {
    let mut codes: Vec<String> = codings(code).map(|(_, code)| code.to_uppercase()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Recognises corrections, and notes what is no longer in the list. In a group with an entry of which
/// nobody can say which it is, nothing is known to be gone.
fn correct(
    work: &mut Converting<'_>,
    listed: &mut [Listed<'_>],
    claimed: &BTreeSet<ResourceKey>,
    unclear: &BTreeSet<Group>,
) {
    let mut missing: BTreeMap<Group, Vec<ResourceKey>> = BTreeMap::new();
    for known in work.known.of_type(KIND) {
        let is_gone = work.known.of_sender.contains(&known.key)
            && !claimed.contains(&known.key)
            && !is_taken_back(&known.content);
        let groups = work.context.groups.groups_of_condition(&known.content);
        if let (true, Some(group)) = (is_gone, groups.first()) {
            missing.entry(*group).or_default().push(known.key.clone());
        }
    }
    missing.retain(|group, _| !unclear.contains(group));
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

/// Takes over a code: of two codings of one system the one that gives a group stays.
pub(super) fn taken_code(work: &Converting<'_>, sent: &Value) -> Value {
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
