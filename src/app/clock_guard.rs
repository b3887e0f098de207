//! Guarding a data folder against a clock that does not fit it: a rehearsal is never taken for the
//! real thing, nor the other way round, and a machine whose clock is wrong writes no history.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::exit_error::ExitError;
use crate::config::ServeOptions;
use crate::interactions::upkeep::lived_time::LivedTime;

/// A clock may be behind the last commit by less than this: what was begun in the same hours goes on.
const BEHIND_MAX: SignedDuration = SignedDuration::from_hours(24);
/// A clock may be ahead of the last commit by less than this: a server that was off for its summer.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24 * 40);

/// The clock that a start asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AskedClock {
    /// The system's.
    OfSystem,
    /// The clock of `--clock`.
    At(Timestamp),
    /// The clock of a demonstration, which goes on where it was.
    OfDemo(Timestamp),
}

impl AskedClock {
    /// Reads the clock that these options ask for.
    pub(super) fn of(options: &ServeOptions) -> Self {
        options
            .common
            .clock
            .map_or(AskedClock::OfSystem, AskedClock::At)
    }

    /// Returns the instant that was asked for; none for the system's.
    pub(super) fn instant(self) -> Option<Timestamp> {
        match self {
            AskedClock::OfSystem => None,
            AskedClock::At(instant) | AskedClock::OfDemo(instant) => Some(instant),
        }
    }
}

/// The past of a data folder, as far as clocks are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FolderPast {
    /// The note that it has of itself; none in a new folder, and in one that an older program wrote.
    pub(super) lived: Option<LivedTime>,
    /// The instant of its last commit, if there is one.
    pub(super) last: Option<Timestamp>,
}

/// Judges a start; returns the time in which the folder lives from now on.
///
/// # Errors
/// What does not fit, and what to do.
pub(super) fn judge(
    data: &Path,
    past: FolderPast,
    asked: AskedClock,
    now: Timestamp,
    is_accepted: bool,
) -> Result<LivedTime, ExitError> {
    let lived = past.lived.or_else(|| guessed(past.last?, now));
    let wished = match asked {
        AskedClock::OfSystem => LivedTime::Real,
        AskedClock::At(_) | AskedClock::OfDemo(_) => LivedTime::Rehearsal,
    };
    // Once a rehearsal, always one: what it holds never happened.
    let lives = match lived {
        Some(LivedTime::Rehearsal) => LivedTime::Rehearsal,
        Some(LivedTime::Real) | None => wished,
    };
    if is_accepted {
        return Ok(lives);
    }
    let start = asked.instant().unwrap_or(now);
    let found = unfit(lived, wished, past.last, start, asked);
    found.map_or(Ok(lives), |what| {
        Err(ExitError::failed(format!(
            "the data folder {} {what}",
            data.display()
        )))
    })
}

/// Guesses how a folder lived whose program did not note it: what is stamped later than today was
/// written in a rehearsal.
fn guessed(last: Timestamp, now: Timestamp) -> Option<LivedTime> {
    Some(if last.duration_since(now) >= BEHIND_MAX {
        LivedTime::Rehearsal
    } else {
        LivedTime::Real
    })
}

