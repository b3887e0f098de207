//! The circumstances of a conversion, as values.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::deadlines::GroupTable;
use crate::fhir::{Id, ResourceKey};

/// The operator's choices about what is taken.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct IntakeOptions {
    /// Tells whether messages of the draft for referrals are taken (`--intake-draft referral`).
    pub takes_referral_draft: bool,
}

/// The circumstances of one conversion.
pub struct IntakeContext<'a> {
    /// The day on which it is made, in Copenhagen.
    pub today: Date,
    /// The groups of diagnoses.
    pub groups: &'a GroupTable,
    /// An id that nothing has: of the person, if nobody is stored.
    pub new_person: Id,
    /// Tells whether the operator's table knows a SOR number as that of a general practice, on a
    /// day.
    pub is_practice: &'a dyn Fn(&str, Date) -> bool,
    /// The content that was refused when it was tried.
    pub refused: &'a BTreeMap<ResourceKey, RefusedContent>,
}

/// Content that was refused: by the profiles, or since it would replace what is another's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusedContent {
    /// The finding, without a name or a number.
    pub finding: String,
    /// The number of times that it was tried.
    pub times: u32,
}
