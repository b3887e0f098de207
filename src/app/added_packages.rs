//! The packages of `--package`: read, refused if they cannot be enforced, and what of them is not
//! checked.

use std::fmt::Display;
use std::path::PathBuf;

use super::exit_error::ExitError;
use crate::schema::{Definitions, Package, PackageError, Unusable};
use crate::validation::Validator;

/// The packages whose definitions are built in.
const BUILT_IN: &[&str] = &["hl7.fhir.r4.core", "dk.kronikerpakker.fhir"];
/// The most definitions that a sentence names.
const NAMED_MAX: usize = 5;

/// Reads the packages in these files, in their order.
///
/// # Errors
/// A file that cannot be read, or is no package of FHIR R4.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Package>, ExitError> {
    let mut packages = Vec::new();
    for path in paths {
        let wrong =
            |what: &dyn Display| ExitError::failed(format!("--package {}: {what}", path.display()));
        let bytes = std::fs::read(path).map_err(|error| wrong(&error))?;
        let package = Package::read_tgz(&bytes).map_err(|error| wrong(&error))?;
        if package.definitions.is_empty() {
            return Err(wrong(
                &"expected a package with definitions, found none in it",
            ));
        }
        tracing::info!(
            package.name = package.name,
            package.version = package.version,
            package.definitions = package.definitions.len(),
            "loaded a package"
        );
        packages.push(package);
    }
    Ok(packages)
}

/// Makes the validator of R4, the guide, and these packages.
///
/// # Errors
/// A package that cannot be used, or has profiles that would not be enforced.
pub fn validator(packages: &[Package]) -> Result<Validator, ExitError> {
    let failed = |error: PackageError| ExitError::failed(error.to_string());
    let mut definitions = Definitions::core()
        .with(&Package::guide())
        .map_err(failed)?;
    for package in packages {
        let known = definitions.left_out().len();
        definitions = match definitions.with(package) {
            Err(PackageError::NothingUsable(reasons)) => {
                refuse_bare_profiles(package, &reasons)?;
                return Err(failed(PackageError::NothingUsable(reasons)));
            }
            other => other.map_err(failed)?,
        };
        refuse_bare_profiles(package, &definitions.left_out()[known..])?;
    }
    Ok(Validator::new(definitions))
}

/// Refuses a package with profiles that say only what they change: a resource that claims one could not
/// be checked against it.
fn refuse_bare_profiles(package: &Package, left_out: &[Unusable]) -> Result<(), ExitError> {
    let bare: Vec<&str> = left_out
        .iter()
        .filter(|unusable| unusable.lacks_snapshot())
        .map(|unusable| unusable.url.as_str())
        .collect();
    if bare.is_empty() {
        return Ok(());
    }
    Err(ExitError::failed(format!(
        "the package {} {} cannot be enforced: {} of its profiles and extensions have no snapshot ({}). \
         Take the package with snapshots from who publishes it, or make it so: the IG Publisher writes \
         them, and so does sushi build --snapshot",
        package.name,
        package.version,
        bare.len(),
        some(&bare)
    )))
}

/// Names the first few.
fn some(names: &[&str]) -> String {
    let told = &names[..names.len().min(NAMED_MAX)];
    let more = names.len() - told.len();
    let end = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    told.join(", ") + &end
}

/// Lists what of the packages is not checked, a sentence each: packages that they build upon and that
/// are not loaded, definitions that cannot be used, and rules that use what is not supported. Of R4
/// itself `ARCHITECTURE.md` tells it.
pub(super) fn not_checked(validator: &Validator, packages: &[Package]) -> Vec<String> {
    let definitions = validator.definitions();
    let left_out = definitions.left_out();
    let new_types: Vec<&str> = left_out
        .iter()
        .filter(|unusable| unusable.is_new_type())
        .map(|unusable| unusable.url.as_str())
        .collect();
    let new_types = (!new_types.is_empty()).then(|| {
        format!(
            "not used, since they define types of their own (derivation specialization), which no \
             resource of R4 has: {}",
            some(&new_types)
        )
    });
    let left_out = left_out
        .iter()
        .filter(|unusable| !unusable.is_new_type())
        .map(|unusable| format!("{} is not used: {}", unusable.url, unusable.why));
    let of_core = Definitions::core().unevaluated();
    let rules = definitions
        .unevaluated()
        .into_iter()
        .filter(|rule| !of_core.contains(rule));
    let rules = rules.map(|rule| {
        format!(
            "rule {} of {} is not checked: {}",
            rule.key, rule.structure, rule.why
        )
    });
    let missing = packages
        .iter()
        .filter_map(|package| missing_dependencies(package, packages));
    missing
        .chain(new_types)
        .chain(left_out)
        .chain(rules)
        .collect()
}

/// Tells which of the packages that a package builds upon are not loaded, if there are any. Another
/// version of one counts as the package, and so does one that is published for several versions of FHIR
/// and ends with `.r4`.
fn missing_dependencies(package: &Package, loaded: &[Package]) -> Option<String> {
    let plain = |name: &'_ str| name.strip_suffix(".r4").unwrap_or(name).to_owned();
    let is_loaded = |name: &str| {
        BUILT_IN.contains(&name)
            || loaded
                .iter()
                .any(|package| plain(&package.name) == plain(name))
    };
    let missing: Vec<String> = package
        .dependencies
        .iter()
        .filter(|(name, _)| !is_loaded(name))
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    if missing.is_empty() {
        return None;
    }
    Some(format!(
        "the package {} {} builds upon packages that are not loaded: {}. What their profiles, extensions \
         and codes say is not checked; --package adds them",
        package.name,
        package.version,
        missing.join(", ")
    ))
}
