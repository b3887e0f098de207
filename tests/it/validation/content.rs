//! Elements whose content another element says (`contentReference`): all that is said there holds.

use std::collections::BTreeSet;

use frist::schema::{Definitions, Element, Membership, Strength, Structure};
use serde_json::{Value, json};

use super::{check_by, lines, merged};
use crate::support::facade::guide_validator;
use crate::support::profile::{Profile, validator};

/// Visits each element of R4's resource types that names another for its content.
fn for_each_content(visit: &mut dyn FnMut(&Structure, &Element, &Element)) {
    let definitions = Definitions::core();
    for name in definitions.resource_names() {
        let structure = definitions.type_structure(name).unwrap();
        for element in &structure.elements {
            if let Some(content) = element.content_of {
                visit(structure, element, &structure.elements[content]);
            }
        }
    }
}

/// Builds a resource that holds a value at the end of a path; returns it, and its place.
fn holding(structure: &Structure, path: &str, value: Value) -> (Value, String) {
    let is_array = |path: &str| {
        let element = structure.elements.iter().find(|one| *one.path == *path);
        element.unwrap().is_array
    };
    let mut value = value;
    let mut place = String::new();
    let mut path = path;
    while let Some((above, name)) = path.rsplit_once('.') {
        let step = if is_array(path) {
            value = json!([value]);
            format!(".{name}[0]")
        } else {
            format!(".{name}")
        };
        place = format!("{step}{place}");
        value = json!({ name: value });
        path = above;
    }
    value["resourceType"] = path.into();
    (value, format!("{path}{place}"))
}

#[test]
fn each_of_r4_has_the_elements_that_it_refers_to_and_no_others() {
    let validator = guide_validator();
    let is_bound = |child: &Element| {
        child.binding.as_ref().is_some_and(|bound| {
            let found = validator
                .definitions()
                .membership(&bound.value_set, None, "no-such-code");
            bound.strength == Strength::Required
                && found == Membership::NotIn
                && child.types.first().is_some_and(|of| &*of.code == "code")
        })
    };
    let mut count = 0;
    for_each_content(&mut |structure, element, content| {
        count += 1;
        let (resource, place) = holding(structure, &element.path, json!({ "nothing": 1 }));
        let found = lines(&validator.check(&resource, &[]));
        let unknown = format!("error structure {place}");
        assert!(found.contains(&unknown), "{unknown} in {found:?}");
        for child in &content.children {
            let child = &structure.elements[*child];
            if child.min > 0 {
                let missing = format!("error required {place}.{}", child.name);
                assert!(found.contains(&missing), "{missing} in {found:?}");
            }
            if is_bound(child) && !child.is_array {
                let wrong = json!({ &*child.name: "no-such-code" });
                let (resource, place) = holding(structure, &element.path, wrong);
                let found = lines(&validator.check(&resource, &[]));
                let wrong = format!("error code-invalid {place}.{}", child.name);
                assert!(found.contains(&wrong), "{wrong} in {found:?}");
            }
        }
    });
    assert_eq!(count, 55);
}

/// Values that break a rule of the element that they refer to: the path, the value, and the rule.
fn broken() -> Vec<(&'static str, Value, &'static str)> {
    let text = || json!([{ "valueString": "x" }]);
    vec![
        (
            "Composition.section.section",
            json!({ "title": "x" }),
            "cmp-1",
        ),
        (
            "Observation.component.referenceRange",
            json!({ "appliesTo": [{ "text": "x" }] }),
            "obs-3",
        ),
        (
            "OperationDefinition.parameter.part",
            json!({ "name": "x", "use": "in", "min": 0, "max": "1" }),
            "opd-1",
        ),
        ("Parameters.parameter.part", json!({ "name": "x" }), "inv-1"),
        (
            "Questionnaire.item.item",
            json!({ "linkId": "x", "type": "group" }),
            "que-1",
        ),
        (
            "QuestionnaireResponse.item.answer.item",
            json!({ "linkId": "x", "answer": text(), "item": [{ "linkId": "y" }] }),
            "qrs-1",
        ),
        (
            "QuestionnaireResponse.item.item",
            json!({ "linkId": "x", "answer": text(), "item": [{ "linkId": "y" }] }),
            "qrs-1",
        ),
        (
            "RequestGroup.action.action",
            json!({ "title": "x" }),
            "rqg-1",
        ),
        (
            "TestScript.test.action.operation",
            json!({ "encodeRequestUrl": true }),
            "tst-7",
        ),
        (
            "TestScript.test.action.assert",
            json!({ "warningOnly": true, "direction": "request", "responseCode": "200" }),
            "tst-12",
        ),
        (
            "TestScript.teardown.action.operation",
            json!({ "encodeRequestUrl": true }),
            "tst-7",
        ),
        (
            "ValueSet.compose.exclude",
            json!({ "concept": [{ "code": "x" }] }),
            "vsd-1",
        ),
        (
            "ValueSet.expansion.contains.contains",
            json!({ "system": "http://x.test" }),
            "vsd-6",
        ),
    ]
}

#[test]
fn each_of_r4_is_held_against_the_rules_of_the_element_that_it_refers_to() {
    let mut with_rules = BTreeSet::new();
    for_each_content(&mut |_, element, content| {
        let mut rules = content.constraints.iter();
        if rules.any(|rule| !matches!(&*rule.key, "ele-1" | "ext-1")) {
            with_rules.insert(element.path.to_string());
        }
    });
    let broken = broken();
    let told: BTreeSet<_> = broken.iter().map(|(path, ..)| (*path).to_owned()).collect();
    assert_eq!(with_rules, told);
    let definitions = Definitions::core();
    let validator = guide_validator();
    for (path, value, rule) in broken {
        let (name, _) = path.split_once('.').unwrap();
        let structure = definitions.type_structure(name).unwrap();
        let (resource, place) = holding(structure, path, value);
        let found = lines(&validator.check(&resource, &[]));
        let expected = format!("error invariant {place} {rule}");
        assert!(found.contains(&expected), "{expected} in {found:?}");
    }
}

