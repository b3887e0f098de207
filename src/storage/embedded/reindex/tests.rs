//! Reindexing against its definition: whatever is written, searched, stopped and damaged meanwhile,
//! every state is searched as [`crate::search::matches`] says, by the definitions in use.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::engine::{Engine, StoreOptions};
use super::super::index_keys::{index_keys, index_keys_of};
use super::super::kv::{Batch, Table};
use super::super::record::put_record;
use super::super::store::EmbeddedStore;
use super::state::MADE_BY;
use super::waiting::waits_for;
use crate::fhir::{Id, Resource, ResourceKey, ResourceType, Version};
use crate::search::{
    Clause, IndexEntry, IndexValue, Row, SearchQuery, Sort, SortBy, SortOrder, Test, TooMany,
    matches, resolve_links, sort_rows,
};
use crate::storage::{
    ChangeSet, Commits, Indexing, Marks, Method, Position, Precondition, ReindexError, ReindexFrom,
    Reindexed, Resources, SearchError, StoredContent, Upkeep, Wish, Write,
};

// ---- Two sets of definitions ----

/// Two ways to make entries of the words of a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DefinitionSet {
    /// `a`, `b` and `c` are the words of that name, `r` what is referred to.
    First,
    /// `b` is written otherwise, `c` is gone, and its words are found by `d`.
    Second,
}

use DefinitionSet::{First, Second};

impl DefinitionSet {
    fn codes(self) -> [(&'static str, &'static str); 4] {
        match self {
            First => [("a", "1"), ("b", "1"), ("c", "1"), ("r", "1")],
            Second => [("a", "1"), ("b", "2"), ("d", "1"), ("r", "1")],
        }
    }

    fn marks(self) -> Marks {
        let of_type = |held: &str| {
            self.codes()
                .map(|(code, mark)| (format!("{held}?{code}"), mark.to_owned()))
        };
        ["Task", "Goal"]
            .iter()
            .flat_map(|held| of_type(held))
            .collect()
    }

