//! Progress bars, on standard error and only if somebody looks at it.

use indicatif::{ProgressBar, ProgressStyle};

/// Makes a bar that counts up to a number of things, whose word it shows.
pub(super) fn counting_bar(what: &str, all: u64, things: &str) -> ProgressBar {
    let template = format!("{{msg}} [{{bar:40}}] {{pos}}/{{len}} {things}, {{eta}} left");
    let style =
        ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(all)
        .with_style(style)
        .with_message(what.to_owned())
}
