//! Chance with a seed: the same seed gives the same numbers on every machine and in every year
//! (xorshift64*).

/// A row of numbers.
pub(crate) struct Chance(u64);

impl Chance {
    /// Returns the row of that seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        // A state of zero would stay zero; the constant only spreads small seeds.
        Chance(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Returns a number below `bound`; 0 if there is none.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if bound == 0 {
            0
        } else {
            usize::try_from(self.next() >> 33).map_or(0, |number| number % bound)
        }
    }

    /// Puts the items in another order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