    fn entries(self, value: &Value) -> Vec<IndexEntry> {
        let texts = |name: &str| {
            value[name]
                .as_array()
                .unwrap()
                .iter()
                .map(|text| text.as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let tokens = |code: &'static str, words: Vec<String>| {
            words.into_iter().map(move |word| {
                IndexEntry::new(
                    code,
                    IndexValue::Token {
                        system: String::new(),
                        code: word,
                    },
                )
            })
        };
        let written = |word: String| {
            if self == First {
                word
            } else {
                word.chars().rev().collect::<String>() + "!"
            }
        };
        let references = texts("r")
            .into_iter()
            .map(|target| IndexEntry::new("r", IndexValue::Reference(target)));
        let third = if self == First { "c" } else { "d" };
        let second = texts("b").into_iter().map(written).collect();
        let entries = tokens("a", texts("a"))
            .chain(tokens("b", second))
            .chain(tokens(third, texts("c")))
            .chain(references);
        let entries: BTreeSet<IndexEntry> = entries.collect();
        entries.into_iter().collect()
    }

    fn open(self, path: &Path, engine: Engine) -> EmbeddedStore {
        EmbeddedStore::open_indexed(
            path,
            engine,
            StoreOptions {
                cache_bytes: 1 << 20,
            },
            &self.marks(),
        )
        .unwrap()
    }

    fn reindex(
        self,
        store: &EmbeddedStore,
        from: ReindexFrom,
        watch: &mut dyn FnMut(&Reindexed) -> Wish,
    ) -> Result<Option<Reindexed>, ReindexError> {
        let entries_of = |_: ResourceType, body: &[u8]| {
            Some(self.entries(&serde_json::from_slice(body).unwrap()))
        };
        store.reindex(
            Indexing {
                marks: &self.marks(),
                entries_of: &entries_of,
            },
            from,
            watch,
        )
    }

    fn have_all_of(self, query: &SearchQuery) -> bool {
        let unknown = if self == First { "d" } else { "c" };
        waits_for(
            query,
            &["Task", "Goal"]
                .map(|held| format!("{held}?{unknown}"))
                .into(),
        )
        .is_none()
    }

    /// Tells whether the query does not depend on what the two sets say differently.
    fn is_same_in_both(query: &SearchQuery) -> bool {
        let differ = ["b", "c", "d"]
            .iter()
            .flat_map(|code| [format!("Task?{code}"), format!("Goal?{code}")])
            .collect();
        waits_for(query, &differ).is_none()
    }
}

// ---- A made-up past ----

/// One step: which resource, and its words; none deletes it if it is there.
type MadeUpWrite = (ResourceKey, Option<[Vec<String>; 4]>);

fn resource() -> impl Strategy<Value = ResourceKey> {
    let kind = proptest::sample::select(&[ResourceType::Task, ResourceType::Goal][..]);
    (kind, 0..4_u8)
        .prop_map(|(kind, number)| ResourceKey::new(kind, Id::parse(&number.to_string()).unwrap()))
}

fn change() -> impl Strategy<Value = MadeUpWrite> {
    let words = || prop::collection::vec("[xy]{1,2}", 0..3);
    let targets = prop::collection::vec(resource().prop_map(|key| key.to_string()), 0..2);
    let content = (words(), words(), words(), targets).prop_map(|(a, b, c, r)| [a, b, c, r]);
    (resource(), prop::option::weighted(0.85, content))
}

fn query() -> impl Strategy<Value = SearchQuery> {
    let code = || prop_oneof![2 => Just("a".to_owned()), 1 => "[bcd]"];
    let kind = || proptest::sample::select(&[ResourceType::Task, ResourceType::Goal][..]);
    let test = "[xy]{1,2}!?".prop_map(|code| {
        vec![Test::Token {
            system: None,
            code: Some(code),
        }]
    });
    let lone = (code(), test, 0..5_u8).prop_map(|(code, any_of, what)| match what {
        0 => Clause::Not { code, any_of },
        1 => Clause::Missing {
            code,
            is_missing: true,
        },
        2 => Clause::Missing {
            code,
            is_missing: false,
        },
        _ => Clause::Parameter { code, any_of },
    });
    let other =
        (kind(), lone.clone()).prop_map(|(kind, clause)| SearchQuery::all(kind, vec![clause]));
    let clause = prop_oneof![
        5 => lone,
        1 => other.clone().prop_map(|query| Clause::Chain { code: "r".to_owned(), any_of: vec![query] }),
        1 => other.prop_map(|source| Clause::Has { code: "r".to_owned(), source: Box::new(source) }),
    ];
    let sort = prop::collection::vec((code(), any::<bool>()), 0..2);
    let types = prop::sample::subsequence(vec![ResourceType::Task, ResourceType::Goal], 1..=2);
    (types, prop::collection::vec(clause, 0..3), sort).prop_map(|(types, clauses, sort)| {
        let sort = sort
            .into_iter()
            .map(|(code, is_descending)| Sort {
                by: SortBy::Parameter(code),
                order: if is_descending {
                    SortOrder::Descending
                } else {
                    SortOrder::Ascending
                },
            })
            .collect();
        SearchQuery {
            types,
            sort,
            ..SearchQuery {
                clauses,
                ..SearchQuery::all(ResourceType::Task, vec![])
            }
        }
    })
}

/// The resources after a change: version, instant, content; no content if one was deleted.
type Known = BTreeMap<ResourceKey, (Version, Timestamp, Option<Value>)>;

/// A store and all that it should say.
struct ExpectedStore {
    states: Vec<Known>,
}

impl ExpectedStore {
    fn write(
        &mut self,
        store: &EmbeddedStore,
        definitions: DefinitionSet,
        (key, words): &MadeUpWrite,
    ) {
        let mut state = self.states.last().unwrap().clone();
        let previous = state.get(key).map(|(version, ..)| *version);
        let content =
            words.as_ref().map(|[a, b, c, r]| json!({ "resourceType": key.resource_type.as_str(), "a": a, "b": b, "c": c, "r": r }));
        let stored = content.as_ref().map(|value| StoredContent {
            body: Resource::parse(value.to_string().as_bytes())
                .unwrap()
                .stamped(&key.id, Version::after(previous)),
            entries: definitions.entries(value),
        });
        let method = if content.is_some() {
            Method::Put
        } else {
            Method::Delete
        };
        let write = Write {
            key: key.clone(),
            previous,
            method,
            content: stored,
        };
        let committed = store
            .commit(ChangeSet {
                writes: vec![write],
                ..nothing()
            })
            .unwrap();
        state.insert(
            key.clone(),
            (Version::after(previous), committed.instant, content),
        );
        self.states.push(state);
        assert_eq!(committed.position, self.last());
    }

    fn last(&self) -> Position {
        Position(self.states.len() as u64 - 1)
    }

