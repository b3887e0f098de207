//! The formats, a row each: how a Bundle of it is understood, and how it is converted.

use serde_json::Value;

use super::context::{IntakeContext, IntakeOptions};
use super::conversion::{Conversion, Converting};
use super::foreign::ForeignBundle;
use super::known::KnownParties;
use super::recognition::{IntakeFormat, recognise};
use super::refusal::IntakeRefusal;
use super::statement::{Statement, sender_entry};
use super::words::IntakeReason;
use super::{condition_list, fut, hospital_notification, kl_119, referral_draft};

/// Understands the frame of a foreign Bundle: its format, the person, the sender and the instant.
///
/// # Errors
/// The reason for which all of it is refused.
pub fn understand(value: &Value, options: IntakeOptions) -> Result<Statement<'_>, IntakeRefusal> {
    let bundle = ForeignBundle::read(value)?;
    match recognise(&bundle, options)? {
        IntakeFormat::ConditionList => condition_list::statement(bundle),
        IntakeFormat::Kl119 => kl_119::statement(bundle),
        IntakeFormat::Fut => fut::statement(bundle),
        IntakeFormat::Referral => referral_draft::statement(bundle),
        IntakeFormat::HospitalNotification => hospital_notification::statement(bundle),
    }
}

/// Converts a Bundle, given what is known of those whom it names.
pub fn convert(
    statement: &Statement<'_>,
    known: &KnownParties,
    context: &IntakeContext<'_>,
) -> Conversion {
    let mut work = Converting::new(statement, known, context);
    // Without the person nothing about the person is understood, nor a message of a sender that is not.
    let is_message = matches!(
        statement.format,
        IntakeFormat::Referral | IntakeFormat::HospitalNotification
    );
    let sender = sender_entry(&statement.bundle).filter(|_| is_message);
    let mut needed = [Some(statement.person), sender].into_iter().flatten();
    if needed.any(|at| !work.is_open(at)) {
        work.leave_out_all(IntakeReason::NotUnderstood);
        return work.finish();
    }
    match statement.format {
        IntakeFormat::ConditionList => condition_list::convert(&mut work),
        IntakeFormat::Kl119 => kl_119::convert(&mut work),
        IntakeFormat::Fut => fut::convert(&mut work),
        IntakeFormat::Referral => referral_draft::convert(&mut work),
        IntakeFormat::HospitalNotification => hospital_notification::convert(&mut work),
    }
    work.finish()
}
