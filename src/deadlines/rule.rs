//! One version of one rule, as values (deadline-rules, section 1).

use jiff::civil::Date;

use super::words::{AttributeContacts, Group, PausePolicy, Right, StartOn, StopMode, Unit};

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
    /// The count of the unit from the start to the due date.
    pub days: u32,
    /// The unit that is counted.
    pub unit: Unit,
    /// The number of days before the due date on which the right is due soon.
    pub warn_days: u32,
    /// The effect of postponements.
    pub pause_policy: PausePolicy,
    /// The event that stops a prevention-start clock; a treatment plan always stops its own.
    pub stop_mode: StopMode,
    /// The day on which a prevention-start clock starts.
    pub start_on: StartOn,
    /// The codes of `Encounter.class` that are no start of an offer, in order.
    pub excluded_contacts: Vec<String>,
    /// The use of contacts that name no referral.
    pub attribute_contacts: AttributeContacts,
}

impl Rule {
    /// Returns the canonical address with version: `url|version`.
    pub fn canonical(&self) -> String {
        format!("{}|{}", self.url, self.version)
    }

    /// Tells whether a contact of that class is no start of an offer.
    pub(super) fn excludes(&self, class: Option<&str>) -> bool {
        class.is_some_and(|class| self.excluded_contacts.iter().any(|code| code == class))
    }

    /// Writes down, in one line, everything the rule says. Only a change of the rule changes it.
    pub fn written(&self) -> String {
        let Rule {
            url,
            version,
            group,
            right,
            effective_from,
            days,
            unit,
            warn_days,
            pause_policy,
            stop_mode,
            start_on,
            excluded_contacts,
            attribute_contacts,
        } = self;
        let excluded = excluded_contacts.join(",");
        format!(
            "{url}|{version} {group} {right} from {effective_from} days {days} unit {unit} \
             warn-days {warn_days} pause-policy {pause_policy} stop-mode {stop_mode} \
             start-on {start_on} excluded-contact {excluded} \
             attribute-contacts {attribute_contacts}"
        )
    }
}