    /// Finds what the query matches by these definitions.
    fn expected(
        &self,
        definitions: DefinitionSet,
        query: &SearchQuery,
        position: Position,
    ) -> Vec<String> {
        let state: BTreeMap<&ResourceKey, (Version, Timestamp, Vec<IndexEntry>)> = self.states
            [position.0 as usize]
            .iter()
            .filter_map(|(key, (version, instant, content))| {
                Some((
                    key,
                    (*version, *instant, definitions.entries(content.as_ref()?)),
                ))
            })
            .collect();
        let rows: Vec<Row<'_>> = state
            .iter()
            .map(|(key, (_, last_updated, entries))| Row {
                key,
                last_updated: *last_updated,
                entries,
            })
            .collect();
        let mut find = |query: &SearchQuery, code: Option<&str>, _: usize| {
            let found = rows.iter().filter(|row| matches(query, **row));
            let entries = |row: &Row<'_>| {
                row.entries
                    .iter()
                    .filter(|entry| Some(&*entry.parameter) == code)
                    .cloned()
                    .collect()
            };
            Ok::<_, TooMany>(found.map(|row| (row.key.clone(), entries(row))).collect())
        };
        let settled = resolve_links(query, &mut find).unwrap();
        let mut found: Vec<Row<'_>> = rows
            .iter()
            .filter(|row| matches(&settled, **row))
            .copied()
            .collect();
        sort_rows(&mut found, &query.sort, |row| *row);
        found
            .into_iter()
            .map(|row| format!("{}/{}", row.key, state[row.key].0))
            .collect()
    }

    /// Checks that each query is answered rightly, in the newest state and in one of the past; or refused, if
    /// it may be.
    fn check(
        &self,
        store: &EmbeddedStore,
        definitions: DefinitionSet,
        queries: &[SearchQuery],
        past: u64,
        is_done: bool,
    ) {
        // What is no parameter of the definitions is not asked for.
        for query in queries
            .iter()
            .filter(|query| definitions.have_all_of(query))
        {
            for position in [None, Some(Position(past % (self.last().0 + 1)))] {
                let told = store.search(query, position);
                let found = match told {
                    Ok(page) => page
                        .matches
                        .iter()
                        .map(|found| format!("{}/{}", found.key, found.version))
                        .collect::<Vec<_>>(),
                    Err(SearchError::BeingMade(_))
                        if !is_done && !DefinitionSet::is_same_in_both(query) =>
                    {
                        let conditions = vec![Precondition::Matches(query.clone(), vec![])];
                        assert!(
                            store
                                .commit(ChangeSet {
                                    preconditions: conditions,
                                    ..nothing()
                                })
                                .is_err(),
                            "the writer relies on it"
                        );
                        continue;
                    }
                    Err(error) => panic!("{error} to {query:?}"),
                };
                assert_eq!(
                    found,
                    self.expected(definitions, query, position.unwrap_or(self.last())),
                    "{query:?} at {position:?}"
                );
            }
        }
    }
}

fn nothing() -> ChangeSet {
    ChangeSet::at(Timestamp::UNIX_EPOCH)
}

/// Makes a store that was written by these definitions.
fn filled(
    path: &Path,
    engine: Engine,
    definitions: DefinitionSet,
    past: &[MadeUpWrite],
) -> (EmbeddedStore, ExpectedStore) {
    let (store, mut model) = (
        definitions.open(path, engine),
        ExpectedStore {
            states: vec![Known::new()],
        },
    );
    past.iter()
        .for_each(|change| model.write(&store, definitions, change));
    (store, model)
}

/// Damages the entries of a store, each in its own way.
fn damage(store: &EmbeddedStore, definitions: DefinitionSet, model: &ExpectedStore) {
    let mut batch = Batch::default();
    for (number, (key, (.., content))) in model.states.last().unwrap().iter().enumerate() {
        let entries = content
            .as_ref()
            .map(|content| definitions.entries(content))
            .unwrap_or_default();
        for (at, index_key) in index_keys_of(key, &entries).into_iter().enumerate() {
            match (number + at) % 3 {
                0 => batch.delete(Table::Index, index_key),
                1 => batch.put(Table::Index, index_key, b"no record of ours".to_vec()),
                _ => {}
            }
        }
        let foreign = IndexEntry::new(
            "a",
            IndexValue::Token {
                system: "of another".to_owned(),
                code: number.to_string(),
            },
        );
        for index_key in index_keys(key, &foreign) {
            put_record(&mut batch, Table::Index, index_key, &());
        }
    }
    put_record(&mut batch, Table::Index, b"no key of ours".to_vec(), &());
    store.shared.kv.apply(batch).unwrap();
}

// ---- What is promised ----

