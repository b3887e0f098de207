//! `frist validate`: checks resources in files, JSON or XML, as a server would, without one. Reads files and
//! writes the findings; decides nothing, and knows no store: what depends on other resources is
//! found only by a server.

mod findings;
mod lines;

use std::fs::File;
use std::io::{
    self, BufRead, BufReader, BufWriter, ErrorKind, IsTerminal, Read, StdoutLock, Write,
};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::added_packages;
use super::exit_error::ExitError;
use super::input_files::{InputFile, STANDARD_INPUT, find};
use crate::config::{FindingsFormat, ValidateOptions};
use crate::fhir::issue::in_order;
use crate::fhir::{Issue, IssueCode, Resource, Severity, counted, start_of_day};
use findings::ContentCheck;
use lines::{json_line, outcome_line, text_line};

/// Checks all files, as of the end of the options' day or else `now`; returns true if all could be
/// read and nothing in them would be refused.
///
/// Where the options say no day, a fact of a later one is only warned of: whether a server refuses
/// it depends on when it is sent, and what is published in a package (its examples, say) is as good
/// on one day as on another.
///
/// # Errors
/// A package that cannot be read, a profile that is not known, or an output that cannot be written.
pub(super) fn run(options: &ValidateOptions, now: Timestamp) -> Result<bool, ExitError> {
    let packages = added_packages::read(&options.package)?;
    let validator = added_packages::validator(&packages)?;
    if !options.package.is_empty() {
        added_packages::not_checked(&validator, &packages)
            .iter()
            .for_each(|what| eprintln!("{what}"));
    }
    if let Some(profile) = options
        .profile
        .iter()
        .find(|profile| !validator.knows(profile))
    {
        return Err(ExitError::usage(format!(
            "--profile {profile}: no loaded package has this profile"
        )));
    }
    let mut inputs = Vec::new();
    for path in &options.files {
        find(path, &mut inputs);
    }
    let profiles = options.profile.iter().map(String::as_str).collect();
    let mut command = ValidateCommand {
        content: ContentCheck {
            validator,
            now: options.day.map_or(now, end_of_day),
            is_day_said: options.day.is_some(),
            profiles,
        },
        format: options.format,
        is_verbose: options.verbose,
        out: BufWriter::new(io::stdout().lock()),
        bar: progress(&inputs),
        summary: Summary::default(),
    };
    match command.check_all(inputs) {
        // Whoever read the findings has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(error) => {
            return Err(ExitError::failed(format!(
                "the findings cannot be written: {error}"
            )));
        }
        Ok(()) => {}
    }
    Ok(command.summary.is_all_well())
}

/// Returns the last millisecond of a day in Copenhagen: everything on the day has happened.
fn end_of_day(day: Date) -> Timestamp {
    let next = day.tomorrow().map_or(Timestamp::MAX, start_of_day);
    next.checked_sub(SignedDuration::from_millis(1))
        .unwrap_or(next)
}

/// Makes a bar that shows at a terminal how far the reading has come.
fn progress(inputs: &[InputFile]) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bytes = inputs
        .iter()
        .filter_map(|input| std::fs::metadata(&input.path).ok())
        .map(|metadata| metadata.len())
        .sum();
    let style =
        ProgressStyle::with_template("Checking [{bar:40}] {bytes}/{total_bytes}, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The counts of what was found so far.
#[derive(Default)]
struct Summary {
    valid: usize,
    invalid: usize,
    errors: usize,
    warnings: usize,
    unreadable: usize,
}

impl Summary {
    fn is_all_well(&self) -> bool {
        self.invalid == 0 && self.unreadable == 0
    }

    /// Tells all of it in a line.
    fn line(&self) -> String {
        let resources = counted(self.valid + self.invalid, "resource");
        let (errors, warnings) = (
            counted(self.errors, "error"),
            counted(self.warnings, "warning"),
        );
        let mut line = format!(
            "{resources}: {} valid, {} invalid; {errors}, {warnings}",
            self.valid, self.invalid
        );
        if self.unreadable > 0 {
            line += &format!("; {} could not be read", counted(self.unreadable, "file"));
        }
        line
    }
}

/// The command while it runs.
struct ValidateCommand<'a> {
    content: ContentCheck<'a>,
    format: FindingsFormat,
    /// Tells whether findings are told too that are only good to know.
    is_verbose: bool,
    out: BufWriter<StdoutLock<'static>>,
    bar: ProgressBar,
    summary: Summary,
}

