//! Catching up at a start: the definitions are stored, the days missed are made up for, and everyone's
//! rights are derived anew if they were derived by something else. Whoever waits is told how far it is.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::civil::Date;

use super::clock::ServerClock;
use super::exit_error::ExitError;
use crate::fhir::Resource;
use crate::interactions::upkeep::{calendar, definitions, derivation};
use crate::interactions::{Failure, Server};

/// The time between two lines of the log.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The work that is to be done before requests are welcome.
pub(super) struct CatchUp {
    pub(super) server: Arc<Server>,
    pub(super) clock: ServerClock,
    /// The definitions with which the server was started.
    pub(super) definitions: Vec<Resource>,
    /// The thread that makes the index anew, if that is still to be done.
    pub(super) indexing: Option<JoinHandle<()>>,
}

impl CatchUp {
    /// Waits until the index is made anew, if that is still to be done.
    pub(super) fn wait_for_index(&mut self) {
        if let Some(indexing) = self.indexing.take() {
            // Its panic was told already.
            let _ = indexing.join();
        }
    }

    /// Catches up; where that depends on entries that are not made yet, when they are. `tell` is told
    /// how far it is.
    ///
    /// # Errors
    /// Of the store, or of definitions that cannot be stored.
    pub(super) fn run(&mut self, tell: &dyn Fn(&str)) -> Result<(), ExitError> {
        match self.catch_up(tell) {
            Err(failure) if failure.is_of_index() => {
                tell("making the search index anew");
                tracing::info!("the server serves as soon as the search index is made");
                self.wait_for_index();
                Ok(self.catch_up(tell)?)
            }
            done => Ok(done?),
        }
    }

    fn catch_up(&self, tell: &dyn Fn(&str)) -> Result<(), Failure> {
        let context = self.clock.context();
        let mut told = ProgressLines::to(tell);
        told.say("storing the definitions".to_owned());
        definitions::install(&self.server, &context, self.definitions.clone())?;
        let today = self.server.today(&context);
        let mut first = None;
        let done = calendar::run(&self.server, &context, |day, done| {
            let first = *first.get_or_insert(day);
            told.say(missed(first, day, today, done.persons));
        })?;
        if done.persons > 0 {
            tracing::info!(
                persons = done.persons,
                versions = done.versions,
                "made up for the days missed"
            );
        }
        let done =
            derivation::bring_up_to_date_telling(&self.server, &context, &mut |done, all| {
                told.say(format!("deriving all rights anew, {done} of {all} persons"));
            })?;
        if done.persons > 0 {
            tracing::info!(
                persons = done.persons,
                versions = done.versions,
                "derived all rights anew, by the rules and codes of this start"
            );
        }
        Ok(())
    }
}

/// Says which of the days missed is being made up for.
fn missed(first: Date, day: Date, today: Date, persons: usize) -> String {
    let days = |from: Date, until: Date| (until - from).get_days() + 1;
    let (at, all) = (days(first, day), days(first, today));
    format!("making up for {first} to {today}, day {at} of {all}, {persons} persons so far")
}

/// Tells how far the work is, with a line of the log now and then.
struct ProgressLines<'a> {
    tell: &'a dyn Fn(&str),
    last_line: Instant,
}

impl<'a> ProgressLines<'a> {
    fn to(tell: &'a dyn Fn(&str)) -> Self {
        ProgressLines {
            tell,
            last_line: Instant::now(),
        }
    }

    fn say(&mut self, text: String) {
        (self.tell)(&text);
        if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            tracing::info!("{text}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_days_missed_are_counted_from_the_first_to_today() {
        let [first, day, today] = [10, 12, 20].map(|day| date(2027, 3, day));
        assert_eq!(
            missed(first, day, today, 7),
            "making up for 2027-03-10 to 2027-03-20, day 3 of 11, 7 persons so far"
        );
    }
}
