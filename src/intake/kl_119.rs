//! Delivery reports of KL's gateway for prevention (§ 119; intake, section 5).

use super::conversion::Converting;
use super::foreign::ForeignBundle;
use super::refusal::{IntakeRefusal, RefusalKey};
use super::statement::Statement;

/// Understands the frame of a report.
///
/// # Errors
/// The reason for which all of it is refused.
pub(super) fn statement(_bundle: ForeignBundle<'_>) -> Result<Statement<'_>, IntakeRefusal> {
    Err(IntakeRefusal::of(RefusalKey::FormatNotTaken).about("not by this version"))
}

/// Converts the report.
pub(super) fn convert(_work: &mut Converting<'_>) {}
