//! Bulk exports (<https://hl7.org/fhir/uv/bulkdata/export.html>): asked for, looked after, and read
//! line by line.
//!
//! The address of an export under way is kept with the place, so that a stop does not ask for
//! another one. The next export begins where this one's state was: at its `transactionTime`.

use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::account::{Tally, WithoutWrite};
use super::answers::{Manifest, Tidings, deletion, manifest};
use super::fhir_client::{Fetched, RequestKind, Setback};
use super::place::Place;
use super::round::{Ended, Round};
use super::settings::Reading;
use crate::fhir::view::items;
use crate::fhir::{ResourceType, json};
use crate::subscriptions::delivery::retry_after;

/// The most bytes of a line.
const LINE_BYTES_MAX: usize = 5 * 1024 * 1024;
/// The lines that are taken together.
const LINES_TOGETHER: usize = 200;
/// The longest pause between two looks at an export.
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// The times that an export is looked at or read in vain until another one is begun.
const JOB_FAILURES_MAX: u64 = 5;

impl Round<'_> {
    /// Goes on with an export: asks for one, looks whether it is done, or reads it.
    pub(super) async fn export(
        &self,
        (address, types): (&str, &[ResourceType]),
        place: &mut Place,
        (bookmark, reading): (&str, &Reading),
    ) -> Result<Ended, Setback> {
        let Some(job) = place.job.clone() else {
            place.job = Some(self.begin((address, types), place).await?);
            self.keep(bookmark, place, reading).await?;
            return Ok(Ended::Later(self.pace.pause(&self.upstream.name, 1)));
        };
        let status = self.client.named(&job)?;
        let context = (self.now)();
        let kept = (bookmark, reading);
        let asked = self.client.get(&status, RequestKind::JobStatus, &context);
        let answer = match asked.await {
            Ok(answer) => answer,
            // A failed export may be answered with any error of a server.
            Err(setback) if setback.status.is_some() => {
                return self
                    .job_failed(JOB_FAILURES_MAX, setback, place, kept)
                    .await;
            }
            Err(setback) => return Err(setback),
        };
        match answer.status {
            202 => Ok(Ended::Later(self.look_pause(&answer))),
            200 => {
                let made = match self.made(&answer).await {
                    Ok(made) => made,
                    Err(setback) => {
                        return self
                            .job_failed(JOB_FAILURES_MAX, setback, place, kept)
                            .await;
                    }
                };
                place.move_to(made, context.now);
                place.job = None;
                place.failures = 0;
                self.keep(bookmark, place, reading).await?;
                self.client.forget_job(&status, &context).await;
                Ok(Ended::Whole)
            }
            other => {
                let setback = Setback {
                    status: Some(other),
                    ..Setback::because(format!("its export was answered with {other}"))
                };
                self.job_failed(1, setback, place, kept).await
            }
        }
    }

    /// Reads an export that is done, and returns the instant of its state.
    async fn made(&self, answer: &Fetched) -> Result<Option<Timestamp>, Setback> {
        let manifest = manifest(&answer.body).map_err(Setback::because)?;
        self.files(&manifest).await?;
        Ok(manifest.transaction_time)
    }

    /// Notes that an export could not be looked at or read; after so many times another one is begun.
    async fn job_failed(
        &self,
        most: u64,
        setback: Setback,
        place: &mut Place,
        (bookmark, reading): (&str, &Reading),
    ) -> Result<Ended, Setback> {
        // These say nothing of the export.
        if matches!(setback.status, Some(401 | 429)) {
            return Err(setback);
        }
        place.failures += 1;
        let is_over = place.failures >= most;
        if is_over {
            place.job = None;
            place.failures = 0;
        }
        self.keep(bookmark, place, reading).await?;
        let text = match is_over {
            true => format!("{}: another export is asked for", setback.text),
            false => setback.text,
        };
        Err(Setback { text, ..setback })
    }

    async fn begin(
        &self,
        (address, types): (&str, &[ResourceType]),
        place: &Place,
    ) -> Result<String, Setback> {
        let mut query = Vec::new();
        if !types.is_empty() {
            let types: Vec<_> = types.iter().map(|one| one.as_str()).collect();
            query.push(format!("_type={}", types.join(",")));
        }
        if let Some(since) = self.reads_from(place) {
            query.push(format!("_since={since}"));
        }
        let asked = if query.is_empty() {
            address.to_owned()
        } else {
            format!("{address}?{}", query.join("&"))
        };
        let context = (self.now)();
        let address = self.client.below(&asked)?;
        let answer = self
            .client
            .get(&address, RequestKind::ExportJob, &context)
            .await?;
        match (answer.status, answer.content_location) {
            (202, Some(job)) => Ok(self.client.named(&job)?.to_string()),
            (202, None) => Err(Setback::because("its export has no Content-Location")),
            (other, _) => Err(Setback {
                status: Some(other),
                ..Setback::because(format!("its export was answered with {other}"))
            }),
        }
    }

    fn look_pause(&self, answer: &Fetched) -> Duration {
        let asked = answer
            .retry_after
            .as_deref()
            .and_then(|value| retry_after(value, (self.now)().now));
        let usual = self.pace.pause(&self.upstream.name, 3);
        // Neither at once, whatever it says or its clock, nor never.
        asked.unwrap_or_default().max(usual).min(LOOK_PAUSE_MAX)
    }

    /// Reads the files of an export, those of parties first.
    async fn files(&self, manifest: &Manifest) -> Result<(), Setback> {
        const FIRST: [&str; 6] = [
            "Organization",
            "Practitioner",
            "PractitionerRole",
            "Patient",
            "Condition",
            "ServiceRequest",
        ];
        let mut files: Vec<_> = manifest.files.iter().collect();
        files.sort_by_key(|(name, _)| {
            FIRST
                .iter()
                .position(|first| first == name)
                .unwrap_or(FIRST.len())
        });
        for (_, address) in files {
            self.file(&self.client.named(address)?, false).await?;
        }
        // All together: what refers to others goes before them.
        let mut deleted = Vec::new();
        for address in &manifest.deleted {
            deleted.extend(self.file(&self.client.named(address)?, true).await?);
        }
        self.take(deleted).await.map(|_| ())
    }

    /// Takes the resources of a file, or returns its deletions.
    async fn file(&self, address: &Url, are_deletions: bool) -> Result<Vec<Tidings>, Setback> {
        let context = (self.now)();
        let mut stream = self.client.file(address, &context).await?;
        let mut lines = FileReader::new(are_deletions);
        while let Some(bytes) = stream.next().await? {
            lines.add(&bytes);
            if !are_deletions && lines.read.len() >= LINES_TOGETHER {
                self.take_lines(&mut lines).await?;
            }
        }
        lines.end()?;
        if are_deletions {
            return Ok(lines.read);
        }
        self.take_lines(&mut lines).await?;
        Ok(Vec::new())
    }

    async fn take_lines(&self, lines: &mut FileReader) -> Result<(), Setback> {
        let odd = std::mem::take(&mut lines.odd);
        if odd > 0 {
            self.account.note(|outlook| {
                let count = outlook.left_out.entry("not-understood".to_owned());
                *count.or_default() += odd;
            });
        }
        let mut tally = Tally::default();
        for _ in 0..std::mem::take(&mut lines.long) {
            let what = "a line of its export".to_owned();
            tally.add(
                "",
                WithoutWrite::Refused(what, "longer than 5 MiB".to_owned()),
            );
        }
        self.account.add(tally);
        self.take(std::mem::take(&mut lines.read)).await.map(|_| ())
    }
}

