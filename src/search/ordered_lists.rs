//! Lists that are kept in order: combinations of parameters by which clients page through what is
//! theirs. Such a page costs the same however many resources the list has, and its order is that of
//! [`sort_rows`](super::sort_rows).

use super::codings::other_spellings;
use super::entry::{IndexEntry, IndexValue};
use super::query::{Clause, SearchQuery, Sort, SortBy, SortOrder, Test};
use crate::fhir::ResourceType;

/// The most lists that are read for one query.
const LISTS_MAX: usize = 64;
/// The most bytes of a text that names a list: a longer one may be cut in keys, and no list is read
/// for it.
pub const LIST_TEXT_BYTES_MAX: usize = 199;

/// A kind of lists: each is of the resources that share a value of each of some parameters.
#[derive(Debug)]
pub struct OrderedList {
    /// The type of the resources.
    pub resource_type: ResourceType,
    /// The name among the marks of definitions, and in keys: no code has such signs in it.
    pub name: &'static str,
    /// The parameters of the shared values: references and tokens.
    pub shared: &'static [&'static str],
    /// The parameter of the order, a date: the earliest first, and last what has none.
    pub by: &'static str,
}

/// The lists that are kept.
pub const ORDERED_LISTS: &[OrderedList] = &[
    OrderedList {
        resource_type: ResourceType::Task,
        name: "owner+business-status^due",
        shared: &["owner", "business-status"],
        by: "due",
    },
    OrderedList {
        resource_type: ResourceType::Task,
        name: "owner+status^due",
        shared: &["owner", "status"],
        by: "due",
    },
];

/// The place of a resource: the values that name its list, and its span in the order of the list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ListPlace {
    /// The list: one text for each of the shared values.
    pub list: Vec<String>,
    /// The first microsecond, and the first one after the span; none if it has none.
    pub span: Option<(i64, i64)>,
}

/// The lists that hold exactly what a query finds.
#[derive(Debug)]
pub struct AskedLists {
    /// Their kind.
    pub kind: &'static OrderedList,
    /// The lists themselves.
    pub lists: Vec<Vec<String>>,
    /// Lists in which some of what the query finds may stand too, and some other: what is in them
    /// has to be judged.
    pub doubtful: Vec<Vec<String>>,
}

impl OrderedList {
    /// Returns the places that a resource of the type has with these entries.
    pub fn places(&self, entries: &[IndexEntry]) -> Vec<ListPlace> {
        let mut lists = vec![Vec::new()];
        for code in self.shared {
            let mut values: Vec<String> =
                values_of(entries, code).filter_map(shared_text).collect();
            values.sort();
            values.dedup();
            lists = product(&lists, &values);
        }
        let dates = values_of(entries, self.by).filter_map(|value| match value {
            IndexValue::Date { from_us, until_us } => Some((*from_us, *until_us)),
            _ => None,
        });
        let span = dates.min();
        let place = |list| ListPlace { list, span };
        lists.into_iter().map(place).collect()
    }

    /// Returns the name of this kind among the marks of definitions, as `Task?owner`.
    pub fn mark_name(&self) -> String {
        format!("{}?{}", self.resource_type, self.name)
    }

    /// Returns the codes of the parameters of whose values the places are made.
    pub fn codes(&self) -> impl Iterator<Item = &'static str> {
        self.shared.iter().copied().chain([self.by])
    }

    /// Returns the lists of this kind that hold what a settled query finds, in its order; none if
    /// it asks for something else.
    fn asked(&'static self, query: &SearchQuery) -> Option<AskedLists> {
        let in_order = match query.sort.as_slice() {
            [] => query.count == 0,
            [
                Sort {
                    by: SortBy::Parameter(by),
                    order: SortOrder::Ascending,
                },
            ] => by == self.by,
            _ => false,
        };
        let is_of_type = query.types.as_slice() == [self.resource_type];
        if !in_order || !is_of_type || query.clauses.len() != self.shared.len() {
            return None;
        }
        let (mut lists, mut doubtful) = (vec![Vec::new()], Vec::new());
        for code in self.shared {
            let mut of_code = query.clauses.iter().filter_map(|clause| match clause {
                Clause::Parameter {
                    code: asked,
                    any_of,
                } if asked == code => Some(any_of),
                _ => None,
            });
            let (sure, other) = asked_texts(of_code.next()?)?;
            let all: Vec<String> = sure.iter().chain(&other).cloned().collect();
            doubtful = product(&doubtful, &all);
            doubtful.extend(product(&lists, &other));
            lists = product(&lists, &sure);
            if lists.len() + doubtful.len() > LISTS_MAX {
                return None;
            }
        }
        Some(AskedLists {
            kind: self,
            lists,
            doubtful,
        })
    }
}

/// Returns the lists that hold exactly what a settled query finds, in its order; none if no kept
/// lists do.
pub fn asked_lists(query: &SearchQuery) -> Option<AskedLists> {
    ORDERED_LISTS.iter().find_map(|kind| kind.asked(query))
}

fn values_of<'e>(entries: &'e [IndexEntry], code: &str) -> impl Iterator<Item = &'e IndexValue> {
    let of_code = entries.iter().filter(move |entry| entry.parameter == code);
    of_code.map(|entry| &entry.value)
}

/// Returns each list with each of the values after it.
fn product(lists: &[Vec<String>], values: &[String]) -> Vec<Vec<String>> {
    let with = |list: &Vec<String>, value: &String| list.iter().chain([value]).cloned().collect();
    let each = |list| values.iter().map(move |value| with(list, value));
    lists.iter().flat_map(each).collect()
}

