//! The context of a check.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::validator::Validator;
use crate::fhir::copenhagen_date;

/// Everything that a check depends on besides the resource.
pub struct CheckContext<'a> {
    /// The definitions.
    pub validator: &'a Validator,
    /// Profiles that the resource must fit besides its type's own and those that it claims.
    pub profiles: &'a [&'a str],
    /// The instant at which the resource is written: `now()` in a rule. No fact may be dated after
    /// its day in Copenhagen, which is `today()`.
    pub now: Timestamp,
    /// Says why the target group of a Condition cannot be determined, and what to send; none if it
    /// can.
    pub why_no_group: &'a dyn Fn(&Value) -> Option<String>,
}

impl CheckContext<'_> {
    /// Returns the day on which the resource is written, in Copenhagen.
    pub(super) fn today(&self) -> Date {
        copenhagen_date(self.now)
    }
}
