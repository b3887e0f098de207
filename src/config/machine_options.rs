//! The options of what the server may take of its machine.

use clap::Args;

/// The memory that the engine keeps what it read in, in megabytes, if the machine has enough.
const CACHE_MB: u64 = 128;

/// The options of what the server may take of its machine; by default they follow from the machine,
/// or from the limits of its cgroup.
#[derive(Args, Clone, Debug, Default)]
pub struct MachineOptions {
    /// The memory, in megabytes, by which the server sets its bounds: how large bodies may be and how
    /// many are worked on at once. By default that of the machine, or of its cgroup if that is less.
    #[arg(long, value_name = "MB", env = "FRIST_MEMORY_MB", value_parser = clap::value_parser!(u64).range(64..))]
    pub memory_mb: Option<u64>,
    /// The most memory, in megabytes, that the engine uses to keep what it has read from the disk.
    /// By default 128, or a sixteenth of the memory if that is less.
    #[arg(long, value_name = "MB", env = "FRIST_CACHE_MB")]
    pub cache_mb: Option<u64>,
}

impl MachineOptions {
    /// Returns the bytes by which the server sets its bounds, on a machine that has so many.
    pub fn memory_bytes(&self, of_machine: u64) -> u64 {
        self.memory_mb
            .map_or(of_machine, |megabytes| megabytes.saturating_mul(1 << 20))
    }

    /// Returns the bytes that the engine may keep.
    pub fn cache_bytes(&self, of_machine: u64) -> u64 {
        let usual = || (self.memory_bytes(of_machine) / 16).min(CACHE_MB << 20);
        self.cache_mb
            .map_or_else(usual, |megabytes| megabytes.saturating_mul(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_counts_and_otherwise_the_machine() {
        const MIB: u64 = 1 << 20;
        for (memory_mb, cache_mb, machine_mib, expected) in [
            (None, None, 24_000, (24_000, 128)),
            (None, None, 320, (320, 20)),
            (Some(320), None, 24_000, (320, 20)),
            (Some(64), Some(256), 24_000, (64, 256)),
            (None, Some(0), 1_000, (1_000, 0)),
        ] {
            let options = MachineOptions {
                memory_mb,
                cache_mb,
            };
            let machine = machine_mib * MIB;
            let found = (options.memory_bytes(machine), options.cache_bytes(machine));
            assert_eq!(found, (expected.0 * MIB, expected.1 * MIB), "{options:?}");
        }
    }
}
