//! The resources that are asked for again though unchanged there: what was refused, since that may have been
//! about another resource, and what is about a person whom the server did not give. A few at the end
//! of each round, in turn.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::settings::Upstream;
use crate::fhir::ResourceKey;
use crate::fhir::view::items;
use crate::storage::Store;

/// The most that are remembered; the oldest ones are given up.
const AGAIN_MAX: usize = 500;
/// The most that are asked for in a round.
const IN_ROUND_MAX: usize = 10;

/// The resources that are asked for again.
pub(super) struct Again {
    /// The name of the bookmark that keeps them.
    pub(super) bookmark: String,
    state: Mutex<AgainState>,
}

#[derive(Default)]
struct AgainState {
    keys: VecDeque<ResourceKey>,
    kept: BTreeSet<ResourceKey>,
}

impl Again {
    /// Reads those of an upstream.
    pub(super) fn of(upstream: &Upstream, store: &dyn Store) -> Self {
        let of = xxh3_64(upstream.base_text().as_bytes());
        let bookmark = format!("upstream/{}/again/{of:016x}", upstream.name);
        // One that cannot be read is empty: it costs only that these are not asked for again.
        let words = store.bookmark(&bookmark).ok().flatten().unwrap_or_default();
        let words: Value = serde_json::from_str(&words).unwrap_or_default();
        let keys = items(&words["again"]).filter_map(|key| ResourceKey::parse(key.as_str()?));
        let keys: VecDeque<_> = keys.collect();
        let kept = keys.iter().cloned().collect();
        Again {
            bookmark,
            state: Mutex::new(AgainState { keys, kept }),
        }
    }

    /// Notes one.
    pub(super) fn note(&self, key: ResourceKey) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.keys.contains(&key) {
            return;
        }
        if state.keys.len() == AGAIN_MAX {
            state.keys.pop_front();
        }
        state.keys.push_back(key);
    }

    /// Takes those whose turn it is.
    pub(super) fn turn(&self) -> Vec<ResourceKey> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let many = state.keys.len().min(IN_ROUND_MAX);
        state.keys.drain(..many).collect()
    }

    /// Returns the words to keep, if there are others than are kept.
    pub(super) fn changed(&self) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now: BTreeSet<_> = state.keys.iter().cloned().collect();
        if now == state.kept {
            return None;
        }
        let names: Vec<_> = state.keys.iter().map(ToString::to_string).collect();
        state.kept = now;
        Some(serde_json::json!({ "again": names }).to_string())
    }
}
