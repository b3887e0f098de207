//! The options of the program, and what they say once they are read.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::fhir::FhirDate;
use crate::http::cors::origin;
use crate::storage::embedded::Engine;
use crate::subscriptions::endpoint::Allowed;

/// `frist`: shows whether the deadline rights of people in package pathways are kept.
#[derive(Parser, Debug)]
#[command(name = "frist", version, about)]
pub struct Options {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the program does.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve FHIR R4 from a data folder.
    Serve(ServeOptions),
    /// Fill a data folder with an invented population, and serve it.
    Demo(DemoOptions),
    /// Make the search index of a data folder anew, while no server uses it, and check the store.
    ///
    /// A server that was started with other definitions does so by itself, beside its work; and one
    /// that runs does so when it is sent POST /fhir/$reindex with the header 'Prefer:
    /// respond-async'.
    Reindex(ReindexOptions),
    /// Check resources in files as a server would, without one.
    ///
    /// Everything is checked that a write checks, but what depends on other resources: that the
    /// Patient is stored, that all references name one person, that no other Patient has the
    /// identifier. A server finds these too, by its operation $validate.
    ///
    /// Exit code: 0 if nothing would be refused, 1 if something would or cannot be read, 2 for
    /// wrong options.
    Validate(ValidateOptions),
}

/// The options of `frist serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeOptions {
    /// Where to listen: a loopback address, as everyone who can reach it is let in.
    #[arg(long, default_value = "127.0.0.1:8080", env = "FRIST_LISTEN")]
    pub listen: SocketAddr,
    /// The data folder; made if it is not there.
    #[arg(long, default_value = "frist-data", env = "FRIST_DATA")]
    pub data: PathBuf,
    /// What every command that serves has.
    #[command(flatten)]
    pub common: CommonOptions,
}

/// The options of `frist demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoOptions {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080", env = "FRIST_LISTEN")]
    pub listen: SocketAddr,
    /// The data folder; filled if it holds no Patient yet.
    #[arg(long, default_value = "frist-demo-data")]
    pub data: PathBuf,
    /// How many persons to invent.
    #[arg(long, default_value_t = 200)]
    pub patients: usize,
    /// The same number gives the same persons.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// What every command that serves has.
    #[command(flatten)]
    pub common: CommonOptions,
}

/// The options that both have.
#[derive(Args, Clone, Debug)]
pub struct CommonOptions {
    /// Start the server's clock at this instant (RFC 3339) and let it run, for demonstrations and
    /// rehearsals.
    #[arg(long, value_name = "RFC3339")]
    pub clock: Option<Timestamp>,
    /// A folder of PlanDefinitions (*.json) that replace shipped rules of the same version for the
    /// same group and right, or add versions.
    #[arg(long, value_name = "DIR", env = "FRIST_RULES")]
    pub rules: Option<PathBuf>,
    /// A package (NPM, *.tgz) whose profiles are enforced too where a resource claims them in
    /// meta.profile; repeatable.
    #[arg(long, value_name = "FILE.tgz")]
    pub package: Vec<PathBuf>,
    /// The engine of the data folder.
    #[arg(long, default_value_t = Engine::Fjall, env = "FRIST_ENGINE")]
    pub engine: Engine,
    /// The most memory, in megabytes, in which the engine keeps what it read from the disk.
    #[arg(long, default_value_t = 128, value_name = "MB", env = "FRIST_CACHE_MB")]
    pub cache_mb: u64,
    /// What is said to a reference to a type that is held here, if what it names is not stored: it
    /// may arrive later, or is refused.
    #[arg(long, value_enum, default_value_t = References::Later, env = "FRIST_REFERENCES")]
    pub references: References,
    /// The base of the server's own addresses, if clients reach it by another one than `http://LISTEN/fhir`.
    #[arg(long, value_name = "URL", env = "FRIST_BASE_URL", value_parser = base_url)]
    pub base_url: Option<String>,
    /// An origin whose pages may use the server from a browser, such as `https://ehr.example.dk`; repeatable. None if it is not said.
    #[arg(long, value_name = "ORIGIN", env = "FRIST_CORS_ORIGIN", value_delimiter = ',', value_parser = origin)]
    pub cors_origin: Vec<String>,
    /// For how many days the events of subscriptions are kept, so that a subscriber can ask for
    /// what it missed.
    #[arg(long, default_value_t = 90, value_name = "DAYS", env = "FRIST_EVENT_RETENTION_DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    pub event_retention_days: u16,
    /// Whether a request may have a CPR number in its address. Addresses are kept in logs on the
    /// way; a form in a POST is not.
    #[arg(long, value_enum, default_value_t = CprInUrl::Refuse, env = "FRIST_CPR_IN_URL")]
    pub cpr_in_url: CprInUrl,
    /// Where notifications of subscriptions may be sent, and how often.
    #[command(flatten)]
    pub subscriptions: SubscriptionOptions,
    /// How log lines are written, to standard error; FRIST_LOG sets what is logged (`info`,
    /// `frist=debug`, …).
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "FRIST_LOG_FORMAT")]
    pub log_format: LogFormat,
}

