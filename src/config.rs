//! The options of the program, and what they say once they are read.

mod accept_options;
mod folder_options;
mod machine_options;
mod subscription_options;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::fhir::FhirDate;
use crate::http::cors::origin;
use crate::http::forwarded::TrustedProxy;
use crate::storage::embedded::Engine;

pub use accept_options::AcceptOptions;
pub use folder_options::{
    BackupOptions, CompactOptions, FolderOptions, RestoreOptions, RulesCommand, RulesDiffOptions,
    VerifyOptions,
};
pub use machine_options::MachineOptions;
pub use subscription_options::SubscriptionOptions;

/// `frist`: shows whether the deadline rights of people in package pathways are kept.
#[derive(Parser, Debug)]
#[command(name = "frist", version, about)]
pub struct Options {
    /// The command; `serve` if none is given.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands of the program.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve FHIR R4 from a data folder.
    Serve(ServeOptions),
    /// Fill a data folder with an invented population, and serve it.
    Demo(DemoOptions),
    /// Rebuild the search index of a data folder while no server uses it, and check the store.
    ///
    /// A server that was started with other definitions does so by itself, beside its work. A
    /// running server does so when it is sent POST /fhir/$reindex with the header 'Prefer:
    /// respond-async'.
    Reindex(ReindexOptions),
    /// Check everything in a data folder while no server uses it, and change nothing of it.
    ///
    /// Exit code: 0 if all is well, 1 if something is not (a line each) or the folder cannot be
    /// opened, 2 for wrong options.
    Verify(VerifyOptions),
    /// Copy a data folder, whether or not a server uses it: what was committed since the last backup
    /// in the same folder, or everything.
    Backup(BackupOptions),
    /// Make a data folder from backups, after all of them were found whole.
    Restore(RestoreOptions),
    /// Put a data folder in order on the disk while no server uses it, which gives back the room of
    /// what is gone.
    Compact(CompactOptions),
    /// Tell about rules.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Send files of other systems to a running server's $intake, and sum up what became of them.
    ///
    /// Exit code: 0 if every file was taken in, whatever became of its entries, 1 if one was refused
    /// or cannot be read, 2 for wrong options.
    Intake(IntakeCommandOptions),
    /// Check resources in files as a server would, without one.
    ///
    /// Checks everything that a write checks, except what depends on other resources: that the
    /// Patient is stored, that all references name one person, that no other Patient has the
    /// identifier. The operation $validate of a server checks these too.
    ///
    /// Exit code: 0 if nothing would be refused, 1 if something would be or cannot be read, 2 for
    /// wrong options.
    Validate(ValidateOptions),
}

/// The options of `frist serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeOptions {
    /// The address to listen on: a loopback address, because everyone who can reach it is let in.
    #[arg(long, default_value = "127.0.0.1:8080", env = "FRIST_LISTEN")]
    pub listen: SocketAddr,
    /// The data folder; created if it does not exist.
    #[arg(long, default_value = "frist-data", env = "FRIST_DATA")]
    pub data: PathBuf,
    /// The options of every command that serves.
    #[command(flatten)]
    pub common: CommonOptions,
}

/// The options of `frist demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoOptions {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:8080", env = "FRIST_LISTEN")]
    pub listen: SocketAddr,
    /// The data folder; filled if it holds no Patient yet.
    #[arg(long, default_value = "frist-demo-data")]
    pub data: PathBuf,
    /// The number of persons to invent.
    #[arg(long, default_value_t = 200)]
    pub patients: usize,
    /// The seed of the invented population: the same number gives the same persons.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The options of every command that serves.
    #[command(flatten)]
    pub common: CommonOptions,
}

