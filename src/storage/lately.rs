//! Values that were asked for lately: kept in memory within a bound, the rest given up.

use std::collections::HashMap;
use std::hash::Hash;

/// Values that were asked for lately, in two halves: what is in the older one and not asked for
/// until the newer one is full is given up.
#[derive(Debug)]
pub struct Lately<K, V> {
    newer: HashMap<K, (V, usize)>,
    older: HashMap<K, (V, usize)>,
    newer_bytes: usize,
    half_bytes: usize,
}

impl<K: Eq + Hash + Clone, V: Clone> Lately<K, V> {
    /// Makes room for values of so many bytes.
    pub fn of_bytes(bytes_max: usize) -> Self {
        Lately {
            newer: HashMap::new(),
            older: HashMap::new(),
            newer_bytes: 0,
            half_bytes: bytes_max / 2,
        }
    }

    /// Returns the value of a key, if it is kept.
    pub fn get(&mut self, key: &K) -> Option<V> {
        if let Some((found, _)) = self.newer.get(key) {
            return Some(found.clone());
        }
        let (found, bytes) = self.older.remove(key)?;
        self.keep(key.clone(), found.clone(), bytes);
        Some(found)
    }

    /// Keeps a value of so many bytes, in the place of the one before; one that is larger than all
    /// the room is not kept.
    pub fn keep(&mut self, key: K, value: V, bytes: usize) {
        self.forget(&key);
        if bytes > self.half_bytes {
            return;
        }
        if self.newer_bytes + bytes > self.half_bytes {
            self.older = std::mem::take(&mut self.newer);
            self.newer_bytes = 0;
        }
        self.newer_bytes += bytes;
        self.newer.insert(key, (value, bytes));
    }

    /// Gives the value of a key up.
    pub fn forget(&mut self, key: &K) {
        let newer = self.newer.remove(key);
        self.newer_bytes -= newer.map_or(0, |(_, bytes)| bytes);
        self.older.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_gives_way() {
        let mut kept = Lately::of_bytes(2_000);
        kept.keep(usize::MAX, "often", 100);
        for n in 0..500 {
            kept.keep(n, "once", 100);
            assert_eq!(kept.get(&usize::MAX), Some("often"), "after {n}");
            let bytes = (kept.newer.len() + kept.older.len()) * 100;
            assert!(bytes <= 2_000, "{bytes} bytes after {n}");
        }
        assert_eq!((kept.get(&0), kept.get(&499)), (None, Some("once")));
        kept.keep(499, "again", 100);
        assert_eq!(kept.get(&499), Some("again"));
        kept.keep(499, "too large", 1_001);
        assert_eq!(kept.get(&499), None);
        kept.forget(&usize::MAX);
        assert_eq!(kept.get(&usize::MAX), None);
    }
}
