//! The bounds within which a wire receives and works, as the machine has memory and cores.

/// The bytes that working on a body takes, at most, for each of its bytes: measured with the
/// densest ones that are taken, of a thousand small resources or ten thousand repeats
/// (`conformance/bounds/run`).
pub(super) const WORK_FACTOR: usize = 32;
/// The greatest body that is read, as it is sent and as it is after unpacking.
pub(super) const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;

/// The bounds of a wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WireBounds {
    /// The greatest body, as it is sent and as it is after unpacking.
    pub body_bytes_max: usize,
    /// The memory for bodies that arrive and for the work on them.
    pub memory_bytes: usize,
    /// The most large bodies that are worked on at once.
    pub heavy_max: usize,
    /// The most connections that may be open at once, besides a few for whoever watches.
    pub connections_max: usize,
}

impl WireBounds {
    /// Returns the bounds for a machine, or the part of one that a process may use.
    pub fn of_machine(memory_bytes: u64, cores: usize, files_max: usize) -> Self {
        let memory = usize::try_from(memory_bytes).unwrap_or(usize::MAX);
        let cores = cores.max(1);
        WireBounds {
            // The work on one body leaves more than half of the memory to all else.
            body_bytes_max: BODY_BYTES_MAX.min(memory / 20 * 9 / WORK_FACTOR),
            memory_bytes: (memory / 4).min(cores.saturating_mul(256 * 1024 * 1024)),
            heavy_max: cores,
            // Each may hold two buffers, and the store needs files too.
            connections_max: 4_096
                .min(memory / (128 * 1024))
                .min(files_max.saturating_sub(512).max(files_max / 2))
                .max(16),
        }
    }
}

impl Default for WireBounds {
    /// Returns those of a machine with two cores and much memory.
    fn default() -> Self {
        WireBounds::of_machine(u64::MAX, 2, 65_536)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_the_machine() {
        const MIB: u64 = 1024 * 1024;
        for (memory_mib, cores, files, expected) in [
            (24 * 1024, 2, 1_048_576, (5 * 1024, 512, 2, 4_096)),
            (24 * 1024, 16, 8_192, (5 * 1024, 4_096, 16, 4_096)),
            (1024, 4, 1_024, (5 * 1024, 256, 4, 512)),
            (300, 2, 65_536, (4_320, 75, 2, 2_400)),
            (128, 1, 256, (1_843, 32, 1, 128)),
        ] {
            let bounds = WireBounds::of_machine(memory_mib * MIB, cores, files);
            let (body_kib, pool_mib, heavy, connections) = expected;
            assert_eq!(bounds.body_bytes_max / 1024, body_kib, "{memory_mib}: body");
            assert_eq!(bounds.memory_bytes >> 20, pool_mib, "{memory_mib}: pool");
            assert_eq!(bounds.heavy_max, heavy, "{memory_mib}: heavy");
            assert_eq!(
                bounds.connections_max, connections,
                "{memory_mib}: connections"
            );
        }
    }
}