impl ValidateCommand<'_> {
    fn check_all(&mut self, inputs: Vec<InputFile>) -> io::Result<()> {
        for InputFile { path, problem } in inputs {
            let name = path.display().to_string();
            let problem = match problem {
                Some(problem) => Some(problem),
                None => self.check_input(&path, &name)?.err(),
            };
            if let Some(problem) = problem {
                self.summary.unreadable += 1;
                self.tell(
                    &name,
                    "",
                    &[Issue::error(
                        IssueCode::Exception,
                        "",
                        format!("cannot be read: {problem}"),
                    )],
                )?;
            }
        }
        self.bar.finish_and_clear();
        if self.format == FindingsFormat::Text {
            writeln!(self.out, "{}", self.summary.line())?;
        }
        self.out.flush()
    }

    /// Checks one file. Returns inside why it cannot be read.
    fn check_input(&mut self, path: &Path, name: &str) -> io::Result<Result<(), String>> {
        let is_standard_input = path.as_os_str() == STANDARD_INPUT;
        let opened: io::Result<Box<dyn BufRead>> = if is_standard_input {
            Ok(Box::new(io::stdin().lock()))
        } else {
            File::open(path).map(|file| Box::new(BufReader::new(file)) as Box<dyn BufRead>)
        };
        let mut reader = match opened {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if !is_standard_input
            && path
                .extension()
                .is_some_and(|extension| extension == "ndjson")
        {
            return self.check_lines(reader, name, 1);
        }
        let mut content = Vec::new();
        // What comes by standard input is lines of resources if the first line is one.
        if is_standard_input {
            if let Err(error) = reader.read_until(b'\n', &mut content) {
                return Ok(Err(error.to_string()));
            }
            if Resource::parse(&content).is_ok() {
                self.check(&format!("{name}:1"), &content)?;
                return self.check_lines(reader, name, 2);
            }
        }
        match reader.read_to_end(&mut content) {
            Ok(_) => self.check(name, &content).map(Ok),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    fn check_lines(
        &mut self,
        mut reader: Box<dyn BufRead>,
        name: &str,
        first: usize,
    ) -> io::Result<Result<(), String>> {
        for number in first.. {
            let mut line = Vec::new();
            match reader.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) => self.check(&format!("{name}:{number}"), &line)?,
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        Ok(Ok(()))
    }

    /// Checks one resource and tells the findings.
    fn check(&mut self, place: &str, content: &[u8]) -> io::Result<()> {
        self.bar.inc(content.len() as u64);
        let (name, issues) = match self.content.parse(content) {
            Ok(resource) => (name_of(&resource), self.content.findings(&resource)),
            Err(issue) => (String::new(), vec![issue]),
        };
        let is_told = |issue: &&Issue| self.is_verbose || issue.severity != Severity::Information;
        let issues: Vec<_> = in_order(issues.iter().filter(is_told))
            .into_iter()
            .cloned()
            .collect();
        if issues.iter().any(Issue::refuses) {
            self.summary.invalid += 1
        } else {
            self.summary.valid += 1
        }
        self.tell(place, &name, &issues)
    }

    fn tell(&mut self, place: &str, resource: &str, issues: &[Issue]) -> io::Result<()> {
        let of = |severity: &[Severity]| {
            issues
                .iter()
                .filter(|issue| severity.contains(&issue.severity))
                .count()
        };
        self.summary.errors += of(&[Severity::Fatal, Severity::Error]);
        self.summary.warnings += of(&[Severity::Warning]);
        let lines: Vec<String> = match self.format {
            FindingsFormat::Text => issues.iter().map(|issue| text_line(place, issue)).collect(),
            FindingsFormat::Json => issues
                .iter()
                .map(|issue| json_line(place, resource, issue))
                .collect(),
            FindingsFormat::Outcome => vec![outcome_line(place, issues)],
        };
        let Self { out, bar, .. } = self;
        bar.suspend(|| lines.iter().try_for_each(|line| writeln!(out, "{line}")))
    }
}

/// Returns the type and id of a resource, as far as they are there.
fn name_of(resource: &Resource) -> String {
    match resource.id() {
        Some(id) => format!("{}/{id}", resource.type_name()),
        None => resource.type_name().to_owned(),
    }
}
