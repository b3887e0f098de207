//! `frist validate`: checks resources in files as a server would, without one. Reads files and
//! writes the findings; decides nothing, and knows no store: what depends on other resources is
//! found only by a server.

use std::collections::HashSet;
use std::fs::File;
use std::io::{
    self, BufRead, BufReader, BufWriter, ErrorKind, IsTerminal, Read, StdoutLock, Write,
};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::app::Stop;
use crate::config::{FindingsFormat, ValidateOptions};
use crate::deadlines::GroupTable;
use crate::fhir::issue::operation_outcome;
use crate::fhir::{Issue, IssueCode, Resource, ResourceType, Severity};
use crate::interactions::writing::content;
use crate::packages;
use crate::validation::{self, Validator};

/// The file name that stands for standard input.
const STANDARD_INPUT: &str = "-";
/// Types that are sent and answered, though they are not held.
const PASSING: &[&str] = &["Bundle", "OperationOutcome", "Parameters"];

/// Checks all files, as of the day of the options or else `today`; true if all could be read and
/// nothing in them would be refused.
///
/// Where the options say no day, a fact of a later one is only warned of: whether a server refuses
/// it depends on when it is sent, and what is published in a package (its examples, say) is as good
/// on one day as on another.
///
/// # Errors
/// A package that cannot be read, a profile that is not known, or an output that cannot be written.
pub fn run(options: &ValidateOptions, today: Date) -> Result<bool, Stop> {
    let validator = packages::validator(&packages::read(&options.package)?)?;
    if !options.package.is_empty() {
        packages::not_checked(&validator)
            .iter()
            .for_each(|what| eprintln!("{what}"));
    }
    if let Some(profile) = options
        .profile
        .iter()
        .find(|profile| !validator.knows(profile))
    {
        return Err(Stop::usage(format!(
            "--profile {profile}: no loaded package has this profile"
        )));
    }
    let mut inputs = Vec::new();
    for path in &options.files {
        find(path, &mut inputs);
    }
    let profiles = options.profile.iter().map(String::as_str).collect();
    let mut command = ValidateCommand {
        validator,
        today: options.day.unwrap_or(today),
        is_day_said: options.day.is_some(),
        profiles,
        format: options.format,
        out: BufWriter::new(io::stdout().lock()),
        bar: progress(&inputs),
        told: Told::default(),
    };
    match command.check_all(inputs) {
        // Whoever read the findings has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(error) => {
            return Err(Stop::failed(format!(
                "the findings cannot be written: {error}"
            )));
        }
        Ok(()) => {}
    }
    Ok(command.told.is_all_well())
}

/// A file to read, or why it cannot be.
struct Input {
    path: PathBuf,
    problem: Option<String>,
}

/// Finds the files that a path names: itself, or what lies below it, in order.
fn find(path: &Path, inputs: &mut Vec<Input>) {
    let unreadable = |problem: String| Input {
        path: path.to_owned(),
        problem: Some(problem),
    };
    if path.as_os_str() == STANDARD_INPUT || !path.is_dir() {
        return inputs.push(Input {
            path: path.to_owned(),
            problem: None,
        });
    }
    let known = inputs.len();
    find_below(path, inputs);
    if inputs.len() == known {
        inputs.push(unreadable(
            "expected files *.json or *.ndjson in this folder, found none".into(),
        ));
    }
}

fn find_below(folder: &Path, inputs: &mut Vec<Input>) {
    let listing =
        std::fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut entries = match listing {
        Ok(entries) => entries,
        Err(error) => {
            return inputs.push(Input {
                path: folder.to_owned(),
                problem: Some(error.to_string()),
            });
        }
    };
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Not what a link names: it may lead back to here.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find_below(&entry.path(), inputs);
        } else if (name.ends_with(".json") || name.ends_with(".ndjson"))
            && !name.starts_with('.')
            && name != "package.json"
        {
            inputs.push(Input {
                path: entry.path(),
                problem: None,
            });
        }
    }
}

/// How far the reading has come, for who looks at a terminal.
fn progress(inputs: &[Input]) -> ProgressBar {
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

/// What was told so far.
#[derive(Default)]
struct Told {
    valid: usize,
    invalid: usize,
    errors: usize,
    warnings: usize,
    unreadable: usize,
}

impl Told {
    fn is_all_well(&self) -> bool {
        self.invalid == 0 && self.unreadable == 0
    }

    /// All of it in a line.
    fn summary(&self) -> String {
        let number =
            |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        let resources = number(self.valid + self.invalid, "resource");
        let (errors, warnings) = (
            number(self.errors, "error"),
            number(self.warnings, "warning"),
        );
        let mut line = format!(
            "{resources}: {} valid, {} invalid; {errors}, {warnings}",
            self.valid, self.invalid
        );
        if self.unreadable > 0 {
            line += &format!("; {} could not be read", number(self.unreadable, "file"));
        }
        line
    }
}

struct ValidateCommand<'a> {
    validator: Validator,
    today: Date,
    is_day_said: bool,
    profiles: Vec<&'a str>,
    format: FindingsFormat,
    out: BufWriter<StdoutLock<'static>>,
    bar: ProgressBar,
    told: Told,
}

