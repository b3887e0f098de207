//! The definitions with which the program is started: the guide's own package, which is built in, and
//! the rules of `--rules`. Reads files; decides nothing.
//!
//! A package is an NPM package with resources (<https://confluence.hl7.org/display/FHIR/NPM+Package+Specification>).

use std::io::Write as _;
use std::path::Path;

use flate2::{Compression, GzBuilder};
use include_dir::{Dir, File};
use serde_json::{Value, json};

pub use super::added_packages::validator;
use super::exit_error::ExitError;
use crate::deadlines::{Rule, RuleChanges, Rules};
use crate::fhir::{Id, Resource, ResourceType};
use crate::http::{Download, LazyDownload};
use crate::schema::guide::FOLDER as GUIDE;

/// The description of a package, which is no resource.
const DESCRIPTION: &str = "package.json";
/// The members by which an index tells of a resource.
const INDEXED: &[&str] = &[
    "resourceType",
    "id",
    "url",
    "version",
    "kind",
    "type",
    "supplements",
    "content",
    "derivation",
];

/// Lists the files of one folder that hold resources, in order of their names.
fn resource_files<'a>(folder: &'a Dir<'a>) -> Vec<&'a File<'a>> {
    let is_resource =
        |name: &str| name.ends_with(".json") && name != DESCRIPTION && !name.starts_with('.');
    let mut files: Vec<_> = folder
        .files()
        .filter(|file| is_resource(&name_of(file.path())))
        .collect();
    files.sort_by_key(|file| file.path());
    files
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn parse(file: &File<'_>) -> Result<Resource, ExitError> {
    Resource::parse(file.contents())
        .map_err(|issue| ExitError::failed(format!("{}: {}", file.path().display(), issue.text)))
}

/// Makes the guide's package a file that validators and package caches take: always the same bytes,
/// packed when it is first asked for.
pub fn download() -> LazyDownload {
    LazyDownload::new(|| pack().expect("the package that is built in is downloaded by tests"))
}

fn pack() -> Result<Download, ExitError> {
    let wrong = |what: &str| ExitError::failed(format!("the package of the guide: {what}"));
    let description = GUIDE
        .get_file(DESCRIPTION)
        .ok_or_else(|| wrong("it has no package.json"))?
        .contents();
    let parsed: Value = serde_json::from_slice(description)
        .map_err(|error| wrong(&format!("package.json: {error}")))?;
    let (Some(name), Some(version)) = (parsed["name"].as_str(), parsed["version"].as_str()) else {
        return Err(wrong("its package.json has no name or no version"));
    };
    let mut archive = tar::Builder::new(GzBuilder::new().write(Vec::new(), Compression::default()));
    let mut write = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        archive
            .append_data(&mut header, path, bytes)
            .map_err(|error| wrong(&error.to_string()))
    };
    write("package/package.json", description)?;
    let folders = [
        Some(("package", &GUIDE)),
        GUIDE
            .get_dir("example")
            .map(|folder| ("package/example", folder)),
    ];
    for (path, folder) in folders.into_iter().flatten() {
        write(
            &format!("{path}/.index.json"),
            index(folder)?.to_string().as_bytes(),
        )?;
        for file in resource_files(folder) {
            write(&format!("{path}/{}", name_of(file.path())), file.contents())?;
        }
    }
    let finished = archive
        .into_inner()
        .and_then(|mut packed| packed.flush().and_then(|()| packed.finish()));
    let bytes = finished.map_err(|error| wrong(&error.to_string()))?;
    Ok(Download {
        file_name: format!("{name}-{version}.tgz"),
        bytes,
    })
}

/// Lists the resources of a folder, by file.
fn index(folder: &Dir<'_>) -> Result<Value, ExitError> {
    let mut files = Vec::new();
    for file in resource_files(folder) {
        let resource = parse(file)?;
        let mut entry = json!({ "filename": name_of(file.path()) });
        for member in INDEXED {
            if let Some(text) = resource.value()[*member].as_str() {
                entry[*member] = Value::from(text);
            }
        }
        files.push(entry);
    }
    Ok(json!({ "index-version": 2, "files": files }))
}

/// Reads the rules in force and all definitions to serve: those shipped, with those of `--rules`.
///
/// # Errors
/// A folder that has no rules, or wrong ones.
pub fn rules_and_definitions(folder: Option<&Path>) -> Result<(Rules, Vec<Resource>), ExitError> {
    let mut definitions = Vec::new();
    for file in resource_files(&GUIDE) {
        let resource = parse(file)?;
        if resource.type_name().parse::<ResourceType>().is_ok() {
            definitions.push(resource);
        }
    }
    let Some(folder) = folder else {
        return Ok((Rules::shipped().clone(), definitions));
    };
    let own = own_rules(folder)?;
    let values: Vec<&Value> = own.iter().map(Resource::value).collect();
    let rules = Rules::from_plan_definitions(values).map_err(|wrong| {
        ExitError::usage(format!(
            "--rules {}: {}",
            folder.display(),
            wrong.join("; ")
        ))
    })?;
    let changes = RuleChanges::between(Rules::shipped(), &rules);
    if let Some((shipped, own)) = changes.altered.first() {
        return Err(ExitError::usage(format!(
            "--rules {}: {} differs from the shipped rule of that url and version: expected a version of its own (it replaces the shipped one that begins on the same day), found {}; shipped is {}",
            folder.display(),
            own.canonical(),
            own.written(),
            shipped.written()
        )));
    }
    let rules = Rules::shipped().clone().with(rules);
    let name = |resource: &Resource| {
        Some(format!(
            "{}|{}",
            resource.value()["url"].as_str()?,
            resource.value()["version"].as_str()?
        ))
    };
    let own_names: Vec<_> = own.iter().filter_map(name).collect();
    let in_force: Vec<String> = rules
        .iter()
        .map(Rule::canonical)
        .filter(|rule| !own_names.contains(rule))
        .collect();
    definitions.retain(|shipped| {
        shipped.type_name() != "PlanDefinition"
            || name(shipped).is_some_and(|name| in_force.contains(&name))
    });
    definitions.extend(own);
    for rule in rules.unused() {
        tracing::warn!(
            "the rule {} counts for no clock: another version begins on the same day",
            rule.canonical()
        );
    }
    Ok((rules, definitions))
}

fn own_rules(folder: &Path) -> Result<Vec<Resource>, ExitError> {
    let wrong =
        |path: &Path, what: String| ExitError::usage(format!("--rules {}: {what}", path.display()));
    let listing = std::fs::read_dir(folder).map_err(|error| wrong(folder, error.to_string()))?;
    let mut paths: Vec<_> = listing
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    paths.sort();
    let mut rules = Vec::new();
    for path in &paths {
        let bytes = std::fs::read(path).map_err(|error| wrong(path, error.to_string()))?;
        let resource = Resource::parse(&bytes).map_err(|issue| wrong(path, issue.text))?;
        if resource.type_name() != "PlanDefinition" {
            return Err(wrong(path, "expected a PlanDefinition".into()));
        }
        rules.push(with_id(resource));
    }
    if rules.is_empty() {
        Err(wrong(
            folder,
            "expected at least one PlanDefinition in a file *.json".into(),
        ))
    } else {
        Ok(rules)
    }
}

/// Puts the rule under an id to read it by: its own, or one made from its url and version.
fn with_id(mut rule: Resource) -> Resource {
    if rule.id().and_then(Id::parse).is_none() {
        let name = format!("{}|{}", rule.value()["url"], rule.value()["version"]);
        let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, name.as_bytes()).to_string();
        rule.edit(|value| value["id"] = Value::from(id));
    }
    rule
}
