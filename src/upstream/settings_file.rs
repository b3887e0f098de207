//! The file of `--upstream`. Pure.
//!
//! It is JSON; `docs/pulling.md` tells each element. An element that is not known is an error: a
//! misspelt option would otherwise read more, or less, than was meant.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;
use url::Url;

use super::settings::{
    Deletions, Ids, Notified, Reading, TakenAs, Upstream, UpstreamAuth, is_safe,
};
use crate::fhir::cpr::holds_cpr_number;
use crate::fhir::key::Origin;
use crate::fhir::view::items;
use crate::fhir::{Id, ResourceType, json};

/// The pause between two rounds, in seconds, if nothing is said.
const EVERY_S: u64 = 60;
/// The time by which each round reads back, in seconds, if nothing is said.
const OVERLAP_S: u64 = 60;
/// The resources in a page, if nothing is said, and at most.
const PAGE: u64 = 200;
const PAGE_MAX: u64 = 1_000;
/// The most servers of one file, and the most readings of each.
const UPSTREAMS_MAX: usize = 100;
const READINGS_MAX: usize = 50;

/// Reads the file.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn read(text: &[u8]) -> Result<Vec<Upstream>, String> {
    let file = json::parse(text)?;
    let members = FileMembers::of(&file, "", &["upstreams"])?;
    let Some(Value::Array(list)) = members.value.get("upstreams") else {
        return Err("upstreams: expected an array of servers".to_owned());
    };
    if list.is_empty() || list.len() > UPSTREAMS_MAX {
        return Err(format!(
            "upstreams: expected 1 to {UPSTREAMS_MAX} servers, found {}",
            list.len()
        ));
    }
    let mut read: Vec<Upstream> = Vec::new();
    for (at, one) in list.iter().enumerate() {
        let upstream = upstream(one, &format!("upstreams[{at}]"))?;
        if read.iter().any(|other| other.name == upstream.name) {
            return Err(format!(
                "upstreams[{at}].name: expected a name of its own, found '{}' twice",
                upstream.name
            ));
        }
        let is_kept = |one: &Upstream| one.ids == Ids::Kept;
        let other = read.iter().find(|other| is_kept(other));
        if let Some(other) = other.filter(|_| is_kept(&upstream)) {
            return Err(format!(
                "upstreams[{at}].ids: expected 'mapped', since '{}' has 'kept' already: two servers have the same ids for different persons, and of one server all that is read stands in one row",
                other.name
            ));
        }
        read.push(upstream);
    }
    Ok(read)
}

fn upstream(value: &Value, at: &str) -> Result<Upstream, String> {
    const NAMES: &[&str] = &[
        "name",
        "base",
        "auth",
        "ca",
        "read",
        "subscribe",
        "conversion",
        "practice",
        "ids",
        "deletions",
        "every",
        "overlap",
        "from",
        "page",
    ];
    let members = FileMembers::of(value, at, NAMES)?;
    let name = members.text("name")?.unwrap_or_default();
    let name = Id::parse(name)
        .filter(|name| name.as_str().len() <= 40 && !holds_cpr_number(name.as_str()))
        .ok_or_else(|| members.wrong("name", "a short name of letters, digits, - and ."))?;
    let list = members.value.get("read").and_then(Value::as_array);
    let list = list
        .filter(|list| !list.is_empty() && list.len() <= READINGS_MAX)
        .ok_or_else(|| members.wrong("read", "an array of 1 to 50 things to read"))?;
    let readings = list
        .iter()
        .enumerate()
        .map(|(n, one)| reading(one, &format!("{at}.read[{n}]")))
        .collect::<Result<Vec<_>, _>>()?;
    let ids = match members.text("ids")? {
        None | Some("mapped") => Ids::Mapped,
        Some("kept") => Ids::Kept,
        Some(_) => return Err(members.wrong("ids", "'mapped' or 'kept'")),
    };
    let deletions = match members.text("deletions")? {
        None | Some("keep") => Deletions::Keep,
        Some("follow") => Deletions::Follow,
        Some(_) => return Err(members.wrong("deletions", "'keep' or 'follow'")),
    };
    let from = members.text("from")?.map(instant).transpose();
    Ok(Upstream {
        name,
        base: members.address("base")?.ok_or_else(|| {
            members.wrong("base", "an address such as https://ehr.example.dk/fhir")
        })?,
        auth: match members.value.get("auth") {
            None => None,
            Some(auth) => Some(credentials(auth, &format!("{at}.auth"))?),
        },
        authorities: members.text("ca")?.map(PathBuf::from),
        readings,
        notified: match members.value.get("subscribe") {
            None => None,
            Some(value) => Some(notified(value, &format!("{at}.subscribe"))?),
        },
        taken_as: conversion(&members)?,
        ids,
        deletions,
        every: Duration::from_secs(members.number("every", EVERY_S, 1..=86_400)?),
        overlap: Duration::from_secs(members.number("overlap", OVERLAP_S, 0..=86_400)?),
        from: from.map_err(|()| members.wrong("from", "a day or an instant"))?,
        page: members.number("page", PAGE, 1..=PAGE_MAX)?,
    })
}

