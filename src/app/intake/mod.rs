//! `frist intake`: sends files of other systems to a running server, and sums up what became of
//! them. Reads files and decides nothing: the server's `$intake` does.

mod answer;
mod sent_files;

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::exit_error::ExitError;
use super::input_files::find;
use crate::config::IntakeCommandOptions;
use crate::upstream::FhirClient;
use answer::IntakeSums;
use sent_files::{SentFile, read};

/// The files without an answer, one after another, after which no more are sent.
const UNANSWERED_MAX: u32 = 3;

/// Sends all files; returns true if none was refused and all could be read.
///
/// # Errors
/// Options that are wrong, or a server that does not answer.
pub(super) fn run(options: &IntakeCommandOptions) -> Result<bool, ExitError> {
    let wrong = |why: String| ExitError::usage(format!("--to {}: {why}", options.to));
    let authorities = options.ca.as_ref().map(std::fs::read).transpose();
    let authorities = authorities.map_err(|error| ExitError::usage(format!("--ca: {error}")))?;
    let client = FhirClient::of(&options.to, authorities.as_deref()).map_err(wrong)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ExitError::failed(format!("the threads cannot be started: {error}")))?;
    let mut inputs = Vec::new();
    for path in &options.files {
        find(path, &mut inputs);
    }
    let bar = progress(inputs.len());
    let mut sums = IntakeSums::default();
    let mut unanswered = 0;
    'files: for input in &inputs {
        match read(input, options.report_only) {
            Err(why) => sums.refuse(input.path.display().to_string(), why),
            Ok(files) => {
                for SentFile {
                    name,
                    media_type,
                    content,
                } in files
                {
                    let answer = runtime.block_on(client.post("$intake", media_type, content));
                    match answer {
                        Ok((status, body)) => {
                            unanswered = 0;
                            sums.add(name, status, &body);
                        }
                        // It may be about this file, as its size; several are about the server.
                        Err(why) => {
                            unanswered += 1;
                            sums.refuse(name, why);
                        }
                    }
                    if unanswered == UNANSWERED_MAX {
                        break 'files;
                    }
                }
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    print!("{}", sums.told(options.report_only));
    if unanswered == UNANSWERED_MAX {
        return Err(ExitError::failed(format!(
            "{} does not answer: no further file was sent",
            options.to
        )));
    }
    Ok(sums.is_all_taken())
}

/// Makes a bar that shows at a terminal how many files were sent.
fn progress(files: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "Sending [{bar:40}] {pos}/{len} files, {eta} left";
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
