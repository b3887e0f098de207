//! A version of a Subscription as its worker saw it, and whether the stored one still asks for the
//! same. Reads the store, and may block on the disk.

use std::sync::Arc;

use super::world::World;
use crate::fhir::{Id, ResourceKey, ResourceType, Version};
use crate::storage::StoreError;
use crate::subscriptions::Subscription;

/// A version of a Subscription.
#[derive(Clone)]
pub(super) struct SeenSubscription {
    pub(super) version: Version,
    /// Tells apart the Subscriptions that had this id one after the other.
    life: u64,
    /// The Subscription; none if it cannot be honoured.
    pub(super) subscription: Option<Arc<Subscription>>,
}

impl SeenSubscription {
    fn read(world: &World, id: &Id, version: Version, body: &[u8]) -> Result<Self, StoreError> {
        let value = serde_json::from_slice(body)
            .map_err(|error| StoreError(format!("Subscription/{id} is not JSON: {error}")))?;
        let subscription = Subscription::read(&value, &world.base_url)
            .ok()
            .map(Arc::new);
        Ok(SeenSubscription {
            version,
            life: world.store.stream(id)?.life,
            subscription,
        })
    }

    /// Reads the stored Subscription, unless its version is the one that was seen; none if it does
    /// not exist.
    pub(super) fn latest(
        seen: Option<&SeenSubscription>,
        id: &Id,
        world: &World,
    ) -> Result<Option<Self>, StoreError> {
        let stored = world.store.read(&key(id))?;
        let Some((version, body)) = stored.and_then(|stored| Some((stored.version, stored.body?)))
        else {
            return Ok(None);
        };
        match seen {
            Some(seen) if seen.version == version => Ok(Some(seen.clone())),
            _ => SeenSubscription::read(world, id, version, &body).map(Some),
        }
    }

    /// Returns the version of the Subscription now, if it still asks for the same.
    pub(super) fn version_if_unchanged(
        &self,
        id: &Id,
        world: &World,
    ) -> Result<Option<Version>, StoreError> {
        let latest = SeenSubscription::latest(Some(self), id, world)?;
        Ok(latest
            .filter(|latest| latest.version == self.version || latest.asks_as(self))
            .map(|latest| latest.version))
    }

    /// Tells whether both ask for the same: other changes to a Subscription, such as to its labels,
    /// start nothing again.
    pub(super) fn asks_as(&self, other: &SeenSubscription) -> bool {
        self.life == other.life
            && self.subscription.is_some()
            && self.subscription == other.subscription
    }
}

/// Tells whether there is such a Subscription.
pub(super) fn exists(id: &Id, world: &World) -> Result<bool, StoreError> {
    let stored = world.store.read(&key(id))?;
    Ok(stored.is_some_and(|stored| stored.body.is_some()))
}

fn key(id: &Id) -> ResourceKey {
    ResourceKey::new(ResourceType::Subscription, id.clone())
}