fn reference_text(target: &str) -> String {
    format!("r{target}")
}

/// Returns the text of a code, whatever its system.
fn code_text(code: &str) -> String {
    format!("c{code}")
}

fn shared_text(value: &IndexValue) -> Option<String> {
    match value {
        IndexValue::Reference(target) => Some(reference_text(target)),
        IndexValue::Token { code, .. } => Some(code_text(code)),
        IndexValue::Date { .. }
        | IndexValue::Text(_)
        | IndexValue::Uri(_)
        | IndexValue::Quantity { .. }
        | IndexValue::Composite(_) => None,
    }
}

/// Returns the texts of the values that pass any of the tests, and of those of which some may; none
/// for a test of which they say nothing.
fn asked_texts(any_of: &[Test]) -> Option<(Vec<String>, Vec<String>)> {
    let (mut sure, mut other) = (Vec::new(), Vec::new());
    for test in any_of {
        match test {
            Test::Reference(target) => sure.push(reference_text(target)),
            Test::ReferenceIn(targets) => {
                sure.extend(targets.iter().map(|target| reference_text(target)));
            }
            Test::Token {
                system: None,
                code: Some(code),
            } => {
                sure.push(code_text(code));
                let spellings = other_spellings(code).into_iter();
                other.extend(spellings.map(|(_, code)| code_text(&code)));
            }
            _ => return None,
        }
    }
    for texts in [&mut sure, &mut other] {
        texts.sort();
        texts.dedup();
    }
    other.retain(|text| !sure.contains(text));
    let is_whole = |text: &String| text.len() <= LIST_TEXT_BYTES_MAX;
    sure.iter()
        .chain(&other)
        .all(is_whole)
        .then_some((sure, other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::parameters::{ParameterKind, parameters_of};

    fn reference(code: &str, target: &str) -> IndexEntry {
        IndexEntry::new(code, IndexValue::Reference(target.to_owned()))
    }

    fn token(code: &str, system: &str, value: &str) -> IndexEntry {
        let (system, code_value) = (system.to_owned(), value.to_owned());
        IndexEntry::new(
            code,
            IndexValue::Token {
                system,
                code: code_value,
            },
        )
    }

    fn due(from_us: i64) -> IndexEntry {
        let until_us = from_us + 1;
        IndexEntry::new("due", IndexValue::Date { from_us, until_us })
    }

    #[test]
    fn lists_are_of_references_and_tokens_and_ordered_by_a_date() {
        for kind in ORDERED_LISTS {
            let kind_of = |code: &str| {
                let mut known = parameters_of(kind.resource_type);
                let found = known.find(|parameter| parameter.code == code);
                found.map(|parameter| parameter.kind)
            };
            for code in kind.shared {
                let found = kind_of(code);
                let expected = [ParameterKind::Reference, ParameterKind::Token];
                assert!(
                    found.is_some_and(|found| expected.contains(&found)),
                    "{code}"
                );
            }
            assert_eq!(kind_of(kind.by), Some(ParameterKind::Date), "{}", kind.name);
        }
    }

    #[test]
    fn a_resource_has_a_place_in_each_list_of_its_values() {
        let entries = [
            reference("owner", "Organization/a"),
            reference("owner", "Organization/b"),
            token("business-status", "s", "overdue"),
            token("business-status", "t", "overdue"),
            due(9),
            due(4),
        ];
        let kind = &ORDERED_LISTS[0];
        let lists: Vec<_> = kind.places(&entries);
        let place = |owner: &str| ListPlace {
            list: vec![format!("rOrganization/{owner}"), "coverdue".to_owned()],
            span: Some((4, 5)),
        };
        assert_eq!(lists, [place("a"), place("b")]);
        assert!(ORDERED_LISTS[1].places(&entries).is_empty(), "no status");
        assert_eq!(kind.places(&entries[..3])[0].span, None);
    }

    #[test]
    fn only_queries_whose_answer_is_a_list_are_answered_by_one() {
        let owner = || Clause::reference("owner", "Organization/a");
        let status = |system: Option<&str>, code: Option<&str>| Clause::Parameter {
            code: "business-status".to_owned(),
            any_of: vec![Test::Token {
                system: system.map(str::to_owned),
                code: code.map(str::to_owned),
            }],
        };
        let by = |code: &str, order| {
            let by = SortBy::Parameter(code.to_owned());
            vec![Sort { by, order }]
        };
        let overdue = || status(None, Some("overdue"));
        let due = || by("due", SortOrder::Ascending);
        for (clauses, sort, count, expected) in [
            (vec![owner(), overdue()], due(), 20, true),
            (vec![overdue(), owner()], due(), 20, true),
            (vec![owner(), overdue()], vec![], 0, true),
            (vec![owner(), overdue()], vec![], 20, false),
            (
                vec![owner(), overdue()],
                by("due", SortOrder::Descending),
                20,
                false,
            ),
            (
                vec![owner(), overdue()],
                by("modified", SortOrder::Ascending),
                20,
                false,
            ),
            (
                vec![owner(), status(Some("s"), Some("overdue"))],
                due(),
                20,
                false,
            ),
            (vec![owner(), status(None, None)], due(), 20, false),
            (vec![owner()], due(), 20, false),
            (vec![owner(), owner()], due(), 20, false),
            (vec![owner(), overdue(), owner()], due(), 20, false),
        ] {
            let query = SearchQuery {
                sort,
                count,
                ..SearchQuery::all(ResourceType::Task, clauses)
            };
            assert_eq!(asked_lists(&query).is_some(), expected, "{query:?}");
        }
    }
}