fn conversion(members: &FileMembers<'_>) -> Result<TakenAs, String> {
    let practice = items(&members.value["practice"])
        .enumerate()
        .map(|(n, one)| {
            let at = format!("{}.practice[{n}]", members.at);
            let one = FileMembers::of(one, &at, &["system", "value"])?;
            let needed = |name: &str| {
                let text = one.text(name)?.filter(|text| !text.is_empty());
                text.map(str::to_owned)
                    .ok_or_else(|| one.wrong(name, "text"))
            };
            Ok((needed("system")?, needed("value")?))
        })
        .collect::<Result<Vec<_>, String>>()?;
    match (members.text("conversion")?, practice.is_empty()) {
        (None | Some("none"), true) => Ok(TakenAs::None),
        (Some("fut"), true) => Ok(TakenAs::Fut),
        (Some("conditionlist"), false) => Ok(TakenAs::ConditionList { practice }),
        (Some("conditionlist"), true) => Err(members.wrong(
            "practice",
            "the identifiers of the practice whose diagnoses these are, each with 'system' and 'value'",
        )),
        (None | Some("none" | "fut"), false) => Err(members.wrong(
            "practice",
            "none: it belongs to the conversion 'conditionlist'",
        )),
        (Some(_), _) => Err(members.wrong("conversion", "'none', 'conditionlist' or 'fut'")),
    }
}

fn credentials(value: &Value, at: &str) -> Result<UpstreamAuth, String> {
    let names = &["clientId", "key", "keyId", "scope", "tokenEndpoint"];
    let members = FileMembers::of(value, at, names)?;
    let needed = |name: &str, what: &str| {
        let text = members.text(name)?.filter(|text| !text.is_empty());
        text.map(str::to_owned)
            .ok_or_else(|| members.wrong(name, what))
    };
    Ok(UpstreamAuth {
        client_id: needed("clientId", "the id by which the server knows Frist")?,
        key: needed("key", "a file with a private key (PEM or JWK)")?.into(),
        key_id: members.text("keyId")?.map(str::to_owned),
        scope: members.text("scope")?.unwrap_or("system/*.read").to_owned(),
        token_endpoint: members.address("tokenEndpoint")?,
    })
}

fn notified(value: &Value, at: &str) -> Result<Notified, String> {
    let members = FileMembers::of(value, at, &["criteria", "endpoint"])?;
    let criteria = members.value.get("criteria").and_then(criteria_of);
    Ok(Notified {
        criteria: criteria.ok_or_else(|| {
            members.wrong("criteria", "an array of 1 to 20 criteria such as 'Condition?', without a CPR number")
        })?,
        root: members.address("endpoint")?.ok_or_else(|| {
            members.wrong(
                "endpoint",
                "the address by which that server reaches this one, such as https://frist.example.dk",
            )
        })?,
    })
}

fn criteria_of(value: &Value) -> Option<Vec<String>> {
    let list = value.as_array()?.iter();
    let texts: Option<Vec<_>> = list.map(|one| one.as_str().map(str::to_owned)).collect();
    texts.filter(|texts| {
        let holds_one = |text: &String| text.split(['?', '&', '=']).any(holds_cpr_number);
        (1..=20).contains(&texts.len()) && !texts.iter().any(holds_one)
    })
}

