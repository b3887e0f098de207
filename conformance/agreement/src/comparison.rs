//! The comparison of the two sides: the resources that they judge alike, those that they do not,
//! and the reason of each disagreement.

use std::collections::{BTreeMap, BTreeSet};

use crate::differences::Difference;
use crate::line::Verdict;

/// Groups of which each resource must be valid for the public validator.
const VALID: &[&str] = &["examples", "complies", "persons", "emitted", "taken"];
/// Groups of which none may be.
const INVALID: &[&str] = &["invalid"];

/// The number of resources of a group by how they were judged.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    pub(crate) both_valid: usize,
    pub(crate) both_invalid: usize,
    pub(crate) hl7_refuses: usize,
    pub(crate) frist_refuses: usize,
    pub(crate) hl7_fails: usize,
}

impl Counts {
    /// Returns all resources of the group.
    pub(crate) fn total(self) -> usize {
        self.agreed() + self.hl7_refuses + self.frist_refuses + self.hl7_fails
    }

    /// Counts the resources that both judge alike.
    pub(crate) fn agreed(self) -> usize {
        self.both_valid + self.both_invalid
    }
}

/// Two verdicts of one resource.
pub(crate) type Pair<'a> = (&'a Verdict, &'a Verdict);

/// The result of a comparison.
pub(crate) struct Comparison<'a> {
    pub(crate) groups: BTreeMap<&'a str, Counts>,
    /// For each difference of the list, in its order, the resources that it explains.
    pub(crate) explained: Vec<(&'a Difference, Vec<Pair<'a>>)>,
    pub(crate) unexplained: Vec<Pair<'a>>,
    /// The reasons why the run fails, apart from what is unexplained.
    pub(crate) faults: Vec<String>,
}

impl Comparison<'_> {
    /// Tells whether nothing is left to explain or to mend.
    pub(crate) fn is_well(&self) -> bool {
        self.unexplained.is_empty() && self.faults.is_empty()
    }
}

/// Returns the group of a resource: what stands before the first slash of its name.
pub(crate) fn group(name: &str) -> &str {
    name.split('/').next().unwrap_or_default()
}

/// Adds a fault for each resource that is wrong on purpose and is not refused by the rule that it
/// breaks, as `reasons` say by file name.
pub(crate) fn check_reasons(
    comparison: &mut Comparison<'_>,
    hl7: &[Verdict],
    frist: &[Verdict],
    reasons: &BTreeMap<String, Option<String>>,
) {
    let wrong = hl7
        .iter()
        .zip(frist)
        .filter(|(hl7, _)| INVALID.contains(&group(&hl7.name)));
    for (hl7, frist) in wrong {
        let file = hl7
            .name
            .split_once('/')
            .map_or("", |(_, name)| name)
            .to_owned()
            + ".json";
        match reasons.get(&file) {
            None => comparison.faults.push(format!(
                "{}: there is no reason for it in reasons.json",
                hl7.name
            )),
            Some(None) => {}
            Some(Some(rule)) => {
                // The public validator names a rule after its profile, `…#kp-sr-1`; Frist after the
                // kind of finding, `invariant kp-sr-1`.
                let names = |verdict: &Verdict, mark: char| {
                    let mut refusing = verdict.findings.iter().filter(|finding| finding.refuses());
                    refusing.any(|finding| {
                        finding
                            .id
                            .rsplit_once(mark)
                            .is_some_and(|(_, last)| last == rule)
                    })
                };
                for (side, found) in [
                    ("the public validator", names(hl7, '#')),
                    ("Frist", names(frist, ' ')),
                ] {
                    if !found {
                        comparison
                            .faults
                            .push(format!("{}: {side} does not refuse it by {rule}", hl7.name));
                    }
                }
            }
        }
    }
}

impl Comparison<'_> {
    /// Returns a fault for each known difference that was not seen, though resources of its groups were
    /// compared.
    fn gone(&self) -> BTreeSet<String> {
        let groups: Vec<&str> = self.groups.keys().copied().collect();
        let gone = self.explained.iter().filter(|(difference, pairs)| {
            pairs.is_empty() && !difference.is_rare && !difference.is_about_none_of(&groups)
        });
        gone.map(|(difference, _)| {
            format!(
                "a known difference does not occur any more: {}",
                difference.reason
            )
        })
        .collect()
    }
}

