//! One version of one rule, as values (deadline-rules, section 1).

use jiff::civil::Date;

use super::words::{Group, Right};

/// The effect of postponements on the due date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PausePolicy {
    /// `tag`: they are shown, and the gross due date stands.
    Tag,
    /// `deduct`: their days do not count.
    Deduct,
}

impl PausePolicy {
    /// The policy a rule has that names none.
    pub(super) const DEFAULT: PausePolicy = PausePolicy::Tag;
    const ALL: [PausePolicy; 2] = [PausePolicy::Tag, PausePolicy::Deduct];

    /// Returns the code, as a PlanDefinition has it.
    pub const fn code(self) -> &'static str {
        match self {
            PausePolicy::Tag => "tag",
            PausePolicy::Deduct => "deduct",
        }
    }

    /// Returns the policy with that code, if there is one.
    pub(super) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }
}

/// The event that stops a prevention-start clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopMode {
    /// `started`: the offer starts.
    Started,
    /// `offered`: a first contact is offered.
    Offered,
}

impl StopMode {
    /// The mode a rule has that names none.
    pub(super) const DEFAULT: StopMode = StopMode::Started;
    const ALL: [StopMode; 2] = [StopMode::Started, StopMode::Offered];

    /// Returns the code, as a PlanDefinition has it.
    pub const fn code(self) -> &'static str {
        match self {
            StopMode::Started => "started",
            StopMode::Offered => "offered",
        }
    }

    /// Returns the mode with that code, if there is one.
    pub(super) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }
}

/// One version of the rule for a group and a right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The canonical address, without version.
    pub url: String,
    /// The version.
    pub version: String,
    /// The target group.
    pub group: Group,
    /// The right.
    pub right: Right,
    /// The first day a clock can start under this version.
    pub effective_from: Date,
    /// Calendar days from the start to the due date.
    pub days: u32,
    /// The number of days before the due date on which the right is due soon.
    pub warn_days: u32,
    /// The effect of postponements.
    pub pause_policy: PausePolicy,
    /// The event that stops a prevention-start clock; a treatment plan always stops its own.
    pub stop_mode: StopMode,
}

impl Rule {
    /// Returns the canonical address with version: `url|version`.
    pub fn canonical(&self) -> String {
        format!("{}|{}", self.url, self.version)
    }
    /// Writes down, in one line, everything the rule says. Only a change of the rule changes it.
    pub(super) fn written(&self) -> String {
        let Rule {
            url,
            version,
            group,
            right,
            effective_from,
            days,
            warn_days,
            pause_policy,
            stop_mode,
        } = self;
        let (pause_policy, stop_mode) = (pause_policy.code(), stop_mode.code());
        format!(
            "{url}|{version} {group} {right} from {effective_from} days {days} \
             warn-days {warn_days} pause-policy {pause_policy} stop-mode {stop_mode}"
        )
    }
}
