//! The diseases of the stories, with the codes that Danish systems send them in (fhir-profiles,
//! section 3).

use jiff::civil::{Date, date};

use super::codes::{Code, ICPC, SKS, SNOMED};

/// The day on which the first rights begin.
pub(super) const RIGHTS_BEGIN: Date = date(2027, 1, 1);

/// A target group and the codes that its diseases are sent with.
pub(super) struct DiseaseGroup {
    /// Its code in `kp-target-group`.
    pub(super) code: &'static str,
    /// The day from which its rights exist (deadline-rules, section 1).
    pub(super) rights_begin: Date,
    /// True if no code means the group, so that an extension states it.
    pub(super) is_stated: bool,
    pub(super) icpc: Code,
    pub(super) sks: Code,
    pub(super) snomed: Code,
}

const COPD: DiseaseGroup = DiseaseGroup {
    code: "copd",
    rights_begin: RIGHTS_BEGIN,
    is_stated: false,
    icpc: (ICPC, "R95", "Kronisk obstruktiv lungesygdom"),
    sks: (SKS, "DJ449", "Kronisk obstruktiv lungesygdom UNS"),
    snomed: (SNOMED, "13645005", "Chronic obstructive lung disease"),
};
const LOW_BACK_PAIN: DiseaseGroup = DiseaseGroup {
    code: "low-back-pain",
    rights_begin: RIGHTS_BEGIN,
    is_stated: true,
    icpc: (ICPC, "L86", "Rygsyndrom med smerteudstråling"),
    sks: (SKS, "DM545", "Lænderygsmerter"),
    snomed: (SNOMED, "278860009", "Chronic low back pain"),
};
pub(super) const TYPE_2_DIABETES: DiseaseGroup = DiseaseGroup {
    code: "type-2-diabetes",
    rights_begin: date(2028, 1, 1),
    is_stated: false,
    icpc: (ICPC, "T90", "Ikke-insulinkrævende diabetes"),
    sks: (SKS, "DE119", "Type 2-diabetes uden komplikationer"),
    snomed: (SNOMED, "44054006", "Diabetes mellitus type 2"),
};
pub(super) const HEART_DISEASE: DiseaseGroup = DiseaseGroup {
    code: "heart-disease",
    rights_begin: date(2029, 1, 1),
    is_stated: false,
    icpc: (ICPC, "K76", "Iskæmisk hjertesygdom uden angina"),
    sks: (SKS, "DI259", "Kronisk iskæmisk hjertesygdom UNS"),
    snomed: (SNOMED, "414545008", "Ischemic heart disease"),
};

/// The groups that a story can be about; COPD is the more common of the first two.
pub(super) const GROUPS: &[&DiseaseGroup] = &[
    &COPD,
    &COPD,
    &LOW_BACK_PAIN,
    &TYPE_2_DIABETES,
    &HEART_DISEASE,
];
