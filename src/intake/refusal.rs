//! The reasons for which a Bundle is refused as a whole (intake, section 1).

/// The key of a refusal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RefusalKey {
    /// No Bundle of a type that is taken.
    BundleType,
    /// A Bundle that is not in the form of its type.
    BundleForm,
    /// A format that is not recognised.
    FormatUnknown,
    /// A format that is recognised, and is not taken.
    FormatNotTaken,
    /// A format that is a draft, and not switched on.
    FormatDraft,
    /// Not exactly one Patient.
    PersonCount,
    /// An entry about someone else.
    PersonOther,
    /// A Patient without the identifier that the format asks for.
    PersonIdentifier,
    /// Two stored Patients with the identifier.
    PersonAmbiguous,
    /// A document that is not final.
    DocumentStatus,
    /// A document without exactly one author Organization.
    DocumentAuthor,
}

impl RefusalKey {
    /// Every one, in the order of the page.
    pub const ALL: &'static [RefusalKey] = &[
        RefusalKey::BundleType,
        RefusalKey::BundleForm,
        RefusalKey::FormatUnknown,
        RefusalKey::FormatNotTaken,
        RefusalKey::FormatDraft,
        RefusalKey::PersonCount,
        RefusalKey::PersonOther,
        RefusalKey::PersonIdentifier,
        RefusalKey::PersonAmbiguous,
        RefusalKey::DocumentStatus,
        RefusalKey::DocumentAuthor,
    ];

    /// Returns the key as it is told.
    pub const fn code(self) -> &'static str {
        match self {
            RefusalKey::BundleType => "bundle-type",
            RefusalKey::BundleForm => "bundle-form",
            RefusalKey::FormatUnknown => "format-unknown",
            RefusalKey::FormatNotTaken => "format-not-taken",
            RefusalKey::FormatDraft => "format-draft",
            RefusalKey::PersonCount => "person-count",
            RefusalKey::PersonOther => "person-other",
            RefusalKey::PersonIdentifier => "person-identifier",
            RefusalKey::PersonAmbiguous => "person-ambiguous",
            RefusalKey::DocumentStatus => "document-status",
            RefusalKey::DocumentAuthor => "document-author",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            RefusalKey::BundleType => {
                "expected a Bundle of type 'document', 'message' or 'collection', alone or as the parameter 'bundle' of a Parameters resource; a batch or transaction is sent to the base"
            }
            RefusalKey::BundleForm => {
                "expected a Bundle with entries, each with a resource: a document begins with a Composition, a message with a MessageHeader, and none of these three has a modifierExtension or implicitRules"
            }
            RefusalKey::FormatUnknown => {
                "expected a ConditionList of MedCom, a delivery report of KL's gateway for prevention, resources of the national infrastructure for telemedicine, or a hospital notification of MedCom; found a Bundle that names none of them by its profiles or event"
            }
            RefusalKey::FormatNotTaken => {
                "the format is recognised, and nothing of it belongs to the packages: it is not taken here"
            }
            RefusalKey::FormatDraft => {
                "the guide of the format is a draft: it is taken only by a server that was started with --intake-draft referral"
            }
            RefusalKey::PersonCount => "expected exactly one Patient among the entries",
            RefusalKey::PersonOther => {
                "expected all entries to be about the one Patient of the Bundle, found one about another"
            }
            RefusalKey::PersonIdentifier => {
                "expected the Patient with a CPR number (system urn:oid:1.2.208.176.1.2), or, where the format allows it, with a replacement (eCPR)"
            }
            RefusalKey::PersonAmbiguous => {
                "two stored Patients have the identifier of this person: expected one; give one of them another, or delete it"
            }
            RefusalKey::DocumentStatus => {
                "Composition.status: expected 'final' or 'amended'; what was withdrawn or is not finished says nothing"
            }
            RefusalKey::DocumentAuthor => {
                "Composition.author: expected exactly one Organization that is an entry of the Bundle, with a SOR number or a ydernummer"
            }
        }
    }
}

/// A refusal of a whole Bundle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IntakeRefusal {
    /// Its key.
    pub key: RefusalKey,
    /// The words: what was expected and what came.
    pub text: String,
}

impl IntakeRefusal {
    /// Makes the refusal of that key.
    pub(super) fn of(key: RefusalKey) -> Self {
        IntakeRefusal {
            key,
            text: key.text().to_owned(),
        }
    }

    /// Makes the refusal of a person whose identifier several stored Patients have.
    pub fn ambiguous() -> Self {
        IntakeRefusal::of(RefusalKey::PersonAmbiguous)
    }

    /// Makes the refusal of something that is no Bundle.
    pub fn no_bundle() -> Self {
        IntakeRefusal::of(RefusalKey::BundleType)
    }

    /// Returns the same refusal, which names what was recognised.
    pub(super) fn about(mut self, what: &str) -> Self {
        self.text = format!("{what}: {}", self.text);
        self
    }
}
