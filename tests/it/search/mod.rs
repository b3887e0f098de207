//! Searching without a server: reading queries, index entries of resources, and matching. Tables by
//! kind of parameter.

#![allow(clippy::unwrap_used)]

mod bounds;
mod chance;
mod contained;
mod danish;
mod every;
mod links;
mod modifiers;
mod oracle;
mod values;

use frist::fhir::{ResourceKey, ResourceType};
use frist::search::{
    IndexEntry, Row, SearchQuery, TooMany, index_entries, matches, parse, resolve_links,
};
use jiff::Timestamp;
use serde_json::Value;

pub(crate) const BASE: &str = "http://frist.test/fhir";

/// Resources with their index entries.
pub(crate) struct Shelf(Vec<(ResourceKey, Vec<IndexEntry>)>);

impl Shelf {
    pub(crate) fn new(resources: &[Value]) -> Self {
        let key = |resource: &Value| {
            let text = format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap(),
                resource["id"].as_str().unwrap()
            );
            ResourceKey::parse(&text).unwrap_or_else(|| panic!("{text}"))
        };
        Shelf(
            resources
                .iter()
                .map(|resource| {
                    (
                        key(resource),
                        index_entries(key(resource).resource_type, resource),
                    )
                })
                .collect(),
        )
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.0.iter().map(|(key, entries)| Row {
            key,
            last_updated: Timestamp::UNIX_EPOCH,
            entries,
        })
    }

    /// Returns the ids that a query as `Patient?name=x` finds, or the error.
    pub(crate) fn find(&self, search: &str) -> Result<Vec<String>, String> {
        let query = read(search)?;
        let mut find = |query: &SearchQuery, code: Option<&str>, _: usize| {
            let of_code = |row: Row<'_>| {
                row.entries
                    .iter()
                    .filter(|entry| Some(&*entry.parameter) == code)
                    .cloned()
                    .collect()
            };
            Ok::<_, TooMany>(
                self.rows()
                    .filter(|row| matches(query, *row))
                    .map(|row| (row.key.clone(), of_code(row)))
                    .collect(),
            )
        };
        let settled = resolve_links(&query, &mut find).unwrap();
        Ok(self
            .rows()
            .filter(|row| matches(&settled, *row))
            .map(|row| row.key.id.to_string())
            .collect())
    }

    /// Checks that each query finds exactly these ids; none stands for a refusal.
    #[track_caller]
    pub(crate) fn check(&self, table: &[(&str, Option<&[&str]>)]) {
        for (search, expected) in table {
            let found = self.find(search);
            assert_eq!(
                found
                    .as_deref()
                    .ok()
                    .map(|ids| ids.iter().map(String::as_str).collect::<Vec<_>>())
                    .as_deref(),
                *expected,
                "{search}: {found:?}"
            );
        }
    }
}

/// Returns a query as it was understood.
pub(crate) fn read(search: &str) -> Result<SearchQuery, String> {
    let (kind, query) = search.split_once('?').unwrap();
    let kind: ResourceType = kind.parse().unwrap();
    let parameters: Vec<(String, String)> = query
        .split('&')
        .map(|part| part.split_once('=').unwrap())
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let parsed = parse(kind, &parameters, BASE).map_err(|issues| format!("{issues:?}"))?;
    if parsed.unknown.is_empty() {
        Ok(parsed.query)
    } else {
        Err(format!("{:?}", parsed.unknown))
    }
}
