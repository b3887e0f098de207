//! The parts that are put into a resource of some type, or into an extension, as the tables beside
//! this file say.

use serde_json::{Value, json};

use super::mutant::{Mutant, RAW};
use super::place::grafted;

const GRAFTS: &str = include_str!("grafts.txt");
const VALUES: &str = include_str!("values.txt");

/// Makes the mutants that the tables make of a resource.
pub(crate) fn mutants(resource: &Value, made: &mut Vec<Mutant>) {
    let resource_type = resource["resourceType"].as_str().unwrap_or_default();
    for [types, kind, pointer, raw] in rows(GRAFTS) {
        if types != "*" && !types.split('|').any(|name| name == resource_type) {
            continue;
        }
        if let Some(value) = grafted(resource, pointer, json!(RAW)) {
            let path = resource_type.to_owned() + &pointer.replace('/', ".");
            made.push(Mutant::raw(kind, path, &value, raw));
        }
    }
    for [name, kind, raw] in rows(VALUES) {
        let extension = json!({ "url": "http://example.org/x", name: RAW });
        if let Some(value) = grafted(resource, "/extension/-", extension) {
            made.push(Mutant::raw(
                &format!("{name}:{kind}"),
                format!("{resource_type}.extension"),
                &value,
                raw,
            ));
        }
    }
}

/// Returns the rows of a table: columns between blanks, the last one as it stands.
fn rows<const COLUMNS: usize>(
    table: &'static str,
) -> impl Iterator<Item = [&'static str; COLUMNS]> {
    table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| {
            let mut rest = line;
            let mut row = [""; COLUMNS];
            for (at, column) in row.iter_mut().enumerate() {
                let ends = if at + 1 == COLUMNS {
                    rest.len()
                } else {
                    rest.find(' ')?
                };
                *column = &rest[..ends];
                rest = rest[ends..].trim_start();
            }
            Some(row)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_tables_is_a_row_and_every_kind_stands_once_for_a_type() {
        let lines = |table: &'static str| {
            table
                .lines()
                .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
                .count()
        };
        assert_eq!(rows::<4>(GRAFTS).count(), lines(GRAFTS));
        assert_eq!(rows::<3>(VALUES).count(), lines(VALUES));
        for [_, kind, pointer, raw] in rows::<4>(GRAFTS) {
            assert!(pointer.starts_with('/') && kind.len() > 1, "{kind}");
            assert!(serde_json::from_str::<Value>(raw).is_ok(), "{kind}: {raw}");
        }
        let mut keys: Vec<_> = rows::<4>(GRAFTS)
            .map(|[types, kind, ..]| (types, kind))
            .collect();
        keys.extend(rows::<3>(VALUES).map(|[name, kind, _]| (name, kind)));
        let before = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), before);
    }
}
