//! Search against its definition: whatever was written, every state is searched as
//! [`frist::search::matches`] says.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use frist::fhir::{Id, ResourceKey, ResourceType, Version};
use frist::search::{
    Clause, IndexEntry, IndexValue, Prefix, Row, SearchQuery, Sort, SortBy, SortOrder, Test,
    TooMany, matches, resolve_links, sort_rows,
};
use frist::storage::{ChangeSet, Position, Precondition, Store};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::store_contract::words::{Fixture, changes, commit, delete, keys_of, noon, put};

/// One step of a made-up past: which resource, and its entries; none deletes it if it is there.
type Step = (ResourceKey, Option<Vec<IndexEntry>>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = proptest::sample::select(&[ResourceType::Task, ResourceType::Goal][..]);
    let resource = (kind, 0..5_u8)
        .prop_map(|(kind, number)| ResourceKey::new(kind, Id::parse(&number.to_string()).unwrap()));
    let entries = prop::option::weighted(
        0.85,
        prop::collection::vec(
            (parameter(), value()).prop_map(|(p, v)| IndexEntry::new(p, v)),
            0..5,
        ),
    );
    prop::collection::vec((resource, entries), 1..30)
}

fn parameter() -> impl Strategy<Value = String> {
    "[abc]"
}

fn word() -> impl Strategy<Value = String> {
    "[xy\\x00]{0,2}"
}

fn address() -> impl Strategy<Value = String> {
    "[a/]{0,4}"
}

/// Makes the keys that chains follow, `Task/0` to `Goal/6`.
fn target() -> impl Strategy<Value = String> {
    (proptest::sample::select(&["Task", "Goal"][..]), 0..7_u8)
        .prop_map(|(kind, number)| format!("{kind}/{number}"))
}

fn value() -> impl Strategy<Value = IndexValue> {
    prop_oneof![
        (word(), word()).prop_map(|(system, code)| IndexValue::Token { system, code }),
        word().prop_map(IndexValue::Reference),
        target().prop_map(IndexValue::Reference),
        (-4..4_i64, -4..4_i64)
            .prop_map(|(from_us, until_us)| IndexValue::Date { from_us, until_us }),
        "[axXæåÅéß ]{0,3}".prop_map(IndexValue::Text),
        address().prop_map(IndexValue::Uri),
        (-4..4_i128, -4..4_i128, word(), word()).prop_map(|(from, until, system, code)| {
            IndexValue::Quantity {
                from,
                until,
                system,
                code,
            }
        }),
        prop::collection::vec(
            ("[xy]", "[xy]").prop_map(|(system, code)| IndexValue::Token { system, code }),
            1..3
        )
        .prop_map(IndexValue::Composite),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    use Prefix::*;
    let prefixes = || proptest::sample::select(&[Eq, Ne, Gt, Lt, Ge, Le, Sa, Eb, Ap][..]);
    let token = |word: &'static str| {
        (prop::option::of(word), prop::option::of(word))
            .prop_map(|(system, code)| Test::Token { system, code })
    };
    prop_oneof![
        (prop::option::of(word()), prop::option::of(word()))
            .prop_map(|(system, code)| Test::Token { system, code }),
        word().prop_map(Test::Reference),
        (prefixes(), -4..4_i64, -4..4_i64).prop_map(|(prefix, from_us, until_us)| Test::Date {
            prefix,
            from_us,
            until_us
        }),
        target().prop_map(Test::Reference),
        prop::collection::btree_set(target(), 0..3).prop_map(Test::ReferenceIn),
        "[axæåes ]{0,2}".prop_map(Test::StartsWith),
        "[axæåes ]{0,2}".prop_map(Test::Contains),
        "[axXæåÅéß ]{0,3}".prop_map(Test::Exactly),
        address().prop_map(Test::Uri),
        address().prop_map(Test::UriBelow),
        address().prop_map(Test::UriAbove),
        (
            prefixes(),
            -4..4_i128,
            -4..4_i128,
            prop::option::of(word()),
            prop::option::of(word())
        )
            .prop_map(|(prefix, from, until, system, code)| Test::Quantity {
                prefix,
                from,
                until,
                system,
                code
            }),
        prop::collection::vec(token("[xy]"), 1..3).prop_map(Test::Composite),
    ]
}

