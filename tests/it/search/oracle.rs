//! The store's search of real resources against its definition: resources with everything that
//! their types have, and the guide's examples, changed at random; queries of every kind, made of
//! their values. The answer of the store is the result of filtering everything with
//! [`frist::search::matches`], in every state and for every page.

use std::cell::Cell;
use std::collections::BTreeMap;

use frist::fhir::{Id, ResourceKey, ResourceType, Version};
use frist::schema::guide;
use frist::search::compartment::found_by;
use frist::search::parameters::{Parameter, ParameterKind, parameters_of};
use frist::search::{IndexEntry, IndexValue, SearchQuery, parse_search};
use frist::storage::embedded::{EmbeddedStore, Engine, StoreOptions};
use frist::storage::{Commits, Position, Resources, Store};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;

use super::BASE;
use super::chance::{ADDRESSES, Chance, DATES, mutate};
use super::every::made_up;
use crate::store_contract::words::{changes, delete, keys_of, put};
use crate::store_search::{Known, expected_page};

/// Makes a resource of the type: one of the guide's examples, or one with everything.
fn resource(resource_type: ResourceType, chance: &mut Chance<'_>) -> Value {
    let folder = guide::FOLDER.get_dir("example").unwrap();
    let texts = folder.files().filter_map(|file| file.contents_utf8());
    let of_type = format!("\"resourceType\": \"{resource_type}\"");
    let examples: Vec<&str> = texts.filter(|text| text.contains(&of_type)).collect();
    let mut resource = match examples.is_empty() || chance.percent(60) {
        true => made_up(resource_type, chance.below(ResourceType::ALL.len())),
        false => serde_json::from_str(chance.one_of::<&str>(&examples)).unwrap(),
    };
    if chance.percent(40) {
        contain(&mut resource, chance);
    }
    mutate(&mut resource, chance);
    resource["resourceType"] = resource_type.as_str().into();
    resource
}

/// Puts two resources into a resource, and lets some of its references name them.
fn contain(resource: &mut Value, chance: &mut Chance<'_>) {
    let anchors = ["#a", "#b"];
    refer(resource, &anchors, 50, chance);
    let mut contained = Vec::new();
    for anchor in anchors {
        let of_type = *chance.one_of(CONTAINED_TYPES);
        let mut within = made_up(of_type, chance.below(ResourceType::ALL.len()));
        refer(&mut within, &anchors, 20, chance);
        mutate(&mut within, chance);
        within["resourceType"] = of_type.as_str().into();
        within["id"] = anchor[1..].into();
        contained.push(within);
    }
    resource["contained"] = contained.into();
}

/// The types that many references may name.
const CONTAINED_TYPES: &[ResourceType] = &[
    ResourceType::Patient,
    ResourceType::Organization,
    ResourceType::Practitioner,
    ResourceType::PractitionerRole,
    ResourceType::Condition,
];

