//! The context of a check.

use jiff::civil::Date;
use serde_json::Value;

use super::validator::Validator;

/// Everything that a check depends on besides the resource.
pub struct CheckContext<'a> {
    /// The definitions.
    pub validator: &'a Validator,
    /// Profiles that the resource must fit besides its type's own and those that it claims.
    pub profiles: &'a [&'a str],
    /// The day on which the resource is written, in Copenhagen: no fact may be dated after it.
    pub today: Date,
    /// Says why the target group of a Condition cannot be determined, and what to send; none if it
    /// can.
    pub why_no_group: &'a dyn Fn(&Value) -> Option<String>,
}