/// Makes a condition on the resource alone.
fn lone_clause() -> BoxedStrategy<Clause> {
    let tests = || prop::collection::vec(test(), 0..4);
    let instants = prop::collection::vec(test(), 0..3).prop_map(|tests| {
        let moved = |test| match test {
            // Around the instants of the made-up past, which begin at noon and go up by a
            // microsecond or more.
            Test::Date {
                prefix,
                from_us,
                until_us,
            } => {
                let base = noon().as_microsecond() + 10;
                Test::Date {
                    prefix,
                    from_us: base + 3 * from_us,
                    until_us: base + 3 * until_us,
                }
            }
            other => other,
        };
        Clause::LastUpdated(tests.into_iter().map(moved).collect())
    });
    let keys = prop::collection::btree_set(
        target().prop_map(|key| ResourceKey::parse(&key).unwrap()),
        0..4,
    );
    prop_oneof![
        1 => prop::collection::vec((0..7_u8).prop_map(|id| Id::parse(&id.to_string()).unwrap()), 0..3).prop_map(Clause::Ids),
        1 => keys.prop_map(Clause::Keys),
        1 => instants,
        6 => (parameter(), tests()).prop_map(|(code, any_of)| Clause::Parameter { code, any_of }),
        1 => (parameter(), tests()).prop_map(|(code, any_of)| Clause::Not { code, any_of }),
        1 => (parameter(), any::<bool>()).prop_map(|(code, is_missing)| Clause::Missing { code, is_missing }),
    ]
    .boxed()
}

/// Makes a condition that may follow references, in up to so many steps.
fn clause(steps: u32) -> BoxedStrategy<Clause> {
    if steps == 0 {
        return lone_clause();
    }
    let kind = || proptest::sample::select(&[ResourceType::Task, ResourceType::Goal][..]);
    let other = move || {
        (kind(), prop::collection::vec(clause(steps - 1), 0..2))
            .prop_map(|(kind, clauses)| SearchQuery::all(kind, clauses))
    };
    prop_oneof![
        5 => lone_clause(),
        1 => (parameter(), prop::collection::vec(other(), 0..3)).prop_map(|(code, any_of)| Clause::Chain { code, any_of }),
        1 => (parameter(), other()).prop_map(|(code, source)| Clause::Has { code, source: Box::new(source) }),
    ]
    .boxed()
}

fn query() -> impl Strategy<Value = SearchQuery> {
    let by = prop_oneof![
        Just(SortBy::Id),
        Just(SortBy::LastUpdated),
        parameter().prop_map(SortBy::Parameter)
    ];
    let sort = prop::collection::vec(
        (by, any::<bool>()).prop_map(|(by, is_descending)| Sort {
            by,
            order: if is_descending {
                SortOrder::Descending
            } else {
                SortOrder::Ascending
            },
        }),
        0..3,
    );
    let types = prop::sample::subsequence(vec![ResourceType::Task, ResourceType::Goal], 1..=2);
    (
        types,
        prop::collection::vec(clause(2), 0..3),
        sort,
        0..4_usize,
        prop_oneof![Just(usize::MAX), 0..5_usize],
    )
        .prop_map(|(types, clauses, sort, offset, count)| SearchQuery {
            types,
            clauses,
            sort,
            offset,
            count,
            ..SearchQuery::all(ResourceType::Task, vec![])
        })
}

/// The resources as they were in one state: version, instant, entries; no entries if it was deleted.
pub(crate) type Known = BTreeMap<ResourceKey, (Version, Timestamp, Option<Vec<IndexEntry>>)>;

fn row<'a>(
    (key, known): (
        &'a ResourceKey,
        &'a (Version, Timestamp, Option<Vec<IndexEntry>>),
    ),
) -> Option<Row<'a>> {
    known.2.as_ref().map(|entries| Row {
        key,
        last_updated: known.1,
        entries,
    })
}

