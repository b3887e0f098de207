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
    /// x
    Frist { input: PathBuf, out: PathBuf },
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
        Command::Frist { input, out } => {
            use std::io::Write;
            let validator = frist::validation::Validator::new(frist::schema::Definitions::core().with(&frist::schema::Package::guide()));
            let text = std::fs::read_to_string(input).map_err(|e| e.to_string())?;
            let mut w = std::io::BufWriter::new(std::fs::File::create(out).map_err(|e| e.to_string())?);
            let start = std::time::Instant::now();
            for line in text.lines() {
                let v: serde_json::Value = line.parse().map_err(|_| "json")?;
                let raw = v["resource"].as_str().unwrap_or("");
                let profiles: Vec<&str> = v["profiles"].as_array().into_iter().flatten().filter_map(|p| p.as_str()).collect();
                let issues: Vec<serde_json::Value> = match frist::fhir::json::parse(raw.as_bytes()) {
                    Err(e) => vec![serde_json::json!({"severity":"fatal","text":e})],
                    Ok(r) => validator.check(&r, &profiles).into_iter().map(|i| serde_json::json!({"severity":i.severity.as_str(),"code":i.code.as_str(),"expression":i.expression,"rule":i.rule,"text":i.text})).collect(),
                };
                writeln!(w, "{}", serde_json::json!({"name":v["name"],"issues":issues})).map_err(|e| e.to_string())?;
            }
            eprintln!("{:?}", start.elapsed());
        }
        Command::Mutants { out, seed, count } => {
            let lines = mutants::mutants("mutants", &sources::own_examples()?, seed, count);
            line::write_lines(&out, &lines)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