fn reading(value: &Value, at: &str) -> Result<Reading, String> {
    let members = FileMembers::of(value, at, &["search", "history", "export", "types"])?;
    let named = ["search", "history", "export"].map(|name| members.text(name));
    let [search, history, export] = named;
    let types = members.value.get("types");
    match (search?, history?, export?) {
        (Some(search), None, None) if types.is_none() => {
            let (name, criteria) = search.split_once('?').unwrap_or((search, ""));
            let has_own = |criteria: &str| {
                criteria.split('&').any(|pair| {
                    let name = pair.split(['=', ':']).next().unwrap_or_default();
                    ["_lastUpdated", "_sort", "_count", "_summary", "_elements"].contains(&name)
                })
            };
            let names_person = form_urlencoded::parse(criteria.as_bytes())
                .any(|(name, value)| holds_cpr_number(&name) || holds_cpr_number(&value));
            if has_own(criteria) || criteria.contains(['#', ' ']) || names_person {
                return Err(members.wrong(
                    "search",
                    "criteria without _lastUpdated, _sort, _count, _summary and _elements, and without a CPR number",
                ));
            }
            Ok(Reading::Search {
                resource_type: held(name).map_err(|what| members.wrong("search", &what))?,
                criteria: criteria.to_owned(),
            })
        }
        (None, Some("system"), None) if types.is_none() => Ok(Reading::History(None)),
        (None, Some(name), None) if types.is_none() => held(name)
            .map(|held| Reading::History(Some(held)))
            .map_err(|what| members.wrong("history", &format!("'system' or {what}"))),
        (None, None, Some(of)) => {
            let address = match of {
                "system" => "$export".to_owned(),
                "Patient" => "Patient/$export".to_owned(),
                group => match group.strip_prefix("Group/").and_then(Id::parse) {
                    Some(id) => format!("Group/{id}/$export"),
                    None => {
                        return Err(members.wrong("export", "'system', 'Patient' or 'Group/[id]'"));
                    }
                },
            };
            let types = items(types.unwrap_or(&Value::Null))
                .map(|name| held(name.as_str().unwrap_or_default()))
                .collect::<Result<_, _>>()
                .map_err(|what| members.wrong("types", &what))?;
            Ok(Reading::Export { address, types })
        }
        _ => Err(format!(
            "{at}: expected one of 'search', 'history' and 'export', the last one alone with 'types'"
        )),
    }
}

/// Reads the name of a type that is read from others.
fn held(name: &str) -> Result<ResourceType, String> {
    let held = name.parse::<ResourceType>().ok();
    held.filter(|held| held.origin() == Origin::Clients && *held != ResourceType::Subscription)
        .ok_or_else(|| "a type that clients write here, such as Condition".to_owned())
}

/// Reads a day, or an instant.
fn instant(text: &str) -> Result<Timestamp, ()> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let day: Date = text.parse().map_err(|_| ())?;
    let zoned = day.to_zoned(TimeZone::UTC).map_err(|_| ())?;
    Ok(zoned.timestamp())
}

/// The members of an object, at a place of the file.
struct FileMembers<'a> {
    value: &'a Value,
    at: &'a str,
}