impl ValidateCommand<'_> {
    fn check_all(&mut self, inputs: Vec<Input>) -> io::Result<()> {
        for Input { path, problem } in inputs {
            let name = path.display().to_string();
            let problem = match problem {
                Some(problem) => Some(problem),
                None => self.check_input(&path, &name)?.err(),
            };
            if let Some(problem) = problem {
                self.told.unreadable += 1;
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
            writeln!(self.out, "{}", self.told.summary())?;
        }
        self.out.flush()
    }

    /// Checks one file; inside, why it cannot be read.
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
        let (name, issues) = match Resource::parse(content) {
            Ok(resource) => (name_of(&resource), self.findings(&resource)),
            Err(issue) => (String::new(), vec![issue]),
        };
        if issues.iter().any(Issue::refuses) {
            self.told.invalid += 1
        } else {
            self.told.valid += 1
        }
        self.tell(place, &name, &issues)
    }

    fn findings(&self, resource: &Resource) -> Vec<Issue> {
        let mut issues = content::findings(
            resource,
            &self.validator,
            GroupTable::shipped(),
            self.today,
            &self.profiles,
        );
        let type_name = resource.type_name();
        if type_name.parse::<ResourceType>().is_err() && !PASSING.contains(&type_name) {
            let text = "a server does not hold resources of this type: it would answer 404";
            issues.push(Issue::warning(IssueCode::NotSupported, type_name, text));
        }
        if type_name == "Bundle" {
            self.findings_of_entries(resource.value(), "Bundle", &mut issues);
            each_once(&mut issues);
        }
        if !self.is_day_said {
            issues
                .iter_mut()
                .filter(|issue| issue.rule == validation::NOT_IN_FUTURE)
                .for_each(leave_to_the_server);
        }
        issues
    }

    /// Adds what is found of the resources in a Bundle, each as if it were sent alone.
    fn findings_of_entries(&self, bundle: &Value, at: &str, issues: &mut Vec<Issue>) {
        for (number, entry) in bundle["entry"].as_array().into_iter().flatten().enumerate() {
            let Some(value) = entry.get("resource") else {
                continue;
            };
            let at = format!("{at}.entry[{number}].resource");
            match Resource::from_value(value.clone()) {
                Ok(resource) => {
                    let found = content::findings(
                        &resource,
                        &self.validator,
                        GroupTable::shipped(),
                        self.today,
                        &[],
                    );
                    issues.extend(
                        found
                            .into_iter()
                            .map(|issue| below(&at, resource.type_name(), issue)),
                    );
                    if resource.type_name() == "Bundle" {
                        self.findings_of_entries(resource.value(), &at, issues);
                    }
                }
                Err(issue) => issues.push(below(&at, "", issue)),
            }
        }
    }

    fn tell(&mut self, place: &str, resource: &str, issues: &[Issue]) -> io::Result<()> {
        let of = |severity: &[Severity]| {
            issues
                .iter()
                .filter(|issue| severity.contains(&issue.severity))
                .count()
        };
        self.told.errors += of(&[Severity::Fatal, Severity::Error]);
        self.told.warnings += of(&[Severity::Warning]);
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

/// Makes a warning of what a server will refuse if it is sent today.
fn leave_to_the_server(issue: &mut Issue) {
    issue.severity = Severity::Warning;
    issue.text += "; a server would refuse it today (--day makes it an error here too)";
}

/// Leaves out what was found of an entry both in its Bundle and by itself.
fn each_once(issues: &mut Vec<Issue>) {
    let mut told = HashSet::new();
    issues.retain(|issue| {
        told.insert((
            issue.severity,
            issue.code,
            issue.expression.clone(),
            issue.rule.clone(),
            what(issue).to_owned(),
        ))
    });
}

/// The type and id of a resource, as far as they are there.
fn name_of(resource: &Resource) -> String {
    match resource.id() {
        Some(id) => format!("{}/{id}", resource.type_name()),
        None => resource.type_name().to_owned(),
    }
}

/// The same finding, about what stands at that place of another resource.
fn below(at: &str, type_name: &str, issue: Issue) -> Issue {
    let rest = issue.expression.strip_prefix(type_name).unwrap_or("");
    Issue {
        expression: format!("{at}{rest}"),
        text: what(&issue).to_owned(),
        ..issue
    }
}

/// What a finding says, without its place.
fn what(issue: &Issue) -> &str {
    issue
        .text
        .strip_prefix(issue.expression.as_str())
        .and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(&issue.text)
}

fn text_line(place: &str, issue: &Issue) -> String {
    let at = if issue.expression.is_empty() {
        String::new()
    } else {
        format!(":{}", issue.expression)
    };
    let rule = if issue.rule.is_empty() {
        String::new()
    } else {
        format!(" [{}]", issue.rule)
    };
    format!(
        "{place}{at}: {} {}{rule} {}",
        issue.severity.as_str(),
        issue.code.as_str(),
        what(issue)
    )
}

fn json_line(place: &str, resource: &str, issue: &Issue) -> String {
    json!({
        "place": place,
        "resource": resource,
        "severity": issue.severity.as_str(),
        "code": issue.code.as_str(),
        "expression": issue.expression,
        "rule": issue.rule,
        "text": what(issue),
    })
    .to_string()
}

/// The OperationOutcome of one resource; each issue says in `diagnostics` where the resource was
/// read.
fn outcome_line(place: &str, issues: &[Issue]) -> String {
    let mut outcome = operation_outcome(issues);
    for issue in outcome["issue"].as_array_mut().into_iter().flatten() {
        issue["diagnostics"] = Value::from(place);
    }
    outcome.to_string()
}
