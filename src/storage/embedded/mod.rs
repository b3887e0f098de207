//! The store in a folder of this machine: the contract, kept over a small seam of ordered tables
//! behind which an engine stands.
//!
//! From the outside in: `store` opens and `promises` keeps the contract; `folder` guards the data
//! folder; `writing` groups the commits, and `staging` says what one commit means (`streams` what
//! it means for the events of subscriptions); `reading`, `history` and `searching` read, and `held_versions` keeps what was read; `verify`
//! checks it all, and `reindex` makes the index anew. `keys` and `index_keys` have the keys,
//! `record` the values, `kv` is the seam, `fjall` (with `fjall_journal`) and `sled` are the engines.
//! `docs/storage.md` tells who audits a folder what is in it.

mod backup;
mod backup_files;
mod codec;
mod engine;
mod fjall;
mod fjall_journal;
mod folder;
mod held_versions;
mod history;
mod index_keys;
mod key_builder;
mod keys;
mod kv;
mod open_error;
mod prepared;
mod promises;
mod reading;
mod record;
mod reindex;
mod restore;
mod scrub;
mod seal;
mod searching;
#[cfg(feature = "sled")]
mod sled;
mod staging;
mod store;
mod stream_records;
mod streams;
mod verify;
mod writing;

pub use engine::{Engine, StoreOptions, UnknownEngine};
pub use open_error::OpenError;
pub use restore::{Restored, restore};
pub use store::EmbeddedStore;
