//! The cost of a search, counted in looks at resources: conditions that the index answers look at
//! none, and looks for other conditions are bounded.

use frist::fhir::{Id, IssueCode, ResourceKey, ResourceType};
use frist::interactions::Failure;
use frist::search::{
    Clause, IndexEntry, IndexValue, Prefix, SearchQuery, Sort, SortBy, SortOrder, Test, TooMany,
};
use frist::storage::embedded::{EmbeddedStore, Engine, StoreOptions};
use frist::storage::{Commits, Resources, SearchError};

use crate::store_contract::words::{by_token, changes, noon, put, token};

const TASKS: i64 = 60;

/// Tasks of ten owners, due one day after the other, every third one overdue; the last ten have no
/// note.
fn tasks() -> (tempfile::TempDir, EmbeddedStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), Engine::Fjall, StoreOptions::default()).unwrap();
    let write = |number: i64| {
        let key = ResourceKey::new(
            ResourceType::Task,
            Id::parse(&format!("t{number}")).unwrap(),
        );
        let day = (number * 37) % TASKS;
        let mut entries = vec![
            token("owner", "", &(number % 10).to_string()),
            token(
                "status",
                "",
                if number % 3 == 0 { "overdue" } else { "met" },
            ),
            IndexEntry::new(
                "due",
                IndexValue::Date {
                    from_us: day,
                    until_us: day + 1,
                },
            ),
            IndexEntry::new("title", IndexValue::Text(format!("Task {number}"))),
        ];
        if number < TASKS - 10 {
            entries.push(IndexEntry::new("note", IndexValue::Text("x".into())));
        }
        put(&key, None, entries)
    };
    for first in (0..TASKS).step_by(20) {
        store
            .commit(changes((first..first + 20).map(write).collect()))
            .unwrap();
    }
    (folder, store)
}

fn missing(code: &str) -> Clause {
    Clause::Missing {
        code: code.into(),
        is_missing: true,
    }
}

fn text(test: Test) -> Clause {
    Clause::Parameter {
        code: "title".into(),
        any_of: vec![test],
    }
}

fn due_before(day: i64) -> Clause {
    Clause::Parameter {
        code: "due".into(),
        any_of: vec![Test::Date {
            prefix: Prefix::Lt,
            from_us: day,
            until_us: day + 1,
        }],
    }
}

/// The conditions, the order, the resources besides a page of two that are looked at, and the
/// number of matches.
type Case = (&'static str, Vec<Clause>, Vec<Sort>, usize, usize);

/// Checks that searches among the tasks look at these numbers of resources, and no fewer would do.
fn check(cases: impl IntoIterator<Item = Case>) {
    let (_folder, store) = tasks();
    for (name, clauses, sort, looks, total) in cases {
        let query = SearchQuery {
            sort,
            count: 2,
            looks_max: looks,
            ..SearchQuery::all(ResourceType::Task, clauses)
        };
        let page = store
            .search(&query, None)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            (page.total, page.matches.len()),
            (total, total.min(2)),
            "{name}"
        );
        if looks > 0 {
            let fewer = SearchQuery {
                looks_max: looks - 1,
                ..query
            };
            assert_eq!(
                store.search(&fewer, None),
                Err(SearchError::TooMany(TooMany::LookedAt(looks - 1))),
                "{name}"
            );
        }
    }
}

fn not(code: &str) -> Clause {
    Clause::Not {
        code: "status".into(),
        any_of: vec![Test::Token {
            system: None,
            code: Some(code.into()),
        }],
    }
}

fn sorted(by: SortBy, order: SortOrder) -> Vec<Sort> {
    vec![Sort { by, order }]
}

/// Finds those changed from this many microseconds after the first commit: the three commits were
/// made in three microseconds.
fn since(us: i64) -> Clause {
    let first_us = noon().as_microsecond() + us;
    Clause::LastUpdated(vec![Test::Date {
        prefix: Prefix::Ge,
        from_us: first_us,
        until_us: first_us + 1,
    }])
}

#[test]
fn a_condition_that_the_index_answers_looks_at_nothing() {
    check([
        ("everything", vec![], vec![], 0, 60),
        ("one owner", vec![by_token("owner", "7")], vec![], 0, 6),
        (
            "one owner's overdue ones",
            vec![by_token("owner", "3"), by_token("status", "overdue")],
            vec![],
            0,
            2,
        ),
        (
            "one owner's others",
            vec![by_token("owner", "3"), not("overdue")],
            vec![],
            0,
            4,
        ),
        // Fewer to look at than there are notes.
        (
            "one owner's without a note",
            vec![by_token("owner", "3"), missing("note")],
            vec![],
            6,
            1,
        ),
        (
            "overdue ones without a note",
            vec![by_token("status", "overdue"), missing("note")],
            vec![],
            0,
            3,
        ),
        (
            "by a beginning",
            vec![text(Test::StartsWith("task 1".into()))],
            vec![],
            0,
            11,
        ),
        (
            "by a part",
            vec![text(Test::Contains("k 5".into()))],
            vec![],
            0,
            11,
        ),
    ]);
}

#[test]
fn an_order_of_the_index_looks_at_a_page() {
    let by = |code: &str| sorted(SortBy::Parameter(code.into()), SortOrder::Descending);
    let newest = sorted(SortBy::LastUpdated, SortOrder::Descending);
    let oldest = sorted(SortBy::LastUpdated, SortOrder::Ascending);
    check([
        ("due before a day", vec![due_before(10)], vec![], 0, 10),
        ("the last ones due", vec![], by("due"), 2, 60),
        (
            "the last ones due of those overdue",
            vec![by_token("status", "overdue")],
            by("due"),
            2,
            20,
        ),
        ("by title", vec![], by("title"), 2, 60),
        ("the newest", vec![], newest, 20, 60),
        ("changed since", vec![since(0)], vec![], 0, 60),
        // Fewer to look at than there are changes.
        (
            "changed since, of one owner",
            vec![since(0), by_token("owner", "7")],
            vec![],
            6,
            6,
        ),
        (
            "changed since, and overdue",
            vec![since(0), by_token("status", "overdue")],
            vec![],
            0,
            20,
        ),
        (
            "changed at the end, oldest first",
            vec![since(2)],
            oldest,
            0,
            20,
        ),
    ]);
}

#[test]
fn what_the_index_does_not_answer_is_looked_at_one_by_one() {
    let by = |code: &str| sorted(SortBy::Parameter(code.into()), SortOrder::Descending);
    let plain = |text: &str| text.to_owned();
    check([
        ("without a note", vec![missing("note")], vec![], 60, 10),
        ("not overdue", vec![not("overdue")], vec![], 60, 40),
        (
            "by a code",
            vec![by_token("status", "met")],
            by("owner"),
            40,
            40,
        ),
        (
            "by an exact title",
            vec![text(Test::Exactly(plain("Task 7")))],
            vec![],
            1,
            1,
        ),
    ]);
}

#[test]
fn what_costs_too_much_is_refused_as_such_and_says_what_to_do() {
    for too_many in [TooMany::LookedAt(100_000), TooMany::Followed(20_000)] {
        let failure = Failure::from(SearchError::TooMany(too_many));
        assert!(
            matches!(&failure, Failure::BadRequest(issues) if issues[0].code == IssueCode::TooCostly),
            "{failure:?}"
        );
        assert!(
            failure.issues()[0]
                .text
                .contains("expected further criteria"),
            "{failure:?}"
        );
    }
}
