//! The options of the commands that work on a data folder which no server uses.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::LogFormat;
use crate::storage::embedded::Engine;

/// The options of `frist verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyOptions {
    /// The data folder.
    #[arg(value_name = "DIR", default_value = "frist-data", env = "FRIST_DATA")]
    pub data: PathBuf,
    /// The options of every command that opens a folder.
    #[command(flatten)]
    pub folder: FolderOptions,
    /// The table (CSV) of general practices by which the server derives: without it, the rights of a
    /// folder that has one are not computed again.
    #[arg(long, value_name = "FILE.csv", env = "FRIST_PRACTICES")]
    pub practices: Option<PathBuf>,
}

/// The commands about rules.
#[derive(Subcommand, Clone, Debug)]
pub enum RulesCommand {
    /// Tell which rights other rules would change, and change nothing.
    ///
    /// Exit code: 0 if no right would change, 1 if some would or it cannot be told, 2 for wrong
    /// options.
    Diff(RulesDiffOptions),
}

/// The options of `frist rules diff`.
#[derive(Args, Clone, Debug)]
pub struct RulesDiffOptions {
    /// The data folder, which no server uses: that of a server that was stopped, or a copy.
    #[arg(long, default_value = "frist-data", env = "FRIST_DATA")]
    pub data: PathBuf,
    /// The folder of PlanDefinitions with which a server would be started; without it, the shipped
    /// rules are compared.
    #[arg(long, value_name = "DIR", env = "FRIST_RULES")]
    pub rules: Option<PathBuf>,
    /// The table (CSV) of general practices by which the server derives.
    #[arg(long, value_name = "FILE.csv", env = "FRIST_PRACTICES")]
    pub practices: Option<PathBuf>,
    /// The options of every command that opens a folder.
    #[command(flatten)]
    pub folder: FolderOptions,
}

/// The options of every command that opens a folder.
#[derive(Args, Clone, Copy, Debug)]
pub struct FolderOptions {
    /// The storage engine of the data folder.
    #[arg(long, default_value_t = Engine::Fjall, env = "FRIST_ENGINE")]
    pub engine: Engine,
    /// The format of log lines, which go to standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "FRIST_LOG_FORMAT")]
    pub log_format: LogFormat,
}

/// The options of `frist backup`.
#[derive(Args, Clone, Debug)]
pub struct BackupOptions {
    /// The folder of the backups: empty, or that of earlier ones of the same data folder.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// The data folder; a server that uses it makes the backup while it serves.
    #[arg(long, default_value = "frist-data", env = "FRIST_DATA")]
    pub data: PathBuf,
    /// The options of every command that opens a folder.
    #[command(flatten)]
    pub folder: FolderOptions,
}

/// The options of `frist restore`.
#[derive(Args, Clone, Debug)]
pub struct RestoreOptions {
    /// The folder of the backups.
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The data folder to make: empty, or not there.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The options of every command that opens a folder.
    #[command(flatten)]
    pub folder: FolderOptions,
}

/// The options of `frist compact`.
#[derive(Args, Clone, Debug)]
pub struct CompactOptions {
    /// The data folder.
    #[arg(long, default_value = "frist-data", env = "FRIST_DATA")]
    pub data: PathBuf,
    /// The options of every command that opens a folder.
    #[command(flatten)]
    pub folder: FolderOptions,
}
