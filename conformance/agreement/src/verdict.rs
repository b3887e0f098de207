//! The verdict of Frist about a resource, through the library: its form and its profiles, and not
//! the rules of its business (dates that have not come yet, persons who are not stored), of which
//! no validator of FHIR can know.

use frist::fhir::Issue;
use frist::fhir::json;
use frist::schema::Package;
use frist::validation::Validator;

use crate::line::{Finding, Line, Verdict};

/// Frist's verdict of each line, with the guide's definitions and those of these packages.
pub(crate) fn of(lines: &[Line], packages: Option<Package>) -> Result<Vec<Verdict>, String> {
    let packages: Vec<Package> = packages.into_iter().collect();
    let validator = frist::app::packages::validator(&packages).map_err(|stop| stop.text)?;
    Ok(lines
        .iter()
        .map(|line| Verdict {
            name: line.name.clone(),
            findings: findings(&validator, line),
            crash: None,
        })
        .collect())
}

fn findings(validator: &Validator, line: &Line) -> Vec<Finding> {
    let value = match json::parse(line.resource.as_bytes()) {
        Ok(value) => value,
        Err(text) => {
            return vec![Finding {
                severity: "fatal".into(),
                location: String::new(),
                id: "json".into(),
                message: text,
            }];
        }
    };
    let profiles: Vec<&str> = line.profiles.iter().map(String::as_str).collect();
    validator
        .check(&value, &profiles)
        .iter()
        .map(finding)
        .collect()
}

fn finding(issue: &Issue) -> Finding {
    Finding {
        severity: issue.severity.as_str().to_owned(),
        location: issue.expression.clone(),
        id: format!("{} {}", issue.code.as_str(), issue.rule)
            .trim_end()
            .to_owned(),
        message: issue.text.clone(),
    }
}
