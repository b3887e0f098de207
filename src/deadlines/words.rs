//! The words of the law as codes: rights, target groups, statuses and the choices of a rule, with
//! their Danish and English names (deadline-rules, sections 1 and 5; fhir-profiles, section 1).

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident {
        $($variant:ident = $code:literal, $danish:literal, $english:literal;)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name {
            $(#[doc = concat!("`", $code, "`: ", $english)] $variant),+
        }

        impl $name {
            /// Every one, in the order of the rules page.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// Returns the code.
            pub const fn code(self) -> &'static str {
                match self { $($name::$variant => $code),+ }
            }

            /// Returns the Danish name: the display in coded elements.
            pub const fn danish(self) -> &'static str {
                match self { $($name::$variant => $danish),+ }
            }

            /// Returns the English name.
            pub const fn english(self) -> &'static str {
                match self { $($name::$variant => $english),+ }
            }

            /// Returns the one with that code, if there is one.
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.code() == code)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}

coded! {
    /// A right that has a deadline.
    Right {
        TreatmentPlan = "treatment-plan", "Behandlingsplan", "Treatment plan";
        PreventionStart = "prevention-start",
            "Start på forebyggelsestilbud", "Start of a prevention offer";
    }
}

coded! {
    /// A target group of the packages. The order decides ties between groups (deadline-rules,
    /// section 4).
    Group {
        Copd = "copd", "KOL", "COPD";
        LowBackPain = "low-back-pain", "Kroniske lænderygsmerter", "Chronic low back pain";
        Type2Diabetes = "type-2-diabetes", "Type 2-diabetes", "Type 2 diabetes";
        HeartDisease = "heart-disease", "Hjertesygdom", "Heart disease";
        ComplexMultimorbidity = "complex-multimorbidity",
            "Kompleks multisygdom", "Complex multimorbidity";
    }
}

coded! {
    /// The deadline status of a right: `Task.businessStatus`.
    BusinessStatus {
        Running = "running", "Fristen løber", "Running";
        DueSoon = "due-soon", "Fristen udløber snart", "Due soon";
        Overdue = "overdue", "Fristen er overskredet", "Overdue";
        PostponedPatient = "postponed-patient",
            "Udskudt efter patientens ønske", "Postponed by the patient";
        PostponedClinical = "postponed-clinical",
            "Udskudt af kliniske grunde", "Postponed for clinical reasons";
        Met = "met", "Overholdt", "Met";
        MetLate = "met-late", "Opfyldt for sent", "Met late";
        Declined = "declined", "Afslået af patienten", "Declined by the patient";
        Void = "void", "Bortfaldet", "Void";
        NotApplicable = "not-applicable", "Ikke omfattet", "Not applicable";
    }
}

coded! {
    /// `Task.status`, the codes of R4 that a rights Task uses
    /// (<https://hl7.org/fhir/R4/valueset-task-status.html>).
    TaskStatus {
        Requested = "requested", "Anmodet", "Requested";
        OnHold = "on-hold", "Sat i bero", "On Hold";
        Completed = "completed", "Fuldført", "Completed";
        Cancelled = "cancelled", "Annulleret", "Cancelled";
        EnteredInError = "entered-in-error", "Oprettet ved en fejl", "Entered in Error";
    }
}

coded! {
    /// The forecast for a start that is still owed: will the right be kept by what is booked now?
    Forecast {
        Unbooked = "unbooked", "Intet er booket", "Unbooked";
        BookedInTime = "booked-in-time", "Booket inden fristen", "Booked in time";
        BookedLate = "booked-late", "Booket efter fristen", "Booked late";
    }
}

coded! {
    /// The effect of postponements on the due date.
    PausePolicy {
        Tag = "tag", "Vises", "they are shown, and the gross due date stands";
        Deduct = "deduct", "Trækkes fra", "their days do not count";
    }
}

coded! {
    /// The event that stops a prevention-start clock.
    StopMode {
        Started = "started", "Påbegyndt", "the offer starts";
        Offered = "offered", "Tilbudt", "a first contact is offered";
    }
}

coded! {
    /// The unit in which a rule counts.
    Unit {
        Day = "day", "Kalenderdage", "calendar days";
        WorkingDay = "working-day", "Arbejdsdage", "working days";
        Month = "month", "Måneder", "months";
    }
}

coded! {
    /// The day on which a prevention-start clock starts.
    StartOn {
        Authored = "authored", "Henvist", "the day the referral was made";
        Received = "received", "Modtaget", "the day it was first received, if that is known";
    }
}

coded! {
    /// The use of contacts that name no referral.
    AttributeContacts {
        Never = "never", "Aldrig", "they start nothing";
        SingleChain = "single-chain", "Én henvisning",
            "they start the one referral that they can belong to";
    }
}
