//! Chance that repeats itself: SplitMix64 (Steele, Lea and Flood, 2014), a few lines with no state
//! but one number.

use std::ops::RangeInclusive;

/// A sequence of numbers that follows from where it began.
pub(super) struct Chance(u64);

impl Chance {
    /// Begins the sequence of that person under that seed.
    pub(super) fn of_person(seed: u64, index: usize) -> Self {
        let mut chance = Chance(seed);
        let of_seed = chance.next();
        Chance(of_seed ^ (index as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number of the range; its first one if the range is empty.
    pub(super) fn within(&mut self, range: RangeInclusive<i64>) -> i64 {
        let width = (range.end() - range.start()).max(0) as u64 + 1;
        range.start() + (self.next() % width) as i64
    }

    /// Returns true in so many of a hundred draws.
    pub(super) fn percent(&mut self, share: u8) -> bool {
        self.next() % 100 < u64::from(share)
    }

    /// Picks one of the list.
    pub(super) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[(self.next() % list.len() as u64) as usize]
    }

    /// Picks one of the list, in proportion to the weights.
    pub(super) fn weighted<T: Copy>(&mut self, list: &[(u32, T)]) -> T {
        let total: u32 = list.iter().map(|(weight, _)| weight).sum();
        let mut left = (self.next() % u64::from(total)) as u32;
        for (weight, item) in list {
            if left < *weight {
                return *item;
            }
            left -= weight;
        }
        list[0].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut chance = Chance(1_234_567);
        assert_eq!(
            [chance.next(), chance.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
    }

    #[test]
    fn draws_stay_within_bounds_and_reach_them() {
        let mut chance = Chance::of_person(1, 2);
        let drawn: Vec<_> = (0..200).map(|_| chance.within(3..=6)).collect();
        assert_eq!(
            (drawn.iter().min(), drawn.iter().max()),
            (Some(&3), Some(&6))
        );
        assert_eq!(chance.within(RangeInclusive::new(5, 4)), 5);
        let weighted: Vec<_> = (0..200)
            .map(|_| chance.weighted(&[(1, 'a'), (0, 'b'), (3, 'c')]))
            .collect();
        assert!(weighted.contains(&'a') && weighted.contains(&'c') && !weighted.contains(&'b'));
    }
}
