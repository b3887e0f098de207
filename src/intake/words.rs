//! The words of reports as codes: outcomes and reasons (intake, section 1). The code systems
//! `kp-intake-outcome` and `kp-intake-reason` have the same.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal, $meaning:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name {
            $(#[doc = concat!("`", $code, "`: ", $meaning)] $variant),+
        }

        impl $name {
            /// Every one, in the order of the page.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// Returns the code.
            pub const fn code(self) -> &'static str {
                match self { $($name::$variant => $code),+ }
            }

            /// Returns the meaning, in plain English.
            pub const fn meaning(self) -> &'static str {
                match self { $($name::$variant => $meaning),+ }
            }
        }
    };
}

words! {
    /// The outcome of one entry.
    IntakeOutcome {
        Created = "created", "it is new here";
        Updated = "updated", "it has a new version";
        Unchanged = "unchanged", "it is stored so already; no version was written";
        Older = "older", "a later statement of the same sender about the same thing is stored; nothing was written";
        LeftOut = "left-out", "it is rightly not stored";
        Needs = "needs", "it may be of the packages, but something is missing; nothing was written";
    }
}

words! {
    /// A reason: of an outcome, or an assumption that was made.
    IntakeReason {
        OlderThanStored = "older-than-stored", "a later statement of the same sender is stored";
        OtherDiagnosis = "other-diagnosis", "a diagnosis of none of the target groups";
        NotConfirmed = "not-confirmed", "a diagnosis that was taken back before it was ever stored here";
        ReasonOfReferral = "reason-of-referral", "a copy of the diagnosis of a referral: it is the referral's reason, and no diagnosis of its own";
        NotPrevention = "not-prevention", "a request for something else than prevention";
        NotAnOffer = "not-an-offer", "a contact that is no offer: a closing conversation, or a follow-up";
        NoReferral = "no-referral", "no referral of the person is known";
        TelemedicinePlan = "telemedicine-plan", "a plan of telemedicine: it is no treatment plan of the packages";
        Measurement = "measurement", "a request for measurements";
        KnownAlready = "known-already", "a confirmed diagnosis of the group is stored";
        StayIsNoPostponement = "stay-is-no-postponement", "a stay in hospital is no postponement";
        PersonNotKnown = "person-not-known", "the person is not stored here";
        NotUnderstood = "not-understood", "a modifierExtension or implicitRules, or a record that says it is not in use: what it means is not known";
        NotNeeded = "not-needed", "the packages do not need it";
        NothingOfThePackages = "nothing-of-the-packages", "nothing else of the Bundle is stored, and so this is not";
        Code = "code", "a code is missing";
        CodeSystem = "code-system", "a coding without a system, or only of systems that are not known";
        DiagnosisDate = "diagnosis-date", "the day of the diagnosis is missing, or no full date from 1900 to today";
        Requester = "requester", "the one who referred is missing";
        ReasonCode = "reason-code", "the referral has no coded reason";
        OfferType = "offer-type", "which offer it was is not known";
        Profile = "profile", "the profile of the package refuses the result";
        VerificationAssumed = "verification-assumed", "no verificationStatus was sent: what the practice publishes is its diagnosis";
        ReceivedAsAuthored = "received-as-authored", "the day of receipt stands for the day on which the referral was made";
        PracticeUnknown = "practice-unknown", "the requester is not known as a general practice";
        PersonDiffers = "person-differs", "the person is stored with another name, birth date or gender, which stays";
        OtherPractice = "other-practice", "the person is stored with another general practice, which stays";
        Vanished = "vanished", "a stored diagnosis of the practice is no longer in its list; it stays";
        ReasonNotStated = "reason-not-stated", "no reason of the status was sent";
    }
}
