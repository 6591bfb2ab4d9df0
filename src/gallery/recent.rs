//! What was made lately, as far as it fits.

use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;

/// Values that were made for keys, of which those are dropped that were not asked for longest.
pub(super) struct Recent<K: Hash + Eq, V> {
    kept: Mutex<Kept<K, V>>,
    room: usize,
}

struct Kept<K: Hash + Eq, V> {
    values: LruCache<K, (V, usize)>,
    weight: usize,
}

impl<K: Hash + Eq, V: Clone> Recent<K, V> {
    /// Keeps values whose weights add up to no more than `room`.
    pub(super) fn new(room: usize) -> Recent<K, V> {
        Recent { kept: Mutex::new(Kept { values: LruCache::unbounded(), weight: 0 }), room }
    }

    /// The value of a key, if it is kept.
    pub(super) fn get(&self, key: &K) -> Option<V> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.values.get(key).map(|(value, _)| value.clone())
    }

    /// Keeps a value.
    pub(super) fn put(&self, key: K, value: V, weight: usize) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, old)) = kept.values.put(key, (value, weight)) {
            kept.weight -= old;
        }
        kept.weight += weight;
        while kept.weight > self.room {
            let Some((_, (_, weight))) = kept.values.pop_lru() else { break };
            kept.weight -= weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_lately_stays_and_the_weight_is_bounded() {
        let recent = Recent::new(10);
        recent.put("a", 1, 4);
        recent.put("b", 2, 4);
        assert_eq!(recent.get(&"a"), Some(1));
        recent.put("c", 3, 4);
        assert_eq!((recent.get(&"a"), recent.get(&"b"), recent.get(&"c")), (Some(1), None, Some(3)));
        recent.put("a", 5, 2);
        recent.put("d", 4, 4);
        assert_eq!((recent.get(&"a"), recent.get(&"c"), recent.get(&"d")), (Some(5), Some(3), Some(4)));
        recent.put("e", 6, 11);
        assert_eq!((recent.get(&"a"), recent.get(&"e")), (None, None));
    }
}
