//! JSON in lines that people can read (`_pretty`, <https://hl7.org/fhir/R4/http.html#pretty>): only the blanks between its tokens
//! change, never a digit, an escape or the order.

/// Writes the same JSON with each member and each item on a line of its own.
pub(super) fn pretty(json: &[u8]) -> Vec<u8> {
    let mut lines = Lines {
        out: Vec::with_capacity(json.len() * 2),
        depth: 0,
        is_open: false,
    };
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in json.iter().copied() {
        if in_text {
            lines.out.push(byte);
            in_text = is_escaped || byte != b'"';
            is_escaped = byte == b'\\' && !is_escaped;
            continue;
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'}' | b']' => lines.close(byte),
            _ => {
                lines.token(byte);
                in_text = byte == b'"';
            }
        }
    }
    lines.out
}

struct Lines {
    out: Vec<u8>,
    depth: usize,
    /// An object or array was just opened: it may be empty, and then stays on its line.
    is_open: bool,
}

impl Lines {
    fn token(&mut self, byte: u8) {
        if std::mem::take(&mut self.is_open) {
            self.line();
        }
        self.out.push(byte);
        match byte {
            b'{' | b'[' => {
                self.depth += 1;
                self.is_open = true;
            }
            b',' => self.line(),
            b':' => self.out.push(b' '),
            _ => {}
        }
    }

    fn close(&mut self, byte: u8) {
        self.depth = self.depth.saturating_sub(1);
        if !std::mem::take(&mut self.is_open) {
            self.line();
        }
        self.out.push(byte);
    }

    fn line(&mut self) {
        self.out.push(b'\n');
        self.out.extend(std::iter::repeat_n(b' ', self.depth * 2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_blanks_between_tokens_change() {
        let json = br#"{"a":[ 1.00,"x\"\\ , {","\u00e6"],"b":{},"c":[],"d":{"e":null}}"#;
        let expected = "{\n  \"a\": [\n    1.00,\n    \"x\\\"\\\\ , {\",\n    \"\\u00e6\"\n  ],\n  \"b\": {},\n  \"c\": [],\n  \"d\": {\n    \"e\": null\n  }\n}";
        let once = pretty(json);
        assert_eq!(String::from_utf8_lossy(&once), expected);
        assert_eq!(pretty(&once), once);
    }
}
