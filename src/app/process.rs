//! Figures of the process and its data folder, and whether there is room on the disk.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::exit_error::ExitError;
use crate::http::MachineFigure;

/// The room that a start must find: enough for what it writes before it serves.
const ROOM_BYTES: usize = 4 * 1024 * 1024;
/// The clock ticks of a second, by which Linux counts the time of processes on every machine.
const TICKS_PER_SECOND: f64 = 100.0;
/// The bytes of a page, by which Linux counts memory on the machines that this program runs on.
const PAGE_BYTES: f64 = 4_096.0;

/// Tests that the disk of a data folder has room left, and warns of a folder that others can read.
///
/// # Errors
/// If nothing can be written there.
pub(super) fn find_room(data: &Path) -> Result<(), ExitError> {
    let probe = data.join("room");
    let written = fs::File::create(&probe).and_then(|mut file| {
        file.write_all(&vec![1; ROOM_BYTES])?;
        file.sync_all()
    });
    let _ = fs::remove_file(&probe);
    written.map_err(|error| {
        ExitError::failed(format!(
            "the disk of the data folder {} has no room for what a start writes ({error}): make room, and start again",
            data.display()
        ))
    })?;
    if let Ok(about) = fs::metadata(data)
        && about.permissions().mode() & 0o077 != 0
    {
        tracing::warn!(
            "others on this machine can look into the data folder, which holds health data: chmod 700 {}",
            data.display()
        );
    }
    Ok(())
}

/// Returns the figures that can be had.
pub(super) fn figures(data: &Path) -> Vec<MachineFigure> {
    let figure = |name, is_counter, help, value| MachineFigure {
        name,
        is_counter,
        help,
        value,
    };
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in brackets, may hold spaces.
    let fields: Vec<f64> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .map(|field| field.trim().parse().unwrap_or(0.0))
        .collect();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0.0);
    let booted = fs::read_to_string("/proc/stat").unwrap_or_default();
    let booted = booted.lines().find_map(|line| line.strip_prefix("btime "));
    let booted: f64 = booted.and_then(|text| text.parse().ok()).unwrap_or(0.0);
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let most = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|line| line.split_whitespace().next()?.parse().ok());
    vec![
        figure(
            "process_cpu_seconds_total",
            true,
            "CPU time of the process.",
            (field(14) + field(15)) / TICKS_PER_SECOND,
        ),
        figure(
            "process_start_time_seconds",
            false,
            "When the process was started, since 1970.",
            booted + field(22) / TICKS_PER_SECOND,
        ),
        figure(
            "process_resident_memory_bytes",
            false,
            "Memory of the process.",
            field(24) * PAGE_BYTES,
        ),
        figure(
            "process_open_fds",
            false,
            "Files and connections that the process has open.",
            open as f64,
        ),
        figure(
            "process_max_fds",
            false,
            "Files and connections that it may have open.",
            most.unwrap_or(0.0),
        ),
        figure(
            "frist_data_folder_bytes",
            false,
            "Size of the data folder.",
            size(data) as f64,
        ),
    ]
}

/// Returns the number of bytes that the files below a folder take.
pub(super) fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let of_entry = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => size(&entry.path()),
        Ok(about) => about.len(),
        // It went while this looked.
        Err(_) => 0,
    };
    entries.filter_map(Result::ok).map(of_entry).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_process_are_more_than_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("file"), "12345").expect("a file");
        for MachineFigure { name, value, .. } in figures(folder.path()) {
            assert!(
                value > 0.0 || name == "process_cpu_seconds_total",
                "{name} {value}"
            );
            assert!(name != "frist_data_folder_bytes" || value == 5.0, "{value}");
        }
        assert!(find_room(folder.path()).is_ok());
        assert!(
            find_room(&folder.path().join("none"))
                .is_err_and(|stop| stop.text.contains("make room"))
        );
    }
}
