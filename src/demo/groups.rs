//! The diseases of the stories, with the codes that Danish systems send them in (fhir-profiles,
//! section 3).

use jiff::civil::{Date, date};

use super::resources::{Code, ICPC, SKS, SNOMED};

/// When the first rights begin.
pub(super) const RIGHTS_BEGIN: Date = date(2027, 1, 1);

/// A target group and the codes that its diseases are sent with.
pub(super) struct Group {
    /// Its code in `kp-target-group`.
    pub(super) code: &'static str,
    /// From when its rights exist (deadline-rules, section 1).
    pub(super) rights_begin: Date,
    /// No code means the group: it is stated by an extension.
    pub(super) is_stated: bool,
    pub(super) icpc: Code,
    pub(super) sks: Code,
    pub(super) snomed: Code,
}

const COPD: Group = Group {
    code: "copd",
    rights_begin: RIGHTS_BEGIN,
    is_stated: false,
    icpc: (ICPC, "R95", "Kronisk obstruktiv lungesygdom"),
    sks: (SKS, "DJ449", "Kronisk obstruktiv lungesygdom UNS"),
    snomed: (SNOMED, "13645005", "Chronic obstructive lung disease"),
};
const LOW_BACK_PAIN: Group = Group {
    code: "low-back-pain",
    rights_begin: RIGHTS_BEGIN,
    is_stated: true,
    icpc: (ICPC, "L86", "Rygsyndrom med smerteudstråling"),
    sks: (SKS, "DM545", "Lænderygsmerter"),
    snomed: (SNOMED, "278860009", "Chronic low back pain"),
};
pub(super) const TYPE_2_DIABETES: Group = Group {
    code: "type-2-diabetes",
    rights_begin: date(2028, 1, 1),
    is_stated: false,
    icpc: (ICPC, "T90", "Ikke-insulinkrævende diabetes"),
    sks: (SKS, "DE119", "Type 2-diabetes uden komplikationer"),
    snomed: (SNOMED, "44054006", "Diabetes mellitus type 2"),
};
pub(super) const HEART_DISEASE: Group = Group {
    code: "heart-disease",
    rights_begin: date(2029, 1, 1),
    is_stated: false,
    icpc: (ICPC, "K76", "Iskæmisk hjertesygdom uden angina"),
    sks: (SKS, "DI259", "Kronisk iskæmisk hjertesygdom UNS"),
    snomed: (SNOMED, "414545008", "Ischemic heart disease"),
};

/// What a story can be about; COPD is the more common of the first two.
pub(super) const GROUPS: &[&Group] = &[
    &COPD,
    &COPD,
    &LOW_BACK_PAIN,
    &TYPE_2_DIABETES,
    &HEART_DISEASE,
];
