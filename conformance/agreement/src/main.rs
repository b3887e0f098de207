//! Whether Frist and the public HL7 validator say the same of the same resources; `run` beside this crate says how it is used.
//!
//! Exit codes: 0 they agree, or differ only for reasons that are written down; 1 anything else; 2 usage.

mod line;
mod mutants;
mod sources;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Compares the verdicts of two validators.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write broken examples.
    Mutants {
        /// Where to write them.
        out: PathBuf,
        /// The same number gives the same mutants.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many mutants of the project's own examples.
        #[arg(long, default_value_t = 3_000)]
        count: usize,
    },
}

fn main() -> ExitCode {
    match run(Options::parse().command) {
        Ok(code) => code,
        Err(text) => {
            eprintln!("error: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, String> {
    match command {
        Command::Mutants { out, seed, count } => {
            let lines = mutants::mutants("mutants", &sources::own_examples()?, seed, count);
            line::write_lines(&out, &lines)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