/// The options of every command that serves.
#[derive(Args, Clone, Debug)]
pub struct CommonOptions {
    /// Start the server's clock at this instant (RFC 3339) and let it run on, for demonstrations
    /// and rehearsals. A folder that was made so is a rehearsal for ever.
    #[arg(long, value_name = "RFC3339")]
    pub clock: Option<Timestamp>,
    /// Options for what is meant although it is refused otherwise.
    #[command(flatten)]
    pub accept: AcceptOptions,
    /// A folder of PlanDefinitions (*.json) that replace shipped rules of the same version for the
    /// same group and right, or add versions.
    #[arg(long, value_name = "DIR", env = "FRIST_RULES")]
    pub rules: Option<PathBuf>,
    /// A table (CSV) of units that are general practices; it is read again when the file changes.
    #[arg(long, value_name = "FILE.csv", env = "FRIST_PRACTICES")]
    pub practices: Option<PathBuf>,
    /// A format that $intake takes although its guide is a draft.
    #[arg(long, value_enum, env = "FRIST_INTAKE_DRAFT", value_delimiter = ',')]
    pub intake_draft: Vec<IntakeDraft>,
    /// A package (NPM, *.tgz) whose profiles are enforced as well where a resource claims them in
    /// meta.profile; repeatable.
    #[arg(long, value_name = "FILE.tgz")]
    pub package: Vec<PathBuf>,
    /// The storage engine of the data folder.
    #[arg(long, default_value_t = Engine::Fjall, env = "FRIST_ENGINE")]
    pub engine: Engine,
    /// The options of what it may take of its machine.
    #[command(flatten)]
    pub machine: MachineOptions,
    /// The answer to a reference to a resource of a type held here that is not stored: accept it
    /// with a warning, since it may arrive later, or refuse it.
    #[arg(long, value_enum, default_value_t = References::Later, env = "FRIST_REFERENCES")]
    pub references: References,
    /// The answer to a Patient with an identifier, as a CPR number, that another one has: accept it
    /// with a warning, or refuse it.
    #[arg(long, value_enum, default_value_t = OnDuplicatePatients::Warn, env = "FRIST_DUPLICATE_PATIENTS")]
    pub duplicate_patients: OnDuplicatePatients,
    /// The base URL that clients use, if it differs from `http://LISTEN/fhir`.
    #[arg(long, value_name = "URL", env = "FRIST_BASE_URL", value_parser = base_url)]
    pub base_url: Option<String>,
    /// The address (`127.0.0.1`) or network (`10.20.0.0/16`) of a proxy in front of the server, whose
    /// Forwarded or X-Forwarded-* headers say by which address clients reach it; repeatable. Those
    /// of anyone else are passed over.
    #[arg(
        long,
        value_name = "IP|CIDR",
        env = "FRIST_TRUSTED_PROXY",
        value_delimiter = ','
    )]
    pub trusted_proxy: Vec<TrustedProxy>,
    /// An origin whose web pages may use the server from a browser, such as
    /// `https://ehr.example.dk`; repeatable. No origin may by default.
    #[arg(long, value_name = "ORIGIN", env = "FRIST_CORS_ORIGIN", value_delimiter = ',', value_parser = origin)]
    pub cors_origin: Vec<String>,
    /// The number of days for which events of subscriptions are kept, so that a subscriber can ask
    /// for what it missed.
    #[arg(long, default_value_t = 90, value_name = "DAYS", env = "FRIST_EVENT_RETENTION_DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    pub event_retention_days: u16,
    /// The answer to a CPR number in the URL of a request. URLs end up in logs on the way; the form
    /// of a POST does not.
    #[arg(long, value_enum, default_value_t = CprInUrl::Refuse, env = "FRIST_CPR_IN_URL")]
    pub cpr_in_url: CprInUrl,
    /// A file that names FHIR servers to be read again and again, for senders that cannot push: see
    /// docs/pulling.md.
    #[arg(long, value_name = "FILE.json", env = "FRIST_UPSTREAM")]
    pub upstream: Option<PathBuf>,
    /// The options of the delivery of notifications.
    #[command(flatten)]
    pub subscriptions: SubscriptionOptions,
    /// The format of log lines, which go to standard error; FRIST_LOG sets what is logged (`info`,
    /// `frist=debug`, …).
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "FRIST_LOG_FORMAT")]
    pub log_format: LogFormat,
}

/// The answers to a Patient with an identifier that another one has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum OnDuplicatePatients {
    /// Accept it, with a warning.
    Warn,
    /// Refuse it.
    Refuse,
}

/// A format whose guide is a draft.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum IntakeDraft {
    /// Messages of MedCom's draft for referrals.
    Referral,
}

/// The options of `frist reindex`.
#[derive(Args, Clone, Debug)]
pub struct ReindexOptions {
    /// The data folder.
    #[arg(long, default_value = "frist-data", env = "FRIST_DATA")]
    pub data: PathBuf,
    /// The storage engine of the data folder.
    #[arg(long, default_value_t = Engine::Fjall, env = "FRIST_ENGINE")]
    pub engine: Engine,
    /// The format of log lines, which go to standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "FRIST_LOG_FORMAT")]
    pub log_format: LogFormat,
}

/// The options of `frist intake`.
#[derive(Args, Clone, Debug)]
pub struct IntakeCommandOptions {
    /// Files with one Bundle each, or one per line if the name ends with .ndjson; folders, searched
    /// for *.json, *.xml and *.ndjson except hidden files.
    #[arg(value_name = "FILE|DIR", required = true)]
    pub files: Vec<PathBuf>,
    /// The base URL of the server: https, or this machine.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080/fhir", value_parser = base_url)]
    pub to: String,
    /// Ask what would become of the files, and have nothing written.
    #[arg(long)]
    pub report_only: bool,
    /// A file of certificates (PEM) of authorities to trust for the server, besides those that this
    /// machine trusts.
    #[arg(long, value_name = "FILE.pem")]
    pub ca: Option<PathBuf>,
}

