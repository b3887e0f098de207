//! Wiring and lifetime: the only place that reads the clock, makes ids or names an engine.
//!
//! One file per command (`serve` with `ready` before it, `demo`, `intake`, `reindex`, `validate`, `verify`) and per
//! thing that they need: the clock, the log, the packages, the table of practices, the delivery of
//! notifications, the keepers of
//! `upkeep`.

mod added_packages;
mod backup;
mod backup_words;
mod catching_up;
mod clock;
mod clock_guard;
mod control;
mod delivery;
mod demo;
mod exit_error;
mod input_files;
mod intake;
mod log;
mod machine;
mod offline;
pub mod packages;
pub mod practices;
mod process;
mod progress;
mod ready;
mod reindex;
mod rules_guard;
mod scrubbing;
mod serve;
mod upkeep;
mod upstreams;
mod validate;
mod verify;

use std::process::ExitCode;

pub use clock::ServerClock;
pub use exit_error::ExitError;

use crate::config::{Command, DEMO_CLOCK, DemoOptions, RulesCommand, ServeOptions};
use clock_guard::AskedClock;
use ready::ReadyServer;

/// Does what the command line asks for, until it is done or stopped; returns the program's exit
/// code.
///
/// # Errors
/// One line that says what is wrong.
pub fn run(command: Command) -> Result<ExitCode, ExitError> {
    match command {
        Command::Serve(options) => {
            log::start(options.common.log_format)?;
            let ready = ReadyServer::prepare(&options, AskedClock::of(&options))?;
            serve::run(options, ready)?;
        }
        Command::Demo(options) => {
            run_demo(options)?;
        }
        Command::Reindex(options) => {
            log::start(options.log_format)?;
            reindex::reindex_folder(&options)?;
        }
        Command::Verify(options) => {
            log::start(options.folder.log_format)?;
            if !verify::run(&options)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Backup(options) => {
            log::start(options.folder.log_format)?;
            backup::back_up(&options)?;
        }
        Command::Restore(options) => {
            log::start(options.folder.log_format)?;
            backup::restore_folder(&options)?;
        }
        Command::Compact(options) => {
            log::start(options.folder.log_format)?;
            backup::compact(&options)?;
        }
        Command::Rules(RulesCommand::Diff(options)) => {
            log::start(options.folder.log_format)?;
            if !rules_guard::diff(&options)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Intake(options) => {
            if !intake::run(&options)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Validate(options) => {
            if !validate::run(&options, ServerClock::now_of_system())? {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Fills a folder with an invented population, if it has none, and serves it.
fn run_demo(options: DemoOptions) -> Result<(), ExitError> {
    log::start(options.common.log_format)?;
    let demo_start = DEMO_CLOCK
        .parse()
        .map_err(|_| ExitError::failed("the demonstration's clock is no instant"))?;
    let DemoOptions {
        listen,
        data,
        patients,
        seed,
        mut common,
    } = options;
    let demo_clock = common.clock.is_none().then_some(demo_start);
    // A demonstration has its subscribers on the same machine.
    common.subscriptions.subscription_http_loopback = true;
    let options = ServeOptions {
        listen,
        data,
        common,
    };
    let asked = demo_clock.map_or_else(|| AskedClock::of(&options), AskedClock::OfDemo);
    let mut ready = ReadyServer::prepare(&options, asked)?;
    ready.to_do.wait_for_index();
    ready.to_do.run(&|_| {})?;
    ready.is_caught_up = true;
    demo::fill(&ready, patients, seed)?;
    serve::run(options, ready)
}
