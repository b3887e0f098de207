//! The guards of a start: the clock, and the rules.

use std::fs;

use super::{Serving, invented, run};

/// A shipped rule, as an operator may change it.
const RULE: &str =
    include_str!("../../../profiles/package/PlanDefinition-copd-treatment-plan-2027.1.json");

#[test]
fn a_start_whose_clock_or_rules_do_not_fit_the_folder_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    invented(&data);
    let data = data.to_str().unwrap();
    let serve = |more: &[&str]| Serving::try_start(&[&["serve", "--data", data], more].concat());
    let refused = |more: &[&str], part: &str| {
        let said = serve(more)
            .err()
            .unwrap_or_else(|| panic!("{more:?} serves"));
        assert!(said.contains(part), "{said}");
        assert_eq!(
            said.lines()
                .filter(|line| line.starts_with("error: "))
                .count(),
            1,
            "{said}"
        );
    };
    // A demonstration is a rehearsal.
    refused(&[], "is a rehearsal: expected --clock");
    refused(&["--clock", "2027-02-01T09:00:00+01:00"], "a later --clock");
    serve(&["--clock", "2027-06-01T09:00:00+01:00"])
        .unwrap()
        .stop();
    serve(&["--accept-clock"]).unwrap().stop();

    let rules = folder.path().join("rules");
    fs::create_dir(&rules).unwrap();
    let put = |text: &str| fs::write(rules.join("rule.json"), text).unwrap();
    let rules = rules.to_str().unwrap();
    let (june, by) = (["--clock", "2027-06-01T10:00:00+01:00"], ["--rules", rules]);
    let with_rules = [june, by].concat();
    // Other parameters under the name of a shipped rule.
    let other = RULE.replace("\"valueInteger\": 30", "\"valueInteger\": 20");
    assert_ne!(other, RULE);
    put(&other);
    let (code, _, said) = run(&[&["serve", "--data", data][..], &with_rules].concat());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("expected a version of its own"), "{said}");
    // A version of its own that begins on the same day takes the place of the shipped one.
    put(&other.replace("\"2027.1\"", "\"2027.1-region\""));
    let diff = |more: &[&str]| run(&[&["rules", "diff", "--data", data], more].concat());
    let (code, told, said) = diff(&by);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        told.contains("of 4 persons would change (copd treatment-plan "),
        "{told}"
    );
    refused(&with_rules, "would change (copd treatment-plan ");
    assert_eq!(diff(&[]).0, Some(0), "nothing was changed by asking");
    let accepted = [&with_rules[..], &["--accept-rules"]].concat();
    serve(&accepted).unwrap().stop();
    serve(&with_rules).unwrap().stop();
    assert_eq!(diff(&by).0, Some(0));
    refused(&june, "no longer: ");
}
