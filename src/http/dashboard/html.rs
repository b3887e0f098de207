//! The words of a page: text as it may stand in HTML, instants and lengths of time as people read
//! them.

use jiff::{SignedDuration, Timestamp};

/// Writes an instant for an operator.
pub(super) fn shown(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Writes how long something takes, in its largest two units.
pub(super) fn length(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

/// Writes text as it may stand in HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_their_largest_units() {
        let told = [0, 59, 60, 3_599, 3_600, 86_399, 86_400, 9_000_000]
            .map(|seconds| length(SignedDuration::from_secs(seconds)));
        assert_eq!(
            told,
            [
                "0 s",
                "59 s",
                "1 min 0 s",
                "59 min 59 s",
                "1 h 0 min",
                "23 h 59 min",
                "1 d 0 h",
                "104 d 4 h"
            ]
        );
        assert_eq!(length(SignedDuration::from_secs(-5)), "0 s");
    }
}
