//! One CodeSystem: its codes, their names, and their hierarchy.
//!
//! <https://hl7.org/fhir/R4/codesystem.html>

use std::collections::HashMap;

use serde_json::{Value, json};

use super::definition_json::{head, items, text};

/// The most levels of concepts below concepts; deeper ones would be a mistake.
const LEVELS_MAX: usize = 60;

/// A compiled CodeSystem.
#[derive(Debug)]
pub struct CodeSystem {
    /// Its canonical address, without version.
    pub url: Box<str>,
    /// Its version, or empty.
    pub version: Box<str>,
    /// The part of the system that its list of codes covers.
    pub content: CodeSystemContent,
    /// False if `a` and `A` are the same code. A system that does not say is read as one where they
    /// are: receivers should accept what may be meant (definition of `CodeSystem.caseSensitive`).
    pub is_case_sensitive: bool,
    /// Its concepts in the order of the definition.
    pub concepts: Box<[Concept]>,
    by_code: HashMap<Box<str>, usize>,
}

/// The part of a code system that its list of codes covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are FHIR's")]
pub enum CodeSystemContent {
    NotPresent,
    Example,
    Fragment,
    Complete,
    Supplement,
}

/// The standing of a code in a system that no package contains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CodeStanding {
    Valid,
    Invalid,
    Unsure,
}

/// One concept.
#[derive(Debug)]
pub struct Concept {
    /// Its code.
    pub code: Box<str>,
    /// Its display, or empty.
    pub display: Box<str>,
    /// Its other names: language, or empty, and name.
    pub designations: Box<[(Box<str>, Box<str>)]>,
    /// The concepts of which it is directly a kind.
    pub parents: Box<[usize]>,
}

impl CodeSystem {
    /// Returns the concept with this code.
    pub fn concept(&self, code: &str) -> Option<&Concept> {
        self.place(code).map(|place| &self.concepts[place])
    }

    /// Returns true if the code is in the list. The meaning of false depends on
    /// [`CodeSystem::content`].
    pub fn contains(&self, code: &str) -> bool {
        self.place(code).is_some()
    }

    /// Returns the name of a code in a language, or in that of the definition if none is asked for.
    pub fn display(&self, code: &str, language: Option<&str>) -> Option<&str> {
        let concept = self.concept(code)?;
        let Some(language) = language else {
            return Some(&*concept.display).filter(|display| !display.is_empty());
        };
        concept
            .designations
            .iter()
            .find(|(known, _)| **known == *language)
            .map(|(_, name)| &**name)
    }

    /// Returns true if the code is a kind of the other, or the other itself.
    pub fn is_a(&self, code: &str, ancestor: &str) -> bool {
        let (Some(place), Some(ancestor)) = (self.place(code), self.place(ancestor)) else {
            return false;
        };
        let mut seen = vec![place];
        let mut at = 0;
        while let Some(&place) = seen.get(at) {
            if place == ancestor {
                return true;
            }
            let parents = self.concepts[place].parents.iter().copied();
            let unseen: Vec<_> = parents.filter(|parent| !seen.contains(parent)).collect();
            seen.extend(unseen);
            at += 1;
        }
        false
    }

    /// Returns true if two codes of this system are the same.
    pub fn is_same(&self, one: &str, other: &str) -> bool {
        if self.is_case_sensitive {
            one == other
        } else {
            one.eq_ignore_ascii_case(other)
        }
    }

    fn place(&self, code: &str) -> Option<usize> {
        if self.is_case_sensitive {
            return self.by_code.get(code).copied();
        }
        self.by_code
            .get(code)
            .or_else(|| self.by_code.get(&*code.to_ascii_lowercase()))
            .copied()
    }
}

/// Condenses a published CodeSystem. A concept becomes `[code, display, more]`, where `more` has
/// its level below the top, its other names, and the codes below it that are not nested in it.
pub(super) fn condense(definition: &Value) -> Result<Value, String> {
    let mut condensed = head(definition, "CodeSystem");
    if let Some(supplemented) = text(definition, "supplements") {
        condensed.insert(
            "supplements".to_owned(),
            json!(supplemented.split('|').next()),
        );
    }
    condensed.insert(
        "content".to_owned(),
        json!(text(definition, "content").unwrap_or_default()),
    );
    if definition.get("caseSensitive") == Some(&Value::Bool(true)) {
        condensed.insert("caseSensitive".to_owned(), Value::Bool(true));
    }
    let mut concepts = Vec::new();
    condense_concepts(items(definition, "concept"), 0, &mut concepts)?;
    condensed.insert("concept".to_owned(), Value::Array(concepts));
    Ok(Value::Object(condensed))
}