/// The options of subscriptions. Notifications are sent by https to the public internet; what else
/// is allowed is said here.
#[derive(Args, Clone, Debug)]
pub struct SubscriptionOptions {
    /// Let subscriptions send to this machine itself, also by http: for trying out.
    #[arg(long, env = "FRIST_SUBSCRIPTION_HTTP_LOOPBACK")]
    pub subscription_http_loopback: bool,
    /// A host (`hooks.region.dk`) or network (`10.20.0.0/16`) that subscriptions may send to
    /// although its addresses are private; repeatable.
    #[arg(
        long,
        value_name = "HOST|CIDR",
        env = "FRIST_SUBSCRIPTION_ALLOW",
        value_delimiter = ','
    )]
    pub subscription_allow: Vec<Allowed>,
    /// Certificates (PEM) of authorities that vouch for endpoints, besides those that this machine
    /// trusts.
    #[arg(long, value_name = "FILE.pem", env = "FRIST_SUBSCRIPTION_CA")]
    pub subscription_ca: Option<PathBuf>,
    /// How many minutes a notification is sent again and again before its subscription is in
    /// error.
    #[arg(long, value_name = "MINUTES", default_value_t = 24 * 60, env = "FRIST_SUBSCRIPTION_RETRY_WINDOW")]
    pub subscription_retry_window: u64,
}

/// The options of `frist reindex`.
#[derive(Args, Clone, Debug)]
pub struct ReindexOptions {
    /// The data folder.
    #[arg(long, default_value = "frist-data", env = "FRIST_DATA")]
    pub data: PathBuf,
    /// The engine of the data folder.
    #[arg(long, default_value_t = Engine::Fjall, env = "FRIST_ENGINE")]
    pub engine: Engine,
    /// How log lines are written, to standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "FRIST_LOG_FORMAT")]
    pub log_format: LogFormat,
}

/// The options of `frist validate`.
#[derive(Args, Clone, Debug)]
pub struct ValidateOptions {
    /// Files: one resource each, or one a line if the name ends with .ndjson; folders, with all
    /// *.json and *.ndjson below them but package.json and hidden ones; - for standard input,
    /// in either form. A Bundle is checked with the resources in it.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// A package (NPM, *.tgz) whose profiles can be claimed and asked for; repeatable.
    #[arg(long, value_name = "FILE.tgz")]
    pub package: Vec<PathBuf>,
    /// Check against this profile too, besides the one of the resource's type and those that it
    /// claims in meta.profile.
    #[arg(long, value_name = "URL")]
    pub profile: Vec<String>,
    /// How findings are written, to standard output.
    #[arg(long, value_enum, default_value_t = FindingsFormat::Text)]
    pub format: FindingsFormat,
    /// The day after which nothing may be dated. If it is not said, what is dated after today in
    /// Copenhagen is only warned of.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub day: Option<Date>,
}

/// How findings are written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum FindingsFormat {
    /// A line for each finding, `file:expression: severity code [rule] text`, and at the end how
    /// many there were.
    Text,
    /// A JSON object in a line for each finding.
    Json,
    /// An OperationOutcome in a line for each resource, also for one without findings.
    Outcome,
}

/// What is done with a search that has a CPR number in its address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum CprInUrl {
    /// It is refused, with the hint to send a form.
    Refuse,
    /// It is answered.
    Allow,
}

/// What is said to a reference to what is not stored.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum References {
    /// A warning: it counts from when what it names arrives.
    Later,
    /// Refused, with 422.
    Strict,
}

/// How log lines are written.
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
    /// What clap has to say: also the texts of `--help` and `--version`.
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