#[test]
fn rules_hold_at_any_depth() {
    let part = |parts: Value| json!([{ "name": "x", "part": parts }]);
    let deep = part(part(part(json!([{ "name": "x" }]))));
    check_by(
        &guide_validator(),
        &json!({ "resourceType": "Parameters", "parameter": deep }),
        &[],
        &["error invariant Parameters.parameter[0].part[0].part[0].part[0] inv-1"],
    );
}

/// Holds a Composition with these sections against a profile.
#[track_caller]
fn check_sections(profile: Profile, cases: &[(Value, &[&str])]) {
    let profile = profile.build();
    let url = profile["url"].as_str().unwrap().to_owned();
    let validator = validator([profile]);
    for (sections, expected) in cases {
        let composition = json!({
            "resourceType": "Composition", "status": "final", "type": { "text": "x" }, "date": "2027-01-01",
            "author": [{ "reference": "Practitioner/1" }], "title": "x", "section": sections,
        });
        check_by(&validator, &composition, &[&url], expected);
    }
}

/// A section with a narrative, and more.
fn section(more: Value) -> Value {
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>";
    merged(
        &json!({ "text": { "status": "generated", "div": div } }),
        &more,
    )
}

const OF_R4: &str = "http://hl7.org/fhir/StructureDefinition/Composition#Composition.section";

fn about_sections(id: &str) -> Profile {
    let rule = json!([{ "key": "x-1", "severity": "error", "human": "has a title of x", "expression": "title = 'x'" }]);
    Profile::on("Composition", id)
        .with(
            "Composition.section",
            json!({ "constraint": rule, "max": "2" }),
        )
        .with("Composition.section.title", json!({ "min": 1 }))
        .with(
            "Composition.section.mode",
            json!({ "fixedCode": "working" }),
        )
        .with("Composition.section.entry", json!({ "max": "0" }))
}

#[test]
fn what_a_profile_says_of_a_section_holds_for_sections_in_it_if_its_snapshot_names_its_own() {
    let inner = |more: Value| json!([section(json!({ "title": "x", "section": [section(more)] }))]);
    let at = "Composition.section[0].section[0]";
    let wrong =
        json!({ "title": "y", "mode": "changes", "entry": [{ "reference": "Observation/1" }] });
    let three = json!([section(
        json!({ "title": "x", "section": [section(json!({ "title": "x" })), section(json!({ "title": "x" })), section(json!({ "title": "x" }))] })
    ),]);
    check_sections(
        about_sections("own"),
        &[
            (inner(json!({ "title": "x", "mode": "working" })), &[]),
            (
                inner(json!({})),
                &[
                    &format!("error required {at}.title"),
                    &format!("error invariant {at} x-1"),
                ],
            ),
            (
                inner(wrong.clone()),
                &[
                    &format!("error value {at}.mode"),
                    &format!("error structure {at}.entry"),
                    &format!("error invariant {at} x-1"),
                ],
            ),
            // How often an element may be there it says itself.
            (three, &[]),
        ],
    );
    let of_r4 = about_sections("r4").with(
        "Composition.section.section",
        json!({ "contentReference": OF_R4 }),
    );
    check_sections(
        of_r4,
        &[
            (inner(json!({})), &[]),
            (inner(wrong), &[]),
            (
                json!([section(json!({ "section": [section(json!({}))] }))]),
                &[
                    "error required Composition.section[0].title",
                    "error invariant Composition.section[0] x-1",
                ],
            ),
            // The rules of R4 hold in any case.
            (
                json!([section(
                    json!({ "title": "x", "section": [{ "title": "x" }] })
                )]),
                &[&format!("error invariant {at} cmp-1")],
            ),
        ],
    );
}

#[test]
fn a_profile_may_say_more_of_an_element_whose_content_another_says() {
    let inner = "Composition.section.section";
    let title = json!({
        "id": "Composition.section.section.title", "path": "Composition.section.section.title", "min": 1, "max": "1",
        "base": { "path": "Composition.section.title", "min": 0, "max": "1" }, "type": [{ "code": "string" }],
    });
    // What the reference names holds for sections in these again.
    let deeper = "error required Composition.section[0].section[0].section[0].title";
    for (reference, deeper) in [("#Composition.section", &[deeper][..]), (OF_R4, &[])] {
        let profile = Profile::on("Composition", "more")
            .with(inner, json!({ "contentReference": reference, "max": "1" }))
            .element(inner, title.clone());
        let of = |sections: Value| json!([section(json!({ "section": sections }))]);
        check_sections(
            profile,
            &[
                (
                    of(json!([section(json!({ "title": "x", "mode": "working" }))])),
                    &[],
                ),
                (
                    of(json!([section(json!({}))])),
                    &["error required Composition.section[0].section[0].title"],
                ),
                (
                    of(json!([{ "title": "x" }])),
                    &["error invariant Composition.section[0].section[0] cmp-1"],
                ),
                (
                    of(json!([
                        section(json!({ "title": "x" })),
                        section(json!({ "title": "x" }))
                    ])),
                    &["error structure Composition.section[0].section"],
                ),
                (
                    of(json!([section(
                        json!({ "title": "x", "section": [section(json!({}))] })
                    )])),
                    deeper,
                ),
            ],
        );
    }
}
