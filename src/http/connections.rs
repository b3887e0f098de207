//! The connections that are open: how many there may be, and which of them gives way to others.
//!
//! A few places are kept for whoever watches the server: who connects when all others are taken is
//! answered at `/livez`, `/readyz` and `/metrics` alone.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::head_clock::HeadClock;

/// The places that are kept for whoever watches the server.
const WATCHERS_MAX: usize = 64;

/// The connections of a listener.
pub(super) struct Connections {
    max: usize,
    /// The most of them that may come from one address.
    share: usize,
    open: Mutex<OpenConnections>,
    freed: Notify,
}

#[derive(Default)]
struct OpenConnections {
    known: BTreeMap<u64, OpenConnection>,
    next: u64,
}

/// A connection that is open.
struct OpenConnection {
    address: IpAddr,
    clock: HeadClock,
    is_watcher: bool,
}

/// The place of a connection, until it is dropped.
pub(super) struct ConnectionPlace {
    connections: Arc<Connections>,
    number: u64,
    /// True if it is one of those that are kept for whoever watches.
    pub(super) is_watcher: bool,
}

impl Connections {
    /// Makes places for so many connections, of which one address may have three quarters.
    pub(super) fn at_most(max: usize) -> Arc<Self> {
        Arc::new(Connections {
            max,
            share: max.div_ceil(4) * 3,
            open: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// Waits until one more connection can be accepted: the longest idle one gives way to it.
    pub(super) async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            if self.open().known.len() < self.max + WATCHERS_MAX {
                return;
            }
            self.make_room(None);
            freed.await;
        }
    }

    /// Gives a place to a connection. If all are taken, or all that its address may have, the
    /// longest idle one gives way; if none is idle, it is one for whoever watches.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr, clock: HeadClock) -> ConnectionPlace {
        let (all, own) = {
            let open = self.open();
            let ordinary = || open.known.values().filter(|known| !known.is_watcher);
            let own = ordinary().filter(|known| known.address == address).count();
            (ordinary().count(), own)
        };
        let has_place = if own >= self.share {
            self.make_room(Some(address))
        } else {
            all < self.max || self.make_room(None)
        };
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        let is_watcher = !has_place;
        let known = OpenConnection {
            address,
            clock,
            is_watcher,
        };
        open.known.insert(number, known);
        ConnectionPlace {
            connections: Arc::clone(self),
            number,
            is_watcher,
        }
    }

    /// Lets the longest idle connection, of that address if one is given, give way. Returns true if
    /// one did: it is counted no more.
    pub(super) fn make_room(&self, of: Option<IpAddr>) -> bool {
        let mut open = self.open();
        loop {
            let idle = open.known.iter().filter_map(|(number, known)| {
                let is_meant = of.is_none_or(|address| address == known.address);
                let since = known.clock.idle_since().filter(|_| is_meant)?;
                Some((since, *number))
            });
            let Some((_, number)) = idle.min() else {
                return false;
            };
            // It may have begun to ask in this moment: then the next one does.
            let gives_way = open.known[&number].clock.give_way();
            if gives_way {
                open.known.remove(&number);
                return true;
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, OpenConnections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.connections.open().known.remove(&self.number);
        self.connections.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::super::head_clock::Patience;
    use super::*;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    fn clock() -> HeadClock {
        let time = Duration::from_secs(600);
        HeadClock::started(Patience {
            head: time,
            rest: time,
        })
    }

    fn ends(clock: &HeadClock) -> bool {
        let polled = std::pin::pin!(clock.too_late())
            .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        polled.is_ready()
    }

    #[test]
    fn the_longest_idle_connection_gives_way_and_a_busy_one_never() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let _within = runtime.enter();
        let connections = Connections::at_most(4);
        let clocks = [(); 4].map(|()| clock());
        // The first one has answered since, and so rests for the shortest time.
        let mut places: Vec<_> = [A, A, B, B]
            .into_iter()
            .zip(&clocks)
            .map(|(address, clock)| connections.admit(address, clock.clone()))
            .collect();
        drop(clocks[0].has_head(false));
        let _asking = clocks[1].has_head(false);
        let ended = || clocks.each_ref().map(ends);
        assert_eq!(ended(), [false; 4]);
        for expected in [
            [false, false, true, false],
            [false, false, true, true],
            [true, false, true, true],
        ] {
            let newer = clock();
            let place = connections.admit(B, newer.clone());
            assert!(!place.is_watcher);
            assert_eq!(ended(), expected);
            // It asks at once, and so is not idle.
            std::mem::forget(newer.has_head(false));
            places.push(place);
        }
        // All are busy: only for whoever watches.
        assert!(connections.admit(B, clock()).is_watcher);
        drop(places);
        assert!(!connections.admit(B, clock()).is_watcher);
    }

    #[test]
    fn an_address_that_has_its_share_makes_room_by_its_own() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let _within = runtime.enter();
        let connections = Connections::at_most(8);
        let others = clock();
        let _others = connections.admit(B, others.clone());
        let own: Vec<_> = (0..6).map(|_| clock()).collect();
        let _places: Vec<_> = own
            .iter()
            .map(|clock| connections.admit(A, clock.clone()))
            .collect();
        let one_more = connections.admit(A, clock());
        assert!(!one_more.is_watcher && !ends(&others));
        assert_eq!(own.iter().filter(|clock| ends(clock)).count(), 1);
        assert!(ends(&own[0]));
    }
}
