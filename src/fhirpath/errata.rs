//! Invariants (and one search parameter) that R4 publishes with a mistake, and their intended
//! meaning.
//!
//! As published they fail on good resources (a rule on an absent element has no result, and no
//! result is a failure) or pass on bad ones (a pattern that is found anywhere where the whole name
//! was meant). R5 mends most of them; the public validator mends all.

/// Published texts, each with the rule that is meant.
const MENDED: &[(&str, &str)] = &[
    // The search parameter mothersMaidenName: the value of the extension of that name; no extension
    // has the published address.
    (
        "Patient.extension('http://hl7.org/fhir/StructureDefinition/patient-extensions-Patient-mothersMaidenName')",
        "Patient.extension('http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName').value",
    ),
    // ref-1: a reference by identifier has no `reference`; '#' names the container.
    (
        "reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))",
        "reference.hasValue().not() or reference = '#' or reference.startsWith('#').not() or reference.substring(1) in %rootResource.contained.id",
    ),
    // bdl-8: an entry without a fullUrl.
    (
        "fullUrl.contains('/_history/').not()",
        "fullUrl.empty() or fullUrl.contains('/_history/').not()",
    ),
    // dom-6: a contained resource needs no narrative.
    (
        "text.`div`.exists()",
        "%rootResource != $this or text.`div`.exists()",
    ),
    // tim-9: `when` repeats.
    (
        "offset.empty() or (when.exists() and ((when in ('C' | 'CM' | 'CD' | 'CV')).not()))",
        "offset.empty() or (when.exists() and when.where($this in ('C' | 'CM' | 'CD' | 'CV')).empty())",
    ),
    // ras-2: the probability may be absent.
    (
        "probability is decimal implies (probability as decimal) <= 100",
        "(probability.exists() and probability is decimal) implies (probability as decimal) <= 100",
    ),
    // que-7: the type is FHIR's.
    (
        "operator = 'exists' implies (answer is Boolean)",
        "operator = 'exists' implies (answer is boolean)",
    ),
    // que-12: from two on.
    (
        "enableWhen.count() > 2 implies enableBehavior.exists()",
        "enableWhen.count() >= 2 implies enableBehavior.exists()",
    ),
    // opd-3: a parameter may be a resource.
    (
        "targetProfile.exists() implies (type = 'Reference' or type = 'canonical')",
        "targetProfile.exists() implies \
         (type = 'Reference' or type = 'canonical' or type.memberOf('http://hl7.org/fhir/ValueSet/resource-types'))",
    ),
    // The name rule of definitions: the whole of a name that is there.
    (
        "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')",
        "name.empty() or name.matches('^[A-Z]([A-Za-z0-9_]){0,254}$')",
    ),
    // eld-19 and eld-20: the whole path.
    (
        r#"path.matches('[^\\s\\.,:;\\\'"\\/|?!@#$%&*()\\[\\]{}]{1,64}(\\.[^\\s\\.,:;\\\'"\\/|?!@#$%&*()\\[\\]{}]{1,64}(\\[x\\])?(\\:[^\\s\\.]+)?)*')"#,
        r#"path.matches('^[^\\s\\.,:;\\\'"\\/|?!@#$%&*()\\[\\]{}]{1,64}(\\.[^\\s\\.,:;\\\'"\\/|?!@#$%&*()\\[\\]{}]{1,64}(\\[x\\])?(\\:[^\\s\\.]+)?)*$')"#,
    ),
    (
        r"path.matches('[A-Za-z][A-Za-z0-9]*(\\.[a-z][A-Za-z0-9]*(\\[x])?)*')",
        r"path.matches('^[A-Za-z][A-Za-z0-9]*(\\.[a-z][A-Za-z0-9]*(\\[x])?)*$')",
    ),
];

/// Returns the intended rule of a published text: nearly always the text itself.
pub(super) fn as_meant(text: &str) -> &str {
    MENDED
        .iter()
        .find(|(published, _)| *published == text)
        .map_or(text, |(_, meant)| meant)
}
