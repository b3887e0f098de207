//! The agreement of Frist and the public HL7 validator about the same resources; `run` beside this
//! crate says how it is used.
//!
//! Exit codes: 0 they agree, or differ only for reasons that are written down; 1 anything else; 2
//! usage.

mod comparison;
mod corpus;
mod differences;
mod emitted;
mod forms;
mod line;
mod mutants;
mod report;
mod sources;
mod verdict;

use std::path::{Path, PathBuf};
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
    /// Write the resources of a run that nobody broke.
    Corpus {
        /// The file to write them to.
        out: PathBuf,
        /// The program whose answers are among them.
        #[arg(long)]
        frist: PathBuf,
    },
    /// Write broken examples.
    Mutants {
        /// The file to write them to.
        out: PathBuf,
        /// The same number gives the same mutants.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The number of mutants of the package's own examples.
        #[arg(long, default_value_t = 4_000)]
        count: usize,
        /// The number of mutants of the examples published with dk-core.
        #[arg(long, default_value_t = 2_000)]
        danish_count: usize,
    },
    /// Write Frist's verdicts.
    Frist {
        /// The resources.
        lines: PathBuf,
        /// The file to write the verdicts to.
        out: PathBuf,
    },
    /// Write resources as JSON and XML.
    Forms {
        /// The resources.
        lines: PathBuf,
        /// The file to write the pairs to.
        out: PathBuf,
        /// The least number of pairs.
        #[arg(long, default_value_t = 300)]
        count: usize,
    },
    /// Compare what HAPI FHIR's parsers made of the pairs.
    CompareForms {
        /// The pairs.
        pairs: PathBuf,
        /// The forms that HAPI FHIR made, each of the other.
        converted: PathBuf,
    },
    /// Compare verdicts.
    Compare {
        /// The verdicts of the public validator.
        hl7: PathBuf,
        /// The verdicts of Frist.
        frist: PathBuf,
        /// The differences that are allowed, with their reasons.
        #[arg(long)]
        differences: PathBuf,
        /// The file to write the report to.
        #[arg(long)]
        report: Option<PathBuf>,
        /// Print the disagreements without a reason, grouped by what could be their reason.
        #[arg(long)]
        triage: bool,
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
        Command::Corpus { out, frist } => line::write_lines(&out, &corpus::lines(&frist)?)?,
        Command::Mutants {
            out,
            seed,
            count,
            danish_count,
        } => {
            let mut lines = mutants::mutants("mutants", &sources::own_examples()?, seed, count);
            lines.extend(mutants::mutants(
                "danish-mutants",
                &corpus::danish_to_break()?,
                seed,
                danish_count,
            ));
            line::write_lines(&out, &lines)?;
        }
        Command::Frist { lines, out } => line::write_verdicts(
            &out,
            &verdict::of(&line::read_lines(&lines)?, sources::danish_package()?)?,
        )?,
        Command::Forms { lines, out, count } => {
            forms::write_pairs(&line::read_lines(&lines)?, count, &out)?;
        }
        Command::CompareForms { pairs, converted } => {
            let (count, differences) = forms::compare(&pairs, &converted)?;
            println!(
                "{count} resources, each as JSON and XML; {} differences",
                differences.len()
            );
            differences
                .iter()
                .for_each(|difference| println!("{difference}"));
            if !differences.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Compare {
            hl7,
            frist,
            differences,
            report,
            triage,
        } => {
            return compare(&hl7, &frist, &differences, report.as_deref(), triage);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(
    hl7: &Path,
    frist: &Path,
    differences: &Path,
    report: Option<&Path>,
    triage: bool,
) -> Result<ExitCode, String> {
    let (hl7, frist) = (line::read_verdicts(hl7)?, line::read_verdicts(frist)?);
    let differences = differences::read(differences)?;
    let mut comparison = comparison::compare(&hl7, &frist, &differences)?;
    comparison::check_reasons(&mut comparison, &hl7, &frist, &sources::reasons()?);
    if let Some(path) = report {
        std::fs::write(path, report::markdown(&comparison))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if triage {
        print!("{}", report::triage(&comparison));
    }
    let agreed: usize = comparison
        .groups
        .values()
        .map(|counts| counts.agreed())
        .sum();
    println!(
        "{agreed} of {} verdicts agree; {} disagreements without a reason",
        hl7.len(),
        comparison.unexplained.len()
    );
    comparison
        .faults
        .iter()
        .for_each(|fault| println!("fault: {fault}"));
    Ok(if comparison.is_well() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
