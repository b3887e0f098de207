//! Versions of resources, and their places in the log of changes.

use jiff::Timestamp;

use crate::fhir::{ResourceKey, Version};

/// The place of a change in the log of all changes: 1 for the first, up by one for each. 0 is
/// "before everything". A commit that moves guards and writes nothing takes a position too, at
/// which the log has no change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position(pub u64);

/// The way in which a version came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Created under an id that the server chose.
    Post,
    /// Created or updated under a known id.
    Put,
    /// Changed by a patch.
    Patch,
    /// Deleted: the version has no body.
    Delete,
}

/// A version of a resource as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredVersion {
    /// The resource.
    pub key: ResourceKey,
    /// The number of the version.
    pub version: Version,
    /// The position of its change in the log.
    pub position: Position,
    /// The instant of the commit; never earlier than that of a change before it.
    pub last_updated: Timestamp,
    /// The way in which it came to be.
    pub method: Method,
    /// The bytes that were accepted; none for a deletion.
    pub body: Option<Vec<u8>>,
}

/// An entry of the log of changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogEntry {
    /// Its place.
    pub position: Position,
    /// The resource.
    pub key: ResourceKey,
    /// The version that the change made.
    pub version: Version,
}