pub(crate) fn expected_page(query: &SearchQuery, state: &Known) -> (usize, Vec<String>) {
    // What is asked about other resources comes to what the same definition finds in the whole
    // state.
    let mut find = |query: &SearchQuery, code: Option<&str>, _: usize| {
        let found = state
            .iter()
            .filter_map(row)
            .filter(|row| matches(query, *row));
        let entries = |row: Row<'_>| {
            row.entries
                .iter()
                .filter(|entry| Some(&*entry.parameter) == code)
                .cloned()
                .collect()
        };
        Ok::<_, TooMany>(found.map(|row| (row.key.clone(), entries(row))).collect())
    };
    let query = &resolve_links(query, &mut find).unwrap();
    let mut rows: Vec<Row<'_>> = state
        .iter()
        .filter_map(row)
        .filter(|row| matches(query, *row))
        .collect();
    sort_rows(&mut rows, &query.sort, |row| *row);
    let page = rows.iter().skip(query.offset).take(query.count);
    (
        rows.len(),
        page.map(|row| format!("{}/{}", row.key, state[row.key].0))
            .collect(),
    )
}

fn values_of(kind: ResourceType, parameter: &str, state: &Known) -> BTreeSet<IndexValue> {
    let entries = state
        .iter()
        .filter(|(key, _)| key.resource_type == kind)
        .filter_map(row)
        .flat_map(|row| row.entries);
    entries
        .filter(|entry| entry.parameter == parameter)
        .map(|entry| entry.value.clone())
        .collect()
}

pub(crate) fn a_search_finds_exactly_what_matches_in_every_state(fixture: &dyn Fixture) {
    let config = |cases| ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config(12), |(steps in steps(), queries in prop::collection::vec((query(), 0..40_u64), 100))| {
        check(fixture, steps, queries)?;
    });
    proptest!(config(8), |(steps in listed_steps(), queries in prop::collection::vec((listed_query(), 0..40_u64), 60))| {
        check(fixture, steps, queries)?;
    });
}

/// Carries out the steps, and asks each query in the state after so many of them.
fn check(
    fixture: &dyn Fixture,
    steps: Vec<Step>,
    queries: Vec<(SearchQuery, u64)>,
) -> Result<(), TestCaseError> {
    let fixture = fixture.another();
    let store = fixture.open();
    let mut states = vec![Known::new()];
    for (key, entries) in steps {
        let mut state = states.last().unwrap().clone();
        let previous = state.get(&key).map(|(version, ..)| *version);
        let write = match &entries {
            Some(entries) => put(&key, previous, entries.clone()),
            None => delete(&key, previous),
        };
        let committed = commit(&*store, write);
        state.insert(key, (Version::after(previous), committed.instant, entries));
        states.push(state);
    }
    for (query, position) in queries {
        check_query(&*store, query, position, &states)?;
    }
    check_values(&*store, states.last().unwrap())?;
    drop(store);
    prop_assert_eq!(fixture.findings(), Vec::<String>::new());
    Ok(())
}

fn check_query(
    store: &dyn Store,
    query: SearchQuery,
    position: u64,
    states: &[Known],
) -> Result<(), TestCaseError> {
    let last = states.len() as u64 - 1;
    let asked = (position <= last).then_some(Position(position));
    let page = store.search(&query, asked).unwrap();
    let state = &states[asked.unwrap_or(Position(last)).0 as usize];
    let (found, expected) = (keys_of(&page.matches), expected_page(&query, state));
    prop_assert_eq!((page.total, found), expected, "{:?} at {:?}", query, asked);
    let now = SearchQuery {
        offset: 0,
        count: usize::MAX,
        sort: vec![],
        ..query.clone()
    };
    let matches = store.search(&now, None).unwrap().matches.into_iter();
    let keys: Vec<ResourceKey> = matches.map(|stored| stored.key).collect();
    prop_assert_eq!(&store.search_keys(&query).unwrap(), &keys, "{:?}", query);
    for most in [1, 2, keys.len(), keys.len() + 1] {
        let queries = std::slice::from_ref(&query);
        let few = store.search_few_keys(queries, most).unwrap().remove(0);
        prop_assert_eq!(few.len(), most.min(keys.len()), "{:?}", query);
        let are_of_them = few.is_sorted() && few.iter().all(|key| keys.contains(key));
        prop_assert!(are_of_them, "{:?}", query);
    }
    let conditional = ChangeSet {
        preconditions: vec![Precondition::Matches(now, keys)],
        ..changes(vec![])
    };
    let agreed = !position.is_multiple_of(8) || store.commit(conditional).is_ok();
    prop_assert!(agreed, "the writer finds something else");
    Ok(())
}

