//! The extent of JSON: what it takes in memory depends less on its bytes than on how many values it
//! has. Counted in the text, before anything is made of it.

use serde_json::Value;

use super::json::DEPTH_MAX;

/// The extent of a JSON text or value.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct JsonExtent {
    /// The number of values: objects, lists, texts, numbers and literals.
    pub values: usize,
    /// The number of values in the longest list.
    pub repeats: usize,
    /// The bytes of names and texts.
    pub bytes: usize,
}

/// A list or an object that is open.
#[derive(Clone, Copy)]
struct OpenPart {
    is_list: bool,
    commas: usize,
    is_empty: bool,
}

impl JsonExtent {
    /// Counts what a text would be, without judging whether it is JSON: what is none is counted up
    /// to where it is nested too deeply to be read at all.
    pub fn of_text(json: &[u8]) -> Self {
        let mut extent = JsonExtent {
            values: 1,
            repeats: 0,
            bytes: json.len(),
        };
        let mut open: Vec<OpenPart> = Vec::new();
        let mut bytes = json.iter();
        while let Some(byte) = bytes.next() {
            if let Some(part) = open.last_mut() {
                part.is_empty &= matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b']' | b'}');
            }
            match byte {
                b'"' => {
                    while let Some(byte) = bytes.next() {
                        match byte {
                            b'\\' => drop(bytes.next()),
                            b'"' => break,
                            _ => {}
                        }
                    }
                }
                b'[' | b'{' if open.len() > DEPTH_MAX => return extent,
                b'[' | b'{' => open.push(OpenPart {
                    is_list: *byte == b'[',
                    commas: 0,
                    is_empty: true,
                }),
                b',' => {
                    if let Some(part) = open.last_mut() {
                        part.commas += 1;
                    }
                }
                b']' | b'}' => {
                    if let Some(part) = open.pop() {
                        extent.close(part);
                    }
                }
                _ => {}
            }
        }
        for part in open {
            extent.close(part);
        }
        extent
    }

    /// Counts what a value is.
    pub fn of_value(value: &Value) -> Self {
        let mut extent = JsonExtent {
            values: 1,
            ..JsonExtent::default()
        };
        match value {
            Value::String(text) => extent.bytes = text.len(),
            Value::Number(number) => extent.bytes = number.as_str().len(),
            Value::Array(values) => {
                extent.repeats = values.len();
                values.iter().for_each(|value| extent.add(value));
            }
            Value::Object(members) => {
                for (name, value) in members {
                    extent.bytes += name.len();
                    extent.add(value);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
        extent
    }

    fn add(&mut self, value: &Value) {
        let part = JsonExtent::of_value(value);
        self.values += part.values;
        self.repeats = self.repeats.max(part.repeats);
        self.bytes += part.bytes;
    }

    fn close(&mut self, part: OpenPart) {
        let values = if part.is_empty { 0 } else { part.commas + 1 };
        self.values += values;
        if part.is_list {
            self.repeats = self.repeats.max(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_counted_as_what_it_is_read_as() {
        for (text, values, repeats) in [
            ("1", 1, 0),
            ("{}", 1, 0),
            ("[ ]", 1, 0),
            ("[[]]", 2, 1),
            ("[{}, {}]", 3, 2),
            (r#"{"a":1}"#, 2, 0),
            (r#"{"a":[1,2,3],"b":{"c":"x,y[{\"]\\"}}"#, 7, 3),
            (r#"{"a":["],[",null],"b":"{,"}"#, 5, 2),
            (r#"[[1,2],[3,4,5,6],[7]]"#, 11, 4),
        ] {
            let counted = JsonExtent::of_text(text.as_bytes());
            assert_eq!(
                (counted.values, counted.repeats),
                (values, repeats),
                "{text}"
            );
            let value: Value = serde_json::from_str(text).expect("JSON");
            let read = JsonExtent::of_value(&value);
            assert_eq!((read.values, read.repeats), (values, repeats), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_counted_too() {
        for text in [
            "",
            "[",
            "[1,",
            "]]]",
            "\"",
            "\"\\",
            "{,,,}",
            &"[".repeat(1_000_000),
        ] {
            assert!(JsonExtent::of_text(text.as_bytes()).values <= 4 + DEPTH_MAX);
        }
    }
}
