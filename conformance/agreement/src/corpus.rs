//! The resources of a run that nobody broke: examples, wrong ones, persons, the published Danish
//! examples, and what the server says.

use std::collections::BTreeSet;
use std::path::Path;

use crate::emitted;
use crate::line::Line;
use crate::mutants::Example;
use crate::sources;

/// Returns all of it; with what the program `frist` emits.
pub(crate) fn lines(frist: &Path) -> Result<Vec<Line>, String> {
    let own = sources::own_examples()?;
    let danish = sources::danish_examples()?;
    let mut lines: Vec<Line> = own
        .iter()
        .map(|example| line("examples", example, example.profiles.clone()))
        .collect();
    if !danish.is_empty() {
        let complies = own.iter().filter_map(|example| {
            Some(line(
                "complies",
                example,
                vec![sources::danish_profile(&example.resource)?],
            ))
        });
        lines.extend(complies);
    }
    lines.extend(
        sources::invalid_examples()?
            .iter()
            .map(|example| line("invalid", example, example.profiles.clone())),
    );
    lines.extend(
        danish
            .iter()
            .map(|example| line("danish", example, Vec::new())),
    );
    let ours = danish.iter().filter(|example| !example.profiles.is_empty());
    lines.extend(ours.map(|example| line("danish-as-ours", example, example.profiles.clone())));
    lines.extend(persons()?);
    lines.extend(emitted::lines(frist)?);
    lines.extend(emitted::taken(frist)?);
    Ok(lines)
}

/// Returns the published Danish examples that can be broken: those that are valid for the server.
pub(crate) fn danish_to_break() -> Result<Vec<Example>, String> {
    Ok(sources::danish_examples()?
        .into_iter()
        .filter(|example| !example.profiles.is_empty())
        .collect())
}

fn line(group: &str, example: &Example, profiles: Vec<String>) -> Line {
    Line {
        name: format!("{group}/{}", example.name),
        profiles,
        resource: example.text.clone(),
    }
}

/// Returns the resources of the persons, each once: the same practice cares for all of them.
fn persons() -> Result<Vec<Line>, String> {
    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for person in sources::persons()? {
        for resource in &person.resources {
            let text = resource.to_string();
            if seen.insert(text.clone()) {
                let (kind, id) = (
                    resource["resourceType"].as_str().unwrap_or_default(),
                    resource["id"].as_str().unwrap_or_default(),
                );
                lines.push(Line {
                    name: format!("persons/{kind}/{id}"),
                    profiles: sources::own_profiles(resource),
                    resource: text,
                });
            }
        }
    }
    Ok(lines)
}