fn check_values(store: &dyn Store, state: &Known) -> Result<(), TestCaseError> {
    let kinds = [ResourceType::Task, ResourceType::Goal].into_iter();
    for (kind, code) in kinds.flat_map(|kind| ["a", "b", "c"].map(|code| (kind, code))) {
        let values = values_of(kind, code, state);
        let found = store.values(kind, code, values.len()).unwrap();
        prop_assert_eq!(found, Some(values.clone()), "{:?} {}", kind, code);
        let fewer = values.len().checked_sub(1);
        let fewer = fewer.map(|most| store.values(kind, code, most).unwrap());
        prop_assert!(
            fewer.is_none_or(|found| found.is_none()),
            "{:?} {}",
            kind,
            code
        );
    }
    Ok(())
}

/// Makes a past of Tasks whose owners, statuses and dates are few, so that many stand in one list.
fn listed_steps() -> impl Strategy<Value = Vec<Step>> {
    let task = (0..9_u8).prop_map(|number| {
        // One id is the beginning of another.
        let id = "a".repeat(usize::from(number) + 1);
        ResourceKey::new(ResourceType::Task, Id::parse(&id).unwrap())
    });
    let entry = prop_oneof![
        3 => "[ab]".prop_map(|owner| IndexEntry::new("owner", IndexValue::Reference(owner))),
        3 => (prop::sample::select(&["status", "business-status"][..]), "[st]?", code())
            .prop_map(|(parameter, system, code)| IndexEntry::new(parameter, IndexValue::Token { system, code })),
        2 => (-2..3_i64, -2..3_i64)
            .prop_map(|(from_us, until_us)| IndexEntry::new("due", IndexValue::Date { from_us, until_us })),
    ];
    let entries = prop::option::weighted(0.9, prop::collection::vec(entry, 2..7));
    prop::collection::vec((task, entries), 1..30)
}

/// Makes codes, among them one that may be written otherwise.
fn code() -> impl Strategy<Value = String> {
    prop::sample::select(&["x", "overdue", "J44.9", "DJ449"][..]).prop_map(str::to_owned)
}

/// Makes queries for lists, and some that are nearly such.
fn listed_query() -> impl Strategy<Value = SearchQuery> {
    let owner = prop::collection::vec("[abc]".prop_map(Test::Reference), 1..3);
    let status =
        (prop::option::weighted(0.1, "[st]"), code()).prop_map(|(system, code)| Test::Token {
            system,
            code: Some(code),
        });
    let status = prop::collection::vec(status, 1..3);
    let parameter = prop::sample::select(&["status", "business-status"][..]);
    let sort = prop_oneof![
        6 => Just(Some(("due", SortOrder::Ascending))),
        1 => Just(Some(("due", SortOrder::Descending))),
        1 => Just(None),
    ];
    let count = prop_oneof![Just(usize::MAX), 0..5_usize];
    (owner, parameter, status, sort, 0..3_usize, count).prop_map(
        |(owner, parameter, status, sort, offset, count)| {
            let clause = |code: &str, any_of| Clause::Parameter {
                code: code.to_owned(),
                any_of,
            };
            let by = |(code, order): (&str, SortOrder)| Sort {
                by: SortBy::Parameter(code.to_owned()),
                order,
            };
            SearchQuery {
                sort: sort.map(by).into_iter().collect(),
                offset,
                count,
                ..SearchQuery::all(
                    ResourceType::Task,
                    vec![clause("owner", owner), clause(parameter, status)],
                )
            }
        },
    )
}
