//! Returns the engine's name, as in options and in the data folder.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::str::FromStr;

use super::fjall::FjallKv;
use super::kv::Kv;
#[cfg(feature = "sled")]
use super::sled::SledKv;

/// An embedded engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// fjall 3: the default.
    Fjall,
    /// sled 0.34, with a sync of its file after each group of commits.
    #[cfg(feature = "sled")]
    Sled,
}

impl Engine {
    /// Every engine that this program was built with.
    pub const ALL: &'static [Engine] = &[
        Engine::Fjall,
        #[cfg(feature = "sled")]
        Engine::Sled,
    ];

    /// Returns the engine's name, as in options and in the data folder.
    pub const fn as_str(self) -> &'static str {
        match self {
            Engine::Fjall => "fjall",
            #[cfg(feature = "sled")]
            Engine::Sled => "sled",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no engine with which this program was built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownEngine(pub String);

impl fmt::Display for UnknownEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = Engine::ALL.iter().map(|engine| engine.as_str()).collect();
        write!(
            f,
            "expected one of the engines of this program ({}), found '{}'",
            known.join(", "),
            self.0
        )
    }
}

impl std::error::Error for UnknownEngine {}

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(text: &str) -> Result<Self, UnknownEngine> {
        Engine::ALL
            .iter()
            .copied()
            .find(|engine| engine.as_str() == text)
            .ok_or_else(|| UnknownEngine(text.to_owned()))
    }
}

/// The options of an engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreOptions {
    /// The most memory, in bytes, in which the engine keeps what it read from the disk.
    pub cache_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            cache_bytes: 128 * 1024 * 1024,
        }
    }
}

/// Opens an engine's files in that folder, or makes them. Engines panic on some damaged files: that
/// too is an error.
pub(super) fn open_engine(
    engine: Engine,
    path: &Path,
    options: StoreOptions,
) -> Result<Box<dyn Kv>, String> {
    let opened = catch_unwind(AssertUnwindSafe(|| -> Result<Box<dyn Kv>, String> {
        match engine {
            Engine::Fjall => FjallKv::open(path, options.cache_bytes)
                .map(|kv| Box::new(kv) as Box<dyn Kv>)
                .map_err(|error| format!("{error:?}")),
            #[cfg(feature = "sled")]
            Engine::Sled => SledKv::open(path, options.cache_bytes)
                .map(|kv| Box::new(kv) as Box<dyn Kv>)
                .map_err(|error| error.to_string()),
        }
    }));
    opened
        .unwrap_or_else(|_| Err(format!("{engine} panicked")))
        .map_err(|error| format!("{engine} cannot open its files: {error}"))
}
