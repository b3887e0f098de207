//! The log, which goes to standard error, and the lines for whoever started the program.

use std::io::{IsTerminal, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use super::exit_error::ExitError;
use crate::config::LogFormat;

/// Starts the log.
///
/// # Errors
/// A filter in `FRIST_LOG` that cannot be read.
pub(super) fn start(format: LogFormat) -> Result<(), ExitError> {
    // What a panic says could quote what was sent: only where it happened is logged.
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => tracing::error!("panicked at {}:{}", place.file(), place.line()),
        None => tracing::error!("panicked"),
    }));
    let filter = log_filter(&std::env::var("FRIST_LOG").unwrap_or_default())?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    IS_FOR_PROGRAMS.store(format == LogFormat::Json, Ordering::Relaxed);
    // A second start in the same process keeps the first one's log.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    Ok(())
}

/// Reads the filter of what is logged; one that cannot be read must not hide what the operator
/// wants to see.
fn log_filter(wanted: &str) -> Result<tracing_subscriber::EnvFilter, ExitError> {
    let wanted = if wanted.is_empty() { "info" } else { wanted };
    tracing_subscriber::EnvFilter::try_new(wanted).map_err(|error| {
        ExitError::usage(format!(
            "FRIST_LOG: expected what to log, such as warn or frist=debug: {error}"
        ))
    })
}

/// True if log lines are for programs.
static IS_FOR_PROGRAMS: AtomicBool = AtomicBool::new(false);

/// Tells whoever started a server, in the format of the log.
pub(super) fn announce(line: std::fmt::Arguments<'_>) {
    if IS_FOR_PROGRAMS.load(Ordering::Relaxed) {
        tracing::info!("{}", line.to_string().trim());
    } else {
        say(line);
    }
}

/// Tells whoever started the program; a reader who has gone is no reason to stop serving.
pub(super) fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_filter_that_cannot_be_read_is_a_usage_error() {
        for wanted in ["", "warn", "frist=debug", "info,frist::http=trace"] {
            assert!(log_filter(wanted).is_ok(), "{wanted}");
        }
        for wanted in ["[[[", "frist=loud", "a=b=c"] {
            assert!(
                log_filter(wanted).is_err_and(|stop| stop.is_usage && !stop.text.contains('\n')),
                "{wanted}"
            );
        }
    }
}
