//! The machine as far as the server's bounds follow from it: memory, cores and open files, within
//! the limits of the process's cgroup.

use std::fs;

use crate::config::MachineOptions;
use crate::http::WireBounds;

/// The memory that is assumed where nothing says how much there is.
const MEMORY_UNKNOWN: u64 = 1 << 30;
/// The files that a process may have open where nothing says how many.
const FILES_UNKNOWN: usize = 1_024;

/// Returns the bounds that follow from the machine and the options.
pub(super) fn bounds(options: &MachineOptions) -> WireBounds {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = files_max(&limits).unwrap_or(FILES_UNKNOWN);
    WireBounds::of_machine(options.memory_bytes(memory_bytes()), cores, files)
}

/// Returns the number of cores that what takes long may use, beside all else.
pub(super) fn long_work_max() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

/// Returns the memory that this process may use, in bytes.
pub(super) fn memory_bytes() -> u64 {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let of_machine = total_bytes(&read("/proc/meminfo")).unwrap_or(MEMORY_UNKNOWN);
    let of_groups = cgroup_files(&read("/proc/self/cgroup")).into_iter();
    let of_groups = of_groups.filter_map(|path| read(&path).trim().parse().ok());
    of_groups.fold(of_machine, u64::min)
}

/// Reads the memory of the machine in `/proc/meminfo`.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Returns the files that hold the limits of a process's cgroup and of those around it, of both
/// versions, by `/proc/self/cgroup`.
fn cgroup_files(cgroup: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in cgroup.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (root, name) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        let mut path = path.trim_end_matches('/');
        loop {
            files.push(format!("{root}{path}/{name}"));
            match path.rsplit_once('/') {
                Some((above, _)) => path = above,
                None => break,
            }
        }
    }
    files
}

/// Reads how many files may be open in `/proc/self/limits`.
fn files_max(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(usize::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_and_the_files_are_read_as_linux_tells_them() {
        let meminfo = "MemTotal:       24683136 kB\nMemFree:        12345 kB\n";
        assert_eq!(total_bytes(meminfo), Some(24_683_136 * 1024));
        assert_eq!(total_bytes(""), None);
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(files_max(limits), Some(1_024));
        let unlimited = limits.replace("1024 ", "unlimited ");
        assert_eq!(files_max(&unlimited), Some(usize::MAX));
        assert_eq!(files_max(""), None);
        assert!(memory_bytes() > 0);
    }

    #[test]
    fn the_limits_of_all_groups_around_the_process_count() {
        assert_eq!(
            cgroup_files("0::/system.slice/frist.service\n"),
            [
                "/sys/fs/cgroup/system.slice/frist.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(
            cgroup_files("12:cpu,cpuacct:/a\n5:memory:/docker/x\n1:name=systemd:/a\n"),
            [
                "/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            ]
        );
        assert_eq!(cgroup_files("0::/\n"), ["/sys/fs/cgroup/memory.max"]);
        assert!(cgroup_files("").is_empty());
    }
}
