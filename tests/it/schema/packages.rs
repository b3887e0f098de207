//! Packages: their contents, refusals with the reason, and robustness: nothing in a package makes
//! the server fall over.

use frist::fhirpath::Model;
use frist::schema::{Definitions, Package, PackageError};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Makes a gzipped tarball of these files.
fn tgz(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        archive
            .append_data(&mut header, path, content.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

const MANIFEST: (&str, &str) = (
    "package/package.json",
    r#"{"name":"a.b","version":"1.2","fhirVersions":["4.0.1"]}"#,
);
const VALUE_SET: &str = r#"{"resourceType":"ValueSet","url":"http://x/v","compose":{"include":[{"system":"http://x/s","concept":[{"code":"a"}]}]}}"#;

fn profile() -> Value {
    json!({"resourceType": "StructureDefinition", "url": "http://x/p", "version": "1", "fhirVersion": "4.0.1", "kind": "resource",
    "type": "Patient", "derivation": "constraint", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "snapshot": {"element": [
        {"id": "Patient", "path": "Patient", "min": 0, "max": "*", "constraint": [{"key": "k", "severity": "error", "human": "h", "expression": "true"}]},
        {"id": "Patient.active", "path": "Patient.active", "min": 1, "max": "1", "base": {"max": "1"}, "type": [{"code": "boolean"}]},
    ]}})
}

#[test]
fn files_beside_the_manifest_are_read() {
    let files = [
        ("package/ValueSet-v.json", &*format!("\u{feff}{VALUE_SET}")),
        MANIFEST,
        ("package/example/ValueSet-w.json", VALUE_SET),
        ("package/ValueSet-w.xml", VALUE_SET),
        ("ValueSet-w.json", VALUE_SET),
        ("package/Patient-p.json", r#"{"resourceType":"Patient"}"#),
    ];
    let package = Package::read_tgz(&tgz(&files)).unwrap();
    assert_eq!(
        (&*package.name, &*package.version, &package.definitions[..]),
        ("a.b", "1.2", &[VALUE_SET.into()][..])
    );
}

#[test]
fn what_is_no_package_is_refused() {
    let truncated = tgz(&[MANIFEST, ("package/v.json", VALUE_SET)]);
    for (bytes, expected) in [
        (
            b"no archive".to_vec(),
            "the package cannot be read: invalid gzip header",
        ),
        (
            tgz(&[("package/v.json", VALUE_SET)]),
            "the package cannot be read: it has no package/package.json",
        ),
        (
            tgz(&[("package/package.json", "{")]),
            "the package cannot be read: package.json: ",
        ),
        (
            tgz(&[(
                "package/package.json",
                r#"{"fhirVersions":["4.3.0","5.0.0"]}"#,
            )]),
            "the package is for FHIR 4.3.0, 5.0.0, not for FHIR 4.0",
        ),
        (
            truncated[..truncated.len() / 2].to_vec(),
            "the package cannot be read: ",
        ),
    ] {
        let error = Package::read_tgz(&bytes).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

/// Returns the core package and these definitions.
fn with(definitions: &[Value]) -> Result<Definitions, PackageError> {
    Definitions::core().with(&Package::from_definitions(
        "test",
        "1",
        definitions
            .iter()
            .map(|value| value.to_string().into())
            .collect(),
    ))
}

#[test]
fn definitions_that_cannot_be_used_are_told() {
    let changed = |path: &str, value: Value| {
        let mut changed = profile();
        *changed.pointer_mut(path).unwrap() = value;
        changed
    };
    for (definition, expected) in [
        (changed("/snapshot", json!({})), "it has no snapshot"),
        (
            changed("/fhirVersion", json!("5.0.0")),
            "it is of another FHIR version than 4.0",
        ),
        (
            changed("/url", json!("")),
            "it has no canonical address that can be read",
        ),
        (
            changed("/url", json!("http://x/\"p")),
            "it has no canonical address that can be read",
        ),
        (
            changed("/snapshot/element/1/path", Value::Null),
            "an element has no path",
        ),
        (
            json!({"resourceType": "CodeSystem", "url": "http://x/s", "concept": [{}]}),
            "a concept has no code",
        ),
    ] {
        let definitions = with(&[profile(), definition.clone()]).unwrap();
        let reasons: Vec<_> = definitions
            .left_out()
            .iter()
            .map(|left_out| &*left_out.why)
            .collect();
        assert_eq!(reasons, [expected], "{definition}");
        assert!(definitions.structure("http://x/p").is_some());
        let alone = with(&[definition]).unwrap_err();
        assert!(
            matches!(&alone, PackageError::NothingUsable(reasons) if reasons.len() == 1),
            "{alone}"
        );
        assert!(alone.to_string().contains(expected), "{alone}");
    }
    let broken = Package::from_definitions("test", "1", vec!["{".into()]);
    assert!(Definitions::core().with(&broken).is_err());
}

#[test]
fn the_first_definition_of_an_address_is_meant_unless_a_version_is_named() {
    let version = |version: &str, min: u32| {
        let mut profile = profile();
        profile["version"] = json!(version);
        profile["snapshot"]["element"][1]["min"] = json!(min);
        profile
    };
    let definitions = with(&[
        version("1", 0),
        version("2", 1),
        version("1", 0),
        version("2", 0),
    ])
    .unwrap();
    let least = |canonical: &str| {
        definitions
            .structure(canonical)
            .map(|structure| structure.elements[1].min)
    };
    assert_eq!(
        ["", "|1", "|2", "|3"].map(|version| least(&format!("http://x/p{version}"))),
        [Some(0), Some(0), Some(1), None]
    );
    let left_out: Vec<_> = definitions
        .left_out()
        .iter()
        .map(|left_out| &*left_out.url)
        .collect();
    assert_eq!(
        left_out,
        ["http://x/p"],
        "the same again is no news, something else with the same address and version is"
    );
    let id = definitions.type_id("http://x/p|2").unwrap();
    assert_eq!(
        (
            definitions.element(id).constraints[0].key.as_ref(),
            definitions.name(id)
        ),
        ("k", "Patient")
    );
}

/// Returns any JSON, of few words, so that keys and codes meet.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "",
        "a",
        "*",
        "1",
        "Patient",
        "Patient.active",
        "http://x/s",
        "Quantity",
        "is-a",
        "Patient.value[x]",
        "x/y",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map(word.clone().prop_map(str::to_owned), inner, 0..3)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Finds all places in a JSON value.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(place, item)| places(item, &format!("{at}/{place}"), found)),
        Value::Object(members) => members
            .iter()
            .for_each(|(key, member)| places(member, &format!("{at}/{key}"), found)),
        _ => {}
    }
}

/// Makes a definition with one place replaced.
fn damaged() -> impl Strategy<Value = Value> {
    let code_system = json!({"resourceType": "CodeSystem", "url": "http://x/s", "content": "complete", "supplements": "http://x/s",
        "concept": [{"code": "a", "display": "A", "designation": [{"language": "da", "value": "A"}], "concept": [{"code": "b"}]},
            {"code": "c", "property": [{"code": "child", "valueCode": "b"}]}]});
    let value_set = json!({"resourceType": "ValueSet", "url": "http://x/v", "compose": {"include": [
        {"system": "http://x/s", "filter": [{"property": "concept", "op": "is-a", "value": "a"}]}, {"valueSet": ["http://x/v"]}],
        "exclude": [{"system": "http://x/s", "concept": [{"code": "c"}]}]}, "expansion": {"contains": [{"system": "http://x/s", "code": "b"}]}});
    let originals = vec![profile(), code_system, value_set];
    (
        prop::sample::select(originals),
        any::<prop::sample::Index>(),
        any_json(),
    )
        .prop_map(|(mut original, index, value)| {
            let mut found = Vec::new();
            places(&original, "", &mut found);
            *original
                .pointer_mut(&found[index.index(found.len())])
                .unwrap() = value;
            original
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000), cut in any::<prop::sample::Index>()) {
        let _ = Package::read_tgz(&bytes);
        let mut package = tgz(&[MANIFEST, ("package/v.json", VALUE_SET)]);
        let at = cut.index(package.len());
        package[at] ^= bytes.first().copied().unwrap_or(1);
        let _ = Package::read_tgz(&package);
    }

    #[test]
    fn any_definition_is_used_or_left_out(definitions in prop::collection::vec(damaged(), 1..4)) {
        let Ok(definitions) = with(&definitions) else { return Ok(()) };
        for structure in ["http://x/p", "http://x/p|1"].into_iter().filter_map(|url| definitions.structure(url)) {
            prop_assert!(!structure.elements.is_empty());
        }
        if let Some(id) = definitions.type_id("http://x/p") {
            let _ = (definitions.name(id), definitions.is_a(id, "Resource"), definitions.key_type(id, "active"), definitions.choice_keys(id, "value"));
        }
        for code in ["a", "b", "c", "d"] {
            let _ = (definitions.membership("http://x/v", None, code), definitions.code_in_system("http://x/s", code));
            let _ = definitions.displays("http://x/s", code);
        }
    }
}