fn some_cases() -> ProptestConfig {
    ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

#[test]
fn what_is_found_is_right_at_every_step_by_old_and_by_new_definitions() {
    let steps = || prop::collection::vec(change(), 1..12);
    proptest!(some_cases(), |(past in steps(), meanwhile in steps(), queries in prop::collection::vec(query(), 12), at in 0..40_u64, stops in prop::collection::vec(1..6_usize, 0..4), back in any::<bool>())| {
        for engine in Engine::ALL {
            let folder = tempfile::tempdir().unwrap();
            let (store, mut model) = filled(folder.path(), *engine, First, &past);
            drop(store);
            let mut meanwhile = meanwhile.iter();
            // Each start goes on a little; one of them may be by the first definitions again.
            for (number, stop) in stops.iter().enumerate() {
                let definitions = if back && number == 1 { First } else { Second };
                let store = definitions.open(folder.path(), *engine);
                model.check(&store, definitions, &queries, at, !store.is_reindex_due());
                let mut left = *stop;
                let watch = &mut |_: &Reindexed| {
                    left -= 1;
                    if let Some(change) = meanwhile.next() {
                        model.write(&store, definitions, change);
                    }
                    model.check(&store, definitions, &queries, at, !store.is_reindex_due());
                    if left == 0 { Wish::Pause } else { Wish::GoOn }
                };
                definitions.reindex(&store, ReindexFrom::Rest, watch).unwrap();
            }
            let store = Second.open(folder.path(), *engine);
            let watch = &mut |_: &Reindexed| {
                if let Some(change) = meanwhile.next() {
                    model.write(&store, Second, change);
                }
                model.check(&store, Second, &queries, at, !store.is_reindex_due());
                Wish::GoOn
            };
            prop_assert!(Second.reindex(&store, ReindexFrom::Rest, watch).unwrap().is_some());
            model.check(&store, Second, &queries, at, true);
            prop_assert_eq!(store.verify(), Vec::<String>::new());
            drop(store);
            let store = Second.open(folder.path(), *engine);
            prop_assert!(!store.is_reindex_due());
            model.check(&store, Second, &queries, at, true);
        }
    });
}

#[test]
fn a_damaged_index_is_healed_while_others_write_whenever_it_is_stopped() {
    let steps = || prop::collection::vec(change(), 4..12);
    proptest!(some_cases(), |(past in steps(), meanwhile in steps(), queries in prop::collection::vec(query(), 12), stop in 1..8_usize)| {
        for engine in Engine::ALL {
            let folder = tempfile::tempdir().unwrap();
            let (store, mut model) = filled(folder.path(), *engine, First, &past);
            damage(&store, First, &model);
            prop_assert!(!store.verify().is_empty());
            let mut meanwhile = meanwhile.iter();
            let (mut left, mut from) = (stop, ReindexFrom::Beginning);
            let mut store = Some(store);
            loop {
                let open = store.take().unwrap_or_else(|| First.open(folder.path(), *engine));
                let watch = &mut |_: &Reindexed| {
                    left -= 1;
                    if let Some(change) = meanwhile.next() {
                        model.write(&open, First, change);
                    }
                    if left == 0 { Wish::Pause } else { Wish::GoOn }
                };
                if First.reindex(&open, from, watch).unwrap().is_some() {
                    prop_assert_eq!(open.verify(), Vec::<String>::new());
                    prop_assert!(!open.is_reindex_due());
                    model.check(&open, First, &queries, 3, true);
                    break;
                }
                prop_assert!(open.is_reindex_due());
                // The next start goes on, without being asked.
                (left, from) = (stop, ReindexFrom::Rest);
            }
        }
    });
}

/// Makes fifty Tasks with words that tell them apart.
fn tasks() -> Vec<MadeUpWrite> {
    let word = |number: u8| vec![format!("w{number}")];
    let key =
        |number: u8| ResourceKey::new(ResourceType::Task, Id::parse(&number.to_string()).unwrap());
    (0..50)
        .map(|number| {
            (
                key(number),
                Some([word(number), word(number % 7), word(number % 3), vec![]]),
            )
        })
        .collect()
}

#[test]
fn writers_and_readers_of_other_threads_see_nothing_of_it() {
    for engine in Engine::ALL {
        let folder = tempfile::tempdir().unwrap();
        let (store, mut model) = filled(folder.path(), *engine, First, &tasks());
        drop(store);
        let store = Second.open(folder.path(), *engine);
        let by = |code: &str, word: String| {
            let any_of = vec![Test::Token {
                system: None,
                code: Some(word),
            }];
            SearchQuery::all(
                ResourceType::Task,
                vec![Clause::Parameter {
                    code: code.to_owned(),
                    any_of,
                }],
            )
        };
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    for number in 0..50 {
                        let found = store
                            .search(&by("a", format!("w{number}")), None)
                            .unwrap()
                            .matches;
                        assert_eq!(
                            found
                                .iter()
                                .map(|found| found.key.id.as_str())
                                .collect::<Vec<_>>(),
                            [number.to_string()]
                        );
                        match store.search(&by("b", format!("{number}w!")), None) {
                            Ok(page) => assert_eq!(
                                page.total,
                                (0..50).filter(|other| other % 7 == number).count()
                            ),
                            Err(SearchError::BeingMade(_)) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            });
            scope.spawn(|| {
                // The same words again, each in a new version.
                tasks()
                    .iter()
                    .for_each(|change| model.write(&store, Second, change));
            });
            assert!(
                Second
                    .reindex(&store, ReindexFrom::Rest, &mut |_| Wish::GoOn)
                    .unwrap()
                    .is_some()
            );
            is_done.store(true, Ordering::SeqCst);
        });
        assert_eq!(store.verify(), Vec::<String>::new());
        model.check(
            &store,
            Second,
            &[by("b", "3w!".to_owned()), by("d", "w2".to_owned())],
            60,
            true,
        );
    }
}