/// Says what does not fit, if anything, after the name of the folder.
fn unfit(
    lived: Option<LivedTime>,
    wished: LivedTime,
    last: Option<Timestamp>,
    start: Timestamp,
    asked: AskedClock,
) -> Option<String> {
    match (lived, wished) {
        (Some(LivedTime::Real), LivedTime::Rehearsal) => {
            return Some(
                "has lived in real time: expected no --clock; rehearse on a folder of its own, or make this one a rehearsal for ever with --accept-clock"
                    .to_owned(),
            );
        }
        (Some(LivedTime::Rehearsal), LivedTime::Real) => {
            return Some(
                "is a rehearsal: expected --clock, or another folder; --accept-clock serves the rehearsal by today's clock"
                    .to_owned(),
            );
        }
        _ => {}
    }
    let last = last?;
    let ahead = start.duration_since(last);
    let is_rehearsal = wished == LivedTime::Rehearsal;
    if ahead <= -BEHIND_MAX && !matches!(asked, AskedClock::OfDemo(_)) {
        let what = if is_rehearsal {
            "start with a later --clock"
        } else {
            "set the clock of this machine"
        };
        return Some(format!(
            "has a last commit of {last}, and the clock says {start}, a day or more before it: {what}, or go on from the last commit with --accept-clock"
        ));
    }
    // A rehearsal may jump forward as it likes.
    (ahead >= AHEAD_MAX && !is_rehearsal).then(|| {
        format!(
            "has a last commit of {last}, and the clock says {start}, 40 days or more after it: set the clock of this machine, or make up for these days with --accept-clock"
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: &str = "2027-06-01T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Says what a start comes to: the time in which the folder lives, or words of the refusal.
    fn told(
        lived: Option<LivedTime>,
        last: Option<&str>,
        asked: AskedClock,
        is_accepted: bool,
    ) -> String {
        let past = FolderPast {
            lived,
            last: last.map(at),
        };
        match judge(Path::new("d"), past, asked, at(NOW), is_accepted) {
            Ok(lives) => lives.code().to_owned(),
            Err(stop) => {
                assert!(!stop.is_usage && !stop.text.contains('\n'), "{}", stop.text);
                assert!(stop.text.contains("--accept-clock"), "{}", stop.text);
                stop.text
            }
        }
    }

    /// The note of a folder, its last commit, the clock of a start, and what that comes to.
    const CASES: &[[&str; 4]] = &[
        ["", "", "", "real"],
        ["", "", "2027-03-01", "rehearsal"],
        ["real", "2027-06-01T11:00:00Z", "", "real"],
        ["real", "2027-06-02T11:59:59Z", "", "real"],
        [
            "real",
            "2027-06-02T12:00:00Z",
            "",
            "a day or more before it",
        ],
        ["real", "2027-04-22T12:00:01Z", "", "real"],
        [
            "real",
            "2027-04-22T12:00:00Z",
            "",
            "40 days or more after it",
        ],
        [
            "real",
            "2027-06-01T11:00:00Z",
            "2027-03-01",
            "has lived in real time",
        ],
        [
            "real",
            "2027-06-01T11:00:00Z",
            "demo",
            "has lived in real time",
        ],
        ["rehearsal", "2027-06-01T11:00:00Z", "", "is a rehearsal"],
        [
            "rehearsal",
            "2027-03-01T08:10:00Z",
            "2027-03-01",
            "rehearsal",
        ],
        [
            "rehearsal",
            "2027-03-01T08:10:00Z",
            "2031-01-01",
            "rehearsal",
        ],
        [
            "rehearsal",
            "2027-03-01T08:10:00Z",
            "2027-02-01",
            "a later --clock",
        ],
        ["rehearsal", "2027-03-09T08:10:00Z", "demo", "rehearsal"],
        // Folders of a program that did not note it.
        ["", "2027-05-31T00:00:00Z", "", "real"],
        [
            "",
            "2027-05-31T00:00:00Z",
            "2027-03-01",
            "has lived in real time",
        ],
        ["", "2028-05-31T00:00:00Z", "", "is a rehearsal"],
        ["", "2028-05-31T00:00:00Z", "2031-01-01", "rehearsal"],
    ];

    #[test]
    fn a_clock_that_does_not_fit_the_folder_is_refused() {
        for [noted, last, asked, expected] in CASES {
            let lived = match *noted {
                "real" => Some(LivedTime::Real),
                "rehearsal" => Some(LivedTime::Rehearsal),
                _ => None,
            };
            let asked = match *asked {
                "" => AskedClock::OfSystem,
                "demo" => AskedClock::OfDemo(at("2027-03-01T08:00:00Z")),
                day => AskedClock::At(at(&format!("{day}T08:00:00Z"))),
            };
            let last = Some(*last).filter(|last| !last.is_empty());
            let said = told(lived, last, asked, false);
            let case = format!("{lived:?} {last:?} {asked:?}: {said}");
            assert!(said.contains(expected), "{case}");
            let accepted = told(lived, last, asked, true);
            let stays = *noted == "rehearsal" || last.is_some_and(|last| last.starts_with("2028"));
            let expected = if stays || asked != AskedClock::OfSystem {
                "rehearsal"
            } else {
                "real"
            };
            assert_eq!(accepted, expected, "accepted: {case}");
        }
    }
}