/// The options of `frist validate`.
#[derive(Args, Clone, Debug)]
pub struct ValidateOptions {
    /// Files with one resource each, in JSON or XML, or one per line if the name ends with .ndjson; folders,
    /// searched for *.json, *.ndjson and *.xml except package.json and hidden files; - for standard input,
    /// in either form. The resources in a Bundle are checked too.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// A package (NPM, *.tgz) whose profiles can be claimed and asked for; repeatable.
    #[arg(long, value_name = "FILE.tgz")]
    pub package: Vec<PathBuf>,
    /// A profile to check against, besides that of the resource's type and those that it claims in
    /// meta.profile.
    #[arg(long, value_name = "URL")]
    pub profile: Vec<String>,
    /// The format of findings, which go to standard output.
    #[arg(long, value_enum, default_value_t = FindingsFormat::Text)]
    pub format: FindingsFormat,
    /// The day after which nothing may be dated. By default, dates after today in Copenhagen only
    /// give warnings.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub day: Option<Date>,
    /// Tell also what is only good to know (severity information), such as that a resource should
    /// have a narrative.
    #[arg(long)]
    pub verbose: bool,
}

/// The format of findings.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum FindingsFormat {
    /// A line per finding, `file:expression: severity code [rule] text`, and the counts at the end.
    Text,
    /// A JSON object per line and finding.
    Json,
    /// An OperationOutcome per line and resource, also for one without findings.
    Outcome,
}

/// The answer to a search that has a CPR number in its URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum CprInUrl {
    /// Refuse it, and say how to send a form instead.
    Refuse,
    /// Answer it.
    Allow,
}

/// The answer to a reference to what is not stored.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum References {
    /// Accept it with a warning: it counts from when the resource arrives.
    Later,
    /// Refuse it with 422.
    Strict,
}

/// The format of log lines.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The instant at which a demonstration begins if `--clock` does not say.
pub const DEMO_CLOCK: &str = "2027-03-01T09:00:00+01:00";

impl Options {
    /// Reads the command line. `frist` alone is `frist serve`.
    ///
    /// # Errors
    /// The message of clap: also the texts of `--help` and `--version`.
    pub fn read(
        arguments: impl IntoIterator<Item = std::ffi::OsString>,
    ) -> Result<Command, clap::Error> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        match Options::try_parse_from(&arguments)?.command {
            Some(command) => Ok(command),
            None => match Options::try_parse_from(
                arguments.into_iter().take(1).chain(["serve".into()]),
            )?
            .command
            {
                Some(command) => Ok(command),
                None => Err(clap::Error::new(clap::error::ErrorKind::MissingSubcommand)),
            },
        }
    }
}

/// Reads a full date.
fn day(text: &str) -> Result<Date, &'static str> {
    match FhirDate::parse(text) {
        Some(FhirDate::Day(day)) => Ok(day),
        _ => Err("expected a full date such as 2027-03-01"),
    }
}

/// Reads an address to which `/Patient/7` can be added.
fn base_url(text: &str) -> Result<String, &'static str> {
    let base = text.trim_end_matches('/');
    let host = base
        .strip_prefix("http://")
        .or_else(|| base.strip_prefix("https://"))
        .unwrap_or("");
    let is_base = !host.is_empty()
        && !host.starts_with('/')
        && host
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"?#\"<>".contains(&byte));
    if is_base {
        Ok(base.to_owned())
    } else {
        Err("expected an address such as https://frist.example.dk/fhir")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_listed_or_none_is_allowed() {
        let origins = |arguments: &[&str]| {
            let read =
                Options::read(["frist", "serve"].iter().chain(arguments).map(Into::into)).ok()?;
            if let Command::Serve(options) = read {
                Some(options.common.cors_origin)
            } else {
                None
            }
        };
        assert_eq!(origins(&[]), Some(vec![]));
        let listed = [
            "--cors-origin",
            "https://a.dk,http://b:3000",
            "--cors-origin",
            "https://c.dk",
        ];
        assert_eq!(
            origins(&listed),
            Some(vec![
                "https://a.dk".to_owned(),
                "http://b:3000".to_owned(),
                "https://c.dk".to_owned()
            ])
        );
        for wrong in ["*", "null", "", "https://a.dk/"] {
            assert_eq!(origins(&["--cors-origin", wrong]), None, "{wrong}");
        }
    }

    #[test]
    fn a_base_is_an_address_that_links_can_be_made_of() {
        for (text, base) in [
            ("http://x", "http://x"),
            ("https://x.dk:8443/a/fhir/", "https://x.dk:8443/a/fhir"),
        ] {
            assert_eq!(base_url(text).as_deref(), Ok(base));
        }
        for text in [
            "",
            "x.dk/fhir",
            "ftp://x",
            "http://",
            "http:///fhir",
            "https://x y",
            "http://x/?a",
            "http://x/#a",
        ] {
            assert!(base_url(text).is_err(), "{text}");
        }
    }
}
