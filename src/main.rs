//! The program `frist`. Exit codes: 0 fine, 2 usage, 1 anything else; of `frist validate`, 1 also
//! for what would be refused.

use std::process::ExitCode;

use frist::{app, config::Options};
use mimalloc::MiMalloc;

/// Each request makes and drops thousands of small pieces of JSON, of which the system's allocator
/// made a quarter of the server's CPU time. The library leaves the choice to its program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let command = match Options::read(std::env::args_os()) {
        Ok(command) => command,
        Err(error) if error.use_stderr() => {
            // One line: what is wrong. The rest is for --help.
            let text = error.to_string();
            let line = text
                .lines()
                .next()
                .unwrap_or("error: the options cannot be understood");
            eprintln!("{line} (see frist --help)");
            return ExitCode::from(2);
        }
        Err(help) => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    match app::run(command) {
        Ok(code) => code,
        Err(app::ExitError { text, is_usage }) => {
            eprintln!("error: {text}");
            ExitCode::from(if is_usage { 2 } else { 1 })
        }
    }
}