/// Changes so many of a hundred references into ones to the anchors.
fn refer(value: &mut Value, anchors: &[&str], share: usize, chance: &mut Chance<'_>) {
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| refer(item, anchors, share, chance)),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if name == "reference" && member.is_string() && chance.percent(share) {
                    *member = (*chance.one_of(anchors)).into();
                } else {
                    refer(member, anchors, share, chance);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Makes a text of a query in which separators stand for themselves.
fn escaped(text: &str) -> String {
    let escape = |c| {
        if matches!(c, ',' | '|' | '$' | '\\') {
            format!("\\{c}")
        } else {
            String::from(c)
        }
    };
    text.chars().map(escape).collect()
}

fn prefix(chance: &mut Chance<'_>) -> &'static str {
    chance.one_of::<&str>(&["", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
}

fn date_text(from_us: i64, chance: &mut Chance<'_>) -> String {
    let instant = Timestamp::from_microsecond(from_us).unwrap_or(Timestamp::UNIX_EPOCH);
    let own = instant
        .strftime(chance.one_of(&[
            "%Y",
            "%Y-%m",
            "%Y-%m-%d",
            "%Y-%m-%dT%H:%MZ",
            "%Y-%m-%dT%H:%M:%SZ",
        ]))
        .to_string();
    let day = if chance.percent(70) {
        own
    } else {
        (*chance.one_of(DATES)).to_owned()
    };
    format!("{}{day}", prefix(chance))
}

fn quantity_text(from: i128, system: &str, code: &str, chance: &mut Chance<'_>) -> String {
    let number = *chance.one_of(&["5", "5.5", "50", "5e1", "-3", "1e2", "0"]);
    let whole = from / 1_000_000_000_000;
    let own = whole.to_string();
    let number = if chance.percent(50) && (-1_000..1_000_000).contains(&whole) {
        &own
    } else {
        number
    };
    let unit = match *chance.one_of(&["", "full", "code"]) {
        "full" => format!("|{}|{}", escaped(system), escaped(code)),
        "code" => format!("||{}", escaped(code)),
        _ => String::new(),
    };
    format!("{}{number}{unit}", prefix(chance))
}

/// Makes a value that a query may have to find this, or something near it.
fn value_text(value: &IndexValue, chance: &mut Chance<'_>) -> String {
    match value {
        IndexValue::Token { system, code } => {
            let (system, code) = (escaped(system), escaped(code));
            match chance.below(6) {
                0 | 1 => code,
                2 if !system.is_empty() => format!("{system}|"),
                3 => format!("|{code}"),
                _ => format!("{system}|{code}"),
            }
        }
        IndexValue::Reference(target) => {
            if chance.percent(30) {
                target.rsplit('/').next().unwrap().to_owned()
            } else {
                escaped(target)
            }
        }
        IndexValue::Date { from_us, .. } => date_text(*from_us, chance),
        IndexValue::Text(text) => {
            let letters: Vec<char> = text.chars().collect();
            let length = 1 + chance.below(letters.len());
            escaped(
                &letters[..length.min(letters.len())]
                    .iter()
                    .collect::<String>(),
            )
        }
        IndexValue::Uri(address) => escaped(if chance.percent(70) {
            address
        } else {
            chance.one_of::<&str>(ADDRESSES)
        }),
        IndexValue::Quantity {
            from, system, code, ..
        } => quantity_text(*from, system, code, chance),
        IndexValue::Composite(values) => values
            .iter()
            .map(|value| value_text(value, chance))
            .collect::<Vec<_>>()
            .join("$"),
    }
}

/// The stored resources, to make queries of.
struct Shelf {
    types: Vec<ResourceType>,
    entries: BTreeMap<ResourceType, Vec<IndexEntry>>,
}

impl Shelf {
    /// Returns some values of a parameter, between commas.
    fn values(
        &self,
        resource_type: ResourceType,
        parameter: &Parameter,
        chance: &mut Chance<'_>,
    ) -> String {
        let of_code = |entry: &&IndexEntry| entry.parameter == parameter.code;
        let known: Vec<&IndexEntry> = self
            .entries
            .get(&resource_type)
            .into_iter()
            .flatten()
            .filter(of_code)
            .collect();
        let one = |chance: &mut Chance<'_>| match known.is_empty() {
            false => value_text(&chance.one_of(&known).value, chance),
            true => match parameter.kind {
                ParameterKind::Date => "2027-03".to_owned(),
                ParameterKind::Number | ParameterKind::Quantity => "5".to_owned(),
                ParameterKind::Reference => "Patient/1".to_owned(),
                ParameterKind::Composite => "x$2027".to_owned(),
                ParameterKind::String | ParameterKind::Token | ParameterKind::Uri => "x".to_owned(),
            },
        };
        (0..1 + chance.below(3))
            .map(|_| one(chance))
            .collect::<Vec<_>>()
            .join(",")
    }

    /// Returns one criterion on resources of a type; it may lead to others so many steps away.
    fn criterion(
        &self,
        resource_type: ResourceType,
        steps: usize,
        chance: &mut Chance<'_>,
    ) -> (String, String) {
        let parameters: Vec<&Parameter> = parameters_of(resource_type).collect();
        let parameter = *chance.one_of(&parameters);
        let code = parameter.code;
        if steps > 0 && chance.percent(40) && parameter.kind == ParameterKind::Reference {
            let held = self.types.iter().chain(CONTAINED_TYPES).copied();
            let targets: Vec<_> = held
                .filter(|held| parameter.targets.contains(held))
                .collect();
            if !targets.is_empty() {
                let target = *chance.one_of(&targets);
                let (name, value) = self.criterion(target, steps - 1, chance);
                return (format!("{code}:{target}.{name}"), value);
            }
        }
        if steps > 0 && chance.percent(8) {
            let source = *chance.one_of(&self.types);
            let refers = |parameter: &&Parameter| {
                parameter.kind == ParameterKind::Reference
                    && parameter.targets.contains(&resource_type)
            };
            if let Some(reference) = parameters_of(source).find(refers) {
                let (name, value) = self.criterion(source, steps - 1, chance);
                return (format!("_has:{source}:{}:{name}", reference.code), value);
            }
        }
        let modifiers: &[&str] = match parameter.kind {
            ParameterKind::String => &["", "exact", "contains", "missing"],
            ParameterKind::Token if code == "identifier" => {
                &["", "", "not", "missing", "text", "of-type"]
            }
            ParameterKind::Token => &["", "", "not", "missing", "text"],
            ParameterKind::Reference if parameter.targets.contains(&ResourceType::Patient) => {
                &["", "", "missing", "identifier", "Patient"]
            }
            ParameterKind::Reference => &["", "", "missing", "identifier"],
            ParameterKind::Uri => &["", "below", "above", "missing"],
            ParameterKind::Date
            | ParameterKind::Number
            | ParameterKind::Quantity
            | ParameterKind::Composite => &["", "", "", "missing"],
        };
        match *chance.one_of(modifiers) {
            "" => (
                code.to_owned(),
                self.values(resource_type, parameter, chance),
            ),
            "missing" => (format!("{code}:missing"), chance.percent(50).to_string()),
            "text" => (
                format!("{code}:text"),
                (*chance.one_of(&["å", "o", "text", "x"])).to_owned(),
            ),
            "of-type" => (format!("{code}:of-type"), "http://x/y|x|text".to_owned()),
            modifier => (
                format!("{code}:{modifier}"),
                self.values(resource_type, parameter, chance),
            ),
        }
    }

    /// Makes a whole query as it is typed.
    fn query(
        &self,
        last_us: i64,
        chance: &mut Chance<'_>,
    ) -> (Vec<ResourceType>, Vec<(String, String)>) {
        let several = chance.percent(10);
        let types = if several {
            self.types.clone()
        } else {
            vec![*chance.one_of(&self.types)]
        };
        let mut parameters = Vec::new();
        for _ in 0..chance.below(4) {
            parameters.push(match chance.below(12) {
                0 => (
                    "_id".to_owned(),
                    (0..4)
                        .map(|_| chance.below(30).to_string())
                        .collect::<Vec<_>>()
                        .join(","),
                ),
                1 => {
                    let instant =
                        Timestamp::from_microsecond(last_us - chance.below(60) as i64).unwrap();
                    (
                        "_lastUpdated".to_owned(),
                        format!(
                            "{}{instant}",
                            chance.one_of(&["", "gt", "lt", "ge", "le", "sa", "eb", "ne"])
                        ),
                    )
                }
                _ if several => continue,
                _ => self.criterion(types[0], 2, chance),
            });
        }
        let sortable: Vec<&str> = parameters_of(types[0])
            .filter(|known| known.kind != ParameterKind::Composite)
            .map(|known| known.code)
            .collect();
        let sort = |chance: &mut Chance<'_>| {
            let by = match chance.below(5) {
                0 => "_id",
                1 => "_lastUpdated",
                _ if several => "_lastUpdated",
                _ => *chance.one_of(&sortable),
            };
            format!("{}{by}", if chance.percent(50) { "-" } else { "" })
        };
        let sorts: Vec<String> = (0..chance.below(3)).map(|_| sort(chance)).collect();
        if !sorts.is_empty() {
            parameters.push(("_sort".to_owned(), sorts.join(",")));
        }
        parameters.push(("_count".to_owned(), chance.below(6).to_string()));
        (types, parameters)
    }
}

/// Makes a store to which many versions of random resources were written, and its state after each
/// commit.
fn filled(store: &dyn Store, chance: &mut Chance<'_>) -> (Shelf, Vec<(Position, Known)>) {
    let mut types: Vec<ResourceType> = (0..2).map(|_| *chance.one_of(ResourceType::ALL)).collect();
    types.push(ResourceType::Patient);
    types.sort();
    types.dedup();
    let mut shelf = Shelf {
        types,
        entries: BTreeMap::new(),
    };
    let mut states = vec![(Position(0), Known::new())];
    for _ in 0..5 {
        let mut state = states.last().unwrap().1.clone();
        let mut writes = BTreeMap::new();
        for _ in 0..20 {
            let key = ResourceKey::new(
                *chance.one_of(&shelf.types),
                Id::parse(&chance.below(30).to_string()).unwrap(),
            );
            let is_deletion =
                chance.percent(10) && state.get(&key).is_some_and(|known| known.2.is_some());
            let entries =
                (!is_deletion).then(|| found_by(&key, &resource(key.resource_type, chance)));
            shelf
                .entries
                .entry(key.resource_type)
                .or_default()
                .extend(entries.iter().flatten().cloned());
            writes.insert(key, entries);
        }
        let write = |(key, entries): (&ResourceKey, &Option<Vec<IndexEntry>>)| {
            let previous = state.get(key).map(|(version, ..)| *version);
            entries.clone().map_or_else(
                || delete(key, previous),
                |entries| put(key, previous, entries),
            )
        };
        let committed = store
            .commit(changes(writes.iter().map(write).collect()))
            .unwrap();
        for (key, entries) in writes {
            let version = Version::after(state.get(&key).map(|(version, ..)| *version));
            state.insert(key, (version, committed.instant, entries));
        }
        states.push((committed.position, state));
    }
    (shelf, states)
}

#[test]
fn the_store_finds_of_real_resources_exactly_what_matches() {
    let config = ProptestConfig {
        cases: 6,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..ProptestConfig::default()
    };
    let (asked, found) = (Cell::new(0), Cell::new(0));
    proptest!(config, |(mut rng in any::<u64>().prop_perturb(|_, rng| rng))| {
        let chance = &mut Chance(&mut rng);
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), Engine::Fjall, StoreOptions::default()).unwrap();
        let (shelf, states) = filled(&store, chance);
        let last_us = store.last_commit().unwrap().1.unwrap().as_microsecond();
        for _ in 0..250 {
            let (types, parameters) = shelf.query(last_us, chance);
            // A value that was cut at random may be none that can be asked for, as an empty text.
            let Ok(parsed) = parse_search(&types, &parameters, BASE) else { continue };
            prop_assert_eq!(&parsed.unknown, &vec![], "{:?}", parameters);
            let (position, state) = if chance.percent(60) { states.last().unwrap() } else { chance.one_of(&states) };
            let query = SearchQuery { offset: chance.below(6), ..parsed.query };
            let page = store.search(&query, Some(*position)).unwrap();
            prop_assert_eq!((page.total, keys_of(&page.matches)), expected_page(&query, state), "{:?} at {:?}", parameters, position);
            asked.set(asked.get() + 1);
            found.set(found.get() + usize::from(page.total > 0));
        }
    });
    assert!(
        asked.get() > 750 && found.get() * 3 > asked.get(),
        "of {asked:?} queries {found:?} found something"
    );
}
