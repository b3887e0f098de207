//! Wiring and lifetime: the only place that reads the clock, makes ids or names an engine.
//!
//! One file per command (`serve` with `ready` before it, `demo`, `intake`, `reindex`, `validate`) and per
//! thing that they need: the clock, the log, the packages, the table of practices, the delivery of
//! notifications, the keepers of
//! `upkeep`.

mod added_packages;
mod clock;
mod delivery;
mod demo;
mod exit_error;
mod input_files;
mod intake;
mod log;
mod machine;
pub mod packages;
pub mod practices;
mod ready;
mod reindex;
mod serve;
mod upkeep;
mod upstreams;
mod validate;

use std::process::ExitCode;

pub use clock::ServerClock;
pub use exit_error::ExitError;

use crate::config::{Command, DEMO_CLOCK, DemoOptions, ServeOptions};
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
            let ready = ReadyServer::prepare(&options)?;
            serve::run(options, ready)?;
        }
        Command::Demo(options) => {
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
            common.clock.get_or_insert(demo_start);
            // A demonstration has its subscribers on the same machine.
            common.subscriptions.subscription_http_loopback = true;
            let options = ServeOptions {
                listen,
                data,
                common,
            };
            let mut ready = ReadyServer::prepare(&options)?;
            ready.wait_for_index();
            demo::fill(&ready, patients, seed)?;
            serve::run(options, ready)?;
        }
        Command::Reindex(options) => {
            log::start(options.log_format)?;
            reindex::reindex_folder(&options)?;
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
