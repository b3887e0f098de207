//! The promises of every store, a function for each. Each runs on each engine; a store of
//! another kind runs them by a [`Fixture`] of its own.
#![allow(clippy::unwrap_used)]

mod commits;
mod event_streams;
mod pages;
mod versions;
pub(crate) mod words;

use std::sync::Arc;

use frist::storage::embedded::{EmbeddedStore, Engine, OpenError, StoreOptions};
use frist::storage::{Store, Upkeep};
use tempfile::TempDir;

use crate::store_search;
use words::Fixture;

struct Folder {
    folder: TempDir,
    engine: Engine,
}

impl Folder {
    fn new(engine: Engine) -> Self {
        Folder {
            folder: tempfile::tempdir().unwrap(),
            engine,
        }
    }

    fn try_open(&self) -> Result<EmbeddedStore, OpenError> {
        open(self.folder.path(), self.engine)
    }
}

impl Fixture for Folder {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.try_open().unwrap())
    }

    fn another(&self) -> Box<dyn Fixture> {
        Box::new(Folder::new(self.engine))
    }

    fn findings(&self) -> Vec<String> {
        self.try_open().unwrap().verify()
    }
}

fn open(path: &std::path::Path, engine: Engine) -> Result<EmbeddedStore, OpenError> {
    EmbeddedStore::open(
        path,
        engine,
        StoreOptions {
            cache_bytes: 8 << 20,
        },
    )
}

/// Runs each promise on each engine, and looks afterwards whether everything stored agrees.
macro_rules! promises {
    ($($group:ident: $($promise:ident),+;)+) => {
        mod fjall {
            $($(#[test] fn $promise() { super::keep(super::Engine::Fjall, super::$group::$promise); })+)+
        }
        #[cfg(feature = "sled")]
        mod sled {
            $($(#[test] fn $promise() { super::keep(super::Engine::Sled, super::$group::$promise); })+)+
        }
    };
}

fn keep(engine: Engine, promise: impl Fn(&dyn Fixture)) {
    let folder = Folder::new(engine);
    promise(&folder);
    assert_eq!(folder.findings(), Vec::<String>::new());
}

promises![
    versions: an_empty_store_answers,
        a_read_is_never_behind_what_was_acknowledged_or_read,
        versions_count_up_and_stay,
        a_resource_is_read_as_it_was_in_a_state,
        bytes_come_back_as_they_were,
        a_deletion_is_a_version_without_a_body,
        many_are_read_as_each_would_be,
        many_are_read_of_one_state,
        reopening_keeps_everything,
        long_values_and_odd_characters_are_kept_and_found,
        old_pieces_of_a_large_resource_are_not_taken_for_new_ones;
    commits: a_write_that_does_not_follow_the_last_version_is_refused,
        a_moved_guard_refuses_the_commit,
        of_64_conditional_creates_one_wins,
        a_query_that_matches_something_else_refuses_the_commit,
        a_commit_is_whole_or_not_at_all,
        commits_of_many_threads_are_all_kept_and_ordered,
        instants_go_up_whatever_the_clock_does,
        changes_follow_a_position,
        timers_are_due_in_order,
        a_bookmark_is_the_last_place_that_was_set;
    pages: history_pages_join_while_others_write,
        history_is_limited_by_since_and_at,
        search_pages_of_one_position_join_while_others_write,
        a_search_sees_what_was_acknowledged;
    event_streams: events_are_numbered_without_gaps_in_the_order_of_the_commits,
        a_subscription_that_comes_back_counts_anew,
        events_are_forgotten_from_the_oldest,
        events_of_the_life_before_can_be_forgotten,
        what_is_to_be_sent_again_is_kept_for_its_life;
    store_search: a_search_finds_exactly_what_matches_in_every_state;
];