#[test]
fn one_at_a_time_and_given_up_when_asked() {
    for engine in Engine::ALL {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = filled(folder.path(), *engine, First, &tasks());
        let within = &mut |_: &Reindexed| {
            assert_eq!(
                First.reindex(&store, ReindexFrom::Beginning, &mut |_| Wish::GoOn),
                Err(ReindexError::Running)
            );
            Wish::GiveUp
        };
        assert_eq!(
            First.reindex(&store, ReindexFrom::Beginning, within),
            Ok(None)
        );
        assert!(!store.is_reindex_due());
        let done = First
            .reindex(&store, ReindexFrom::Beginning, &mut |_| Wish::GoOn)
            .unwrap()
            .unwrap();
        assert_eq!(
            done,
            Reindexed {
                versions: 50,
                mended: 0,
                keys: 150,
                foreign: 0
            }
        );
        drop(store);
        // What other definitions need is not given up.
        let store = Second.open(folder.path(), *engine);
        assert_eq!(
            Second.reindex(&store, ReindexFrom::Rest, &mut |_| Wish::GiveUp),
            Ok(None)
        );
        assert!(store.is_reindex_due());
    }
}

#[test]
fn entries_of_which_nothing_is_known_are_all_made_anew() {
    // What a program left that kept only one mark for all, and one that made other keys.
    let left = [
        "2/5f2c".to_owned(),
        serde_json::json!({ "keys": 1, "made_by": First.marks() }).to_string(),
    ];
    for (engine, left) in Engine::ALL
        .iter()
        .flat_map(|engine| left.iter().map(move |left| (engine, left)))
    {
        let folder = tempfile::tempdir().unwrap();
        let (store, model) = filled(folder.path(), *engine, First, &tasks());
        let mut batch = Batch::default();
        put_record(&mut batch, Table::Meta, MADE_BY.to_vec(), left);
        put_record(
            &mut batch,
            Table::Index,
            b"\x01 as keys once were".to_vec(),
            &(),
        );
        store.shared.kv.apply(batch).unwrap();
        drop(store);
        let store = First.open(folder.path(), *engine);
        let every = SearchQuery::all(
            ResourceType::Task,
            vec![Clause::Missing {
                code: "a".to_owned(),
                is_missing: false,
            }],
        );
        assert_eq!(
            store.search(&every, None),
            Err(SearchError::BeingMade("Task?a".to_owned()))
        );
        assert_eq!(
            store
                .search(&SearchQuery::all(ResourceType::Task, vec![]), None)
                .unwrap()
                .total,
            50
        );
        First
            .reindex(&store, ReindexFrom::Rest, &mut |_| Wish::GoOn)
            .unwrap();
        assert_eq!(store.verify(), Vec::<String>::new());
        model.check(&store, First, &[every], 20, true);
    }
}

#[test]
fn bytes_that_are_no_resource_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = filled(folder.path(), Engine::Fjall, First, &tasks());
    let indexing = Indexing {
        marks: &First.marks(),
        entries_of: &|_, _| None,
    };
    let ended = store.reindex(indexing, ReindexFrom::Beginning, &mut |_| Wish::GoOn);
    assert_eq!(
        ended.unwrap_err().to_string(),
        "the store cannot be used: the record Task/0/_history/1 in the table 'versions' cannot be read"
    );
    assert!(store.failure().is_some());
}
