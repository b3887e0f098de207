//! A version of a Subscription as its worker saw it, and whether the stored one still asks for the
//! same. Reads the store, and may block on the disk.

use super::world::World;
use crate::fhir::{Id, ResourceKey, ResourceType, Version};
use crate::storage::StoreError;
use crate::subscriptions::Standing;

/// A version of a Subscription.
#[derive(Clone)]
pub(super) struct SeenSubscription {
    pub(super) standing: Standing,
    /// Tells apart the Subscriptions that had this id one after the other.
    life: u64,
}

impl SeenSubscription {
    /// Reads the stored Subscription, unless its version is the one that was seen; none if it does
    /// not exist.
    pub(super) fn latest(
        seen: Option<&SeenSubscription>,
        id: &Id,
        world: &World,
    ) -> Result<Option<Self>, StoreError> {
        let Some(stored) = world.store.read(&key(id))? else {
            return Ok(None);
        };
        if let Some(seen) = seen.filter(|seen| seen.standing.version == stored.version) {
            return Ok(Some(seen.clone()));
        }
        let Some(standing) = Standing::read(&stored, &world.base_url)? else {
            return Ok(None);
        };
        Ok(Some(SeenSubscription {
            standing,
            life: world.store.stream(id)?.life,
        }))
    }

    /// Returns the version of the Subscription now, if it still asks for the same.
    pub(super) fn version_if_unchanged(
        &self,
        id: &Id,
        world: &World,
    ) -> Result<Option<Version>, StoreError> {
        let latest = SeenSubscription::latest(Some(self), id, world)?;
        Ok(latest
            .filter(|latest| {
                latest.standing.version == self.standing.version || latest.asks_as(self)
            })
            .map(|latest| latest.standing.version))
    }

    /// Tells whether both ask for the same: other changes to a Subscription, such as to its labels,
    /// start nothing again.
    pub(super) fn asks_as(&self, other: &SeenSubscription) -> bool {
        self.life == other.life
            && self.standing.verdict.is_ok()
            && self.standing.verdict == other.standing.verdict
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
