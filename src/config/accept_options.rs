//! The options by which an operator says that something unusual about a data folder is meant.

use clap::Args;

/// Options for what is meant although it is refused otherwise. They hold for one start, and so have no
/// variable.
#[derive(Args, Clone, Copy, Default, Debug)]
pub struct AcceptOptions {
    /// Start although the clock does not fit the data folder: by `--clock` on a folder that lived in
    /// real time (a rehearsal from then on), without it on a rehearsal, or long before or after the
    /// folder's last commit.
    #[arg(long)]
    pub accept_clock: bool,
    /// Derive everyone's rights by rules that differ from those of the data folder.
    #[arg(long)]
    pub accept_rules: bool,
}