impl<'a> FileMembers<'a> {
    /// Takes an object whose members all have one of these names.
    fn of(value: &'a Value, at: &'a str, names: &[&str]) -> Result<Self, String> {
        let members = FileMembers { value, at };
        let object = value
            .as_object()
            .ok_or_else(|| format!("{}expected an object", members.before()))?;
        match object.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(members),
            Some(other) => Err(format!(
                "{}expected {}, found '{other}'",
                members.before(),
                names.join(", ")
            )),
        }
    }

    fn before(&self) -> String {
        match self.at {
            "" => String::new(),
            at => format!("{at}: "),
        }
    }

    fn wrong(&self, name: &str, expected: &str) -> String {
        format!("{}.{name}: expected {expected}", self.at)
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, String> {
        match self.value.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "text")),
        }
    }

    fn number(
        &self,
        name: &str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, String> {
        match self.value.get(name) {
            None => Ok(default),
            Some(value) => value
                .as_u64()
                .filter(|number| range.contains(number))
                .ok_or_else(|| {
                    let expected = format!("a number from {} to {}", range.start(), range.end());
                    self.wrong(name, &expected)
                }),
        }
    }

    /// Reads an address to which a token and data of persons may be sent: https, or this machine.
    fn address(&self, name: &str) -> Result<Option<Url>, String> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let expected = "an https address without a name, a password, a query or a fragment (http to this machine alone)";
        let url = Url::parse(text).map_err(|_| self.wrong(name, expected))?;
        let is_plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if is_plain && is_safe(&url) {
            Ok(Some(url))
        } else {
            Err(self.wrong(name, expected))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(change: impl FnOnce(&mut Value)) -> Result<Vec<Upstream>, String> {
        let mut one = json!({ "name": "gp", "base": "https://ehr.example.dk/fhir/", "read": [{ "search": "Condition" }] });
        change(&mut one);
        read(json!({ "upstreams": [one] }).to_string().as_bytes())
    }

    #[test]
    fn a_short_file_has_everything_that_a_round_needs() {
        let read = file(|_| {}).expect("a file");
        assert_eq!(read[0].base_text(), "https://ehr.example.dk/fhir");
        assert_eq!(read[0].every, Duration::from_secs(60));
        assert_eq!(read[0].readings[0].words(), "Condition");
        let whole = file(|one| {
            one["read"] = json!([
                { "search": "Encounter?status=finished" }, { "history": "Patient" }, { "history": "system" },
                { "export": "Group/7", "types": ["Patient", "Condition"] }, { "export": "system" }
            ]);
            one["auth"] = json!({ "clientId": "frist", "key": "frist.pem", "keyId": "1", "scope": "system/*.rs", "tokenEndpoint": "https://login.example.dk/token" });
            one["from"] = json!("2027-01-01");
            one["conversion"] = json!("conditionlist");
            one["practice"] = json!([{ "system": "urn:oid:1.2.208.176.1.1", "value": "1234" }]);
        })
        .expect("a file");
        let words: Vec<_> = whole[0].readings.iter().map(Reading::words).collect();
        assert_eq!(
            words,
            [
                "Encounter?status=finished",
                "Patient/_history",
                "_history",
                "Group/7/$export?_type=Patient,Condition",
                "$export"
            ]
        );
        assert_eq!(whole[0].from, "2027-01-01T00:00:00Z".parse().ok());
    }

    fn refused(name: &str, value: &str) -> String {
        let value: Value = serde_json::from_str(value).expect("JSON");
        file(|one| one[name] = value).expect_err("refused")
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (name, value, expected) in [
            ("name", r#""a b""#, ".name: expected"),
            ("name", r#""0405440001""#, ".name: expected"),
            (
                "base",
                r#""http://ehr.example.dk""#,
                ".base: expected an https",
            ),
            ("base", r#""https://a:b@x.dk""#, ".base: expected an https"),
            ("base", r#""https://x.dk?x=1""#, ".base: expected an https"),
            ("evry", "5", ": expected name"),
            ("every", "0", ".every: expected a number from 1"),
            ("conversion", r#""x""#, ".conversion: expected"),
            (
                "conversion",
                r#""conditionlist""#,
                ".practice: expected the",
            ),
            (
                "practice",
                r#"{"system":"s","value":"v"}"#,
                ".practice: expected none",
            ),
            ("auth", r#"{"clientId":"x"}"#, ".auth.key: expected"),
            (
                "practice",
                r#"[{"system":"s"}]"#,
                ".practice[0].value: expected text",
            ),
            (
                "practice",
                r#"[{"system":"s","value":"v","use":"x"}]"#,
                ".practice[0]: expected system, value, found 'use'",
            ),
            (
                "subscribe",
                r#"{"criteria":["Patient?identifier=0405440001"],"endpoint":"https://x.dk"}"#,
                ".subscribe.criteria: expected",
            ),
            ("from", r#""yesterday""#, ".from: expected"),
            (
                "subscribe",
                r#"{"criteria":[]}"#,
                ".subscribe.criteria: expected",
            ),
        ] {
            let found = refused(name, value);
            let expected = format!("upstreams[0]{expected}");
            assert!(found.starts_with(&expected), "{name} {value}: {found}");
        }
        let twice =
            json!({ "name": "gp", "base": "https://x.dk", "read": [{ "history": "system" }] });
        let file = json!({ "upstreams": [twice, twice] }).to_string();
        let found = read(file.as_bytes()).expect_err("refused");
        assert!(found.contains("twice"), "{found}");
    }

    #[test]
    fn one_row_at_most_keeps_the_ids_of_its_server() {
        for (base, ids, is_taken) in [
            ("https://x.dk", "kept", false),
            ("https://x.dk/", "kept", false),
            ("https://y.dk", "kept", false),
            ("https://y.dk", "mapped", true),
        ] {
            let of = |name: &str, base: &str, ids: &str| json!({ "name": name, "base": base, "ids": ids, "read": [{ "history": "system" }] });
            let two = json!({ "upstreams": [of("a", "https://x.dk", "kept"), of("b", base, ids)] });
            let found = read(two.to_string().as_bytes());
            assert_eq!(found.is_ok(), is_taken, "{base} {ids}: {found:?}");
            let why = found.err().unwrap_or_default();
            let expected = "upstreams[1].ids: expected 'mapped', since 'a' has 'kept' already";
            assert_eq!(why.starts_with(expected), !is_taken, "{why}");
        }
    }

    #[test]
    fn only_what_can_be_read_is_read() {
        for (reading, expected) in [
            (r#"{"search":"Task"}"#, ".search: expected a type"),
            (
                r#"{"search":"Condition?_sort=x"}"#,
                ".search: expected criteria",
            ),
            (
                r#"{"search":"Patient?identifier=0405440001"}"#,
                ".search: expected criteria",
            ),
            (
                r#"{"search":"Condition","history":"system"}"#,
                ": expected one of",
            ),
            (
                r#"{"search":"Condition","types":["Patient"]}"#,
                ": expected one of",
            ),
            (
                r#"{"history":"Everything"}"#,
                ".history: expected 'system' or a type",
            ),
            (r#"{"export":"Group/"}"#, ".export: expected"),
            (
                r#"{"export":"system","types":["Bundle"]}"#,
                ".types: expected a type",
            ),
        ] {
            let found = refused("read", &format!("[{reading}]"));
            let expected = format!("upstreams[0].read[0]{expected}");
            assert!(found.starts_with(&expected), "{reading}: {found}");
        }
        assert!(refused("read", "[]").starts_with("upstreams[0].read: expected"));
    }
}