fn condense_concepts(
    sources: &[Value],
    level: usize,
    concepts: &mut Vec<Value>,
) -> Result<(), String> {
    if level > LEVELS_MAX {
        return Err(format!(
            "its concepts are nested deeper than {LEVELS_MAX} levels"
        ));
    }
    for source in sources {
        let mut more = serde_json::Map::new();
        if level > 0 {
            more.insert("level".to_owned(), json!(level));
        }
        let designation = |source: &Value| {
            json!([
                text(source, "language").unwrap_or_default(),
                text(source, "value").unwrap_or_default()
            ])
        };
        let designations: Vec<_> = items(source, "designation")
            .iter()
            .map(designation)
            .collect();
        if !designations.is_empty() {
            more.insert("designation".to_owned(), Value::Array(designations));
        }
        let children = items(source, "property")
            .iter()
            .filter(|property| text(property, "code") == Some("child"));
        let children: Vec<_> = children
            .filter_map(|property| property.get("valueCode").cloned())
            .collect();
        if !children.is_empty() {
            more.insert("child".to_owned(), Value::Array(children));
        }
        let mut concept = vec![json!(text(source, "code").ok_or("a concept has no code")?)];
        if let Some(display) = text(source, "display") {
            concept.push(json!(display));
        } else if !more.is_empty() {
            concept.push(json!(""));
        }
        if !more.is_empty() {
            concept.push(Value::Object(more));
        }
        concepts.push(Value::Array(concept));
        condense_concepts(items(source, "concept"), level + 1, concepts)?;
    }
    Ok(())
}

/// Compiles a condensed line.
pub(super) fn compile(line: &str) -> CodeSystem {
    let source: Value = line.parse().unwrap_or_default();
    let sources = items(&source, "concept");
    let is_case_sensitive = source.get("caseSensitive") == Some(&Value::Bool(true));
    let key = |code: &str| {
        if is_case_sensitive {
            code.to_owned()
        } else {
            code.to_ascii_lowercase()
        }
    };
    let mut by_code = HashMap::with_capacity(sources.len());
    for (place, source) in sources.iter().enumerate() {
        by_code
            .entry(key(member(source, 0)).into())
            .or_insert(place);
    }
    let boxed = |key| Box::from(text(&source, key).unwrap_or_default());
    CodeSystem {
        url: boxed("url"),
        version: boxed("version"),
        content: match text(&source, "content") {
            Some("complete") => CodeSystemContent::Complete,
            Some("fragment") => CodeSystemContent::Fragment,
            Some("example") => CodeSystemContent::Example,
            Some("supplement") => CodeSystemContent::Supplement,
            _ => CodeSystemContent::NotPresent,
        },
        is_case_sensitive,
        concepts: concepts(sources, |code| by_code.get(&*key(code)).copied()).into(),
        by_code,
    }
}

fn concepts(sources: &[Value], place: impl Fn(&str) -> Option<usize>) -> Vec<Concept> {
    let mut parents = vec![Vec::new(); sources.len()];
    // The concept that was last met at each level.
    let mut open: Vec<usize> = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        let more = source.get(2).unwrap_or(&Value::Null);
        let level = more
            .get("level")
            .and_then(Value::as_u64)
            .and_then(|level| usize::try_from(level).ok())
            .unwrap_or(0);
        open.truncate(level);
        parents[at].extend(open.last());
        open.push(at);
        for child in items(more, "child")
            .iter()
            .filter_map(|child| place(child.as_str()?))
        {
            parents[child].push(at);
        }
    }
    let concept = |(source, parents): (&Value, Vec<usize>)| {
        let designations = source
            .get(2)
            .map_or(&[][..], |more| items(more, "designation"));
        Concept {
            code: member(source, 0).into(),
            display: member(source, 1).into(),
            designations: designations
                .iter()
                .map(|pair| (member(pair, 0).into(), member(pair, 1).into()))
                .collect(),
            parents: parents.into(),
        }
    };
    sources.iter().zip(parents).map(concept).collect()
}

fn member(source: &Value, at: usize) -> &str {
    source.get(at).and_then(Value::as_str).unwrap_or_default()
}
