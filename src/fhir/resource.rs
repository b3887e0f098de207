//! A resource as it was received: the JSON text is the truth, the parsed value is for reading.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::dates::format_instant;
use super::issue::{Issue, IssueCode};
use super::json;
use super::key::{Id, Version};

/// A FHIR resource: a JSON object with a `resourceType`. A clone shares the content until one of
/// the two is edited.
#[derive(Clone, Debug)]
pub struct Resource {
    value: Arc<Value>,
    /// The text as received; absent once the value was changed.
    text: Option<Arc<str>>,
}

impl Resource {
    /// Reads a resource that a client sent.
    ///
    /// # Errors
    /// The finding that makes it no resource: not strict JSON (see [`json::parse`]), no object, no
    /// `resourceType`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Issue> {
        let value = json::parse(bytes).map_err(|what| {
            Issue::error(
                IssueCode::Structure,
                "",
                format!("expected one JSON object: {what}"),
            )
        })?;
        let resource = Resource::from_value(value)?;
        Ok(Resource {
            text: std::str::from_utf8(json::without_mark(bytes))
                .ok()
                .map(Arc::from),
            ..resource
        })
    }

    /// Takes a value that is already parsed.
    ///
    /// # Errors
    /// As [`Resource::parse`].
    pub fn from_value(value: Value) -> Result<Self, Issue> {
        let named = value
            .as_object()
            .is_some_and(|object| object.get("resourceType").is_some_and(Value::is_string));
        if !named {
            return Err(Issue::error(
                IssueCode::Structure,
                "",
                "expected a JSON object with a 'resourceType'",
            ));
        }
        Ok(Resource::made(value))
    }

    /// Takes what the server itself made, which is a resource by construction.
    pub fn made(value: Value) -> Self {
        Resource {
            value: Arc::new(value),
            text: None,
        }
    }

    /// Returns the parsed JSON.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the parsed JSON, to be kept beside the resource without a copy.
    pub fn shared_value(&self) -> Arc<Value> {
        Arc::clone(&self.value)
    }

    /// Returns the `resourceType` as it stands.
    pub fn type_name(&self) -> &str {
        self.value["resourceType"].as_str().unwrap_or("")
    }

    /// Returns the `id` as it stands, if it is text.
    pub fn id(&self) -> Option<&str> {
        self.value["id"].as_str()
    }

    /// Changes the resource; its text is then made anew from the value.
    pub fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        change(Arc::make_mut(&mut self.value));
        self.text = None;
    }

    /// Returns the bytes to store: as received, with `id`, `meta.versionId` and `meta.lastUpdated`
    /// set by the server. The instant is left open, because only the commit knows it: see [`Body`].
    pub fn stamped(&self, id: &Id, version: Version) -> Body {
        let made;
        let text = match &self.text {
            Some(text) => &**text,
            None => {
                made = self.value.to_string();
                &made
            }
        };
        let members = json::raw_members(text).unwrap_or_default();
        Stamp {
            out: String::with_capacity(text.len() + 160),
            instant_at: 0,
        }
        .write(&members, &self.value["meta"], id, version)
    }
}

/// The bytes of one version, in which the writer of the store puts the instant of the commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    bytes: Vec<u8>,
    instant_at: usize,
}

impl Body {
    /// Counts the bytes.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the bytes with `meta.lastUpdated` set to that instant.
    pub fn at(mut self, instant: Timestamp) -> Vec<u8> {
        let text = format_instant(instant);
        self.bytes[self.instant_at..self.instant_at + text.len()].copy_from_slice(text.as_bytes());
        self.bytes
    }
}

/// Any instant: it only holds the place, as wide as each other.
const PLACE: &str = "0000-00-00T00:00:00.000000Z";

struct Stamp {
    out: String,
    instant_at: usize,
}

impl Stamp {
    fn write(
        mut self,
        members: &[(String, &RawValue)],
        meta: &Value,
        id: &Id,
        version: Version,
    ) -> Body {
        let has = |name: &str| members.iter().any(|(key, _)| key == name);
        let (has_id, has_meta) = (has("id"), has("meta"));
        self.out.push('{');
        for (key, raw) in members {
            match key.as_str() {
                "id" => self.id(id),
                "meta" => self.meta(meta, version),
                _ => self.member(key, raw.get()),
            }
            let first_place = key == "resourceType";
            if first_place && !has_id {
                self.id(id);
            }
            if !has_meta && (key == "id" || (first_place && !has_id)) {
                self.meta(meta, version);
            }
        }
        self.out.push('}');
        Body {
            bytes: self.out.into_bytes(),
            instant_at: self.instant_at,
        }
    }

    fn member(&mut self, key: &str, raw: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        self.out.push_str(&Value::from(key).to_string());
        self.out.push(':');
        self.out.push_str(raw);
    }

    fn id(&mut self, id: &Id) {
        self.member("id", &format!("\"{id}\""));
    }

    fn meta(&mut self, sent: &Value, version: Version) {
        let mut meta = Map::new();
        meta.insert("versionId".into(), Value::from(version.to_string()));
        meta.insert("lastUpdated".into(), Value::from(PLACE));
        for (key, value) in sent.as_object().into_iter().flatten() {
            if key != "versionId" && key != "lastUpdated" {
                meta.insert(key.clone(), value.clone());
            }
        }
        let text = Value::Object(meta).to_string();
        let within = text.find(PLACE).unwrap_or(0);
        self.member("meta", &text);
        self.instant_at = self.out.len() - text.len() + within;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(sent: &str) -> String {
        let resource = Resource::parse(sent.as_bytes()).unwrap();
        let body = resource.stamped(&Id::parse("7").unwrap(), Version(3));
        String::from_utf8(body.at("2027-03-01T08:00:00.5Z".parse().unwrap())).unwrap()
    }

    #[test]
    fn everything_but_id_and_meta_is_stored_as_it_came() {
        let meta = r#""meta":{"versionId":"3","lastUpdated":"2027-03-01T08:00:00.500000Z""#;
        for (sent, expected) in [
            (
                r#"{"resourceType":"Goal","x":[ 1.00 , "\u00e6"]}"#,
                format!(r#"{{"resourceType":"Goal","id":"7",{meta}}},"x":[ 1.00 , "\u00e6"]}}"#),
            ),
            (
                r#"{"resourceType":"Goal","id":"old","b":1}"#,
                format!(r#"{{"resourceType":"Goal","id":"7",{meta}}},"b":1}}"#),
            ),
            (
                r#"{"b":1,"meta":{"profile":["p"],"versionId":"9","lastUpdated":"x"},"resourceType":"Goal"}"#,
                format!(r#"{{"b":1,{meta},"profile":["p"]}},"resourceType":"Goal","id":"7"}}"#),
            ),
        ] {
            assert_eq!(stored(sent), expected);
        }
    }

    #[test]
    fn a_changed_resource_is_written_from_its_value() {
        let mut resource = Resource::parse(br#"{"resourceType":"Goal","n":1.00}"#).unwrap();
        resource.edit(|value| value["n2"] = Value::from(2));
        let bytes = resource
            .stamped(&Id::parse("7").unwrap(), Version(1))
            .at(Timestamp::UNIX_EPOCH);
        assert!(
            String::from_utf8(bytes)
                .unwrap()
                .ends_with(r#""n":1.00,"n2":2}"#)
        );
    }
}
