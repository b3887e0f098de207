//! The version that a client requires of what it changes (<https://hl7.org/fhir/R4/http.html#concurrency>,
//! <https://www.rfc-editor.org/rfc/rfc9110#section-13.1>), read in the same way from headers and from
//! the entries of a Bundle.

use crate::fhir::Version;

/// A requirement of the version that a client changes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Condition {
    /// It must be one of these (`If-Match`).
    required: Option<EntityTags>,
    /// It must be none of these (`If-None-Match`).
    excluded: Option<EntityTags>,
}

/// The versions that a list of entity tags names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EntityTags {
    /// Whatever there is (`*`).
    Any,
    /// These: at least one.
    OneOf(Vec<Version>),
}

/// The condition that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// `If-Match`.
    IfMatch,
    /// `If-None-Match`.
    IfNoneMatch,
}

impl Unreadable {
    /// The words that say what is expected of either.
    pub const EXPECTED: &str =
        "expected the ETag of a version, such as W/\"1\", several with commas between them, or *";
}

impl Condition {
    /// Nothing is required.
    pub const ANY: Condition = Condition {
        required: None,
        excluded: None,
    };

    /// Requires this version.
    pub fn is(version: Version) -> Self {
        Condition {
            required: Some(EntityTags::OneOf(vec![version])),
            excluded: None,
        }
    }

    /// Requires that there is none.
    pub fn absent() -> Self {
        Condition {
            required: None,
            excluded: Some(EntityTags::Any),
        }
    }

    /// Reads the two lists as they were sent.
    ///
    /// # Errors
    /// The one that is no list of entity tags: it decides about a write, and is never passed over.
    pub fn read(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self, Unreadable> {
        let tags = |text: Option<&str>, unreadable| match text.map(EntityTags::parse) {
            Some(None) => Err(unreadable),
            Some(tags) => Ok(tags),
            None => Ok(None),
        };
        Ok(Condition {
            required: tags(if_match, Unreadable::IfMatch)?,
            excluded: tags(if_none_match, Unreadable::IfNoneMatch)?,
        })
    }

    /// Checks the current version, if there is one; otherwise answers what was expected.
    ///
    /// # Errors
    /// The words for what was expected.
    pub fn check(&self, current: Option<Version>) -> Result<(), String> {
        if let Some(required) = &self.required
            && !required.name(current)
        {
            return Err(required.to_words());
        }
        match &self.excluded {
            Some(EntityTags::Any) if current.is_some() => Err("no such resource".to_owned()),
            Some(excluded) if excluded.name(current) => {
                Err(format!("another than {}", excluded.to_words()))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl EntityTags {
    /// Reads `*`, or entity tags with commas between them, weak or strong; none if it is something
    /// else, or if no tag is one that this server gives. Beside one that is, others name nothing.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(EntityTags::Any);
        }
        let mut versions = Vec::new();
        let between = |c: char| c == ',' || c.is_ascii_whitespace();
        let mut rest = text.trim_matches(between);
        while !rest.is_empty() {
            let quoted = rest
                .strip_prefix("W/")
                .or_else(|| rest.strip_prefix("w/"))
                .unwrap_or(rest);
            let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
            if !after.is_empty() && !after.trim_start().starts_with(',') {
                return None;
            }
            versions.extend(Version::parse(tag));
            rest = after.trim_start_matches(between);
        }
        (!versions.is_empty()).then_some(EntityTags::OneOf(versions))
    }

    /// Tells whether they name that version; no list names what is not there.
    pub fn name(&self, current: Option<Version>) -> bool {
        match (self, current) {
            (_, None) => false,
            (EntityTags::Any, Some(_)) => true,
            (EntityTags::OneOf(versions), Some(current)) => versions.contains(&current),
        }
    }

    fn to_words(&self) -> String {
        match self {
            EntityTags::Any => "any version".to_owned(),
            EntityTags::OneOf(versions) => match versions.as_slice() {
                [others @ .., last] if !others.is_empty() => {
                    let others: Vec<_> = others.iter().map(Version::to_string).collect();
                    format!("version {} or {last}", others.join(", "))
                }
                versions => versions
                    .iter()
                    .map(|only| format!("version {only}"))
                    .collect(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> Option<Vec<u64>> {
        match EntityTags::parse(text)? {
            EntityTags::Any => Some(vec![0]),
            EntityTags::OneOf(versions) => Some(versions.iter().map(|found| found.0).collect()),
        }
    }

    #[test]
    fn a_list_of_entity_tags_names_versions() {
        for (text, expected) in [
            ("*", Some(vec![0])),
            (" * ", Some(vec![0])),
            ("W/\"3\"", Some(vec![3])),
            ("\"3\"", Some(vec![3])),
            ("w/\"3\"", Some(vec![3])),
            ("W/\"3\", \"4\",W/\"5\"", Some(vec![3, 4, 5])),
            (",W/\"3\" ,, \"4\",", Some(vec![3, 4])),
            ("\"a,b\", \"4\"", Some(vec![4])),
            ("\"abc\"", None),
            ("\"\"", None),
            ("W/\"02\"", None),
            ("", None),
            (",", None),
            ("3", None),
            ("W/3", None),
            ("\"3", None),
            ("3\"", None),
            ("\"3\" \"4\"", None),
            ("\"3\"4", None),
            ("*, \"3\"", None),
            ("garbage", None),
        ] {
            assert_eq!(tags(text), expected, "{text}");
        }
    }

    #[test]
    fn a_condition_holds_for_some_versions() {
        let holds = |if_match, if_none_match, current: Option<u64>| {
            Condition::read(if_match, if_none_match)
                .is_ok_and(|read| read.check(current.map(Version)).is_ok())
        };
        for (if_match, if_none_match, none, two, three) in [
            (None, None, true, true, true),
            (Some("*"), None, false, true, true),
            (Some("\"2\""), None, false, true, false),
            (Some("\"2\", W/\"3\""), None, false, true, true),
            (Some("\"abc\", \"2\""), None, false, true, false),
            (None, Some("*"), true, false, false),
            (None, Some("\"2\""), true, false, true),
            (None, Some("\"2\", \"3\""), true, false, false),
            (Some("*"), Some("\"2\""), false, false, true),
            (Some("\"2\""), Some("*"), false, false, false),
        ] {
            for (current, expected) in [(None, none), (Some(2), two), (Some(3), three)] {
                let found = holds(if_match, if_none_match, current);
                assert_eq!(
                    found, expected,
                    "{if_match:?} {if_none_match:?} {current:?}"
                );
            }
        }
    }
}