/// Compares verdicts of the same resources in the same order.
///
/// # Errors
/// Where the two lists are not of the same resources.
pub(crate) fn compare<'a>(
    hl7: &'a [Verdict],
    frist: &'a [Verdict],
    differences: &'a [Difference],
) -> Result<Comparison<'a>, String> {
    if hl7.len() != frist.len() {
        return Err(format!(
            "{} verdicts of the public validator, {} of Frist",
            hl7.len(),
            frist.len()
        ));
    }
    let mut comparison = Comparison {
        groups: BTreeMap::new(),
        explained: differences
            .iter()
            .map(|difference| (difference, Vec::new()))
            .collect(),
        unexplained: Vec::new(),
        faults: Vec::new(),
    };
    for pair in hl7.iter().zip(frist) {
        let (hl7, frist) = pair;
        if hl7.name != frist.name {
            return Err(format!("'{}' is compared with '{}'", hl7.name, frist.name));
        }
        let group = group(&hl7.name);
        let counts = comparison.groups.entry(group).or_default();
        let agreed = match (&hl7.crash, hl7.is_valid(), frist.is_valid()) {
            (Some(_), ..) => &mut counts.hl7_fails,
            (None, true, true) => &mut counts.both_valid,
            (None, false, false) => &mut counts.both_invalid,
            (None, false, true) => &mut counts.hl7_refuses,
            (None, true, false) => &mut counts.frist_refuses,
        };
        *agreed += 1;
        if hl7.crash.is_some() || hl7.is_valid() != frist.is_valid() {
            match comparison
                .explained
                .iter_mut()
                .find(|(difference, _)| difference.explains(hl7, frist))
            {
                Some((_, pairs)) => pairs.push(pair),
                None => comparison.unexplained.push(pair),
            }
        } else if hl7.is_valid() && INVALID.contains(&group) {
            comparison.faults.push(format!(
                "{}: both accept what is wrong on purpose",
                hl7.name
            ));
        } else if !hl7.is_valid() && VALID.contains(&group) {
            comparison
                .faults
                .push(format!("{}: both refuse what should be valid", hl7.name));
        }
    }
    comparison.faults.extend(comparison.gone());
    Ok(comparison)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::line::Finding;
    use crate::{differences, report};

    /// Returns a verdict: valid, refused by a finding of this id, or none because the validator
    /// failed.
    fn verdict(name: &str, said: Result<Option<&str>, &str>) -> Verdict {
        let finding = |id: &str| Finding {
            severity: "error".into(),
            location: "Goal".into(),
            id: id.to_owned(),
            message: "no".into(),
        };
        Verdict {
            name: name.to_owned(),
            findings: said.ok().flatten().map(finding).into_iter().collect(),
            crash: said.err().map(str::to_owned),
        }
    }

    fn known(entries: &str) -> Vec<Difference> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), entries).unwrap();
        differences::read(file.path()).unwrap()
    }

    /// Checks what the report of two verdicts about one resource holds, and whether the run is
    /// well.
    fn check(
        name: &str,
        hl7: Result<Option<&str>, &str>,
        frist: Option<&str>,
        entries: &str,
        expected: &str,
        is_well: bool,
    ) {
        let (hl7, frist, known) = (
            [verdict(name, hl7)],
            [verdict(name, Ok(frist))],
            known(entries),
        );
        let comparison = compare(&hl7, &frist, &known).unwrap();
        let text = report::markdown(&comparison);
        assert!(text.contains(expected), "{text}");
        assert_eq!(comparison.is_well(), is_well, "{text}");
        assert_eq!(
            report::triage(&comparison).is_empty(),
            comparison.unexplained.is_empty()
        );
    }

    const SPACE: &str = r#"[{ "names": ["mutants/*~space@*"], "hl7": ["space *"], "reason": "see https://hl7.org/fhir/R4/datatypes.html" }]"#;

    #[test]
    fn agreement_is_well() {
        check(
            "mutants/a~drop@Goal.id",
            Ok(None),
            None,
            "[]",
            "| 1 | 1 | 0 | 0 | 0 | 0 | 100.0 % |",
            true,
        );
        check(
            "mutants/a~drop@Goal.id",
            Ok(Some("x")),
            Some("y"),
            "[]",
            "| 1 | 0 | 1 | 0 | 0 | 0 | 100.0 % |",
            true,
        );
    }

    #[test]
    fn a_disagreement_needs_a_reason_that_fits_name_side_and_findings() {
        let name = "mutants/a~space@Goal.id";
        check(
            name,
            Ok(Some("space")),
            None,
            SPACE,
            "**HL7 refuses, 1 resource**: see https://hl7.org",
            true,
        );
        check(
            name,
            Ok(Some("space")),
            None,
            "[]",
            "only HL7 refuses: space @ Goal : no",
            false,
        );
        check(
            name,
            Ok(Some("other")),
            None,
            SPACE,
            "## Disagreements without a reason: 1",
            false,
        );
        check(
            name,
            Ok(None),
            Some("space"),
            SPACE,
            "only Frist refuses: space @ Goal : no",
            false,
        );
        check(
            "mutants/a~drop@Goal.id",
            Ok(Some("space")),
            None,
            SPACE,
            "## Disagreements without a reason: 1",
            false,
        );
        check(
            name,
            Err("it broke"),
            None,
            SPACE,
            "HL7 fails: it broke",
            false,
        );
        let crash = SPACE.replace("hl7\"", "crash\"").replace("space *", "it *");
        check(
            name,
            Err("it broke"),
            None,
            &crash,
            "**HL7 fails, 1 resource**",
            true,
        );
    }

    #[test]
    fn a_reason_that_nothing_needs_any_more_is_a_fault() {
        check(
            "mutants/a~drop@Goal.id",
            Ok(None),
            None,
            SPACE,
            "does not occur any more",
            false,
        );
        check("examples/a", Ok(None), None, SPACE, "None.", true);
    }

    #[test]
    fn what_must_be_valid_and_what_must_not_is_looked_at_even_where_both_agree() {
        check(
            "emitted/a",
            Ok(Some("x")),
            Some("x"),
            "[]",
            "both refuse what should be valid",
            false,
        );
        check(
            "invalid/a",
            Ok(None),
            None,
            "[]",
            "both accept what is wrong on purpose",
            false,
        );
        check("invalid/a", Ok(Some("x")), Some("y"), "[]", "100.0 %", true);
    }

    #[test]
    fn what_is_wrong_on_purpose_is_refused_by_the_rule_that_it_breaks() {
        let faults = |hl7: &str, frist: &str, reasons: &[(&str, Option<&str>)]| {
            let (hl7, frist) = (
                [verdict("invalid/a", Ok(Some(hl7)))],
                [verdict("invalid/a", Ok(Some(frist)))],
            );
            let mut comparison = compare(&hl7, &frist, &[]).unwrap();
            let reasons = reasons
                .iter()
                .map(|(name, rule)| ((*name).to_owned(), rule.map(str::to_owned)))
                .collect();
            check_reasons(&mut comparison, &hl7, &frist, &reasons);
            comparison.faults
        };
        let by_rule = [("a.json", Some("kp-x-1"))];
        assert!(faults("http://x#kp-x-1", "invariant kp-x-1", &by_rule).is_empty());
        assert_eq!(
            faults("http://x#kp-x-2", "invariant kp-x-1", &by_rule),
            ["invalid/a: the public validator does not refuse it by kp-x-1"]
        );
        assert_eq!(
            faults("http://x#kp-x-1", "invariant", &by_rule),
            ["invalid/a: Frist does not refuse it by kp-x-1"]
        );
        assert!(faults("x", "y", &[("a.json", None)]).is_empty());
        assert_eq!(
            faults("x", "y", &[]),
            ["invalid/a: there is no reason for it in reasons.json"]
        );
    }

    #[test]
    fn verdicts_of_other_resources_are_not_compared() {
        let (a, b) = ([verdict("x/a", Ok(None))], [verdict("x/b", Ok(None))]);
        assert!(compare(&a, &b, &[]).is_err());
        assert!(compare(&a, &[], &[]).is_err());
    }
}