/// Reads the lines of a file as its bytes come.
struct FileReader {
    are_deletions: bool,
    rest: Vec<u8>,
    read: Vec<Tidings>,
    /// The number of lines that are no resource.
    odd: u64,
    /// The number of lines that are too long.
    long: u64,
    /// True within a line that is too long.
    is_within_long: bool,
}

impl FileReader {
    fn new(are_deletions: bool) -> Self {
        FileReader {
            are_deletions,
            rest: Vec::new(),
            read: Vec::new(),
            odd: 0,
            long: 0,
            is_within_long: false,
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        for (at, piece) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if at > 0 {
                self.line_ends();
            }
            if !self.is_within_long {
                self.rest.extend_from_slice(piece);
            }
            if self.rest.len() > LINE_BYTES_MAX {
                self.rest = Vec::new();
                self.long += 1;
                self.is_within_long = true;
            }
        }
    }

    fn line_ends(&mut self) {
        let line = std::mem::take(&mut self.rest);
        if !std::mem::take(&mut self.is_within_long) && !self.line(&line) {
            // One odd line never refuses the others.
            self.odd += 1;
        }
    }

    /// Reads the last line, which need not end.
    fn end(&mut self) -> Result<(), Setback> {
        let line = std::mem::take(&mut self.rest);
        if self.line(&line) {
            Ok(())
        } else {
            Err(Setback::because("a file of its export ends within a line"))
        }
    }

    fn line(&mut self, line: &[u8]) -> bool {
        if line.trim_ascii().is_empty() {
            return true;
        }
        match json::parse(line) {
            Ok(bundle) if self.are_deletions => {
                self.read
                    .extend(items(&bundle["entry"]).filter_map(deletion));
                true
            }
            Ok(value) if value["resourceType"].is_string() => {
                self.read.push(Tidings::of(value));
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_wherever_the_bytes_are_cut() {
        let text = "{\"resourceType\":\"Patient\",\"id\":\"1\"}\n\nodd\n{\"resourceType\":\"Patient\",\"id\":\"2\"}";
        for cut in 0..text.len() {
            let mut reader = FileReader::new(false);
            let (before, after) = text.as_bytes().split_at(cut);
            reader.add(before);
            reader.add(after);
            reader.end().expect("a whole line");
            assert_eq!((reader.read.len(), reader.odd), (2, 1), "{cut}");
        }
        let mut reader = FileReader::new(false);
        reader.add(&text.as_bytes()[..text.len() - 1]);
        assert!(reader.end().is_err(), "it was cut short");
    }

    #[test]
    fn a_line_that_is_too_long_refuses_no_other() {
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        let short = "{\"resourceType\":\"Patient\",\"id\":\"1\"}";
        for text in [
            format!("{short}\n{long}\n{short}\n"),
            format!("{short}\n{long}{long}\n{short}"),
            format!("{long}\n{short}\n{short}"),
            format!("{short}\n{short}\n{long}"),
        ] {
            let mut reader = FileReader::new(false);
            for piece in text.as_bytes().chunks(1 << 20) {
                reader.add(piece);
            }
            reader.end().expect("whole lines");
            assert_eq!((reader.read.len(), reader.odd, reader.long), (2, 0, 1));
        }
    }
}
