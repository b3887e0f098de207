//! Bulk exports (<https://hl7.org/fhir/uv/bulkdata/export.html>): asked for, looked after, and read
//! line by line.
//!
//! The address of an export under way is kept with the place, so that a stop does not ask for
//! another one. The next export begins where this one's state was: at its `transactionTime`.

use std::time::Duration;

use url::Url;

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
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(120);

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
        let answer = self
            .client
            .get(&status, RequestKind::JobStatus, &context)
            .await?;
        match answer.status {
            202 => Ok(Ended::Later(self.look_pause(&answer))),
            200 => {
                let manifest = manifest(&answer.body).map_err(Setback::because)?;
                self.files(&manifest).await?;
                place.move_to(manifest.transaction_time);
                place.job = None;
                self.keep(bookmark, place, reading).await?;
                self.client.forget_job(&status, &context).await;
                Ok(Ended::Whole)
            }
            other => {
                place.job = None;
                self.keep(bookmark, place, reading).await?;
                Err(Setback {
                    status: Some(other),
                    ..Setback::because(format!(
                        "its export was answered with {other}: another one is asked for"
                    ))
                })
            }
        }
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
        asked.unwrap_or(usual).min(LOOK_PAUSE_MAX)
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
        for address in &manifest.deleted {
            self.file(&self.client.named(address)?, true).await?;
        }
        Ok(())
    }

    async fn file(&self, address: &Url, are_deletions: bool) -> Result<(), Setback> {
        let context = (self.now)();
        let mut stream = self.client.file(address, &context).await?;
        let mut lines = FileReader::new(are_deletions);
        while let Some(bytes) = stream.next().await? {
            lines.add(&bytes)?;
            if lines.read.len() >= LINES_TOGETHER {
                self.take_lines(&mut lines).await?;
            }
        }
        lines.end()?;
        self.take_lines(&mut lines).await
    }

    async fn take_lines(&self, lines: &mut FileReader) -> Result<(), Setback> {
        let odd = std::mem::take(&mut lines.odd);
        if odd > 0 {
            self.account.note(|outlook| {
                let count = outlook.left_out.entry("not-understood".to_owned());
                *count.or_default() += odd;
            });
        }
        self.take(std::mem::take(&mut lines.read)).await
    }
}

/// Reads the lines of a file as its bytes come.
struct FileReader {
    are_deletions: bool,
    rest: Vec<u8>,
    read: Vec<Tidings>,
    /// The number of lines that are no resource.
    odd: u64,
}

impl FileReader {
    fn new(are_deletions: bool) -> Self {
        FileReader {
            are_deletions,
            rest: Vec::new(),
            read: Vec::new(),
            odd: 0,
        }
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), Setback> {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        if let Some(first) = pieces.next() {
            self.rest.extend_from_slice(first);
        }
        for piece in pieces {
            let line = std::mem::replace(&mut self.rest, piece.to_vec());
            if !self.line(&line) {
                // One odd line never refuses the others.
                self.odd += 1;
            }
        }
        if self.rest.len() > LINE_BYTES_MAX {
            return Err(Setback::because("a line of its export has more than 5 MiB"));
        }
        Ok(())
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
            reader.add(before).expect("short lines");
            reader.add(after).expect("short lines");
            reader.end().expect("a whole line");
            assert_eq!((reader.read.len(), reader.odd), (2, 1), "{cut}");
        }
        let mut reader = FileReader::new(false);
        reader
            .add(&text.as_bytes()[..text.len() - 1])
            .expect("short lines");
        assert!(reader.end().is_err(), "it was cut short");
    }
}
