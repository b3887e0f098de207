//! Strict JSON: what a client sent is refused unless it can come back exactly as it was
//! (duplicate keys, bytes that are not UTF-8, and nesting beyond a bound are errors; digits of
//! decimals are kept).

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

/// The greatest depth to which arrays and objects may nest.
pub const DEPTH_MAX: usize = 64;

/// `serde_json` hands a number over as a map with this single key, so that its digits are kept.
const NUMBER_KEY: &str = "$serde_json::private::Number";

/// The mark by which some programs begin a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns a text without the mark at its beginning, which is no part of it
/// (<https://www.rfc-editor.org/rfc/rfc8259#section-8.1>).
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Reads one JSON value; a byte order mark before it is passed over.
///
/// # Errors
/// A sentence that says what is wrong and where (line and column).
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(without_mark(bytes)).map_err(|error| {
        format!(
            "expected UTF-8, found an invalid byte at offset {}",
            error.valid_up_to()
        )
    })?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }
        .deserialize(&mut deserializer)
        .map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// Reads the members of one JSON object whose names are wanted, and passes over the others: for
/// text that is known to be sound.
///
/// # Errors
/// If it is no object, or no JSON.
pub fn parse_members(
    bytes: &[u8],
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let members = deserializer.deserialize_map(Wanted { is_wanted })?;
    deserializer.end()?;
    Ok(Value::Object(members))
}

/// Reads an object's members in order, each value as the text that it is.
///
/// # Errors
/// If it is no object, or no JSON.
pub fn raw_members(text: &str) -> Result<Vec<(String, &RawValue)>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_map(RawMembers)?;
    deserializer.end()?;
    Ok(members)
}

/// The members of an object as they are written.
struct RawMembers;

impl<'de> Visitor<'de> for RawMembers {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// The members of an object that are wanted, by name.
struct Wanted<F> {
    is_wanted: F,
}

impl<'de, F: Fn(&str) -> bool> Visitor<'de> for Wanted<F> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key_seed(WantedName(&self.is_wanted))? {
            match name {
                Some(name) => drop(object.insert(name, members.next_value()?)),
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(object)
    }
}

/// The name of a member; none if it is not wanted.
struct WantedName<'f, F>(&'f F);

impl<'de, F: Fn(&str) -> bool> DeserializeSeed<'de> for WantedName<'_, F> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<F: Fn(&str) -> bool> Visitor<'_> for WantedName<'_, F> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok((self.0)(name).then(|| name.to_owned()))
    }
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Strict, E> {
        let depth = self.depth + 1;
        if depth > DEPTH_MAX {
            Err(E::custom(format_args!(
                "nested deeper than {DEPTH_MAX} levels"
            )))
        } else {
            Ok(Strict { depth })
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if key == NUMBER_KEY {
                let digits: String = members.next_value()?;
                return digits
                    .parse::<Number>()
                    .map(Value::Number)
                    .map_err(de::Error::custom);
            }
            if object.contains_key(&key) {
                // A key that is no name of an element could be anything, so that it is not
                // repeated.
                let like_an_element =
                    key.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
                let named = like_an_element
                    && key.len() <= 64
                    && key
                        .bytes()
                        .all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
                let key = if named {
                    format!("the key '{key}'")
                } else {
                    "a key".to_owned()
                };
                return Err(de::Error::custom(format_args!(
                    "{key} stands twice in one object"
                )));
            }
            let value = members.next_value_seed(inner)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_order_survive() {
        for text in [
            r#"{"b":1.00,"a":[1e+2,-0,0.10,12345678901234567890123]}"#,
            r#"["æ\n",true,null,{}]"#,
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
        }
    }

    #[test]
    fn members_are_read_by_name_and_the_others_passed_over() {
        let text = br#"{"status":"active","note":[{"text":"\u00e6 {"}],"n":1.00,"code":{"a":1}}"#;
        for (names, expected) in [
            (&["status", "n"][..], r#"{"status":"active","n":1.00}"#),
            (&["code", "text"], r#"{"code":{"a":1}}"#),
            (&[], "{}"),
        ] {
            let read = parse_members(text, |name| names.contains(&name)).unwrap();
            assert_eq!(read.to_string(), expected);
        }
        for text in [r#"{"status":"active""#, r#"{"a":1} 2"#, "[]"] {
            assert!(parse_members(text.as_bytes(), |_| true).is_err(), "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let deep = "[".repeat(65) + &"]".repeat(65);
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            "{} {}",
            "\u{feff}\u{feff}{}",
            " \u{feff}{}",
            "",
            "{",
            "nul",
            r#"{"a":01}"#,
            &deep,
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert_eq!(parse("\u{feff}{}".as_bytes()), parse(b"{}"));
        assert!(parse(("[".repeat(64) + &"]".repeat(64)).as_bytes()).is_ok());
    }
}
